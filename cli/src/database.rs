//! Where the data is, and opening it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use store::{SqliteOptions, Store};

/// The value of `--database`.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// Told apart from a typing error, and not kept: it may hold a password.
    Postgres,
}

impl FromStr for Database {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Database, &'static str> {
        let is_postgres = |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
        match text.strip_prefix("sqlite:") {
            Some("") => Err("the path of the file is missing, as in `sqlite:portcullis-data/portcullis.db`"),
            Some(path) => Ok(Database::Sqlite(path.into())),
            None if is_postgres(text) => Ok(Database::Postgres),
            None => Err("must be `sqlite:` and a path, such as `sqlite:portcullis-data/portcullis.db`"),
        }
    }
}

impl Database {
    /// The path of the file.
    ///
    /// # Errors
    /// For a database that is not supported yet.
    pub fn path(&self) -> anyhow::Result<&Path> {
        match self {
            Database::Sqlite(path) => Ok(path),
            Database::Postgres => bail!("PostgreSQL is not supported yet; use `--database sqlite:PATH`"),
        }
    }

    /// Opens the database, and creates it if need be.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open_or_create(&self, options: SqliteOptions) -> anyhow::Result<Store> {
        let path = self.path()?.to_owned();
        Ok(tokio::task::spawn_blocking(move || Store::open_sqlite(&path, options)).await??)
    }

    /// Opens a database that `init` has set up.
    ///
    /// # Errors
    /// When there is none, or no account in it: then nothing is created, and the message says to run `init`.
    pub async fn open(&self, options: SqliteOptions) -> anyhow::Result<Store> {
        let path = self.path()?;
        let advice = || {
            format!(
                "there is no account in `{}` yet; run `portcullis init --email YOU@EXAMPLE.COM` first",
                path.display()
            )
        };
        if !path.try_exists().with_context(|| format!("cannot look for `{}`", path.display()))? {
            bail!(advice());
        }
        let store = self.open_or_create(options).await?;
        if !has_account(&store).await? {
            store.close().await;
            bail!(advice());
        }
        Ok(store)
    }
}

/// Whether there is an account. A user alone, left by an `init` that was cut short, is not enough.
///
/// # Errors
/// When the store cannot be read.
pub async fn has_account(store: &Store) -> anyhow::Result<bool> {
    let first = store.streams("account/", 1).await?;
    Ok(first.first().is_some_and(|(name, _)| name.starts_with("account/")))
}
