//! Every route against every kind of credential, from the document that the server gives about itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use marquetry_server::{Server, Settings};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use support::{answer, start, start_guarded};

const TOKEN: &str = "correct-horse-battery-staple";

/// Every method and path of the document, with something in the place of each parameter.
fn routes(document: &Value) -> Vec<(Method, String)> {
    let paths = document["paths"].as_object().unwrap();
    let mut routes = Vec::new();
    for (path, item) in paths {
        let path = path
            .split('/')
            .map(|part| if part.starts_with('{') { "absent" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for method in item.as_object().unwrap().keys() {
            routes.push((Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), path.clone()));
        }
    }
    routes
}

#[tokio::test]
async fn no_route_opens_without_the_token_but_health_and_readiness() {
    let running = start_guarded(TOKEN).await;
    let request = running.request(Method::GET, "/openapi.json").bearer_auth(TOKEN);
    let (_, document) = answer(request.send().await.unwrap()).await;
    let mut routes = routes(&document);
    assert!(routes.len() > 8, "{routes:?}");
    for path in ["/", "/v1", "/nowhere", "/health/", "//health", "/%68ealth"] {
        routes.push((Method::GET, path.to_owned()));
    }
    for (method, path) in routes {
        let open = path == "/health" || path == "/ready";
        for (credential, wanted) in [
            (None, StatusCode::UNAUTHORIZED),
            (Some("Bearer wrong-horse-battery-staple"), StatusCode::UNAUTHORIZED),
            (Some("Bearer correct-horse-battery-stapl"), StatusCode::UNAUTHORIZED),
            (Some("Basic Y29ycmVjdA=="), StatusCode::UNAUTHORIZED),
            (Some("Bearer correct-horse-battery-staple"), StatusCode::OK),
        ] {
            let mut request = running.request(method.clone(), &path);
            if let Some(credential) = credential {
                request = request.header("authorization", credential);
            }
            let status = request.send().await.unwrap().status();
            if open {
                assert_eq!(status, StatusCode::OK, "{method} {path} {credential:?}");
            } else {
                let refused = status == StatusCode::UNAUTHORIZED;
                assert_eq!(refused, wanted == StatusCode::UNAUTHORIZED, "{method} {path} {credential:?}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn the_refusal_is_a_problem_document_that_says_what_to_do() {
    let running = start_guarded(TOKEN).await;
    let response = running.get("/v1/catalog").await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"marquetry\"");
    let (status, problem) = answer(response).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::UNAUTHORIZED, Some("unauthenticated")));
    assert!(problem["detail"].as_str().unwrap().contains("Authorization: Bearer"));
}

#[tokio::test]
async fn web_pages_cannot_use_a_server_without_a_token() {
    let running = start().await;
    let page = running.request(Method::GET, "/v1/catalog").header("origin", "https://evil.example");
    assert_eq!(page.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let rebound = running.request(Method::GET, "/v1/catalog").header("host", "evil.example");
    assert_eq!(rebound.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(running.get("/v1/catalog").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_open_address_needs_a_token() {
    let settings = Settings { address: "0.0.0.0:0".parse().unwrap(), ..Settings::local() };
    let database = marquetry::Database::in_memory().unwrap();
    let Err(failure) = Server::start(database, settings).await else { panic!("it started") };
    assert_eq!(failure.code(), 2);
    assert!(failure.to_string().contains("--token-file"), "{failure}");
}
