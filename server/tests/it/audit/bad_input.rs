//! What cannot be asked, each with its place.

use insta::assert_snapshot;

use super::{AUDIT, DAY, start};
use crate::support::told;

#[tokio::test]
async fn each_fault_names_its_parameter() {
    let (_server, admin) = start().await;
    let mut lines = Vec::new();
    for question in [
        "",
        "since=2026-01-02",
        "since=yesterday&before=2026-01-03",
        "since=2026-13-01&before=2026-01-03T25:00:00Z",
        "since=2026-01-03&before=2026-01-03",
        "since=2026-01-04&before=2026-01-03",
        "since=2024-01-01&before=2026-01-03",
        &format!("{DAY}&limit=0"),
        &format!("{DAY}&limit=1001"),
        &format!("{DAY}&limit=ten"),
        &format!("{DAY}&direction=up"),
        &format!("{DAY}&product_category=nonsense"),
        &format!("{DAY}&action_result=maybe"),
        &format!("{DAY}&action_result.not=maybe"),
        &format!("{DAY}&action_type=made"),
        &format!("{DAY}&actor_context=telephone"),
        &format!("{DAY}&actor_type=robot"),
        &format!("{DAY}&resource_scope=world"),
        &format!("{DAY}&actor_ip_address=here"),
        &format!("{DAY}&raw_status_code=fine"),
        "since=x&before=y&limit=0&direction=up&action_type=z&actor_type.not=z",
    ] {
        lines.push(format!(
            "?{question}\n  {}",
            told(&admin.get(&format!("{AUDIT}?{question}")).await).replace('\n', "\n  ")
        ));
    }
    assert_snapshot!(lines.join("\n"), @r"
    ?
      400 1001 [?since] since is required: a day such as `2026-11-21` or an RFC 3339 time
      400 1001 [?before] before is required: a day such as `2026-11-21` or an RFC 3339 time
    ?since=2026-01-02
      400 1001 [?before] before is required: a day such as `2026-11-21` or an RFC 3339 time
    ?since=yesterday&before=2026-01-03
      400 1001 [?since] since must be a day such as `2026-11-21` or an RFC 3339 time such as `2026-11-21T08:00:00Z`, not `yesterday`
    ?since=2026-13-01&before=2026-01-03T25:00:00Z
      400 1001 [?since] since must be a day such as `2026-11-21` or an RFC 3339 time such as `2026-11-21T08:00:00Z`, not `2026-13-01`
      400 1001 [?before] before must be a day such as `2026-11-21` or an RFC 3339 time such as `2026-11-21T08:00:00Z`, not `2026-01-03T25:00:00Z`
    ?since=2026-01-03&before=2026-01-03
      400 1001 [?since] since 2026-01-03T00:00:00.000000Z must be earlier than before 2026-01-03T00:00:00.000000Z
    ?since=2026-01-04&before=2026-01-03
      400 1001 [?since] since 2026-01-04T00:00:00.000000Z must be earlier than before 2026-01-03T00:00:00.000000Z
    ?since=2024-01-01&before=2026-01-03
      400 1001 [?since] since and before must be at most 550 days apart, which is how long entries are kept
    ?since=2026-01-02&before=2026-01-03&limit=0
      400 1001 [?limit] limit must be an integer from 1 to 1000, not `0`
    ?since=2026-01-02&before=2026-01-03&limit=1001
      400 1001 [?limit] limit must be an integer from 1 to 1000, not `1001`
    ?since=2026-01-02&before=2026-01-03&limit=ten
      400 1001 [?limit] limit must be an integer from 1 to 1000, not `ten`
    ?since=2026-01-02&before=2026-01-03&direction=up
      400 1001 [?direction] direction `up` must be one of `desc`, `asc`
    ?since=2026-01-02&before=2026-01-03&product_category=nonsense
      400 1001 [?product_category] product_category `nonsense` must be one of `access_control`, `accounts`, `credentials`, `log`, `resources`, `sso`
    ?since=2026-01-02&before=2026-01-03&action_result=maybe
      400 1001 [?action_result] action_result `maybe` must be one of `success`, `failure`
    ?since=2026-01-02&before=2026-01-03&action_result.not=maybe
      400 1001 [?action_result.not] action_result.not `maybe` must be one of `success`, `failure`
    ?since=2026-01-02&before=2026-01-03&action_type=made
      400 1001 [?action_type] action_type `made` must be one of `create`, `delete`, `view`, `update`
    ?since=2026-01-02&before=2026-01-03&actor_context=telephone
      400 1001 [?actor_context] actor_context `telephone` must be one of `api`, `api_key`, `api_token`, `dash`, `oauth`, `origin_ca_key`
    ?since=2026-01-02&before=2026-01-03&actor_type=robot
      400 1001 [?actor_type] actor_type `robot` must be one of `account`, `cloudflare_admin`, `delegated_service`, `system`, `user`
    ?since=2026-01-02&before=2026-01-03&resource_scope=world
      400 1001 [?resource_scope] resource_scope `world` must be one of `accounts`, `user`, `zones`, `memberships`
    ?since=2026-01-02&before=2026-01-03&actor_ip_address=here
      400 1001 [?actor_ip_address] actor_ip_address `here` must be an IP address, such as `192.0.2.7`
    ?since=2026-01-02&before=2026-01-03&raw_status_code=fine
      400 1001 [?raw_status_code] raw_status_code `fine` must be an HTTP status, such as `403`
    ?since=x&before=y&limit=0&direction=up&action_type=z&actor_type.not=z
      400 1001 [?since] since must be a day such as `2026-11-21` or an RFC 3339 time such as `2026-11-21T08:00:00Z`, not `x`
      400 1001 [?before] before must be a day such as `2026-11-21` or an RFC 3339 time such as `2026-11-21T08:00:00Z`, not `y`
      400 1001 [?direction] direction `up` must be one of `desc`, `asc`
      400 1001 [?limit] limit must be an integer from 1 to 1000, not `0`
      400 1001 [?action_type] action_type `z` must be one of `create`, `delete`, `view`, `update`
      400 1001 [?actor_type.not] actor_type.not `z` must be one of `account`, `cloudflare_admin`, `delegated_service`, `system`, `user`
    ");
    let many = (0..201).map(|number| format!("&id={number}")).collect::<String>();
    assert_eq!(
        told(&admin.get(&format!("{AUDIT}?{DAY}{many}")).await),
        "400 1001 [?id] id has 201 values; at most 200 are taken"
    );
    // What the reference knows is asked for without finding anything.
    for none in [
        "actor_type=cloudflare_admin",
        "actor_context=oauth",
        "actor_context=api",
        "actor_type=delegated_service",
        "unknown=1",
    ] {
        let answer = admin.get(&format!("{AUDIT}?{DAY}&{none}")).await;
        assert_eq!(answer.list().is_empty(), none != "unknown=1", "{none}");
    }
}

#[tokio::test]
async fn the_longest_span_is_a_setting() {
    let server = testkit::TestServer::builder()
        .settings(|settings| settings.audit_retention = "2".parse().unwrap())
        .start()
        .await;
    let admin = server.admin();
    assert_eq!(admin.get(&format!("{AUDIT}?since=2026-01-01&before=2026-01-03")).await.status, 200);
    assert_snapshot!(told(&admin.get(&format!("{AUDIT}?since=2026-01-01&before=2026-01-03T00:00:01Z")).await), @"400 1001 [?since] since and before must be at most 2 days apart, which is how long entries are kept");
}
