//! Every query, once, for whichever database there is.
//!
//! Parameters are `$1`, `$2`, … in the order in which they first appear: PostgreSQL reads them as numbers, and SQLite, for which they are
//! names, numbers names in that same order.

/// What comes first in the rows of queries for commits.
macro_rules! record {
    ($rest:literal) => {
        concat!(
            "SELECT commits.stream, commits.revision, commits.at, commits.actor, commits.request, commits.changes, \
                commits.prev_hash, commits.hash ",
            $rest
        )
    };
}

/// What comes first in the rows of queries for claims.
macro_rules! claim {
    ($rest:literal) => {
        concat!("SELECT kind, key, stream, id FROM claims ", $rest)
    };
}

/// What comes first in the rows of queries for leases.
macro_rules! lease {
    ($rest:literal) => {
        concat!("SELECT kind, key, stream, due_at, expires_at, payload FROM leases ", $rest)
    };
}

pub const HEAD: &str = "SELECT revision, hash FROM commits WHERE stream = $1 ORDER BY revision DESC LIMIT 1";
pub const APPEND: &str = "INSERT INTO commits (stream, revision, at, actor, request, changes, prev_hash, hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (stream, revision) DO NOTHING";
pub const RECORDS: &str =
    record!("FROM commits WHERE commits.stream = $1 AND commits.revision > $2 ORDER BY commits.revision LIMIT $3");
pub const RECORD: &str = record!("FROM commits WHERE commits.stream = $1 AND commits.revision = $2");
/// The revision and time of the newest commit up to a revision.
pub const TIME: &str =
    "SELECT revision, at FROM commits WHERE stream = $1 AND revision <= $2 ORDER BY revision DESC LIMIT 1";
pub const ANY_COMMIT: &str = "SELECT EXISTS (SELECT 1 FROM commits)";
/// Jumps from name to name in the primary key, where `DISTINCT` would walk over every commit. The cross join keeps that order.
pub const STREAMS: &str = "WITH RECURSIVE names (stream) AS ( \
         SELECT min(stream) FROM commits WHERE stream > $1 \
         UNION ALL \
         SELECT (SELECT min(commits.stream) FROM commits WHERE commits.stream > names.stream) FROM names \
         WHERE names.stream IS NOT NULL) \
     SELECT names.stream, commits.revision, commits.hash FROM names CROSS JOIN commits \
     WHERE commits.stream = names.stream \
         AND commits.revision = (SELECT max(last.revision) FROM commits AS last WHERE last.stream = names.stream) \
     LIMIT $2";

pub const TOUCH: &str = "INSERT INTO touches (stream, document, revision) VALUES ($1, $2, $3) \
     ON CONFLICT (stream, document, revision) DO NOTHING";
pub const TOUCHES: &str = "SELECT revision FROM touches WHERE stream = $1 AND document = $2 AND revision <= $3 \
     ORDER BY revision DESC LIMIT $4";
/// The cross join keeps the order: first what touched the document, then those commits.
pub const TOUCHING: &str = record!(
    "FROM touches CROSS JOIN commits WHERE touches.stream = $1 AND touches.document = $2 AND touches.revision <= $3 \
        AND commits.stream = touches.stream AND commits.revision = touches.revision \
     ORDER BY touches.revision DESC LIMIT $4"
);

pub const APPEAR: &str = "INSERT INTO appearances (place, at, stream, revision) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (place, at, stream, revision) DO NOTHING";
/// The cross join keeps the order: first where it appears, then those commits.
pub const APPEARANCES_NEWEST_FIRST: &str = record!(
    "FROM appearances CROSS JOIN commits WHERE appearances.place = $1 AND appearances.at >= $2 AND appearances.at < $3 \
        AND (appearances.at, appearances.stream, appearances.revision) < ($4, $5, $6) \
        AND commits.stream = appearances.stream AND commits.revision = appearances.revision \
     ORDER BY appearances.at DESC, appearances.stream DESC, appearances.revision DESC LIMIT $7"
);
pub const APPEARANCES_OLDEST_FIRST: &str = record!(
    "FROM appearances CROSS JOIN commits WHERE appearances.place = $1 AND appearances.at >= $2 AND appearances.at < $3 \
        AND (appearances.at, appearances.stream, appearances.revision) > ($4, $5, $6) \
        AND commits.stream = appearances.stream AND commits.revision = appearances.revision \
     ORDER BY appearances.at, appearances.stream, appearances.revision LIMIT $7"
);

pub const PUT_SUMMARY: &str = "INSERT INTO summaries (stream, kind, first, bytes) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (stream, kind, first) DO UPDATE SET bytes = excluded.bytes";
pub const SUMMARIES: &str = "SELECT kind, first, bytes FROM summaries \
     WHERE stream = $1 AND kind = $2 AND first >= $3 AND first <= $4 ORDER BY first";

