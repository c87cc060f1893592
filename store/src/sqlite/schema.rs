//! Opening the file: that it is ours, how SQLite shall treat it, and the migrations.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::SqliteOptions;
use crate::error::StoreError;

/// Marks the file as ours (`file` and `PRAGMA application_id` show it): "Port".
const APPLICATION_ID: i32 = 0x506f_7274;

/// In their order; number 1 first. One that was released is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_log.sql"),
    include_str!("../../migrations/0002_touches.sql"),
    include_str!("../../migrations/0003_usage.sql"),
    include_str!("../../migrations/0004_audit.sql"),
    include_str!("../../migrations/0005_bases.sql"),
];

/// At most this many bytes of an emptied write-ahead log stay on disk.
const JOURNAL_SIZE_LIMIT: i64 = 64 << 20;

/// Opens the database for writing, creates it if need be, and brings it up to date.
pub fn open(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    create_file(path).map_err(|error| StoreError::io(path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(path, flags, options)?;
    // Before anything is changed, since it may be somebody else's.
    check_owner(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_SIZE_LIMIT)?;
    connection.pragma_update(None, "cache_size", -2048)?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Opens one more connection, to a database that was opened before, that only reads.
pub fn open_reader(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags, options)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// SQLite would create the file for everybody to read. Its companions (`-wal`, `-shm`) take over the permissions of the file.
fn create_file(path: &Path) -> io::Result<()> {
    let mut folder = DirBuilder::new();
    folder.recursive(true);
    let mut file = OpenOptions::new();
    file.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folder.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent() {
        folder.create(parent)?;
    }
    file.open(path).map(drop)
}

/// Ours, or empty.
fn check_owner(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let foreign = || StoreError::NotADatabase { path: path.to_owned() };
    let read = connection.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0));
    let application_id = read.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => foreign(),
        Some(_) | None => error.into(),
    })?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application_id == APPLICATION_ID || (application_id == 0 && tables == 0) { Ok(()) } else { Err(foreign()) }
}

/// Runs the migrations that the database lacks, all or none. Of two processes that start together, the second finds nothing to do.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as u32;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    check_owner(&transaction, path)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (
             version    INTEGER NOT NULL PRIMARY KEY,
             applied_at TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP,
             applied_by TEXT    NOT NULL
         ) STRICT",
    )?;
    let found: u32 = transaction.query_row("SELECT coalesce(max(version), 0) FROM migrations", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for (version, sql) in (1..).zip(MIGRATIONS).skip(found as usize) {
        transaction.execute_batch(sql)?;
        transaction.execute(
            "INSERT INTO migrations (version, applied_by) VALUES ($1, $2)",
            (version, concat!("portcullis ", env!("CARGO_PKG_VERSION"))),
        )?;
    }
    if found < known {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.commit()?;
    Ok(())
}
