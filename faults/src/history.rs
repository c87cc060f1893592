//! What was asked, what was answered, and when.

use std::collections::BTreeSet;
use std::time::Instant;

/// What clients did and heard, and what the log says in the end.
#[derive(Debug, Default)]
pub struct History {
    pub writes: Vec<Write>,
    pub reads: Vec<Read>,
    pub tokens: Vec<Token>,
    /// Every commit of the account, by the log itself, once everything works again.
    pub log: Vec<Logged>,
    /// What each node says in the end: its revision and the names of all groups.
    pub last: Vec<(u64, BTreeSet<String>)>,
}

/// The time from a request to its answer.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub sent: Instant,
    pub heard: Instant,
}

/// A write of one client.
#[derive(Debug, Clone)]
pub struct Write {
    pub span: Span,
    pub node: usize,
    /// How often the node was started before.
    pub incarnation: usize,
    pub deed: Deed,
    pub outcome: Outcome,
}

/// What was to be done. No two deeds ever give the same name, so a deed that is done twice shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Deed {
    /// A group gets this name, new or not.
    Name(String),
    /// A group goes, by its id.
    Delete(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, as this revision.
    Done(u64),
    /// It was refused, so it was not done.
    Refused,
    /// Nobody knows: there was no answer, or one that says that something failed.
    Unknown,
}

/// A list of all groups that was answered.
#[derive(Debug, Clone)]
pub struct Read {
    pub span: Span,
    pub node: usize,
    pub incarnation: usize,
    /// The revision that the answer had to be at least.
    pub named: Option<u64>,
    pub revision: u64,
    pub names: BTreeSet<String>,
}

/// The life of a token, and each answer to it.
#[derive(Debug, Clone)]
pub struct Token {
    pub made: Span,
    /// None if its deletion was never acknowledged.
    pub deleted: Option<Span>,
    /// From when on somebody tried to delete it.
    pub deletion_sent: Option<Instant>,
    pub uses: Vec<Use>,
}

/// A request with a token. Answers that say neither yes nor no are left out.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    pub span: Span,
    pub node: usize,
    pub allowed: bool,
}

/// A commit, by the log.
#[derive(Debug, Clone)]
pub struct Logged {
    pub revision: u64,
    /// Groups that it put, as id and name.
    pub put: Vec<(String, String)>,
    /// Groups that it deleted, by id.
    pub deleted: Vec<String>,
}
