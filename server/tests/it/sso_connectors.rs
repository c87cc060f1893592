//! SSO connectors (section 7).

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::{ScriptedDns, TestServer};

use crate::support::{CONNECTORS, UNKNOWN, refusals, refused, refused_text, revision, told};

async fn connector(server: &TestServer, domain: &str, begin: bool) -> String {
    server.admin().post(CONNECTORS, json!({ "email_domain": domain, "begin_verification": begin })).await.id()
}

/// Publishes the record of a connector and waits until it was found.
async fn verify(server: &TestServer, dns: &ScriptedDns, id: &str) {
    let path = format!("{CONNECTORS}/{id}");
    let shown = server.admin().get(&path).await;
    let domain = shown.result()["email_domain"].as_str().expect("a domain");
    dns.publish(domain, shown.result()["verification"]["code"].as_str().expect("a code"));
    server.admin().send(testkit::Method::POST, &format!("{path}/begin_verification"), None).await.result();
    for _ in 0..400 {
        if server.admin().get(&path).await.result()["verification"]["status"] == "verified" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the record of {id} was not found");
}

#[tokio::test]
async fn a_new_connector_searches_for_its_record_unless_told_otherwise() {
    let server = TestServer::start().await;
    let made = server.admin().post(CONNECTORS, json!({ "email_domain": "Example.ORG." })).await;
    let shown = made.result();
    assert_eq!(shown["email_domain"], "example.org");
    assert_eq!((&shown["enabled"], &shown["use_fedramp_language"]), (&json!(false), &json!(false)));
    assert_eq!(shown["verification"]["status"], "pending");
    let code = shown["verification"]["code"].as_str().expect("a code");
    let digits = code.strip_prefix("cloudflare_dashboard_sso=").expect("the published prefix");
    assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(shown["created_on"].is_string() && shown["updated_on"].is_string());
    let waiting = json!({ "email_domain": "example.net", "begin_verification": false, "use_fedramp_language": true });
    let waiting = server.admin().post(CONNECTORS, waiting).await;
    assert_eq!(waiting.result()["verification"]["status"], "awaiting");
    assert_eq!(waiting.result()["use_fedramp_language"], true);
}

#[tokio::test]
async fn these_are_no_domains_of_a_connector() {
    let server = TestServer::start().await;
    connector(&server, "bücher.example", false).await;
    let domains = [
        json!("XN--BCHER-KVA.example"),
        json!("gmail.com"),
        json!("a@example.com"),
        json!("com"),
        json!("co.uk"),
        json!("localhost"),
        json!(""),
        json!("exa mple.com"),
        json!("-x.example"),
        json!("192.0.2.1"),
        json!(null),
        json!(7),
    ];
    let mut lines = Vec::new();
    for domain in domains {
        lines.push(refused(&server, &format!("POST {CONNECTORS}"), json!({ "email_domain": domain })).await);
    }
    assert_snapshot!(lines.join("\n"), @r"
    400 1003 [/email_domain] email_domain `xn--bcher-kva.example` has a connector already
    400 1001 [/email_domain] email_domain `gmail.com` belongs to a mail provider and cannot have a connector
    400 1001 [/email_domain] email_domain must be the part after the `@`, such as `example.com`, not `a@example.com`
    400 1001 [/email_domain] email_domain `com` is not a domain name such as `example.com`
    400 1001 [/email_domain] email_domain `co.uk` is a public suffix; use a domain that you registered
    400 1001 [/email_domain] email_domain `localhost` is not a domain name such as `example.com`
    400 1001 [/email_domain] email_domain `` is not a domain name such as `example.com`
    400 1001 [/email_domain] email_domain `exa mple.com` is not a domain name such as `example.com`
    400 1001 [/email_domain] email_domain `-x.example` is not a domain name such as `example.com`
    400 1001 [/email_domain] email_domain `192.0.2.1` is not a domain name such as `example.com`
    400 1001 [/email_domain] email_domain must be present
    400 1001 [/email_domain] email_domain must be a string, not a number
    ");
}

#[tokio::test]
async fn what_is_no_connector_is_refused_with_its_place() {
    let server = TestServer::builder().rules(|rules| rules.limits.sso_connectors = 1).start().await;
    let create = format!("POST {CONNECTORS}");
    let create = create.as_str();
    let wrong = json!({ "email_domain": "example.org", "begin_verification": "yes", "use_fedramp_language": 1, "enabled": true });
    assert_snapshot!(refused(&server, create, wrong).await, @r"
    400 1001 [/begin_verification] begin_verification must be a boolean, not a string
    400 1001 [/use_fedramp_language] use_fedramp_language must be a boolean, not a number
    400 1001 [/enabled] a new connector cannot be enabled: its domain is not verified yet
    ");
    let id = connector(&server, "example.org", false).await;
    let update = format!("PATCH {CONNECTORS}/{id}");
    let rows = [
        (create, json!({ "email_domain": "example.net" })),
        (create, json!({ "email_domain": "example.net", "enabled": true })),
        (update.as_str(), json!({ "enabled": "yes" })),
        (update.as_str(), json!([])),
    ];
    assert_snapshot!(refusals(&server, &rows).await, @r"
    400 1009 an account has at most 1 SSO connectors
    400 1001 [/enabled] a new connector cannot be enabled: its domain is not verified yet
    400 1001 [/enabled] enabled must be a boolean, not a string
    400 1001 [] the body must be an object, not an array
    ");
}

#[tokio::test]
async fn a_change_of_nothing_makes_no_commit() {
    let server = TestServer::start().await;
    let id = connector(&server, "example.org", false).await;
    let path = format!("{CONNECTORS}/{id}");
    let read = server.admin().get(&path).await;
    let before = revision(&server).await;
    server.clock.advance(Duration::from_secs(1));
    for body in [json!({}), json!({ "enabled": false }), json!({ "colour": "red", "use_fedramp_language": false })] {
        assert_eq!(server.admin().patch(&path, body).await.result(), read.result());
    }
    assert_eq!(revision(&server).await, before);
    let changed = server.admin().patch(&path, json!({ "use_fedramp_language": true })).await;
    assert_eq!(changed.result()["updated_on"], "2026-01-02T03:04:06.000000Z");
    assert_eq!(changed.result()["created_on"], "2026-01-02T03:04:05.000000Z");
}

#[tokio::test]
async fn to_begin_verification_answers_without_a_result_and_keeps_the_code() {
    let server = TestServer::start().await;
    let id = connector(&server, "example.org", false).await;
    let path = format!("{CONNECTORS}/{id}");
    let admin = server.admin();
    let code = admin.get(&path).await.result()["verification"]["code"].clone();
    let begun = admin.send(testkit::Method::POST, &format!("{path}/begin_verification"), None).await;
    assert_eq!(begun.body, json!({ "success": true, "errors": [], "messages": [] }));
    let shown = admin.get(&path).await.result()["verification"].clone();
    assert_eq!(shown, json!({ "code": code, "status": "pending" }));
    let before = revision(&server).await;
    assert_eq!(admin.send(testkit::Method::POST, &format!("{path}/begin_verification"), None).await.status, 200);
    assert_eq!(revision(&server).await, before, "it searches already");
}

#[tokio::test]
async fn enabling_is_refused_with_every_reason() {
    let dns = Arc::new(ScriptedDns::default());
    let server = TestServer::builder().dns(dns.clone()).start().await;
    let unverified = connector(&server, "example.org", false).await;
    let academic = connector(&server, "example.ac.uk", true).await;
    let verified = connector(&server, "example.net", true).await;
    verify(&server, &dns, &verified).await;
    let mut lines = Vec::new();
    for id in [&unverified, &academic, &verified] {
        lines.push(refused(&server, &format!("PATCH {CONNECTORS}/{id}"), json!({ "enabled": true })).await);
    }
    assert_snapshot!(lines.join("\n"), @r"
    400 1001 [/enabled] domain `example.org` must be verified before the connector is enabled; its verification is awaiting
    400 1001 [/enabled] an identity provider must be bound and tested for the account before a connector is enabled, and none can be bound yet
    400 1001 [/enabled] domain `example.ac.uk` must be verified before the connector is enabled; its verification is pending
    400 1001 [/enabled] connectors of `.ac.uk` domains need the operator's approval
    400 1001 [/enabled] an identity provider must be bound and tested for the account before a connector is enabled, and none can be bound yet
    400 1001 [/enabled] an identity provider must be bound and tested for the account before a connector is enabled, and none can be bound yet
    ");
}

#[tokio::test]
async fn a_verified_domain_vouches_for_its_users() {
    let dns = Arc::new(ScriptedDns::default());
    let server = TestServer::builder().dns(dns.clone()).start().await;
    server.user("bea@example.net").await;
    server.user("bea@sub.example.net").await;
    let id = connector(&server, "example.net", true).await;
    let add = async |email: &str| {
        let body = json!({ "email": email, "roles": [], "status": "accepted" });
        server.admin().post(crate::support::MEMBERS, body).await.status
    };
    assert_eq!(add("bea@example.net").await, 400);
    verify(&server, &dns, &id).await;
    assert_eq!(add("bea@sub.example.net").await, 400, "subdomains are not implied");
    assert_eq!(add("bea@example.net").await, 200);
}

#[tokio::test]
async fn an_enabled_connector_is_disabled_before_it_is_deleted() {
    let server = TestServer::start().await;
    let id = connector(&server, "example.org", false).await;
    let path = format!("{CONNECTORS}/{id}");
    // Enabling needs an identity provider, which cannot be bound yet.
    let enable = |state: &model::account_state::AccountState, _: &model::rules::Environment<'_>| {
        let connector = state.sso_connectors().next().expect("the connector").clone();
        let connector = model::sso_connectors::SsoConnector { enabled: true, ..connector };
        Ok((vec![model::change::Change::put(model::change::Document::SsoConnector(connector.into()))], ()))
    };
    server.try_commit(server.account, enable).await.expect("a commit");
    assert_snapshot!(refused_text(&server, &format!("DELETE {path}"), "").await, @"400 1010 SSO connector `<id>` is enabled; disable it before deleting it");
    assert_eq!(server.admin().patch(&path, json!({ "enabled": false })).await.result()["enabled"], false);
    assert_eq!(server.admin().delete(&path).await.status, 200);
}

#[tokio::test]
async fn a_deleted_connector_is_gone_and_its_domain_free() {
    let server = TestServer::start().await;
    let id = connector(&server, "example.org", false).await;
    let path = format!("{CONNECTORS}/{id}");
    assert_eq!(server.admin().delete(&path).await.result(), &json!({ "id": id }));
    for request in [
        format!("DELETE {path}"),
        format!("PATCH {path}"),
        format!("POST {path}/begin_verification"),
        format!("PATCH {CONNECTORS}/{UNKNOWN}"),
    ] {
        assert_eq!(refused_text(&server, &request, "").await, "404 1002 SSO connector `<id>` not found");
    }
    connector(&server, "example.org", false).await;
    assert_eq!(told(&server.admin().get(&path).await), "404 1002 SSO connector `<id>` not found");
    let all = server.admin().get(CONNECTORS).await;
    assert_eq!(all.list().iter().map(|connector| &connector["email_domain"]).collect::<Vec<&Value>>(), ["example.org"]);
}
