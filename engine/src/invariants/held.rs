//! Whether a grantor holds all that a statement grants: wildcards are compared as sets, of what there is and of what may
//! come (D15).

use catalog::{PermissionSet, ResourceTypeIndex};
use model::account_state::AccountState;
use model::policies::Policy;

use crate::index::place::Place;
use crate::principal::Principal;
use crate::rights::{Asked, Sides, Where};
use crate::statement::Statement;
use crate::target::Target;
use crate::{Account, Engine};

/// What a principal holds in an account, to be compared with what it grants.
pub(super) struct Holds<'a> {
    account: &'a Account,
    principal: &'a Principal,
    throughout: Sides,
}

impl Engine {
    pub(super) fn holds<'a>(&self, account: &'a Account, principal: &'a Principal) -> Holds<'a> {
        let throughout = account.sides(principal, &Asked::new(self.everything(), Where::Throughout));
        Holds { account, principal, throughout }
    }
}

impl Holds<'_> {
    /// Whether the principal holds everything that a policy of a member or group speaks of. One whose scope lies in another
    /// account reaches nothing here, and only who holds all may write it.
    pub(super) fn all_of_policy(&self, state: &AccountState, policy: &Policy) -> bool {
        let statement = self.account.engine().statement(state, policy).statement;
        let groups = policy.resource_groups.iter().filter_map(|id| state.resource_group(id));
        let mut foreign = groups.filter(|group| !group.scope.is_of(state.account_id()));
        match foreign.next() {
            Some(_) => statement.permissions().is_subset(&self.throughout.held),
            None => self.all_of(&statement),
        }
    }

    /// Whether the principal holds everything that the statement speaks of, everywhere that it reaches. A place that the
    /// account does not know grants nothing, and never will: ids are not used again (D26).
    pub(super) fn all_of(&self, statement: &Statement) -> bool {
        let reach = &statement.reach;
        let wide = self.kinds().filter(|kind| reach.whole || reach.all_of & 1 << kind.0 != 0);
        let spoken = self.kinds().fold(PermissionSet::EMPTY, |set, kind| set | self.spoken(statement, kind));
        if spoken.is_subset(&self.throughout.held) {
            return true;
        }
        // What may come may lie where a deny waits already.
        let mut wide = wide.map(|kind| (Target::single(kind, Place::UNNAMED), self.spoken(statement, kind)));
        !reach.whole
            && wide.all(|(target, spoken)| {
                !spoken.intersects(&self.throughout.denied) && spoken.is_subset(&self.held_on(&target))
            })
            && self.holds_what_is_there(statement)
    }

    /// The types of what lies in an account.
    fn kinds(&self) -> impl Iterator<Item = ResourceTypeIndex> {
        let kinds = self.account.engine().kinds();
        kinds.iter().filter(|kind| kinds.lies_in(*kind, ResourceTypeIndex::ACCOUNT))
    }

    fn spoken(&self, statement: &Statement, kind: ResourceTypeIndex) -> PermissionSet {
        statement.on(self.account.engine(), kind)
    }

    fn held_on(&self, target: &Target) -> PermissionSet {
        self.account.engine().held(self.account, self.principal, target)
    }

    fn holds_what_is_there(&self, statement: &Statement) -> bool {
        let targets = self.account.resources().filter_map(|resource| self.account.resource(&resource.key));
        let mut covered = targets.filter(|target| statement.reach.covers(target));
        covered.all(|target| self.spoken(statement, target.kind).is_subset(&self.held_on(&target)))
    }
}
