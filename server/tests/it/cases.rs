//! The cases of `engine/tests/cases` over HTTP: the same accounts, questions and answers, and what lists show.

use std::collections::BTreeMap;

use model::change::{Change, Document};
use model::ids::UserId;
use runtime::secrets::{PlainSecret, SecretKind};
use serde_json::{Value, json};
use testkit::{Caller, TestServer};

use crate::support::{AUTHORIZE, origin, text};

#[path = "../../../engine/tests/cases/reader.rs"]
mod reader;

use reader::{Asked, Case, TokenCase, cases, email, key, member_id, policy_id};

/// A server with the account of a case in it.
struct World {
    server: TestServer,
    /// Who the members are, and how they call.
    people: BTreeMap<String, (UserId, Caller)>,
    /// The secrets of the tokens.
    secrets: BTreeMap<String, String>,
}

impl World {
    async fn of(case: &Case) -> World {
        let widgets = include_str!("../../../engine/tests/it/widgets.json");
        let server = TestServer::builder().catalogue(widgets).start().await;
        let mut people = BTreeMap::new();
        for name in case.members.keys() {
            let (user, caller) = server.user(&email(name)).await;
            people.insert(name.clone(), (user.id, caller));
        }
        let changes = case.changes(server.runtime.engine.catalog(), server.account, &|name| people[name].0);
        server.try_commit(server.account, |_, _| Ok((changes.clone(), ()))).await.expect("the account of the case");
        let mut world = World { server, people, secrets: BTreeMap::new() };
        for (name, token) in &case.tokens {
            let secret = world.token(name, token).await;
            world.secrets.insert(name.clone(), secret);
        }
        world
    }

    /// Stores a token and returns its secret.
    async fn token(&self, name: &str, token: &TokenCase) -> String {
        let runtime = &self.server.runtime;
        let kind = if token.of.is_some() { SecretKind::UserToken } else { SecretKind::AccountToken };
        let secret = PlainSecret::generate(kind).reveal().to_owned();
        let account = self.server.account;
        let document = token.token(runtime.engine.catalog(), account, name, runtime.secrets.digest(&secret));
        let changes = vec![Change::put(Document::Token(document.into()))];
        match &token.of {
            None => self.server.try_commit(account, |_, _| Ok((changes.clone(), ()))).await.expect("a token"),
            Some(owner) => {
                let (user, origin) = (self.people[owner].0, origin());
                _ = runtime
                    .commit_user(&engine::user_permit::UserPermit::for_system(user), &[], &origin, |_, _| {
                        Ok((changes.clone(), ()))
                    })
                    .await
                    .expect("a user's token");
            }
        }
        secret
    }

    /// The answer, and the policies in the order of their ids.
    async fn ask(&self, asked: &Asked) -> (String, Vec<String>) {
        let mut question = json!({ "action": asked.what, "resource": key(self.server.account, &asked.on) });
        match asked.who.strip_prefix("token ") {
            Some(name) => question["credential"] = json!(self.secrets[name]),
            None => question["subject"] = json!({ "member": member_id(&asked.who).to_string() }),
        }
        let answer = self.server.admin().post(AUTHORIZE, question).await;
        let answer = answer.result();
        assert_eq!(answer["allowed"], answer["reason"] == "allow");
        let policies = answer["policy_ids"].as_array().expect("policies").iter();
        let mut policies: Vec<String> = policies.map(|id| text(id).to_owned()).collect();
        policies.sort_unstable();
        (text(&answer["reason"]).to_owned(), policies)
    }

    /// The names of the zones that a member sees.
    async fn zones(&self, member: &str) -> Vec<String> {
        let listed = self.people[member].1.get("/zones").await;
        listed.list().iter().map(|zone: &Value| text(&zone["name"]).to_owned()).collect()
    }
}

#[tokio::test]
async fn the_api_decides_and_lists_every_case_as_it_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let world = World::of(&case).await;
        for asked in &case.asked {
            let mut by: Vec<String> = asked.by.iter().map(|name| policy_id(name).to_string()).collect();
            by.sort_unstable();
            let (expected, answer) = ((asked.answer.clone(), by), world.ask(asked).await);
            if answer != expected {
                let Asked { who, what, on, .. } = asked;
                let told = format!("{} {:?}: may {who} do {what} on {on}", case.case, case.shows);
                wrong.push(format!("{told}: {answer:?}, not {expected:?}"));
            }
        }
        for (member, expected) in &case.sees_zones {
            let seen = world.zones(member).await;
            if seen != *expected {
                wrong.push(format!("{}: {member} sees the zones {seen:?}, not {expected:?}", case.case));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
