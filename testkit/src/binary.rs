//! The real program, started and ended by a test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(30);
const LISTENING: &str = "listening on ";

/// A command line of the program, run in `folder`, without the `PORTCULLIS_…` variables of whoever runs the tests.
pub fn command(program: &str, folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTCULLIS_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the program to its end.
pub fn run(program: &str, folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Output {
    command(program, folder, arguments).output().expect("the program can be started")
}

/// A server that is running. It is killed when this is dropped.
pub struct Program {
    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub origin: String,
    child: Child,
    stderr: Option<JoinHandle<String>>,
    stdout: Receiver<String>,
}

impl Program {
    /// Starts a server, and waits until it says where it listens. Fails the test, with what it wrote, if it ends before.
    pub fn start(program: &str, folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Program {
        Program::start_command(command(program, folder, arguments))
    }

    /// As [`Program::start`], with a command line that is made already.
    pub fn start_command(mut command: Command) -> Program {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let stderr = child.stderr.take().map(gather);
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take().expect("a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut program = Program { origin: String::new(), child, stderr, stdout: lines };
        match program.stdout.recv_timeout(PATIENCE) {
            Ok(line) if line.starts_with(LISTENING) => line[LISTENING.len()..].clone_into(&mut program.origin),
            other => {
                program.kill();
                panic!("in place of where it listens, the server said {other:?} and {}", program.stderr());
            }
        }
        program
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, as an operator would.
    pub fn terminate(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("the id of the process");
        kill_process(id, Signal::TERM).expect("the process is there");
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the process is ours")
    }

    /// What it wrote on standard error, once it has ended.
    pub fn stderr(&mut self) -> String {
        self.stderr.take().map_or_else(String::new, |gathered| gathered.join().unwrap_or_default())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads along, so that the program never waits for a full pipe.
fn gather(mut stderr: ChildStderr) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until an error is all there is to tell.
        let _ = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
