-- Where a log begins whose older commits were folded away: the state after the commit of that revision, which is the oldest that is still
-- there, and a signature, so that it can stand for what led to it.
CREATE TABLE bases (
    stream    TEXT    NOT NULL PRIMARY KEY,
    revision  INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    hash      BLOB    NOT NULL,
    state     BLOB    NOT NULL,
    key       BLOB    NOT NULL,
    signature BLOB    NOT NULL
) STRICT;

-- For what goes with a commit.
CREATE INDEX appearances_by_commit ON appearances (stream, revision);
