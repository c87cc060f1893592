//! What tokens may be given.
//!
//! Whoever makes a token, gives it more, puts one that lay idle back in use, or takes its secret by rolling it, has what it
//! can do. So all of that asks the same: does the grantor hold it already (D15)? A token that can manage members can give
//! away every role, and so it is a super administrator's to give (D17).

use std::sync::Arc;

use model::change::{Change, Document, DocumentId};
use model::policies::Effect;
use model::problem::{FaultKind, Problem};
use model::tokens::{Token, TokenPolicy, TokenStatus};
use model::users::UserState;

use super::held::Holds;
use crate::principal::Principal;
use crate::rights::Rights;
use crate::statement::Statement;
use crate::{Account, Engine};

impl Engine {
    pub(super) fn tokens_grant_only_what_is_held(
        &self,
        before: &Account,
        changes: &[Change],
        principal: &Principal,
    ) -> Result<(), Problem> {
        let tokens = changes.iter().filter_map(|change| match change {
            Change::Put(Document::Token(token)) => Some(token),
            Change::Put(_) | Change::Delete(_) => None,
        });
        for token in tokens {
            let gained = gained(before.token(&token.id), token);
            if !gained.is_empty() {
                self.may_give(before, principal, &gained)?;
            }
        }
        Ok(())
    }

    /// Checks a commit to a user's own stream: what its tokens gain, the grantor must hold in every account that they
    /// reach, and on the user itself.
    ///
    /// # Errors
    /// [`FaultKind::Escalation`].
    pub fn check_user(
        &self,
        before: &UserState,
        changes: &[Change],
        principal: &Principal,
        reached: &[&Account],
    ) -> Result<(), Problem> {
        if matches!(principal, Principal::System) {
            return Ok(());
        }
        for change in changes {
            let (Change::Put(Document::Token(token)), DocumentId::Token(id)) = (change, change.id()) else { continue };
            let gained = gained(before.tokens.get(&id), token);
            for account in reached.iter().filter(|_| !gained.is_empty()) {
                self.may_give(account, principal, &gained)?;
            }
            self.may_give_on_user(principal, &gained)?;
        }
        Ok(())
    }

    fn may_give(&self, account: &Account, principal: &Principal, gained: &[&TokenPolicy]) -> Result<(), Problem> {
        let holds = self.holds(account, principal);
        let here = account.account_id();
        for policy in gained {
            for place in [None, Some(here)] {
                let statement = self.token_statement(policy, place).statement;
                self.may_give_there(&holds, account, principal, policy, &statement)?;
            }
        }
        Ok(())
    }

    fn may_give_there(
        &self,
        holds: &Holds<'_>,
        account: &Account,
        principal: &Principal,
        policy: &TokenPolicy,
        statement: &Statement,
    ) -> Result<(), Problem> {
        let manages = statement.reach.whole && statement.permissions().intersects(&self.administration().manage);
        if manages && !self.acts_as_super_administrator(account, principal) {
            let message = format!(
                "{}: whoever may manage members may grant every role, so only a super administrator gives it to a token",
                self.failed_token_check(policy)
            );
            return Err(Problem::new(FaultKind::Escalation, message));
        }
        if !holds.all_of(statement) {
            return Err(Problem::new(FaultKind::Escalation, self.failed_token_check(policy)));
        }
        Ok(())
    }

    /// What a token may be given on its own user: by the user anything, by another token what that has itself.
    fn may_give_on_user(&self, principal: &Principal, gained: &[&TokenPolicy]) -> Result<(), Problem> {
        let Principal::UserToken { user, token } = principal else { return Ok(()) };
        let held = self.holds_on_user(token, *user);
        for policy in gained {
            let mut rights = Rights::default();
            self.add_on_user(policy, *user, &mut rights);
            let given = match policy.effect {
                Effect::Allow => rights.allow,
                Effect::Deny => rights.deny,
            };
            let on_user = given & *self.applicable(catalog::ResourceTypeIndex::USER);
            if !on_user.is_subset(&held) {
                return Err(Problem::new(FaultKind::Escalation, self.failed_token_check(policy)));
            }
        }
        Ok(())
    }

    fn failed_token_check(&self, policy: &TokenPolicy) -> String {
        let names = policy.permission_groups.iter().filter_map(|id| self.catalog().permission(id));
        let names: Vec<&str> = names.map(|permission| &*permission.name).collect();
        format!("Failed common permission check against resources. (Permission group: \"{}\")", names.join("\", \""))
    }
}

/// The policies by which a token gains something: allows that are new to it, and denies that go. One whose secret is
/// another now is somebody else's token, and one that was of no use and is of use
/// now has all that it says.
fn gained<'a>(former: Option<&'a Arc<Token>>, token: &'a Arc<Token>) -> Vec<&'a TokenPolicy> {
    let allows = token.policies.iter().filter(|policy| policy.effect == Effect::Allow);
    let whole = |former: &&Arc<Token>| {
        former.digest != token.digest && token.digest.is_some()
            || former.status != TokenStatus::Active && token.status == TokenStatus::Active
            || former.not_before > token.not_before
            || is_later(token, former)
    };
    let Some(former) = former.filter(|former| !whole(former)) else {
        return allows.collect();
    };
    let new = allows.filter(|policy| !former.policies.iter().any(|other| same(policy, other)));
    let denies = former.policies.iter().filter(|policy| policy.effect == Effect::Deny);
    let lifted = denies.filter(|policy| !token.policies.iter().any(|other| same(policy, other)));
    new.chain(lifted).collect()
}

/// Whether a token ends later than it did: it can be used at a time at which it could not.
fn is_later(token: &Token, former: &Token) -> bool {
    match (former.expires_on, token.expires_on) {
        (Some(former), Some(end)) => end > former,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn same(one: &TokenPolicy, other: &TokenPolicy) -> bool {
    one.effect == other.effect && one.permission_groups == other.permission_groups && one.resources == other.resources
}
