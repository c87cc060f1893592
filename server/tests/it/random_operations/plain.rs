//! An account as plain lists, and what each request does to it: written from the specification (semantics 2 to 5, 7, 9,
//! 11), not from the server. Everything is looked for from the front; nothing is indexed, shared or clever.

mod connectors;
mod members;
mod policies;
mod resource_groups;
mod user_groups;
mod zones;

use serde_json::{Value, json};

use super::pools::{NAMES, NONSENSE, name_text};
use super::requests::{Kind, Request};
use super::rights::{self, Need, Who};
use super::shown;

/// The limits of the server under test: small, so that they are met (D87).
pub struct Limits {
    pub user_groups: usize,
    pub resource_groups: usize,
    pub policies: usize,
    pub permission_groups: usize,
    pub policy_resource_groups: usize,
    pub objects: usize,
    pub members_per_request: usize,
    pub groups_per_member: usize,
    pub sso_connectors: usize,
}

pub const LIMITS: Limits = Limits {
    user_groups: 5,
    resource_groups: 4,
    policies: 3,
    permission_groups: 3,
    policy_resource_groups: 3,
    objects: 3,
    members_per_request: 4,
    groups_per_member: 2,
    sso_connectors: 2,
};

/// A status and the code of the first error.
pub type Refusal = (u16, u64);

pub const INVALID: Refusal = (400, 1001);
pub const NOT_FOUND: Refusal = (404, 1002);
pub const NAME: Refusal = (400, 1003);
pub const EXISTS: Refusal = (400, 1004);
pub const PAIR: Refusal = (400, 1006);
pub const QUOTA: Refusal = (400, 1009);
pub const IN_USE: Refusal = (400, 1010);
pub const BUILT_IN: Refusal = (403, 1011);
pub const LAST_SUPER: Refusal = (400, 1012);
pub const STALE: Refusal = (412, 1013);
pub const BAD_ID: Refusal = (400, 7003);
pub const FORBIDDEN: Refusal = (403, 10000);

/// What the account did not choose: the catalogue, the people, and another account's objects.
pub struct Facts {
    /// The id of the account.
    pub account: String,
    /// Users by address; whoever is not here can only be invited.
    pub users: Vec<(String, String)>,
    /// The permission groups that sequences use.
    pub groups: Vec<PermissionGroup>,
    /// A permission of the token catalogue, which policies of members may not name (D1).
    pub token_permission: String,
    /// Objects of another account, by noun.
    pub foreign: Vec<(&'static str, String)>,
}

impl Facts {
    pub fn foreign(&self, noun: &str) -> String {
        self.foreign.iter().find(|(known, _)| *known == noun).expect("a foreign object").1.clone()
    }

    fn group(&self, id: &str) -> Option<&PermissionGroup> {
        self.groups.iter().find(|group| group.id == id)
    }

    pub fn known_group(&self, id: &str) -> &PermissionGroup {
        self.group(id).expect("policies name known permission groups")
    }

    fn user(&self, email: &str) -> Option<&str> {
        self.users.iter().find(|(known, _)| known.eq_ignore_ascii_case(email)).map(|(_, id)| id.as_str())
    }
}

/// One row of the table of section 2.3, in the bits of [`rights`].
#[derive(Clone)]
pub struct PermissionGroup {
    pub id: String,
    /// The id that stands for it among a member's roles.
    pub role: String,
    pub scope: Scoped,
    pub allows: u16,
    pub denies: u16,
    pub is_all_privileges: bool,
    /// Whether sequences deny it. What a denied "Administrator Read Only" leaves of writing depends on the whole
    /// catalogue, which this model has no copy of.
    pub may_be_denied: bool,
}

/// The type of resource that a permission group speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoped {
    Account,
    Zone,
    /// A type that no resource of these sequences has.
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub id: String,
    pub access: String,
    pub permission_groups: Vec<String>,
    pub resource_groups: Vec<String>,
    pub created_on: String,
    pub modified_on: String,
}

impl Policy {
    pub fn allows(&self) -> bool {
        self.access == "allow"
    }

