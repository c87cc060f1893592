//! What would have to change for a denied question to be allowed: the smallest sets of changes.
//!
//! Bea may not write the DNS of `example.com`. Her group denies it, and nothing allows it. So the policy of the group is to
//! be lifted *and* something is to be granted, for instance `Domain DNS` on that zone: two changes, and no fewer do.
//!
//! **Which changes.** A deny is lifted by taking the whole policy away. A grant adds one policy that allows: to a member or
//! a group one IAM permission group, on the place where it is narrowest (the resource of its scope that the target is or
//! lies in, otherwise the whole account, section 2.2); to a token one token permission, on the resource of its scope.
//! A bundle that is asked for as a whole takes one IAM permission group that has all of what is missing, and to a token one
//! permission after another.
//!
//! **What is smallest.** For each permission that would do: all denies of it are lifted, whoever has them (D3), and each
//! side that does not allow it is granted it (D5). So there is one size for each, and no set of fewer changes gives that
//! permission. Kept is what has the smallest size of all. What has to be so besides (somebody becomes a member, a resource
//! is registered) is told with each, and is not counted, since nothing can be instead of it.

use std::collections::BTreeMap;

use catalog::{Id, KeyId, PermissionIndex, PermissionSet, ResourceTypeIndex};
use model::account_state::Holder;
use model::ids::{MemberId, PolicyId, TokenId, UserGroupId};
use model::policies::Effect;
use model::resource_groups::account_key;

use crate::decide::{Source, Spoken};
use crate::index::place::Place;
use crate::principal::{CompiledToken, Principal};
use crate::question::Unmet;
use crate::target::{DEEPEST, Target};
use crate::{Account, Engine};

/// Changes that together make a denied question an allowed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What has to be so besides, in the order in which it is to be done.
    pub requires: Vec<Requirement>,
    /// Policies that are to be taken away.
    pub lifts: Vec<Lift>,
    /// Policies that are to be added.
    pub grants: Vec<Grant>,
}

impl Remedy {
    /// How many changes of policies it takes.
    pub fn size(&self) -> usize {
        self.lifts.len() + self.grants.len()
    }
}

/// Something other than a policy that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// The subject becomes a member of the account, and accepts.
    Membership,
    /// The member accepts its invitation, or is invited again and accepts (D4).
    Acceptance(MemberId),
    /// The resource of this key is registered in the account itself (D26).
    Registration(Box<str>),
    /// The token is used as its conditions ask (D46, D47), or they are changed.
    Condition(TokenId, Unmet),
}

/// A policy that is to be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lift {
    /// Whose it is.
    pub source: Source,
    /// Its place among the policies of its source.
    pub position: usize,
    /// Its id.
    pub policy: PolicyId,
}

/// A policy that is to be added.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    /// To whom.
    pub to: Recipient,
    /// What it allows.
    pub what: Granted,
    /// The key of the resource; the account's for the account and everything in it.
    pub on: Box<str>,
}

/// Who is granted something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// A member, by a policy of its own.
    Member(MemberId),
    /// Who becomes a member.
    NewMember,
    /// A user group.
    UserGroup(UserGroupId),
    /// The token itself.
    Token,
}

/// What is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Granted {
    /// An IAM permission group.
    IamGroup(Id),
    /// A token permission.
    Permission(PermissionIndex),
}

/// Who is asked about.
#[derive(Clone)]
pub enum Asker {
    /// One who acts in the account, or would once it has accepted.
    Known(Principal),
    /// Somebody who is not a member yet.
    Newcomer,
}

/// What is needed of the permissions that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// Any one of them.
    AnyOf(PermissionSet),
    /// All of them.
    AllOf(PermissionSet),
}

/// One side of a question (D5): whose allows and denies count together.
struct Side {
    recipient: Recipient,
    allowed: PermissionSet,
    denies: Vec<(Lift, PermissionSet)>,
}

