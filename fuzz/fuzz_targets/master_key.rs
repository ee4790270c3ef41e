//! Any text, read as `SECRETS_ENCRYPTION_KEY`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    isomer_fuzz::master_key::check(text);
});
