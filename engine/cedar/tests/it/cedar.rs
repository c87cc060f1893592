//! Cedar as a second oracle, made by others: the same accounts, told as Cedar entities and policies, give the same
//! decisions for the same reasons.
//!
//! What Cedar has a word for is said with it: a user is in its membership, which is in its groups; a resource is in what
//! it lies in, and in the account; D6 is a hierarchy of actions; what a permission is about stands in the schema. A
//! user's token is two authorizations, which both must allow (D5). Only documents and the catalogue are read here,
//! nothing that the engine or the oracle have made of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use catalog::{Access, KeyId, Permission, ResourceType, ResourceTypeIndex};
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityUid, Policy as CedarPolicy, PolicyId as CedarId, PolicySet,
    Request, Schema,
};
use engine::decide::{Decision, Reason};
use model::account_state::AccountState;
use model::change::Document;
use model::ids::{PolicyId, ResourceGroupId};
use model::members::Standing;
use model::policies::{Effect, Policy};
use model::resource_groups::{Scope, account_key};
use model::tokens::{Token, TokenPolicy, TokenResource};
use proptest::collection::vec;
use proptest::prop_assert_eq;
use proptest::test_runner::{TestError, TestRunner};

use crate::runs::{Tally, oracle_config};
use crate::world::*;

#[test]
fn cedar_gives_the_same_decisions() {
    let tally = Tally::default();
    let strategy = (world(60), vec(question(), 60));
    let outcome = TestRunner::new(oracle_config(150)).run(&strategy, |(world, questions)| {
        let told = Told::of(&world.state);
        for question in &questions {
            let decision = told.decide(question);
            prop_assert_eq!(&engine_decides(&world, question), &decision, "{:?}", question);
            tally.note(decision.reason.as_str());
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, (world, _))) = outcome {
        panic!("{reason}\n{world:?}");
    }
    tally.print_reasons("cedar", 5_000);
}

/// An account in Cedar's words.
struct Told {
    account: String,
    entities: Entities,
    /// Of all members and groups.
    policies: PolicySet,
}

impl Told {
    fn of(state: &AccountState) -> Told {
        let account = account_key(state.account_id());
        let mut teller = Teller::new(&account);
        let scopes = scopes(state);
        for document in state.documents() {
            let (who, policies) = match &document {
                Document::Member(member) => (entity_text("Member", &member.id.to_string()), &member.policies),
                Document::UserGroup(group) => (entity_text("UserGroup", &group.id.to_string()), &group.policies),
                _ => continue,
            };
            policies.iter().for_each(|policy| teller.tell(&format!("principal in {who}"), policy, &scopes));
        }
        let entities = people(state).into_iter().chain(resources(state, &account));
        let entities = entities.map(|(uid, parents)| Entity::new_no_attrs(uid, parents));
        let entities = ACTIONS.clone().add_entities(entities, None).expect("entities without rings");
        Told { entities, policies: teller.finish(), account }
    }

    fn decide(&self, question: &Question) -> Decision {
        let user = |n: u8| (entity("User", &user_id(n).to_string()), Cow::Borrowed(&self.policies));
        let sides = match &question.caller {
            Caller::User(n) => vec![user(*n)],
            Caller::UserToken(n, token) => vec![self.token(token, None), user(*n)],
            Caller::AccountToken(home, token) => vec![self.token(token, Some(&account_key(*home)))],
        };
        let (mut allowing, mut denying) = (BTreeSet::new(), BTreeSet::new());
        for action in &question.accepted {
            let answers: Vec<Answer> =
                sides.iter().map(|(who, policies)| self.ask(who, action, &question.key, policies)).collect();
            let forbidden: BTreeSet<PolicyId> =
                answers.iter().filter(|answer| !answer.allowed).flat_map(|answer| answer.reasons.clone()).collect();
            if !forbidden.is_empty() {
                denying.extend(forbidden);
            } else if answers.iter().all(|answer| answer.allowed) {
                allowing.extend(answers.into_iter().flat_map(|answer| answer.reasons));
            }
        }
        let (reason, policies) = match (allowing.is_empty(), denying.is_empty()) {
            (false, _) => (Reason::Allow, allowing),
            (true, false) => (Reason::ExplicitDeny, denying),
            (true, true) => (Reason::ImplicitDeny, BTreeSet::new()),
        };
        Decision { allowed: reason == Reason::Allow, reason, policies: policies.into_iter().collect() }
    }

    /// Cedar's answer. Where the schema knows no such action on such a thing, nothing speaks of it.
    fn ask(&self, who: &EntityUid, action: &str, key: &str, policies: &PolicySet) -> Answer {
        let request = |resource| {
            Request::new(who.clone(), entity("Action", action), resource, Context::empty(), Some(&SCHEMA)).ok()
        };
        let Some(request) = resource(key).and_then(request) else { return Answer::default() };
        let response = Authorizer::new().is_authorized(&request, policies, &self.entities);
        let errors: Vec<_> = response.diagnostics().errors().collect();
        assert!(errors.is_empty(), "{errors:?}");
        let id = |id: &CedarId| {
            let text: &str = id.as_ref();
            text.split('#').next().and_then(|text| text.parse().ok()).map(PolicyId).expect("the id of a policy")
        };
        Answer {
            allowed: response.decision() == cedar_policy::Decision::Allow,
            reasons: response.diagnostics().reason().map(id).collect(),
        }
    }

    /// A token, and what it says: in its own account alone, if it has one (D11).
    fn token(&self, token: &Token, home: Option<&str>) -> (EntityUid, Cow<'_, PolicySet>) {
        let mut teller = Teller::new(&self.account);
        let id = token.id.to_string();
        let who = format!("principal == {}", entity_text("Token", &id));
        token.policies.iter().for_each(|policy| teller.tell_of_token(&who, policy, home));
        (entity("Token", &id), Cow::Owned(teller.finish()))
    }
}

/// What Cedar says: the policies that permit, or those that forbid.
#[derive(Default)]
struct Answer {
    allowed: bool,
    reasons: BTreeSet<PolicyId>,
}

/// Writes policies of one account.
struct Teller<'a> {
    account: &'a str,
    policies: Vec<CedarPolicy>,
}

