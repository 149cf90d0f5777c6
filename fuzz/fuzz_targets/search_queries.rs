//! Searches and definitions of search indexes.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry_tests::fuzz::search_queries(input));
