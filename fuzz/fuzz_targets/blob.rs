//! Any bytes, read as every stored format.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    isomer_fuzz::blob::check(input);
});
