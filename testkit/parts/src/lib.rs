//! Third-party servers that tests start and stop, and a network between that fails. Nothing of ours is in here, so that every crate's tests can use it.

#![expect(clippy::expect_used, reason = "for tests: a failed expectation ends the test")]

pub mod postgres;
pub mod proxy;
pub mod small_disk;
