//! `portcullis export` and `portcullis apply`.

use insta::assert_snapshot;
use serde_json::{Value, json};
use testkit::Caller;

use crate::support::{Installation, refusal, stdout};

/// Runs requests against a server that is started for them.
fn with_server<T>(installation: &Installation, work: impl AsyncFnOnce(&Caller) -> T) -> T {
    let server = installation.serve(&[]);
    let caller = installation.key_caller(&server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work(&caller))
}

/// An account with one of each thing, and names that want quoting.
fn furnished() -> Installation {
    let installation = Installation::new();
    with_server(&installation, async |caller| {
        let zone = caller
            .post("/zones", json!({ "name": "example.com", "account": { "id": installation.text("account_id") } }))
            .await;
        let key = format!("com.cloudflare.api.account.zone.{}", zone.id());
        let scope = json!({ "key": format!("com.cloudflare.api.account.{}", installation.text("account_id")), "objects": [{ "key": key }] });
        let place = caller
            .post("/accounts/{account}/iam/resource_groups", json!({ "name": "domains \"${x}\"", "scope": scope }))
            .await
            .id();
        let admin =
            caller.get("/accounts/{account}/iam/permission_groups?label=domain_dns").await.list()[0]["id"].clone();
        let policies = json!([{ "access": "allow", "permission_groups": [{ "id": admin }], "resource_groups": [{ "id": place }] }]);
        let member = caller
            .post("/accounts/{account}/members", json!({ "email": "bea@example.com", "policies": policies }))
            .await
            .id();
        let group = json!({ "name": "DNS ${team} \\ %{if}", "policies": policies });
        let group = caller.post("/accounts/{account}/iam/user_groups", group).await.id();
        caller
            .post(&format!("/accounts/{{account}}/iam/user_groups/{group}/members"), json!([{ "id": member }]))
            .await
            .result();
        caller
            .post(
                "/accounts/{account}/sso_connectors",
                json!({ "email_domain": "example.org", "begin_verification": false }),
            )
            .await
            .result();
        let dns_read =
            caller.get("/accounts/{account}/tokens/permission_groups?name=DNS%20Read").await.list()[0]["id"].clone();
        let token = json!({ "name": "ci", "expires_on": "2099-01-01T00:00:00Z", "condition": { "request_ip": { "in": ["10.0.0.0/8"] } },
            "policies": [{ "effect": "allow", "permission_groups": [{ "id": dns_read }], "resources": { "com.cloudflare.api.account.*": "*" } }] });
        caller.post("/accounts/{account}/tokens", token).await.result();
    });
    installation
}

fn export(installation: &Installation, format: &str) -> String {
    stdout(&installation.run(&["export", installation.text("account_id"), "--format", format]))
}

#[test]
fn what_is_exported_and_applied_again_changes_nothing() {
    let installation = furnished();
    let state = export(&installation, "json");
    std::fs::write(installation.path().join("state.json"), &state).unwrap();
    for arguments in [&["apply", "state.json", "--dry-run"][..], &["apply", "state.json"]] {
        let applied = installation.run(arguments);
        assert!(applied.status.success(), "{arguments:?}");
        assert_eq!(stdout(&applied), "nothing would change\n");
    }
    assert_eq!(export(&installation, "json"), state);
}

#[test]
fn a_file_is_applied_in_one_commit_and_the_difference_is_told_first() {
    let installation = furnished();
    let mut state: Value = serde_json::from_str(&export(&installation, "json")).unwrap();
    state["user_groups"][0]["members"] = json!([]);
    state["user_groups"].as_array_mut().unwrap().push(json!({
        "name": "Auditors", "members": ["BEA@example.com"],
        "policies": [{ "access": "allow", "permission_groups": ["audit_logs_viewer"], "resource_groups": [{ "account": true }] }]
    }));
    state["members"].as_array_mut().unwrap().push(json!({ "email": "cyd@example.com", "policies": [] }));
    std::fs::write(installation.path().join("state.json"), state.to_string()).unwrap();
    let foretold = installation.run(&["apply", "state.json", "--dry-run"]);
    assert_eq!(foretold.status.code(), Some(2));
    let foretold = stdout(&foretold);
    for line in [
        "+ member cyd@example.com",
        "+ user group \"Auditors\"",
        "+ place of bea@example.com in \"Auditors\"",
        "- place of bea@example.com in \"DNS ${team} \\ %{if}\"",
    ] {
        assert!(foretold.lines().any(|told| told == line), "{line}\n{foretold}");
    }
    let before: Value = serde_json::from_str(&export(&installation, "json")).unwrap();
    let applied = installation.run(&["apply", "state.json"]);
    assert!(applied.status.success());
    let told = stdout(&applied);
    assert!(told.starts_with(&foretold) && told.contains("give this link to cyd@example.com"), "{told}");
    let after: Value = serde_json::from_str(&export(&installation, "json")).unwrap();
    assert_ne!(before, after);
    let revision: u64 = told.lines().last().unwrap().strip_prefix("revision ").unwrap().parse().unwrap();
    // One commit, which undoes as one.
    assert!(installation.run(&["revert", &revision.to_string()]).status.success());
    assert_eq!(serde_json::from_str::<Value>(&export(&installation, "json")).unwrap(), before);
}

