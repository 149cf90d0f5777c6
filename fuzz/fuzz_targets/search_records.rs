//! Layouts, definitions and the places where pages end.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::search_records(input));
