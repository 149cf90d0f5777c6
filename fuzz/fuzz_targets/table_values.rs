//! Values, keys, rows and definitions of tables.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::table_values(input));
