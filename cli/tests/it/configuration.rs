//! Flags, environment and configuration file.

use std::fs;

use insta::assert_snapshot;
use testkit::binary::{Program, command};

use crate::support::{Installation, PROGRAM, refusal, run};

/// A server that listens where flag, variable and file say; the last part of the loopback address tells who won.
fn listens(installation: &Installation, flag: Option<&str>, variable: Option<&str>) -> String {
    let mut arguments = vec!["serve", "--config", "portcullis.toml"];
    arguments.extend(flag.iter().flat_map(|address| ["--listen", address]));
    let mut command = command(PROGRAM, installation.path(), &arguments);
    command.envs(variable.map(|address| ("PORTCULLIS_LISTEN", address)));
    let server = Program::start_command(command);
    server.origin.rsplit_once(':').unwrap().0.to_owned()
}

#[test]
fn a_flag_beats_the_variable_the_variable_the_file_and_the_file_the_default() {
    let installation = Installation::new();
    fs::write(installation.path().join("portcullis.toml"), "listen = \"127.0.0.4:0\"\n").unwrap();
    assert_eq!(listens(&installation, Some("127.0.0.2:0"), Some("127.0.0.3:0")), "http://127.0.0.2");
    assert_eq!(listens(&installation, None, Some("127.0.0.3:0")), "http://127.0.0.3");
    assert_eq!(listens(&installation, None, None), "http://127.0.0.4");
}

#[test]
fn every_setting_can_stand_in_the_file() {
    let installation = Installation::new();
    let catalog = "{\"token_permission_groups\": [{\"name\": \"Widgets Read\", \"scope\": \"account\"}]}";
    fs::write(installation.path().join("widgets.json"), catalog).unwrap();
    let file = r#"
        listen = "127.0.0.1:0"
        database = "sqlite:portcullis-data/portcullis.db"
        secret-key-file = "portcullis-data/secret.key"
        catalog = ["widgets.json"]
        dns-server = "127.0.0.1:4053"
        allow-direct-add = true
        open-account-creation = true
        wire-shapes = "object"
        trusted-proxy = ["10.0.0.0/8", "192.0.2.0/24"]
        auth-failure-limit = 100
        self-check = 0.5
        audit-retention = 365
        log-format = "json"
        log-level = "warn"
    "#;
    fs::write(installation.path().join("portcullis.toml"), file).unwrap();
    Program::start(PROGRAM, installation.path(), &["serve", "--config", "portcullis.toml"]);
}

#[test]
fn a_name_that_no_flag_has_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("portcullis.toml"),
        "lisen = \"127.0.0.1:0\"\nlog-level = \"off\"\nemail = \"a@b.c\"\n",
    )
    .unwrap();
    let served = run(folder.path(), &["serve", "--config", "portcullis.toml"]);
    assert_snapshot!(refusal(folder.path(), &served), @"2 portcullis: configuration file `portcullis.toml`: unknown `email`, `lisen`; the names are listen, database, database-ca, revocation-journal, database-connections, secret-key-file, catalog, wire-shapes, dns-server, smtp-url, mail-from, allow-direct-add, open-account-creation, trusted-proxy, public-url, auth-failure-limit, rate-limit, rate-limit-per-address, self-check, max-staleness, state-budget, history, audit-retention, log-format, log-level");
}

#[test]
fn a_value_in_the_file_that_does_not_fit_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("portcullis.toml"), "trusted-proxy = [\"10.0.0.0/8\", \"everybody\"]\n").unwrap();
    let served = run(folder.path(), &["serve", "--config", "portcullis.toml"]);
    assert_snapshot!(refusal(folder.path(), &served), @"2 portcullis: configuration file `portcullis.toml`: invalid value 'everybody' for '--trusted-proxy <CIDR>': invalid IP address syntax");
    let missing = run(folder.path(), &["serve", "--config", "missing.toml"]);
    assert_snapshot!(refusal(folder.path(), &missing), @"2 portcullis: configuration file `missing.toml`: No such file or directory (os error 2)");
}

#[test]
fn a_value_that_does_not_fit_is_an_error_that_names_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| refusal(folder.path(), &run(folder.path(), &[&["serve"], arguments].concat()));
    assert_snapshot!(refused(&["--auth-failure-limit", "many"]), @r"
    2 error: invalid value 'many' for '--auth-failure-limit <NUMBER>': must be a number above 0, or `off`

    For more information, try '--help'.
    ");
    assert_snapshot!(refused(&["--database", "portcullis.db"]), @r"
    2 error: invalid value 'portcullis.db' for '--database <URL>': must be `sqlite:` and a path, such as `sqlite:portcullis-data/portcullis.db`, or the address of a database of PostgreSQL, such as `postgres://portcullis@db.example.com/portcullis`

    For more information, try '--help'.
    ");
    assert_snapshot!(refused(&["--wire-shapes", "round"]), @r"
    2 error: invalid value 'round' for '--wire-shapes <SHAPES>': `round` must be `auto`, `array` or `object`

    For more information, try '--help'.
    ");
}

#[test]
fn a_catalogue_file_with_faults_is_refused_with_all_of_them() {
    let installation = Installation::new();
    let catalog = "{\"token_permission_groups\": [{\"name\": \"Widgets Read\", \"scope\": \"widget\"}], \"rolls\": []}";
    fs::write(installation.path().join("widgets.json"), catalog).unwrap();
    let served = installation.run(&["serve", "--catalog", "widgets.json"]);
    assert_snapshot!(refusal(installation.path(), &served), @r"
    1 portcullis: catalogue file `widgets.json`:
      /rolls: is not a section of a catalogue file; the sections are resource_types, token_permission_groups, iam_permission_groups, roles, operations, path_resources
      /token_permission_groups/0/scope: `widget` is not a resource type: it must be one of account, zone, user, r2_bucket, worker, access_application, access_identity_provider, access_policy, access_service_token, access_target, flagship_app
    ");
}
