//! Making an account what a document says: the operations of the single resources, one after the other on a state in the
//! making, and in the end the documents that came to differ.

use std::collections::BTreeSet;

use super::{
    Declared, DeclaredAccount, DeclaredMember, DeclaredObject, DeclaredPlace, DeclaredPolicy, DeclaredResourceGroup,
    DeclaredUserGroup, VERSION, declared_policy,
};
use crate::account_state::AccountState;
use crate::accounts::{self, AccountUpdate};
use crate::change::Change;
use crate::ids::{MemberId, ResourceGroupId, UserGroupId};
use crate::members::{self, Grants, MemberUpdate, NewMember, Standing};
use crate::names::{Email, NameKey};
use crate::policies::{Policy, PolicyInput, ResourceGroupInput};
use crate::problem::{FaultKind, Faults, Problem};
use crate::resource_groups::{self, Kind, NewResourceGroup, ScopeInput, account_key, zone_key};
use crate::rules::Environment;
use crate::undo::{self, Touched};
use crate::user_groups::NewUserGroup;
use crate::{user_group_members, user_groups};

/// What came, changed and went, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// Was not there before.
    pub created: Vec<String>,
    /// Is another now.
    pub changed: Vec<String>,
    /// Is gone.
    pub deleted: Vec<String>,
}

/// Makes the account what the document says. `invited_by` is named in invitations of members who are new.
///
/// # Errors
/// Every fault of the document, with its place.
pub fn apply(
    state: &AccountState,
    environment: &Environment<'_>,
    declared: &Declared,
    invited_by: &str,
) -> Result<(Vec<Change>, Applied), Problem> {
    if declared.version != VERSION {
        let message = format!("version must be {VERSION}, not {}", declared.version);
        return Err(Problem::at(FaultKind::Invalid, "/version", message));
    }
    let mut draft = Draft { environment, state: state.clone(), changes: Vec::new(), faults: Faults::new() };
    draft.check_names(declared);
    if let Some(account) = &declared.account {
        draft.account(account);
    }
    for (index, group) in declared.resource_groups.iter().flatten().enumerate() {
        draft.resource_group(&format!("/resource_groups/{index}"), group);
    }
    for (index, member) in declared.members.iter().flatten().enumerate() {
        draft.member(&format!("/members/{index}"), member, invited_by);
    }
    for (index, group) in declared.user_groups.iter().flatten().enumerate() {
        draft.user_group(&format!("/user_groups/{index}"), group);
    }
    draft.remove_others(declared);
    draft.finish(state)
}

/// Where in the document a fault of an operation is that has another form of the same thing.
fn place_in_document(at: &str, place: &str) -> String {
    let scope = if at.starts_with("/resource_groups") { "/objects" } else { "/scope" };
    let place = place.replace("/scope/objects", scope);
    // A permission group is a text here, not an object with an id.
    let place = match place.strip_suffix("/id") {
        Some(group) if place.contains("/permission_groups/") => group,
        Some(_) | None => &place,
    };
    format!("{at}{place}")
}

struct Draft<'a> {
    environment: &'a Environment<'a>,
    state: AccountState,
    changes: Vec<Change>,
    faults: Faults,
}

