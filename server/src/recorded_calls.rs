//! Calls as they were recorded: lines of `METHOD path`, or a HAR file (HTTP Archive 1.2) as browsers and proxies write it.
//! Only what was asked counts; times, headers and answers are not looked at.

use catalog::{Method, MethodError};
use model::problem::{FaultKind, Faults};

use crate::wire::json::Input;

/// The most calls that are taken at once.
pub const MOST_CALLS: usize = 10_000;

/// One recorded call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCall {
    /// The method.
    pub method: Method,
    /// The path, or a whole URL.
    pub url: String,
}

impl std::fmt::Display for RecordedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// Why a text is not a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACall {
    /// It does not consist of a method and a path.
    #[error("`{0}` is not a call: it must be a method and a path, such as `GET /zones`, and nothing else")]
    Shape(String),
    /// It begins with something else.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// What follows the method is neither a path nor a URL.
    #[error("`{0}` is not a path: it must begin with `/`, `http://` or `https://`")]
    Path(String),
}

/// What is wrong with some lines, each with its number, the first line being 1.
pub type LineFaults = Vec<(usize, NotACall)>;

impl RecordedCall {
    /// Reads `METHOD path`, with or without ` HTTP/1.1` after it, as in the first line of a request.
    ///
    /// # Errors
    /// [`NotACall`].
    pub fn parse(text: &str) -> Result<RecordedCall, NotACall> {
        let mut words = text.split_ascii_whitespace();
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(method), Some(url), version, None) if version.is_none_or(|version| version.starts_with("HTTP/")) => {
                RecordedCall::of(method, url)
            }
            _ => Err(NotACall::Shape(shortened(text.trim()))),
        }
    }

    fn of(method: &str, url: &str) -> Result<RecordedCall, NotACall> {
        let method = method.parse().map_err(|MethodError(text)| MethodError(shortened(&text).into()))?;
        if !["/", "http://", "https://"].iter().any(|start| url.starts_with(start)) {
            return Err(NotACall::Path(shortened(url)));
        }
        Ok(RecordedCall { method, url: url.to_owned() })
    }

    /// The call without its query: what it asks for, whatever page of it.
    pub fn without_query(&self) -> RecordedCall {
        let url = self.url.split(['?', '#']).next().unwrap_or_default().to_owned();
        RecordedCall { method: self.method, url }
    }
}

/// Reads lines of `METHOD path`. Empty lines and those that begin with `#` are left out.
///
/// # Errors
/// Every line that is none, at most 20 (D71).
pub fn read_lines(text: &str) -> Result<Vec<RecordedCall>, LineFaults> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#'));
    let (mut calls, mut faults) = (Vec::new(), LineFaults::new());
    for (at, line) in lines {
        match RecordedCall::parse(line) {
            Ok(call) => calls.push(call),
            Err(fault) if faults.len() < 20 => faults.push((at + 1, fault)),
            Err(_) => break,
        }
    }
    if faults.is_empty() { Ok(calls) } else { Err(faults) }
}

/// What a HAR file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Har {
    /// Its calls, in order.
    pub calls: Vec<RecordedCall>,
    /// How many entries are of another place than `base_url`.
    pub left_out: usize,
}

/// Reads the requests of a HAR file. With a base URL, such as `https://api.example.com/client/v4`, entries of other places
/// are left out, and of the others only what follows it counts.
pub fn read_har(input: &Input<'_>, base_url: Option<&str>, faults: &mut Faults) -> Har {
    let mut har = Har::default();
    let Some(entries) = input.required("log", faults).and_then(|log| log.required("entries", faults)) else {
        return har;
    };
    let calls = entries.array(faults, |entry, faults| {
        let request = entry.required("request", faults)?;
        let (method, url) = (request.required("method", faults), request.required("url", faults));
        let (method, url) = (method?, url?);
        let (method_text, url_text) = (method.text(faults), url.text(faults));
        if !method.is_text() || !url.is_text() {
            return None;
        }
        let Some(url_text) = base_url.map_or(Some(url_text), |base_url| below(base_url, url_text)) else {
            har.left_out += 1;
            return None;
        };
        match RecordedCall::of(method_text, url_text) {
            Ok(call) => Some(call),
            Err(fault) => {
                let place = if matches!(fault, NotACall::Method(_)) { &method } else { &url };
                faults.push(FaultKind::Invalid, place.pointer(), fault.to_string());
                None
            }
        }
    });
    har.calls = calls.into_iter().flatten().collect();
    har
}

/// What follows the base URL. Letters of scheme and host are the same in both cases.
fn below<'u>(base_url: &str, url: &'u str) -> Option<&'u str> {
    let base_url = base_url.trim_end_matches('/');
    let host = base_url.find("://").map_or(0, |at| at + 3);
    let host = base_url[host..].find('/').map_or(base_url.len(), |at| host + at);
    let (origin, path) = base_url.split_at(host);
    let same = url.get(..host).is_some_and(|start| start.eq_ignore_ascii_case(origin));
    let rest = url.get(host..).filter(|_| same)?.strip_prefix(path)?;
    match rest.as_bytes().first() {
        None => Some("/"),
        Some(b'/') => Some(rest),
        Some(_) => None,
    }
}

