//! What one subject has, put together once, for many questions about it.

use std::collections::BTreeSet;

use model::ids::PolicyId;
use model::policies::Effect;

use super::{Action, Oracle, Resources, Statement};
use crate::decide::{Decision, Reason};

/// All that an account says of one subject.
pub struct Dossier<'o, 'a> {
    pub(super) oracle: &'o Oracle<'a>,
    pub(super) account: String,
    pub(super) resources: Resources,
    pub(super) sides: Vec<Vec<Statement<'a>>>,
}

impl Dossier<'_, '_> {
    /// As [`Oracle::decide`], of this subject.
    pub fn decide(&self, accepted: &[Action<'_>], key: &str) -> Decision {
        let (mut allowing, mut denying) = (BTreeSet::new(), BTreeSet::new());
        if let Some(target) = self.oracle.target(&self.account, &self.resources, key) {
            for action in accepted {
                let hits = |statement: &&Statement<'_>| self.oracle.hits(statement, *action, &target);
                let of = |side: &[Statement<'_>], effect: Effect| -> Vec<PolicyId> {
                    side.iter().filter(|one| one.effect == effect).filter(hits).map(|one| one.id).collect()
                };
                let denied: Vec<PolicyId> = self.sides.iter().flat_map(|side| of(side, Effect::Deny)).collect();
                let allowed: Vec<_> = self.sides.iter().map(|side| of(side, Effect::Allow)).collect();
                // D3: a deny on any side wins. D5: every side must allow.
                if !denied.is_empty() {
                    denying.extend(denied);
                } else if !allowed.is_empty() && allowed.iter().all(|side| !side.is_empty()) {
                    allowing.extend(allowed.into_iter().flatten());
                }
            }
        }
        let (allowed, reason, policies) = match (allowing.is_empty(), denying.is_empty()) {
            (false, _) => (true, Reason::Allow, allowing),
            (true, false) => (false, Reason::ExplicitDeny, denying),
            (true, true) => (false, Reason::ImplicitDeny, BTreeSet::new()),
        };
        Decision { allowed, reason, policies: policies.into_iter().collect() }
    }
}
