-- The commit log and what is appended with it in one transaction.
-- Times are microseconds since 1970-01-01 UTC. A migration is never edited after release.

-- One row per commit, hash-chained per stream. An ordinary (rowid) table on purpose: rows of a kilobyte would spill to overflow pages
-- in a WITHOUT ROWID tree, and a batch of commits of many streams writes fewer pages when the rows themselves lie one after another.
CREATE TABLE commits (
    stream    TEXT    NOT NULL,
    revision  INTEGER NOT NULL CHECK (revision > 0),
    at        INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    request   TEXT    NOT NULL,
    changes   TEXT    NOT NULL,
    prev_hash BLOB    NOT NULL,
    hash      BLOB    NOT NULL,
    PRIMARY KEY (stream, revision)
) STRICT;

-- The state of a stream at a revision, so that loading a long log is fast. May be lost: it can be made again from `commits`.
CREATE TABLE snapshots (
    stream   TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    state    BLOB    NOT NULL,
    checksum BLOB    NOT NULL,
    PRIMARY KEY (stream, revision)
) STRICT;

-- What is unique in the whole store, and who has it. The primary key decides.
CREATE TABLE claims (
    kind   TEXT NOT NULL,
    key    TEXT NOT NULL,
    stream TEXT NOT NULL,
    id     TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- Short-lived rows: sessions, sign-in state, jobs.
CREATE TABLE leases (
    kind       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    due_at     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    payload    BLOB    NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_due ON leases (kind, due_at);
CREATE INDEX leases_expiry ON leases (expires_at);
