//! The seed itself: what the examples of the API reference take for granted.
//!
//! The ids are given, so the documents are written as they are; everything else about them is as the operations of the
//! model would make it.

use engine::permit::Permit;
use engine::user_permit::UserPermit;
use model::accounts::{Account, Settings};
use model::change::{Change, Document};
use model::commit::{Actor, Request};
use model::ids::{
    AccountId, Id, MemberId, PolicyId, ResourceGroupId, SsoConnectorId, TokenId, UserGroupId, UserId, ZoneId,
};
use model::invitations::Invitation;
use model::members::{Member, Standing};
use model::names::Email;
use model::policies::{Effect, Policy};
use model::problem::{FaultKind, Problem};
use model::resource_groups::{self, Kind, ResourceGroup, Scope};
use model::resources;
use model::rules::Environment;
use model::sso_connectors::{SsoConnector, Verification};
use model::tokens::{Condition, Digest, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use model::user_group_members::GroupMember;
use model::user_groups::UserGroup;
use model::users::{Profile, User};
use runtime::account_creation::NewUser;
use runtime::audit::Place;
use runtime::audit::event::{Event, Refusal, Refused};
use runtime::secrets::{PlainSecret, SecretKind};
use runtime::{CommitError, Origin, Runtime};

use crate::dev::{ACCOUNT_ID, API_KEY, API_TOKEN, EMAIL, full_access};

const ZONE_ACCOUNT_ID: &str = "eb78d65290b24279ba6f44721b3ea3c4";
const ZONE_ID: &str = "23f8d65290b24279ba6f44721b3eaad5";
const AUDITED_ACCOUNT_ID: &str = "a67e14daa5f8dceeb91fe5449ba496ef";
const AUDIT_LOG_ID: &str = "f174be97-19b1-40d6-954d-70cd5fbd52db";
const AUDIT_LOG_TIME: &str = "2024-10-30T15:00:00Z";
const USER_ID: &str = "7c5dae5552338874e5053f2534d2767a";
const TOKEN_ID: &str = "ed17574386854bf78a67040be0a770b0";
/// The super administrator, which is the user of the examples.
const MEMBER_ID: &str = "4536bcfad5faccb111b47003c79917fa";
/// Members of the user group: one of the requests, one of the answers.
const GROUP_MEMBERS: [(&str, &str); 2] =
    [(ACCOUNT_ID, "group.member@example.com"), ("4f5f0c14a2a41d5063dd301b2f829f04", "other.member@example.com")];
/// The invitation of the examples.
const INVITE_ID: &str = "4f5f0c14a2a41d5063dd301b2f829f04";
const POLICY_ID: &str = "f267e341f3dd4697bd3b9f71dd96247f";
/// "Zone Read" and "Magic Network Monitoring".
const POLICY_PERMISSION_GROUPS: [&str; 2] = ["c8fed203ed3043cba015a93ad1616f1f", "82e64a83756745bbbb1c9c2701bf816b"];
const POLICY_RESOURCE_GROUP: &str = "6d7f2f5f5b1d4a0e9081fdc98d432fd1";

/// Writes the seed: the users first, since accounts refer to them.
pub async fn run(runtime: &Runtime) -> Result<(), CommitError> {
    let origin = Origin::system("development seed");
    let user = user(runtime, UserId(given(USER_ID)?), EMAIL, true, &origin).await?;
    token(runtime, &user, &origin).await?;
    let mut group_members = Vec::new();
    for (id, email) in GROUP_MEMBERS {
        let user = self::user(runtime, UserId(Id::derived(email)), email, false, &origin).await?;
        group_members.push((MemberId(given(id)?), user));
    }
    let account = Permit::for_system(AccountId(given(ACCOUNT_ID)?));
    let unknown = runtime.secrets.digest(PlainSecret::generate(SecretKind::AccountToken).reveal());
    let work = |_: &_, environment: &Environment<'_>| {
        let mut changes = documented_account(environment, &user, &group_members)?;
        changes.push(Change::put(Document::Token(account_token(environment, unknown)?.into())));
        Ok((changes, ()))
    };
    runtime.commit(&account, &origin, work, |_, ()| None).await?;
    zone_account(runtime, &user, &origin).await?;
    if let Some((_, host)) = group_members.into_iter().next() {
        inviting_account(runtime, &user, &host, &origin).await?;
    }
    audited_account(runtime, &user, &origin).await
}

