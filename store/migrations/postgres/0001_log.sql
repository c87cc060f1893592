-- As the migrations of SQLite leave it (../*.sql say what each table is for). Names are ordered by their bytes everywhere.
CREATE TABLE commits (
    stream    TEXT COLLATE "C" NOT NULL,
    revision  BIGINT NOT NULL CHECK (revision > 0),
    at        BIGINT NOT NULL,
    actor     TEXT   NOT NULL,
    request   TEXT   NOT NULL,
    changes   TEXT   NOT NULL,
    prev_hash BYTEA  NOT NULL,
    hash      BYTEA  NOT NULL,
    PRIMARY KEY (stream, revision)
);

CREATE TABLE touches (
    stream   TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (stream, document, revision)
);

CREATE TABLE appearances (
    place    TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    stream   TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (place, at, stream, revision)
);

CREATE TABLE snapshots (
    stream   TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    state    BYTEA  NOT NULL,
    checksum BYTEA  NOT NULL,
    PRIMARY KEY (stream, revision)
);

CREATE TABLE summaries (
    stream TEXT COLLATE "C" NOT NULL,
    kind   TEXT COLLATE "C" NOT NULL,
    first  BIGINT NOT NULL,
    bytes  BYTEA  NOT NULL,
    PRIMARY KEY (stream, kind, first)
);

CREATE TABLE claims (
    kind   TEXT COLLATE "C" NOT NULL,
    key    TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, key)
);

CREATE TABLE leases (
    kind       TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    stream     TEXT COLLATE "C" NOT NULL,
    due_at     BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    payload    BYTEA  NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX leases_due ON leases (kind, due_at);
CREATE INDEX leases_expiry ON leases (expires_at);

CREATE TABLE usage (
    stream     TEXT COLLATE "C" NOT NULL,
    principal  TEXT COLLATE "C" NOT NULL,
    permission TEXT COLLATE "C" NOT NULL,
    last_used  BIGINT NOT NULL,
    PRIMARY KEY (stream, principal, permission)
);

CREATE TABLE usage_since (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    at  BIGINT NOT NULL
);
