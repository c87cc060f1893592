//! The program to beat: no HTTP, no checks, no history. One thread, one connection to SQLite with the same durability
//! as the server's (WAL, `synchronous=FULL`), and for each user group one transaction of its row and two policies.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use rusqlite::{Connection, params};

const SCHEMA: &str = "
    CREATE TABLE user_groups (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, created_on INTEGER NOT NULL,
                              UNIQUE (account, name)) STRICT;
    CREATE TABLE policies (id TEXT PRIMARY KEY, user_group TEXT NOT NULL REFERENCES user_groups (id), access TEXT NOT NULL,
                           permission_groups TEXT NOT NULL, resource_groups TEXT NOT NULL) STRICT;
    CREATE INDEX policies_of_user_group ON policies (user_group);
";
const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
const GROUP: &str = "INSERT INTO user_groups (id, account, name, created_on) VALUES ($1, $2, $3, $4)";
const POLICY: &str = "INSERT INTO policies (id, user_group, access, permission_groups, resource_groups) VALUES ($1, $2, 'allow', $3, $4)";

/// `portcullis-bench naive`.
#[derive(Args)]
pub struct Naive {
    /// The database to make
    #[arg(long)]
    database: PathBuf,
    /// How many user groups at most
    #[arg(long)]
    count: u64,
    /// How many seconds at most
    #[arg(long)]
    seconds: u64,
}

/// Creates user groups until either bound.
///
/// # Errors
/// When SQLite does.
pub fn run(naive: &Naive) -> anyhow::Result<()> {
    let mut connection = Connection::open(&naive.database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(SCHEMA)?;
    let (begin, limit) = (Instant::now(), Duration::from_secs(naive.seconds));
    let mut created = 0;
    while created < naive.count && begin.elapsed() < limit {
        create(&mut connection, created)?;
        created += 1;
    }
    println!("{created} {:.1}", created as f64 / begin.elapsed().as_secs_f64());
    Ok(())
}

fn create(connection: &mut Connection, number: u64) -> rusqlite::Result<()> {
    let id = scattered(number, 0);
    let two_permission_groups = format!(r#"["{}","{}"]"#, scattered(1, 3), scattered(2, 3));
    let resource_group = format!(r#"["{}"]"#, scattered(3, 3));
    let transaction = connection.transaction()?;
    transaction.prepare_cached(GROUP)?.execute(params![id, ACCOUNT, format!("group {number:08}"), number as i64])?;
    for policy in [scattered(number, 1), scattered(number, 2)] {
        transaction.prepare_cached(POLICY)?.execute(params![policy, id, two_permission_groups, resource_group])?;
    }
    transaction.commit()
}

/// An id as the server's look: 32 hex digits, in no order.
fn scattered(number: u64, kind: u64) -> String {
    let mixed = (number * 4 + kind + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{mixed:016x}{number:016x}")
}