#[test]
fn every_fault_of_a_file_is_told_and_nothing_is_written() {
    let installation = furnished();
    let before = export(&installation, "json");
    let apply = |state: Value| {
        let output = installation.run_with_input(&["apply", "-"], &state.to_string());
        refusal(installation.path(), &output)
    };
    assert_snapshot!(apply(json!({})), @"1 portcullis: -: /version: version must be present");
    assert_snapshot!(apply(json!({ "version": 2 })), @"1 portcullis: -: /version: version must be 1, not 2");
    let faulty = json!({
        "version": 1,
        "account": { "name": "" },
        "resource_groups": [{ "name": "a", "objects": [{ "zone": "unknown.example" }] }, { "name": "A", "objects": [] }, { "name": "b" }],
        "members": [{ "email": "bea", "policies": 7 }],
        "user_groups": [
            { "name": "x", "policies": [{ "access": "permit", "permission_groups": ["nothing"], "resource_groups": [{ "name": "none" }, {}] }] },
            { "name": "y", "members": ["nobody@example.com"] }
        ]
    });
    assert_snapshot!(apply(faulty), @r#"
    1 portcullis: -: /resource_groups/2/objects: objects must be present
    /members/0/policies: policies must be an array, not a number
    /user_groups/0/policies/0/access: `permit` must be one of `allow`, `deny`
    /user_groups/0/policies/0/resource_groups/1: a place must be one of {"account": true}, {"zone": …}, {"name": …} and {"scope": […]}
    /resource_groups/1/name: `A` is given twice
    /account/name: name must not be empty
    /resource_groups/0/objects/0/zone: zone `unknown.example` is not registered in this account; POST /zones registers one
    /resource_groups/1/objects: objects must not be empty; use `[{"key": "*"}]` for everything
    /members/0/email: email must be an address such as `user@example.com`
    /user_groups/0/policies/0/resource_groups/0/name: resource group `none` is neither in the file nor in the account
    /user_groups/1/members/0: `nobody@example.com` is no member of this account
    "#);
    let only_members = json!({ "version": 1, "members": [] });
    assert_snapshot!(apply(only_members), @"1 portcullis: -: the account must keep at least one super administrator");
    assert_eq!(export(&installation, "json"), before);
}

#[test]
fn terraform_reads_back_every_id_and_every_name() {
    let installation = furnished();
    let text = export(&installation, "terraform");
    let body = hcl::parse(&text).unwrap();
    let imports: Vec<String> = body
        .blocks()
        .filter(|block| block.identifier() == "import")
        .map(|block| {
            let attribute = |name: &str| block.body().attributes().find(|attribute| attribute.key() == name).unwrap();
            format!("{} <- {}", hcl::format::to_string(attribute("to").expr()).unwrap(), attribute("id").expr())
        })
        .collect();
    let with = |kind: &str| imports.iter().filter(|import| import.starts_with(&format!("{kind}."))).count();
    let kinds =
        ["account", "zone", "account_member", "user_group", "user_group_members", "sso_connector", "account_token"];
    let counts: Vec<usize> = kinds.iter().map(|kind| with(&format!("cloudflare_{kind}"))).collect();
    assert_eq!(counts, [1, 1, 2, 1, 1, 1, 1], "{imports:#?}");
    let names: Vec<String> = body
        .blocks()
        .filter(|block| block.labels().first().is_some_and(|label| label.as_str() == "cloudflare_user_group"))
        .flat_map(|block| block.body().attributes().filter(|attribute| attribute.key() == "name"))
        .map(|attribute| {
            let value = hcl::eval::Evaluate::evaluate(attribute.expr(), &hcl::eval::Context::new()).unwrap();
            value.as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(names, ["DNS ${team} \\ %{if}"], "what looks like a template is text");
    assert!(text.contains("# resource group \"domains \"${x}\"\""), "{text}");
    assert!(!text.contains("cfat_"));
    assert_eq!(export(&installation, "terraform"), text, "the order is stable");
}

#[test]
fn where_terraform_is_installed_it_takes_the_configuration() {
    let installation = furnished();
    let terraform = |arguments: &[&str]| {
        std::process::Command::new("terraform").args(arguments).current_dir(installation.path()).output()
    };
    if terraform(&["version"]).is_err() {
        println!("no `terraform` is installed: the configuration is not validated by it");
        return;
    }
    std::fs::write(installation.path().join("account.tf"), export(&installation, "terraform")).unwrap();
    // What it reads without the provider: the whole of the grammar.
    let formatted = terraform(&["fmt", "-write=false", "-list=false"]).unwrap();
    assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
    let init = terraform(&["init", "-backend=false", "-input=false"]).unwrap();
    if !init.status.success() {
        println!("the provider cannot be fetched here: {}", String::from_utf8_lossy(&init.stderr));
        return;
    }
    let validated = terraform(&["validate"]).unwrap();
    assert!(validated.status.success(), "{}", String::from_utf8_lossy(&validated.stderr));
}

#[test]
fn only_an_account_that_is_there_is_exported() {
    let installation = Installation::new();
    let none = installation.run(&["export", "ffffffffffffffffffffffffffffffff", "--format", "json"]);
    assert_snapshot!(refusal(installation.path(), &none), @"1 portcullis: there is no account `ffffffffffffffffffffffffffffffff`");
}

#[test]
fn every_line_of_the_document_is_carried_out() {
    let installation = furnished();
    let account = installation.text("account_id");
    let state = export(&installation, "json");
    std::fs::write(installation.path().join("state.json"), state).unwrap();
    let document = include_str!("../../../docs/declarative.md");
    let lines: Vec<&str> = document.lines().filter(|line| line.starts_with("portcullis ")).collect();
    assert!(lines.len() >= 4, "{lines:?}");
    for line in lines {
        let line = line.replace("$ACCOUNT", account);
        let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
        let output = installation.run(&arguments);
        assert!(output.status.success(), "{line}: {}", refusal(installation.path(), &output));
    }
}
