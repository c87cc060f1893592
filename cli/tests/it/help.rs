//! What a newcomer reads: help texts, completions and manual pages.

use insta::assert_snapshot;

use crate::support::{run, stdout};

fn output(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), arguments);
    assert!(output.status.success(), "{arguments:?}");
    stdout(&output)
}

#[test]
fn each_command_explains_itself() {
    for (name, arguments) in [
        ("portcullis", vec![]),
        ("serve", vec!["serve"]),
        ("init", vec!["init"]),
        ("dev", vec!["dev"]),
        ("user", vec!["user"]),
        ("account", vec!["account"]),
        ("export", vec!["export"]),
        ("apply", vec!["apply"]),
        ("report_leak", vec!["report-leak"]),
        ("user_create", vec!["user", "create"]),
        ("log", vec!["log"]),
        ("log_show", vec!["log", "show"]),
        ("log_verify", vec!["log", "verify"]),
        ("audit", vec!["audit"]),
        ("audit_export", vec!["audit", "export"]),
        ("audit_verify", vec!["audit", "verify"]),
        ("check", vec!["check"]),
        ("ask", vec!["ask"]),
        ("ask_may", vec!["ask", "may"]),
        ("ask_least", vec!["ask", "least"]),
        ("revert", vec!["revert"]),
        ("completions", vec!["completions"]),
        ("doctor", vec!["doctor"]),
        ("migrate", vec!["migrate"]),
        ("backup", vec!["backup"]),
        ("restore", vec!["restore"]),
        ("snapshot", vec!["snapshot"]),
        ("snapshot_export", vec!["snapshot", "export"]),
        ("snapshot_verify", vec!["snapshot", "verify"]),
        ("man", vec!["man"]),
    ] {
        assert_snapshot!(name, output(&[arguments, vec!["--help"]].concat()));
    }
}

#[test]
fn completions_and_manual_pages_are_printed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(output(&["completions", shell]).contains("open-account-creation"), "{shell}");
    }
    assert!(output(&["man"]).contains("\n.TH portcullis 1 "));
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["man", "--folder", "pages"]).status.success());
    let page = std::fs::read_to_string(folder.path().join("pages/portcullis-serve.1")).unwrap();
    assert!(page.contains("allow\\-direct\\-add"));
}
