//! Invitations: a pending member answers one as the user of exactly that address (D32).

use crate::account_state::AccountState;
use crate::change::{Change, Document};
use crate::ids::{Id, MemberId};
use crate::members::{self, Member, Standing};
use crate::problem::{FaultKind, Problem};
use crate::rules::Environment;
use crate::time::Timestamp;
use crate::users::User;

/// An open invitation. Its secret is a function of the server's key and the number, so that the link can be sent again after
/// a restart, and what is stored opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Invitation {
    /// Of this invitation; another one voids the link of the one before.
    pub number: Id,
    /// Not from this time on.
    pub expires_on: Timestamp,
    /// Who invited, as shown to the person.
    pub invited_by: Box<str>,
}

impl Invitation {
    /// A new one.
    pub(crate) fn new(environment: &Environment<'_>, invited_by: &str) -> Invitation {
        Invitation {
            number: environment.next_id(),
            expires_on: environment.now.plus_seconds(environment.rules.invitation_seconds),
            invited_by: invited_by.into(),
        }
    }
}

/// What an invited person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Yes.
    Accepted,
    /// No.
    Rejected,
}

/// How an invitation stands, in the word of the wire.
pub fn status(member: &Member, now: Timestamp) -> &'static str {
    match (&member.standing, &member.invitation) {
        (Standing::Pending { .. }, Some(invitation)) if invitation.expires_on <= now => "expired",
        (standing, _) => standing.as_str(),
    }
}

/// Whether the member is that user's, or waits for the user of that address.
pub fn is_of(member: &Member, user: &User) -> bool {
    match member.user() {
        Some(id) => id == user.id,
        None => member.email.key() == user.email.key(),
    }
}

/// Answers an invitation. `has_link` is whether the person came by the link that was sent to the address, which proves that
/// the address is the person's own.
///
/// # Errors
/// [`FaultKind::NotFound`] for the invitation of somebody else; one that was answered, or has expired; an account that
/// demands what the user does not have.
pub fn answer(
    state: &AccountState,
    environment: &Environment<'_>,
    id: MemberId,
    user: &User,
    reply: Reply,
    has_link: bool,
) -> Result<(Vec<Change>, MemberId), Problem> {
    let member = members::get(state, id)?;
    if !is_of(member, user) {
        return Err(Problem::not_found("member", id));
    }
    let refuse = |message: &str| Err(Problem::at(FaultKind::Invalid, "/status", message));
    let standing = match (member.standing, reply) {
        (Standing::Accepted { .. }, Reply::Accepted) | (Standing::Rejected { .. }, Reply::Rejected) => {
            return Ok((vec![], id));
        }
        (Standing::Accepted { .. }, Reply::Rejected) => {
            return refuse("the invitation was accepted; to leave the account, delete the membership");
        }
        (Standing::Rejected { .. }, Reply::Accepted) => {
            return refuse("the invitation was declined; ask to be invited again");
        }
        (Standing::Pending { .. }, Reply::Rejected) => Standing::Rejected { since: environment.now },
        (Standing::Pending { .. }, Reply::Accepted) => {
            may_accept(state, environment, member, user, has_link)?;
            Standing::Accepted { user: user.id, since: environment.now }
        }
    };
    let profile = match reply {
        Reply::Accepted => user.profile.clone(),
        Reply::Rejected => member.profile.clone(),
    };
    let next = Member { standing, profile, invitation: None, modified_on: environment.now, ..member.clone() };
    Ok((vec![Change::put(Document::Member(next.into()))], id))
}

fn may_accept(
    state: &AccountState,
    environment: &Environment<'_>,
    member: &Member,
    user: &User,
    has_link: bool,
) -> Result<(), Problem> {
    let refuse = |message: String| Err(Problem::at(FaultKind::Invalid, "/status", message));
    let expired = member.invitation.as_ref().filter(|invitation| invitation.expires_on <= environment.now);
    if let Some(invitation) = expired {
        return refuse(format!("the invitation expired on {}; ask to be invited again", invitation.expires_on));
    }
    if !user.email_verified && !has_link {
        return refuse("your e-mail address is not verified; use the link in the invitation".to_owned());
    }
    let enforces = state.account().is_some_and(|account| account.settings.enforce_twofactor);
    if enforces && !user.profile.two_factor {
        return refuse("the account demands a second factor; set one up first".to_owned());
    }
    Ok(())
}
