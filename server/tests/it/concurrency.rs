//! Writers at the same time: each commit is decided on the state that it follows.

use serde_json::json;
use testkit::{Caller, TestServer};
use tokio::task::JoinSet;

use crate::support::{GROUPS, MEMBERS, SUPER, revision, told};

#[tokio::test(flavor = "multi_thread")]
async fn of_64_who_want_the_same_name_one_gets_it() {
    let server = TestServer::start().await;
    let before = revision(&server).await;
    let mut writers = JoinSet::new();
    for number in 0..64 {
        let admin = server.admin();
        writers.spawn(async move { admin.post(GROUPS, json!({ "name": "staff", "number": number })).await });
    }
    let answers = writers.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!(told(answer), "400 1003 [/name] user group `staff` already exists");
    }
    assert_eq!(server.admin().get(GROUPS).await.list().len(), 1);
    assert_eq!(revision(&server).await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_64_who_want_different_names_get_them_each_at_its_own_revision() {
    let server = TestServer::builder().sqlite().start().await;
    let mut writers = JoinSet::new();
    for number in 0..64 {
        let admin = server.admin();
        writers.spawn(async move {
            let made = admin.post(GROUPS, json!({ "name": format!("group {number}") })).await;
            let read = admin.get(&format!("{GROUPS}/{}", made.id())).await;
            assert_eq!(read.result(), made.result(), "whoever wrote reads it at once");
            made.header("portcullis-revision").map(str::to_owned)
        });
    }
    let mut revisions = writers.join_all().await;
    revisions.sort();
    revisions.dedup();
    assert_eq!(revisions.len(), 64);
    assert_eq!(server.admin().get(&format!("{GROUPS}?per_page=500")).await.list().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_super_administrators_who_remove_each_other_one_remains() {
    for round in 0..8 {
        let server = TestServer::start().await;
        let eve = server.member("eve@example.com", server.roles(&[SUPER])).await;
        let remove = async |caller: Caller, id: String| match round % 2 {
            0 => caller.delete(&format!("{MEMBERS}/{id}")).await,
            _ => caller.put(&format!("{MEMBERS}/{id}"), json!({ "roles": [] })).await,
        };
        let (one, two) = tokio::join!(
            remove(server.admin(), eve.id.to_string()),
            remove(eve.caller.clone(), server.member.to_string())
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "{} {}", one.text, two.text);
        let (admin, eve) = (server.admin().get(MEMBERS).await.status, eve.get(MEMBERS).await.status);
        assert!((admin == 200) != (eve == 200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_super_administrators_who_both_leave_one_is_kept() {
    for _ in 0..8 {
        let server = TestServer::start().await;
        let eve = server.member("eve@example.com", server.roles(&[SUPER])).await;
        let (admin, path) = (server.admin(), format!("{MEMBERS}/{}", server.member));
        let own = format!("{MEMBERS}/{}", eve.id);
        let (one, two) = tokio::join!(admin.delete(&path), eve.delete(&own));
        let refused = if one.status == 200 { two } else { one };
        assert_eq!(told(&refused), "400 1012 the account must keep at least one super administrator");
    }
}
