//! Objects over HTTP: streams in both directions, ranges, tags, conditions, transactions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;

use futures_util::StreamExt;
use marquetry_client::{ErrorKind, ObjectAttributes, ObjectCondition, PutOptions};
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::{Running, answer, start, start_limited};

const OBJECT: &str = "/v1/buckets/images/objects/cats/tom.png";

async fn with_object() -> (Running, String) {
    let running = start().await;
    let client = running.client();
    client.blobs().create_bucket("images").await.unwrap();
    let attributes = ObjectAttributes {
        content_type: Some("image/png".into()),
        cache_control: Some("public, max-age=60".into()),
        metadata: BTreeMap::from([("colour".into(), "grey".into())]),
        ..ObjectAttributes::default()
    };
    let options = PutOptions { attributes, condition: ObjectCondition::IfAbsent };
    let info = client.blobs().put("images", "cats/tom.png", "0123456789", &options).await.unwrap();
    (running, info.etag)
}

#[tokio::test]
async fn ranges_and_tags_follow_the_matrix() {
    let (running, etag) = with_object().await;
    let tag = format!("\"{etag}\"");
    let old = "\"ffffffffffffffffffffffffffffffff\"";
    for (headers, status, body) in [
        (vec![], 200, "0123456789"),
        (vec![("range", "bytes=2-4")], 206, "234"),
        (vec![("range", "bytes=7-")], 206, "789"),
        (vec![("range", "bytes=-2")], 206, "89"),
        (vec![("range", "bytes=5-100")], 206, "56789"),
        (vec![("range", "bytes=0-0")], 206, "0"),
        (vec![("range", "bytes=10-")], 416, ""),
        (vec![("range", "bytes=1-2,4-5")], 200, "0123456789"),
        (vec![("range", "bytes=x")], 200, "0123456789"),
        (vec![("if-none-match", &*tag)], 304, ""),
        (vec![("if-none-match", "*")], 304, ""),
        (vec![("if-none-match", old)], 200, "0123456789"),
        (vec![("if-match", &*tag)], 200, "0123456789"),
        (vec![("if-match", old)], 412, ""),
        (vec![("range", "bytes=2-4"), ("if-none-match", &*tag)], 304, ""),
        (vec![("range", "bytes=2-4"), ("if-range", &*tag)], 206, "234"),
        (vec![("range", "bytes=2-4"), ("if-range", old)], 200, "0123456789"),
        (vec![("range", "bytes=2-4"), ("if-match", old)], 412, ""),
        (vec![("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")], 304, ""),
        (vec![("if-modified-since", "Fri, 01 Jan 1999 00:00:00 GMT")], 200, "0123456789"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let mut request = running.request(method.clone(), OBJECT);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let response = request.send().await.unwrap();
            // A range is about the bytes of a GET; HEAD tells about the whole.
            let expected = if method == Method::HEAD && [206, 416].contains(&status) { 200 } else { status };
            assert_eq!(response.status().as_u16(), expected, "{method} {headers:?}");
            if [200, 206, 304].contains(&expected) {
                assert_eq!(response.headers()["etag"], &*tag, "{method} {headers:?}");
                assert_eq!(response.headers()["cache-control"], "public, max-age=60");
                assert!(response.headers().contains_key("last-modified"));
            }
            if expected == 200 {
                assert_eq!(response.headers()["content-length"], "10");
                assert_eq!(response.headers()["content-type"], "image/png");
                assert_eq!(response.headers()["accept-ranges"], "bytes");
                assert_eq!(response.headers()["marquetry-meta-colour"], "grey");
            }
            match (method, status) {
                (Method::GET, 206) => assert!(response.headers()["content-range"].to_str().unwrap().ends_with("/10")),
                (Method::GET, 416) => assert_eq!(response.headers()["content-range"], "bytes */10"),
                (Method::HEAD, _) => continue,
                _ => {}
            }
            if status < 400 {
                assert_eq!(response.text().await.unwrap(), body, "{headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn conditions_on_writes_are_kept() {
    let (running, etag) = with_object().await;
    let tag = format!("\"{etag}\"");
    for (name, value, status) in [
        ("if-none-match", "*", StatusCode::PRECONDITION_FAILED),
        ("if-match", "\"old\"", StatusCode::PRECONDITION_FAILED),
        ("if-match", &*tag, StatusCode::CREATED),
        ("if-match", &*tag, StatusCode::PRECONDITION_FAILED),
    ] {
        let request = running.request(Method::PUT, OBJECT).header(name, value).body("changed");
        assert_eq!(request.send().await.unwrap().status(), status, "{name}: {value}");
    }
    let delete = running.request(Method::DELETE, OBJECT).header("if-match", &*tag);
    assert_eq!(delete.send().await.unwrap().status(), StatusCode::PRECONDITION_FAILED);
    let client = running.client();
    let outdated = PutOptions { condition: ObjectCondition::IfMatch(etag), ..PutOptions::default() };
    let error = client.blobs().put("images", "cats/tom.png", "x", &outdated).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition);
    assert!(client.blobs().delete("images", "cats/tom.png").await.unwrap());
    assert!(!client.blobs().delete("images", "cats/tom.png").await.unwrap());
    assert!(client.blobs().get("images", "cats/tom.png").await.unwrap().is_none());
}

#[tokio::test]
async fn large_objects_stream_in_and_out_unchanged() {
    let running = start().await;
    let blobs = running.client().blobs();
    blobs.create_bucket("films").await.unwrap();
    let piece = |number: u64| -> Vec<u8> { (0..50_000u64).map(|at| (at * 31 + number * 7) as u8).collect() };
    let source = futures_util::stream::iter((0..200).map(move |number| Ok::<_, std::io::Error>(piece(number))));
    let body = reqwest::Body::wrap_stream(source);
    let info = blobs.put("films", "a/b c?.mp4", body, &PutOptions::default()).await.unwrap();
    assert_eq!(info.size_bytes, 10_000_000);
    let object = blobs.get("films", "a/b c?.mp4").await.unwrap().unwrap();
    assert_eq!(object.info().etag, info.etag);
    let mut chunks = object.chunks();
    let mut received = Vec::new();
    while let Some(chunk) = chunks.next().await {
        received.extend_from_slice(&chunk.unwrap());
    }
    assert!(received == (0..200).flat_map(piece).collect::<Vec<u8>>());
    let part = blobs.get_range("films", "a/b c?.mp4", 999_990..3_000_010).await.unwrap().unwrap();
    assert!(part.bytes().await.unwrap()[..] == received[999_990..3_000_010]);
    let page = blobs.list("films", "a/", None).await.unwrap();
    assert_eq!((page.objects.len(), page.next), (1, None));
    assert_eq!(page.objects[0].key, "a/b c?.mp4");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let running = start().await;
    running.client().blobs().create_bucket("images").await.unwrap();
    let source = futures_util::stream::iter([Ok(vec![1u8; 100_000]), Err(std::io::Error::other("gone"))]);
    let broken = running.request(Method::PUT, OBJECT).body(reqwest::Body::wrap_stream(source));
    assert!(broken.send().await.is_err());
    let (status, _) = answer(running.get(OBJECT).await).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn objects_are_part_of_transactions_and_batches() {
    let (running, _) = with_object().await;
    let client = running.client();
    let tx = client.begin().await.unwrap();
    tx.blobs().put("images", "in-tx", "inside", &PutOptions::default()).await.unwrap();
    assert_eq!(tx.blobs().head("images", "in-tx").await.unwrap().unwrap().size_bytes, 6);
    assert!(client.blobs().head("images", "in-tx").await.unwrap().is_none());
    tx.clone().rollback().await.unwrap();
    assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(client.blobs().head("images", "in-tx").await.unwrap().is_none());
    let put = json!({"op": "object.put", "bucket": "images", "key": "batch", "text": "b",
                     "attributes": {"content_type": "text/plain"}});
    let expected = json!({"exists": true});
    let read = json!({"op": "object.head", "bucket": "images", "key": "cats/tom.png"});
    let answers = client.batch().only_if(read, expected.clone()).operation(put.clone()).run().await.unwrap();
    assert_eq!(answers[0]["size_bytes"], 1);
    let absent = json!({"op": "object.head", "bucket": "images", "key": "absent"});
    let error = client.batch().only_if(absent, expected).operation(put).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition);
}

#[tokio::test]
async fn bad_names_sizes_and_headers_are_told() {
    let running = start_limited(marquetry_server::Limits { object_size_max_bytes: 1_000, ..Default::default() }).await;
    running.client().blobs().create_bucket("images").await.unwrap();
    let long = "k".repeat(2_000);
    for (path, body, status) in [
        ("/v1/buckets/images/objects/a".to_owned(), "x".repeat(1_001), StatusCode::PAYLOAD_TOO_LARGE),
        (format!("/v1/buckets/images/objects/{long}"), "x".to_owned(), StatusCode::PAYLOAD_TOO_LARGE),
        ("/v1/buckets/absent/objects/a".to_owned(), "x".to_owned(), StatusCode::NOT_FOUND),
        ("/v1/buckets/images/objects/%ff".to_owned(), "x".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let response = running.request(Method::PUT, &path).body(body).send().await.unwrap();
        assert_eq!(response.status(), status, "{}", &path[..path.len().min(60)]);
    }
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(
        (0..100).map(|_| Ok::<_, std::io::Error>("x".repeat(100))),
    ));
    let response = running.request(Method::PUT, "/v1/buckets/images/objects/a").body(chunked).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = running.call(Method::PUT, &format!("/v1/buckets/{}", "b".repeat(300)), json!({})).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    for path in [
        "/v1/buckets/images/objects?limit=-1",
        "/v1/buckets/images/objects?limits=1",
        "/v1/buckets/images/objects?limit=1&limit=2",
    ] {
        assert_eq!(running.get(path).await.status(), StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(running.client().blobs().buckets().await.unwrap(), ["images"]);
}
