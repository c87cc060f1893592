//! Killed in the middle of concurrent writes, again and again: what was acknowledged is there, nothing is half there,
//! and the hash chain is whole.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use test_parts::postgres::Postgres;
use testkit::{Caller, Method, Response};

use crate::support::{Installation, stderr};

const ROUNDS: usize = 50;
const WRITERS: usize = 10;
/// A writer who has made so many groups deletes its oldest: an account holds ten thousand.
const KEPT: usize = 5;
const GROUPS: &str = "/accounts/{account}/iam/user_groups";

/// What was acknowledged of one group.
#[derive(Clone, Debug)]
struct Written {
    name: String,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Made,
    HasMember,
    Deleted,
    /// The answer to its deletion was lost.
    Unknown,
}

/// All that some server has acknowledged, by the id of the group.
type Acknowledged = BTreeMap<String, Written>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_no_acknowledged_write_and_leaves_none_half_done() {
    kill_again_and_again(Installation::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_it_over_postgresql() {
    let Some(server) = Postgres::shared() else { return };
    kill_again_and_again(Installation::on_postgres(&server.database())).await;
}

async fn kill_again_and_again(installation: Installation) {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let names = Arc::new(AtomicU64::new(0));
    let (mut acknowledged, mut newest) = (Acknowledged::new(), Acknowledged::new());
    let start = Instant::now();
    for round in 0..ROUNDS {
        let at = format!("seed {seed}, round {round}");
        let mut server = installation.serve(&["--log-level", "warn"]);
        let admin = installation.token_caller(&server);
        let policy = policy_on_the_account(&admin).await;
        check_groups(&admin, &acknowledged, &policy, &at).await;
        check_members(&admin, &newest, &at).await;
        let writer = |_| tokio::spawn(write(admin.clone(), policy.clone(), names.clone()));
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(50..300))).await;
        server.kill();
        newest.clear();
        for writer in writers {
            newest.extend(writer.await.unwrap());
        }
        acknowledged.extend(newest.clone());
        let verified = installation.run(&["log", "verify"]);
        assert!(verified.status.success(), "{at}: {}", stderr(&verified));
    }
    let server = installation.serve(&["--log-level", "warn"]);
    let admin = installation.token_caller(&server);
    let policy = policy_on_the_account(&admin).await;
    check_groups(&admin, &acknowledged, &policy, "at the end").await;
    check_members(&admin, &acknowledged, "at the end").await;
    println!("{ROUNDS} kills, {} groups acknowledged, {:?}", acknowledged.len(), start.elapsed());
    assert!(acknowledged.len() > ROUNDS, "the kills must hit a server that is writing");
}

/// A policy that grants something on the whole account.
async fn policy_on_the_account(admin: &Caller) -> Value {
    let roles = admin.get("/accounts/{account}/iam/permission_groups?label=dns_admin").await;
    let places = admin.get("/accounts/{account}/iam/resource_groups").await;
    json!({
        "access": "allow",
        "permission_groups": [{"id": roles.list()[0]["id"]}],
        "resource_groups": [{"id": places.list()[0]["id"]}],
    })
}

/// Invites a member, makes groups with a policy, puts the member into each, and deletes old ones, until the server is
/// gone.
async fn write(admin: Caller, policy: Value, names: Arc<AtomicU64>) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    // What is under way when the server goes away is not acknowledged.
    let _gone = write_until_gone(&admin, &policy, &names, &mut acknowledged).await;
    acknowledged
}

async fn write_until_gone(
    admin: &Caller,
    policy: &Value,
    names: &AtomicU64,
    acknowledged: &mut Acknowledged,
) -> Result<(), String> {
    let next = || names.fetch_add(1, Ordering::Relaxed);
    let email = format!("member{}@example.com", next());
    let invited = post(admin, "/accounts/{account}/members", json!({"email": email, "roles": []})).await?;
    let mut kept = VecDeque::new();
    loop {
        let name = format!("group {}", next());
        let id = post(admin, GROUPS, json!({"name": name, "policies": [policy]})).await?.id();
        acknowledged.insert(id.clone(), Written { name, fate: Fate::Made });
        let added = post(admin, &format!("{GROUPS}/{id}/members"), json!([{"id": invited.id()}])).await?;
        assert_eq!(added.status_and_error(), "200");
        note(acknowledged, &id, Fate::HasMember);
        kept.push_back(id);
        if kept.len() > KEPT
            && let Some(oldest) = kept.pop_front()
        {
            note(acknowledged, &oldest, Fate::Unknown);
            let deleted = admin.try_send(Method::DELETE, &format!("{GROUPS}/{oldest}"), None).await?;
            assert_eq!(deleted.status_and_error(), "200");
            note(acknowledged, &oldest, Fate::Deleted);
        }
    }
}

fn note(acknowledged: &mut Acknowledged, id: &str, fate: Fate) {
    if let Some(written) = acknowledged.get_mut(id) {
        written.fate = fate;
    }
}

async fn post(admin: &Caller, path: &str, body: Value) -> Result<Response, String> {
    admin.try_send(Method::POST, path, Some(body.to_string())).await
}

/// Every acknowledged group is there as it was made, and every group at all is whole.
async fn check_groups(admin: &Caller, acknowledged: &Acknowledged, policy: &Value, at: &str) {
    let found = all_groups(admin).await;
    for (id, written) in acknowledged {
        let name = found.get(id).and_then(|group| group["name"].as_str());
        match written.fate {
            Fate::Made | Fate::HasMember => assert_eq!(name, Some(&*written.name), "{at}: {written:?} is lost"),
            Fate::Deleted => assert_eq!(name, None, "{at}: {written:?} is back"),
            Fate::Unknown => {}
        }
    }
    for group in found.values() {
        assert_eq!(group["policies"].as_array().map(Vec::len), Some(1), "{at}: {group} is not whole");
        for part in ["permission_groups", "resource_groups"] {
            assert_eq!(group["policies"][0][part][0]["id"], policy[part][0]["id"], "{at}: {group} is not whole");
        }
    }
}

/// Every acknowledged place in a group is still taken.
async fn check_members(admin: &Caller, acknowledged: &Acknowledged, at: &str) {
    for (id, written) in acknowledged.iter().filter(|(_, written)| written.fate == Fate::HasMember) {
        let members = admin.get(&format!("{GROUPS}/{id}/members")).await;
        assert_eq!(members.list().len(), 1, "{at}: the member of {written:?} is lost");
    }
}

async fn all_groups(admin: &Caller) -> BTreeMap<String, Value> {
    let mut groups = BTreeMap::new();
    for page in 1.. {
        let answer = admin.get(&format!("{GROUPS}?per_page=500&page={page}")).await;
        if answer.list().is_empty() {
            break;
        }
        groups.extend(answer.list().iter().map(|group| (group["id"].as_str().unwrap().to_owned(), group.clone())));
    }
    groups
}
