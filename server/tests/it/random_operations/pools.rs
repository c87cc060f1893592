//! What names, addresses and domains sequences choose from: few, so that they meet again and again.

/// An id that no object has.
pub const NOWHERE: &str = "ffffffffffffffffffffffffffffffff";
/// Something in the place of an id that is none.
pub const NONSENSE: &str = "nonsense";

/// Texts that are one name, with how it is shown and what it is compared by; `None` for no name at all.
pub type Name = (&'static str, Option<(&'static str, &'static str)>);

pub const NAMES: [Name; 12] = [
    ("Staff", Some(("Staff", "staff"))),
    ("Ops", Some(("Ops", "ops"))),
    (" sTAFF ", Some(("sTAFF", "staff"))),
    ("ops", Some(("ops", "ops"))),
    ("Staff of \u{c9}cole", Some(("Staff of \u{c9}cole", "staff of \u{e9}cole"))),
    ("staff of e\u{301}COLE", Some(("staff of e\u{301}COLE", "staff of \u{e9}cole"))),
    ("Auditors", Some(("Auditors", "auditors"))),
    ("Banned 100%", Some(("Banned 100%", "banned 100%"))),
    ("com.cloudflare.own", Some(("com.cloudflare.own", "com.cloudflare.own"))),
    ("  ", None),
    ("bell\u{7}", None),
    ("long", None),
];

/// The text of a name; one is too long to be written out.
pub fn name_text(name: &Name) -> String {
    if name.0 == "long" { "x".repeat(256) } else { name.0.to_owned() }
}

/// Text that is no address.
pub const NO_ADDRESS: &str = "no address";

/// Addresses; the first five are users.
pub const EMAILS: [&str; 12] = [
    "admin@example.com",
    "second@example.com",
    "reader@example.com",
    "plain@example.com",
    "uma@example.org",
    "nobody@example.com",
    "Zoe@Example.org",
    "zoe@example.org",
    "UMA@example.org",
    "ben@example.com",
    "Cleo@example.net",
    "dora@example.net",
];

pub const ZONES: [(&str, Option<&str>); 6] = [
    ("example.com", Some("example.com")),
    ("Shop.Example.com.", Some("shop.example.com")),
    ("b\u{fc}cher.example", Some("xn--bcher-kva.example")),
    ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
    ("localhost", None),
    ("two words.example", None),
];

pub const DOMAINS: [(&str, Option<&str>); 8] = [
    ("example.com", Some("example.com")),
    ("Example.COM.", Some("example.com")),
    ("example.org", Some("example.org")),
    ("sub.example.org", Some("sub.example.org")),
    ("gmail.com", None),
    ("co.uk", None),
    ("somebody@example.com", None),
    ("localhost", None),
];
