//! The log of an account over HTTP, and undoing what is in it.

use insta::assert_snapshot;
use model::members::Grants;
use model::policies::Effect;
use serde_json::{Value, json};
use testkit::{Caller, Owner, TestServer, allow};

use crate::support::{
    AUTHORIZE, GROUPS, MEMBERS, RESOURCE_GROUPS, account_key, group, policy, refused, resource_group, revision, told,
    zone_key,
};

const COMMITS: &str = "/accounts/{account}/iam/commits";

async fn revert(caller: &Caller, revision: u64) -> testkit::Response {
    caller.post(&format!("{COMMITS}/{revision}/revert"), json!({})).await
}

/// What is there, without what tells when.
async fn documents(server: &TestServer) -> Vec<Value> {
    let snapshot = server.runtime.account(server.account).await.expect("readable").expect("the account");
    snapshot.state.documents().map(|document| serde_json::to_value(document).expect("JSON")).collect()
}

#[tokio::test]
async fn commits_are_listed_the_newest_first_with_who_when_and_what() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for name in ["one", "two", "three"] {
        admin.post(GROUPS, json!({ "name": name })).await.id();
    }
    let newest = revision(&server).await;
    let page = admin.get(&format!("{COMMITS}?per_page=2")).await;
    let revisions =
        |list: &[Value]| list.iter().map(|one| one["revision"].as_u64().expect("a number")).collect::<Vec<_>>();
    assert_eq!(revisions(page.list()), [newest, newest - 1]);
    assert_eq!(page.body["result_info"]["total_count"], newest);
    let first = &page.list()[0];
    assert_eq!(first["summary"], "put user group \"three\"");
    assert_eq!(
        (&first["by"]["email"], &first["request"]["method"]),
        (&json!(server.user.email.as_str()), &json!("POST"))
    );
    assert_eq!(first["changes"][0]["action"], "put");
    let all: Vec<Value> = admin.get(&format!("{COMMITS}?per_page=500")).await.list().to_vec();
    assert_eq!(revisions(&all), (1..=newest).rev().collect::<Vec<_>>());
    let mut paged = Vec::new();
    for page in 1..=newest {
        paged.extend(admin.get(&format!("{COMMITS}?per_page=1&page={page}")).await.list().to_vec());
    }
    assert_eq!(paged, all);
    assert_eq!(revisions(admin.get(&format!("{COMMITS}?before={newest}&per_page=1")).await.list()), [newest - 1]);
    assert_eq!(admin.get(&format!("{COMMITS}?before=1")).await.list().len(), 0);
    let bad = refused(&server, &format!("GET {COMMITS}?before=0"), json!({})).await;
    assert_eq!(bad, "400 1001 [?before] before must be a revision, not `0`");
}

#[tokio::test]
async fn a_commit_shows_both_sides_who_gained_and_who_lost_and_no_secret() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let whole = server.whole_account().await;
    let staff = group(&server, "staff", &[policy(&server, "allow", &["billing"], &[&whole])]).await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    admin.post(&format!("{GROUPS}/{staff}/members"), json!([{ "id": bea.id.to_string() }])).await.result();
    let joined = admin.get(&format!("{COMMITS}/{}", revision(&server).await)).await.result().clone();
    assert_eq!(joined["documents"][0]["before"], Value::Null);
    assert_eq!(joined["documents"][0]["document"], format!("group_member/{staff}/{}", bea.id));
    assert_eq!(joined["gains"][0]["principals"][0]["email"], "bea@example.com");
    assert_eq!(joined["losses"], json!([]));
    let token = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    let made = admin.get(&format!("{COMMITS}/{}", revision(&server).await)).await;
    assert_eq!(made.result()["documents"][0]["after"]["token"]["id"], token.id.to_string());
    assert!(!made.text.contains("digest") && !made.text.contains(&token.secret));
    for unknown in ["0", "99", "x"] {
        let answer = admin.get(&format!("{COMMITS}/{unknown}")).await;
        assert_eq!(
            (answer.status, answer.body["errors"][0]["message"].clone()),
            (404, json!(format!("commit `{unknown}` not found")))
        );
    }
}

#[tokio::test]
async fn undoing_restores_exactly_what_was_and_can_be_undone_itself() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let zone = zone_key(server.zone("a.example.com").await);
    let here = resource_group(&server, "here", &[&zone]).await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    let dns = group(&server, "dns", &[policy(&server, "allow", &["domain_dns"], &[&here])]).await;
    admin.post(&format!("{GROUPS}/{dns}/members"), json!([{ "id": bea.id.to_string() }])).await.result();
    let question = json!({ "action": "DNS Write", "resource": zone });
    let before = documents(&server).await;
    // A delete takes the members' places with it; all of them come back.
    admin.delete(&format!("{GROUPS}/{dns}")).await.result();
    assert_eq!(bea.post(AUTHORIZE, question.clone()).await.result()["allowed"], false);
    let deleted = revision(&server).await;
    let answer = revert(&admin, deleted).await;
    assert_eq!(*answer.result(), json!({ "reverted": deleted, "revision": deleted + 1 }));
    assert_eq!(documents(&server).await, before);
    assert_eq!(bea.post(AUTHORIZE, question.clone()).await.result()["allowed"], true);
    let after_delete = revert(&admin, deleted + 1).await;
    assert_eq!(after_delete.status, 200, "{}", after_delete.text);
    assert_eq!(bea.post(AUTHORIZE, question).await.result()["allowed"], false);
    // A rename, a member, a zone: each back and forth.
    admin.delete(&format!("{MEMBERS}/{}", bea.id)).await.result();
    let gone = documents(&server).await;
    let removed = revision(&server).await;
    revert(&admin, removed).await.result();
    revert(&admin, removed + 1).await.result();
    assert_eq!(documents(&server).await, gone);
}

