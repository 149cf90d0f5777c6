//! Documents as stored, and the order of their values.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::documents(input));
