//! Manifests, messages and requests of backups.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::backup_records(input));
