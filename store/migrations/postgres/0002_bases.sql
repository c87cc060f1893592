-- As ../0005_bases.sql says.
CREATE TABLE bases (
    stream    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    revision  BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    hash      BYTEA  NOT NULL,
    state     BYTEA  NOT NULL,
    key       BYTEA  NOT NULL,
    signature BYTEA  NOT NULL
);

CREATE INDEX appearances_by_commit ON appearances (stream, revision);
