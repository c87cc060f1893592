//! Names and addresses, checked once at the door.

use std::sync::Arc;

use crate::problem::{FaultKind, Problem};

/// What a name is compared by: trimmed, NFC, full case folding (D22, D40). Sorts as lists are sorted (D77).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey(pub Arc<str>);

impl NameKey {
    /// The key of any text.
    pub fn of(text: &str) -> NameKey {
        let text = text.trim();
        if text.is_ascii() {
            return NameKey(text.to_ascii_lowercase().into());
        }
        let normalizer = icu_normalizer::ComposingNormalizerBorrowed::new_nfc();
        let composed = normalizer.normalize(text);
        let folded = icu_casemap::CaseMapper::new().fold_string(&composed);
        NameKey(normalizer.normalize(&folded).into())
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a user group or resource group: 1 to 255 characters after trimming, no control characters (D22, D40).
///
/// # Errors
/// [`FaultKind::Name`] at `pointer`.
pub fn group_name(name: &str, pointer: &str) -> Result<Box<str>, Problem> {
    let name = name.trim();
    let refuse = |message: String| Err(Problem::at(FaultKind::Name, pointer, message));
    match name.chars().count() {
        0 => refuse("name must not be empty".to_owned()),
        256.. => refuse("name must have at most 255 characters".to_owned()),
        _ if name.chars().any(char::is_control) => refuse("name must not have control characters".to_owned()),
        _ => Ok(name.into()),
    }
}

/// An e-mail address as given, at most 90 characters (D33).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Email(Box<str>);

impl Email {
    /// Checks the shape `local@domain`.
    ///
    /// # Errors
    /// [`FaultKind::Invalid`] at `pointer`.
    pub fn parse(text: &str, pointer: &str) -> Result<Email, Problem> {
        let refuse = |message: &str| Err(Problem::at(FaultKind::Invalid, pointer, message));
        let text = text.trim();
        if text.chars().count() > 90 {
            return refuse("email must have at most 90 characters");
        }
        let Some((local, domain)) = text.rsplit_once('@') else {
            return refuse("email must be an address such as `user@example.com`");
        };
        let plain = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control());
        if !plain(local) || local.contains('@') || !plain(domain) || idna::domain_to_ascii_strict(domain).is_err() {
            return refuse("email must be an address such as `user@example.com`");
        }
        Ok(Email(text.into()))
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What addresses are compared by: without regard to case (D33).
    pub fn key(&self) -> NameKey {
        NameKey::of(&self.0)
    }
}

/// An e-mail domain of a connector: lower-case A-labels, not a public suffix (D60).
///
/// # Errors
/// [`FaultKind::Invalid`] at `pointer`, saying what is wrong.
pub fn email_domain(text: &str, pointer: &str) -> Result<Box<str>, Problem> {
    let refuse = |message: String| Err(Problem::at(FaultKind::Invalid, pointer, message));
    if text.contains('@') {
        return refuse(format!("email_domain must be the part after the `@`, such as `example.com`, not `{text}`"));
    }
    let trimmed = text.trim().trim_end_matches('.');
    let Ok(domain) = idna::domain_to_ascii_strict(trimmed) else {
        return refuse(format!("email_domain `{text}` is not a domain name such as `example.com`"));
    };
    if domain.is_empty() || !domain.contains('.') || domain.len() > 253 || is_address(&domain) {
        return refuse(format!("email_domain `{text}` is not a domain name such as `example.com`"));
    }
    if psl::suffix_str(&domain).is_some_and(|suffix| suffix == domain) {
        return refuse(format!("email_domain `{domain}` is a public suffix; use a domain that you registered"));
    }
    Ok(domain.into())
}

/// The name of a zone: a domain of at least two labels, as lower-case A-labels.
///
/// # Errors
/// [`FaultKind::Invalid`] at `pointer`.
pub fn zone_name(text: &str, pointer: &str) -> Result<Box<str>, Problem> {
    match idna::domain_to_ascii_strict(text.trim().trim_end_matches('.')) {
        Ok(domain) if domain.contains('.') && domain.len() <= 253 && !is_address(&domain) => Ok(domain.into()),
        _ => Err(Problem::at(
            FaultKind::Invalid,
            pointer,
            format!("name `{text}` is not a domain such as `example.com`"),
        )),
    }
}

/// No domain ends in a number: that is what tells it from an IPv4 address (RFC 3696, section 2).
fn is_address(domain: &str) -> bool {
    domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_or_composition_are_one() {
        assert_eq!(NameKey::of("  Staff "), NameKey::of("sTAFF"));
        assert_eq!(NameKey::of("Caf\u{e9}"), NameKey::of("cafe\u{301}"));
        assert_eq!(NameKey::of("STRASSE"), NameKey::of("stra\u{df}e"));
        assert_ne!(NameKey::of("staff"), NameKey::of("staff2"));
    }

    #[test]
    fn an_email_domain_is_normalised_or_refused() {
        assert_eq!(&*email_domain("Example.COM.", "/email_domain").unwrap(), "example.com");
        assert_eq!(&*email_domain("b\u{fc}cher.example", "/email_domain").unwrap(), "xn--bcher-kva.example");
        for bad in ["", "com", "co.uk", "a@b.com", "ex ample.com", "-x.com", "localhost", "192.0.2.1"] {
            assert!(email_domain(bad, "/email_domain").is_err(), "{bad}");
        }
    }

    #[test]
    fn an_email_needs_a_local_part_and_a_domain() {
        assert!(Email::parse("user@example.com", "/email").is_ok());
        for bad in ["", "user", "@example.com", "user@", "a b@example.com", "a@b@c.com"] {
            assert!(Email::parse(bad, "/email").is_err(), "{bad}");
        }
    }
}
