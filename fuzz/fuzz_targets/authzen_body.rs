//! Bodies of AuthZEN: what is read is an object of JSON, and every question of it is understood or refused in words.
#![no_main]

use std::sync::LazyLock;

use catalog::Catalog;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use server::access::body::{self, Given, Question, Questions, Search};
use server::access::words::{Place, Words};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

fuzz_target!(|data: &[u8]| {
    // Not as a value: what is ignored may be a number beyond all bounds, which no value can hold.
    let is_object = std::str::from_utf8(data)
        .is_ok_and(|text| text.trim_ascii().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok());
    if let Ok(question) = body::read::<Question<'_>>(data) {
        assert!(is_object);
        if let Err(refusal) = Words::new(&CATALOG).understand(&question, &question, Place::Top) {
            assert!(!refusal.message.is_empty());
        }
    }
    if let Ok(questions) = body::read::<Questions<'_>>(data) {
        assert!(is_object);
        let (defaults, questions, _) = questions.apart();
        let mut words = Words::new(&CATALOG);
        if let Given::Value(questions) = &questions {
            for (index, question) in questions.iter().enumerate() {
                if let Err(refusal) = words.item(question, &defaults, index) {
                    assert!(!refusal.message.is_empty());
                }
            }
        }
    }
    if body::read::<Search<'_>>(data).is_ok() {
        assert!(is_object);
    }
});
