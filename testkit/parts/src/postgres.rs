//! A real PostgreSQL on a free loopback port.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The name of the superuser, who needs no password.
const USER: &str = "portcullis";

/// Starts, says so, and ends when nobody holds its input any more, however the test ended. Words are sorted as people do it, so that a
/// query that needs the order of bytes has to say so.
const SCRIPT: &str = r#"
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
initdb --pgdata "$folder/data" --username "$1" --auth trust --encoding UTF8 --no-sync \
    --locale C.UTF-8 --locale-provider icu --icu-locale en-US >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log"; exit 1; }
start() {
    postgres -D "$folder/data" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
        -c max_connections=400 >>"$folder/postgres.log" 2>&1 &
    server=$!
    for _ in $(seq 200); do
        pg_isready --quiet --host 127.0.0.1 --port "$2" && break
        sleep 0.05
    done
    echo "ready $server"
}
start "$@"
while read -r word; do
    case $word in
        kill) kill -QUIT "$server"; wait "$server" || true; echo "ended" ;;
        start) start "$@" ;;
        standby*)
            pg_basebackup --pgdata "$folder/standby" --write-recovery-conf --checkpoint fast --no-sync --no-password \
                --host 127.0.0.1 --port "$2" --username "$1" >"$folder/basebackup.log" 2>&1 || { cat "$folder/basebackup.log"; exit 1; }
            postgres -D "$folder/standby" -p "${word#standby}" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
                -c fsync=off -c max_connections=400 >>"$folder/standby.log" 2>&1 &
            standby=$!
            for _ in $(seq 200); do
                pg_isready --quiet --host 127.0.0.1 --port "${word#standby}" && break
                sleep 0.05
            done
            echo "ready $standby" ;;
        promote) pg_ctl promote --pgdata "$folder/standby" --wait >/dev/null && echo "promoted" ;;
    esac
done
for one in "$server" $standby; do
    kill -INT "$one" || true
    wait "$one" || true
done
"#;

/// A server of its own for one test, which may end and start it.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    supervisor: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Postgres {
    /// Starts one. None, and a word about it, where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub fn start() -> Option<Postgres> {
        let Some(programs) = programs() else {
            eprintln!("PostgreSQL is not installed (Debian: `apt-get install postgresql`); this test did not run");
            return None;
        };
        let port = free_port();
        let path = std::env::var("PATH").unwrap_or_default();
        // It refuses to run as root.
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout.trim_ascii() == b"0");
        let mut command = if is_root { Command::new("runuser") } else { Command::new("sh") };
        if is_root {
            command.args(["-u", "postgres", "--", "sh"]);
        }
        command.args(["-c", SCRIPT, "sh", USER, &port.to_string()]);
        command.env("PATH", format!("{}:{path}", programs.display())).env_remove("LC_ALL").current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut supervisor = command.spawn().expect("a shell");
        let said = BufReader::new(supervisor.stdout.take().expect("piped"));
        let mut server = Postgres { port, supervisor, said };
        server.hear("ready");
        Some(server)
    }

    /// The server that all tests of a process share. It ends with the process.
    pub fn shared() -> Option<&'static Postgres> {
        static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
        SERVER.get_or_init(Postgres::start).as_ref()
    }

    /// Starts a second server that follows this one, and lets no commit count that the second does not have. Gives an address for each of
    /// the databases that leads to whichever of the two takes writes.
    ///
    /// # Panics
    /// When it does not start.
    pub fn add_standby(&mut self, database: &str) -> String {
        let port = free_port();
        self.tell(&format!("standby{port}"));
        self.hear("ready");
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("postgres", "SELECT pg_reload_conf()");
        let own = format!("127.0.0.1:{}", self.port);
        database.replace(&own, &format!("{own},127.0.0.1:{port}")) + "?target_session_attrs=read-write"
    }

    /// Makes the second server the one that takes writes, after [`Postgres::kill`] of the first.
    ///
    /// # Panics
    /// When it does not take over.
    pub fn promote_standby(&mut self) {
        self.tell("promote");
        self.hear("promoted");
    }

    /// Makes an empty database, and gives its address.
    ///
    /// # Panics
    /// When that fails.
    pub fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements in a database, given by its name or its address, and gives what they answer, a line for a row.
    ///
    /// # Panics
    /// When that fails.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        self.psql(database, statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// The same; none where that fails.
    pub fn sql_tried(&self, database: &str, statements: &str) -> Option<String> {
        self.psql(database, statements).ok()
    }

    fn psql(&self, database: &str, statements: &str) -> Result<String, String> {
        let name = database.rsplit('/').next().unwrap_or(database);
        let mut psql = Command::new(programs().expect("installed").join("psql"));
        psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER, "-d", name, "-v", "ON_ERROR_STOP=1"]);
        let output = psql.args(["-qAt", "-c", statements]).output().expect("psql");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Ends the server at once, as a crash would.
    ///
    /// # Panics
    /// When it does not end.
    pub fn kill(&mut self) {
        self.tell("kill");
        self.hear("ended");
    }

    /// Starts it again, after [`Postgres::kill`].
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.tell("start");
        self.hear("ready");
    }

    fn tell(&mut self, word: &str) {
        use std::io::Write as _;
        let input = self.supervisor.stdin.as_mut().expect("piped");
        writeln!(input, "{word}").expect("the supervisor of PostgreSQL listens");
    }

    fn hear(&mut self, expected: &str) {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("the supervisor of PostgreSQL speaks");
        assert!(line.starts_with(expected), "PostgreSQL: {line}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        // It has ended by itself otherwise.
        drop(self.supervisor.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port()
}

/// The folder of the newest installed programs: those in the path, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let in_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort();
    let all = debian.into_iter().rev().map(|(_, folder)| folder).chain(in_path);
    all.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("psql").is_file())
}
