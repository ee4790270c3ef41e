//! Any value, sealed, changed and opened.
#![no_main]

use isomer_fuzz::roundtrip::{Case, check};

libfuzzer_sys::fuzz_target!(|case: Case| {
    check(&case);
});
