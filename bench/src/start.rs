//! From the start of the process to the first answer that needs the data.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

/// A start, and a shutdown, may take no longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// `portcullis-bench start`.
#[derive(Args)]
pub struct Start {
    /// The program
    #[arg(long)]
    server: PathBuf,
    /// The database, as the server takes it
    #[arg(long)]
    database: String,
    /// API token
    #[arg(long)]
    token: String,
    /// Path to ask for
    #[arg(long)]
    path: String,
    /// Where the server's output goes
    #[arg(long)]
    log: PathBuf,
    /// How often
    #[arg(long, default_value_t = 5)]
    times: u32,
}

/// Starts, asks until the answer is 200, and ends the server in good order, again and again.
///
/// # Errors
/// When the server does not answer within 30 seconds.
pub fn run(start: &Start) -> anyhow::Result<()> {
    for _ in 0..start.times {
        let address = free_address()?;
        let begin = Instant::now();
        let mut server = Server(serve(start, address)?);
        while !is_answered(start, address) {
            if let Some(status) = server.0.try_wait()? {
                bail!("the server ended ({status}); see {}", start.log.display());
            }
            if begin.elapsed() > PATIENCE {
                bail!("no answer within {PATIENCE:?}; see {}", start.log.display());
            }
            sleep(Duration::from_micros(500));
        }
        println!("{:.1}", begin.elapsed().as_secs_f64() * 1e3);
        server.end()?;
    }
    Ok(())
}

/// The server must be asked from its first moment on, so its port is chosen here and not by itself.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn serve(start: &Start, address: SocketAddr) -> anyhow::Result<Child> {
    let log = File::create(&start.log)?;
    let mut command = Command::new(&start.server);
    command.args([
        "serve",
        "--listen",
        &address.to_string(),
        "--database",
        &start.database,
        "--auth-failure-limit",
        "off",
        "--rate-limit",
        "off",
        "--rate-limit-per-address",
        "off",
    ]);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    command.spawn().with_context(|| format!("cannot start `{}`", start.server.display()))
}

/// Whether one request is answered with 200. Nobody listens at first, so errors are expected.
fn is_answered(start: &Start, address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (path, token) = (&start.path, &start.token);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// A running server, which does not outlive this program.
struct Server(Child);

impl Server {
    /// Asks it to end, and waits until it has.
    fn end(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        let begin = Instant::now();
        while self.0.try_wait()?.is_none() {
            if !asked.success() || begin.elapsed() > PATIENCE {
                bail!("the server did not end");
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
