//! Who gains and who loses what by a commit: `decide(after) − decide(before)`, over everybody who acts in the account
//! and everything in it.
//!
//! Ada adds a policy to a group of ten thousand. They differ in their other groups, and so in what the new policy really
//! gives them: some held it already, some are denied it elsewhere. Members with the same grants before and after are
//! compared once; and of the resources only the places that those grants name are compared one by one, all others of a
//! type are alike.

mod affected;
mod regions;
mod resource_set;

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::PermissionSet;
use model::change::Change;
use rustc_hash::FxHashMap;

pub use affected::Affected;
pub use resource_set::ResourceSet;

use crate::Account;
use crate::index::grants::{Grants, Words};
use crate::rights::Rights;
use crate::statement::Statement;
use crate::target::Target;
pub(crate) use affected::affected;
use regions::{Region, Regions};
use resource_set::Shifted;

/// Whether something was gained or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shift {
    /// It may be exercised after the commit, and could not be before.
    Gained,
    /// It could be exercised before the commit, and may not be after.
    Lost,
}

/// Some principals gain or lose some permissions on some resources: each of them each of those on each of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Which of the two.
    pub shift: Shift,
    /// Which permissions.
    pub permissions: PermissionSet,
    /// Where.
    pub resources: ResourceSet,
    /// Who; sorted.
    pub principals: Vec<Affected>,
}

/// Everything that a commit changes in what may be done: no row twice, no principal, permission and resource in two rows
/// of one shift. The minimal access of members (D14) is not counted, since no policy gives it.
///
/// Principals are members and tokens of the account. A token of a user may do less than its owner, never more.
pub fn diff(before: &Account, after: &Account, changes: &[Change]) -> Vec<Row> {
    let mut regions = Regions::new(before, after, changes);
    let mut by_grants: FxHashMap<Vec<usize>, Profile> = FxHashMap::default();
    let mut spoken = Spoken::default();
    let has_moved = regions.moved().next().is_some();
    for principal in affected(before, after, changes) {
        let (mut old, mut new) = (principal.exercises(before), principal.exercises(after));
        let anew = spoken.anew(&only(&old, &new), &only(&new, &old));
        // Where something lies elsewhere now, all that is held there counts. Otherwise whoever has the same of what is
        // spoken of anew gains and loses the same, whatever else they have.
        if !has_moved {
            let matters = |grants: &Arc<Grants>| grants.mentions().intersects(&anew.permissions);
            old.retain(matters);
            new.retain(matters);
        }
        let key = [anew.number].into_iter().chain(old.iter().map(address)).chain([0]).chain(new.iter().map(address));
        let profile =
            by_grants.entry(key.collect()).or_insert_with(|| Profile { old, new, anew, principals: Vec::new() });
        profile.principals.push(principal);
    }
    let mut rows: BTreeMap<(Shift, PermissionSet, ResourceSet), Vec<Affected>> = BTreeMap::new();
    for profile in by_grants.into_values() {
        for (shift, permissions, resources) in profile.shifts(&mut regions) {
            rows.entry((shift, permissions, resources)).or_default().extend(&profile.principals);
        }
    }
    let rows = rows.into_iter().map(|((shift, permissions, resources), mut principals)| {
        principals.sort_unstable();
        Row { shift, permissions, resources, principals }
    });
    rows.collect()
}

/// Principals with the same grants before and the same after, as far as these matter.
struct Profile {
    old: Vec<Arc<Grants>>,
    new: Vec<Arc<Grants>>,
    anew: Anew,
    principals: Vec<Affected>,
}

