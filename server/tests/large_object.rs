//! A large object through the real server: equal bytes, flat memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use marquetry_client::{Client, PutOptions};
use support::process::{memory_size_bytes, serve, terminate};

const OBJECT_SIZE_BYTES: u64 = 1024 * 1024 * 1024;
const PIECE_SIZE_BYTES: usize = 256 * 1024;
const EXTRA_MEMORY_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Piece `number` of the object: bytes that no other piece has.
fn piece(number: u64) -> Bytes {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(PIECE_SIZE_BYTES);
    while bytes.len() < PIECE_SIZE_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_goes_in_and_out_in_flat_memory() {
    let directory = tempfile::tempdir().unwrap();
    let (child, address) = serve(&directory.path().join("data"), &[]);
    let client = Client::connect(&format!("http://{address}")).unwrap();
    client.blobs().create_bucket("large").await.unwrap();
    let before = memory_size_bytes(&child, "VmRSS");

    let pieces = OBJECT_SIZE_BYTES / PIECE_SIZE_BYTES as u64;
    let body = stream::iter((0..pieces).map(|number| Ok::<_, std::io::Error>(piece(number))));
    let body = reqwest::Body::wrap_stream(body);
    let info = client.blobs().put("large", "object", body, &PutOptions::default()).await.unwrap();
    assert_eq!(info.size_bytes, OBJECT_SIZE_BYTES);

    let mut stream = client.blobs().get("large", "object").await.unwrap().unwrap().chunks();
    let (mut number, mut rest, mut size_bytes) = (0, Bytes::new(), 0);
    while let Some(chunk) = stream.next().await {
        let mut chunk = chunk.unwrap();
        size_bytes += chunk.len() as u64;
        while !chunk.is_empty() {
            if rest.is_empty() {
                rest = piece(number);
                number += 1;
            }
            let length = rest.len().min(chunk.len());
            assert!(rest.split_to(length) == chunk.split_to(length), "piece {} came back changed", number - 1);
        }
    }
    assert_eq!(size_bytes, OBJECT_SIZE_BYTES);

    let most = memory_size_bytes(&child, "VmHWM");
    println!("memory: {before} bytes before, {most} at most");
    assert!(most - before < EXTRA_MEMORY_MAX_BYTES, "{} bytes more than before", most - before);
    assert_eq!(terminate(child), 0);
}
