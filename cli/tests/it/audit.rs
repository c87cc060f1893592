//! `portcullis audit`: exports and the proof that the log is whole.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Installation, refusal, stderr, stdout};

const GROUPS: &str = "/accounts/{account}/iam/user_groups";

/// An installation with four commits and two refusals in its account.
fn busy() -> Installation {
    let installation = Installation::new();
    let mut server = installation.serve(&[]);
    let admin = installation.key_caller(&server).header("user-agent", "=1+1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for name in ["one", "two, \"quoted\"", "three\nlines"] {
            let made = admin.post(GROUPS, json!({ "name": name.replace('\n', " ") })).await;
            assert_eq!(made.status, 200, "{}", made.text);
            if name != "one" {
                assert_eq!(admin.post(GROUPS, json!({ "name": "" })).await.status, 400);
            }
        }
    });
    // Refusals are written when the server ends.
    server.terminate();
    assert!(server.wait().success());
    installation
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_export_has_every_entry_the_oldest_first() {
    let installation = busy();
    let account = installation.text("account_id");
    let exported = installation.run(&["audit", "export", account]);
    assert_eq!(stderr(&exported), "exported 6 entries\n");
    let entries = lines(&stdout(&exported));
    let told: Vec<String> = entries
        .iter()
        .map(|entry| {
            let part = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
            [part("/action/result"), part("/action/description"), part("/actor/email"), part("/resource/after/name")]
                .join(" ")
        })
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
    success Create account - ada@example.com's Account
    success Create user group ada@example.com one
    success Create user group ada@example.com two, "quoted"
    failure Create user group ada@example.com -
    success Create user group ada@example.com three lines
    failure Create user group ada@example.com -
    "#);
    assert!(entries.windows(2).all(|pair| pair[0]["action"]["time"].as_str() <= pair[1]["action"]["time"].as_str()));
    // A span that ends before the last entry leaves it out.
    let last = entries[5]["action"]["time"].as_str().unwrap();
    let part = installation.run(&["audit", "export", account, "--before", last]);
    assert_eq!(lines(&stdout(&part)), entries[..5]);
    let part = installation.run(&["audit", "export", account, "--since", last]);
    assert_eq!(lines(&stdout(&part)), entries[5..]);
    // Nobody's.
    assert_eq!(stdout(&installation.run(&["audit", "export", "server"])), "");
}

