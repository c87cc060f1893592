//! Who may do what (sections 2 and 2.3 to 2.6), as far as the requests of these sequences ask: ten permissions, kept as
//! bits, worked out anew each time by walking over every policy.

use super::plain::{Asked, Facts, INVALID, LAST_SUPER, Plain, Policy, Refusal};
use super::requests::Kind;

pub const SETTINGS_READ: u16 = 1;
pub const SETTINGS_WRITE: u16 = 1 << 1;
pub const SCIM: u16 = 1 << 2;
pub const SSO_READ: u16 = 1 << 3;
pub const SSO_WRITE: u16 = 1 << 4;
pub const ZONE_READ: u16 = 1 << 5;
pub const ZONE_WRITE: u16 = 1 << 6;
pub const DNS_READ: u16 = 1 << 7;
pub const DNS_WRITE: u16 = 1 << 8;
/// Something else that a zone may be read with, such as Page Rules Read.
pub const OTHER: u16 = 1 << 9;

pub const SETTINGS: u16 = SETTINGS_READ | SETTINGS_WRITE;
pub const SSO: u16 = SSO_READ | SSO_WRITE;
pub const ZONE: u16 = ZONE_READ | ZONE_WRITE;
pub const DNS: u16 = DNS_READ | DNS_WRITE;
const OF_ACCOUNTS: u16 = SETTINGS | SSO | SCIM;
const OF_ZONES: u16 = ZONE | DNS | OTHER;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A user, by Global API Key.
    User(String),
    /// A token of the account on the whole of it, with these permissions.
    Token(&'static str, u16),
}

/// What a request asks of its caller on the account: any of these.
#[derive(Clone, Copy)]
pub struct Need(u16);

impl Need {
    pub fn of(kind: Kind) -> Need {
        use Kind::*;
        Need(match kind {
            GetUserGroup | ListUserGroups | GetGroupMember | ListGroupMembers | GetResourceGroup
            | ListResourceGroups | GetMember | ListMembers => SETTINGS | SCIM,
            CreateUserGroup | UpdateUserGroup | DeleteUserGroup | AddGroupMembers | ReplaceGroupMembers
            | RemoveGroupMember | CreateResourceGroup | UpdateResourceGroup | DeleteResourceGroup | AddMember
            | UpdateMember | RemoveMember => SETTINGS_WRITE | SCIM,
            GetConnector | ListConnectors => SSO_READ,
            CreateConnector | UpdateConnector | DeleteConnector | BeginVerification => SSO_WRITE,
            RegisterZone | DeleteZone | GetZone | ListZones | ListElsewhere => 0,
        })
    }
}

/// Where a right is asked for.
#[derive(Clone, Copy)]
enum Place<'a> {
    Account,
    Zone(&'a str),
    /// The account and everything in it, what comes later included.
    Throughout,
}

pub fn suffice(plain: &Plain, facts: &Facts, who: &Who, need: Need) -> bool {
    held(plain, facts, who, Place::Account) & need.0 != 0
}

pub fn is_known(plain: &Plain, who: &Who) -> bool {
    match who {
        Who::User(user) => plain.member_of_user(user).is_some(),
        Who::Token(..) => true,
    }
}

pub fn sees_zone(plain: &Plain, facts: &Facts, who: &Who, zone: &str) -> bool {
    held(plain, facts, who, Place::Zone(zone)) & ZONE_READ != 0
}

pub fn may_on_zone(plain: &Plain, facts: &Facts, who: &Who, zone: &str, delete: bool) -> bool {
    held(plain, facts, who, Place::Zone(zone)) & if delete { ZONE_WRITE } else { OF_ZONES } != 0
}

pub fn may_register_zones(plain: &Plain, facts: &Facts, who: &Who) -> bool {
    held(plain, facts, who, Place::Throughout) & (ZONE_WRITE | DNS_WRITE) != 0
}

/// What the caller holds: allows less denies, over its own policies and those of its groups (D3). Only accepted members
/// exercise anything (D4).
fn held(plain: &Plain, facts: &Facts, who: &Who, place: Place<'_>) -> u16 {
    match who {
        Who::Token(_, permissions) => permissions & of_place(place),
        Who::User(user) => {
            plain.member_of_user(user).map_or(0, |member| held_by_member(plain, facts, &member.id, place))
        }
    }
}

fn of_place(place: Place<'_>) -> u16 {
    match place {
        Place::Account => OF_ACCOUNTS,
        Place::Zone(_) => OF_ZONES,
        Place::Throughout => OF_ACCOUNTS | OF_ZONES,
    }
}

/// What the member holds, or will hold on accepting.
fn held_by_member(plain: &Plain, facts: &Facts, member: &str, place: Place<'_>) -> u16 {
    let (mut allowed, mut denied) = (0, 0);
    for policy in policies_of(plain, member) {
        let covers = |id: &String| {
            let group = plain.resource_group(id).expect("policies name resource groups that are there");
            match place {
                Place::Account => group.is_whole(),
                Place::Zone(zone) => {
                    let is_it = |object: &String| {
                        object
                            .strip_prefix("com.cloudflare.api.account.zone.")
                            .is_some_and(|id| id == "*" || id == zone)
                    };
                    group.is_whole() || group.objects.iter().any(is_it)
                }
                // What is allowed must cover all of it; what is denied anywhere is not held everywhere.
                Place::Throughout => group.is_whole() || !policy.allows(),
            }
        };
        if policy.resource_groups.iter().any(covers) {
            for id in &policy.permission_groups {
                let group = facts.known_group(id);
                if policy.allows() { allowed |= group.allows } else { denied |= group.denies }
            }
        }
    }
    allowed & !denied & of_place(place)
}

