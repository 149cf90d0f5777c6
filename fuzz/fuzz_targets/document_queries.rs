//! Filters, sorts and updates of documents.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry_tests::fuzz::document_queries(input));