impl Profile {
    /// What they gain and lose.
    fn shifts(&self, regions: &mut Regions<'_>) -> Vec<(Shift, PermissionSet, ResourceSet)> {
        let (gone, come) = (only(&self.old, &self.new), only(&self.new, &self.old));
        let shifted = self.anew.permissions;
        let differing: Vec<&Grants> = gone.iter().chain(&come).map(|grants| &***grants).collect();
        // Where the others speak of the same, it may not be so at the places that they name.
        let others = self.old.iter().chain(&self.new).filter(|grants| grants.mentions().intersects(&shifted));
        let named = regions.named(others, &self.anew);
        let single: Vec<&Region> = named.into_iter().filter_map(|number| regions.at(number)).collect();
        let single: Vec<&Region> = single.into_iter().chain(regions.moved()).collect();
        let (mut gained, mut lost) = (Shifted::default(), Shifted::default());
        for region in regions.unnamed().chain(single.iter().copied()) {
            let asked = if region.moved() { PermissionSet::ALL } else { said(&differing, region.after, &shifted) };
            if !asked.is_empty() {
                let old = held(&self.old, region.before, &asked);
                let new = held(&self.new, region.after, &asked);
                gained.note(region, new - old);
                lost.note(region, old - new);
            }
        }
        let rows = |shift, shifted: Shifted| {
            let rows = shifted.into_rows(&single).into_iter();
            rows.map(move |(resources, permissions)| (shift, permissions, resources))
        };
        rows(Shift::Gained, gained).chain(rows(Shift::Lost, lost)).collect()
    }
}

/// What the statements speak of that are only in one of two sets of grants, by the addresses of these. Nothing else can
/// shift: a statement that stays says the same before and after. Many principals share a group, so few sets come up.
#[derive(Default)]
struct Spoken {
    known: FxHashMap<Vec<usize>, Anew>,
    /// The grants of those addresses: as long as they are here, no others can come to have one.
    kept: Vec<Arc<Grants>>,
}

/// What is spoken of anew, and a number that no other set has.
#[derive(Clone, Copy)]
struct Anew {
    permissions: PermissionSet,
    number: usize,
}

impl Spoken {
    fn anew(&mut self, gone: &[&Arc<Grants>], come: &[&Arc<Grants>]) -> Anew {
        let addresses = |grants: &[&Arc<Grants>]| grants.iter().map(|grants| address(grants)).collect::<Vec<_>>();
        let key = [addresses(gone), vec![0], addresses(come)].concat();
        let number = self.known.len();
        let kept = &mut self.kept;
        *self.known.entry(key).or_insert_with(|| {
            kept.extend(gone.iter().chain(come).map(|grants| Arc::clone(grants)));
            let mut new: Vec<&Statement> = come.iter().flat_map(|grants| &grants.statements).collect();
            let mut set = PermissionSet::EMPTY;
            for old in gone.iter().flat_map(|grants| &grants.statements) {
                match new.iter().position(|new| *new == old) {
                    Some(stays) => _ = new.swap_remove(stays),
                    None => set |= old.permissions(),
                }
            }
            Anew { permissions: new.iter().fold(set, |set, statement| set | statement.permissions()), number }
        })
    }
}

fn address(grants: &Arc<Grants>) -> usize {
    Arc::as_ptr(grants).addr()
}

/// Those of these that are not among those.
fn only<'a>(these: &'a [Arc<Grants>], those: &[Arc<Grants>]) -> Vec<&'a Arc<Grants>> {
    these.iter().filter(|one| !those.iter().any(|other| Arc::ptr_eq(one, other))).collect()
}

/// What of this grants say of a target, one way or the other.
fn said(grants: &[&Grants], target: Option<Target>, asked: &PermissionSet) -> PermissionSet {
    let Some(target) = target else { return PermissionSet::EMPTY };
    let rights = rights_of(grants.iter().copied(), &target, asked);
    (rights.allow | rights.deny) & *asked
}

fn held(grants: &[Arc<Grants>], target: Option<Target>, asked: &PermissionSet) -> PermissionSet {
    let Some(target) = target else { return PermissionSet::EMPTY };
    rights_of(grants.iter().map(Arc::as_ref), &target, asked).held() & *asked
}

fn rights_of<'a>(grants: impl Iterator<Item = &'a Grants>, target: &Target, asked: &PermissionSet) -> Rights {
    let words = Words::of(asked);
    let mut rights = Rights::default();
    grants.for_each(|grants| grants.add_on(target, asked, words, &mut rights));
    rights
}
