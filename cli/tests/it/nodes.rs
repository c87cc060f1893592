//! Several servers over one database of PostgreSQL: any of them takes any write, and what one revokes the others refuse in time.

use std::time::{Duration, Instant};

use serde_json::json;
use test_parts::postgres::Postgres;
use test_parts::proxy::Proxy;
use testkit::{Caller, Method};
use tokio::task::JoinSet;

use crate::support::{EMAIL, Installation, refusal, run, stdout};

const GROUPS: &str = "/accounts/{account}/iam/user_groups";
const BOUND: Duration = Duration::from_secs(5);

/// A server that is set up, unless PostgreSQL is not installed, which is said.
macro_rules! installation {
    () => {
        match Postgres::shared() {
            Some(server) => (server, Installation::on_postgres(&server.database())),
            None => return,
        }
    };
}

/// A token of the account that may read its groups.
async fn token(admin: &Caller, name: &str) -> (String, Caller) {
    let groups = admin.get("/accounts/{account}/tokens/permission_groups?name=Account%20Settings%20Read").await;
    let policy = json!({
        "effect": "allow",
        "permission_groups": [{"id": groups.list()[0]["id"]}],
        "resources": {format!("com.cloudflare.api.account.{}", admin.account()): "*"},
    });
    let made = admin.post("/accounts/{account}/tokens", json!({"name": name, "policies": [policy]})).await;
    let secret = made.result()["value"].as_str().unwrap().to_owned();
    (made.id(), admin.clone().header("authorization", &format!("Bearer {secret}")))
}

