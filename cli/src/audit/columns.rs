//! An entry as one row: for formats that know no objects.

use serde_json::Value;

/// The columns, and where in an entry each is.
pub const COLUMNS: [(&str, &str); 28] = [
    ("id", "/id"),
    ("time", "/action/time"),
    ("result", "/action/result"),
    ("action", "/action/type"),
    ("description", "/action/description"),
    ("account_id", "/account/id"),
    ("account_name", "/account/name"),
    ("actor_type", "/actor/type"),
    ("actor_id", "/actor/id"),
    ("actor_email", "/actor/email"),
    ("actor_context", "/actor/context"),
    ("actor_token_id", "/actor/token_id"),
    ("actor_token_name", "/actor/token_name"),
    ("actor_ip_address", "/actor/ip_address"),
    ("method", "/raw/method"),
    ("uri", "/raw/uri"),
    ("status_code", "/raw/status_code"),
    ("ray_id", "/raw/cf_ray_id"),
    ("user_agent", "/raw/user_agent"),
    ("resource_product", "/resource/product"),
    ("resource_type", "/resource/type"),
    ("resource_id", "/resource/id"),
    ("zone_id", "/zone/id"),
    ("zone_name", "/zone/name"),
    ("before", "/resource/before"),
    ("after", "/resource/after"),
    ("request", "/resource/request"),
    ("response", "/resource/response"),
];

/// The cells of an entry, in the order of the columns: a text as it is, anything else as JSON text; none where the entry says nothing.
pub fn cells(entry: &Value) -> impl Iterator<Item = Option<String>> + '_ {
    COLUMNS.iter().map(|(_, pointer)| match entry.pointer(pointer)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    })
}

/// A cell that no spreadsheet takes for a formula: such a one gets an apostrophe in front. What a client calls itself is its own choice.
pub fn harmless(cell: String) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell,
    }
}
