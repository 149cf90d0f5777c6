//! Rows of objects and bodies.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::blob_records(input));
