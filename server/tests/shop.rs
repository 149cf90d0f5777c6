//! The shop against a server: the same tests as embedded, by another URL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;
#[path = "../../examples/shop/tests/verbs/mod.rs"]
mod verbs;

use marquetry_client::Client;
use marquetry_shop::Shop;

use support::{start, start_guarded};

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_on_a_server() {
    let running = start().await;
    let shop = Shop::open(&running.server.url()).unwrap();
    verbs::all(&shop).await;
    // The engine under the server tells the same.
    let embedded = Shop::from(running.database.clone());
    assert_eq!(embedded.audit().await.unwrap(), shop.audit().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_all_that_a_guarded_server_needs() {
    let token = "a-token-that-is-long-enough";
    let running = start_guarded(token).await;
    let (url, open) = (running.server.url(), Client::connect(&running.server.url()).unwrap());
    assert!(Shop::from(open).load().await.is_err());
    assert!(Shop::open_with_token(&url, Some(token)).unwrap().load().await.unwrap());
}
