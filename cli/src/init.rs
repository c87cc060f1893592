//! `portcullis init`: the first account and its super administrator (D89).

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use model::accounts::NewAccount;
use model::change::{Change, Document};
use model::ids::{AccountId, MemberId, TokenId, UserId};
use model::names::Email;
use model::rules::{Environment, Rules};
use model::users::{Profile, User, UserState};
use runtime::Runtime;
use runtime::secrets::{PlainSecret, SecretKind};
use server::dev::full_access;

use crate::arguments::Init;
use crate::{database, secret_key, wiring};

/// What it made.
struct Made {
    account: AccountId,
    user: Arc<User>,
    member: MemberId,
    api_token: PlainSecret,
    api_key: PlainSecret,
}

/// Sets up a new server.
///
/// # Errors
/// When the store has an account, or the input does not fit; then nothing is changed.
pub async fn run(init: Init) -> anyhow::Result<ExitCode> {
    let email = Email::parse(&init.email, "--email")?;
    let name = init.account_name.clone().unwrap_or_else(|| format!("{}'s Account", email.as_str()));
    let catalog = wiring::catalog(&init.catalogs.catalog)?;
    let store = init.data.open_or_create(None).await?;
    if database::has_account(&store).await? {
        store.close().await;
        bail!("there is an account in `{}` already; `init` is for a new database", init.data.database);
    }
    let secrets = secret_key::read_or_create(&secret_key::path(&init.data, &init.secret_key))?;
    let runtime = wiring::writing_runtime(&init.data, store, catalog, Rules::default(), secrets)?;
    let made = make(&runtime, &email, name).await;
    runtime.close().await;
    print(&made?, init.json)?;
    Ok(ExitCode::SUCCESS)
}

async fn make(runtime: &Runtime, email: &Email, account_name: String) -> anyhow::Result<Made> {
    let origin = wiring::operator("init");
    // An `init` that was cut short has left the user without an account; nobody knows its secrets, so it gets new ones.
    let former = runtime.user_by_email(&email.key()).await?;
    let id = former.map_or_else(|| UserId(runtime.environment().next_id()), |user| user.id);
    let (api_token, api_key) =
        (PlainSecret::generate(SecretKind::UserToken), PlainSecret::generate(SecretKind::ApiKey));
    let (token_digest, key_digest) =
        (runtime.secrets.digest(api_token.reveal()), runtime.secrets.digest(api_key.reveal()));
    let work = |_: &UserState, environment: &Environment<'_>| {
        let user = Arc::new(User {
            id,
            email: email.clone(),
            email_verified: true,
            enabled: true,
            operator: true,
            profile: Profile::default(),
            api_key: Some(key_digest),
            created_on: environment.now,
            contact: Default::default(),
        });
        let token = full_access::token(environment, TokenId(environment.next_id()), "init", token_digest, id);
        let documents = [Document::User(user.clone()), Document::Token(token.into())];
        Ok((documents.map(Change::Put).to_vec(), user))
    };
    let user = runtime.commit_user(&engine::user_permit::UserPermit::for_system(id), &[], &origin, work).await?.output;
    let account = AccountId(runtime.environment().next_id());
    let new = NewAccount { name: account_name, kind: None };
    let member = runtime.create_account(account, &new, &user, &origin, |_, _| None).await?.output;
    Ok(Made { account, user, member, api_token, api_key })
}

fn print(made: &Made, json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let Made { account, user, member, api_token, api_key } = made;
    let email = user.email.as_str();
    let (api_token, api_key) = (api_token.reveal(), api_key.reveal());
    if json {
        let made = serde_json::json!({
            "account_id": account,
            "user_id": user.id,
            "member_id": member,
            "email": email,
            "api_token": api_token,
            "api_key": api_key,
        });
        return writeln!(out, "{made}");
    }
    writeln!(out, "Account        {account}")?;
    writeln!(out, "User           {}  {email}", user.id)?;
    writeln!(out, "Member         {member}")?;
    writeln!(out, "API token      {api_token}")?;
    writeln!(out, "Global API Key {api_key}")?;
    writeln!(out)?;
    writeln!(out, "The API token and the Global API Key are shown this once. Both may do everything: keep them safe.")?;
    writeln!(out, "Start the server with `portcullis serve`.")
}
