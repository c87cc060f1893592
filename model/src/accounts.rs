//! Accounts: the tenants. Making one makes its first super administrator too (D19, D89).

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::{AccountId, MemberId, PolicyId, ResourceGroupId};
use crate::members::{Member, Standing};
use crate::policies::{Effect, Policy};
use crate::problem::{FaultKind, Faults, Problem};
use crate::resource_groups::{self, Scope};
use crate::rules::Environment;
use crate::time::Timestamp;
use crate::users::User;

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// At most 100 characters; not unique.
    pub name: Box<str>,
    /// `standard` or `enterprise`; changes nothing here.
    pub kind: Box<str>,
    /// Settings of the account.
    pub settings: Settings,
    /// When it was made.
    pub created_on: Timestamp,
    /// Since when it answers as if it were not there. It can be restored until it is purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_on: Option<Timestamp>,
}

/// How long a deleted account can be restored, in seconds: 30 days (section 11).
pub const KEPT_SECONDS: i64 = 30 * 24 * 3600;

impl Account {
    /// When nothing but the log is left of it.
    pub fn purged_on(&self) -> Option<Timestamp> {
        self.deleted_on.map(|since| since.plus_seconds(KEPT_SECONDS))
    }
}

/// Settings of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// Where to report abuse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abuse_contact_email: Option<Box<str>>,
    /// Members must sign in with a second factor.
    #[serde(default)]
    pub enforce_twofactor: bool,
    /// Members may call the API with keys and tokens of their own unless their membership says otherwise (D37).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_access_enabled: Option<bool>,
    /// A PUT of a token must repeat the condition and the times that it keeps, or set them to null (D49).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub token_put_strict: bool,
}

/// An account to make.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name.
    pub name: String,
    /// `standard` (the default) or `enterprise`.
    pub kind: Option<String>,
}

/// Makes an account with `maker` as its first member and super administrator.
///
/// # Errors
/// Faults of the name and type.
pub fn create(
    environment: &Environment<'_>,
    new: &NewAccount,
    id: AccountId,
    maker: &User,
) -> Result<(Vec<Change>, MemberId), Problem> {
    let mut faults = Faults::new();
    let name = faults.take(account_name(&new.name));
    let kind = match new.kind.as_deref() {
        None => "standard",
        Some(kind) if kind.eq_ignore_ascii_case("standard") => "standard",
        Some(kind) if kind.eq_ignore_ascii_case("enterprise") => "enterprise",
        Some(kind) => {
            faults.push(FaultKind::Invalid, "/type", format!("type `{kind}` must be `standard` or `enterprise`"));
            "standard"
        }
    };
    faults.finish()?;
    let now = environment.now;
    let account = Account {
        id,
        name: name.unwrap_or_default(),
        kind: kind.into(),
        settings: Settings::default(),
        created_on: now,
        deleted_on: None,
    };
    let group = ResourceGroupId(environment.next_id());
    let whole = resource_groups::built_in(group, Scope::whole_account(id), resource_groups::account_key(id), now);
    let member = super_administrator(environment, maker, group)?;
    let member_id = member.id;
    let documents =
        [Document::Account(account.into()), Document::ResourceGroup(whole.into()), Document::Member(member.into())];
    Ok((documents.into_iter().map(Change::Put).collect(), member_id))
}

fn super_administrator(environment: &Environment<'_>, user: &User, whole: ResourceGroupId) -> Result<Member, Problem> {
    let all = environment.catalog.iam_groups().iter().find(|group| group.is_all_privileges);
    let all =
        all.ok_or_else(|| Problem::new(FaultKind::Invalid, "the catalogue has no `all_privileges` permission group"))?;
    let now = environment.now;
    let policy = Policy {
        id: PolicyId(environment.next_id()),
        access: Effect::Allow,
        permission_groups: Box::new([all.id]),
        resource_groups: Box::new([whole]),
        created_on: now,
        modified_on: now,
    };
    Ok(Member {
        id: MemberId(environment.next_id()),
        email: user.email.clone(),
        standing: Standing::Accepted { user: user.id, since: now },
        profile: user.profile.clone(),
        policies: vec![policy].into(),
        invitation: None,
        api_access: None,
        created_on: now,
        modified_on: now,
    })
}

fn account_name(name: &str) -> Result<Box<str>, Problem> {
    let name = name.trim();
    let refuse = |message: &str| Err(Problem::at(FaultKind::Invalid, "/name", message));
    match name.chars().count() {
        0 => refuse("name must not be empty"),
        101.. => refuse("name must have at most 100 characters"),
        _ if name.chars().any(char::is_control) => refuse("name must not have control characters"),
        _ => Ok(name.into()),
    }
}

