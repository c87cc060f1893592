//! `POST /access/v1/search/…`: exact, complete, in a stable order, at one revision.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use model::members::Grants;
use model::policies::Effect;
use model::tokens::Network;
use serde_json::{Value, json};
use testkit::{Caller, Owner, TestServer, allow};

use super::{World, answered, ask, question, told, with, world};
use crate::support::{GROUPS, account_key, another_account, group, policy, resource_group, zone_key};

const SUBJECTS: &str = "/access/v1/search/subject";
const RESOURCES: &str = "/access/v1/search/resource";
const ACTIONS: &str = "/access/v1/search/action";

/// The names or ids of a page.
fn found(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().expect("results");
    let shown = |result: &Value| result["id"].as_str().or(result["name"].as_str()).expect("an id or a name").to_owned();
    assert_eq!(answer["page"]["count"], results.len());
    results.iter().map(shown).collect()
}

/// All pages of an answer, by a limit.
async fn pages(caller: &Caller, path: &str, question: &Value, limit: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let page = match token.is_empty() {
            true => json!({ "limit": limit }),
            false => json!({ "token": token }),
        };
        let answer = answered(caller.post(path, with(question.clone(), json!({ "page": page }))).await);
        pages.push(found(&answer));
        token = answer["page"]["next_token"].as_str().expect("a token").to_owned();
        if token.is_empty() {
            return pages;
        }
    }
}

fn who(kind: &str, action: &str, zone: &str) -> Value {
    json!({ "subject": { "type": kind }, "action": { "name": action }, "resource": { "type": "zone", "id": zone } })
}

/// A server with many members: every third may edit the DNS of a zone by a group, and every seventh is denied it.
async fn crowd(members: usize) -> (TestServer, String) {
    let server = TestServer::start().await;
    let zone = server.zone("example.com").await.to_string();
    let here = resource_group(&server, "here", &[&zone_key(&zone)]).await;
    let staff = group(&server, "staff", &[policy(&server, "allow", &["domain_dns"], &[&here])]).await;
    let mut ids = Vec::new();
    for index in 0..members {
        let denied = server.policy(Effect::Deny, &["domain_dns"], &[&here]);
        let policies = if index % 7 == 0 { vec![denied] } else { vec![] };
        let member = server.member(&format!("m{index}@example.com"), Grants::Policies(policies)).await;
        if index % 3 == 0 {
            ids.push(json!({ "id": member.id.to_string() }));
        }
    }
    server.admin().post(&format!("{GROUPS}/{staff}/members"), json!(ids)).await.result();
    (server, zone)
}

#[tokio::test]
async fn a_search_for_subjects_finds_those_who_are_allowed_and_no_others() {
    let (server, zone) = crowd(40).await;
    let admin = server.admin();
    let snapshot = server.runtime.account(server.account).await.expect("readable").expect("the account");
    let members: Vec<_> = snapshot.state.members().collect();
    for (kind, ids) in [
        ("member", members.iter().map(|member| member.id.to_string()).collect::<Vec<_>>()),
        ("user", members.iter().filter_map(|member| Some(member.user()?.to_string())).collect()),
        ("user_group", snapshot.state.user_group_ids().map(|group| group.to_string()).collect()),
    ] {
        let results = pages(&admin, SUBJECTS, &who(kind, "DNS Write", &zone), 1000).await.concat();
        assert!(results.is_sorted(), "by id");
        let results: BTreeSet<String> = results.into_iter().collect();
        assert!(!results.is_empty(), "{kind}");
        for id in ids {
            let subject = json!({ "subject": { "type": kind, "id": id } });
            let decision = ask(&admin, with(who(kind, "DNS Write", &zone), subject)).await["decision"] == true;
            assert_eq!(results.contains(&id), decision, "{kind} {id}");
        }
    }
}

#[tokio::test]
async fn pages_of_any_size_come_to_the_same() {
    let (server, zone) = crowd(40).await;
    let whole = pages(&server.admin(), SUBJECTS, &who("member", "DNS Write", &zone), 1000).await;
    assert_eq!(whole.len(), 1);
    let count = whole[0].len();
    assert!(count > 5);
    for limit in [1, 2, 5, count - 1, count, count + 1, 5_000_000] {
        let parts = pages(&server.admin(), SUBJECTS, &who("member", "DNS Write", &zone), limit).await;
        assert_eq!(parts.concat(), whole[0], "by {limit}");
        assert_eq!(parts.len(), count.div_ceil(limit), "by {limit}: no empty page at the end");
    }
}