impl Draft<'_> {
    /// Carries out one operation. Faults of it are told below `at`.
    fn run<T>(
        &mut self,
        at: &str,
        work: impl FnOnce(&AccountState, &Environment<'_>) -> Result<(Vec<Change>, T), Problem>,
    ) -> Option<T> {
        let worked = work(&self.state, self.environment);
        let (changes, output) =
            self.faults.take(worked.map_err(|problem| problem.moved(|place| place_in_document(at, place))))?;
        for change in &changes {
            if let Err(error) = self.state.apply(change) {
                self.faults.push(FaultKind::Invalid, at, error.to_string());
                return None;
            }
        }
        self.changes.extend(changes);
        Some(output)
    }

    /// A name that is given twice would be two wishes for one thing.
    fn check_names(&mut self, declared: &Declared) {
        let groups = declared.resource_groups.iter().flatten().map(|group| ("resource_groups", "name", &group.name));
        let members = declared.members.iter().flatten().map(|member| ("members", "email", &member.email));
        let user_groups = declared.user_groups.iter().flatten().map(|group| ("user_groups", "name", &group.name));
        let mut seen = BTreeSet::new();
        let mut index = (0, "");
        for (section, field, name) in groups.chain(members).chain(user_groups) {
            index = if index.1 == section { (index.0 + 1, section) } else { (0, section) };
            if !seen.insert((section, NameKey::of(name))) {
                let at = format!("/{section}/{}/{field}", index.0);
                self.faults.push(FaultKind::Name, at, format!("`{name}` is given twice"));
            }
        }
    }

    fn account(&mut self, account: &DeclaredAccount) {
        let update = AccountUpdate {
            name: account.name.clone(),
            kind: None,
            abuse_contact_email: Some(account.abuse_contact_email.clone()),
            enforce_twofactor: Some(account.enforce_twofactor),
            api_access_enabled: Some(account.api_access_enabled),
            token_put_strict: Some(account.token_put_strict),
        };
        self.run("/account", |state, _| accounts::update(state, &update));
    }

    fn resource_group(&mut self, at: &str, group: &DeclaredResourceGroup) {
        let Some(scope) = self.scope(&format!("{at}/objects"), &group.objects) else { return };
        match self.state.resource_group_named(&NameKey::of(&group.name)) {
            Some(id) => {
                self.run(at, |state, environment| {
                    resource_groups::update(state, environment, id, Some(&group.name), Some(&scope))
                });
            }
            None => {
                let new = NewResourceGroup { name: group.name.clone(), scope };
                let id = ResourceGroupId(self.environment.next_id());
                self.run(at, |state, environment| resource_groups::create(state, environment, &new, id));
            }
        }
    }

    fn scope(&mut self, at: &str, objects: &[DeclaredObject]) -> Option<ScopeInput> {
        let mut keys = Vec::with_capacity(objects.len());
        for (index, object) in objects.iter().enumerate() {
            match object {
                DeclaredObject::Key(key) => keys.push(key.clone()),
                DeclaredObject::Zone(name) => keys.push(self.zone(&format!("{at}/{index}/zone"), name)?),
            }
        }
        Some(ScopeInput { key: account_key(self.state.account_id()), objects: keys })
    }

    fn zone(&mut self, at: &str, name: &str) -> Option<String> {
        let zone = self.state.zone_named(&NameKey::of(name));
        if zone.is_none() {
            let message = format!("zone `{name}` is not registered in this account; POST /zones registers one");
            self.faults.push(FaultKind::Invalid, at, message);
        }
        zone.map(zone_key)
    }

    fn member(&mut self, at: &str, member: &DeclaredMember, invited_by: &str) {
        let former = Email::parse(&member.email, "").ok().and_then(|email| self.state.member_by_email(&email.key()));
        let former = former.filter(|member| !matches!(member.standing, Standing::Rejected { .. })).cloned();
        let prior = former.as_ref().map_or(&[][..], |member| &member.policies);
        let Some(policies) = self.policies(&format!("{at}/policies"), prior, &member.policies) else { return };
        let (grants, api_access) = (Grants::Policies(policies), member.api_access_enabled);
        match former {
            Some(former) => {
                let update = MemberUpdate { grants, status: None, api_access: Some(api_access) };
                self.run(at, |state, environment| members::update(state, environment, former.id, &update));
            }
            None => {
                let (email, invited_by) = (member.email.clone(), invited_by.to_owned());
                let new = NewMember { email, grants, accepted: false, api_access, invited_by };
                let id = MemberId(self.environment.next_id());
                self.run(at, |state, environment| members::create(state, environment, &new, id, None));
            }
        }
    }

    fn user_group(&mut self, at: &str, group: &DeclaredUserGroup) {
        let former = self.state.user_group_named(&NameKey::of(&group.name));
        let prior = former.and_then(|id| self.state.user_group(&id)).map(|group| group.policies.clone());
        let policies = self.policies(&format!("{at}/policies"), prior.as_deref().unwrap_or_default(), &group.policies);
        let Some(policies) = policies else { return };
        let id = match former {
            Some(id) => self.run(at, |state, environment| {
                user_groups::update(state, environment, id, Some(&group.name), Some(&policies))
            }),
            None => {
                let (new, id) = (NewUserGroup { name: group.name.clone(), policies }, self.environment.next_id());
                self.run(at, |state, environment| user_groups::create(state, environment, &new, UserGroupId(id)))
            }
        };
        let Some(id) = id else { return };
        let mut ids = Vec::with_capacity(group.members.len());
        for (index, email) in group.members.iter().enumerate() {
            match self.state.member_by_email(&NameKey::of(email)) {
                Some(member) => ids.push(member.id.to_string()),
                None => {
                    let at = format!("{at}/members/{index}");
                    self.faults.push(FaultKind::Invalid, at, format!("`{email}` is no member of this account"));
                }
            }
        }
        self.run(&format!("{at}/members"), |state, environment| {
            user_group_members::replace(state, environment, id, &ids, "")
        });
    }

    /// The policies as the operations take them. One that says the same as a former one is that one (D41).
    fn policies(&mut self, at: &str, prior: &[Policy], declared: &[DeclaredPolicy]) -> Option<Vec<PolicyInput>> {
        let mut kept = BTreeSet::new();
        let mut inputs = Vec::with_capacity(declared.len());
        for (index, policy) in declared.iter().enumerate() {
            let policy = self.with_labels(policy);
            let says_so = |former: &&Policy| {
                declared_policy(&self.state, self.environment.catalog, former) == policy && !kept.contains(&former.id)
            };
            let former = prior.iter().find(says_so).map(|former| former.id);
            kept.extend(former);
            let places = self.places(&format!("{at}/{index}/resource_groups"), &policy.resource_groups)?;
            let id = |text: &String| {
                self.environment
                    .catalog
                    .iam_group_by_label(text)
                    .map_or_else(|| text.clone(), |group| group.id.to_string())
            };
            inputs.push(PolicyInput {
                id: former.map(|id| id.to_string()),
                access: policy.access,
                permission_groups: policy.permission_groups.iter().map(id).collect(),
                resource_groups: places,
            });
        }
        Some(inputs)
    }

    /// The policy with labels where ids were given, and names as they are written in the account.
    fn with_labels(&self, policy: &DeclaredPolicy) -> DeclaredPolicy {
        let catalog = self.environment.catalog;
        let label = |text: &String| {
            let group = text.parse().ok().and_then(|id| catalog.iam_group(&id));
            group.map_or_else(|| text.clone(), |group| group.label.to_string())
        };
        let name = |name: &String| {
            let group =
                self.state.resource_group_named(&NameKey::of(name)).and_then(|id| self.state.resource_group(&id));
            group.map_or_else(|| name.clone(), |group| group.name.to_string())
        };
        let place = |place: &DeclaredPlace| match place {
            DeclaredPlace::Name(text) => DeclaredPlace::Name(name(text)),
            other => other.clone(),
        };
        DeclaredPolicy {
            access: policy.access,
            permission_groups: policy.permission_groups.iter().map(label).collect(),
            resource_groups: policy.resource_groups.iter().map(place).collect(),
        }
    }

    fn places(&mut self, at: &str, places: &[DeclaredPlace]) -> Option<Vec<ResourceGroupInput>> {
        let mut inputs = Vec::with_capacity(places.len());
        for (index, place) in places.iter().enumerate() {
            let at = format!("{at}/{index}");
            let (name, noun) = match place {
                DeclaredPlace::Scope(objects) => {
                    inputs.push(ResourceGroupInput::Inline(self.scope(&format!("{at}/scope"), objects)?));
                    continue;
                }
                DeclaredPlace::Account(_) => (account_key(self.state.account_id()), "account"),
                DeclaredPlace::Zone(zone) => (self.zone(&format!("{at}/zone"), zone)?, "zone"),
                DeclaredPlace::Name(name) => (name.clone(), "name"),
            };
            match self.state.resource_group_named(&NameKey::of(&name)) {
                Some(id) => inputs.push(ResourceGroupInput::Id(id.to_string())),
                None => {
                    let message = format!("resource group `{name}` is neither in the file nor in the account");
                    self.faults.push(FaultKind::Invalid, format!("{at}/{noun}"), message);
                    return None;
                }
            }
        }
        Some(inputs)
    }

    /// What a section that is there does not name goes: first what refers, then what is referred to.
    fn remove_others(&mut self, declared: &Declared) {
        // What was to be made is not all there, so nobody could tell what still refers to what.
        if !self.faults.is_empty() {
            return;
        }
        if let Some(groups) = &declared.user_groups {
            let named: BTreeSet<NameKey> = groups.iter().map(|group| NameKey::of(&group.name)).collect();
            let others = self.state.user_groups().filter(|(name, _)| !named.contains(name)).map(|(_, group)| group.id);
            for id in others.collect::<Vec<_>>() {
                self.run("/user_groups", |state, _| user_groups::delete(state, id));
            }
        }
        if let Some(members) = &declared.members {
            let named: BTreeSet<NameKey> = members.iter().map(|member| NameKey::of(&member.email)).collect();
            let others = self.state.members().filter(|member| {
                !matches!(member.standing, Standing::Rejected { .. }) && !named.contains(&member.email.key())
            });
            for id in others.map(|member| member.id).collect::<Vec<_>>() {
                self.run("/members", |state, _| members::delete(state, id));
            }
        }
        if let Some(groups) = &declared.resource_groups {
            let named: BTreeSet<NameKey> = groups.iter().map(|group| NameKey::of(&group.name)).collect();
            let custom = self.state.resource_groups().filter(|group| group.kind == Kind::Custom);
            let others = custom.filter(|group| !named.contains(&NameKey::of(&group.name))).map(|group| group.id);
            for id in others.collect::<Vec<_>>() {
                self.run("/resource_groups", |state, _| resource_groups::delete(state, id));
            }
        }
    }

    fn finish(self, before: &AccountState) -> Result<(Vec<Change>, Applied), Problem> {
        self.faults.finish()?;
        let touched = Touched::by(before, &self.state, &self.changes);
        let mut applied = Applied::default();
        for one in touched.iter().filter(|one| one.before != one.after) {
            let list = match (&one.before, &one.after) {
                (None, _) => &mut applied.created,
                (Some(_), Some(_)) => &mut applied.changed,
                (Some(_), None) => &mut applied.deleted,
            };
            let document = one.after.as_ref().or(one.before.as_ref());
            list.extend(document.map(|document| undo::named(document, before, &self.state)));
        }
        Ok((undo::forward(&touched), applied))
    }
}
