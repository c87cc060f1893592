-- Where a commit is seen besides its own stream: what happens to a user is part of the audit of each account that the user is in at that
-- time. By time, since that is how audits are read.
CREATE TABLE appearances (
    place    TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    stream   TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (place, at, stream, revision)
) STRICT, WITHOUT ROWID;

-- What the runtime has worked out of a stretch of a log, so that it need not read the stretch again. It can be made anew at any time.
-- `kind` first, so that one kind of all stretches is read from front to back.
CREATE TABLE summaries (
    stream TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    first  INTEGER NOT NULL,
    bytes  BLOB    NOT NULL,
    PRIMARY KEY (stream, kind, first)
) STRICT;