/// What a question is about, with the keys of what it lies in.
pub(super) struct On {
    pub(super) target: Target,
    /// The resource and those it lies in, innermost first, each with its type; then the account.
    keys: Vec<(Box<str>, ResourceTypeIndex)>,
}

impl Engine {
    /// The remedies for a question about the account, or about the resource of that key: those of the smallest size,
    /// first those by which the fewest permissions are given, then those that give them on less, then by name. None if it
    /// is allowed already, or if nothing helps: no permission asked for can be granted on such a resource, or the principal
    /// is one that no policy of this account speaks of.
    pub fn remedies(&self, account: &Account, asker: &Asker, needed: &Needed, resource: &str) -> Vec<Remedy> {
        let mut requires = Vec::new();
        let Some(on) = On::of(account, resource, &mut requires) else { return Vec::new() };
        self.remedies_on(account, asker, needed, &on, false, requires)
    }

    /// The same at a place. Where being a member suffices, what members have by policies does not count (D14); a token's
    /// own policies still do (D5).
    pub(super) fn remedies_on(
        &self,
        account: &Account,
        asker: &Asker,
        needed: &Needed,
        on: &On,
        by_membership: bool,
        mut requires: Vec<Requirement>,
    ) -> Vec<Remedy> {
        let Some(mut sides) = account.sides_of(asker, &on.target, &mut requires) else { return Vec::new() };
        requires.sort_unstable();
        if by_membership {
            sides.retain(|side| !matches!(side.recipient, Recipient::Member(_) | Recipient::NewMember));
            if sides.is_empty() && !requires.is_empty() {
                return vec![Remedy { requires, lifts: Vec::new(), grants: Vec::new() }];
            }
        }
        let applicable = self.applicable(on.target.kind);
        let wanted: Vec<PermissionSet> = match needed {
            Needed::AnyOf(accepted) => {
                (*accepted & *applicable).iter().map(|one| [one].into_iter().collect()).collect()
            }
            Needed::AllOf(all) if all.is_subset(applicable) => vec![*all],
            Needed::AllOf(_) => Vec::new(),
        };
        let mut found: BTreeMap<(Vec<Lift>, Vec<Grant>), usize> = BTreeMap::new();
        let mut smallest = usize::MAX;
        for wanted in wanted.iter().filter(|wanted| !wanted.is_empty()) {
            let lifts = lifts(&sides, wanted);
            let choices: Vec<Vec<Vec<Grant>>> =
                sides.iter().map(|side| self.grants_to(side, &(*wanted - side.allowed), on)).collect();
            for grants in combined(&choices) {
                let size = lifts.len() + grants.len();
                if size <= smallest {
                    if size < smallest {
                        found.clear();
                        smallest = size;
                    }
                    let given = self.given(&sides, &lifts, &grants);
                    found.insert((lifts.clone(), grants), given);
                }
            }
        }
        if found.is_empty() || smallest == 0 && requires.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_cached_key(|((_, grants), given)| {
            let names: Vec<Box<str>> = grants.iter().map(|grant| self.name_of(grant.what)).collect();
            let wide = grants.iter().filter(|grant| Some(&grant.on) == on.keys.last().map(|(key, _)| key)).count();
            (*given, wide, names)
        });
        let remedies = found.into_iter();
        remedies.map(|((lifts, grants), _)| Remedy { requires: requires.clone(), lifts, grants }).collect()
    }

    /// The ways to grant a side what it misses; one empty way if it misses nothing, no way if nothing grants it.
    fn grants_to(&self, side: &Side, missing: &PermissionSet, on: &On) -> Vec<Vec<Grant>> {
        if missing.is_empty() {
            return vec![Vec::new()];
        }
        if side.recipient == Recipient::Token {
            return vec![self.exact_grants(missing, on)];
        }
        let fitting = self
            .catalog()
            .iam_groups()
            .iter()
            .filter(|group| missing.is_subset(&group.allows) && self.kinds().lies_in(on.target.kind, group.scope));
        let grants = fitting.map(|group| {
            vec![Grant { to: side.recipient, what: Granted::IamGroup(group.id), on: on.place_for(group.scope) }]
        });
        grants.collect()
    }

