//! The database fails over: a standby that follows by streaming replication takes the place of a server that is gone.

use std::time::{Duration, Instant};

use serde_json::json;
use test_parts::postgres::Postgres;
use tokio::task::JoinSet;

use crate::support::{Installation, refusal};

const GROUPS: &str = "/accounts/{account}/iam/user_groups";

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_takes_over_has_all_that_was_acknowledged() {
    let Some(mut server) = Postgres::start() else { return };
    let database = server.database();
    let address = server.add_standby(&database);
    let installation = Installation::on_postgres(&address);
    let nodes = [installation.serve(&[]), installation.serve(&[])];
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let admin = installation.token_caller(&nodes[writer % 2]);
        writers.spawn(async move {
            let (mut made, mut failed, began) = (Vec::new(), 0, Instant::now());
            for number in 0.. {
                let answer = admin.post(GROUPS, json!({"name": format!("group {writer} {number}")})).await;
                match answer.status {
                    200 => made.push(answer.id()),
                    503 => failed += 1,
                    _ => panic!("{}", answer.status_and_error()),
                }
                if began.elapsed() > Duration::from_secs(4) && answer.status == 200 {
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(60), "nobody took over");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (made, failed)
        });
    }
    let mut server = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_secs(1));
        server.kill();
        server.promote_standby();
        server
    })
    .await
    .unwrap();
    let (mut made, mut failed) = (Vec::new(), 0);
    for (ids, failures) in writers.join_all().await {
        made.extend(ids);
        failed += failures;
    }
    println!("{} writes acknowledged, {failed} failed over the failover", made.len());
    assert!(made.len() > 100);
    for node in &nodes {
        let admin = installation.token_caller(node);
        for id in &made {
            assert_eq!(admin.get(&format!("{GROUPS}/{id}")).await.status, 200, "an acknowledged group is lost");
        }
    }
    let verified = installation.run(&["log", "verify"]);
    assert!(verified.status.success(), "{}", refusal(installation.path(), &verified));
    drop(nodes);
    // The old one may come back: it is not written to, since whoever leads is asked for.
    server.restart();
}
