//! The link of an invitation: who is invited where, and a secret.

use model::ids::{AccountId, MemberId};
use model::invitations::Invitation;
use runtime::secrets::{Secrets, same_seal};

use crate::PublicUrl;

/// What the token of a link begins with, for scanners that look for leaked secrets.
const PREFIX: &str = "pcin_";

/// The token of an invitation, as it stands in its link.
pub fn token(secrets: &Secrets, account: AccountId, member: MemberId, invitation: &Invitation) -> String {
    let seal = secrets.invitation_seal(account, member, invitation.number);
    let seal: String = seal.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{account}{member}{seal}")
}

/// The link itself.
pub fn link(url: &PublicUrl, token: &str) -> String {
    format!("{url}/invitations/{token}")
}

/// Who a token invites where; whether it is a token of this server is for [`opens`] to say.
pub fn named(token: &str) -> Option<(AccountId, MemberId)> {
    let rest = token.strip_prefix(PREFIX)?;
    if rest.len() != 128 || !rest.is_ascii() {
        return None;
    }
    Some((rest[..32].parse().ok()?, rest[32..64].parse().ok()?))
}

/// Whether the token is that of the member's present invitation; compared in constant time.
pub fn opens(secrets: &Secrets, account: AccountId, member: MemberId, invitation: &Invitation, token: &str) -> bool {
    same_seal(self::token(secrets, account, member, invitation).as_bytes(), token.as_bytes())
}
