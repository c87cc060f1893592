//! Where the data is, and opening it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use store::{PostgresOptions, SqliteOptions, Store};

use crate::arguments::Data;

/// The lease that says that a database is not whole yet: its kind and key.
pub const UNFINISHED: (&str, &str) = ("restore", "unfinished");

/// Where files are that belong to no database file.
const DATA_FOLDER: &str = "portcullis-data";

/// The value of `--database`.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A database of PostgreSQL.
    Postgres(Address),
}

/// The address of a database of PostgreSQL. It may hold a password, and shows itself without.
#[derive(Clone)]
pub struct Address(String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without_options = self.0.split('?').next().unwrap_or_default();
        let after_scheme = without_options.split_once("://").map_or(without_options, |(_, rest)| rest);
        let place = after_scheme.rsplit_once('@').map_or(after_scheme, |(_, place)| place);
        write!(f, "postgres://{place}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => path.display().fmt(f),
            Database::Postgres(address) => address.fmt(f),
        }
    }
}

impl FromStr for Database {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Database, &'static str> {
        let is_postgres = |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
        match text.strip_prefix("sqlite:") {
            Some("") => Err("the path of the file is missing, as in `sqlite:portcullis-data/portcullis.db`"),
            Some(path) => Ok(Database::Sqlite(path.into())),
            None if is_postgres(text) => Ok(Database::Postgres(Address(text.to_owned()))),
            None => Err(
                "must be `sqlite:` and a path, such as `sqlite:portcullis-data/portcullis.db`, or the address of a \
                 database of PostgreSQL, such as `postgres://portcullis@db.example.com/portcullis`",
            ),
        }
    }
}

impl Database {
    /// The folder for what belongs beside it: that of the file.
    pub fn folder(&self) -> &Path {
        match self {
            Database::Sqlite(path) => path.parent().unwrap_or(Path::new("")),
            Database::Postgres(_) => Path::new(DATA_FOLDER),
        }
    }
}

impl Data {
    /// Where the journal of revocations is: as given, or beside the database.
    pub fn journal_path(&self) -> PathBuf {
        match &self.revocation_journal {
            Some(path) => path.clone(),
            None => self.database.folder().join("revocations.journal"),
        }
    }

    /// Opens the database, and creates it if need be; a database of PostgreSQL has to be there, and gets its tables.
    /// `batch` is the most transactions that share one commit, where that is to be said.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open_or_create(&self, batch: Option<usize>) -> anyhow::Result<Store> {
        match &self.database {
            Database::Sqlite(path) => {
                let (path, mut options) = (path.clone(), SqliteOptions::default());
                options.batch = batch.unwrap_or(options.batch);
                Ok(tokio::task::spawn_blocking(move || Store::open_sqlite(&path, options)).await??)
            }
            Database::Postgres(address) => {
                let mut options =
                    PostgresOptions { authorities: self.database_ca.clone(), ..PostgresOptions::default() };
                options.batch = batch.unwrap_or(options.batch);
                options.readers = self.database_connections.into();
                let opened = Store::open_postgres(&address.0, options).await;
                opened.with_context(|| format!("cannot open the database `{address}`"))
            }
        }
    }

    /// Opens a database that `init` has set up.
    ///
    /// # Errors
    /// When there is none, or no account in it: then no file is created, and the message says to run `init`.
    pub async fn open(&self, batch: Option<usize>) -> anyhow::Result<Store> {
        let advice = || {
            format!(
                "there is no account in `{}` yet; run `portcullis init --email YOU@EXAMPLE.COM` first",
                self.database
            )
        };
        if let Database::Sqlite(path) = &self.database
            && !path.try_exists().with_context(|| format!("cannot look for `{}`", path.display()))?
        {
            bail!(advice());
        }
        let store = self.open_or_create(batch).await?;
        if is_unfinished(&store).await? {
            store.close().await;
            bail!("`{}` was not restored to its end; restore the backup into a new database", self.database);
        }
        if !has_account(&store).await? {
            store.close().await;
            bail!(advice());
        }
        Ok(store)
    }
}

/// Whether a restore was begun and did not come to its end.
///
/// # Errors
/// When the store cannot be read.
pub async fn is_unfinished(store: &Store) -> anyhow::Result<bool> {
    let (kind, key) = UNFINISHED;
    Ok(store.lease(kind, key).await?.is_some())
}

/// Whether there is an account. A user alone, left by an `init` that was cut short, is not enough.
///
/// # Errors
/// When the store cannot be read.
pub async fn has_account(store: &Store) -> anyhow::Result<bool> {
    let first = store.streams("account/", 1).await?;
    Ok(first.first().is_some_and(|(name, _)| name.starts_with("account/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let shown = |text: &str| text.parse::<Database>().map(|database| format!("{database} {database:?}"));
        for text in [
            "postgres://ada:se@cret@db.example.com:5433/portcullis?password=secret",
            "postgresql://ada:secret@db.example.com:5433/portcullis?sslmode=disable",
        ] {
            let place = "postgres://db.example.com:5433/portcullis";
            assert_eq!(shown(text), Ok(format!("{place} Postgres({place})")));
        }
    }
}
