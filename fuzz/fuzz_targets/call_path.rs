//! `METHOD path`: an operation that is found has the method, as many segments, and only its own parameters; what the call is
//! about has a key that reads back, if it has an id that can be one.
#![no_main]

use std::sync::LazyLock;

use catalog::{Catalog, Method};
use libfuzzer_sys::fuzz_target;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((method, path)) = text.split_once(' ') else { return };
    let Ok(method) = method.parse::<Method>() else { return };
    let Some(found) = CATALOG.match_operation(method, path) else { return };
    let known = found.operation.method;
    assert!(known == method || (method == Method::Head && known == Method::Get), "{known}");
    for (name, _) in &found.parameters {
        assert!(found.operation.path.contains(&format!("{{{name}}}")), "{name} is not in {}", found.operation.path);
    }
    let about = CATALOG.resource_of(&found);
    if let Some(Ok(key)) = about.key(&CATALOG).as_deref().map(|key| CATALOG.parse_key(key)) {
        // A type's key may begin that of another, and an id with a dot then reads as the longer one.
        let (kind, read) = (&CATALOG.resource_type(about.kind).key, &CATALOG.resource_type(key.kind).key);
        assert!(read.starts_with(&**kind), "{kind} reads as {read}");
    }
});
