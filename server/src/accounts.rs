//! `/accounts`

use ::model::accounts as model;
use ::model::accounts::{Account, AccountUpdate, NewAccount};
use ::model::ids::{AccountId, UserId};
use ::model::names::NameKey;
use ::model::problem::Faults;
use ::model::time::Timestamp;
use engine::principal::Principal;
use runtime::stream::Snapshot;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::dry_run;
use crate::error::{Error, Failure};
use crate::resource_groups::Deleted;
use crate::wire::json::{Field, Input};

/// A tenant.
#[derive(Serialize, utoipa::ToSchema)]
pub struct AccountView<'a> {
    #[schema(value_type = String)]
    id: AccountId,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    settings: SettingsView<'a>,
    #[schema(value_type = String)]
    created_on: Timestamp,
}

/// Settings of an account.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SettingsView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    abuse_contact_email: Option<&'a str>,
    enforce_twofactor: bool,
    /// Whether members may use the API with keys and tokens of their own (D37); only where it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_access_enabled: Option<bool>,
    /// Whether a PUT of a token must repeat what it keeps (D49); only where it is on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    token_put_strict: bool,
}

pub(crate) fn render(account: &Account) -> AccountView<'_> {
    AccountView {
        id: account.id,
        name: &account.name,
        kind: &account.kind,
        settings: SettingsView {
            abuse_contact_email: account.settings.abuse_contact_email.as_deref(),
            enforce_twofactor: account.settings.enforce_twofactor,
            api_access_enabled: account.settings.api_access_enabled,
            token_put_strict: account.settings.token_put_strict,
        },
        created_on: account.created_on,
    }
}

/// An account to make.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct AccountBody {
    name: String,
    /// `standard` or `enterprise`.
    r#type: Option<String>,
}

/// What an account shall be. `id`, and a `type` that is null or the present one, are taken and say nothing.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct AccountUpdateBody {
    name: String,
    r#type: Option<String>,
    settings: Option<SettingsBody>,
}

/// Settings to change; what is absent stays.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body")]
pub struct SettingsBody {
    abuse_contact_email: Option<String>,
    enforce_twofactor: Option<bool>,
    api_access_enabled: Option<bool>,
    token_put_strict: Option<bool>,
}

fn read_update(body: &Input<'_>, faults: &mut Faults) -> Option<AccountUpdate> {
    let mut update = AccountUpdate {
        name: body.required_text("name", faults),
        kind: body.optional("type").map(|kind| kind.text(faults).to_owned()),
        ..AccountUpdate::default()
    };
    let Some(settings) = body.optional("settings") else { return Some(update) };
    settings.object(faults);
    update.abuse_contact_email = match settings.field("abuse_contact_email") {
        Field::Absent => None,
        Field::Null => Some(None),
        Field::Value(value) => Some(Some(value.text(faults).to_owned())),
    };
    update.api_access_enabled = match settings.field("api_access_enabled") {
        Field::Absent => None,
        Field::Null => Some(None),
        Field::Value(value) => Some(Some(value.boolean(faults))),
    };
    let mut switch = |name: &str| settings.optional(name).map(|value| value.boolean(faults));
    update.enforce_twofactor = switch("enforce_twofactor");
    update.token_put_strict = switch("token_put_strict");
    Some(update)
}

