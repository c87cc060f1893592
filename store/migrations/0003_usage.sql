-- When which permission was last used, by whom. Written behind in batches: after a crash the last seconds may be missing.
-- The empty permission stands for the principal itself. Times are microseconds since 1970-01-01 UTC.
CREATE TABLE usage (
    stream     TEXT    NOT NULL,
    principal  TEXT    NOT NULL,
    permission TEXT    NOT NULL,
    last_used  INTEGER NOT NULL,
    PRIMARY KEY (stream, principal, permission)
) STRICT, WITHOUT ROWID;

-- Since when that is written: one row.
CREATE TABLE usage_since (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    at  INTEGER NOT NULL
) STRICT;