#[tokio::test]
async fn a_dry_run_of_undoing_tells_who_would_gain() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let bea = server.member("bea@example.com", server.roles(&["Billing"])).await;
    admin.delete(&format!("{MEMBERS}/{}", bea.id)).await.result();
    let removed = revision(&server).await;
    let rehearsed = revert(&admin.clone().header("portcullis-dry-run", "true"), removed).await;
    assert_eq!(rehearsed.body["dry_run"]["gains"][0]["principals"][0]["email"], "bea@example.com");
    assert_eq!(revision(&server).await, removed);
}

#[tokio::test]
async fn what_stands_in_the_way_is_named_and_nothing_is_done() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let zone = server.zone("a.example.com").await;
    let here = resource_group(&server, "here", &[&zone_key(zone)]).await;
    let here_made = revision(&server).await;
    let staff = group(&server, "staff", &[policy(&server, "allow", &["domain_dns"], &[&here])]).await;
    let staff_made = revision(&server).await;
    let bea = server.member("bea@example.com", Grants::Policies(vec![])).await;
    let bea_made = revision(&server).await;
    admin.post(&format!("{GROUPS}/{staff}/members"), json!([{ "id": bea.id.to_string() }])).await.result();
    let mut lines = Vec::new();
    for made in [1, here_made, staff_made, bea_made] {
        lines.push(refused(&server, &format!("POST {COMMITS}/{made}/revert"), json!({})).await);
    }
    // Changed since.
    admin.put(&format!("{GROUPS}/{staff}"), json!({ "name": "crew" })).await.result();
    let renamed = revision(&server).await;
    admin.put(&format!("{GROUPS}/{staff}"), json!({ "name": "team" })).await.result();
    lines.push(refused(&server, &format!("POST {COMMITS}/{renamed}/revert"), json!({})).await);
    // The name is another's by now.
    admin.delete(&format!("{GROUPS}/{staff}")).await.result();
    let deleted = revision(&server).await;
    let other = admin.post(GROUPS, json!({ "name": "team" })).await.id();
    lines.push(refused(&server, &format!("POST {COMMITS}/{deleted}/revert"), json!({})).await);
    admin.delete(&format!("{GROUPS}/{other}")).await.result();
    // What it names is gone.
    admin.delete(&format!("{RESOURCE_GROUPS}/{here}")).await.result();
    lines.push(refused(&server, &format!("POST {COMMITS}/{deleted}/revert"), json!({})).await);
    assert_snapshot!(lines.join("\n"), @r"
    400 1001 [] the commit that made the account cannot be undone
    400 1010 [] resource group <id>: 1 policies name it
    400 1010 [] member <id> of user group <id>: came after the commit
    400 1010 [] member <id> of user group <id>: came after the commit
    400 1010 [] user group <id>: was changed since
    400 1010 [] user group <id>: has the name that user group <id> had
    400 1010 [] user group <id>: its policies name resource group <id>, which is gone
    ");
}

#[tokio::test]
async fn undoing_brings_no_secret_back_and_gives_nobody_what_it_does_not_hold() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let whole = server.whole_account().await;
    // It manages members, but is no super administrator.
    let manager = server.token(Owner::Account, &[allow(&["Account Settings Write"], &[&account_key(&server)])]).await;
    let second = server.member("dan@example.com", server.roles(&["Super Administrator - All Privileges"])).await;
    admin.delete(&format!("{MEMBERS}/{}", second.id)).await.result();
    let removed = revision(&server).await;
    let answer = revert(&manager, removed).await;
    assert_snapshot!(told(&answer), @r#"400 1001 only a super administrator may grant or revoke "Super Administrator - All Privileges""#);
    assert_eq!(revert(&admin, removed).await.status, 200);
    // Who only reads may not undo.
    let reader = server.member("eve@example.com", server.roles(&["Administrator Read Only"])).await;
    assert_eq!(told(&revert(&reader, removed + 1).await), "403 10000 Forbidden");
    assert_eq!(reader.get(COMMITS).await.status, 200);
    // A member without policies may not even look.
    let bare = server.member("fay@example.com", Grants::Policies(vec![])).await;
    assert_eq!(told(&bare.get(COMMITS).await), "403 10000 Forbidden");
    let own = vec![server.policy(Effect::Allow, &["billing"], &[&whole])];
    let gus = server.member("gus@example.com", Grants::Policies(own)).await;
    let made = revision(&server).await;
    assert_eq!(revert(&gus, made).await.status, 403);
    // Who may not write tokens cannot make or unmake one in this way either.
    server.token(Owner::Account, &[allow(&["DNS Read"], &[&account_key(&server)])]).await;
    let token_made = revision(&server).await;
    let answer = revert(&manager, token_made).await;
    assert_snapshot!(told(&answer), @"403 10000 Forbidden: you may not write everything that the commit wrote");
    assert_eq!(revert(&admin, token_made).await.status, 200);
    let message = refused(&server, &format!("POST {COMMITS}/{}/revert", token_made + 1), json!({})).await;
    assert_snapshot!(message, @"400 1001 [] token <id>: its secret is no longer valid and stays so; make a new token");
}
