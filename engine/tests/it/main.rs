//! The engine against its oracle, and against everybody who would like to hold more than they do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

extern crate portcullis_engine as engine;

mod agreement;
mod call_target;
mod cases;
mod diff;
mod effective;
mod escalation;
mod explain;
mod explain_changes;
mod least_privilege;
#[cfg(feature = "offline")]
mod offline;
mod replay;
mod runs;
mod search;
mod spans;
mod super_administrators;
mod undo;
mod world;
