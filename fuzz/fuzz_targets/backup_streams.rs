//! Backups streamed by a machine that means harm.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::backup_streams(input));
