//! The little of HTTP/1.1 that a load needs: a whole client would take more of the processors than the server.

use anyhow::{Context, bail};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Reads one whole answer into `answer`, and gives its status.
///
/// # Errors
/// When the connection ends before, or the answer does not say its length.
pub async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<u16> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            bail!("the server closed the connection");
        }
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let (status, length) = parse_head(std::str::from_utf8(&answer[..end])?)?;
        let whole = end + 4 + length;
        while answer.len() < whole {
            if stream.read_buf(answer).await? == 0 {
                bail!("the server closed the connection within an answer");
            }
        }
        return Ok(status);
    }
}

/// The status and the length of the body.
fn parse_head(head: &str) -> anyhow::Result<(u16, usize)> {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("an answer has no status")?;
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.context("an answer does not say its length")?;
    Ok((status.parse()?, length.trim().parse()?))
}
