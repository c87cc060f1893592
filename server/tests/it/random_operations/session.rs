//! One account on a server of its own, and the model beside it: every request goes to both, and both must say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::ResourceTypeIndex;
use engine::Account;
use model::accounts::NewAccount;
use model::change::Document;
use model::commit::{Actor, Request as CommitRequest};
use model::ids::{AccountId, Id, MemberId, ResourceGroupId, SsoConnectorId, StreamId, UserGroupId, ZoneId};
use model::members::{self, Grants, NewMember};
use model::resource_groups::{self, NewResourceGroup, ScopeInput};
use model::resources;
use model::rules::Limits as ServerLimits;
use model::sso_connectors::{self, NewSsoConnector};
use model::user_groups::{self, NewUserGroup};
use runtime::Origin;
use runtime::clock::Clock;
use runtime::stream::Snapshot;
use serde_json::Value;
use server::self_check::Rate;
use testkit::{Caller, Method, Owner, TestServer, allow};

use super::plain::{
    Answer, Asked, Facts, LIMITS, Member, PermissionGroup, Plain, Policy, Refusal, ResourceGroup, Scoped,
};
use super::pools::EMAILS;
use super::requests::{CONNECTORS, Kind, Request, Step, reading};
use super::rights::{self, Who};
use super::shown;
use crate::self_check;

pub struct Session {
    server: TestServer,
    pub plain: Plain,
    pub facts: Facts,
    callers: Vec<(Who, Caller)>,
    /// What the names that the model made up turned out to be.
    bound: BTreeMap<String, String>,
    /// Every id that was ever given out; none comes twice (D2).
    given: BTreeSet<String>,
    transcript: Vec<String>,
    /// States as they were, to be found again in the log.
    kept: Vec<Arc<Snapshot<Account>>>,
    /// How many grants were refused that the caller may not give (1001, like other bad input).
    pub excesses: usize,
}

const AUDITOR: Who = Who::Token("auditor", rights::SETTINGS_READ | rights::SSO_READ | rights::ZONE_READ);
const TOKENS: [Who; 3] =
    [Who::Token("settings", rights::SETTINGS), Who::Token("scim", rights::SCIM), Who::Token("sso", rights::SSO)];

/// Permission groups by label, with the rows of section 2.3: what they allow, what they deny, and whether they are denied.
const GROUPS: [(&str, Scoped, u16, u16, bool); 7] = {
    use rights::*;
    const ALL: u16 = SETTINGS | SCIM | SSO | ZONE | DNS | OTHER;
    const READS: u16 = SETTINGS_READ | SSO_READ | ZONE_READ | DNS_READ | OTHER;
    [
        ("domain_dns", Scoped::Zone, ZONE_READ | DNS, ZONE | DNS, true),
        ("billing", Scoped::Account, 0, 0, true),
        ("dns_admin", Scoped::Account, ZONE_READ | DNS, ZONE | DNS, true),
        ("admin_readonly", Scoped::Account, READS, READS, false),
        // Administrators write everything but the account's own administration; without reading it there is no writing it.
        ("admin", Scoped::Account, READS | ZONE | DNS, ALL & !SCIM, true),
        ("all_privileges", Scoped::Account, ALL, ALL, true),
        ("access_for_infrastructure_target_admin", Scoped::Other, 0, 0, true),
    ]
};

impl Session {
    pub async fn start() -> Session {
        let limits = |limits: &mut ServerLimits| {
            *limits = ServerLimits {
                user_groups: LIMITS.user_groups,
                resource_groups: LIMITS.resource_groups,
                policies: LIMITS.policies,
                permission_groups: LIMITS.permission_groups,
                policy_resource_groups: LIMITS.policy_resource_groups,
                objects: LIMITS.objects,
                members_per_request: LIMITS.members_per_request,
                groups_per_member: LIMITS.groups_per_member,
                sso_connectors: LIMITS.sso_connectors,
                ..ServerLimits::default()
            };
        };
        let server = TestServer::builder()
            .rules(|rules| {
                limits(&mut rules.limits);
                rules.allow_direct_add = true;
            })
            .settings(|settings| settings.self_check = Rate::ALL)
            .start()
            .await;
        let (callers, users) = people(&server).await;
        let facts = Facts {
            account: server.account.to_string(),
            users,
            groups: permission_groups(&server),
            token_permission: token_permission(&server),
            foreign: foreign(&server).await,
        };
        let now = server.clock.now().to_string();
        let plain = beginning(&facts, &now);
        let mut session = Session {
            server,
            plain,
            facts,
            callers,
            bound: BTreeMap::new(),
            given: BTreeSet::new(),
            transcript: vec![],
            kept: vec![],
            excesses: 0,
        };
        session.plain.revision = session.snapshot().await.revision();
        session
    }

