//! The search for TXT records, on a clock that tests move.

mod dns;
mod pending;
mod restart;
mod schedule;
mod verified;
mod workload;
mod world;
