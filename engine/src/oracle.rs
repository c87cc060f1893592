//! The oracle: a second evaluator, naive and slow, written straight from `contract/semantics.md` and not from the engine.
//!
//! It reads the documents of an account one after another, and keeps what it finds as plain text. Tests ask it and the
//! engine the same questions, and so does `portcullis check --oracle`: where the two differ, one of them is wrong.
//!
//! It leaves out what the engine leaves to its callers: conditions and status of a token, whether a user is enabled, and
//! the minimal access that every accepted member has without a policy (D14).

mod documents;
mod dossier;

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Access, Catalog, Id, KeyId, Permission, PermissionIndex, ResourceType, ResourceTypeIndex};
use model::account_state::AccountState;
use model::ids::{AccountId, MemberId, PolicyId, UserGroupId, UserId};
use model::members::{Member, Standing};
use model::policies::{Effect, Policy};
use model::resource_groups::{self, Scope};
use model::tokens::{Token, TokenResource};

use crate::decide::Decision;
use documents::{Resources, groups, members, policies_of_member, resources, scope};
pub use dossier::Dossier;

/// What one may do: the name of a token permission, and the key of the resource type that it is about.
pub type Action<'a> = (&'a str, &'a str);

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Nobody that is known.
    Nobody,
    /// A user, by key or in the console.
    User(UserId),
    /// A token of a user.
    UserToken(UserId, &'a Token),
    /// A token of an account.
    AccountToken(AccountId, &'a Token),
    /// A member of the account.
    Member(MemberId),
    /// A user group as itself: what it gives to its members.
    UserGroup(UserGroupId),
}

/// The naive evaluator over one catalogue.
pub struct Oracle<'a> {
    catalog: &'a Catalog,
    /// IAM permission group → what an allow of it gives.
    allows: BTreeMap<Id, BTreeSet<Action<'a>>>,
    /// IAM permission group → what a deny of it takes.
    denies: BTreeMap<Id, BTreeSet<Action<'a>>>,
}

/// One policy of one side, boiled down to what is asked: which actions it speaks of, and how far it reaches.
struct Statement<'a> {
    id: PolicyId,
    effect: Effect,
    /// The key of a resource type → what it speaks of on resources of that type and in them: the scope of each permission
    /// group. `None`: every action there is, since something that it denies is unknown (D8).
    actions: Option<BTreeMap<&'a str, BTreeSet<Action<'a>>>>,
    reach: Vec<Reach>,
}

/// How far one resource of a policy reaches.
#[derive(Debug, PartialEq)]
enum Reach {
    /// The account and everything in it, present and future.
    Account,
    /// The resource of this key and everything in it, or all of one type if it ends in `.*`.
    Key(String),
}

/// What a question is about, with its ancestors.
struct Target {
    /// The key of its type.
    kind: String,
    /// Its own key and those of the resources that it lies in, without the account.
    chain: Vec<String>,
}

impl<'a> Oracle<'a> {
    /// Writes out what each permission group stands for.
    pub fn new(catalog: &'a Catalog) -> Oracle<'a> {
        let mut oracle = Oracle { catalog, allows: BTreeMap::new(), denies: BTreeMap::new() };
        for group in catalog.iam_groups() {
            // The catalogue tells both closures; what it was told to hold is what they have in common.
            let held: Vec<_> = group.allows.iter().filter(|index| group.denies.contains(*index)).collect();
            oracle.allows.insert(group.id, oracle.close(&held, Effect::Allow));
            oracle.denies.insert(group.id, oracle.close(&held, Effect::Deny));
        }
        oracle
    }

    /// The action that a permission is.
    pub fn action(&self, permission: &'a Permission) -> Action<'a> {
        (&permission.name, &self.catalog.resource_type(permission.scope).key)
    }

    /// D6: to allow writing allows reading; to deny reading denies writing. Only within one family of one scope.
    fn close(&self, permissions: &[PermissionIndex], effect: Effect) -> BTreeSet<Action<'a>> {
        let (from, to) = match effect {
            Effect::Allow => (Access::Write, Access::Read),
            Effect::Deny => (Access::Read, Access::Write),
        };
        let mut actions = BTreeSet::new();
        for index in permissions {
            let permission = self.catalog.permission_at(*index);
            actions.insert(self.action(permission));
            for other in self.catalog.permissions() {
                let related = other.scope == permission.scope && other.family == permission.family;
                if related && permission.access == from && other.access == to {
                    actions.insert(self.action(other));
                }
            }
        }
        actions
    }

    /// Decides whether the subject may do one of the actions on the resource of that key: the pseudo-code of section 2,
    /// once for each action. The policies that decided come sorted.
    pub fn decide(&self, state: &AccountState, subject: Subject<'_>, accepted: &[Action<'_>], key: &str) -> Decision {
        self.dossier(state, subject).decide(accepted, key)
    }

