//! Accounts: the tenants. Making one makes its first super administrator too (D19, D89).

use crate::account_state::AccountState;
use crate::change::{Change, Document};
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

/// The account document.
///
/// # Errors
/// [`FaultKind::NotFound`] for a state without one.
pub fn get(state: &AccountState) -> Result<&Account, Problem> {
    state.account().ok_or_else(|| Problem::new(FaultKind::NotFound, "account not found"))
}
