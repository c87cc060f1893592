//! Authorization cases as data: small accounts, questions, and the answers with the policies that decided. The engine and
//! the API are checked from the same files, so a new case costs no code.
//!
//! Things have names. A place is `account`, `zone a` or `widget w`, `zone *` for all of them, or a key as it would be
//! stored, with `{account}` for the account's id. A permission group is a label, or `permission DNS Write`, which belongs
//! into the other catalogue (D1).

use std::collections::BTreeMap;

use catalog::{Catalog, Id};
use model::change::{Change, Document};
use model::ids::{AccountId, MemberId, PolicyId, ResourceGroupId, TokenId, UserGroupId, UserId};
use model::members::{Member, Standing};
use model::names::Email;
use model::policies::{Effect, Policy};
use model::resource_groups::{Kind, ResourceGroup, Scope};
use model::resources::Resource;
use model::time::Timestamp;
use model::tokens::{Condition, Digest, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use model::user_group_members::GroupMember;
use model::user_groups::UserGroup;
use model::users::Profile;
use serde::Deserialize;

/// The files. Widgets are of `../it/widgets.json`.
const FILES: [(&str, &str); 5] = [
    ("policies.json", include_str!("policies.json")),
    ("members.json", include_str!("members.json")),
    ("resources.json", include_str!("resources.json")),
    ("tokens.json", include_str!("tokens.json")),
    ("unreadable.json", include_str!("unreadable.json")),
];

/// Every case of every file.
pub fn cases() -> Vec<Case> {
    let read = |(file, text): &(&str, &str)| -> Vec<Case> {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    FILES.iter().flat_map(read).collect()
}

/// A small account, and what it decides.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence that is true.
    pub case: String,
    /// Which decisions of the contract it shows.
    pub shows: Vec<String>,
    #[serde(default)]
    pub zones: Vec<String>,
    /// Widgets, each with the place that it lies in.
    #[serde(default)]
    pub widgets: BTreeMap<String, String>,
    /// Places by name.
    #[serde(default)]
    pub resource_groups: BTreeMap<String, Vec<String>>,
    /// Policies of user groups.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<Rule>>,
    #[serde(default)]
    pub members: BTreeMap<String, Person>,
    #[serde(default)]
    pub tokens: BTreeMap<String, TokenCase>,
    #[serde(default)]
    pub asked: Vec<Asked>,
    /// Which zones a member sees in the list of zones (D7).
    #[serde(default)]
    pub sees_zones: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// `accepted` where it is left out.
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub policies: Vec<Rule>,
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A policy of a member or group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    id: String,
    access: Effect,
    permission_groups: Vec<String>,
    /// By name; one that the case has not is one that the account has not.
    resource_groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenCase {
    /// The member whose user owns it; the account where it is left out.
    #[serde(default)]
    pub of: Option<String>,
    pub policies: Vec<TokenRule>,
}

/// A policy of a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRule {
    id: String,
    effect: Effect,
    /// Names; `group domain_dns` belongs into the other catalogue (D1).
    permissions: Vec<String>,
    /// Places, each with `*` or with places in it.
    resources: BTreeMap<String, Inside>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Inside {
    Everything(Star),
    Within(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// A member, or `token t`.
    pub who: String,
    /// The name of a permission, or the id of an operation.
    pub what: String,
    pub on: String,
    /// `allow`, `explicit_deny` or `implicit_deny`.
    pub answer: String,
    /// The policies that decided.
    #[serde(default)]
    pub by: Vec<String>,
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

/// The key of a place of the account, as it is stored.
pub fn key(account: AccountId, place: &str) -> String {
    let all = |kind: &str| format!("{kind}.*");
    let (zone, widget) = ("com.cloudflare.api.account.zone", "com.example.api.account.widget");
    match place.split_once(' ') {
        _ if place == "account" => format!("com.cloudflare.api.account.{account}"),
        Some(("zone", "*")) => all(zone),
        Some(("zone", name)) => format!("{zone}.{}", Id::derived(name)),
        Some(("widget", "*")) => all(widget),
        Some(("widget", name)) => format!("{widget}.{name}"),
        _ => place.replace("{account}", &account.to_string()),
    }
}

pub fn member_id(name: &str) -> MemberId {
    MemberId(Id::derived(&format!("member {name}")))
}

pub fn policy_id(name: &str) -> PolicyId {
    PolicyId(Id::derived(&format!("policy {name}")))
}

pub fn token_id(name: &str) -> TokenId {
    TokenId(Id::derived(&format!("token {name}")))
}

pub fn email(name: &str) -> String {
    format!("{name}@example.com")
}

fn group_id(name: &str) -> UserGroupId {
    UserGroupId(Id::derived(&format!("group {name}")))
}

fn resource_group_id(name: &str) -> ResourceGroupId {
    ResourceGroupId(Id::derived(&format!("resource group {name}")))
}

impl Case {
    /// The documents of the case, to be put into an account that is there. `user` tells who a member is.
    pub fn changes(&self, catalog: &Catalog, account: AccountId, user: &dyn Fn(&str) -> UserId) -> Vec<Change> {
        let resource = |key: String, name: &str, parent: Option<String>| {
            Document::Resource(
                Resource { key: key.into(), name: name.into(), parent: parent.map(Into::into), created_on: now() }
                    .into(),
            )
        };
        let zones = self.zones.iter().map(|name| resource(key(account, &format!("zone {name}")), name, None));
        let widgets = self
            .widgets
            .iter()
            .map(|(name, place)| resource(key(account, &format!("widget {name}")), name, Some(key(account, place))));
        let resource_groups = self.resource_groups.iter().map(|(name, places)| {
            let objects = places.iter().map(|place| if place == "*" { "*".into() } else { key(account, place).into() });
            Document::ResourceGroup(
                ResourceGroup {
                    id: resource_group_id(name),
                    name: name.as_str().into(),
                    kind: Kind::Custom,
                    scope: Scope::listed(account, objects),
                    created_on: now(),
                    modified_on: now(),
                    shown: Default::default(),
                }
                .into(),
            )
        });
        let groups = self.groups.iter().map(|(name, rules)| {
            let policies = rules.iter().map(|rule| rule.policy(catalog)).collect();
            let (id, name) = (group_id(name), name.as_str().into());
            Document::UserGroup(UserGroup { id, name, policies, created_on: now(), modified_on: now() }.into())
        });
        let members =
            self.members.iter().map(|(name, person)| Document::Member(person.member(catalog, name, user(name)).into()));
        let places = self.members.iter().flat_map(|(name, person)| {
            person.groups.iter().map(|group| {
                let place = GroupMember { group: group_id(group), member: member_id(name), created_on: now() };
                Document::GroupMember(place)
            })
        });
        let documents = zones.chain(widgets).chain(resource_groups).chain(groups).chain(members).chain(places);
        documents.map(Change::put).collect()
    }
}

impl Rule {
    fn policy(&self, catalog: &Catalog) -> Policy {
        let group = |name: &String| match name.strip_prefix("permission ") {
            Some(permission) => permission_id(catalog, permission),
            None => catalog.iam_group_by_label(name).map_or_else(|| Id::derived(name), |group| group.id),
        };
        Policy {
            id: policy_id(&self.id),
            access: self.access,
            permission_groups: self.permission_groups.iter().map(group).collect(),
            resource_groups: self.resource_groups.iter().map(|name| resource_group_id(name)).collect(),
            created_on: now(),
            modified_on: now(),
        }
    }
}

impl Person {
    fn member(&self, catalog: &Catalog, name: &str, user: UserId) -> Member {
        let standing = match self.status.as_deref() {
            None => Standing::Accepted { user, since: now() },
            Some("pending") => Standing::Pending { invited_on: now() },
            Some("rejected") => Standing::Rejected { since: now() },
            Some(other) => panic!("`{other}` is no status"),
        };
        Member {
            id: member_id(name),
            email: Email::parse(&email(name), "").unwrap(),
            standing,
            profile: Profile::default(),
            policies: self.policies.iter().map(|rule| rule.policy(catalog)).collect(),
            created_on: now(),
            modified_on: now(),
            invitation: None,
            api_access: None,
        }
    }
}

impl TokenCase {
    pub fn token(&self, catalog: &Catalog, account: AccountId, name: &str, digest: Digest) -> Token {
        let permission = |name: &String| match name.strip_prefix("group ") {
            Some(label) => catalog.iam_group_by_label(label).expect("a label").id,
            None => permission_id(catalog, name),
        };
        let inside = |inside: &Inside| match inside {
            Inside::Everything(star) => TokenResource::Everything(*star),
            Inside::Within(places) => {
                TokenResource::Within(places.iter().map(|place| (key(account, place).into(), Star::Star)).collect())
            }
        };
        let policies = self.policies.iter().map(|rule| TokenPolicy {
            id: policy_id(&rule.id),
            effect: rule.effect,
            permission_groups: rule.permissions.iter().map(permission).collect(),
            resources: rule
                .resources
                .iter()
                .map(|(place, within)| (key(account, place).into(), inside(within)))
                .collect(),
        });
        Token {
            id: token_id(name),
            name: name.into(),
            status: TokenStatus::Active,
            digest: Some(digest),
            policies: policies.collect(),
            condition: Condition::default(),
            not_before: None,
            expires_on: None,
            issued_on: now(),
            modified_on: now(),
            created_by: None,
        }
    }
}

/// The id of a permission; of one that is not there, an id that no catalogue knows.
fn permission_id(catalog: &Catalog, name: &str) -> Id {
    catalog.permissions_named(name).next().map_or_else(|| Id::derived(name), |permission| permission.id)
}
