//! Where clients reach this server: what links and metadata begin with.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use http::Uri;

/// An absolute URL without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    // INVARIANT: `http://` or `https://`, a host, maybe a port; the path is empty or begins with a slash and does not end
    // with one.
    origin: String,
    path: String,
}

/// The text is no URL that clients can reach a server at.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` must be an http or https URL such as `https://iam.example.com`, without user, query or fragment")]
pub struct NotAPublicUrl(String);

impl PublicUrl {
    /// The server at an address, by plain HTTP.
    pub fn of_address(address: SocketAddr) -> PublicUrl {
        PublicUrl { origin: format!("http://{address}"), path: String::new() }
    }

    /// The path, empty if it has none.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl FromStr for PublicUrl {
    type Err = NotAPublicUrl;

    fn from_str(text: &str) -> Result<PublicUrl, NotAPublicUrl> {
        let none = || NotAPublicUrl(text.to_owned());
        // The parser of the library drops a fragment.
        if text.contains(['#', '?', '@', '\\']) {
            return Err(none());
        }
        let url: Uri = text.parse().map_err(|_| none())?;
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else { return Err(none()) };
        if !["http", "https"].contains(&scheme) || authority.host().is_empty() {
            return Err(none());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(PublicUrl { origin: format!("{scheme}://{authority}"), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_absolute_and_ends_without_a_slash() {
        let parse = |text: &str| text.parse::<PublicUrl>().map(|url| url.to_string()).ok();
        assert_eq!(parse("https://iam.example.com/").as_deref(), Some("https://iam.example.com"));
        assert_eq!(parse("http://127.0.0.1:8787").as_deref(), Some("http://127.0.0.1:8787"));
        assert_eq!(parse("https://[2001:db8::1]:8443/iam//").as_deref(), Some("https://[2001:db8::1]:8443/iam"));
        for none in [
            "",
            "iam.example.com",
            "/iam",
            "ftp://iam.example.com",
            "https://",
            "https://a@b",
            "https://a/?b",
            "https://a#b",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
        assert_eq!(PublicUrl::of_address(([127, 0, 0, 1], 80).into()).to_string(), "http://127.0.0.1:80");
    }
}
