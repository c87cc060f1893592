//! Third-party servers that tests start and stop. Nothing of ours is in here, so that every crate's tests can use it.

#![expect(clippy::expect_used, reason = "for tests: a failed expectation ends the test")]

pub mod postgres;
