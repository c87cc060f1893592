//! A resource key that can be read is the one that its parts make.
#![no_main]

use std::sync::LazyLock;

use catalog::{Catalog, KeyId};
use libfuzzer_sys::fuzz_target;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match CATALOG.parse_key(text) {
        Ok(key) => {
            let id = match &key.id {
                KeyId::Any => "*",
                KeyId::Id(id) => id,
            };
            assert_eq!(format!("{}.{id}", CATALOG.resource_type(key.kind).key), text);
            assert!(!id.is_empty() && id.len() <= 255);
        }
        // It names the key, or what is wrong with it.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
