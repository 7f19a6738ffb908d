//! Any bytes, as one file: they are parsed or refused, with a place.
#![no_main]

mod walk;

use drctl::config::file::SourceFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (name, bytes) = walk::named(data);
    match SourceFile::parse(name, bytes, None) {
        Ok(file) => walk::file(&file),
        Err(unparsed) => {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&unparsed.place.line), "{unparsed}");
            assert!(unparsed.place.column >= 1, "{unparsed}");
            assert!(!unparsed.message.is_empty());
            let _ = unparsed.hint();
        }
    }
});