    /// Whether both say the same, whoever made them and when.
    pub fn says_as(&self, other: &Policy) -> bool {
        let said =
            |policy: &Policy| (policy.access.clone(), policy.permission_groups.clone(), policy.resource_groups.clone());
        said(self) == said(other)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct UserGroup {
    pub id: String,
    pub name: String,
    pub key: String,
    pub policies: Vec<Policy>,
    /// Ids, and since when.
    pub members: Vec<(String, String)>,
    pub created_on: String,
    pub modified_on: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ResourceGroup {
    pub id: String,
    pub name: String,
    pub key: String,
    /// `*`, or keys of zones.
    pub objects: Vec<String>,
    pub built_in: bool,
    /// The policy whose inline scope it is (D23).
    pub policy: Option<String>,
    pub created_on: String,
    pub modified_on: String,
}

impl ResourceGroup {
    pub fn is_whole(&self) -> bool {
        self.objects == ["*"]
    }

    pub fn editable(&self) -> bool {
        !self.built_in && self.policy.is_none()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: String,
    pub email: String,
    /// The person, once it is accepted.
    pub user: Option<String>,
    pub policies: Vec<Policy>,
    /// Not shown, but it tells a new invitation from no change.
    pub invited_on: String,
}

impl Member {
    pub fn status(&self) -> &'static str {
        if self.user.is_some() { "accepted" } else { "pending" }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    pub id: String,
    pub name: String,
    pub created_on: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    pub id: String,
    pub domain: String,
    pub fedramp: bool,
    pub status: &'static str,
    /// The whole TXT record.
    pub record: String,
    pub created_on: String,
    pub updated_on: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plain {
    pub account: String,
    pub user_groups: Vec<UserGroup>,
    pub resource_groups: Vec<ResourceGroup>,
    pub members: Vec<Member>,
    pub zones: Vec<Zone>,
    pub connectors: Vec<Connector>,
    /// Ids of what is gone, with its noun.
    pub gone: Vec<(&'static str, String)>,
    /// How many commits there are.
    pub revision: u64,
    names: u64,
}

/// What is expected of a success.
#[derive(Debug, Default)]
pub struct Answer {
    pub result: Option<Value>,
    pub info: Option<Value>,
    /// The codes of `messages`.
    pub messages: Vec<u64>,
    /// Whether the answer names the account's revision.
    pub at_revision: bool,
}

impl Answer {
    fn of(result: Value) -> Answer {
        Answer { result: Some(result), at_revision: true, ..Answer::default() }
    }
}

type Told = Result<Answer, Refusal>;

/// Look-ups.
impl Plain {
    pub fn user_group(&self, id: &str) -> Option<&UserGroup> {
        self.user_groups.iter().find(|group| group.id == id)
    }

    pub fn resource_group(&self, id: &str) -> Option<&ResourceGroup> {
        self.resource_groups.iter().find(|group| group.id == id)
    }

    pub fn whole_account(&self) -> &ResourceGroup {
        self.resource_groups.iter().find(|group| group.built_in && group.is_whole()).expect("the account's own group")
    }

    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    pub fn member_by_email(&self, email: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.email.eq_ignore_ascii_case(email.trim()))
    }

    pub fn member_of_user(&self, user: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.user.as_deref() == Some(user))
    }

    fn zone(&self, id: &str) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.id == id)
    }

    fn connector(&self, id: &str) -> Option<&Connector> {
        self.connectors.iter().find(|connector| connector.id == id)
    }

    /// Every policy of the account.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        let of_members = self.members.iter().flat_map(|member| &member.policies);
        of_members.chain(self.user_groups.iter().flat_map(|group| &group.policies))
    }

    fn is_used(&self, resource_group: &str) -> bool {
        self.policies().any(|policy| policy.resource_groups.iter().any(|id| id == resource_group))
    }

    pub fn account_key(&self) -> String {
        format!("com.cloudflare.api.account.{}", self.account)
    }

    pub fn scope_shown(&self, group: &ResourceGroup) -> Value {
        shown::scope(self, group)
    }

    /// A name for something new, until the server says what its id is. The ids of the server under test count up, so both
    /// sort alike.
    pub fn new_id(&mut self) -> String {
        self.names += 1;
        format!("#{:05}.", self.names)
    }
}

/// One request: who asks, and when.
pub struct Asked<'a> {
    pub who: &'a Who,
    pub request: &'a Request,
    pub now: &'a str,
    pub facts: &'a Facts,
}

