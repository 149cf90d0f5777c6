//! Edited segment files of blobs.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| marquetry::fuzzing::blob_segments(input));