    /// Just what a token misses. What allows writing allows reading (D6), so reading need not be granted besides.
    fn exact_grants(&self, missing: &PermissionSet, on: &On) -> Vec<Grant> {
        let implied = |one: PermissionIndex| {
            let others = missing.iter().filter(|other| *other != one).collect();
            self.catalog().allow_closure(others).contains(one)
        };
        let grants = missing.iter().filter(|one| !implied(*one)).map(|one| {
            let scope = self.catalog().permission_at(one).scope;
            Grant { to: Recipient::Token, what: Granted::Permission(one), on: on.place_for(scope) }
        });
        grants.collect()
    }

    /// How many permissions come free by the changes.
    fn given(&self, sides: &[Side], lifts: &[Lift], grants: &[Grant]) -> usize {
        let denies = sides.iter().flat_map(|side| &side.denies).filter(|(lift, _)| lifts.contains(lift));
        let lifted: usize = denies.map(|(_, denied)| denied.len()).sum();
        let granted: usize = grants.iter().map(|grant| self.permissions_of_grant(grant.what).len()).sum();
        lifted + granted
    }

    /// Everything that a grant of it allows.
    pub fn permissions_of_grant(&self, what: Granted) -> PermissionSet {
        match what {
            Granted::IamGroup(id) => self.catalog().iam_group(&id).map_or(PermissionSet::EMPTY, |group| group.allows),
            Granted::Permission(one) => self.catalog().allow_closure([one].into_iter().collect()),
        }
    }

    fn name_of(&self, what: Granted) -> Box<str> {
        match what {
            Granted::IamGroup(id) => self.catalog().iam_group(&id).map(|group| group.name.clone()).unwrap_or_default(),
            Granted::Permission(one) => self.catalog().permission_at(one).name.clone(),
        }
    }
}

/// Every deny of something that is wanted, whoever has it.
fn lifts(sides: &[Side], wanted: &PermissionSet) -> Vec<Lift> {
    let denies = sides.iter().flat_map(|side| &side.denies).filter(|(_, denied)| denied.intersects(wanted));
    let mut lifts: Vec<Lift> = denies.map(|(lift, _)| *lift).collect();
    lifts.sort_unstable();
    lifts
}

/// One way of each.
fn combined(choices: &[Vec<Vec<Grant>>]) -> Vec<Vec<Grant>> {
    choices.iter().fold(vec![Vec::new()], |ways: Vec<Vec<Grant>>, choice| {
        let with = |way: &Vec<Grant>, more: &Vec<Grant>| way.iter().chain(more).cloned().collect();
        ways.iter().flat_map(|way| choice.iter().map(move |more| with(way, more))).collect()
    })
}

impl On {
    /// The account or the resource of that key. One that is not registered, or of which it cannot be told what it lies in,
    /// is taken as it would be if it were registered in the account itself. `None` if there can be no such resource.
    pub(super) fn of(account: &Account, resource: &str, requires: &mut Vec<Requirement>) -> Option<On> {
        let engine = account.engine();
        let own: Box<str> = account_key(account.account_id()).into();
        if *resource == *own {
            return Some(On { target: Target::ACCOUNT, keys: vec![(own, ResourceTypeIndex::ACCOUNT)] });
        }
        let mut keys = Vec::new();
        let target = match account.resource(resource) {
            Some(target) => {
                let mut next = account.find_resource(resource);
                while let Some(here) = next.filter(|_| keys.len() < DEEPEST) {
                    let kind = engine.catalog().parse_key(&here.key).ok().map(|key| key.kind);
                    keys.extend(kind.map(|kind| (here.key.clone(), kind)));
                    next = here.parent.as_deref().and_then(|parent| account.find_resource(parent));
                }
                target
            }
            None => {
                let key = engine.catalog().parse_key(resource).ok()?;
                let names_one = !matches!(key.id, KeyId::Any) && engine.is_key_inside_accounts(resource);
                let target = Target::of(key.kind, [Place::of(resource)]).filter(|_| names_one)?;
                requires.push(Requirement::Registration(resource.into()));
                keys.push((resource.into(), key.kind));
                target
            }
        };
        keys.push((own, ResourceTypeIndex::ACCOUNT));
        Some(On { target, keys })
    }