#[tokio::test]
async fn all_pages_are_of_the_revision_of_the_first() {
    let (server, zone) = crowd(12).await;
    let admin = server.admin();
    let asked = who("member", "DNS Write", &zone);
    let whole = pages(&admin, SUBJECTS, &asked, 1000).await.concat();
    let first = admin.post(SUBJECTS, with(asked.clone(), json!({ "page": { "limit": 1 } }))).await;
    let token = first.body["page"]["next_token"].as_str().expect("a token").to_owned();
    let staff = answered(admin.post(SUBJECTS, who("user_group", "DNS Write", &zone)).await);
    admin.delete(&format!("{GROUPS}/{}", found(&staff)[0])).await.result();
    let mut rest = Vec::new();
    let mut next = token;
    while !next.is_empty() {
        let page = admin.post(SUBJECTS, with(asked.clone(), json!({ "page": { "token": next } }))).await;
        assert_eq!(page.header("portcullis-revision"), first.header("portcullis-revision"));
        rest.extend(found(&page.body));
        next = page.body["page"]["next_token"].as_str().expect("a token").to_owned();
    }
    assert_eq!([found(&first.body), rest].concat(), whole);
    let now = pages(&admin, SUBJECTS, &asked, 1000).await.concat();
    assert_eq!(now, [server.member.to_string()], "only the super administrator is left");
}

#[tokio::test]
async fn a_page_token_is_good_for_its_own_question_alone() {
    let (server, zone) = crowd(12).await;
    let admin = server.admin();
    let asked = who("member", "DNS Write", &zone);
    let first = answered(admin.post(SUBJECTS, with(asked.clone(), json!({ "page": { "limit": 1 } }))).await);
    let token = first["page"]["next_token"].as_str().expect("a token");
    let page = json!({ "page": { "token": token, "limit": 1 } });
    let good = with(asked.clone(), page.clone());
    assert_eq!(admin.post(SUBJECTS, good.clone()).await.status, 200);
    let changed = [
        with(good.clone(), json!({ "subject": { "type": "user" } })),
        with(good.clone(), json!({ "action": { "name": "DNS Read" } })),
        with(good.clone(), json!({ "resource": { "type": "account", "id": server.account.to_string() } })),
        with(good.clone(), json!({ "context": { "ip": "192.0.2.7" } })),
        with(good.clone(), json!({ "at": 5 })),
        with(good.clone(), json!({ "page": { "token": token, "limit": 2 } })),
        with(good.clone(), json!({ "page": { "token": format!("{token}00") } })),
        with(good.clone(), json!({ "page": { "token": "alsehrq3495u8" } })),
    ];
    let mut lines = Vec::new();
    for question in changed {
        lines.push(told(&admin.post(SUBJECTS, question).await));
    }
    let below = admin.post(&format!("/accounts/{{account}}{SUBJECTS}"), good.clone()).await;
    lines.push(told(&below));
    lines.dedup();
    assert_snapshot!(lines.join("\n"), @"400 `/page/token`: must be the `next_token` of the page before, and the rest of the question as it was there");
    assert_eq!(admin.post(RESOURCES, good).await.status, 400, "another search");
}

#[tokio::test]
async fn the_sought_id_is_ignored_and_a_limit_is_a_number() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let admin = server.admin();
    let expected = answered(admin.post(SUBJECTS, who("member", "DNS Write", &a)).await);
    for id in [json!(bea.id.to_string()), json!("x"), json!(7)] {
        let asked = with(who("member", "DNS Write", &a), json!({ "subject": { "type": "member", "id": id } }));
        assert_eq!(answered(admin.post(SUBJECTS, asked).await), expected);
    }
    let mut lines = Vec::new();
    for page in
        [json!(1), json!({ "limit": -1 }), json!({ "limit": "9" }), json!({ "limit": 1.5 }), json!({ "token": 7 })]
    {
        lines.push(told(&admin.post(SUBJECTS, with(who("member", "DNS Write", &a), json!({ "page": page }))).await));
    }
    assert_snapshot!(lines.join("\n"));
    let none =
        answered(admin.post(SUBJECTS, with(who("member", "DNS Write", &a), json!({ "page": { "limit": 0 } }))).await);
    assert_eq!(found(&none), [""; 0]);
    assert_ne!(none["page"]["next_token"], "", "there is more");
    for page in [json!(null), json!({}), json!({ "token": "", "properties": { "sort": "id" } })] {
        let asked = with(who("member", "DNS Write", &a), json!({ "page": page }));
        assert_eq!(answered(admin.post(SUBJECTS, asked).await), expected);
    }
}

