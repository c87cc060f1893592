//! What breaks, and when: from a seed.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};
use test_parts::postgres::Postgres;

use crate::cluster::{Cluster, Node};

/// Ways in which things break. Each ends by itself.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillNode,
    PauseNode,
    KillDatabase,
    Partition,
    CutOnTheWay,
    CutOnTheWayBack,
    Slow,
    LoseNotifications,
    EndSessions,
}

const FAULTS: [(Fault, &str); 9] = [
    (Fault::KillNode, "node killed"),
    (Fault::PauseNode, "node paused"),
    (Fault::KillDatabase, "database killed"),
    (Fault::Partition, "node cut off"),
    (Fault::CutOnTheWay, "request cut"),
    (Fault::CutOnTheWayBack, "answer cut"),
    (Fault::Slow, "200 ms slower"),
    (Fault::LoseNotifications, "notifications lost"),
    (Fault::EndSessions, "sessions ended"),
];

/// Of those that listen, or of all of this database.
const END_LISTENERS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'";
const END_ALL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Lets one to four things break, one after the other, while the clients are at work. Tells which.
pub async fn play(cluster: &Cluster, database: &mut Postgres, seed: u64, load: Duration) -> Vec<&'static str> {
    let mut dice = StdRng::seed_from_u64(seed);
    let count = dice.random_range(1..=4);
    let (mut told, pause) = (Vec::new(), load / (count + 1));
    for _ in 0..count {
        tokio::time::sleep(pause.mul_f64(dice.random_range(0.3..1.0))).await;
        let (fault, name) = FAULTS[dice.random_range(0..FAULTS.len())];
        let node = cluster.nodes[dice.random_range(0..cluster.nodes.len())].clone();
        let length = Duration::from_millis(dice.random_range(50..2_000));
        let bytes = dice.random_range(0..20_000);
        strike(fault, &node, cluster, database, length, bytes).await;
        told.push(name);
    }
    told
}

async fn strike(
    fault: Fault,
    node: &Arc<Node>,
    cluster: &Cluster,
    database: &mut Postgres,
    length: Duration,
    bytes: i64,
) {
    match fault {
        Fault::KillNode => {
            node.kill();
            tokio::time::sleep(length / 4).await;
            let node = node.clone();
            // What panics there is a node that does not start again, which `settle` notices.
            drop(tokio::task::spawn_blocking(move || node.restart()).await);
        }
        Fault::PauseNode => {
            let id = i32::try_from(node.id()).ok().and_then(Pid::from_raw);
            let signal = |signal| id.map(|id| kill_process(id, signal));
            let _ = signal(Signal::STOP);
            tokio::time::sleep(length).await;
            let _ = signal(Signal::CONT);
        }
        Fault::KillDatabase => {
            tokio::task::block_in_place(|| {
                database.kill();
                std::thread::sleep(length / 8);
                database.restart();
            });
        }
        Fault::Partition => {
            node.proxy.hold(true);
            tokio::time::sleep(length).await;
            node.proxy.hold(false);
        }
        Fault::CutOnTheWay => node.proxy.cut_after(bytes, false),
        Fault::CutOnTheWayBack => node.proxy.cut_after(bytes, true),
        Fault::Slow => {
            node.proxy.delay(Duration::from_millis(200));
            tokio::time::sleep(length).await;
            node.proxy.delay(Duration::ZERO);
        }
        Fault::LoseNotifications => _ = database.sql_tried(&cluster.database, END_LISTENERS),
        Fault::EndSessions => _ = database.sql_tried(&cluster.database, END_ALL),
    }
}
