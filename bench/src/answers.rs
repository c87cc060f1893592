//! Asks each question of a file over HTTP, and compares the answers: a rate of wrong answers is no measurement.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::read_answer;

/// No answer may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// `portcullis-bench answers`.
#[derive(Args)]
pub struct Answers {
    /// Where the server listens, as `http://ADDR:PORT`
    #[arg(long)]
    url: String,
    /// Path to post to
    #[arg(long)]
    path: String,
    /// API token, if it wants one
    #[arg(long)]
    token: Option<String>,
    /// The bodies, one a line
    #[arg(long)]
    bodies: PathBuf,
    /// `true` or `false` for each question, one a line, in the order of the bodies
    #[arg(long)]
    expected: PathBuf,
    /// What stands in an answer for each question that is allowed
    #[arg(long)]
    yes: String,
    /// What stands in an answer for each question that is not
    #[arg(long)]
    no: String,
    /// How many bodies at most
    #[arg(long)]
    most: usize,
}

/// Asks one after the other.
///
/// # Errors
/// The first answer that is wrong, or no success.
pub fn run(answers: &Answers) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(ask(answers))?;
    println!("{asked}");
    Ok(())
}

async fn ask(answers: &Answers) -> anyhow::Result<usize> {
    let address = answers.url.strip_prefix("http://").context("--url must begin with http://")?;
    let token = answers.token.as_ref().map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let bodies = fs::read_to_string(&answers.bodies)?;
    let expected = fs::read_to_string(&answers.expected)?;
    let mut expected = expected.lines();
    let mut stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let (mut answer, mut asked) = (Vec::new(), 0);
    for body in bodies.lines().take(answers.most) {
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: {address}\r\n{token}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            answers.path,
            body.len()
        );
        let answered = async {
            stream.write_all(request.as_bytes()).await?;
            read_answer(&mut stream, &mut answer).await
        };
        let status = timeout(PATIENCE, answered).await.context("no answer")??;
        let text = String::from_utf8_lossy(&answer);
        if status != 200 {
            bail!("`{body}` was answered {status}: {text}");
        }
        for told in decisions(&text, &answers.yes, &answers.no) {
            let right = expected.next().context("there are more answers than questions")?;
            ensure!(told.to_string() == right, "question {asked} was answered {told}: `{body}`");
            asked += 1;
        }
    }
    ensure!(asked > 0, "nothing was asked");
    Ok(asked)
}

/// The decisions in the text, in their order.
fn decisions<'a>(text: &'a str, yes: &'a str, no: &'a str) -> impl Iterator<Item = bool> + 'a {
    let mut found: Vec<(usize, bool)> = text.match_indices(yes).map(|(at, _)| (at, true)).collect();
    found.extend(text.match_indices(no).map(|(at, _)| (at, false)));
    found.sort_unstable();
    found.into_iter().map(|(_, told)| told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_found_in_their_order() {
        let text = r#"{"evaluations":[{"decision":true},{"decision":false},{"decision":true}]}"#;
        let found: Vec<bool> = decisions(text, r#""decision":true"#, r#""decision":false"#).collect();
        assert_eq!(found, [true, false, true]);
        assert_eq!(decisions("{}", "yes", "no").count(), 0);
    }
}