    /// Whoever a step's number means: a super administrator more often than others.
    pub fn caller(&self, step: &Step) -> Who {
        let number = step.caller;
        let (which, rest) = (number % 20, usize::from(number / 20));
        let user = |at: usize| Who::User(self.facts.users[at].1.clone());
        match which {
            0..=10 => {
                let supers = rights::super_administrators(&self.plain, &self.facts);
                let member = self.plain.member(&supers[rest % supers.len()]).expect("a member");
                Who::User(member.user.clone().expect("super administrators are accepted"))
            }
            11..=15 => user(usize::from(which) - 11),
            16.. if CONNECTORS.contains(&step.kind) => TOKENS[2].clone(),
            16 | 17 => TOKENS[0].clone(),
            _ => TOKENS[1 + usize::from(rest % 4 == 3)].clone(),
        }
    }

    /// Sends a request, and compares what comes back with what the model says.
    pub async fn exchange(&mut self, who: &Who, request: &Request) -> Result<Option<Refusal>, String> {
        self.server.clock.advance(Duration::from_secs(1));
        let now = self.server.clock.now().to_string();
        let body = self.fill_value(&request.body);
        self.transcript.push(format!(
            "{now} {} {} {}{} {:?} {body}",
            self.name_of(who),
            request.method,
            self.fill(&request.path),
            self.query(request),
            request.if_match.unwrap_or_default(),
        ));
        // Comparing everything that everybody may do takes its time.
        let rehearses = self.transcript.len().is_multiple_of(3);
        let rehearsal = if rehearses { self.rehearse(who, request, &body).await } else { Ok(None) };
        let rehearsal = rehearsal.map_err(|what| self.failure(&what))?;
        let response = self.send(who, request, &body, &[]).await;
        let errors = &response.body["errors"];
        let refusal = (response.body["success"] != true)
            .then(|| (response.status, errors[0]["code"].as_u64().unwrap_or_default()));
        if let Some(line) = self.transcript.last_mut() {
            line.push_str(&format!("\n    -> {} {:.1000}", response.status, response.text));
        }
        if let Some(rehearsal) = rehearsal {
            let compared = self.compare_rehearsal(&rehearsal, &response).await;
            compared.map_err(|what| self.failure(&what))?;
        }
        let told = self.plain.carry_out(&Asked { who, request, now: &now, facts: &self.facts });
        let differs = |what: String| Err(self.failure(&what));
        match (told, refusal) {
            (Err(expected), Some(refusal)) if expected == refusal => {
                if !response.body["result"].is_null() {
                    return differs("a refusal has no result".to_owned());
                }
                let message = errors[0]["message"].as_str().unwrap_or_default();
                let is_excess =
                    message.starts_with("Failed common permission check") || message.contains("may grant or revoke");
                self.excesses += usize::from(is_excess);
                Ok(Some(refusal))
            }
            (Err(expected), None) => differs(format!("the model refuses with {expected:?}")),
            (Err(expected), Some(_)) => differs(format!("the model refuses with {expected:?} instead")),
            (Ok(_), Some(_)) => differs("the model sees no reason to refuse".to_owned()),
            (Ok(answer), None) => {
                let compared = self.compare(&answer, &response);
                compared.map_err(|what| self.failure(&format!("{what}\n    the model says {answer:?}")))?;
                if request.kind == Kind::RegisterZone {
                    // The zone's resource group has an id, too, and only the list says which.
                    return Box::pin(self.exchange(&AUDITOR, &reading(Kind::ListResourceGroups, &[], &[]))).await;
                }
                Ok(None)
            }
        }
    }

