//! What these tests share: a folder, the program, and a server that was set up in it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use testkit::Caller;
use testkit::binary::{self, Program};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_portcullis");
pub const EMAIL: &str = "ada@example.com";

/// A folder with a server in it that `init` has set up.
pub struct Installation {
    pub folder: TempDir,
    /// What `init --json` printed.
    pub made: Value,
    /// The address of the database, where it is not the default.
    database: Option<String>,
}

impl Installation {
    pub fn new() -> Installation {
        Installation::over(None)
    }

    /// Over a new database of PostgreSQL.
    pub fn on_postgres(address: &str) -> Installation {
        Installation::over(Some(address.to_owned()))
    }

    fn over(database: Option<String>) -> Installation {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = vec!["init", "--email", EMAIL, "--json"];
        arguments.extend(database.iter().flat_map(|address| ["--database", address]));
        let init = run(folder.path(), &arguments);
        assert!(init.status.success(), "{}", stderr(&init));
        Installation { made: serde_json::from_slice(&init.stdout).unwrap(), folder, database }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn text(&self, field: &str) -> &str {
        self.made[field].as_str().unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        run(self.path(), &[arguments, &self.where_the_data_is()].concat())
    }

    fn where_the_data_is(&self) -> Vec<&str> {
        self.database.iter().flat_map(|address| ["--database", address]).collect()
    }

    /// Runs the program with something on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = binary::command(PROGRAM, self.path(), arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Starts the server on a free port.
    pub fn serve(&self, more: &[&str]) -> Program {
        self.serve_from(&[&self.where_the_data_is(), more].concat())
    }

    /// The same, wherever the arguments say that the data is.
    pub fn serve_from(&self, more: &[&str]) -> Program {
        let arguments =
            [&["serve", "--listen", "127.0.0.1:0", "--rate-limit", "off", "--rate-limit-per-address", "off"], more]
                .concat();
        Program::start(PROGRAM, self.path(), &arguments)
    }

    pub fn token_caller(&self, server: &Program) -> Caller {
        Caller::with_token(&server.origin, self.text("account_id"), self.text("api_token"))
    }

    pub fn key_caller(&self, server: &Program) -> Caller {
        Caller::with_key(&server.origin, self.text("account_id"), EMAIL, self.text("api_key"))
    }

    /// The address of the database of PostgreSQL.
    pub fn address(&self) -> &str {
        self.database.as_deref().unwrap()
    }

    pub fn database(&self) -> std::path::PathBuf {
        self.path().join("portcullis-data/portcullis.db")
    }
}

pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    binary::run(PROGRAM, folder, arguments)
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The exit code and what was written on standard error, with the folder's name taken out.
pub fn refusal(folder: &Path, output: &Output) -> String {
    let text = stderr(output).replace(&*folder.to_string_lossy(), "FOLDER");
    format!("{} {}", output.status.code().unwrap_or(-1), text.trim_end())
}
