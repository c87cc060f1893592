//! Why, and why not, in the words of questions ([`crate::question`]): the evidence of an answer, and what would change it.

use model::ids::{MemberId, UserId};
use model::names::NameKey;
use model::policies::Effect;

use crate::decide::{Reason, Source};
use crate::explain::Explanation;
use crate::explain::remedies::{Asker, Needed, On, Remedy, Requirement};
use crate::principal::Principal;
use crate::question::Circumstances;
use crate::question::action::Action;
use crate::question::subject::SubjectKind;
use crate::target::Target;
use crate::{Account, Engine};

impl Explanation {
    /// A refusal that no policy made.
    fn refused(reason: Reason) -> Explanation {
        let nothing = catalog::PermissionSet::EMPTY;
        Explanation { allowed: false, reason, asked: nothing, chain: Vec::new(), by_membership: false }
    }
}

impl Engine {
    /// The same answer as [`Engine::answer`], with its evidence.
    pub fn explain_answer(
        &self,
        account: &Account,
        subject: Option<&Principal>,
        action: &Action,
        target: Option<&Target>,
        circumstances: &Circumstances,
    ) -> Explanation {
        let Some(principal) = subject else { return Explanation::refused(Reason::UnknownSubject) };
        if principal.token().is_some_and(|token| !circumstances.admit(&token.token)) {
            return Explanation::refused(Reason::Condition);
        }
        let Some(target) = target else { return Explanation::refused(Reason::UnknownResource) };
        match action {
            Action::AnyOf(need) => {
                let mut explanation = self.explain(account, principal, &need.accepts, target);
                if !explanation.allowed && self.suffices_membership(account, principal, *need, target) {
                    // Of a user's token, what it says itself has counted, and nothing that its owner may do (D14).
                    explanation.chain.retain(|one| one.source == Source::Token && one.effect == Effect::Allow);
                    explanation =
                        Explanation { allowed: true, reason: Reason::Allow, by_membership: true, ..explanation };
                }
                explanation
            }
            Action::AllOf(bundle) => match self.asked_of_all(account, principal, bundle, target) {
                Some(asked) => self.explain(account, principal, &asked, target),
                None => Explanation::refused(Reason::ImplicitDeny),
            },
        }
    }

    /// What would change the answer to a question about the account, or about the resource of that key: as
    /// [`Engine::remedies`]. Where being a member suffices (D14), no policy is told.
    pub fn remedies_of_answer(
        &self,
        account: &Account,
        asker: &Asker,
        action: &Action,
        resource: &str,
        circumstances: &Circumstances,
    ) -> Vec<Remedy> {
        let mut requires = Vec::new();
        if let Asker::Known(principal) = asker
            && let Some(token) = principal.token()
        {
            let unmet = circumstances.unmet(&token.token);
            if unmet.any() {
                requires.push(Requirement::Condition(token.id(), unmet));
            }
        }
        let Some(on) = On::of(account, resource, &mut requires) else { return Vec::new() };
        let needed = match action {
            Action::AnyOf(need) => Some(Needed::AnyOf(need.accepts)),
            Action::AllOf(bundle) => self.asked_of_bundle(bundle, &on.target).map(Needed::AllOf),
        };
        let by_membership = matches!(action, Action::AnyOf(need) if need.any_member) && on.target.is_account();
        match needed {
            Some(needed) => self.remedies_on(account, asker, &needed, &on, by_membership, requires),
            None => Vec::new(),
        }
    }

    /// Whom a question means, for what would change its answer: also a member that has not accepted, and for a user by its
    /// address or id somebody who is no member. `None` for what is not there.
    pub fn find_asker(&self, account: &Account, kind: SubjectKind, id: &str) -> Option<Asker> {
        if let Some(known) = self.find_subject(account, kind, id) {
            return Some(Asker::Known(known));
        }
        let known = |id| Asker::Known(Principal::Member(id));
        match kind {
            SubjectKind::Member => {
                let id: MemberId = id.parse().ok()?;
                account.member(&id).map(|member| known(member.id))
            }
            SubjectKind::User => match (id.parse::<UserId>(), account.member_by_email(&NameKey::of(id))) {
                (Err(_), Some(member)) => Some(known(member.id)),
                (Ok(_), _) | (Err(_), None) => Some(Asker::Newcomer),
            },
            SubjectKind::Token | SubjectKind::UserGroup => None,
        }
    }
}