    pub async fn send(
        &self,
        who: &Who,
        request: &Request,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> testkit::Response {
        let (_, caller) = self.callers.iter().find(|(known, _)| known == who).expect("a known caller");
        let mut caller = caller.clone();
        let if_match = request.if_match.map(|tag| ("if-match", tag));
        for (name, value) in headers.iter().copied().chain(if_match) {
            caller = caller.header(name, value);
        }
        let method = Method::try_from(request.method).expect("a method");
        let path = format!("{}{}", self.fill(&request.path), self.query(request));
        caller.send(method, &path, (!body.is_null()).then(|| body.to_string())).await
    }

    fn compare(&mut self, answer: &Answer, response: &testkit::Response) -> Result<(), String> {
        if response.status != 200 {
            return Err(format!("every success is 200, not {}", response.status));
        }
        match &answer.result {
            Some(expected) => {
                let actual = shown::reduced(&response.body["result"]);
                self.unify(expected, &actual, "result")?;
            }
            None if response.body.get("result").is_some() => return Err("there is to be no result".to_owned()),
            None => {}
        }
        for (name, expected) in answer.info.iter().flat_map(|info| info.as_object().into_iter().flatten()) {
            let actual = &response.body["result_info"][name];
            if actual != expected {
                return Err(format!("result_info.{name} is {actual}, not {expected}"));
            }
        }
        let messages = response.body["messages"].as_array().into_iter().flatten();
        let codes: Vec<u64> = messages.filter_map(|message| message["code"].as_u64()).collect();
        if codes != answer.messages {
            return Err(format!("the messages are {codes:?}, not {:?}", answer.messages));
        }
        let revision = answer.at_revision.then(|| self.plain.revision.to_string());
        if response.header("portcullis-revision") != revision.as_deref() {
            return Err(format!("the revision is {:?}, not {revision:?}", response.header("portcullis-revision")));
        }
        Ok(())
    }

    /// Whether both are the same. What the model has no id for yet takes the one that the server shows.
    fn unify(&mut self, expected: &Value, actual: &Value, at: &str) -> Result<(), String> {
        match (expected, actual) {
            (Value::String(text), Value::String(shown)) => {
                let text = self.fill(text);
                if text == *shown {
                    return Ok(());
                }
                if !(text.starts_with('#') && text.ends_with('.')) {
                    return Err(format!("{at} is {shown:?}, not {text:?}"));
                }
                if !self.given.insert(shown.clone()) {
                    return Err(format!("{at} is {shown:?}, which was given before"));
                }
                self.bound.insert(text, shown.clone());
                Ok(())
            }
            (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
                let mut pairs = expected.iter().zip(actual).enumerate();
                pairs.try_for_each(|(index, (expected, actual))| self.unify(expected, actual, &format!("{at}/{index}")))
            }
            (Value::Object(expected), Value::Object(actual)) if expected.keys().eq(actual.keys()) => {
                let mut pairs = expected.iter().zip(actual.values());
                pairs.try_for_each(|((name, expected), actual)| self.unify(expected, actual, &format!("{at}/{name}")))
            }
            (expected, actual) if expected == actual => Ok(()),
            (expected, actual) => Err(format!("{at} is {actual}, not {expected}")),
        }
    }

    /// The text with ids in the place of the names that the model made up.
    fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('#') {
            let end = start + rest[start..].find('.').map_or(rest.len() - start, |length| length + 1);
            let name = &rest[start..end];
            filled.push_str(&rest[..start]);
            filled.push_str(self.bound.get(name).map_or(name, String::as_str));
            rest = &rest[end..];
        }
        filled + rest
    }

    fn query(&self, request: &Request) -> String {
        if request.query.is_empty() {
            return String::new();
        }
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        query.extend_pairs(request.query.iter().map(|(name, value)| (name, self.fill(value))));
        query.finish()
    }

    fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.fill(text).into(),
            Value::Array(items) => items.iter().map(|item| self.fill_value(item)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), self.fill_value(value))).collect())
            }
            other => other.clone(),
        }
    }

    fn name_of(&self, who: &Who) -> String {
        match who {
            Who::Token(name, _) => format!("token:{name}"),
            Who::User(user) => {
                self.facts.users.iter().find(|(_, id)| id == user).map_or(user, |(email, _)| email).clone()
            }
        }
    }

    fn failure(&self, what: &str) -> String {
        // Reading back fills pages and explains nothing, save where it is what failed.
        let last = self.transcript.len().saturating_sub(1);
        let lines = self.transcript.iter().enumerate();
        let lines = lines.filter(|(at, line)| *at == last || !line.contains("token:auditor")).map(|(_, line)| &**line);
        format!("{what}\n{}", lines.collect::<Vec<_>>().join("\n"))
    }

    /// Reads everything that can be read, and compares it.
    pub async fn read_everything(&mut self) -> Result<(), String> {
        let mut requests = vec![
            reading(Kind::ListMembers, &[], &[("per_page", "50")]),
            reading(Kind::ListResourceGroups, &[], &[]),
            reading(Kind::ListUserGroups, &[], &[]),
            reading(Kind::ListConnectors, &[], &[]),
            reading(Kind::ListZones, &[], &[("account.id", &self.facts.account)]),
        ];
        requests.extend(self.plain.user_groups.iter().map(|group| reading(Kind::ListGroupMembers, &[&group.id], &[])));
        let anonymous = self.plain.resource_groups.iter().filter(|group| group.policy.is_some());
        requests.extend(anonymous.map(|group| reading(Kind::GetResourceGroup, &[&group.id], &[])));
        for request in &requests {
            if let Some(refusal) = self.exchange(&AUDITOR, request).await? {
                return Err(self.failure(&format!("reading back is refused with {refusal:?}")));
            }
        }
        self.kept.push(self.snapshot().await);
        Ok(())
    }

    pub async fn snapshot(&self) -> Arc<Snapshot<Account>> {
        self.server.runtime.account(self.server.account).await.expect("readable").expect("the account")
    }

    /// How many decisions the server has put to the oracle meanwhile; none of them differed.
    pub async fn self_checks(&self) -> Result<u64, String> {
        let metrics = self.server.anonymous().get("/metrics").await.text;
        let count = |outcome| self_check::count(&metrics, outcome);
        if count("diverged") > 0 {
            return Err(self.failure("the engine and the oracle differ"));
        }
        Ok(count("agreed"))
    }

    /// Replays the log, and finds in it every state that was kept.
    pub async fn replay(&self) -> Result<(), String> {
        let (runtime, account) = (&self.server.runtime, self.server.account);
        let live = self.snapshot().await;
        let documents = |snapshot: &Snapshot<Account>| snapshot.state.documents().collect::<Vec<Document>>();
        for kept in self.kept.iter().chain([&live]) {
            let replayed =
                runtime.account_at(account, Some(kept.revision())).await.map_err(|error| error.to_string())?;
            if documents(&replayed) != documents(kept) || replayed.hash != kept.hash {
                return Err(self.failure(&format!("revision {} is replayed as another state", kept.revision())));
            }
        }
        let verified = runtime.verify(StreamId::Account(account)).await;
        let verified = verified.map_err(|error| self.failure(&error.to_string()))?;
        if verified.commits != self.plain.revision {
            return Err(self.failure(&format!("the log has {} commits, not {}", verified.commits, self.plain.revision)));
        }
        Ok(())
    }
}

/// The people of the account, and the tokens. The last one is no member yet.
async fn people(server: &TestServer) -> (Vec<(Who, Caller)>, Vec<(String, String)>) {
    let second = server.member(EMAILS[1], server.roles(&["Super Administrator - All Privileges"])).await;
    let reader = server.member(EMAILS[2], server.roles(&["Administrator Read Only"])).await;
    let plain = server.member(EMAILS[3], Grants::Policies(vec![])).await;
    let (uma, uma_caller) = server.user(EMAILS[4]).await;
    let users = [
        (server.user.id, server.admin()),
        (second.user, second.caller),
        (reader.user, reader.caller),
        (plain.user, plain.caller),
        (uma.id, uma_caller),
    ];
    let ids = EMAILS.iter().zip(&users).map(|(email, (id, _))| ((*email).to_owned(), id.to_string())).collect();
    let mut callers: Vec<(Who, Caller)> =
        users.into_iter().map(|(id, caller)| (Who::User(id.to_string()), caller)).collect();
    let permissions: [&[&str]; 4] = [
        &["Account Settings Write"],
        &["SCIM Provisioning"],
        &["SSO Connector Write"],
        &["Account Settings Read", "SSO Connector Read", "Zone Read"],
    ];
    for (who, permissions) in TOKENS.into_iter().chain([AUDITOR]).zip(permissions) {
        let grant = allow(permissions, &["com.cloudflare.api.account.{account}"]);
        callers.push((who, server.token(Owner::Account, &[grant]).await.caller));
    }
    (callers, ids)
}

