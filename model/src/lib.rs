//! What an account and a user *are*: ids, documents, states, changes, and every operation as a pure function
//! `(state, input) -> changes`. No I/O, no async, no clock, no randomness: what an operation needs of these is passed
//! in with [`rules::Environment`].

pub mod account_state;
pub mod accounts;
pub mod change;
pub mod claims;
pub mod commit;
pub mod declared;
pub mod ids;
pub mod invitations;
pub mod keyed;
pub mod members;
pub mod memo;
pub mod names;
pub mod policies;
pub mod problem;
pub mod resource_groups;
pub mod resources;
pub mod rules;
pub mod sso_connectors;
pub mod time;
pub mod tokens;
pub mod undo;
pub mod user_group_members;
pub mod user_groups;
pub mod users;