/// Asks until the answer has that status, and tells how long it took.
async fn until(caller: &Caller, path: &str, status: u16, patience: Duration) -> Duration {
    let start = Instant::now();
    loop {
        let answered = caller.try_send(Method::GET, path, None).await;
        if answered.is_ok_and(|answer| answer.status == status) {
            return start.elapsed();
        }
        assert!(start.elapsed() < patience, "{path} did not answer {status} within {patience:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_answers_at_least_at_the_revision_of_another() {
    let (_, installation) = installation!();
    let nodes = [installation.serve(&[]), installation.serve(&[])];
    let [here, there] = [0, 1].map(|node| installation.token_caller(&nodes[node]));
    for round in 0..20 {
        let (writer, reader) = if round % 2 == 0 { (&here, &there) } else { (&there, &here) };
        let made = writer.post(GROUPS, json!({"name": format!("group {round}")})).await;
        let revision = made.header("portcullis-revision").unwrap();
        let reader = reader.clone().header("portcullis-revision", revision);
        let read = reader.get(&format!("{GROUPS}/{}", made.id())).await;
        assert_eq!(read.status_and_error(), "200", "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_revokes_another_refuses_at_once() {
    let (_, installation) = installation!();
    let nodes = [(); 2].map(|()| installation.serve(&["--auth-failure-limit", "off"]));
    let [here, there] = [0, 1].map(|node| installation.token_caller(&nodes[node]));
    let mut times = Vec::new();
    for round in 0..25 {
        let (id, holder) = token(&here, &format!("token {round}")).await;
        let holder = holder.at(&nodes[1].origin);
        // Known here at the first question, whether or not this node has heard of it.
        assert_eq!(holder.get(GROUPS).await.status_and_error(), "200");
        assert_eq!(here.delete(&format!("/accounts/{{account}}/tokens/{id}")).await.status, 200);
        times.push(until(&holder, GROUPS, 403, BOUND).await);
    }
    times.sort();
    println!("revoked on one node, refused on the other: median {:?}, longest {:?}", times[12], times[24]);
    // A removed member's key is refused as quickly.
    let email = "ben@example.com";
    assert_eq!(there.get("/accounts/{account}/members").await.list()[0]["user"]["email"], EMAIL);
    assert_eq!(there.post("/accounts/{account}/members", json!({"email": email, "roles": []})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_read_the_log_answers_no_more_until_it_can() {
    let (server, installation) = installation!();
    let proxy = Proxy::start(server.port()).await;
    let through = proxy.instead_of(installation.address());
    let here = installation.serve(&[]);
    let apart = installation.serve_from(&["--database", &through, "--max-staleness", "1"]);
    let admin = installation.token_caller(&here);
    let ((id, revoked), (_, kept)) = (token(&admin, "revoked").await, token(&admin, "kept").await);
    let (revoked, kept) = (revoked.at(&apart.origin), kept.at(&apart.origin));
    let operations = Caller::anonymous(&apart.origin, "");
    until(&revoked, GROUPS, 200, BOUND).await;
    until(&kept, GROUPS, 200, BOUND).await;
    assert_eq!(operations.get("/readyz").await.status, 200);

    proxy.hold(true);
    let alone_since = Instant::now();
    assert_eq!(admin.delete(&format!("/accounts/{{account}}/tokens/{id}")).await.status, 200);
    let revoked_at = Instant::now();
    // Not a moment longer than the bound, and the time that one request takes.
    until(&revoked, GROUPS, 503, Duration::from_secs(2)).await;
    println!("alone for {:?} when it stopped answering", alone_since.elapsed());
    let refused = kept.get(GROUPS).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(operations.get("/readyz").await.status, 503);
    let staleness = operations.get("/metrics").await.text;
    let line = staleness.lines().find(|line| line.starts_with("portcullis_staleness_seconds ")).unwrap();
    assert!(line.split(' ').nth(1).unwrap().parse::<f64>().unwrap() > 1.0, "{line}");
    assert_eq!(operations.get("/healthz").await.status, 200, "the process is well");

    proxy.hold(false);
    until(&kept, GROUPS, 200, Duration::from_secs(15)).await;
    assert_eq!(revoked.get(GROUPS).await.status, 403, "revoked {:?} ago", revoked_at.elapsed());
    until(&operations, "/readyz", 200, BOUND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_write_to_one_account_at_the_same_time() {
    let (_, installation) = installation!();
    let nodes = [installation.serve(&[]), installation.serve(&[])];
    let callers = [0, 1].map(|node| installation.token_caller(&nodes[node]));
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let caller = callers[writer % 2].clone();
        writers.spawn(async move {
            let mut made = Vec::new();
            for number in 0..8 {
                let answer = caller.post(GROUPS, json!({"name": format!("group {writer} {number}")})).await;
                match answer.status {
                    200 => made.push(answer.id()),
                    // Other writers were faster, again and again: nothing was written.
                    503 => {}
                    _ => panic!("{}", answer.status_and_error()),
                }
            }
            made
        });
    }
    let mut made: Vec<String> = writers.join_all().await.into_iter().flatten().collect();
    made.sort();
    assert!(made.len() > 100, "only {} of 128 writes came through", made.len());
    for caller in &callers {
        until(caller, &format!("{GROUPS}?per_page=1"), 200, BOUND).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let listed = caller.get(&format!("{GROUPS}?per_page=500")).await;
        let mut listed: Vec<&str> = listed.list().iter().filter_map(|group| group["id"].as_str()).collect();
        listed.sort_unstable();
        assert_eq!(listed, made);
    }
    let verified = installation.run(&["log", "verify"]);
    assert!(verified.status.success(), "{}", refusal(installation.path(), &verified));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_and_comes_back_loses_nothing() {
    let Some(mut server) = Postgres::start() else { return };
    let installation = Installation::on_postgres(&server.database());
    let node = installation.serve(&[]);
    let admin = installation.token_caller(&node);
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let admin = admin.clone();
        writers.spawn(async move {
            let mut made = Vec::new();
            for number in 0..60 {
                let answer = admin.post(GROUPS, json!({"name": format!("group {writer} {number}")})).await;
                if answer.status == 200 {
                    made.push(answer.id());
                } else {
                    assert_eq!(answer.status, 503, "{}", answer.status_and_error());
                }
            }
            made
        });
    }
    let server = tokio::task::spawn_blocking(move || {
        for _ in 0..4 {
            std::thread::sleep(Duration::from_millis(200));
            server.kill();
            server.restart();
        }
        server
    });
    let made: Vec<String> = writers.join_all().await.into_iter().flatten().collect();
    let _server = server.await.unwrap();
    until(&admin, GROUPS, 200, Duration::from_secs(15)).await;
    for id in &made {
        assert_eq!(admin.get(&format!("{GROUPS}/{id}")).await.status, 200, "an acknowledged group is lost");
    }
    println!("{} of 480 writes acknowledged over 4 crashes", made.len());
    let verified = installation.run(&["log", "verify"]);
    assert!(verified.status.success(), "{}", refusal(installation.path(), &verified));
}

#[test]
fn tables_are_brought_up_to_date_before_a_server_starts() {
    let Some(server) = Postgres::shared() else { return };
    let installation = Installation::on_postgres(&server.database());
    let migrated = installation.run(&["migrate"]);
    let place = installation.address().replace("portcullis@", "");
    assert_eq!(stdout(&migrated), format!("the tables of `{place}` are up to date\n"));
    server.sql(installation.address(), "INSERT INTO migrations (version, applied_by) VALUES (99, 'a later release')");
    let refused = refusal(installation.path(), &installation.run(&["migrate"]));
    let newer = "the database has schema 99, this release knows up to 2; run a newer release";
    assert_eq!(refused, format!("1 portcullis: cannot open the database `{place}`: {newer}"));
}

#[test]
fn an_empty_database_is_for_init_and_a_password_is_not_shown() {
    let Some(server) = Postgres::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = server.database().replace("portcullis@", "portcullis:secret@");
    let served = run(folder.path(), &["serve", "--database", &address]);
    let place = address.rsplit('@').next().unwrap();
    let said = refusal(folder.path(), &served);
    assert_eq!(
        said.replace(place, "PLACE"),
        "1 portcullis: there is no account in `postgres://PLACE` yet; run `portcullis init --email YOU@EXAMPLE.COM` first"
    );
    let nowhere = run(folder.path(), &["serve", "--database", "postgres://ada:secret@127.0.0.1:1/portcullis"]);
    let said = refusal(folder.path(), &nowhere);
    assert!(said.starts_with("1 portcullis: cannot open the database `postgres://127.0.0.1:1/portcullis`: "), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

/// A later release adds to the tables while nodes of this one serve: what runs goes on, and what starts says that it is too old.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_this_release_go_on_beside_a_later_one() {
    let (server, installation) = installation!();
    let nodes = [installation.serve(&[]), installation.serve(&[])];
    let [here, there] = [0, 1].map(|node| installation.token_caller(&nodes[node]));
    let (_, known) = token(&here, "before").await;
    let later = "ALTER TABLE commits ADD COLUMN region TEXT NOT NULL DEFAULT 'x'; ALTER TABLE claims ADD COLUMN since BIGINT; \
        ALTER TABLE leases ADD COLUMN owner TEXT; CREATE TABLE later (id BIGINT PRIMARY KEY); \
        INSERT INTO migrations (version, applied_by) VALUES (99, 'a later release')";
    let writing = {
        let here = here.clone();
        tokio::spawn(async move {
            for number in 0..100 {
                here.post(GROUPS, json!({"name": format!("meanwhile {number}")})).await.id();
            }
        })
    };
    server.sql(installation.address(), later);
    writing.await.unwrap();
    for number in 0..20 {
        let made = there.post(GROUPS, json!({"name": format!("after {number}")})).await;
        let path = format!("{GROUPS}/{}", made.id());
        let reader = here.clone().header("portcullis-revision", made.header("portcullis-revision").unwrap());
        assert_eq!(reader.get(&path).await.status, 200);
    }
    assert_eq!(known.clone().at(&nodes[1].origin).get(GROUPS).await.status, 200);
    let (id, made) = token(&there, "after").await;
    assert_eq!(made.clone().at(&nodes[0].origin).get(GROUPS).await.status, 200);
    here.delete(&format!("/accounts/{{account}}/tokens/{id}")).await.result();
    until(&made, GROUPS, 403, BOUND).await;
    let refused = refusal(installation.path(), &installation.run(&["serve"]));
    assert!(
        refused.ends_with("the database has schema 99, this release knows up to 2; run a newer release"),
        "{refused}"
    );
}