fn permission_groups(server: &TestServer) -> Vec<PermissionGroup> {
    let catalog = server.runtime.engine.catalog();
    let groups = GROUPS.iter().map(|&(label, scope, allows, denies, may_be_denied)| {
        let group = catalog.iam_group_by_label(label).expect("a label of the catalogue");
        let known = match group.scope {
            ResourceTypeIndex::ACCOUNT => Scoped::Account,
            ResourceTypeIndex::ZONE => Scoped::Zone,
            _ => Scoped::Other,
        };
        assert_eq!(known, scope, "{label}");
        PermissionGroup {
            id: group.id.to_string(),
            // A group without a role stands for itself.
            role: group.role.unwrap_or(group.id).to_string(),
            scope,
            allows,
            denies,
            is_all_privileges: label == "all_privileges",
            may_be_denied,
        }
    });
    groups.collect()
}

fn token_permission(server: &TestServer) -> String {
    let catalog = server.runtime.engine.catalog();
    let id = catalog.permissions_named("DNS Write").next().expect("a permission of the token catalogue").id;
    assert!(catalog.iam_group(&id).is_none(), "this one is in the token catalogue only");
    id.to_string()
}

/// Another account with one object of each kind.
async fn foreign(server: &TestServer) -> Vec<(&'static str, String)> {
    let runtime = &server.runtime;
    let fresh = || -> Id { runtime.environment().next_id() };
    let (stranger, _) = server.user("stranger@example.net").await;
    let account = AccountId(fresh());
    let origin = Origin { actor: Actor::System { reason: "test".into() }, request: CommitRequest::default() };
    let new = NewAccount { name: "Other Account".to_owned(), kind: None };
    runtime.create_account(account, &new, &stranger, &origin, |_, _| None).await.expect("another account");
    let (group, place, member) = (UserGroupId(fresh()), ResourceGroupId(fresh()), MemberId(fresh()));
    let (zone, connector) = (ZoneId(fresh()), SsoConnectorId(fresh()));
    let commit = server.try_commit(account, |state, environment| {
        let (mut changes, _) = resources::create_zone(state, environment, "example.com", zone)?;
        let new = NewUserGroup { name: "Staff".to_owned(), policies: vec![] };
        changes.extend(user_groups::create(state, environment, &new, group)?.0);
        let key = resource_groups::account_key(account);
        let new =
            NewResourceGroup { name: "Staff".to_owned(), scope: ScopeInput { key, objects: vec!["*".to_owned()] } };
        changes.extend(resource_groups::create(state, environment, &new, place)?.0);
        let grants = Grants::Policies(vec![]);
        let new = NewMember {
            email: EMAILS[5].to_owned(),
            grants,
            accepted: false,
            api_access: None,
            invited_by: String::new(),
        };
        changes.extend(members::create(state, environment, &new, member, None)?.0);
        let new = NewSsoConnector {
            email_domain: "example.com".to_owned(),
            begin_verification: false,
            use_fedramp_language: false,
            enabled: false,
        };
        changes.extend(sso_connectors::create(state, environment, &new, connector)?.0);
        Ok((changes, ()))
    });
    commit.await.expect("objects of another account");
    vec![
        ("account", account.to_string()),
        ("user_group", group.to_string()),
        ("resource_group", place.to_string()),
        ("member", member.to_string()),
        ("zone", zone.to_string()),
        ("connector", connector.to_string()),
    ]
}

/// The model of the account as it is before the first request.
fn beginning(facts: &Facts, now: &str) -> Plain {
    let mut plain = Plain::default();
    plain.account = facts.account.clone();
    let (whole, key) = (plain.new_id(), plain.account_key());
    plain.resource_groups.push(ResourceGroup {
        id: whole.clone(),
        name: key.clone(),
        key,
        objects: vec!["*".to_owned()],
        built_in: true,
        policy: None,
        created_on: now.to_owned(),
        modified_on: now.to_owned(),
    });
    let group = |label: &str| {
        let at = GROUPS.iter().position(|(known, ..)| *known == label).expect("a known label");
        facts.groups[at].id.clone()
    };
    let grants = [Some(group("all_privileges")), Some(group("all_privileges")), Some(group("admin_readonly")), None];
    for ((email, user), grant) in facts.users.iter().zip(grants) {
        let policies = grant.into_iter().map(|group| Policy {
            id: plain.new_id(),
            access: "allow".to_owned(),
            permission_groups: vec![group],
            resource_groups: vec![whole.clone()],
            created_on: now.to_owned(),
            modified_on: now.to_owned(),
        });
        let policies = policies.collect();
        let (id, user, invited_on) = (plain.new_id(), Some(user.clone()), now.to_owned());
        plain.members.push(Member { id, email: email.clone(), user, policies, invited_on });
    }
    plain
}
