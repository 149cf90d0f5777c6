//! Recovery of a log with edited files.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::log(input));
