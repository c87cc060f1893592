//! What an account is, by example and by property.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

extern crate portcullis_model as model;

mod account_state;
mod change;
mod members;
mod policies;
mod resource_groups;
mod sso_connectors;
mod user_groups;
mod world;