impl Plain {
    /// Carries out a request, or says why not and stays as it is.
    pub fn carry_out(&mut self, asked: &Asked<'_>) -> Told {
        let mut next = self.clone();
        next.names = self.names;
        let told = next.run(asked)?;
        let changed = Plain { names: 0, ..next.clone() } != Plain { names: 0, ..self.clone() };
        if changed {
            rights::check(self, &next, asked)?;
            next.note_gone(self);
            next.revision += 1;
        }
        *self = next;
        Ok(told)
    }

    fn note_gone(&mut self, before: &Plain) {
        let mut gone = Vec::new();
        let is_gone = |id: &String, still: bool| (!still).then(|| id.clone());
        gone.extend(
            before
                .user_groups
                .iter()
                .filter_map(|it| Some(("user_group", is_gone(&it.id, self.user_group(&it.id).is_some())?))),
        );
        gone.extend(
            before
                .resource_groups
                .iter()
                .filter_map(|it| Some(("resource_group", is_gone(&it.id, self.resource_group(&it.id).is_some())?))),
        );
        gone.extend(
            before.members.iter().filter_map(|it| Some(("member", is_gone(&it.id, self.member(&it.id).is_some())?))),
        );
        gone.extend(before.zones.iter().filter_map(|it| Some(("zone", is_gone(&it.id, self.zone(&it.id).is_some())?))));
        gone.extend(
            before
                .connectors
                .iter()
                .filter_map(|it| Some(("connector", is_gone(&it.id, self.connector(&it.id).is_some())?))),
        );
        self.gone.extend(gone);
    }

