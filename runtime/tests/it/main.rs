//! The live accounts over both stores, without HTTP: many writers, foreign writers, a store that fails, states of long
//! ago.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

extern crate portcullis_runtime as runtime;

mod concurrency;
mod damage;
mod eviction;
mod failing_store;
mod folding;
mod foreign_writers;
mod history;
mod past;
mod postgres;
mod queued_states;
mod random_log;
mod simulation;
mod snapshots;
mod usage;
mod world;