#[tokio::test]
async fn a_search_for_resources_finds_those_it_is_allowed_on_and_no_others() {
    let World { server, bea, zones, .. } = world().await;
    let on = |kind: &str, action: &str| json!({ "subject": { "type": "user", "id": "bea@example.com" }, "action": { "name": action }, "resource": { "type": kind } });
    for caller in [&server.admin(), &bea.caller] {
        let results = pages(caller, RESOURCES, &on("zone", "DNS Write"), 1000).await.concat();
        assert_eq!(results, [zones[0].clone()]);
        let key = answered(caller.post(RESOURCES, on("com.cloudflare.api.account.zone", "domain_dns")).await);
        assert_eq!(key["results"], json!([{ "type": "zone", "id": zones[0] }]));
        assert_eq!(found(&answered(caller.post(RESOURCES, on("worker", "DNS Write")).await)), [""; 0]);
        assert_eq!(found(&answered(caller.post(RESOURCES, on("account", "Account Settings Read")).await)), [""; 0]);
        let member = on("account", "accounts-account-details");
        assert_eq!(found(&answered(caller.post(RESOURCES, member).await)), [server.account.to_string()]);
    }
    let admin =
        with(on("zone", "DNS Write"), json!({ "subject": { "type": "member", "id": server.member.to_string() } }));
    let mut all: Vec<String> = zones.to_vec();
    all.sort();
    for limit in [1, 2, 3, 4] {
        assert_eq!(pages(&server.admin(), RESOURCES, &admin, limit).await.concat(), all);
    }
    let nobody = with(admin, json!({ "subject": { "type": "user", "id": "nobody@example.com" } }));
    assert_eq!(found(&answered(server.admin().post(RESOURCES, nobody).await)), [""; 0]);
}

