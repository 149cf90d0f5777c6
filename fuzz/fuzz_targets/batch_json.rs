//! The JSON of batches.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry_server::fuzzing::batch_json(input));