/// The account of the examples of the audit log, and the one entry whose history they ask for.
async fn audited_account(runtime: &Runtime, user: &User, origin: &Origin) -> Result<(), CommitError> {
    let id = AccountId(given(AUDITED_ACCOUNT_ID)?);
    let work = |_: &_, environment: &Environment<'_>| {
        let member = MemberId(Id::derived("dev audited account"));
        let documents = account(environment, id, "Account of the Documented Audit Log", member, user)?;
        Ok((documents.into_iter().map(Change::Put).collect(), ()))
    };
    runtime.commit(&Permit::for_system(id), origin, work, |_, ()| None).await?;
    let path = format!("/accounts/{id}/members");
    let request = Request {
        audit_id: AUDIT_LOG_ID.into(),
        method: "POST".into(),
        path: path.into(),
        ip: "198.41.129.166".into(),
        ..Request::default()
    };
    let actor = Actor::User { id: user.id, email: user.email.as_str().into(), token: None, token_name: None };
    let refused = Refused {
        operation: "account-members-add-member".into(),
        route: "/accounts/{account_id}/members".into(),
        status: 400,
        errors: vec![Refusal { code: 1001, pointer: Some("/email".into()) }],
        resource: None,
        body: None,
    };
    let at = AUDIT_LOG_TIME.parse().unwrap_or(runtime.clock.now());
    runtime.audit.note(Place::Account(id), at, Origin { actor, request }, Event::Refused(refused.into()));
    Ok(runtime.audit.flush().await?)
}

async fn user(
    runtime: &Runtime,
    id: UserId,
    email: &str,
    operator: bool,
    origin: &Origin,
) -> Result<User, CommitError> {
    let api_key = operator.then(|| runtime.secrets.digest(API_KEY));
    let new = NewUser { email: Email::parse(email, "/email")?, operator, api_key };
    Ok(User::clone(&*runtime.create_user(id, &new, origin).await?))
}

async fn token(runtime: &Runtime, user: &User, origin: &Origin) -> Result<(), CommitError> {
    let (id, digest) = (TokenId(given(TOKEN_ID)?), runtime.secrets.digest(API_TOKEN));
    let work = |_: &_, environment: &Environment<'_>| {
        let token = full_access::token(environment, id, "documented example", digest, user.id);
        Ok((vec![Change::put(Document::Token(token.into()))], ()))
    };
    runtime.commit_user(&UserPermit::for_system(user.id), &[], origin, work).await?;
    Ok(())
}

/// The account of the examples, whole: one commit.
fn documented_account(
    environment: &Environment<'_>,
    user: &User,
    group_members: &[(MemberId, User)],
) -> Result<Vec<Change>, Problem> {
    let id = AccountId(given(ACCOUNT_ID)?);
    let mut documents = account(environment, id, "Documented Account", MemberId(given(MEMBER_ID)?), user)?;
    documents.extend(resource_groups(environment, id)?.map(|group| Document::ResourceGroup(group.into())));
    let user_group = user_group(environment)?;
    let group = user_group.id;
    documents.push(Document::UserGroup(user_group.into()));
    // A second super administrator, since examples take the first one's membership and policies away.
    let whole = documents.iter().find_map(|document| match document {
        Document::ResourceGroup(group) if group.kind == Kind::BuiltIn => Some(group.id),
        _ => None,
    });
    let all = environment.catalog.iam_groups().iter().find(|group| group.is_all_privileges).map(|group| group.id);
    let mut spare =
        whole.zip(all).map(|(whole, all)| policy(environment, PolicyId(environment.next_id()), vec![all], whole));
    for (member, user) in group_members {
        let policies = spare.take().into_iter().collect();
        documents.push(Document::Member(self::member(environment, *member, user, policies).into()));
        documents.push(Document::GroupMember(GroupMember { group, member: *member, created_on: environment.now }));
    }
    documents.push(Document::SsoConnector(sso_connector(environment)?.into()));
    Ok(documents.into_iter().map(Change::Put).collect())
}

