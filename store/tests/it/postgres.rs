//! What only PostgreSQL has: a network, other nodes, a server that goes away and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use store::{AppendError, Commit, Foreign, Head, PostgresOptions, Record, Store, StoreError, Transaction};
use test_parts::postgres::Postgres;
use test_parts::proxy::Proxy;
use test_parts::small_disk::SmallDisk;
use tokio::task::JoinSet;

use crate::support::{append, assert_claimed, change_claims, claim, commit, open_postgres, record, take, verified};

/// A database, unless PostgreSQL is not installed, which is said.
macro_rules! database {
    () => {
        match Postgres::shared() {
            Some(server) => (server, server.database()),
            None => return,
        }
    };
}

async fn refusal(address: &str, options: PostgresOptions) -> StoreError {
    Store::open_postgres(address, options).await.unwrap_err()
}

/// Appends to a stream until that many commits of this writer are acknowledged, and gives what was acknowledged. What fails with an
/// unknown fate is looked up, as callers do.
async fn write(store: Store, stream: &'static str, writer: i64, count: usize) -> Vec<Record> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let mut acknowledged = Vec::new();
    while acknowledged.len() < count {
        let Ok(head) = store.head(stream).await else { continue };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let changes = format!(r#"[{{"writer":{writer},"number":{number}}}]"#);
        let record = Record::seal(&head, stream, 1_700_000_000_000_000, "{}", "{}", changes);
        match store.enqueue(commit(record.clone())).await {
            Ok(()) => acknowledged.push(record),
            Err(AppendError::Conflict { .. } | AppendError::Backend(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    acknowledged
}

/// Every acknowledged commit is in the log, and the log is one chain.
async fn assert_nothing_is_lost(store: &Store, stream: &str, acknowledged: &[Record]) -> usize {
    let log = verified(store, stream).await;
    for record in acknowledged {
        let index = usize::try_from(record.revision).unwrap() - 1;
        assert_eq!(log.get(index), Some(record), "an acknowledged commit is lost");
    }
    let mut contents: Vec<&str> = log.iter().map(|record| &*record.changes).collect();
    contents.sort_unstable();
    contents.dedup();
    assert_eq!(contents.len(), log.len(), "a commit was written twice");
    log.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_writes_is_heard_by_name() {
    let (_, address) = database!();
    let (ours, theirs) = (open_postgres(&address).await, open_postgres(&address).await);
    append(&ours, "account/1", 1).await;
    append(&ours, "user/1", 1).await;
    let heard = tokio::time::timeout(Duration::from_secs(5), async {
        let mut streams = Vec::new();
        while streams.len() < 2 {
            theirs.hears().await;
            match theirs.foreign().await.unwrap() {
                Foreign::Streams(more) => streams.extend(more),
                Foreign::Nothing => {}
                Foreign::Anything => panic!("the names were not lost"),
            }
        }
        streams
    });
    assert_eq!(heard.await.unwrap(), ["account/1".into(), "user/1".into()]);
    assert_eq!(ours.foreign().await.unwrap(), Foreign::Nothing, "own commits are not news");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_with_64_writers_each_make_one_order() {
    let (_, address) = database!();
    let nodes = [open_postgres(&address).await, open_postgres(&address).await];
    let mut writers = JoinSet::new();
    for writer in 0..128 {
        writers.spawn(write(nodes[writer as usize % 2].clone(), "account/1", writer, 2));
    }
    let acknowledged: Vec<Record> = writers.join_all().await.into_iter().flatten().collect();
    assert_eq!(acknowledged.len(), 256);
    assert_eq!(assert_nothing_is_lost(&nodes[0], "account/1", &acknowledged).await, 256);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_that_claim_one_key_one_gets_it() {
    let (_, address) = database!();
    let nodes = [open_postgres(&address).await, open_postgres(&address).await];
    for round in 0..20 {
        let key = format!("ada{round}@example.com");
        let (one, two) = tokio::join!(
            nodes[0].enqueue(change_claims([take(&key, "user/1")])),
            nodes[1].enqueue(change_claims([take(&key, "user/2")])),
        );
        let (winner, loser) = if one.is_ok() { ("user/1", two) } else { ("user/2", one) };
        assert_claimed(loser, &claim(&key, winner));
        assert_eq!(nodes[0].claim("email", &key).await.unwrap(), Some(claim(&key, winner)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_under_load_loses_nothing() {
    let Some(mut server) = Postgres::start() else { return };
    let address = server.database();
    let store = open_postgres(&address).await;
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        writers.spawn(write(store.clone(), "account/1", writer, 40));
    }
    // The shared writer's patience is longer than the server is away.
    let crashes = tokio::task::spawn_blocking(move || {
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(150));
            server.kill();
            server.restart();
        }
        server
    });
    let acknowledged: Vec<Record> = writers.join_all().await.into_iter().flatten().collect();
    let _server = crashes.await.unwrap();
    assert!(assert_nothing_is_lost(&store, "account/1", &acknowledged).await >= 640);
    append(&store, "account/2", 1).await;
}

/// The connection is cut at any byte on its way to the server or back: also between a commit and the answer to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_anywhere_loses_nothing() {
    let (server, address) = database!();
    let proxy = Proxy::start(server.port()).await;
    let through = proxy.instead_of(&address);
    let store = open_postgres(&through).await;
    let mut acknowledged = Vec::new();
    for round in 0..100 {
        proxy.cut_after(round * 37 % 1300, round % 2 == 0);
        while proxy.cuts() <= usize::try_from(round).unwrap() {
            acknowledged.extend(write(store.clone(), "account/1", round, 1).await);
        }
    }
    proxy.cut_no_more();
    // Nobody else writes: what was written before a cut is known to be one's own, and not taken for a conflict.
    assert_eq!(assert_nothing_is_lost(&store, "account/1", &acknowledged).await, acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_once() {
    let (server, address) = database!();
    let mut nodes = JoinSet::new();
    for _ in 0..8 {
        let address = address.clone();
        nodes.spawn(async move { open_postgres(&address).await });
    }
    let nodes = nodes.join_all().await;
    append(&nodes[0], "account/1", 1).await;
    assert_eq!(verified(&nodes[7], "account/1").await.len(), 1);
    assert_eq!(server.sql(&address, "SELECT count(*) FROM migrations"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_and_left_as_it_was() {
    let (server, address) = database!();
    open_postgres(&address).await.close().await;
    server.sql(&address, "INSERT INTO migrations (version, applied_by) VALUES (99, 'a later release')");
    let error = refusal(&address, PostgresOptions::default()).await;
    assert_eq!(error.to_string(), "the database has schema 99, this release knows up to 2; run a newer release");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_used_is_told() {
    let (server, address) = database!();
    let error = refusal("postgres://h/db?color=green", PostgresOptions::default()).await;
    assert!(matches!(error, StoreError::BadAddress(_)), "{error:?}");
    assert_eq!(error.to_string(), "the address of the database must be `postgres://USER:PASSWORD@HOST:PORT/DATABASE`");
    let nobody = Proxy::start(server.port()).await;
    let nowhere = format!("postgres://portcullis@127.0.0.1:{}/x", nobody.port());
    nobody.stop();
    let error = refusal(&nowhere, PostgresOptions::default()).await;
    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
    let error = refusal(&format!("{address}_is_not_there"), PostgresOptions::default()).await;
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_nobody_answers_fails_in_time_and_writing_works_again() {
    let (server, address) = database!();
    let proxy = Proxy::start(server.port()).await;
    let through = proxy.instead_of(&address);
    let options = PostgresOptions { patience: Duration::from_millis(400), ..PostgresOptions::default() };
    let store = Store::open_postgres(&through, options).await.unwrap();
    let head = append(&store, "account/1", 1).await;
    proxy.hold(true);
    let refused = store.enqueue(commit(record(&head, "account/1"))).await;
    assert!(matches!(refused, Err(AppendError::Backend(StoreError::Unreachable(_)))), "{refused:?}");
    assert!(matches!(store.head("account/1").await, Err(StoreError::Unreachable(_))));
    proxy.hold(false);
    append(&store, "account/1", 1).await;
    verified(&store, "account/1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_only_reads_is_told_until_it_writes_again() {
    let (server, address) = database!();
    let options = PostgresOptions { patience: Duration::from_millis(300), ..PostgresOptions::default() };
    let store = Store::open_postgres(&address, options).await.unwrap();
    let head = append(&store, "account/1", 1).await;
    let name = address.rsplit('/').next().unwrap();
    server.sql("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    server.sql("postgres", &end);
    let refused = store.enqueue(commit(record(&head, "account/1"))).await;
    assert!(matches!(refused, Err(AppendError::Backend(StoreError::ReadOnly(_)))), "{refused:?}");
    assert_eq!(store.head("account/1").await.unwrap(), head, "reading goes on");
    server.sql("postgres", &format!("ALTER DATABASE {name} RESET default_transaction_read_only"));
    server.sql("postgres", &end);
    append(&store, "account/1", 1).await;
}

/// PostgreSQL keeps no zero bytes in text; nothing of ours has one, but what would happen must not harm others.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_does_not_take_harms_no_other() {
    let (_, address) = database!();
    let store = open_postgres(&address).await;
    let bad = Record::seal(&Head::EMPTY, "account/bad", 0, "\0", "{}", "[]");
    let pending = [
        store.enqueue(commit(record(&Head::EMPTY, "account/1"))),
        store.enqueue(commit(bad)),
        store.enqueue(commit(record(&Head::EMPTY, "account/2"))),
    ];
    let [before, refused, after] = pending;
    before.await.unwrap();
    let refused = refused.await;
    assert!(matches!(refused, Err(AppendError::Backend(StoreError::Failed(_)))), "{refused:?}");
    after.await.unwrap();
    assert_eq!(store.head("account/bad").await.unwrap(), Head::EMPTY);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_documents_and_large_batches_are_written() {
    let (_, address) = database!();
    let store = open_postgres(&address).await;
    let mut pending = Vec::new();
    for number in 0..600 {
        let stream = format!("account/{number:03}");
        let record = Record::seal(&Head::EMPTY, stream, 5, "{}", "{}", "x".repeat(20_000));
        let touched = (0..20).map(|document| format!("member/{document}").into()).collect();
        let commits = vec![Commit { record, touched, appears_in: vec!["everywhere".into()] }];
        pending.push(store.enqueue(Transaction { commits, ..Transaction::default() }));
    }
    for pending in pending {
        pending.await.unwrap();
    }
    assert_eq!(store.streams("", 1000).await.unwrap().len(), 600);
    assert_eq!(store.touches("account/599", "member/19", None, 9).await.unwrap(), [1]);
}

/// The certificate is made on the server's side, and nobody vouches for it but who has its file.
#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_the_server_is_checked() {
    let Some(server) = Postgres::start() else { return };
    let address = server.database();
    let make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
         -keyout server.key -out server.crt 2>/dev/null && chmod 600 server.key && cat server.crt";
    server.sql(
        &address,
        &format!("CREATE TABLE lines (line TEXT); COPY lines FROM PROGRAM '{make}' WITH (DELIMITER '|')"),
    );
    let certificate = server.sql(&address, "SELECT line FROM lines");
    server.sql(&address, "ALTER SYSTEM SET ssl = on");
    server.sql(&address, "SELECT pg_reload_conf()");
    tokio::time::sleep(Duration::from_millis(300)).await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, certificate).unwrap();
    let required = format!("{address}?sslmode=require");
    let trusting = PostgresOptions { authorities: Some(file.clone()), ..PostgresOptions::default() };
    let store = Store::open_postgres(&required, trusting.clone()).await.unwrap();
    append(&store, "account/1", 1).await;
    let encrypted = server.sql(
        &address,
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name = 'portcullis'",
    );
    assert_eq!(encrypted, "t", "every session of ours is encrypted");

    let error = refusal(&required, PostgresOptions::default()).await;
    assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
    std::fs::write(&file, "no certificate").unwrap();
    let error = refusal(&required, trusting).await;
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_skipped() {
    let (server, address) = database!();
    let store = Arc::new(open_postgres(&address).await);
    store.put_snapshot("account/1", 1, vec![1]).await.unwrap();
    store.put_snapshot("account/1", 2, vec![2]).await.unwrap();
    server.sql(&address, r"UPDATE snapshots SET state = '\x07' WHERE revision = 2");
    assert_eq!(store.snapshot("account/1", None).await.unwrap(), Some((1, vec![1])));
}

/// The tables of the database lie on a disk of their own, which is soon full.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_until_there_is_room_and_loses_nothing() {
    let (server, _) = database!();
    let Some(disk) = SmallDisk::mount(48, "postgres") else { return };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 24 << 20]).unwrap();
    server.sql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display()));
    server.sql("postgres", "CREATE DATABASE small TABLESPACE small");
    let address = format!("postgres://portcullis@127.0.0.1:{}/small", server.port());
    let store = open_postgres(&address).await;
    let (mut acknowledged, mut dice) = (Vec::new(), 7_u64);
    let refused = loop {
        let head = store.head("account/1").await.unwrap();
        // What does not compress, so that it takes the room that it seems to.
        let letter = |_| {
            // Marsaglia's xorshift.
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            char::from(b'0' + (dice >> 32) as u8 % 75)
        };
        let text: String = (0..16_000).map(letter).collect();
        let changes = format!("{}{text}", head.revision);
        let record = Record::seal(&head, "account/1", 1, "{}", "{}", changes);
        match store.enqueue(commit(record.clone())).await {
            Ok(()) => acknowledged.push(record),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 10_000, "the disk is never full");
    };
    assert!(matches!(refused, AppendError::Backend(StoreError::Full(_))), "{refused:?}");
    assert_eq!(store.records("account/1", 0, 10_000).await.unwrap(), acknowledged, "reading goes on");
    std::fs::remove_file(&ballast).unwrap();
    append(&store, "account/1", 3).await;
    assert_eq!(store.head("account/1").await.unwrap().revision, acknowledged.len() as u64 + 3);
    store.close().await;
    drop(store);
    server.sql("postgres", "DROP DATABASE small WITH (FORCE)");
    server.sql("postgres", "DROP TABLESPACE small");
}
