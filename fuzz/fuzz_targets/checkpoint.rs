//! A keyspace with an edited checkpoint.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry_tests::fuzz::checkpoint(input));