/// Lists the accounts that the caller reaches.
#[utoipa::path(get, path = "/accounts", operation_id = "accounts-list-accounts", tag = "Accounts",
    params(("name" = Option<String>, Query), ("page" = Option<u32>, Query), ("per_page" = Option<u32>, Query), ("direction" = Option<String>, Query)),
    responses((status = 200, body = Envelope<Vec<AccountView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let paging = call.query.paging(20, 50)?;
    let mut accounts: Vec<Account> = Vec::new();
    for snapshot in reached(&call).await? {
        let account = model::get(&snapshot.state)?;
        if call.query.text("name").is_none_or(|name| *account.name == *name) {
            accounts.push(account.clone());
        }
    }
    accounts.sort_by_cached_key(|account| (NameKey::of(&account.name), account.id));
    let page: Vec<&Account> = paging.of(call.query.direction().of(accounts.iter()));
    let views: Vec<AccountView<'_>> = page.into_iter().map(render).collect();
    Success::page(&views, accounts.len(), paging)
}

/// The accounts that the caller reaches, at their newest.
pub(crate) async fn reached(call: &Call) -> Result<Vec<std::sync::Arc<Snapshot<engine::Account>>>, Error> {
    let runtime = &call.app.runtime;
    let ids = match &call.caller.principal {
        Principal::AccountToken { account, .. } => vec![*account],
        Principal::User(user) | Principal::UserToken { user, .. } => runtime.accounts_of(*user).await?,
        Principal::Member(_) | Principal::UserGroup(_) | Principal::System => Vec::new(),
    };
    known_to(call, &call.caller.principal, ids).await
}

/// The accounts that a user is an accepted member of, whatever the token that the user came with says.
pub(crate) async fn reached_by_user(
    call: &Call,
    user: UserId,
) -> Result<Vec<std::sync::Arc<Snapshot<engine::Account>>>, Error> {
    let ids = call.app.runtime.accounts_of(user).await?;
    known_to(call, &Principal::User(user), ids).await
}

async fn known_to(
    call: &Call,
    principal: &Principal,
    ids: Vec<AccountId>,
) -> Result<Vec<std::sync::Arc<Snapshot<engine::Account>>>, Error> {
    let runtime = &call.app.runtime;
    let mut known = Vec::with_capacity(ids.len());
    for id in ids {
        let snapshot = runtime.account(id).await?;
        known.extend(snapshot.filter(|snapshot| principal.is_known_to(&runtime.engine, &snapshot.state)));
    }
    Ok(known)
}

/// Makes an account; the caller becomes its super administrator.
#[utoipa::path(post, path = "/accounts", operation_id = "account-creation", tag = "Accounts", request_body = AccountBody,
    responses((status = 200, body = Envelope<AccountView>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let user = call.user()?.clone();
    let runtime = &call.app.runtime;
    let may = user.email_verified && (user.operator || runtime.rules.open_account_creation);
    if !may || !grants_account_creation(&call) {
        let message = "Forbidden. Account creation is not allowed";
        return Err(::model::problem::Problem::new(::model::problem::FaultKind::Forbidden, message).into());
    }
    let new = call.read(|body, faults| {
        let name = body.required_text("name", faults);
        Some(NewAccount { name, kind: body.optional("type").map(|kind| kind.text(faults).to_owned()) })
    })?;
    let new = new.into_valid()?;
    if call.is_dry_run()? {
        let id = AccountId((runtime.ids.as_fn())());
        let rehearsed = runtime.rehearse_account(id, &new, &user, &call.origin()).await?;
        let shown = Success::object(&render(model::get(&rehearsed.after.state)?))?;
        return dry_run::answer(&rehearsed, shown);
    }
    call.once(async |first| {
        let id = AccountId((runtime.ids.as_fn())());
        let now = runtime.clock.now();
        let render = |snapshot: &Snapshot<engine::Account>| {
            Ok::<_, Error>(Success::object(&render(model::get(&snapshot.state)?))?.at(snapshot.revision()))
        };
        let origin = call.origin();
        let created =
            runtime.create_account(id, &new, &user, &origin, |snapshot, _| first.lease(now, || render(snapshot).ok()));
        render(&created.await?.snapshot)
    })
    .await
}

/// A token makes accounts for its owner only if it may do everything everywhere that its owner may: the owner will be
/// super administrator of the new account.
fn grants_account_creation(call: &Call) -> bool {
    match &call.caller.principal {
        Principal::User(_) | Principal::System => true,
        Principal::UserToken { token, .. } => call.app.runtime.engine.allows_everywhere(token),
        Principal::AccountToken { .. } | Principal::Member(_) | Principal::UserGroup(_) => false,
    }
}

/// One account.
#[utoipa::path(get, path = "/accounts/{account_id}", operation_id = "accounts-account-details", tag = "Accounts",
    params(("account_id" = String, Path)),
    responses((status = 200, body = Envelope<AccountView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    Ok(Success::object(&render(model::get(access.state())?))?.at(access.revision()))
}

/// Changes the name and the settings of an account.
#[utoipa::path(put, path = "/accounts/{account_id}", operation_id = "accounts-update-account", tag = "Accounts",
    params(("account_id" = String, Path)), request_body = AccountUpdateBody,
    responses((status = 200, body = Envelope<AccountView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let change = call.read(read_update)?;
    call.write_body(
        &access,
        &change,
        |state, _, change| {
            call.check_match(state.account().map(render).as_ref())?;
            model::update(state, change)
        },
        |snapshot, ()| Success::object(&render(model::get(&snapshot.state)?)),
    )
    .await
}

/// Deletes an account, with everything in it. The operator can restore it for 30 days.
#[utoipa::path(delete, path = "/accounts/{account_id}", operation_id = "account-deletion", tag = "Accounts",
    params(("account_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let engine = &call.app.runtime.engine;
    let may = |account: &engine::Account| engine.acts_as_super_administrator(account, &call.caller.principal);
    if !may(access.state()) {
        return Err(call.forbidden(Some("only a super administrator may delete the account")));
    }
    call.write(
        &access,
        |state, environment| {
            call.check_match(state.account().map(render).as_ref())?;
            model::delete(state, environment)
        },
        |_, id| Success::object(&Deleted { id: id.to_string() }),
    )
    .await
}