pub const PUT_SNAPSHOT: &str = "INSERT INTO snapshots (stream, revision, state, checksum) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (stream, revision) DO UPDATE SET state = excluded.state, checksum = excluded.checksum";
pub const TRIM_SNAPSHOTS: &str = "DELETE FROM snapshots WHERE stream = $1 AND revision NOT IN \
     (SELECT revision FROM snapshots WHERE stream = $1 ORDER BY revision DESC LIMIT 2)";
pub const SNAPSHOTS: &str = "SELECT revision, state, checksum FROM snapshots WHERE stream = $1 AND revision <= $2 \
     ORDER BY revision DESC";

pub const TAKE: &str =
    "INSERT INTO claims (kind, key, stream, id) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, key) DO NOTHING";
pub const RELEASE: &str = "DELETE FROM claims WHERE kind = $1 AND key = $2 AND stream = $3";
pub const CLAIM: &str = claim!("WHERE kind = $1 AND key = $2");
pub const CLAIMS: &str = claim!("WHERE kind = $1 AND key >= $2 AND key <> $3 ORDER BY key LIMIT $4");

pub const PUT_LEASE: &str = "INSERT INTO leases (kind, key, stream, due_at, expires_at, payload) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (kind, key) DO UPDATE SET stream = excluded.stream, due_at = excluded.due_at, \
         expires_at = excluded.expires_at, payload = excluded.payload";
pub const DELETE_LEASE: &str = "DELETE FROM leases WHERE kind = $1 AND key = $2";
/// Only if it is still what was read.
pub const REPLACE_LEASE: &str = "UPDATE leases SET stream = $1, due_at = $2, expires_at = $3, payload = $4 \
     WHERE kind = $5 AND key = $6 AND stream = $7 AND due_at = $8 AND expires_at = $9 AND payload = $10";
/// Only if it is still what was read.
pub const END_LEASE: &str = "DELETE FROM leases \
     WHERE kind = $1 AND key = $2 AND stream = $3 AND due_at = $4 AND expires_at = $5 AND payload = $6";
/// A limited number at a time, so that commits need not wait long behind it.
pub const PURGE_LEASES: &str = "DELETE FROM leases WHERE (kind, key) IN \
     (SELECT kind, key FROM leases WHERE expires_at <= $1 LIMIT $2)";
pub const PUT_USAGE: &str = "INSERT INTO usage (stream, principal, permission, last_used) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (stream, principal, permission) DO UPDATE SET last_used = excluded.last_used \
         WHERE excluded.last_used > usage.last_used";
pub const USAGE: &str = "SELECT stream, principal, permission, last_used FROM usage \
     WHERE stream = $1 AND principal = $2 ORDER BY permission";
pub const BEGIN_USAGE: &str = "INSERT INTO usage_since (one, at) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
pub const USAGE_SINCE: &str = "SELECT at FROM usage_since";

/// What comes first in the rows of queries for bases.
macro_rules! base {
    ($rest:literal) => {
        concat!("SELECT stream, revision, at, hash, state, key, signature FROM bases ", $rest)
    };
}

/// Never back.
pub const FOLD: &str = "INSERT INTO bases (stream, revision, at, hash, state, key, signature) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (stream) DO UPDATE SET revision = excluded.revision, at = excluded.at, hash = excluded.hash, \
         state = excluded.state, key = excluded.key, signature = excluded.signature \
         WHERE excluded.revision > bases.revision";
pub const BASE: &str = base!("WHERE stream = $1");
pub const FOLDED: &str = "SELECT revision FROM bases WHERE stream = $1";
pub const ALL_BASES: &str = base!("ORDER BY stream");
/// The most commits that one statement takes away, so that other writers need not wait long behind it.
pub const FORGOTTEN_AT_ONCE: u64 = 1000;
pub const FORGET_COMMITS: &str = "DELETE FROM commits WHERE stream = $1 AND revision IN \
     (SELECT commits.revision FROM commits, bases WHERE commits.stream = $1 AND bases.stream = $1 \
         AND commits.revision < bases.revision ORDER BY commits.revision LIMIT $2)";
pub const FORGET_TOUCHES: &str =
    "DELETE FROM touches WHERE stream = $1 AND revision < (SELECT bases.revision FROM bases WHERE bases.stream = $1)";
pub const FORGET_APPEARANCES: &str = "DELETE FROM appearances WHERE stream = $1 AND revision < (SELECT bases.revision FROM bases WHERE bases.stream = $1)";

pub const ALL_APPEARANCES: &str =
    "SELECT place, stream, revision FROM appearances ORDER BY place, at, stream, revision";
pub const ALL_COMMITS: &str = record!("FROM commits ORDER BY stream, revision");
pub const ALL_CLAIMS: &str = claim!("ORDER BY kind, key");
pub const ALL_LEASES: &str = lease!("ORDER BY kind, key");
pub const ALL_USAGE: &str =
    "SELECT stream, principal, permission, last_used FROM usage ORDER BY stream, principal, permission";

pub const LEASE: &str = lease!("WHERE kind = $1 AND key = $2");
pub const LEASES_DUE: &str =
    lease!("WHERE kind = $1 AND due_at <= $2 AND expires_at > $2 ORDER BY due_at, key LIMIT $3");
