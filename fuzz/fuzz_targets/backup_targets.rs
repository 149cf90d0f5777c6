//! Edited targets of backups.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry_tests::fuzz::backup_targets(input));
