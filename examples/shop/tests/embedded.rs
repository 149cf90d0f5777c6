//! The shop in this process, in memory and on disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod verbs;

use marquetry::Database;
use marquetry_shop::{Cart, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_in_memory() {
    verbs::all(&Shop::from(Database::in_memory().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_is_whole_after_it_was_closed_and_opened() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("shop-data");
    let shop = Shop::open(place.to_str().unwrap()).unwrap();
    shop.load().await.unwrap();
    let session = shop.log_in("grace@example.com").await.unwrap();
    let order = shop.checkout(&session, &Cart::new().with("walnut-jewel-box", 1)).await.unwrap();
    shop.close().unwrap();

    let shop = Shop::open(place.to_str().unwrap()).unwrap();
    assert!(!shop.load().await.unwrap());
    assert_eq!(shop.orders(&session).await.unwrap(), [order], "the session has survived, too");
    assert!(shop.audit().await.unwrap().is_clean());
}
