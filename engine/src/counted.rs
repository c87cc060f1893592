//! Which permission a use counts for. An operation accepts several, and a principal may hold more than one of them.

use catalog::PermissionSet;

use crate::principal::Principal;
use crate::rights::{Asked, Where};
use crate::target::Target;
use crate::{Account, Engine};

impl Engine {
    /// Of the accepted permissions, those that the principal may exercise on the target. As many as none if it is let in
    /// by other means, such as being a member.
    pub fn held_of(
        &self,
        account: &Account,
        principal: &Principal,
        accepted: &PermissionSet,
        target: &Target,
    ) -> PermissionSet {
        account.sides(principal, &Asked::new(accepted, Where::On(target))).held & *accepted
    }
}