#[tokio::test]
async fn a_search_for_actions_finds_the_permissions_that_are_held_and_no_others() {
    let World { server, bea, zones: [a, b, _], .. } = world().await;
    let admin = server.admin();
    for zone in [&a, &b] {
        for subject in [&bea.id.to_string(), &server.member.to_string()] {
            let asked =
                json!({ "subject": { "type": "member", "id": subject }, "resource": { "type": "zone", "id": zone } });
            let results = pages(&admin, ACTIONS, &asked, 7).await.concat();
            assert!(results.is_sorted() && results.iter().collect::<BTreeSet<_>>().len() == results.len());
            let catalog = server.runtime.engine.catalog();
            let names: BTreeSet<&str> = catalog.permissions().iter().map(|permission| &*permission.name).collect();
            let all: Vec<Value> = names.iter().map(|name| json!({ "action": { "name": name } })).collect();
            let decisions =
                answered(admin.post("/access/v1/evaluations", with(asked, json!({ "evaluations": all }))).await);
            for (index, name) in names.iter().enumerate() {
                let decision = decisions["evaluations"][index]["decision"] == true;
                assert_eq!(results.iter().any(|found| found == name), decision, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn tokens_are_found_where_their_conditions_are_met() {
    let World { server, zones: [a, ..], .. } = world().await;
    let grants = [allow(&["DNS Write"], &[&zone_key(&a)])];
    let plain = server.token(Owner::Account, &grants).await;
    let inside = server
        .token_that(Owner::Account, &grants, |token| {
            token.condition.within = Box::new([Network("192.0.2.0/24".into())])
        })
        .await;
    let local = server
        .token_that(
            Owner::Account,
            &[allow(&["DNS Write", "Account Settings Read"], &[&account_key(&server)])],
            |token| {
                token.condition.within = Box::new([Network("127.0.0.0/8".into())]);
            },
        )
        .await;
    let ask = async |caller: &Caller, context: Value| {
        let asked = with(who("token", "DNS Write", &a), json!({ "context": context }));
        found(&answered(caller.post(SUBJECTS, asked).await))
    };
    let sorted = |tokens: &[&testkit::TestToken]| {
        let mut ids: Vec<String> = tokens.iter().map(|token| token.id.to_string()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ask(&server.admin(), json!({})).await, sorted(&[&plain]));
    assert_eq!(ask(&server.admin(), json!({ "ip": "192.0.2.7" })).await, sorted(&[&plain, &inside]));
    assert_eq!(ask(&local, json!({})).await, sorted(&[&plain, &local]), "the caller is where it calls from");
}

#[tokio::test]
async fn a_search_may_be_about_the_past() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let revision = crate::support::revision(&server).await;
    let admin = server.admin();
    admin.put(&format!("/accounts/{{account}}/members/{}", bea.id), json!({ "policies": [] })).await.result();
    let asked = who("member", "DNS Write", &a);
    let now = pages(&admin, SUBJECTS, &asked, 1).await.concat();
    let then = pages(&admin, SUBJECTS, &with(asked, json!({ "at": revision })), 1).await.concat();
    assert_eq!(now, [server.member.to_string()]);
    assert_eq!(BTreeSet::from_iter(then), BTreeSet::from([server.member.to_string(), bea.id.to_string()]));
}

#[tokio::test]
async fn who_may_search_is_who_may_ask() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    assert_eq!(bea.post(SUBJECTS, who("member", "DNS Write", &a)).await.status, 403, "it is about others");
    let own =
        json!({ "subject": { "type": "member", "id": bea.id.to_string() }, "resource": { "type": "zone", "id": a } });
    assert_eq!(bea.post(ACTIONS, own.clone()).await.status, 200);
    let other = with(own, json!({ "subject": { "type": "member", "id": server.member.to_string() } }));
    assert_eq!(bea.post(ACTIONS, other).await.status, 403);
    let (stranger, caller) = server.user("stranger@example.com").await;
    another_account(&server, &stranger).await;
    let nothing = json!({ "page": { "next_token": "", "count": 0 }, "results": [] });
    assert_eq!(answered(caller.post(SUBJECTS, who("member", "DNS Write", &a)).await), nothing);
    let below = format!("/accounts/{{account}}{SUBJECTS}");
    assert_eq!(caller.post(&below, who("member", "DNS Write", &a)).await.status, 403);
}

#[tokio::test]
async fn a_search_for_resources_by_somebody_in_several_accounts_is_asked_below_one() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    another_account(&server, &server.user).await;
    let asked = with(question(&bea, "DNS Write", &a), json!({ "resource": { "type": "zone" } }));
    assert_snapshot!(told(&server.admin().post(RESOURCES, asked.clone()).await), @"400 a search for resources is about one account, and you are not in exactly one; ask below it, at `/accounts/{account_id}/access/v1/search/resource`");
    let below = server.admin().post(&format!("/accounts/{{account}}{RESOURCES}"), asked).await;
    assert_eq!(found(&answered(below)), [a]);
}

#[tokio::test]
async fn what_a_search_needs_and_has_not_is_told_by_its_place() {
    let World { server, bea, zones: [a, ..], .. } = world().await;
    let good = question(&bea, "DNS Write", &a);
    let mut lines = Vec::new();
    for (path, part) in [
        (SUBJECTS, "action"),
        (SUBJECTS, "resource"),
        (SUBJECTS, "subject"),
        (RESOURCES, "subject"),
        (RESOURCES, "action"),
        (RESOURCES, "resource"),
        (ACTIONS, "subject"),
        (ACTIONS, "resource"),
    ] {
        let asked = with(good.clone(), json!({ part: null }));
        lines.push(format!("{path}: {}", told(&server.admin().post(path, asked).await)));
    }
    assert_snapshot!(lines.join("\n"));
    assert_eq!(server.admin().post(ACTIONS, with(good, json!({ "action": 7 }))).await.status, 200, "it is left out");
}
