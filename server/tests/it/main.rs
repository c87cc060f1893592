//! The server over HTTP: what a client may do, what it hears, and what holds whatever it does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may panic")]

// The name by which the rest of the workspace knows it.
extern crate portcullis_server as server;

mod access;
mod access_history;
mod accounts;
mod api_tokens;
mod audit;
mod authorize;
mod bodies;
mod cases;
mod commit_stream;
mod commits;
mod concurrency;
mod credentials;
mod declared;
mod dry_run;
mod effective_policies;
mod escalation;
mod explain;
mod if_match;
mod last_super_administrator;
mod least_privilege;
mod lists;
mod members;
mod memberships;
mod random_operations;
mod rate_limits;
mod repeats;
mod resource_groups;
mod resources;
mod roles;
mod routes;
mod self_check;
mod sso_connectors;
mod support;
mod terraform;
mod unused_grants;
mod user_group_members;
mod user_groups;
mod who_may_call;
mod wire_shapes;
mod zones;