/// A second account of the same super administrator, with the zone that the resource groups of the examples name.
async fn zone_account(runtime: &Runtime, user: &User, origin: &Origin) -> Result<(), CommitError> {
    let id = AccountId(given(ZONE_ACCOUNT_ID)?);
    let permit = Permit::for_system(id);
    let work = |_: &_, environment: &Environment<'_>| {
        let member = MemberId(Id::derived("dev zone account"));
        let documents = account(environment, id, "Account of the Documented Zone", member, user)?;
        Ok((documents.into_iter().map(Change::Put).collect(), ()))
    };
    runtime.commit(&permit, origin, work, |_, ()| None).await?;
    let zone = ZoneId(given(ZONE_ID)?);
    let work =
        |state: &_, environment: &Environment<'_>| resources::create_zone(state, environment, "example.com", zone);
    runtime.commit(&permit, origin, work, |_, _| None).await?;
    Ok(())
}

/// A third account, of somebody else, that has invited the user of the examples.
async fn inviting_account(runtime: &Runtime, user: &User, host: &User, origin: &Origin) -> Result<(), CommitError> {
    let id = AccountId(Id::derived("dev inviting account"));
    let work = |_: &_, environment: &Environment<'_>| {
        let member = MemberId(Id::derived("dev host"));
        let mut documents = account(environment, id, "Account of the Documented Invitation", member, host)?;
        let invited = Member {
            standing: Standing::Pending { invited_on: environment.now },
            invitation: Some(Box::new(Invitation {
                number: environment.next_id(),
                expires_on: environment.now.plus_seconds(environment.rules.invitation_seconds),
                invited_by: host.email.as_str().into(),
            })),
            ..self::member(environment, MemberId(given(INVITE_ID)?), user, vec![])
        };
        documents.push(Document::Member(invited.into()));
        Ok((documents.into_iter().map(Change::Put).collect(), ()))
    };
    runtime.commit(&Permit::for_system(id), origin, work, |_, ()| None).await?;
    Ok(())
}

/// The token of the account, by the id of the examples; nobody knows its secret.
fn account_token(environment: &Environment<'_>, digest: Digest) -> Result<Token, Problem> {
    let dns_read = environment.catalog.permissions_named("DNS Read").map(|permission| permission.id).collect();
    Ok(Token {
        id: TokenId(given(TOKEN_ID)?),
        name: "documented example".into(),
        status: TokenStatus::Active,
        digest: Some(digest),
        policies: Box::new([TokenPolicy {
            id: PolicyId(environment.next_id()),
            effect: Effect::Allow,
            permission_groups: dns_read,
            resources: [("com.cloudflare.api.account.*".into(), TokenResource::Everything(Star::Star))].into(),
        }]),
        condition: Condition::default(),
        not_before: None,
        expires_on: None,
        issued_on: environment.now,
        modified_on: environment.now,
        created_by: None,
    })
}

/// An account with its built-in resource group and its super administrator.
fn account(
    environment: &Environment<'_>,
    id: AccountId,
    name: &str,
    member: MemberId,
    user: &User,
) -> Result<Vec<Document>, Problem> {
    let now = environment.now;
    let account = Account {
        id,
        name: name.into(),
        kind: "standard".into(),
        settings: Settings::default(),
        created_on: now,
        deleted_on: None,
    };
    let whole = ResourceGroupId(environment.next_id());
    let group = resource_groups::built_in(whole, Scope::whole_account(id), resource_groups::account_key(id), now);
    let all = environment.catalog.iam_groups().iter().find(|group| group.is_all_privileges);
    let all =
        all.ok_or_else(|| Problem::new(FaultKind::Invalid, "the catalogue has no `all_privileges` permission group"))?;
    let policy = policy(environment, PolicyId(environment.next_id()), vec![all.id], whole);
    let member = self::member(environment, member, user, vec![policy]);
    Ok(vec![Document::Account(account.into()), Document::ResourceGroup(group.into()), Document::Member(member.into())])
}