    /// All that the account says of a subject, for many questions about it.
    pub fn dossier(&self, state: &AccountState, subject: Subject<'_>) -> Dossier<'_, 'a> {
        Dossier {
            oracle: self,
            account: resource_groups::account_key(state.account_id()),
            resources: resources(state),
            sides: self.sides(state, subject),
        }
    }

    /// Whether the subject is an accepted member, which suffices for the operations of minimal access (D14). A token of
    /// a member must allow one of the actions on the account itself (D5).
    pub fn has_minimal_access(&self, state: &AccountState, subject: Subject<'_>, accepted: &[Action<'_>]) -> bool {
        let account = resource_groups::account_key(state.account_id());
        let is_accepted = |user: UserId| members(state).any(|member| member.user() == Some(user));
        match subject {
            Subject::User(user) => is_accepted(user),
            Subject::Member(id) => members(state).any(|member| member.id == id && member.user().is_some()),
            Subject::UserToken(user, token) => {
                let by_itself = Subject::AccountToken(state.account_id(), token);
                is_accepted(user) && self.decide(state, by_itself, accepted, &account).allowed
            }
            Subject::Nobody | Subject::AccountToken(..) | Subject::UserGroup(_) => false,
        }
    }

    /// The members who can administer the account (D19): accepted, with `all_privileges` on account `*` by a policy of
    /// their own or of a group, and not cancelled by a deny, that is, still able to write the account's settings.
    pub fn super_administrators(&self, state: &AccountState) -> Vec<MemberId> {
        let account = resource_groups::account_key(state.account_id());
        let manage = [("Account Settings Write", self.catalog.resource_type(ResourceTypeIndex::ACCOUNT).key.as_ref())];
        let mut found = Vec::new();
        for member in members(state) {
            let Standing::Accepted { user, .. } = member.standing else { continue };
            let granted = policies_of_member(state, &member).iter().any(|policy| {
                let all = policy
                    .permission_groups
                    .iter()
                    .filter_map(|id| self.catalog.iam_group(id))
                    .any(|group| group.is_all_privileges);
                let whole = policy
                    .resource_groups
                    .iter()
                    .filter_map(|id| scope(state, *id))
                    .any(|scope| is_whole(&scope) && *scope.key == *account);
                policy.access == Effect::Allow && all && whole
            });
            if granted && self.decide(state, Subject::User(user), &manage, &account).allowed {
                found.push(member.id);
            }
        }
        found
    }

    /// Whether the subject holds every one of the actions on all that the scope covers (D15): on each listed resource and
    /// those in it, and for the account or a wildcard also on what will come. What is gone covers nothing (D26).
    pub fn holds_on_scope(
        &self,
        state: &AccountState,
        subject: Subject<'_>,
        actions: &[Action<'_>],
        scope: &Scope,
    ) -> bool {
        let account = resource_groups::account_key(state.account_id());
        let sides = self.sides(state, subject);
        actions.iter().all(|action| {
            // An allow must speak of all that the action is about, a deny of any part of it.
            let allows = |reach: &dyn Fn(&Reach) -> bool| {
                let speaks = |one: &Statement<'_>| speaks(one, *action).any(|kind| self.lies_in(action.1, kind));
                let by = |side: &Vec<Statement<'_>>| {
                    side.iter().any(|one| one.effect == Effect::Allow && speaks(one) && one.reach.iter().any(reach))
                };
                !sides.is_empty() && sides.iter().all(by)
            };
            let denies = |one: &&Statement<'_>| one.effect == Effect::Deny && speaks(one, *action).next().is_some();
            let denied_anywhere = sides.iter().flatten().filter(denies).any(|one| !one.reach.is_empty());
            let throughout = allows(&|reach| *reach == Reach::Account) && !denied_anywhere;
            if throughout || *scope.key != *account {
                return throughout;
            }
            scope.shown_objects().iter().all(|object| {
                if **object == *"*" {
                    return false;
                }
                if object.ends_with(".*") {
                    return allows(&|reach| *reach == Reach::Account || *reach == Reach::Key(object.to_string()))
                        && !denied_anywhere;
                }
                let resources = resources(state);
                let inside = resources.keys().filter_map(|key| Some((self.target(&account, &resources, key)?, key)));
                let inside = inside.filter(|(target, _)| target.chain.iter().any(|key| **key == **object));
                inside
                    .filter(|(target, _)| self.lies_in(&target.kind, action.1))
                    .all(|(_, key)| self.decide(state, subject, &[*action], key).allowed)
            })
        })
    }

    /// `hit(p)` of section 2. Only the type that a permission group is scoped to is affected, and what lies within it; the
    /// action itself is about one type, too.
    fn hits(&self, statement: &Statement<'_>, action: Action<'_>, target: &Target) -> bool {
        let speaks = speaks(statement, action).any(|kind| self.lies_in(&target.kind, kind));
        speaks && self.lies_in(&target.kind, action.1) && statement.reach.iter().any(|reach| covers(reach, target))
    }

    /// Whether a type of resource, by its key, is another one or lies within it.
    fn lies_in(&self, kind: &str, container: &str) -> bool {
        let mut kind = self.catalog.resource_type_by_key(kind);
        while let Some(this) = kind {
            if *this.key == *container {
                return true;
            }
            kind = this.parent.map(|parent| self.catalog.resource_type(parent));
        }
        false
    }

    /// The account or a registered resource of it, with its ancestors. A key that is not registered is nothing (D26), nor
    /// is a resource that lies in itself: what covers it cannot be read (D8).
    fn target(&self, account: &str, resources: &Resources, key: &str) -> Option<Target> {
        if key == account {
            return Some(Target {
                kind: self.catalog.resource_type(ResourceTypeIndex::ACCOUNT).key.to_string(),
                chain: vec![],
            });
        }
        let mut chain = Vec::new();
        let mut next = Some(key.to_owned());
        while let Some((this, parent)) = next.and_then(|key| resources.get_key_value(&key)) {
            if chain.contains(this) {
                return None;
            }
            chain.push(this.clone());
            next = parent.clone();
        }
        let kind = self.inner_type(chain.first()?)?.key.to_string();
        Some(Target { kind, chain })
    }

    /// The statements of each side that must agree (D5): one for a user or an account's token, two for a user's token.
    fn sides(&self, state: &AccountState, subject: Subject<'_>) -> Vec<Vec<Statement<'a>>> {
        match subject {
            Subject::Nobody => vec![],
            Subject::User(user) => vec![self.user(state, user)],
            Subject::UserToken(user, token) => vec![self.token(state, token), self.user(state, user)],
            // D11: an account's token reaches nothing in another account.
            Subject::AccountToken(account, token) if account == state.account_id() => vec![self.token(state, token)],
            Subject::AccountToken(..) => vec![],
            Subject::Member(id) => vec![self.member(state, |member| member.id == id)],
            Subject::UserGroup(id) => {
                let policies = groups(state).filter(|group| group.id == id).flat_map(|group| group.policies.to_vec());
                vec![policies.map(|policy| self.statement(state, &policy)).collect()]
            }
        }
    }

    fn user(&self, state: &AccountState, user: UserId) -> Vec<Statement<'a>> {
        self.member(state, |member| member.user() == Some(user))
    }

    /// `policies(subject) ∪ ⋃ policies(g)`; only accepted members exercise anything (D4).
    fn member(&self, state: &AccountState, is_meant: impl Fn(&Member) -> bool) -> Vec<Statement<'a>> {
        let is_accepted = |member: &Member| matches!(member.standing, Standing::Accepted { .. });
        let member = members(state).find(|member| is_meant(member) && is_accepted(member));
        let policies = member.map(|member| policies_of_member(state, &member)).unwrap_or_default();
        policies.iter().map(|policy| self.statement(state, policy)).collect()
    }

    fn statement(&self, state: &AccountState, policy: &Policy) -> Statement<'a> {
        let table = match policy.access {
            Effect::Allow => &self.allows,
            Effect::Deny => &self.denies,
        };
        let mut actions: BTreeMap<&str, BTreeSet<Action<'_>>> = BTreeMap::new();
        let mut unknown = false;
        for id in &policy.permission_groups {
            match (self.catalog.iam_group(id), table.get(id)) {
                (Some(group), Some(more)) => {
                    actions.entry(&self.catalog.resource_type(group.scope).key).or_default().extend(more);
                }
                (None, _) | (_, None) => unknown = true,
            }
        }
        // D8: of an unknown group, an allow is ignored and a deny matches everything.
        let actions = if unknown && policy.access == Effect::Deny { None } else { Some(actions) };
        let mut reach = Vec::new();
        for group in &policy.resource_groups {
            let (readable, more) = match scope(state, *group) {
                Some(scope) => self.reach_of_scope(state, &scope),
                None => (false, vec![]),
            };
            reach.extend(more);
            if !readable && policy.access == Effect::Deny {
                reach.push(Reach::Account);
            }
        }
        Statement { id: policy.id, effect: policy.access, actions, reach }
    }

    /// What a scope reaches here, and whether all of it could be read (D8). A scope of another account reaches nothing.
    fn reach_of_scope(&self, state: &AccountState, scope: &Scope) -> (bool, Vec<Reach>) {
        let own = *scope.key == *resource_groups::account_key(state.account_id());
        let mut readable = self.catalog.parse_key(&scope.key).is_ok();
        let mut reach = Vec::new();
        if is_whole(scope) {
            reach.push(Reach::Account);
        } else {
            for object in scope.shown_objects() {
                match self.inner_type(object) {
                    Some(_) => reach.push(Reach::Key(object.to_string())),
                    None => readable = false,
                }
            }
        }
        (readable, if own { reach } else { vec![] })
    }

    fn token(&self, state: &AccountState, token: &Token) -> Vec<Statement<'a>> {
        let mut statements = Vec::new();
        for policy in &token.policies {
            let known: Vec<_> = policy
                .permission_groups
                .iter()
                .filter_map(|id| self.catalog.permission(id))
                .map(|one| one.index)
                .collect();
            let unknown = known.len() < policy.permission_groups.len() && policy.effect == Effect::Deny;
            let mut actions: BTreeMap<&str, BTreeSet<Action<'_>>> = BTreeMap::new();
            for action in self.close(&known, policy.effect) {
                actions.entry(action.1).or_default().insert(action);
            }
            let actions = if unknown { None } else { Some(actions) };
            let mut reach = Vec::new();
            for (key, resource) in &policy.resources {
                let (readable, more) = self.reach_of_key(state, key, resource);
                reach.extend(more);
                if !readable && policy.effect == Effect::Deny {
                    reach.push(Reach::Account);
                }
            }
            statements.push(Statement { id: policy.id, effect: policy.effect, actions, reach });
        }
        statements
    }

    /// The table of section 2.1 for tokens, and whether the entry could be read (D8).
    fn reach_of_key(&self, state: &AccountState, key: &str, resource: &TokenResource) -> (bool, Vec<Reach>) {
        let Ok(parsed) = self.catalog.parse_key(key) else { return (false, vec![]) };
        let is_account = parsed.kind == ResourceTypeIndex::ACCOUNT;
        let is_here =
            is_account && (parsed.id == KeyId::Any || key == resource_groups::account_key(state.account_id()));
        match resource {
            TokenResource::Everything(_) if is_account => (true, if is_here { vec![Reach::Account] } else { vec![] }),
            TokenResource::Everything(_) => (true, vec![Reach::Key(key.to_owned())]),
            TokenResource::Within(inner) => {
                let readable = is_account && inner.keys().all(|key| self.inner_type(key).is_some());
                let inner = inner.keys().filter(|key| self.inner_type(key).is_some());
                (readable, inner.filter(|_| is_here).map(|key| Reach::Key(key.to_string())).collect())
            }
        }
    }

    /// The type of a key, if it is a key and of a type that lies within accounts.
    fn inner_type(&self, key: &str) -> Option<&'a ResourceType> {
        let kind = self.catalog.resource_type(self.catalog.parse_key(key).ok()?.kind);
        let mut container = kind.parent;
        while let Some(this) = container {
            if this == ResourceTypeIndex::ACCOUNT {
                return Some(kind);
            }
            container = self.catalog.resource_type(this).parent;
        }
        None
    }
}

/// The types on which the statement speaks of the action.
fn speaks<'a>(statement: &Statement<'a>, action: Action<'_>) -> impl Iterator<Item = &'a str> {
    let account = resource_groups::ACCOUNT_KEY.trim_end_matches('.');
    match &statement.actions {
        None => vec![account].into_iter(),
        Some(actions) => actions
            .iter()
            .filter(|(_, actions)| actions.contains(&action))
            .map(|(kind, _)| *kind)
            .collect::<Vec<_>>()
            .into_iter(),
    }
}

/// D10: equal to the target or to one of its ancestors, or the wildcard of the target's type.
fn covers(reach: &Reach, target: &Target) -> bool {
    match reach {
        Reach::Account => true,
        Reach::Key(key) => target.chain.contains(key) || *key == format!("{}.*", target.kind),
    }
}

/// Only the literal `*`, alone, is the account and everything in it (D10).
fn is_whole(scope: &Scope) -> bool {
    scope.shown_objects().len() == 1 && *scope.shown_objects()[0] == *"*"
}
