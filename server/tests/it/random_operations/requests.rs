//! What is asked of the server: one of a few dozen kinds of request, whose details are rolled (`rolls`).

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

/// One step of a sequence.
#[derive(Clone, Debug)]
pub struct Step {
    /// Nearly always; a failing sequence shrinks by leaving steps out.
    pub happens: bool,
    pub kind: Kind,
    pub caller: u8,
    pub dice: Vec<u8>,
}

/// Sequences of 30 to 80 steps.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop::bool::weighted(0.99), prop::sample::select(&OFTEN[..]), any::<u8>(), vec(any::<u8>(), 32));
    vec(step.prop_map(|(happens, kind, caller, dice)| Step { happens, kind, caller, dice }), 30..=80)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    CreateUserGroup,
    UpdateUserGroup,
    DeleteUserGroup,
    GetUserGroup,
    ListUserGroups,
    AddGroupMembers,
    ReplaceGroupMembers,
    RemoveGroupMember,
    GetGroupMember,
    ListGroupMembers,
    CreateResourceGroup,
    UpdateResourceGroup,
    DeleteResourceGroup,
    GetResourceGroup,
    ListResourceGroups,
    AddMember,
    UpdateMember,
    RemoveMember,
    GetMember,
    ListMembers,
    RegisterZone,
    DeleteZone,
    GetZone,
    ListZones,
    CreateConnector,
    UpdateConnector,
    DeleteConnector,
    GetConnector,
    ListConnectors,
    BeginVerification,
    /// A list of an account that is not the caller's, or of none.
    ListElsewhere,
}

use Kind::*;

/// Every kind, those that build something up more than once.
#[rustfmt::skip]
const OFTEN: [Kind; 64] = [
    CreateUserGroup, CreateUserGroup, CreateUserGroup, CreateUserGroup, CreateUserGroup, CreateUserGroup,
    UpdateUserGroup, UpdateUserGroup, UpdateUserGroup, UpdateUserGroup, UpdateUserGroup,
    DeleteUserGroup, DeleteUserGroup, GetUserGroup, ListUserGroups, ListUserGroups,
    AddGroupMembers, AddGroupMembers, AddGroupMembers, AddGroupMembers, ReplaceGroupMembers, ReplaceGroupMembers,
    RemoveGroupMember, RemoveGroupMember, GetGroupMember, ListGroupMembers, ListGroupMembers,
    CreateResourceGroup, CreateResourceGroup, CreateResourceGroup, CreateResourceGroup,
    UpdateResourceGroup, UpdateResourceGroup, UpdateResourceGroup, DeleteResourceGroup, DeleteResourceGroup,
    GetResourceGroup, ListResourceGroups,
    AddMember, AddMember, AddMember, AddMember, AddMember, UpdateMember, UpdateMember, UpdateMember, UpdateMember,
    RemoveMember, RemoveMember, GetMember, ListMembers,
    RegisterZone, RegisterZone, RegisterZone, DeleteZone, GetZone, ListZones,
    CreateConnector, UpdateConnector, DeleteConnector, GetConnector, ListConnectors, BeginVerification,
    ListElsewhere,
];

/// Those of connectors, which have a caller of their own.
pub const CONNECTORS: [Kind; 6] =
    [CreateConnector, UpdateConnector, DeleteConnector, GetConnector, ListConnectors, BeginVerification];

/// Every kind there is, for the count.
#[rustfmt::skip]
pub const ALL: [Kind; 31] = [
    CreateUserGroup,
    UpdateUserGroup,
    DeleteUserGroup,
    GetUserGroup,
    ListUserGroups,
    AddGroupMembers,
    ReplaceGroupMembers,
    RemoveGroupMember,
    GetGroupMember,
    ListGroupMembers,
    CreateResourceGroup,
    UpdateResourceGroup,
    DeleteResourceGroup,
    GetResourceGroup,
    ListResourceGroups,
    AddMember,
    UpdateMember,
    RemoveMember,
    GetMember,
    ListMembers,
    RegisterZone,
    DeleteZone,
    GetZone,
    ListZones,
    CreateConnector,
    UpdateConnector,
    DeleteConnector,
    GetConnector,
    ListConnectors,
    BeginVerification,
    ListElsewhere,
];

