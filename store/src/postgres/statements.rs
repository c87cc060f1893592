//! The statements of the writer: each takes whole columns, so that a batch of any size is the same few messages.

use tokio_postgres::{Client, Error, Statement};

use crate::sql;

const PREDECESSORS: &str = "SELECT count(*) FROM unnest($1::TEXT[], $2::BIGINT[], $3::BYTEA[]) AS before (stream, revision, hash) \
     JOIN commits ON commits.stream = before.stream AND commits.revision = before.revision AND commits.hash = before.hash";
const APPEND: &str = "INSERT INTO commits (stream, revision, at, actor, request, changes, prev_hash, hash) \
     SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::BYTEA[], $8::BYTEA[]) \
     ON CONFLICT (stream, revision) DO NOTHING";
const TOUCH: &str = "INSERT INTO touches (stream, document, revision) SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[]) \
     ON CONFLICT (stream, document, revision) DO NOTHING";
const APPEAR: &str = "INSERT INTO appearances (place, at, stream, revision) \
     SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::TEXT[], $4::BIGINT[]) \
     ON CONFLICT (place, at, stream, revision) DO NOTHING";
const RELEASE: &str = "DELETE FROM claims USING unnest($1::TEXT[], $2::TEXT[], $3::TEXT[]) AS gone (kind, key, stream) \
     WHERE claims.kind = gone.kind AND claims.key = gone.key AND claims.stream = gone.stream";
/// How many keys somebody holds.
const HELD: &str = "SELECT count(*) FROM unnest($1::TEXT[], $2::TEXT[]) AS named (kind, key) \
     JOIN claims ON claims.kind = named.kind AND claims.key = named.key";
/// Counts what the same holder has already, too.
const TAKE: &str = "INSERT INTO claims (kind, key, stream, id) SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[]) \
     ON CONFLICT (kind, key) DO UPDATE SET id = excluded.id WHERE claims.stream = excluded.stream AND claims.id = excluded.id";
const PUT_LEASES: &str = "INSERT INTO leases (kind, key, stream, due_at, expires_at, payload) \
     SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::BIGINT[], $6::BYTEA[]) \
     ON CONFLICT (kind, key) DO UPDATE SET stream = excluded.stream, due_at = excluded.due_at, \
         expires_at = excluded.expires_at, payload = excluded.payload";
const DELETE_LEASES: &str = "DELETE FROM leases USING unnest($1::TEXT[], $2::TEXT[]) AS gone (kind, key) \
     WHERE leases.kind = gone.kind AND leases.key = gone.key";
const NOTIFY: &str = "SELECT pg_notify('portcullis', $1)";

/// Where each of these streams ends; those that are not there are left out.
pub const HEADS: &str = "SELECT named.stream, last.revision, last.hash FROM unnest($1::TEXT[]) AS named (stream) \
     CROSS JOIN LATERAL (SELECT revision, hash FROM commits WHERE commits.stream = named.stream \
         ORDER BY revision DESC LIMIT 1) AS last";

/// Prepared for one session.
pub struct Statements {
    pub predecessors: Statement,
    pub append: Statement,
    pub touch: Statement,
    pub appear: Statement,
    pub release: Statement,
    pub held: Statement,
    pub take: Statement,
    pub put_leases: Statement,
    pub delete_leases: Statement,
    /// None where the database has no notifications.
    pub notify: Option<Statement>,
    pub head: Statement,
    pub claim: Statement,
    pub record: Statement,
}

impl Statements {
    pub async fn prepare(client: &Client, notifies: bool) -> Result<Statements, Error> {
        Ok(Statements {
            predecessors: client.prepare(PREDECESSORS).await?,
            append: client.prepare(APPEND).await?,
            touch: client.prepare(TOUCH).await?,
            appear: client.prepare(APPEAR).await?,
            release: client.prepare(RELEASE).await?,
            held: client.prepare(HELD).await?,
            take: client.prepare(TAKE).await?,
            put_leases: client.prepare(PUT_LEASES).await?,
            delete_leases: client.prepare(DELETE_LEASES).await?,
            notify: if notifies { Some(client.prepare(NOTIFY).await?) } else { None },
            head: client.prepare(sql::HEAD).await?,
            claim: client.prepare(sql::CLAIM).await?,
            record: client.prepare(sql::RECORD).await?,
        })
    }
}
