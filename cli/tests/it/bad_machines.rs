//! The machine under the server fails: its disk is full, read-only or goes bad, its clock jumps.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use test_parts::small_disk::SmallDisk;
use testkit::Caller;
use testkit::binary::{self, Program};

use crate::support::{Installation, PROGRAM, refusal, run, stderr, stdout};

const GROUPS: &str = "/accounts/{account}/iam/user_groups";
const LIST: &str = "/accounts/{account}/iam/user_groups?per_page=500";
const PAGE: usize = 4096;

/// A disk of this user's own, unless it may not mount any, which is said.
fn small_disk(megabytes: u32) -> Option<SmallDisk> {
    SmallDisk::mount(megabytes, "root")
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room_and_loses_nothing() {
    let Some(disk) = small_disk(20) else { return };
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![1; 14 << 20]).unwrap();
    let installation = Installation::on_postgres(&format!("sqlite:{}/portcullis.db", disk.path().display()));
    let server = installation.serve(&[]);
    let admin = installation.token_caller(&server);
    let mut made = Vec::new();
    let refused = loop {
        let answer = admin.post(GROUPS, json!({"name": format!("group {} {}", made.len(), "x".repeat(200))})).await;
        if answer.status != 200 {
            break answer;
        }
        made.push(answer.id());
        assert!(made.len() < 9_000, "the disk is never full");
    };
    assert_eq!(refused.status, 503, "{}", refused.status_and_error());
    for id in &made {
        assert_eq!(admin.get(&format!("{GROUPS}/{id}")).await.status, 200, "reading goes on, and nothing is lost");
    }
    fs::remove_file(&ballast).unwrap();
    admin.post(GROUPS, json!({"name": "there is room again"})).await.id();
    drop(server);
    assert_eq!(
        stdout(&installation.run(&["log", "verify"])),
        format!("the log is intact: commits {}, streams 2\n", made.len() + 3)
    );
}

#[test]
fn a_read_only_disk_is_told_at_the_start() {
    let Some(disk) = small_disk(20) else { return };
    let installation = Installation::on_postgres(&format!("sqlite:{}/portcullis.db", disk.path().display()));
    let remount = |how: &str| {
        let mut mount = std::process::Command::new("mount");
        assert!(mount.args(["-o", how]).arg(disk.path()).status().unwrap().success());
    };
    remount("remount,ro");
    let served = refusal(disk.path(), &installation.run(&["serve"]));
    assert!(
        served.starts_with(
            "1 portcullis: cannot open `FOLDER/portcullis.db`; check the path and its permissions: Read-only"
        ),
        "{served}"
    );
    remount("remount,rw");
    let mut server = installation.serve(&[]);
    server.terminate();
    assert!(server.wait().success());
}

/// An installation with so many groups, stopped.
async fn with_groups(count: usize) -> Installation {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let admin = installation.token_caller(&server);
    for number in 0..count {
        admin.post(GROUPS, json!({"name": format!("group {number:03}")})).await.id();
    }
    server.terminate();
    assert!(server.wait().success());
    installation
}

async fn names(admin: &Caller) -> Vec<String> {
    let listed = admin.get(LIST).await;
    listed.list().iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_page_of_the_log_that_went_bad_is_noticed_and_a_backup_helps() {
    let installation = with_groups(60).await;
    assert!(installation.run(&["backup", "good.backup"]).status.success());
    let mut bytes = fs::read(installation.database()).unwrap();
    let text = b"\"group 030\"";
    let mut places = bytes.windows(text.len()).enumerate().filter(|(_, window)| window == text).map(|(at, _)| at);
    let page = places.next().unwrap() / PAGE;
    bytes[page * PAGE..(page + 1) * PAGE].fill(0);
    fs::write(installation.database(), bytes).unwrap();

    let verified = installation.run(&["log", "verify"]);
    assert_eq!(verified.status.code(), Some(1), "{}", stderr(&verified));
    let looked_at = installation.run(&["doctor"]);
    assert_eq!(looked_at.status.code(), Some(1));
    assert!(stdout(&looked_at).contains("bad   "), "{}", stdout(&looked_at));
    let server = installation.serve(&[]);
    let answer = installation.token_caller(&server).get(LIST).await;
    assert!(answer.status >= 500, "{}", answer.status_and_error());
    drop(server);

    let restored = ["restore", "good.backup", "--database", "sqlite:portcullis-data/new.db"];
    assert!(installation.run(&restored).status.success());
    let server = installation.serve_from(&["--database", "sqlite:portcullis-data/new.db"]);
    assert_eq!(names(&installation.token_caller(&server)).await.len(), 60);
}

#[tokio::test]
async fn a_snapshot_that_went_bad_is_made_again_from_the_log() {
    let installation = with_groups(120).await;
    let connection = rusqlite::Connection::open(installation.database()).unwrap();
    let damage = "UPDATE snapshots SET state = CAST(replace(CAST(state AS TEXT), 'group 007', 'group 707') AS BLOB)";
    assert_eq!(connection.execute(damage, []).unwrap(), 1);
    drop(connection);
    let server = installation.serve(&[]);
    let names = names(&installation.token_caller(&server)).await;
    assert_eq!(names.len(), 120);
    assert!(names.contains(&"group 007".to_owned()) && !names.contains(&"group 707".to_owned()));
}

/// Where Debian puts it.
const FAKE_TIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[tokio::test]
async fn a_clock_that_jumps_back_and_forth_leaves_the_log_in_order() {
    if !Path::new(FAKE_TIME).exists() {
        eprintln!("faketime is not installed (Debian: `apt-get install faketime`); this test did not run");
        return;
    }
    let installation = Installation::new();
    let clock = installation.path().join("clock");
    // Put in place whole, since it is read at any moment.
    let set = |offset: &str| {
        let next = installation.path().join("clock.next");
        fs::write(&next, offset).unwrap();
        fs::rename(next, &clock).unwrap();
    };
    set("+0");
    // With its limits on requests, which have a clock of their own.
    let mut command = binary::command(PROGRAM, installation.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command.env("LD_PRELOAD", FAKE_TIME).env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mut server = Program::start_command(command);
    let admin = installation.token_caller(&server);
    let mut made = 0;
    for offset in ["+0", "-3600", "+0", "+7200", "-86400", "+0"] {
        set(offset);
        for _ in 0..10 {
            admin.post(GROUPS, json!({"name": format!("group {made}")})).await.id();
            made += 1;
        }
        assert_eq!(admin.get(LIST).await.list().len(), made, "{offset}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.terminate();
    assert!(server.wait().success());
    let shown = installation.run(&["log", "show", installation.text("account_id"), "--json"]);
    let shown: Value = serde_json::from_str(&stdout(&shown)).unwrap();
    let times: Vec<&str> =
        shown["commits"].as_array().unwrap().iter().map(|commit| commit["at"].as_str().unwrap()).collect();
    assert_eq!(times.len(), made + 1);
    assert!(times.is_sorted(), "{times:?}");
    // It was two hours ahead for a while, and that is told.
    let told = run(installation.path(), &["doctor"]);
    assert!(stdout(&told).contains("s in the future: it was set back"), "{}", stdout(&told));
    assert_eq!(stdout(&installation.run(&["log", "verify"])), "the log is intact: commits 62, streams 2\n");
}