/// What an account shall be: what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct AccountUpdate {
    /// Its name.
    pub name: String,
    /// Must be the present one, where it is given: nothing here depends on the type.
    pub kind: Option<String>,
    /// `None` inside clears.
    pub abuse_contact_email: Option<Option<String>>,
    /// See [`Settings::enforce_twofactor`].
    pub enforce_twofactor: Option<bool>,
    /// See [`Settings::api_access_enabled`]; `None` inside clears.
    pub api_access_enabled: Option<Option<bool>>,
    /// See [`Settings::token_put_strict`].
    pub token_put_strict: Option<bool>,
}

/// Changes the name and the settings of an account.
///
/// # Errors
/// Every fault of the name, the type and the address.
pub fn update(state: &AccountState, update: &AccountUpdate) -> Result<(Vec<Change>, ()), Problem> {
    let account = get(state)?;
    let mut faults = Faults::new();
    let name = faults.take(account_name(&update.name)).unwrap_or_default();
    if let Some(kind) = update.kind.as_deref().filter(|kind| !kind.eq_ignore_ascii_case(&account.kind)) {
        let message = format!("account type `{kind}` is not supported: the type is `{}` and stays so", account.kind);
        faults.push(FaultKind::Invalid, "/type", message);
    }
    let mut settings = account.settings.clone();
    if let Some(email) = &update.abuse_contact_email {
        let at = "/settings/abuse_contact_email";
        let email = email.as_deref().map(str::trim).filter(|email| !email.is_empty());
        // The schema asks for no form of it, and an example has none.
        let is_bad = |email: &str| email.chars().count() > 254 || email.chars().any(char::is_control);
        if email.is_some_and(is_bad) {
            let message = "abuse_contact_email must have at most 254 characters, and no control characters";
            faults.push(FaultKind::Invalid, at, message);
        }
        settings.abuse_contact_email = email.map(Box::from);
    }
    settings.enforce_twofactor = update.enforce_twofactor.unwrap_or(settings.enforce_twofactor);
    settings.api_access_enabled = update.api_access_enabled.unwrap_or(settings.api_access_enabled);
    settings.token_put_strict = update.token_put_strict.unwrap_or(settings.token_put_strict);
    faults.finish()?;
    let next = Account { name, settings, ..account.clone() };
    Ok((if next == *account { vec![] } else { vec![Change::put(Document::Account(next.into()))] }, ()))
}

/// Deletes an account: it answers as if it were not there, and can be restored for 30 days.
///
/// # Errors
/// [`FaultKind::NotFound`] for a state without one, or one that is deleted already.
pub fn delete(state: &AccountState, environment: &Environment<'_>) -> Result<(Vec<Change>, AccountId), Problem> {
    let account = get(state)?;
    if account.deleted_on.is_some() {
        return Err(Problem::new(FaultKind::NotFound, "account not found"));
    }
    let next = Account { deleted_on: Some(environment.now), ..account.clone() };
    Ok((vec![Change::put(Document::Account(next.into()))], account.id))
}

/// Brings a deleted account back whole.
///
/// # Errors
/// An account that is not deleted, or of which nothing is left.
pub fn restore(state: &AccountState) -> Result<(Vec<Change>, ()), Problem> {
    let account = get(state)?;
    if account.deleted_on.is_none() {
        return Err(Problem::new(FaultKind::Invalid, format!("account `{}` is not deleted", account.id)));
    }
    if state.member_count() == 0 {
        let message = format!("account `{}` was deleted more than 30 days ago; nothing is left of it", account.id);
        return Err(Problem::new(FaultKind::NotFound, message));
    }
    Ok((vec![Change::put(Document::Account(Account { deleted_on: None, ..account.clone() }.into()))], ()))
}

/// What time does to a deleted account: after 30 days all that is in it goes. The account itself stays deleted, so that its
/// id is never given out again (D2); the log keeps what it was.
pub fn purge(state: &AccountState, now: Timestamp) -> Vec<Change> {
    let is_due = state.account().and_then(Account::purged_on).is_some_and(|due| due <= now);
    if !is_due {
        return vec![];
    }
    let mut ids: Vec<DocumentId> = state.documents().map(|document| document.id()).collect();
    ids.retain(|id| *id != DocumentId::Account);
    // In the opposite of the order in which they can be applied.
    ids.into_iter().rev().map(Change::Delete).collect()
}

/// The account document.
///
/// # Errors
/// [`FaultKind::NotFound`] for a state without one.
pub fn get(state: &AccountState) -> Result<&Account, Problem> {
    state.account().ok_or_else(|| Problem::new(FaultKind::NotFound, "account not found"))
}
