//! `POST` of user groups with two policies each, over many connections, each of which waits for its answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::read_answer;

/// No answer may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// `portcullis-bench creates`.
#[derive(Args)]
pub struct Creates {
    /// Where the server listens, as `http://ADDR:PORT`
    #[arg(long)]
    url: String,
    /// Path to post to
    #[arg(long)]
    path: String,
    /// API token
    #[arg(long)]
    token: String,
    /// What `seed` printed: the policies of each group
    #[arg(long)]
    seed: PathBuf,
    /// How many connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How many user groups at most: an account has 10,000 at most
    #[arg(long)]
    count: u64,
    /// How many seconds at most
    #[arg(long)]
    seconds: u64,
}

/// What the connections share.
struct Work {
    address: String,
    /// The request up to its length.
    head: String,
    policies: String,
    next: AtomicU64,
    count: u64,
    end: Instant,
}

/// Creates user groups until either bound.
///
/// # Errors
/// On any answer but a success: a rate of failures is no measurement.
pub fn run(creates: Creates) -> anyhow::Result<()> {
    let seed: Value = serde_json::from_str(&std::fs::read_to_string(&creates.seed)?)?;
    let address = creates.url.strip_prefix("http://").context("--url must begin with http://")?.to_owned();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
        creates.path, creates.token
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut streams = Vec::with_capacity(creates.connections);
        for _ in 0..creates.connections {
            let stream = TcpStream::connect(&address).await.context("cannot connect")?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let begin = Instant::now();
        let work = Arc::new(Work {
            address,
            head,
            policies: seed["policies"].to_string(),
            next: AtomicU64::new(0),
            count: creates.count,
            end: begin + Duration::from_secs(creates.seconds),
        });
        let tasks: Vec<_> = streams.into_iter().map(|stream| tokio::spawn(connection(stream, work.clone()))).collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        report(&mut times, begin.elapsed())
    })
}

fn report(times: &mut [Duration], elapsed: Duration) -> anyhow::Result<()> {
    if times.is_empty() {
        bail!("nothing was created");
    }
    times.sort_unstable();
    let millis = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    let rate = times.len() as f64 / elapsed.as_secs_f64();
    println!("{} {rate:.1} {:.2} {:.2}", times.len(), millis(0.5), millis(0.99));
    Ok(())
}

/// One connection: create, wait for the answer, again. How long each took.
async fn connection(mut stream: TcpStream, work: Arc<Work>) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut answer = Vec::with_capacity(8192);
    while Instant::now() < work.end {
        let number = work.next.fetch_add(1, Ordering::Relaxed);
        if number >= work.count {
            break;
        }
        let name = json!(format!("group {number:08}"));
        let body = format!(r#"{{"name":{name},"policies":{}}}"#, work.policies);
        let request = format!("{}content-length: {}\r\n\r\n{body}", work.head, body.len());
        let start = Instant::now();
        let answered = async {
            stream.write_all(request.as_bytes()).await?;
            read_answer(&mut stream, &mut answer).await
        };
        let status = timeout(PATIENCE, answered).await.with_context(|| format!("no answer of {}", work.address))??;
        if !(200..300).contains(&status) {
            bail!("a create was answered {status}: {}", String::from_utf8_lossy(&answer));
        }
        times.push(start.elapsed());
    }
    Ok(times)
}
