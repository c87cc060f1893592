//! The log: what a version wrote stays readable for good.

use model::accounts::{Account, Settings};
use model::change::{self, Change, Document, DocumentId, ReadError};
use model::ids::{Id, PolicyId, TokenId};
use model::members::{Member, Standing};
use model::names::Email;
use model::policies::{Effect, Policy};
use model::resource_groups::{self, Kind, Scope};
use model::resources::Resource;
use model::sso_connectors::{SsoConnector, Verification};
use model::time::Timestamp;
use model::tokens::{Condition, Digest, Network, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use model::user_group_members::GroupMember;
use model::user_groups::UserGroup;
use model::users::{Profile, User};

use crate::world::*;

/// The log of version 1. Never edited: a document that changes its shape gets a new version, a new file beside this one,
/// and a step in `upgrade`.
const V1: &str = include_str!("../golden/v1.json");

fn every_document() -> Vec<Change> {
    let now: Timestamp = "2026-11-21T08:00:00.123456Z".parse().unwrap();
    let policy = |n: u8, access| Policy {
        id: PolicyId(id(0x50, n)),
        access,
        permission_groups: Box::new([id(0x51, 0), id(0x51, 1)]),
        resource_groups: Box::new([resource_group_id(0), resource_group_id(1)]),
        created_on: now,
        modified_on: now,
    };
    let member = |n: u8, standing| Member {
        id: member_id(n),
        email: Email::parse("Bea.B\u{fc}cher@Example.com", "").unwrap(),
        standing,
        profile: Profile { first_name: Some("Bea".into()), last_name: None, two_factor: true },
        policies: Box::new([policy(0, Effect::Allow), policy(1, Effect::Deny)]),
        created_on: now,
        modified_on: now,
        invitation: None,
        api_access: None,
    };
    let connector = |n: u8, verification| SsoConnector {
        id: connector_id(n),
        email_domain: "example.com".into(),
        enabled: n == 0,
        use_fedramp_language: n == 1,
        code: id(0x91, n),
        verification,
        lapsed: n == 2,
        created_on: now,
        updated_on: now,
    };
    let group = |n: u8, kind, scope| {
        Document::ResourceGroup(
            resource_groups::ResourceGroup {
                id: resource_group_id(n),
                name: "shops".into(),
                kind,
                scope,
                created_on: now,
                modified_on: now,
                shown: Default::default(),
            }
            .into(),
        )
    };
    let settings = Settings {
        abuse_contact_email: Some("abuse@example.com".into()),
        enforce_twofactor: true,
        api_access_enabled: Some(false),
        token_put_strict: false,
    };
    let token = Token {
        id: TokenId(id(0x70, 0)),
        name: "ci".into(),
        status: TokenStatus::Disabled,
        digest: Some(Digest([0xab; 32])),
        policies: Box::new([TokenPolicy {
            id: PolicyId(id(0x50, 2)),
            effect: Effect::Allow,
            permission_groups: Box::new([id(0x51, 2)]),
            resources: model::keyed::Keyed::from([
                (zone_key(0).into(), TokenResource::Everything(Star::Star)),
                (
                    account_key().into(),
                    TokenResource::Within([("com.cloudflare.api.account.zone.*".into(), Star::Star)].into()),
                ),
            ]),
        }]),
        condition: Condition {
            within: Box::new([Network("192.0.2.1/24".into())]),
            not_in: Box::new([Network("192.0.2.7/32".into())]),
        },
        not_before: Some(now),
        expires_on: Some(now),
        issued_on: now,
        modified_on: now,
        created_by: None,
    };
    let bare_token = Token {
        condition: Condition::default(),
        not_before: None,
        expires_on: None,
        status: TokenStatus::Active,
        ..token.clone()
    };
    let user = User {
        id: user_id(0),
        email: Email::parse("ada@example.com", "").unwrap(),
        email_verified: true,
        enabled: true,
        operator: true,
        profile: Profile::default(),
        api_key: Some(Digest([0xcd; 32])),
        created_on: now,
        contact: Default::default(),
    };
    let documents = [
        Document::Account(
            Account {
                id: account_id(),
                name: "Example".into(),
                kind: "standard".into(),
                settings,
                created_on: now,
                deleted_on: None,
            }
            .into(),
        ),
        Document::Member(member(0, Standing::Accepted { user: user_id(0), since: now }).into()),
        Document::Member(member(1, Standing::Pending { invited_on: now }).into()),
        Document::Member(member(2, Standing::Rejected { since: now }).into()),
        Document::UserGroup(
            UserGroup {
                id: group_id(0),
                name: "staff".into(),
                policies: Box::new([policy(3, Effect::Allow)]),
                created_on: now,
                modified_on: now,
            }
            .into(),
        ),
        Document::GroupMember(GroupMember { group: group_id(0), member: member_id(0), created_on: now }),
        group(0, Kind::BuiltIn, Scope::whole_account(account_id())),
        group(1, Kind::Custom, Scope::listed(account_id(), [zone_key(0).into()])),
        group(
            2,
            Kind::Anonymous { policy: PolicyId(id(0x50, 0)) },
            Scope::listed(account_id(), [zone_key(0).into(), zone_key(1).into()]),
        ),
        Document::Resource(
            Resource { key: zone_key(0).into(), name: "example.com".into(), parent: None, created_on: now }.into(),
        ),
        Document::Resource(
            Resource {
                key: "com.example.widget.1".into(),
                name: "one".into(),
                parent: Some(zone_key(0).into()),
                created_on: now,
            }
            .into(),
        ),
        Document::Token(token.into()),
        Document::Token(bare_token.into()),
        Document::SsoConnector(connector(0, Verification::Verified { since: now }).into()),
        Document::SsoConnector(connector(1, Verification::Pending { deadline: now }).into()),
        Document::SsoConnector(connector(2, Verification::Awaiting).into()),
        Document::SsoConnector(connector(3, Verification::Failed).into()),
        Document::User(user.into()),
    ];
    let puts = documents.into_iter().map(Change::Put);
    let deletes = [
        DocumentId::Account,
        DocumentId::Member(member_id(0)),
        DocumentId::UserGroup(group_id(0)),
        DocumentId::GroupMember(group_id(0), member_id(0)),
        DocumentId::ResourceGroup(resource_group_id(0)),
        DocumentId::Resource(zone_key(0).into()),
        DocumentId::Token(TokenId(Id::from_bytes([0x70; 16]))),
        DocumentId::SsoConnector(connector_id(0)),
        DocumentId::User,
    ];
    puts.chain(deletes.into_iter().map(Change::Delete)).collect()
}

#[test]
fn the_log_of_version_1_is_still_read() {
    assert_eq!(change::read(V1.trim_end()).unwrap(), every_document());
}

#[test]
fn version_1_is_still_what_is_written() {
    assert_eq!(change::SCHEMA_VERSION, 1, "add a golden log of the new version, and keep the old one readable");
    assert_eq!(change::write(&every_document()).unwrap(), V1.trim_end());
}

#[test]
fn a_newer_or_damaged_log_is_refused() {
    assert!(matches!(change::read(r#"{"v":2,"changes":[]}"#), Err(ReadError::Newer { found: 2, known: 1 })));
    for damaged in ["", "[]", "{}", r#"{"v":1}"#, r#"{"v":1,"changes":[{"put":{"hat":{}}}]}"#] {
        assert!(matches!(change::read(damaged), Err(ReadError::Json(_))), "{damaged}");
    }
    assert!(change::read(&V1.trim_end().replacen("c0c0", "C0C0", 1)).is_err(), "an id has one spelling");
}

#[test]
fn the_name_of_a_document_reads_back() {
    for change in every_document() {
        let id = change.id();
        assert_eq!(id.to_string().parse::<DocumentId>().unwrap(), id);
    }
    let name = |id: DocumentId| id.to_string();
    assert_eq!(name(DocumentId::Account), "account");
    assert_eq!(name(DocumentId::UserGroup(group_id(0))), format!("user_group/{}", group_id(0)));
    let place = DocumentId::GroupMember(group_id(0), member_id(1));
    assert_eq!(name(place), format!("group_member/{}/{}", group_id(0), member_id(1)));
    for key in ["", "a/b", "ü"] {
        let resource = DocumentId::Resource(key.into());
        assert_eq!(name(resource.clone()).parse::<DocumentId>().unwrap(), resource);
    }
    for text in ["", "/", "account/", "account/1", "member", "member/1", "group_member/1", "hat/1", "User"] {
        let error = text.parse::<DocumentId>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{text}` is not a document")), "{error}");
    }
}
