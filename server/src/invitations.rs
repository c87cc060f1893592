//! Invitations: what goes to the invited person, and how the person answers (D32).
//!
//! Ada invites bea@example.com. The link that Bea gets carries a secret that only this server can have made for that very
//! invitation; Bea, signed in as the user of that address, redeems it, or answers at `/user/invites` without it.

pub mod answers;
pub mod link;
pub mod mail;
pub mod outbox;
