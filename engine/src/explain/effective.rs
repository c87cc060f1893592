//! All that a principal may do, where, and by which policies (D34).
//!
//! The account is one place, all resources of a type that no policy names are another, and each resource that a policy
//! names, or that lies in a named one, is a place of its own. Places where the same policies say the same are one row.

use catalog::{PermissionSet, ResourceTypeIndex};
use model::policies::Effect;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::decide::Spoken;
use crate::diff::ResourceSet;
use crate::index::grants::Grants;
use crate::index::place::Place;
use crate::principal::Principal;
use crate::target::Target;
use crate::{Account, Engine};

/// What may be done on some resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where. No resource is in two rows.
    pub resources: ResourceSet,
    /// What may be exercised there; never empty.
    pub permissions: PermissionSet,
    /// By which policies. What an allow says is cut down to what may be exercised; a deny is here if it takes something
    /// away that is allowed, and is cut down to that.
    pub policies: Vec<Spoken>,
}

/// What may be done at one place.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Exercised {
    permissions: PermissionSet,
    policies: Vec<Spoken>,
}

impl Engine {
    /// Everything that the principal may exercise in the account: what [`Engine::held`] says of every place, with the
    /// policies that make it so. The minimal access of members (D14) is not counted, since no policy gives it.
    pub fn effective(&self, account: &Account, principal: &Principal) -> Vec<Row> {
        let grants = account.grants_of(principal);
        let mut rows = Rows::default();
        rows.note_account(account.exercised(principal, &Target::ACCOUNT));
        let kinds = self.kinds().iter();
        let inside = kinds.filter(|kind| {
            *kind != ResourceTypeIndex::ACCOUNT && self.kinds().lies_in(*kind, ResourceTypeIndex::ACCOUNT)
        });
        for kind in inside {
            if let Some(target) = Target::of(kind, [Place::UNNAMED]) {
                rows.note_all_of(kind, account.exercised(principal, &target));
            }
        }
        let named: FxHashSet<Place> = grants.iter().flat_map(|grants| grants.named_places()).collect();
        if !named.is_empty() {
            let mut alike: FxHashMap<(ResourceTypeIndex, Vec<u32>), usize> = FxHashMap::default();
            for resource in account.resources() {
                let Some(target) = account.resource(&resource.key) else { continue };
                if target.chain().iter().any(|place| named.contains(place)) {
                    let number = *alike
                        .entry((target.kind, columns(&grants, &target)))
                        .or_insert_with(|| rows.number(account.exercised(principal, &target)));
                    rows.single.push((resource.key.clone(), target.kind, number));
                }
            }
        }
        rows.finish()
    }
}

/// What decides which statements cover a resource of a type: the same columns of all grants, the same statements.
fn columns(grants: &[&Grants], target: &Target) -> Vec<u32> {
    let mut columns = Vec::new();
    for grants in grants {
        let first = columns.len();
        columns.extend(grants.columns_on(target));
        columns[first..].sort_unstable();
        columns.push(u32::MAX);
    }
    columns
}

impl Account {
    /// What may be exercised on a target, and by which policies; none if it is nothing.
    fn exercised(&self, principal: &Principal, target: &Target) -> Option<Exercised> {
        let permissions = self.engine().held(self, principal, target);
        if permissions.is_empty() {
            return None;
        }
        let mut policies = Vec::new();
        let everything = PermissionSet::ALL;
        self.spoken(principal, target, &everything, &mut |spoken| policies.push(spoken));
        let allowed = policies.iter().filter(|spoken| spoken.effect == Effect::Allow);
        let allowed = allowed.fold(PermissionSet::EMPTY, |set, spoken| set | spoken.permissions);
        for spoken in &mut policies {
            let counts = if spoken.effect == Effect::Allow { permissions } else { allowed };
            spoken.permissions &= counts;
        }
        policies.retain(|spoken| !spoken.permissions.is_empty());
        Some(Exercised { permissions, policies })
    }

    /// What the policies of every side come to.
    fn grants_of<'a>(&'a self, principal: &'a Principal) -> Vec<&'a Grants> {
        let of_member = |member| {
            let membership = self.index().member(member).filter(|membership| membership.is_accepted());
            membership.into_iter().flat_map(|membership| self.index().grants_of(membership)).map(AsRef::as_ref)
        };
        let of_user = |user| self.index().member_of_user(user).into_iter().flat_map(of_member);
        match principal {
            Principal::System => Vec::new(),
            Principal::User(user) => of_user(*user).collect(),
            Principal::Member(member) => of_member(*member).collect(),
            Principal::UserGroup(group) => self.index().group(*group).map(AsRef::as_ref).into_iter().collect(),
            Principal::UserToken { user, token } => {
                token.grants_in(self.account_id()).map(AsRef::as_ref).chain(of_user(*user)).collect()
            }
            Principal::AccountToken { account, token } if *account == self.account_id() => {
                token.grants_in(*account).map(AsRef::as_ref).collect()
            }
            Principal::AccountToken { .. } => Vec::new(),
        }
    }
}

/// The rows while they are put together, each by a number.
#[derive(Default)]
struct Rows {
    numbers: FxHashMap<Option<Exercised>, usize>,
    account: usize,
    all_of: Vec<(ResourceTypeIndex, usize)>,
    single: Vec<(Box<str>, ResourceTypeIndex, usize)>,
}

impl Rows {
    fn number(&mut self, exercised: Option<Exercised>) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(exercised).or_insert(next)
    }

    fn note_account(&mut self, exercised: Option<Exercised>) {
        self.account = self.number(exercised);
    }

    fn note_all_of(&mut self, kind: ResourceTypeIndex, exercised: Option<Exercised>) {
        let number = self.number(exercised);
        self.all_of.push((kind, number));
    }

    /// The rows, in the order in which their first places were noted.
    fn finish(self) -> Vec<Row> {
        let mut sets = vec![ResourceSet::default(); self.numbers.len()];
        sets[self.account].account = true;
        let of_kind =
            |kind: ResourceTypeIndex| self.all_of.iter().find(|(other, _)| *other == kind).map(|(_, row)| *row);
        for (kind, row) in &self.all_of {
            let others = self.single.iter().filter(|(_, other, number)| other == kind && number != row);
            let mut except: Vec<Box<str>> = others.map(|(key, ..)| key.clone()).collect();
            except.sort_unstable();
            sets[*row].all_of.push((*kind, except));
        }
        for (key, kind, row) in &self.single {
            if of_kind(*kind) != Some(*row) {
                sets[*row].keys.push(key.clone());
            }
        }
        let mut rows: Vec<(usize, Exercised)> =
            self.numbers.into_iter().filter_map(|(exercised, number)| Some((number, exercised?))).collect();
        rows.sort_unstable_by_key(|(number, _)| *number);
        let rows = rows.into_iter().map(|(number, Exercised { permissions, policies })| {
            let mut resources = std::mem::take(&mut sets[number]);
            resources.keys.sort_unstable();
            Row { resources, permissions, policies }
        });
        rows.collect()
    }
}
