//! `portcullis user`: users, until there is a sign-up.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use model::claims;
use model::ids::UserId;
use model::names::Email;
use model::rules::Rules;
use runtime::CommitError;
use runtime::account_creation::NewUser;
use runtime::secrets::{PlainSecret, SecretKind};
use store::SqliteOptions;

use crate::arguments::{User, UserCreate};
use crate::{secret_key, wiring};

/// Carries out one of the commands.
///
/// # Errors
/// As its command says.
pub async fn run(command: User) -> anyhow::Result<ExitCode> {
    match command {
        User::Create(create) => self::create(create).await,
    }
}

/// Makes a user, and prints its Global API Key once.
async fn create(create: UserCreate) -> anyhow::Result<ExitCode> {
    let email = Email::parse(&create.email, "--email")?;
    let store = create.data.database.open(SqliteOptions::default()).await?;
    let secrets = secret_key::read(&secret_key::path(&create.data, &create.secret_key)?)?;
    let runtime = wiring::runtime(store, wiring::catalog(&[])?, Rules::default(), secrets);
    let api_key = PlainSecret::generate(SecretKind::ApiKey);
    let new = NewUser { email, operator: create.operator, api_key: Some(runtime.secrets.digest(api_key.reveal())) };
    let id = UserId(runtime.environment().next_id());
    let created = runtime.create_user(id, &new, &wiring::operator(&runtime, "user create")).await;
    runtime.close().await;
    match created {
        Ok(_) => {}
        Err(CommitError::Claimed(claim)) if &*claim.kind == claims::EMAIL => {
            bail!(
                "user `{}` already exists, with the id {}",
                new.email.as_str(),
                claim.stream.trim_start_matches("user/")
            )
        }
        Err(error) => return Err(error.into()),
    }
    let (mut out, email, api_key) = (std::io::stdout(), new.email.as_str(), api_key.reveal());
    if create.json {
        writeln!(out, "{}", serde_json::json!({"user_id": id, "email": email, "api_key": api_key}))?;
    } else {
        writeln!(out, "User           {id}  {email}")?;
        writeln!(out, "Global API Key {api_key}")?;
        writeln!(out)?;
        writeln!(out, "The Global API Key is shown this once.")?;
    }
    Ok(ExitCode::SUCCESS)
}