impl<'a> Teller<'a> {
    fn new(account: &'a str) -> Teller<'a> {
        Teller { account, policies: Vec::new() }
    }

    fn finish(self) -> PolicySet {
        PolicySet::from_policies(self.policies).expect("every policy has an id of its own")
    }

    /// A policy of a member or group. A policy grants the full cross product, so each permission group is told alone.
    fn tell(&mut self, who: &str, policy: &Policy, scopes: &BTreeMap<ResourceGroupId, Scope>) {
        let mut places = Vec::new();
        for id in &policy.resource_groups {
            let readable = match scopes.get(id) {
                Some(scope) => self.tell_scope(scope, &mut places),
                None => false,
            };
            places.extend((!readable).then(|| everywhere_denied(policy.access)).flatten());
        }
        let groups: Vec<_> = policy.permission_groups.iter().map(|id| CATALOG.iam_group(id)).collect();
        if policy.access == Effect::Deny && groups.contains(&None) {
            return self.add(policy.id, policy.access, who, "action", &places);
        }
        for group in groups.into_iter().flatten() {
            let kinds = kinds_in(group.scope).map(|kind| format!("resource is {}", path(&kind.key)));
            let kinds = kinds.collect::<Vec<_>>().join(" || ");
            let places: Vec<String> = places.iter().map(|place| format!("({kinds}) && {place}")).collect();
            let actions = entity_text(&format!("{}Group::Action", word(policy.access)), &group.label);
            self.add(policy.id, policy.access, who, &format!("action in {actions}"), &places);
        }
    }

    /// The places of a scope, and whether all of it can be read (D8). A scope of another account is no place here.
    fn tell_scope(&self, scope: &Scope, places: &mut Vec<String>) -> bool {
        let mut readable = resource(&scope.key).is_some();
        let mut told = Vec::new();
        match scope.shown_objects() {
            [only] if **only == *"*" => told.push("true".to_owned()),
            objects => {
                for object in objects {
                    match inside_an_account(object) {
                        Some(place) => told.push(place),
                        None => readable = false,
                    }
                }
            }
        }
        if *scope.key == *self.account {
            places.extend(told);
        }
        readable
    }

    /// A policy of a token.
    fn tell_of_token(&mut self, who: &str, policy: &TokenPolicy, home: Option<&str>) {
        let mut places = Vec::new();
        for (key, resource) in &policy.resources {
            let told = of_token(key, resource, &mut places);
            places.extend((!told).then(|| everywhere_denied(policy.effect)).flatten());
        }
        if let Some(home) = home {
            let home = resource_text(home);
            places.iter_mut().for_each(|place| *place = format!("resource in {home} && {place}"));
        }
        let known: Vec<_> = policy.permission_groups.iter().map(|id| CATALOG.permission(id)).collect();
        if policy.effect == Effect::Deny && known.contains(&None) {
            return self.add(policy.id, policy.effect, who, "action", &places);
        }
        let action = |permission: &Permission| {
            entity_text(&format!("{}::Action", word(policy.effect)), &permission_text(permission))
        };
        let actions: Vec<String> = known.into_iter().flatten().map(action).collect();
        if !actions.is_empty() {
            self.add(policy.id, policy.effect, who, &format!("action in [{}]", actions.join(", ")), &places);
        }
    }

    fn add(&mut self, id: PolicyId, effect: Effect, who: &str, action: &str, places: &[String]) {
        if places.is_empty() {
            return;
        }
        let word = if effect == Effect::Allow { "permit" } else { "forbid" };
        let account = resource_text(self.account);
        let places = places.iter().map(|place| format!("({place})")).collect::<Vec<_>>().join(" || ");
        let text = format!("{word} ({who}, {action}, resource in {account}) when {{ {places} }};");
        let id = CedarId::new(format!("{id}#{}", self.policies.len()));
        self.policies.push(CedarPolicy::parse(Some(id), &text).unwrap_or_else(|error| panic!("{text}: {error}")));
    }
}

/// D8: what cannot be read is everything to a deny, and nothing to an allow.
fn everywhere_denied(effect: Effect) -> Option<String> {
    (effect == Effect::Deny).then(|| "true".to_owned())
}

/// The places of a row of section 2.1, and whether it can be read.
fn of_token(key: &str, resource: &TokenResource, places: &mut Vec<String>) -> bool {
    let Ok(outer) = CATALOG.parse_key(key) else { return false };
    let is_account = outer.kind == ResourceTypeIndex::ACCOUNT;
    let here = place(key).expect("a key that was parsed");
    match resource {
        // Every account that there is holds whatever is asked about.
        TokenResource::Everything(_) if is_account && outer.id == KeyId::Any => places.push("true".to_owned()),
        TokenResource::Everything(_) => places.push(here),
        TokenResource::Within(inner) => {
            let told: Vec<_> = inner.keys().map(inside_an_account).collect();
            let readable = is_account && told.iter().all(Option::is_some);
            if is_account {
                let here = if outer.id == KeyId::Any { "true".to_owned() } else { here };
                places.extend(told.into_iter().flatten().map(|place| format!("{here} && {place}")));
            }
            return readable;
        }
    }
    true
}

/// A place of something that lies in an account: the resource of that key and what lies in it, or all of one type (D10).
fn inside_an_account(key: &str) -> Option<String> {
    let kind = CATALOG.parse_key(key).ok()?.kind;
    let inside = kind != ResourceTypeIndex::ACCOUNT && CATALOG.is_self_or_descendant(kind, ResourceTypeIndex::ACCOUNT);
    inside.then(|| place(key))?
}

fn place(key: &str) -> Option<String> {
    let parsed = CATALOG.parse_key(key).ok()?;
    Some(match parsed.id {
        KeyId::Any => format!("resource is {}", path(&CATALOG.resource_type(parsed.kind).key)),
        KeyId::Id(_) => format!("resource in {}", resource_text(key)),
    })
}

fn scopes(state: &AccountState) -> BTreeMap<ResourceGroupId, Scope> {
    let groups = state.documents().filter_map(|document| match document {
        Document::ResourceGroup(group) => Some((group.id, group.scope.clone())),
        _ => None,
    });
    groups.collect()
}

/// An entity and what it is in.
type Placed = (EntityUid, HashSet<EntityUid>);

/// Users, who are in their memberships if they have accepted (D4), and members, who are in their groups.
fn people(state: &AccountState) -> Vec<Placed> {
    let member = |id: model::ids::MemberId| entity("Member", &id.to_string());
    let mut found: BTreeMap<EntityUid, HashSet<EntityUid>> = BTreeMap::new();
    for document in state.documents() {
        match document {
            Document::Member(this) => {
                if let Standing::Accepted { user, .. } = this.standing {
                    found.entry(entity("User", &user.to_string())).or_default().insert(member(this.id));
                }
            }
            Document::GroupMember(place) => {
                let group = entity("UserGroup", &place.group.to_string());
                found.entry(member(place.member)).or_default().insert(group);
            }
            _ => {}
        }
    }
    found.into_iter().collect()
}

/// The account, and the registered resources in it: in the account, whatever else they lie in. One that lies in itself is
/// nowhere (D8).
fn resources(state: &AccountState, account: &str) -> Vec<Placed> {
    let registered = state.documents().filter_map(|document| match document {
        Document::Resource(resource) => Some((resource.key.to_string(), resource.parent.clone().map(String::from))),
        _ => None,
    });
    let registered: BTreeMap<String, Option<String>> = registered.collect();
    let parent = |key: &String| registered[key].clone().filter(|parent| registered.contains_key(parent));
    let lies_in_itself =
        |key: &String| std::iter::successors(Some(key.clone()), parent).nth(registered.len()).is_some();
    let account = resource(account).expect("the key of an account");
    let placed = registered.keys().filter(|key| !lies_in_itself(key)).filter_map(|key| {
        let parent = parent(key).and_then(|parent| resource(&parent));
        Some((resource(key)?, parent.into_iter().chain([account.clone()]).collect()))
    });
    placed.chain([(account.clone(), HashSet::new())]).collect()
}

/// What each permission and permission group stands for (D6): whoever is allowed to write may read, whoever is denied to
/// read may not write, both within one family of one scope.
static ACTIONS: LazyLock<Entities> = LazyLock::new(|| {
    let mut parents: BTreeMap<EntityUid, HashSet<EntityUid>> = BTreeMap::new();
    let action = |kind: &str, permission: &Permission| entity(kind, &permission_text(permission));
    for this in CATALOG.permissions() {
        let mut add = |kind, other: &Permission| {
            parents.entry(action("Action", this)).or_default().insert(action(kind, other));
        };
        add("Allow::Action", this);
        add("Deny::Action", this);
        for other in CATALOG.permissions() {
            if (other.scope, &other.family) == (this.scope, &this.family) {
                match (this.access, other.access) {
                    (Access::Read, Access::Write) => add("Allow::Action", other),
                    (Access::Write, Access::Read) => add("Deny::Action", other),
                    _ => {}
                }
            }
        }
    }
    for group in CATALOG.iam_groups() {
        // The catalogue tells both closures; what it was told to hold is what they have in common.
        for index in group.allows.iter().filter(|index| group.denies.contains(*index)) {
            for effect in ["Allow", "Deny"] {
                let held = action(&format!("{effect}::Action"), CATALOG.permission_at(index));
                parents.entry(held).or_default().insert(entity(&format!("{effect}Group::Action"), &group.label));
            }
        }
    }
    let entities = parents.into_iter().map(|(uid, parents)| Entity::new_no_attrs(uid, parents));
    Entities::from_entities(entities, None).expect("actions")
});

/// Which action can be asked about which type of resource: the one that it is about, and what lies in that.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut text = "entity User; entity Token;\n".to_owned();
    let paths: Vec<String> = CATALOG.resource_types().iter().map(|kind| path(&kind.key)).collect();
    let mut namespaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (namespace, name) in paths.iter().filter_map(|path| path.rsplit_once("::")) {
        namespaces.entry(namespace).or_default().push(name);
    }
    for (namespace, names) in namespaces {
        writeln!(text, "namespace {namespace} {{ entity {}; }}", names.join(", ")).expect("text");
    }
    for permission in CATALOG.permissions() {
        let kinds = kinds_in(permission.scope).map(|kind| path(&kind.key)).collect::<Vec<_>>().join(", ");
        let name = permission_text(permission);
        writeln!(text, "action {name:?} appliesTo {{ principal: [User, Token], resource: [{kinds}] }};").expect("text");
    }
    Schema::from_cedarschema_str(&text).unwrap_or_else(|error| panic!("{text}: {error}")).0
});