fn policies_of<'a>(plain: &'a Plain, member: &'a str) -> impl Iterator<Item = &'a Policy> {
    let own = plain.members.iter().filter(move |other| other.id == member).flat_map(|member| &member.policies);
    let is_in = move |group: &&super::plain::UserGroup| group.members.iter().any(|(other, _)| other == member);
    own.chain(plain.user_groups.iter().filter(is_in).flat_map(|group| &group.policies))
}

/// The accepted members who hold `all_privileges` on the whole account, not cancelled by a deny (D19).
pub fn super_administrators(plain: &Plain, facts: &Facts) -> Vec<String> {
    let members = plain.members.iter().filter(|member| member.user.is_some());
    members.map(|member| member.id.clone()).filter(|id| has_all_privileges(plain, facts, id)).collect()
}

fn has_all_privileges(plain: &Plain, facts: &Facts, member: &str) -> bool {
    let granted = policies_of(plain, member).any(|policy| grants_all_privileges(plain, facts, policy));
    granted && held_by_member(plain, facts, member, Place::Account) & SETTINGS_WRITE != 0
}

fn grants_all_privileges(plain: &Plain, facts: &Facts, policy: &Policy) -> bool {
    let whole = |id: &String| plain.resource_group(id).is_some_and(|group| group.is_whole());
    policy.allows()
        && policy.permission_groups.iter().any(|id| facts.known_group(id).is_all_privileges)
        && policy.resource_groups.iter().any(whole)
}

/// The members and groups that hold `all_privileges`, or will on accepting.
fn holders(plain: &Plain, facts: &Facts) -> Vec<String> {
    let members = plain.members.iter().map(|member| &member.id);
    let groups = plain.user_groups.iter();
    let members = members.filter(|id| has_all_privileges(plain, facts, id));
    let groups = groups.filter(|group| group.policies.iter().any(|policy| grants_all_privileges(plain, facts, policy)));
    members.chain(groups.map(|group| &group.id)).cloned().collect()
}

/// What every change must keep (D15 to D17, D19, D42).
pub fn check(before: &Plain, after: &Plain, asked: &Asked<'_>) -> Result<(), Refusal> {
    let facts = asked.facts;
    if super_administrators(after, facts).is_empty() {
        return Err(LAST_SUPER);
    }
    let is_super = match asked.who {
        Who::User(user) => {
            before.member_of_user(user).is_some_and(|member| super_administrators(before, facts).contains(&member.id))
        }
        Who::Token(..) => false,
    };
    // Only a super administrator grants or revokes it (D16).
    if holders(before, facts) != holders(after, facts) && !is_super {
        return Err(INVALID);
    }
    // Whoever manages members may grant anything else without holding it (D17).
    if held(before, facts, asked.who, Place::Account) & SETTINGS_WRITE != 0 {
        return Ok(());
    }
    let own = match asked.who {
        Who::User(user) => before.member_of_user(user).map(|member| member.id.clone()),
        Who::Token(..) => None,
    };
    if touches_policies(before, after, own.as_deref()) || lifts_a_deny(before, after) || widens_a_scope(before, after) {
        return Err(INVALID);
    }
    Ok(())
}

/// Whether a member or group that is there afterwards has other policies than before (D17). A user may take from its own
/// (D18): give up what is allowed, and add what is denied.
fn touches_policies(before: &Plain, after: &Plain, own: Option<&str>) -> bool {
    let missing = |some: &[Policy], others: &[Policy], counts: fn(&Policy) -> bool| {
        some.iter().filter(|policy| counts(policy)).any(|policy| !others.iter().any(|other| other.says_as(policy)))
    };
    let differ = |old: &[Policy], new: &[Policy]| missing(old, new, |_| true) || missing(new, old, |_| true);
    let widen = |old: &[Policy], new: &[Policy]| {
        missing(new, old, Policy::allows) || missing(old, new, |policy| !policy.allows())
    };
    let of_member = |id: &str| before.member(id).map_or(&[][..], |member| &member.policies);
    let of_group = |id: &str| before.user_group(id).map_or(&[][..], |group| &group.policies);
    let changed = |member: &super::plain::Member| match own {
        Some(own) if own == member.id => widen(of_member(&member.id), &member.policies),
        Some(_) | None => differ(of_member(&member.id), &member.policies),
    };
    after.members.iter().any(changed)
        || after.user_groups.iter().any(|group| differ(of_group(&group.id), &group.policies))
}

/// Whether a member who stays is no longer in a group that denies something (D42).
fn lifts_a_deny(before: &Plain, after: &Plain) -> bool {
    let denying = before.user_groups.iter().filter(|group| group.policies.iter().any(|policy| !policy.allows()));
    denying.into_iter().any(|group| {
        group.members.iter().any(|(member, _)| {
            let still =
                after.user_group(&group.id).is_some_and(|group| group.members.iter().any(|(id, _)| id == member));
            after.member(member).is_some() && !still
        })
    })
}

/// Whether a resource group that a policy names covers something else than before (D15).
fn widens_a_scope(before: &Plain, after: &Plain) -> bool {
    let other = |id: &String| match (before.resource_group(id), after.resource_group(id)) {
        (Some(old), Some(new)) => old.objects != new.objects,
        _ => false,
    };
    after.policies().any(|policy| policy.resource_groups.iter().any(other))
}
