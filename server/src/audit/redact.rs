//! What of a document or a body may stand in an audit (D84): what is on the list below. Everything else is there, so that one sees
//! that it was, but its value is not. So a field that somebody adds tomorrow is hidden until somebody decides that it may be seen.

use serde_json::{Map, Value};

/// What takes the place of a value.
pub const REDACTED: &str = "[redacted]";

/// Fields whose values may be seen: settings, names, ids and times. Never add one that can hold a credential, the text of a message,
/// a header, or anything else that is secret to its owner.
const SHOWN: &[&str] = &[
    // Of all objects.
    "id",
    "name",
    "type",
    "kind",
    "status",
    "enabled",
    "description",
    "created_on",
    "modified_on",
    "updated_on",
    "shown",
    // Policies and what they name.
    "policies",
    "access",
    "effect",
    "permission_groups",
    "resource_groups",
    "resources",
    "scope",
    "objects",
    "key",
    "parent",
    "meta",
    "roles",
    "member",
    "group",
    "account",
    "label",
    // Members and users.
    "email",
    "user",
    "standing",
    "pending",
    "accepted",
    "rejected",
    "invited_on",
    "since",
    "rejected_on",
    "expires_on",
    "profile",
    "first_name",
    "last_name",
    "two_factor",
    "email_verified",
    "operator",
    "country",
    "telephone",
    "zipcode",
    "api_access",
    "api_access_enabled",
    // Accounts.
    "settings",
    "enforce_twofactor",
    "abuse_contact_email",
    "deleted_on",
    "token_put_strict",
    "default_nameservers",
    // Tokens: all but the secret and its digest.
    "condition",
    "request_ip",
    "request.ip",
    "in",
    "not_in",
    "within",
    "not_before",
    "issued_on",
    "last_used_on",
    // SSO connectors: all but the code, which proves the domain.
    "email_domain",
    "use_fedramp_language",
    "verification",
    "awaiting",
    "verified",
    "failed",
    "deadline",
    "begin_verification",
    "lapsed",
];

/// Fields of resource keys: any other text in them is hidden, since clients call many things a key.
const RESOURCE_KEYS: &[&str] = &["key", "objects", "parent"];
/// Objects whose keys are data: resource keys and what they map to.
const KEYED_BY_RESOURCES: &[&str] = &["resources"];

/// How deep an object is looked into. What lies deeper is not shown.
const DEEPEST: usize = 12;
/// Texts that are longer are cut: a name of a megabyte would be kept for ever.
const LONGEST_TEXT: usize = 512;
/// The most entries of an array or object of a body that are kept.
const MOST_ENTRIES: usize = 256;

/// The value with everything hidden that may not be seen.
pub fn redacted(value: &Value) -> Value {
    shown(value, 0)
}

fn shown(value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(_) | Value::Array(_) if depth >= DEEPEST => hidden(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match SHOWN.contains(&name.as_str()) {
                true if RESOURCE_KEYS.contains(&name.as_str()) => (name.clone(), resource_keys(value, depth + 1)),
                true if KEYED_BY_RESOURCES.contains(&name.as_str()) => (name.clone(), keyed(value, depth + 1)),
                true => (name.clone(), shown(value, depth + 1)),
                // The name of an unknown field may be data too.
                false => (named(name), hidden()),
            };
            Value::Object(fields.iter().take(MOST_ENTRIES).map(field).collect())
        }
        Value::Array(items) => items.iter().take(MOST_ENTRIES).map(|item| shown(item, depth + 1)).collect(),
        Value::String(text) => Value::String(cut(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A resource key, several, or objects that have one.
fn resource_keys(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) if !is_resource_key(text) => hidden(),
        Value::Array(items) => items.iter().take(MOST_ENTRIES).map(|item| resource_keys(item, depth + 1)).collect(),
        other => shown(other, depth),
    }
}

fn is_resource_key(text: &str) -> bool {
    text == "*" || text.starts_with("com.")
}

/// An object from resource keys to `"*"`, or to such an object again.
fn keyed(value: &Value, depth: usize) -> Value {
    let Value::Object(fields) = value else { return shown(value, depth) };
    if depth >= DEEPEST {
        return hidden();
    }
    let field = |(name, value): (&String, &Value)| match is_resource_key(name) {
        true => (cut(name), keyed(value, depth + 1)),
        false => (named(name), hidden()),
    };
    fields.iter().take(MOST_ENTRIES).map(field).collect::<Map<_, _>>().into()
}

fn hidden() -> Value {
    Value::String(REDACTED.to_owned())
}

/// A name such as programs give; any other is hidden.
fn named(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.';
    match name.len() <= 40 && name.bytes().all(is_plain) {
        true => name.to_owned(),
        false => REDACTED.to_owned(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

/// A path without anything that is neither a word nor an id.
pub fn redacted_path(path: &str) -> String {
    let segment = |segment: &str| {
        let is_word = segment.len() <= 40 && segment.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let is_number = segment.len() <= 20 && segment.bytes().all(|byte| byte.is_ascii_digit());
        let is_id =
            matches!(segment.len(), 32 | 36) && segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let is_version = segment == "v1" || segment == "v2";
        let is_key = segment.starts_with("com.cloudflare.") && segment.len() <= 255;
        match is_word || is_number || is_id || is_version || is_key {
            true => segment.to_owned(),
            false => REDACTED.to_owned(),
        }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_on_the_list_is_seen() {
        let body = json!({
            "name": "deploy", "value": "cfut_secret", "policies": [{ "effect": "allow", "resources": { "com.cloudflare.api.account.1": "*", "password=x": "*" } }],
            "member": { "digest": "00ff", "id": "1" }, "NEW Field": 1, "other_field": { "name": "inside" }, "token": "secret",
            "key": "secret", "scope": { "key": "com.cloudflare.api.account.1", "objects": [{ "key": "*" }, "secret"] },
        });
        let expected = json!({
            "name": "deploy", "value": REDACTED, "policies": [{ "effect": "allow", "resources": { "com.cloudflare.api.account.1": "*", REDACTED: REDACTED } }],
            "member": { "digest": REDACTED, "id": "1" }, REDACTED: REDACTED, "other_field": REDACTED, "token": REDACTED,
            "key": REDACTED, "scope": { "key": "com.cloudflare.api.account.1", "objects": [{ "key": "*" }, REDACTED] },
        });
        assert_eq!(redacted(&body), expected);
    }

    #[test]
    fn deep_and_long_input_stays_small() {
        let mut deep = json!("end");
        for _ in 0..100 {
            deep = json!({ "policies": [deep] });
        }
        assert!(redacted(&deep).to_string().len() < 400);
        assert_eq!(redacted(&json!({ "name": "x".repeat(10_000) }))["name"].as_str().unwrap().len(), LONGEST_TEXT);
        assert_eq!(redacted(&json!(vec![1; 10_000])).as_array().unwrap().len(), MOST_ENTRIES);
    }

    #[test]
    fn nothing_that_could_be_secret_is_on_the_list() {
        for name in SHOWN {
            for secret in ["secret", "digest", "password", "value", "cookie", "header", "api_key", "hash"] {
                assert!(!name.contains(secret), "{name}");
            }
        }
    }

    #[test]
    fn a_path_keeps_words_and_ids() {
        let id = "0123456789abcdef0123456789abcdef";
        let path = format!("/accounts/{id}/iam/commits/17/revert");
        assert_eq!(redacted_path(&path), path);
        assert_eq!(redacted_path("/user/invites/Secret.Token/accept"), format!("/user/invites/{REDACTED}/accept"));
    }
}