/// A type, and all that lie in it.
fn kinds_in(container: ResourceTypeIndex) -> impl Iterator<Item = &'static ResourceType> {
    CATALOG.resource_types().iter().filter(move |kind| CATALOG.is_self_or_descendant(kind.index, container))
}

/// As `DNS Write@zone`.
fn permission_text(permission: &Permission) -> String {
    format!("{}@{}", permission.name, CATALOG.resource_type(permission.scope).name)
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    }
}

/// The type of a resource, as Cedar writes names of types.
fn path(type_key: &str) -> String {
    type_key.replace('.', "::").replace('-', "_")
}

/// The type and the id of a resource.
fn apart(key: &str) -> Option<(String, &str)> {
    let kind = &CATALOG.resource_type(CATALOG.parse_key(key).ok()?.kind).key;
    Some((path(kind), key.strip_prefix(&**kind)?.strip_prefix('.')?))
}

fn resource(key: &str) -> Option<EntityUid> {
    apart(key).map(|(kind, id)| entity(&kind, id))
}

fn resource_text(key: &str) -> String {
    let (kind, id) = apart(key).expect("a key that was parsed");
    entity_text(&kind, id)
}

fn entity(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.parse().expect("the name of a type"), EntityId::new(id))
}

fn entity_text(kind: &str, id: &str) -> String {
    format!("{kind}::{id:?}")
}