#[cfg(feature = "parquet")]
#[test]
fn csv_and_parquet_have_the_same_rows() {
    let installation = busy();
    let account = installation.text("account_id");
    for (format, file) in [("csv", "audit.csv"), ("parquet", "audit.parquet")] {
        let exported = installation.run(&["audit", "export", account, "--format", format, "--output", file]);
        assert!(exported.status.success(), "{}", stderr(&exported));
        assert_eq!(stdout(&exported), "");
    }
    let mut csv = csv::Reader::from_path(installation.path().join("audit.csv")).unwrap();
    let names: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = csv.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), 6);
    let column = |name: &str| names.iter().position(|one| one == name).unwrap();
    assert!(rows.iter().any(|row| row[column("after")].contains(r#""name":"two, \"quoted\"""#)));
    // What a spreadsheet would compute.
    assert_eq!(rows[5][column("user_agent")], "'=1+1");
    assert_eq!(parquet_rows(&installation), rows_without_apostrophes(&rows));
}

#[cfg(feature = "parquet")]
fn rows_without_apostrophes(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let cell = |cell: &String| cell.strip_prefix('\'').unwrap_or(cell).to_owned();
    rows.iter().map(|row| row.iter().map(cell).collect()).collect()
}

#[cfg(feature = "parquet")]
fn parquet_rows(installation: &Installation) -> Vec<Vec<String>> {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;
    let file = std::fs::File::open(installation.path().join("audit.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let text = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        other => panic!("{other}"),
    };
    rows.map(|row| row.unwrap().get_column_iter().map(|(_, field)| text(field)).collect()).collect()
}

#[test]
fn what_cannot_be_exported_is_told() {
    let installation = busy();
    let account = installation.text("account_id");
    let refused = |arguments: &[&str]| {
        refusal(installation.path(), &installation.run(arguments))
            .split("\n\n")
            .next()
            .unwrap()
            .replace(account, "ACCOUNT")
    };
    std::fs::write(installation.path().join("there.jsonl"), "precious").unwrap();
    let unknown = "00000000000000000000000000000000";
    let told = [
        refused(&["audit", "export", "mine"]),
        refused(&["audit", "export", unknown]),
        refused(&["audit", "verify", unknown]),
        refused(&["audit", "export", account, "--since", "soon"]),
        refused(&["audit", "export", account, "--since", "2026-01-02", "--before", "2026-01-02"]),
        refused(&["audit", "export", account, "--format", "xml"]),
        refused(&["audit", "export", account, "--output", "there.jsonl"]),
    ];
    assert_snapshot!(told.join("\n"), @r"
    2 error: invalid value 'mine' for '<ACCOUNT>': must be the id of an account, 32 hex digits, or `server`
    1 portcullis: there is no account `00000000000000000000000000000000`
    1 portcullis: there is no account `00000000000000000000000000000000`
    2 error: invalid value 'soon' for '--since <TIME>': must be a day such as `2026-11-21` or an RFC 3339 time such as `2026-11-21T08:00:00Z`, not `soon`
    1 portcullis: --since 2026-01-02T00:00:00.000000Z must be earlier than --before 2026-01-02T00:00:00.000000Z
    2 error: invalid value 'xml' for '--format <FORMAT>'
      [possible values: jsonl, csv, parquet]
    1 portcullis: cannot make `there.jsonl`: File exists (os error 17)
    ");
    assert_eq!(std::fs::read_to_string(installation.path().join("there.jsonl")).unwrap(), "precious");
}

#[test]
fn verify_counts_what_is_intact_and_names_what_is_not() {
    let installation = busy();
    let account = installation.text("account_id");
    let verify = |more: &[&str]| installation.run(&[&["audit", "verify"], more].concat());
    assert_eq!(stdout(&verify(&[])), "the audit log is intact: commits 5, other entries 2, streams 3\n");
    assert_eq!(stdout(&verify(&[account])), "the audit log is intact: commits 4, other entries 2, streams 2\n");
    // The chains of commits alone, as before.
    assert_eq!(stdout(&installation.run(&["log", "verify"])), "the log is intact: commits 5, streams 2\n");
    let database = rusqlite::Connection::open(installation.database()).unwrap();
    let stream = format!("audit/account/{account}");
    let changed = "UPDATE commits SET changes = replace(changes, '1003', '1004') WHERE stream = ?1 AND revision = 2";
    assert_eq!(database.execute(changed, [&stream]).unwrap(), 1);
    let verified = verify(&[]);
    assert_eq!(
        (verified.status.code(), stdout(&verified)),
        (Some(1), "the audit log is damaged: streams 3, damaged 1\n".to_owned())
    );
    assert_snapshot!(stderr(&verified).replace(account, "ACCOUNT"), @"the log of `audit/account/ACCOUNT` is damaged at revision 2: its hash does not fit its content");
    assert_eq!(database.execute("DELETE FROM commits WHERE stream = ?1 AND revision = 1", [&stream]).unwrap(), 1);
    assert_snapshot!(stderr(&verify(&[])).replace(account, "ACCOUNT"), @"the log of `audit/account/ACCOUNT` is damaged at revision 2: its number does not follow");
}

#[tokio::test]
async fn every_line_of_the_document_is_answered() {
    let installation = Installation::new();
    let server = installation.serve(&[]);
    let token = installation.token_caller(&server);
    let page = include_str!("../../../docs/audit.md").replace("$ACCOUNT", installation.text("account_id"));
    let commands: Vec<&str> = page.lines().filter(|line| line.starts_with("portcullis ")).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for line in commands {
        let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
        let output = installation.run(&arguments);
        assert!(output.status.success(), "{line}: {}", stderr(&output));
    }
    let asked: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("curl \"http://127.0.0.1:8787")).collect();
    assert!(!asked.is_empty());
    for line in asked {
        let path = line.split('"').next().unwrap();
        assert_eq!(token.get(path).await.status, 200, "{path}");
    }
}
