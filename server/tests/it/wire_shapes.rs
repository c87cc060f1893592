//! Each generation of clients gets the shapes that it models (D27, D38).

use std::fmt::Write;

use insta::assert_snapshot;
use serde_json::{Value, json};
use server::WireShapes;
use testkit::{Caller, TestServer};

use crate::support::{GROUPS, RESOURCE_GROUPS, group, policy};

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        _ => "something else",
    }
}

/// The shapes of a scope by itself, of one in a policy, and of the members that were added.
async fn shapes(server: &TestServer, client: &Caller, staff: &str) -> String {
    let list = client.get(RESOURCE_GROUPS).await;
    let inside = client.get(&format!("{GROUPS}/{staff}")).await;
    let body = json!([{ "id": server.member.to_string() }]);
    let added = client.post(&format!("{GROUPS}/{staff}/members"), body.clone()).await;
    let replaced = client.put(&format!("{GROUPS}/{staff}/members"), body).await;
    assert_eq!(kind(replaced.result()), "array");
    let scope = kind(&list.list()[0]["scope"]);
    assert_eq!(kind(&inside.result()["policies"][0]["resource_groups"][0]["scope"]), scope);
    format!("scope {scope}, added {}", kind(added.result()))
}

async fn with_group(server: &TestServer) -> String {
    let whole = server.whole_account().await;
    group(server, "staff", &[policy(server, "allow", &["admin_readonly"], &[&whole])]).await
}

#[tokio::test]
async fn each_generation_of_clients_gets_its_own_shapes() {
    let server = TestServer::start().await;
    let staff = with_group(&server).await;
    let mut table = String::new();
    let clients = [
        ("js", "7.3.0"),
        ("js", "6.0.0"),
        ("js", "5.2.0"),
        ("python", "5.9.0"),
        ("python", "4.3.1"),
        ("go", "6.6.0"),
        ("go", "v7.7.0"),
        ("Terraform", "5.22.0"),
        ("ruby", "1.0.0"),
    ];
    for (language, version) in clients {
        let client = server.admin().header("x-stainless-lang", language).header("x-stainless-package-version", version);
        writeln!(table, "{language} {version}: {}", shapes(&server, &client, &staff).await).expect("written");
    }
    writeln!(table, "others: {}", shapes(&server, &server.admin(), &staff).await).expect("written");
    assert_snapshot!(table, @r"
    js 7.3.0: scope object, added array
    js 6.0.0: scope array, added array
    js 5.2.0: scope array, added object
    python 5.9.0: scope object, added array
    python 4.3.1: scope array, added object
    go 6.6.0: scope array, added object
    go v7.7.0: scope array, added array
    Terraform 5.22.0: scope array, added array
    ruby 1.0.0: scope array, added array
    others: scope array, added array
    ");
}

#[tokio::test]
async fn an_operator_may_pin_the_shapes() {
    for (pinned, expected) in
        [(WireShapes::Array, "scope array, added array"), (WireShapes::Object, "scope object, added object")]
    {
        let server = TestServer::builder().settings(|settings| settings.wire_shapes = pinned).start().await;
        let staff = with_group(&server).await;
        let python = server.admin().header("x-stainless-lang", "python").header("x-stainless-package-version", "5.9.0");
        assert_eq!(shapes(&server, &python, &staff).await, expected);
    }
}

#[tokio::test]
async fn what_was_read_in_either_shape_can_be_sent_back() {
    let server = TestServer::start().await;
    let staff = with_group(&server).await;
    let path = format!("{GROUPS}/{staff}");
    for version in ["7.3.0", "5.2.0"] {
        let client = server.admin().header("x-stainless-lang", "js").header("x-stainless-package-version", version);
        let read = client.get(&path).await;
        assert_eq!(client.put(&path, read.result().clone()).await.result(), read.result());
    }
}
