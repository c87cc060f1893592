-- Which commits touched which document, so that the commit a grant came from is found without reading the log.
-- A document's name is the runtime's: `user_group/<id>`, `group_member/<group>/<member>`, `account`, …

-- Rows are short and looked up by their key alone, so the key is the table.
CREATE TABLE touches (
    stream    TEXT    NOT NULL,
    document  TEXT    NOT NULL,
    revision  INTEGER NOT NULL,
    PRIMARY KEY (stream, document, revision)
) STRICT, WITHOUT ROWID;

-- The commits that are there already, all of version 1: {"v":1,"changes":[{"put":{KIND:DOCUMENT}},{"delete":KIND},{"delete":{KIND:ID}}]}.
-- This once the log is looked into here. A damaged commit is passed over: checking the log is for `log verify`, opening it must not fail.
INSERT INTO touches (stream, document, revision)
WITH changes (stream, revision, change) AS (
    SELECT commits.stream, commits.revision, each.value
    FROM commits, json_each(CASE WHEN json_valid(commits.changes) THEN commits.changes ELSE '{}' END, '$.changes') AS each
    WHERE each.type = 'object'
),
names (stream, revision, document) AS (
    SELECT stream, revision, CASE put.key
        WHEN 'account' THEN 'account'
        WHEN 'user' THEN 'user'
        WHEN 'group_member' THEN 'group_member/' || (put.value ->> '$.group') || '/' || (put.value ->> '$.member')
        WHEN 'resource' THEN 'resource/' || (put.value ->> '$.key')
        ELSE put.key || '/' || (put.value ->> '$.id')
    END
    FROM changes, json_each(change, '$.put') AS put
    WHERE put.type = 'object'
    UNION ALL
    SELECT stream, revision, gone.value FROM changes, json_each(change) AS gone
    WHERE gone.key = 'delete' AND gone.type = 'text'
    UNION ALL
    SELECT stream, revision, gone.key || '/' || CASE gone.type
        WHEN 'array' THEN (gone.value ->> '$[0]') || '/' || (gone.value ->> '$[1]')
        ELSE gone.value
    END
    FROM changes, json_each(change, '$.delete') AS gone
    WHERE json_type(change, '$.delete') = 'object'
)
SELECT DISTINCT stream, document, revision FROM names WHERE document IS NOT NULL
-- In the order of the key, so that the table is written from front to back.
ORDER BY stream, document, revision;
