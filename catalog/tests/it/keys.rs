use portcullis_catalog::{Catalog, KeyId};

const ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";

#[test]
fn a_key_is_a_type_and_an_id_or_a_star() {
    let catalog = Catalog::builtin();
    let bucket = format!("{ID}_default_my.bucket-1");
    let long = "x".repeat(255);
    for (kind, id) in [
        ("com.cloudflare.api.account", ID),
        ("com.cloudflare.api.account", "*"),
        ("com.cloudflare.api.account.zone", ID),
        ("com.cloudflare.api.account.zone", "*"),
        ("com.cloudflare.api.user", ID),
        ("com.cloudflare.edge.r2.bucket", &bucket),
        ("com.cloudflare.edge.r2.bucket", "*"),
        ("com.cloudflare.api.account.worker", "My_Worker:1"),
        ("com.cloudflare.api.account.flagship.app", "a"),
        ("com.cloudflare.edge.access.identity-provider", &long),
    ] {
        let key = catalog.parse_key(&format!("{kind}.{id}")).unwrap();
        assert_eq!(&*catalog.resource_type(key.kind).key, kind);
        let expected = if id == "*" { KeyId::Any } else { KeyId::Id(id.into()) };
        assert_eq!(key.id, expected);
    }
}

#[test]
fn what_is_no_key_is_told_why() {
    let unknown = "is not a resource key: it must begin with a known resource type, such as `com.cloudflare.api.account.zone`, followed by `.` and an id or `*`";
    let no_id = "has no id: a resource type must be followed by `.` and an id or `*`";
    let glob = "contains a `*` within its id: only a whole id can be `*`, and it then means all of that type";
    let not_hex =
        |kind| format!("does not name one {kind}: its id must be 32 lower-case hexadecimal digits, or `*` for all");
    let bad_id = "does not name one worker: its id must be 1 to 255 characters out of letters, digits, `_`, `.`, `:` and `-`, or `*` for all";
    let catalog = Catalog::builtin();
    for (key, why) in [
        ("", unknown),
        ("*", unknown),
        ("account", unknown),
        ("com.cloudflare.api", unknown),
        ("com.cloudflare.api.accounts.x", unknown),
        ("COM.cloudflare.api.account.023e105f4ecef8ad9ca31a8372d0c353", unknown),
        ("com.cloudflare.api.account.widget.1", unknown),
        (" com.cloudflare.api.account.*", unknown),
        ("com.cloudflare.api.account", no_id),
        ("com.cloudflare.api.account.", no_id),
        ("com.cloudflare.api.account.zone", no_id),
        ("com.cloudflare.api.account.023e*", glob),
        ("com.cloudflare.api.account.zone.**", glob),
        ("com.cloudflare.api.account.*.zone", glob),
        ("com.cloudflare.edge.r2.bucket.a_*", glob),
        ("com.cloudflare.api.account.023E105F4ECEF8AD9CA31A8372D0C353", &not_hex("account")),
        ("com.cloudflare.api.account.zone.example", &not_hex("zone")),
        ("com.cloudflare.api.user.me", &not_hex("user")),
        ("com.cloudflare.api.account.worker.a b", bad_id),
        ("com.cloudflare.api.account.worker.ä", bad_id),
        (&format!("com.cloudflare.api.account.worker.{}", "x".repeat(256)), bad_id),
    ] {
        assert_eq!(catalog.parse_key(key).unwrap_err().to_string(), format!("`{key}` {why}"));
    }
}
