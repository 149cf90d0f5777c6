//! What caches store.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::cache_records(input));