fn member(environment: &Environment<'_>, id: MemberId, user: &User, policies: Vec<Policy>) -> Member {
    let now = environment.now;
    Member {
        id,
        email: user.email.clone(),
        standing: Standing::Accepted { user: user.id, since: now },
        profile: Profile::default(),
        policies: policies.into(),
        invitation: None,
        api_access: None,
        created_on: now,
        modified_on: now,
    }
}

/// One that nothing refers to, so that it can be deleted, and the one that policies of the examples point at. The
/// latter names another account, as in the reference.
fn resource_groups(
    environment: &Environment<'_>,
    account: AccountId,
) -> Result<impl Iterator<Item = ResourceGroup>, Problem> {
    let zone: Box<str> = resource_groups::zone_key(ZoneId(given(ZONE_ID)?)).into();
    let zone_account = AccountId(given(ZONE_ACCOUNT_ID)?);
    let group = |id: &str, name: String, of: AccountId| -> Result<ResourceGroup, Problem> {
        let (id, now) = (ResourceGroupId(given(id)?), environment.now);
        let scope = Scope::listed(of, [zone.clone()]);
        Ok(ResourceGroup {
            id,
            name: name.into(),
            kind: Kind::Custom,
            scope,
            created_on: now,
            modified_on: now,
            shown: Default::default(),
        })
    };
    let unused = group(ACCOUNT_ID, "Documented Resource Group".to_owned(), account)?;
    let used = group(POLICY_RESOURCE_GROUP, resource_groups::account_key(zone_account), zone_account)?;
    Ok([unused, used].into_iter())
}

fn user_group(environment: &Environment<'_>) -> Result<UserGroup, Problem> {
    let permission_groups = POLICY_PERMISSION_GROUPS.iter().map(|id| given(id)).collect::<Result<_, _>>()?;
    let place = ResourceGroupId(given(POLICY_RESOURCE_GROUP)?);
    let policy = policy(environment, PolicyId(given(POLICY_ID)?), permission_groups, place);
    let now = environment.now;
    // The example that makes a group calls it "My New User Group", which must stay free.
    let name = "Documented User Group".into();
    Ok(UserGroup {
        id: UserGroupId(given(ACCOUNT_ID)?),
        name,
        policies: vec![policy].into(),
        created_on: now,
        modified_on: now,
    })
}

fn policy(environment: &Environment<'_>, id: PolicyId, permission_groups: Vec<Id>, place: ResourceGroupId) -> Policy {
    let now = environment.now;
    Policy {
        id,
        access: Effect::Allow,
        permission_groups: permission_groups.into(),
        resource_groups: Box::new([place]),
        created_on: now,
        modified_on: now,
    }
}

fn sso_connector(environment: &Environment<'_>) -> Result<SsoConnector, Problem> {
    let now = environment.now;
    Ok(SsoConnector {
        id: SsoConnectorId(given(ACCOUNT_ID)?),
        // The example that makes a connector claims example.com, which must stay free.
        email_domain: "example.org".into(),
        enabled: false,
        use_fedramp_language: false,
        code: given(ACCOUNT_ID)?,
        verification: Verification::Awaiting,
        lapsed: false,
        created_on: now,
        updated_on: now,
    })
}

/// An id of the reference.
fn given(id: &str) -> Result<Id, Problem> {
    id.parse().map_err(|_| Problem::new(FaultKind::Invalid, format!("`{id}` is not an id")))
}
