//! From nothing to the first request.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::support::{EMAIL, Installation, refusal, run, stdout};

#[test]
fn the_first_start_refuses_says_init_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let served = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--log-level", "off"]);
    assert_snapshot!(refusal(folder.path(), &served), @"1 portcullis: there is no account in `portcullis-data/portcullis.db` yet; run `portcullis init --email YOU@EXAMPLE.COM` first");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn init_prints_what_scripts_need_and_keeps_secrets_from_others() {
    let installation = Installation::new();
    let made = installation.made.as_object().unwrap();
    let mut keys: Vec<&str> = made.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["account_id", "api_key", "api_token", "email", "member_id", "user_id"]);
    assert_eq!(made["email"], EMAIL);
    for id in ["account_id", "user_id", "member_id"] {
        assert_eq!(installation.text(id).len(), 32, "{id}");
    }
    assert!(installation.text("api_token").starts_with("cfut_"));
    assert!(installation.text("api_key").starts_with("cfk_"));
    let data = installation.path().join("portcullis-data");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("secret.key")), 0o600);
    assert_eq!(mode(&data.join("portcullis.db")), 0o600);
    assert_eq!(fs::read_to_string(data.join("secret.key")).unwrap().trim().len(), 64);
}

#[test]
fn init_for_people_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let init = run(folder.path(), &["init", "--email", EMAIL, "--account-name", "Analytical Engines"]);
    let text = stdout(&init);
    assert!(text.contains("API token      cfut_"), "{text}");
    assert!(text.contains("Global API Key cfk_"), "{text}");
    assert!(text.ends_with("Start the server with `portcullis serve`.\n"), "{text}");
}

#[test]
fn init_refuses_a_database_that_has_an_account() {
    let installation = Installation::new();
    let again = installation.run(&["init", "--email", "eve@example.com"]);
    assert_snapshot!(refusal(installation.path(), &again), @"1 portcullis: there is an account in `portcullis-data/portcullis.db` already; `init` is for a new database");
}

#[test]
fn init_refuses_what_is_no_address() {
    let folder = tempfile::tempdir().unwrap();
    let init = run(folder.path(), &["init", "--email", "ada"]);
    assert_snapshot!(refusal(folder.path(), &init), @"1 portcullis: --email: email must be an address such as `user@example.com`");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn serve_refuses_a_secret_key_that_is_missing_short_or_readable_by_everybody() {
    let installation = Installation::new();
    let key = installation.path().join("portcullis-data/secret.key");
    let serve = || {
        let served = installation.run(&["serve", "--listen", "127.0.0.1:0", "--log-level", "off"]);
        refusal(installation.path(), &served)
    };
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    assert_snapshot!(serve(), @"1 portcullis: everybody on this machine may read or change the secret key `portcullis-data/secret.key`; run `chmod 600 portcullis-data/secret.key`");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "abc\n").unwrap();
    assert_snapshot!(serve(), @"1 portcullis: the secret key `portcullis-data/secret.key` must have 64 hex digits, as `portcullis init` writes it");
    fs::remove_file(&key).unwrap();
    assert_snapshot!(serve(), @"1 portcullis: the secret key `portcullis-data/secret.key` is missing; put it back from a backup, or name it with `--secret-key-file`: without it no token or key can be checked");
}
