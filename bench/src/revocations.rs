//! How long after a token is deleted on one node another node refuses it.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::http::read_answer;

/// No revocation may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// `portcullis-bench revocations`.
#[derive(Args)]
pub struct Revocations {
    /// Where the node listens that makes and deletes tokens, as `http://ADDR:PORT`
    #[arg(long)]
    here: String,
    /// Where the other node listens
    #[arg(long)]
    there: String,
    /// The account
    #[arg(long)]
    account: String,
    /// An API token that may manage tokens
    #[arg(long)]
    token: String,
    /// How many tokens
    #[arg(long, default_value_t = 500)]
    count: usize,
}

/// A connection to a node.
struct Node {
    stream: TcpStream,
    address: String,
}

impl Node {
    async fn connect(url: &str) -> anyhow::Result<Node> {
        let address = url.strip_prefix("http://").context("a URL must begin with http://")?.to_owned();
        let stream = TcpStream::connect(&address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Node { stream, address })
    }

    async fn ask(&mut self, method: &str, path: &str, token: &str, body: &str) -> anyhow::Result<(u16, Value)> {
        let request = format!(
            "{method} /client/v4{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let status = read_answer(&mut self.stream, &mut answer).await?;
        let text = String::from_utf8_lossy(&answer);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok((status, serde_json::from_str(body).unwrap_or_default()))
    }
}

/// Prints how many, then p50, p99 and the longest in milliseconds.
///
/// # Errors
/// When a node does not answer as it should, or a revocation takes too long.
pub fn run(revocations: &Revocations) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut times = runtime.block_on(measure(revocations))?;
    ensure!(!times.is_empty(), "nothing was measured");
    times.sort_unstable();
    let millis = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("{} {:.2} {:.2} {:.2}", times.len(), millis(0.5), millis(0.99), millis(1.0));
    Ok(())
}

async fn measure(revocations: &Revocations) -> anyhow::Result<Vec<Duration>> {
    let (mut here, mut there) = (Node::connect(&revocations.here).await?, Node::connect(&revocations.there).await?);
    let account = &revocations.account;
    let tokens = format!("/accounts/{account}/tokens");
    let named = format!("{tokens}/permission_groups?name=Account%20Settings%20Read");
    let (_, groups) = here.ask("GET", &named, &revocations.token, "").await?;
    let policy = json!({
        "effect": "allow",
        "permission_groups": [{"id": groups["result"][0]["id"]}],
        "resources": {format!("com.cloudflare.api.account.{account}"): "*"},
    });
    let list = format!("/accounts/{account}/iam/user_groups?per_page=1");
    let mut times = Vec::new();
    for number in 0..revocations.count {
        let body = json!({"name": format!("token {number}"), "policies": [policy]}).to_string();
        let (status, made) = here.ask("POST", &tokens, &revocations.token, &body).await?;
        let (Some(id), Some(secret)) = (made["result"]["id"].as_str(), made["result"]["value"].as_str()) else {
            bail!("a token could not be made: {status} {made}");
        };
        let (status, _) = there.ask("GET", &list, secret, "").await?;
        ensure!(status == 200, "the other node answered {status} to a new token");
        let (status, _) = here.ask("DELETE", &format!("{tokens}/{id}"), &revocations.token, "").await?;
        ensure!(status == 200, "a token could not be deleted: {status}");
        // From the acknowledgement on.
        let start = Instant::now();
        while there.ask("GET", &list, secret, "").await?.0 != 403 {
            ensure!(start.elapsed() < PATIENCE, "a deleted token was let in for {PATIENCE:?}");
        }
        times.push(start.elapsed());
    }
    Ok(times)
}
