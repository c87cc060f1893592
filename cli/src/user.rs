//! `portcullis user`: users, until there is a sign-up.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use engine::user_permit::UserPermit;
use model::claims;
use model::ids::UserId;
use model::names::Email;
use model::rules::Rules;
use model::users;
use runtime::account_creation::NewUser;
use runtime::secrets::{PlainSecret, SecretKind};
use runtime::{CommitError, Runtime};

use crate::arguments::{User, UserCreate, UserKey};
use crate::{secret_key, wiring};

/// Carries out one of the commands.
///
/// # Errors
/// As its command says.
pub async fn run(command: User) -> anyhow::Result<ExitCode> {
    match command {
        User::Create(create) => self::create(create).await,
        User::RollKey(key) => set_key(key, Some(PlainSecret::generate(SecretKind::ApiKey))).await,
        User::RemoveKey(key) => set_key(key, None).await,
    }
}

/// Gives a user another Global API Key, and prints it once; or takes it away.
async fn set_key(key: UserKey, secret: Option<PlainSecret>) -> anyhow::Result<ExitCode> {
    let email = Email::parse(&key.email, "--email")?;
    let store = key.data.open(None).await?;
    let secrets = secret_key::read(&secret_key::path(&key.data, &key.secret_key))?;
    let runtime = wiring::writing_runtime(&key.data, store, wiring::catalog(&[])?, Rules::default(), secrets)?;
    let changed = change_key(&runtime, &email, secret.as_ref()).await;
    runtime.close().await;
    let id = changed?;
    let (mut out, email) = (std::io::stdout(), email.as_str());
    match (key.json, secret) {
        (true, secret) => {
            let api_key = secret.as_ref().map(PlainSecret::reveal);
            writeln!(out, "{}", serde_json::json!({"user_id": id, "email": email, "api_key": api_key}))?;
        }
        (false, Some(secret)) => {
            writeln!(out, "Global API Key {}", secret.reveal())?;
            writeln!(out)?;
            writeln!(out, "It is shown this once; the one before is void.")?;
        }
        (false, None) => writeln!(out, "{email} has no Global API Key any more")?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn change_key(runtime: &Runtime, email: &Email, secret: Option<&PlainSecret>) -> anyhow::Result<UserId> {
    let Some(user) = runtime.user_by_email(&email.key()).await? else {
        bail!("no user has the address {}", email.as_str())
    };
    let digest = secret.map(|secret| runtime.secrets.digest(secret.reveal()));
    let what = if secret.is_some() { "user roll-key" } else { "user remove-key" };
    let (permit, origin) = (UserPermit::for_system(user.id), wiring::operator(what));
    runtime.commit_user(&permit, &[], &origin, |state, _| users::set_api_key(state, digest)).await?;
    Ok(user.id)
}

/// Makes a user, and prints its Global API Key once.
async fn create(create: UserCreate) -> anyhow::Result<ExitCode> {
    let email = Email::parse(&create.email, "--email")?;
    let store = create.data.open(None).await?;
    let secrets = secret_key::read(&secret_key::path(&create.data, &create.secret_key))?;
    let runtime = wiring::writing_runtime(&create.data, store, wiring::catalog(&[])?, Rules::default(), secrets)?;
    let api_key = PlainSecret::generate(SecretKind::ApiKey);
    let new = NewUser { email, operator: create.operator, api_key: Some(runtime.secrets.digest(api_key.reveal())) };
    let id = UserId(runtime.environment().next_id());
    let created = runtime.create_user(id, &new, &wiring::operator("user create")).await;
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
