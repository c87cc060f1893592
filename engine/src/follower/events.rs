//! Server-sent events, as far as a stream of commits has them.

use std::io::{self, BufRead};

/// Reads events, and hands the data of each commit over until that says to stop.
///
/// # Errors
/// Those of the connection and of `take`.
pub fn read<E: From<io::Error>>(
    mut lines: impl BufRead,
    mut take: impl FnMut(&str) -> Result<bool, E>,
) -> Result<(), E> {
    let (mut line, mut data, mut is_commit) = (String::new(), String::new(), false);
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let text = line.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            // What broke off before its empty line is no event.
            if is_commit && !take(&data)? {
                return Ok(());
            }
            (is_commit, data) = (false, String::new());
        } else if let Some(rest) = text.strip_prefix("data:") {
            if !data.is_empty() {
                data.push('\n');
            }
            data.push_str(rest.strip_prefix(' ').unwrap_or(rest));
        } else if let Some(name) = text.strip_prefix("event:") {
            is_commit = name.trim_start() == "commit";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str, most: usize) -> Vec<String> {
        let mut taken = Vec::new();
        read(text.as_bytes(), |data| {
            taken.push(data.to_owned());
            Ok::<_, io::Error>(taken.len() < most)
        })
        .unwrap();
        taken
    }

    #[test]
    fn commits_are_taken_and_all_else_is_passed_over() {
        let text = ": hello\n\nid: 7\nevent: commit\ndata: {\"a\":\ndata: 1}\n\nevent: other\ndata: 2\n\r\nevent: commit\r\ndata:3\r\n\r\n";
        assert_eq!(taken(text, 9), ["{\"a\":\n1}", "3"]);
        assert_eq!(taken(text, 1), ["{\"a\":\n1}"]);
    }

    #[test]
    fn what_broke_off_is_no_event() {
        assert_eq!(taken("event: commit\ndata: 1\n\nevent: commit\ndata: 2\n", 9), ["1"]);
    }
}