    fn run(&mut self, asked: &Asked<'_>) -> Told {
        let Asked { who, request, facts, .. } = *asked;
        match request.kind {
            Kind::ListElsewhere => return Err(FORBIDDEN),
            Kind::RegisterZone => return self.register_zone(asked),
            Kind::ListZones => return self.list_zones(asked),
            Kind::GetZone | Kind::DeleteZone => return self.one_zone(asked),
            _ => {}
        }
        // Permission comes before everything else, the ids in the path included.
        if !rights::suffice(self, facts, who, Need::of(request.kind)) {
            return Err(FORBIDDEN);
        }
        if request.ids.iter().any(|id| id == NONSENSE) {
            return Err(BAD_ID);
        }
        match request.kind {
            Kind::CreateUserGroup => self.create_user_group(asked),
            Kind::UpdateUserGroup => self.update_user_group(asked),
            Kind::DeleteUserGroup => self.delete_user_group(asked),
            Kind::GetUserGroup => {
                let group = self.user_group(&request.ids[0]).ok_or(NOT_FOUND)?;
                Ok(Answer::of(shown::user_group(self, group)))
            }
            Kind::ListUserGroups => self.list_user_groups(request),
            Kind::AddGroupMembers | Kind::ReplaceGroupMembers => self.put_group_members(asked),
            Kind::RemoveGroupMember => self.remove_group_member(request),
            Kind::GetGroupMember => {
                let group = self.user_group(&request.ids[0]).ok_or(NOT_FOUND)?;
                let (id, since) = group.members.iter().find(|(id, _)| *id == request.ids[1]).ok_or(NOT_FOUND)?;
                let member = self.member(id).ok_or(NOT_FOUND)?;
                Ok(Answer::of(shown::group_member_in_full(member, since)))
            }
            Kind::ListGroupMembers => self.list_group_members(request),
            Kind::CreateResourceGroup => self.create_resource_group(asked),
            Kind::UpdateResourceGroup => self.update_resource_group(asked),
            Kind::DeleteResourceGroup => self.delete_resource_group(request),
            Kind::GetResourceGroup => {
                let group = self.resource_group(&request.ids[0]).ok_or(NOT_FOUND)?;
                Ok(Answer::of(shown::resource_group(self, group)))
            }
            Kind::ListResourceGroups => self.list_resource_groups(request),
            Kind::AddMember => self.add_member(asked),
            Kind::UpdateMember => self.update_member(asked),
            Kind::RemoveMember => self.remove_member(asked),
            Kind::GetMember => {
                let member = self.member(&request.ids[0]).ok_or(NOT_FOUND)?;
                Ok(Answer::of(shown::member(self, facts, member)))
            }
            Kind::ListMembers => self.list_members(asked),
            Kind::CreateConnector => self.create_connector(asked),
            Kind::UpdateConnector => self.update_connector(asked),
            Kind::DeleteConnector => {
                self.must_match(request, self.connector(&request.ids[0]).is_some())?;
                self.connector(&request.ids[0]).ok_or(NOT_FOUND)?;
                self.connectors.retain(|connector| connector.id != request.ids[0]);
                Ok(Answer::of(json!({ "id": request.ids[0] })))
            }
            Kind::GetConnector => {
                let connector = self.connector(&request.ids[0]).ok_or(NOT_FOUND)?;
                Ok(Answer::of(shown::connector(connector)))
            }
            Kind::ListConnectors => {
                let mut connectors: Vec<&Connector> = self.connectors.iter().collect();
                connectors.sort_by_key(|connector| &connector.domain);
                Ok(whole_list(connectors.into_iter().map(shown::connector).collect()))
            }
            Kind::BeginVerification => {
                let at =
                    self.connectors.iter().position(|connector| connector.id == request.ids[0]).ok_or(NOT_FOUND)?;
                let connector = &mut self.connectors[at];
                if connector.status == "awaiting" {
                    connector.status = "pending";
                    connector.updated_on = asked.now.to_owned();
                }
                Ok(Answer { at_revision: true, ..Answer::default() })
            }
            Kind::ListElsewhere | Kind::RegisterZone | Kind::ListZones | Kind::GetZone | Kind::DeleteZone => {
                unreachable!("answered above")
            }
        }
    }

    /// `If-Match` (D79): one of `*`, which any present state matches, and a tag that none has.
    fn must_match(&self, request: &Request, present: bool) -> Result<(), Refusal> {
        match request.if_match {
            Some("*") if present => Ok(()),
            Some(_) => Err(STALE),
            None => Ok(()),
        }
    }
}

/// The name in a body as it is shown, and what it is compared by (D22, D40).
fn well_formed_name(body: &Value) -> Result<(String, String), Refusal> {
    let sent = body["name"].as_str().expect("a name");
    let name = NAMES.iter().find(|name| name_text(name) == sent).expect("a name of the pool");
    let (shown, key) = name.1.ok_or(NAME)?;
    Ok((shown.to_owned(), key.to_owned()))
}

/// One page of a list in its order (section 9).
fn page(request: &Request, mut items: Vec<Value>, default: usize, most: usize) -> Told {
    let asked = |name: &str| request.query.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    let number = |name: &str, default: usize| match asked(name).map(str::parse::<usize>) {
        None => Ok(default),
        Some(Ok(number)) if number >= 1 => Ok(number),
        Some(_) => Err(INVALID),
    };
    let (page, per_page) = (number("page", 1)?, number("per_page", default)?.min(most));
    if asked("direction").is_some_and(|direction| direction.eq_ignore_ascii_case("desc")) {
        items.reverse();
    }
    let total = items.len();
    let shown: Vec<Value> = items.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
    let info = json!({
        "page": page, "per_page": per_page, "count": shown.len(), "total_count": total,
        "total_pages": total.div_ceil(per_page),
    });
    Ok(Answer { info: Some(info), ..Answer::of(shown.into()) })
}

/// A list that comes whole.
fn whole_list(items: Vec<Value>) -> Answer {
    let info = json!({ "page": 1, "count": items.len(), "total_count": items.len() });
    Answer { info: Some(info), ..Answer::of(items.into()) }
}
