//! Roles and permission groups: what can be granted (D1).

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::TestServer;

use crate::support::{PERMISSION_GROUPS, ROLES, SUPER, UNKNOWN, role, told};

#[tokio::test]
async fn a_role_says_what_it_may_read_and_write_in_the_terms_of_old() {
    let server = TestServer::start().await;
    let shown = server.admin().get(&format!("{ROLES}/{}", role(&server, "DNS"))).await;
    assert_snapshot!(serde_json::to_string_pretty(shown.result()).expect("JSON"), @r#"
    {
      "description": "Changes DNS records.",
      "id": "069fe803647ed3609e93d041d5df6050",
      "name": "DNS",
      "permissions": {
        "analytics": {
          "read": false,
          "write": false
        },
        "billing": {
          "read": false,
          "write": false
        },
        "cache_purge": {
          "read": false,
          "write": false
        },
        "dns": {
          "read": true,
          "write": true
        },
        "dns_records": {
          "read": true,
          "write": true
        },
        "lb": {
          "read": false,
          "write": false
        },
        "logs": {
          "read": false,
          "write": false
        },
        "organization": {
          "read": true,
          "write": false
        },
        "ssl": {
          "read": false,
          "write": false
        },
        "waf": {
          "read": false,
          "write": false
        },
        "zone_settings": {
          "read": false,
          "write": false
        },
        "zones": {
          "read": true,
          "write": false
        }
      }
    }
    "#);
}

#[tokio::test]
async fn every_role_has_the_published_shape() {
    const KEYS: [&str; 12] = [
        "analytics",
        "billing",
        "cache_purge",
        "dns",
        "dns_records",
        "lb",
        "logs",
        "organization",
        "ssl",
        "waf",
        "zone_settings",
        "zones",
    ];
    let server = TestServer::start().await;
    let admin = server.admin();
    let mut seen = 0;
    for page in 1.. {
        let roles = admin.get(&format!("{ROLES}?per_page=50&page={page}")).await;
        if roles.list().is_empty() {
            assert_eq!(roles.body["result_info"]["total_count"], seen);
            break;
        }
        for role in roles.list() {
            seen += 1;
            assert!(["id", "name", "description"].iter().all(|key| role[key].is_string()), "{role}");
            for (key, grant) in role["permissions"].as_object().expect("permissions") {
                assert!(KEYS.contains(&key.as_str()), "{key}");
                assert!(grant["read"].is_boolean() && grant["write"].is_boolean(), "{role}");
            }
        }
    }
    assert!(seen > 50);
}

#[tokio::test]
async fn the_super_administrator_has_its_published_id() {
    let server = TestServer::start().await;
    assert_eq!(role(&server, SUPER), "33666b9c79b9a5273fc7344ff42f953d");
    let shown = server.admin().get(&format!("{ROLES}/33666b9c79b9a5273fc7344ff42f953d")).await;
    let writes = shown.result()["permissions"].as_object().expect("permissions").values();
    assert!(writes.clone().count() > 5 && writes.into_iter().any(|grant| grant["write"] == true));
}

#[tokio::test]
async fn a_permission_group_is_found_by_id_label_or_name() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = server.permission_group("admin_readonly");
    for query in [
        format!("id={id}"),
        "label=admin_readonly".into(),
        "name=Administrator%20Read%20Only".into(),
        "name=Administrator+Read+Only".into(),
    ] {
        let found = admin.get(&format!("{PERMISSION_GROUPS}?{query}")).await;
        assert_eq!(found.list().iter().map(|group| &group["id"]).collect::<Vec<_>>(), [&json!(id)], "{query}");
    }
    let shown = admin.get(&format!("{PERMISSION_GROUPS}/{id}")).await;
    assert_eq!(shown.result()["meta"]["scopes"], "com.cloudflare.api.account");
    assert_eq!(shown.result()["meta"]["editable"], "false");
    assert_eq!(shown.result()["status"], "V");
}

#[tokio::test]
async fn what_is_not_in_the_catalogue_is_404_and_a_token_permission_group_is_told_apart() {
    let server = TestServer::start().await;
    let admin = server.admin();
    assert_snapshot!(told(&admin.get(&format!("{ROLES}/{UNKNOWN}")).await), @"404 1002 role `<id>` not found");
    assert_snapshot!(told(&admin.get(&format!("{PERMISSION_GROUPS}/{UNKNOWN}")).await), @"404 1002 permission group `<id>` not found");
    assert_snapshot!(told(&admin.get(&format!("{PERMISSION_GROUPS}/1af1fa2adc104452b74a9a3364202f20")).await), @r#"404 1002 `<id>` ("Account Settings Write") is a token permission group; GET /accounts/{account_id}/tokens/permission_groups lists those"#);
}

#[tokio::test]
async fn token_permission_groups_are_filtered_by_name_and_scope() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let path = "/accounts/{account}/tokens/permission_groups";
    let whole = admin.get(path).await;
    assert!(whole.list().len() > 200);
    assert!(whole.list().iter().all(|group| group["scopes"][0] != "com.cloudflare.api.user"));
    let dns = admin.get(&format!("{path}?name=DNS%20Read&scope=com.cloudflare.api.account.zone")).await;
    assert_eq!(dns.list()[0]["id"], "82e64a83756745bbbb1c9c2701bf816b");
    assert_eq!(dns.list().len(), 1);
    assert_eq!(admin.get(&format!("{path}?name=dns%2520read")).await.list().len(), 0);
    let own = admin.get("/user/tokens/permission_groups?name=Memberships%20Read").await;
    assert_eq!(own.list()[0]["scopes"], Value::from(vec!["com.cloudflare.api.user"]));
}
