//! Recorded calls, as a HAR file and as lines: what is read is no more than what stands there, and reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use server::recorded_calls::{RecordedCall, read_har, read_lines};
use server::wire::json;

fuzz_target!(|data: &[u8]| {
    let read = json::read(data, |input, faults| Some(read_har(input, Some("https://example.com/"), faults)));
    if let Ok(Ok(har)) = read.map(|parsed| parsed.into_valid()) {
        for call in &har.calls {
            assert!(call.url.starts_with('/'), "{call} is not below the base URL");
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read_lines(text) {
        Ok(calls) => {
            assert!(calls.len() <= text.lines().count());
            for call in calls {
                assert_eq!(RecordedCall::parse(&call.to_string()).as_ref(), Ok(&call));
            }
        }
        Err(faults) => assert!(!faults.is_empty()),
    }
});