/// Enough of a text to find it by.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json;

    fn call(method: Method, url: &str) -> RecordedCall {
        RecordedCall { method, url: url.to_owned() }
    }

    #[test]
    fn lines_are_read_and_comments_left_out() {
        let text = "# what the script does\nGET /zones?page=1\r\n\n  POST\thttps://x/client/v4/zones HTTP/1.1\n#end";
        let expected = vec![call(Method::Get, "/zones?page=1"), call(Method::Post, "https://x/client/v4/zones")];
        assert_eq!(read_lines(text), Ok(expected));
        assert_eq!(read_lines(""), Ok(vec![]));
    }

    #[test]
    fn lines_that_are_no_calls_are_told_by_their_numbers() {
        let text = "GET /a\n\n[12:00] GET /b\nget /c\nGET c\nGET\nGET /d e";
        let told: Vec<String> =
            read_lines(text).unwrap_err().into_iter().map(|(line, fault)| format!("{line}: {fault}")).collect();
        assert_eq!(
            told,
            [
                "3: `[12:00] GET /b` is not a call: it must be a method and a path, such as `GET /zones`, and nothing else",
                "4: `get` is not a method: it must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
                "5: `c` is not a path: it must begin with `/`, `http://` or `https://`",
                "6: `GET` is not a call: it must be a method and a path, such as `GET /zones`, and nothing else",
                "7: `GET /d e` is not a call: it must be a method and a path, such as `GET /zones`, and nothing else",
            ]
        );
        assert_eq!(read_lines(&"x\n".repeat(50)).unwrap_err().len(), 20);
        assert!(read_lines(&"é".repeat(500)).unwrap_err()[0].1.to_string().len() < 300);
    }

    fn har(text: &str, base_url: Option<&str>) -> Result<Har, String> {
        let parsed = json::read(text.as_bytes(), |input, faults| Some(read_har(input, base_url, faults)));
        let told = |problem: model::problem::Problem| {
            let faults = problem.faults().iter();
            faults
                .map(|fault| format!("{}: {}", fault.pointer.as_deref().unwrap_or_default(), fault.message))
                .collect::<Vec<_>>()
                .join("\n")
        };
        parsed.and_then(json::Parsed::into_valid).map_err(told)
    }

    fn entries(requests: &str) -> String {
        format!(r#"{{"log": {{"version": "1.2", "creator": {{"name": "x"}}, "entries": [{requests}]}}}}"#)
    }

    #[test]
    fn a_har_file_gives_its_requests() {
        let text = entries(
            r#"{"startedDateTime": "2026-01-01", "time": 1.5, "request": {"method": "GET", "url": "https://API.x/client/v4/zones?page=1", "headers": []}, "response": {}},
               {"request": {"method": "GET", "url": "https://api.x/client/v4x/zones"}},
               {"request": {"method": "GET", "url": "https://fonts.x/font"}},
               {"request": {"method": "DELETE", "url": "https://api.x/client/v4/zones/1"}}"#,
        );
        let all = har(&text, None).unwrap();
        assert_eq!((all.calls.len(), all.left_out), (4, 0));
        for base_url in ["https://api.x/client/v4", "https://Api.X/client/v4/"] {
            let expected = vec![call(Method::Get, "/zones?page=1"), call(Method::Delete, "/zones/1")];
            assert_eq!(har(&text, Some(base_url)), Ok(Har { calls: expected, left_out: 2 }), "{base_url}");
        }
    }

    #[test]
    fn what_is_no_har_file_is_told_by_its_place() {
        let cases = [
            ("{}".to_owned(), "/log: log must be present"),
            (r#"{"log": []}"#.to_owned(), "/log: log must be an object, not an array"),
            (r#"{"log": {"entries": 1}}"#.to_owned(), "/log/entries: entries must be an array, not a number"),
            (entries("1"), "/log/entries/0: 0 must be an object, not a number"),
            (entries("{}"), "/log/entries/0/request: request must be present"),
            (
                entries(r#"{"request": {}}"#),
                "/log/entries/0/request/method: method must be present\n/log/entries/0/request/url: url must be present",
            ),
            (
                entries(r#"{"request": {"method": 1, "url": "/x"}}"#),
                "/log/entries/0/request/method: method must be a string, not a number",
            ),
            (
                entries(r#"{"request": {"method": "BREW", "url": "/x"}}"#),
                "/log/entries/0/request/method: `BREW` is not a method: it must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            ),
            (
                entries(r#"{"request": {"method": "GET", "url": "data:x"}}"#),
                "/log/entries/0/request/url: `data:x` is not a path: it must begin with `/`, `http://` or `https://`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(har(&text, None), Err(expected.to_owned()), "{text}");
        }
    }
}
