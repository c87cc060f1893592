//! The real executable: configuration, first start, shutdown, kill and restart.

#![expect(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

mod accounts;
mod ask;
mod audit;
mod backup;
mod bad_machines;
mod check;
mod configuration;
mod crash;
mod declare;
mod dev;
mod doctor;
mod failover;
mod first_start;
mod follower;
mod help;
mod last_use;
mod log;
mod nodes;
mod revert;
mod serve;
mod support;
mod users;