/// A request as the model reads it. Ids of objects that the server made are written `#7` until the server says what they
/// are.
#[derive(Clone, Debug)]
pub struct Request {
    pub kind: Kind,
    pub method: &'static str,
    pub path: String,
    /// The ids in the path, after the account's.
    pub ids: Vec<String>,
    pub query: Vec<(&'static str, String)>,
    pub body: Value,
    pub if_match: Option<&'static str>,
}

/// A request that reads, written by hand.
pub fn reading(kind: Kind, ids: &[&str], query: &[(&'static str, &str)]) -> Request {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let query = query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let (method, path) = route(kind, &ids);
    Request { kind, method, path, ids, query, body: Value::Null, if_match: None }
}

/// The method and path of a kind.
pub fn route(kind: Kind, ids: &[String]) -> (&'static str, String) {
    const GROUPS: &str = "/accounts/{account}/iam/user_groups";
    const PLACES: &str = "/accounts/{account}/iam/resource_groups";
    const MEMBERS: &str = "/accounts/{account}/members";
    const CONNECTORS: &str = "/accounts/{account}/sso_connectors";
    let id = |at: usize| ids.get(at).map_or("", String::as_str);
    match kind {
        CreateUserGroup => ("POST", GROUPS.to_owned()),
        ListUserGroups => ("GET", GROUPS.to_owned()),
        UpdateUserGroup => ("PUT", format!("{GROUPS}/{}", id(0))),
        DeleteUserGroup => ("DELETE", format!("{GROUPS}/{}", id(0))),
        GetUserGroup => ("GET", format!("{GROUPS}/{}", id(0))),
        AddGroupMembers => ("POST", format!("{GROUPS}/{}/members", id(0))),
        ReplaceGroupMembers => ("PUT", format!("{GROUPS}/{}/members", id(0))),
        ListGroupMembers => ("GET", format!("{GROUPS}/{}/members", id(0))),
        RemoveGroupMember => ("DELETE", format!("{GROUPS}/{}/members/{}", id(0), id(1))),
        GetGroupMember => ("GET", format!("{GROUPS}/{}/members/{}", id(0), id(1))),
        CreateResourceGroup => ("POST", PLACES.to_owned()),
        ListResourceGroups => ("GET", PLACES.to_owned()),
        UpdateResourceGroup => ("PUT", format!("{PLACES}/{}", id(0))),
        DeleteResourceGroup => ("DELETE", format!("{PLACES}/{}", id(0))),
        GetResourceGroup => ("GET", format!("{PLACES}/{}", id(0))),
        AddMember => ("POST", MEMBERS.to_owned()),
        ListMembers => ("GET", MEMBERS.to_owned()),
        UpdateMember => ("PUT", format!("{MEMBERS}/{}", id(0))),
        RemoveMember => ("DELETE", format!("{MEMBERS}/{}", id(0))),
        GetMember => ("GET", format!("{MEMBERS}/{}", id(0))),
        RegisterZone => ("POST", "/zones".to_owned()),
        ListZones => ("GET", "/zones".to_owned()),
        DeleteZone => ("DELETE", format!("/zones/{}", id(0))),
        GetZone => ("GET", format!("/zones/{}", id(0))),
        CreateConnector => ("POST", CONNECTORS.to_owned()),
        ListConnectors => ("GET", CONNECTORS.to_owned()),
        UpdateConnector => ("PATCH", format!("{CONNECTORS}/{}", id(0))),
        DeleteConnector => ("DELETE", format!("{CONNECTORS}/{}", id(0))),
        GetConnector => ("GET", format!("{CONNECTORS}/{}", id(0))),
        BeginVerification => ("POST", format!("{CONNECTORS}/{}/begin_verification", id(0))),
        ListElsewhere => ("GET", format!("/accounts/{}/iam/user_groups", id(0))),
    }
}
