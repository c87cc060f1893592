//! The engine against Cedar, on the random accounts of the engine's own tests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]
#![allow(dead_code, reason = "the engine's tests use more of what is shared")]

mod cedar;
#[path = "../../../tests/it/runs.rs"]
mod runs;
#[path = "../../../tests/it/world.rs"]
mod world;
