//! `If-Match` and tags (D79).

use serde_json::json;
use testkit::{Method, TestServer};

use crate::support::{
    CONNECTORS, GROUPS, MEMBERS, RESOURCE_GROUPS, UNKNOWN, group, resource_group, revision, role, zone_key,
};

/// One object of each kind: its path, how it is changed, and a body that changes it.
async fn objects(server: &TestServer) -> Vec<(String, Method, serde_json::Value)> {
    let zone = zone_key(server.zone("example.com").await);
    let bea = server.member("bea@example.com", server.roles(&[])).await;
    let connector = server.admin().post(CONNECTORS, json!({ "email_domain": "example.org" })).await.id();
    vec![
        (format!("{GROUPS}/{}", group(server, "staff", &[]).await), Method::PUT, json!({ "name": "Staff" })),
        (
            format!("{RESOURCE_GROUPS}/{}", resource_group(server, "domains", &[&zone]).await),
            Method::PUT,
            json!({ "name": "Domains" }),
        ),
        (format!("{MEMBERS}/{}", bea.id), Method::PUT, json!({ "roles": [role(server, "DNS")] })),
        (format!("{CONNECTORS}/{connector}"), Method::PATCH, json!({ "use_fedramp_language": true })),
    ]
}

#[tokio::test]
async fn a_write_on_a_state_that_is_gone_is_refused_and_on_the_present_one_carried_out() {
    let server = TestServer::start().await;
    for (path, method, body) in objects(&server).await {
        let body = Some(body.to_string());
        let admin = server.admin();
        let tag = admin.get(&path).await.header("etag").expect("a tag").to_owned();
        let stale = admin.clone().header("if-match", "\"0000000000000000\"");
        let before = revision(&server).await;
        for refused in [stale.send(method.clone(), &path, body.clone()).await, stale.delete(&path).await] {
            let message = "`If-Match` names \"0000000000000000\", but the object is now";
            assert_eq!(refused.status_and_error(), format!("412 1013 {message} {tag}; read it again"), "{path}");
        }
        assert_eq!(revision(&server).await, before);

        let present = admin.clone().header("if-match", &format!("\"0\", W/{tag}"));
        let changed = present.send(method.clone(), &path, body.clone()).await;
        assert_eq!(changed.status, 200, "{path}");
        let next = changed.header("etag").expect("a tag").to_owned();
        assert_ne!(next, tag, "{path}");
        assert_eq!(admin.get(&path).await.header("etag"), Some(next.as_str()), "{path}");
        assert_eq!(present.send(method.clone(), &path, body.clone()).await.status, 412, "{path}: the tag has moved on");
        assert_eq!(admin.clone().header("if-match", "*").send(method, &path, body).await.status, 200);
        assert_eq!(admin.clone().header("if-match", &next).delete(&path).await.status, 200);
    }
}

#[tokio::test]
async fn no_tag_matches_an_object_that_is_not_there() {
    let server = TestServer::start().await;
    for path in [GROUPS, RESOURCE_GROUPS, MEMBERS, CONNECTORS] {
        let path = format!("{path}/{UNKNOWN}");
        let any = server.admin().header("if-match", "*");
        assert_eq!(any.delete(&path).await.status, 412, "{path}");
        assert_eq!(server.admin().delete(&path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_same_object_has_the_same_tag_after_other_things_changed() {
    let server = TestServer::start().await;
    let path = format!("{GROUPS}/{}", group(&server, "staff", &[]).await);
    let tag = server.admin().get(&path).await.header("etag").map(str::to_owned);
    group(&server, "guests", &[]).await;
    assert_eq!(server.admin().get(&path).await.header("etag").map(str::to_owned), tag);
}