    /// The narrowest place at which something of that scope may be granted so that it reaches the target.
    fn place_for(&self, scope: ResourceTypeIndex) -> Box<str> {
        let fitting = self.keys.iter().find(|(_, kind)| *kind == scope);
        fitting.or(self.keys.last()).map(|(key, _)| key.clone()).unwrap_or_default()
    }
}

impl Account {
    /// The sides of a question, and what has to be so for them to count. `None` if there is none, whatever is done here.
    fn sides_of(&self, asker: &Asker, target: &Target, requires: &mut Vec<Requirement>) -> Option<Vec<Side>> {
        let Asker::Known(principal) = asker else { return Some(vec![newcomer(requires)]) };
        Some(match principal {
            Principal::System => return None,
            Principal::User(user) => vec![self.side_of_member(self.index().member_of_user(*user), target, requires)],
            Principal::Member(member) => vec![self.side_of_member(Some(*member), target, requires)],
            Principal::UserGroup(group) => {
                let grants = self.index().group(*group)?;
                let mut side = Side::new(Recipient::UserGroup(*group));
                let source = Source::Holder(Holder::Group(*group));
                self.spoken_by(source, grants, target, &PermissionSet::ALL, &mut |spoken| {
                    side.hear(self, principal, &spoken);
                });
                vec![side]
            }
            Principal::UserToken { user, token } => {
                let owner = self.side_of_member(self.index().member_of_user(*user), target, requires);
                vec![self.side_of_token(principal, token, target), owner]
            }
            Principal::AccountToken { account, token } if *account == self.account_id() => {
                vec![self.side_of_token(principal, token, target)]
            }
            Principal::AccountToken { .. } => return None,
        })
    }

    fn side_of_token(&self, principal: &Principal, token: &CompiledToken, target: &Target) -> Side {
        let mut side = Side::new(Recipient::Token);
        self.spoken_by_token(token, target, &PermissionSet::ALL, &mut |spoken| side.hear(self, principal, &spoken));
        side
    }

    /// What a member has, whether or not it has accepted.
    fn side_of_member(&self, member: Option<MemberId>, target: &Target, requires: &mut Vec<Requirement>) -> Side {
        let membership = member.and_then(|id| Some((id, self.index().member(id)?)));
        let Some((id, membership)) = membership else { return newcomer(requires) };
        if !membership.is_accepted() {
            requires.push(Requirement::Acceptance(id));
        }
        let mut side = Side::new(Recipient::Member(id));
        let principal = Principal::Member(id);
        self.spoken_by_membership(id, membership, target, &PermissionSet::ALL, &mut |spoken| {
            side.hear(self, &principal, &spoken);
        });
        side
    }
}

fn newcomer(requires: &mut Vec<Requirement>) -> Side {
    requires.push(Requirement::Membership);
    Side::new(Recipient::NewMember)
}

impl Side {
    fn new(recipient: Recipient) -> Side {
        Side { recipient, allowed: PermissionSet::EMPTY, denies: Vec::new() }
    }

    fn hear(&mut self, account: &Account, principal: &Principal, spoken: &Spoken) {
        match (spoken.effect, account.policy_id(principal, spoken)) {
            (Effect::Allow, _) => self.allowed |= spoken.permissions,
            (Effect::Deny, Some(policy)) => {
                let lift = Lift { source: spoken.source, position: spoken.position, policy };
                self.denies.push((lift, spoken.permissions));
            }
            (Effect::Deny, None) => {}
        }
    }
}
