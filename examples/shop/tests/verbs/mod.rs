//! What must hold of the shop, whichever store it is on: the embedded tests and those of the server run the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeSet;
use std::time::Duration;

use marquetry_shop::drive::{self, Plan};
use marquetry_shop::{Cart, FIRST_DELIVERY, OrderState, PICTURES, Refusal, Shop, Worked, products};

/// Everything, one after another, on one shop that is empty at first.
pub(crate) async fn all(shop: &Shop) {
    loads_once(shop).await;
    knows_its_customers(shop).await;
    shows_pictures(shop).await;
    refuses_what_it_has_not_and_keeps_nothing_of_it(shop).await;
    answers_a_lost_checkout_again(shop).await;
    ships_what_was_bought(shop).await;
    finds_products_with_their_counters_at_once(shop).await;
    shows_no_stale_page(shop).await;
    serves_many_at_once(shop).await;
}

async fn clean(shop: &Shop) -> marquetry_shop::Audit {
    let audit = shop.audit().await.unwrap();
    assert!(audit.is_clean(), "{audit}");
    audit
}

async fn ada(shop: &Shop) -> String {
    shop.log_in("ada@example.com").await.unwrap()
}

async fn loads_once(shop: &Shop) {
    assert!(shop.load().await.unwrap());
    assert!(!shop.load().await.unwrap());
    let audit = clean(shop).await;
    assert_eq!((audit.orders, audit.accounts, audit.products_found), (0, 3, products().len()));
}

async fn knows_its_customers(shop: &Shop) {
    let taken = shop.register("ada@example.com", "Another Ada").await.unwrap_err();
    assert_eq!(taken.refusal(), Some(&Refusal::EmailTaken("ada@example.com".into())));
    let number = shop.register("edsger@example.com", "Edsger").await.unwrap();
    assert!(number > 3, "{number}");
    let session = shop.log_in("edsger@example.com").await.unwrap();
    assert_eq!(shop.orders(&session).await.unwrap(), []);
    let unknown = shop.log_in("nobody@example.com").await.unwrap_err();
    assert_eq!(unknown.refusal(), Some(&Refusal::UnknownEmail("nobody@example.com".into())));
    let stranger = shop.checkout("no such session", &Cart::new().with("oak-stool", 1)).await.unwrap_err();
    assert_eq!(stranger.refusal(), Some(&Refusal::NotLoggedIn));
}

async fn shows_pictures(shop: &Shop) {
    let picture = shop.picture("walnut-chess-set").await.unwrap();
    assert!(picture.starts_with(b"<svg"), "{PICTURES} hold drawings");
    let unknown = shop.picture("glass-stool").await.unwrap_err();
    assert_eq!(unknown.refusal(), Some(&Refusal::UnknownProduct("glass-stool".into())));
}

async fn refuses_what_it_has_not_and_keeps_nothing_of_it(shop: &Shop) {
    let (session, before) = (ada(shop).await, clean(shop).await);
    // The first product is there, so that something is taken before the second one is refused.
    let greedy = Cart::new().with("oak-stool", 1).with("ash-stool", FIRST_DELIVERY + 1);
    let refused = shop.checkout(&session, &greedy).await.unwrap_err();
    let wanted = FIRST_DELIVERY + 1;
    let expected = Refusal::OutOfStock { product: "ash-stool".into(), wanted, left: FIRST_DELIVERY };
    assert_eq!(refused.refusal(), Some(&expected));
    let unknown = shop.checkout(&session, &Cart::new().with("oak-stool", 1).with("glass-stool", 1)).await.unwrap_err();
    assert_eq!(unknown.refusal(), Some(&Refusal::UnknownProduct("glass-stool".into())));
    let empty = shop.checkout(&session, &Cart::new()).await.unwrap_err();
    assert!(matches!(empty.refusal(), Some(Refusal::BadCart(_))), "{empty}");
    assert_eq!(clean(shop).await, before);
    assert_eq!(shop.work(Duration::ZERO).await.unwrap(), Worked::Idle);
    assert_eq!(shop.restock("ash-stool", 1).await.unwrap(), wanted);
    let order = shop.checkout(&session, &greedy).await.unwrap();
    assert_eq!(order.id, greedy.order);
    clean(shop).await;
}

async fn answers_a_lost_checkout_again(shop: &Shop) {
    let (session, cart) = (ada(shop).await, Cart::new().with("oak-desk-lamp", 2));
    let first = shop.checkout(&session, &cart).await.unwrap();
    assert_eq!(shop.checkout(&session, &cart).await.unwrap(), first);
    let newest = shop.orders(&session).await.unwrap().swap_remove(0);
    assert_eq!(newest, first);
    let audit = clean(shop).await;
    assert_eq!((audit.orders, audit.paid, audit.messages), (2, 2, 2));
}

async fn ships_what_was_bought(shop: &Shop) {
    let mut shipped = BTreeSet::new();
    while let Worked::Shipped(order) = shop.work(Duration::ZERO).await.unwrap() {
        assert!(shipped.insert(order), "{order} was shipped twice");
        assert_eq!(shop.order(order).await.unwrap().unwrap().state, OrderState::Shipped);
    }
    let audit = clean(shop).await;
    assert_eq!((audit.order_ids, audit.paid, audit.messages), (shipped, 0, 0));
}

async fn finds_products_with_their_counters_at_once(shop: &Shop) {
    let session = ada(shop).await;
    let found = shop.search("turned spinning", None).await.unwrap();
    assert!(found.products[0].id.ends_with("spinning-top"), "{found:?}");
    assert!(found.categories.iter().any(|(category, count)| category == "games" && *count >= 4), "{found:?}");
    for sold in 1..=20 {
        shop.checkout(&session, &Cart::new().with("cherry-spinning-top", 1)).await.unwrap();
        let found = shop.search("cherry spinning top", Some("games")).await.unwrap();
        let top = found.products.iter().find(|product| product.id == "cherry-spinning-top").unwrap();
        assert_eq!((top.sold, top.in_stock), (sold, FIRST_DELIVERY - sold));
    }
    assert_eq!(shop.search("zeppelin", None).await.unwrap().total, 0);
}

/// Whoever was told that a checkout is done must see it on the page, however many look at the same time.
async fn shows_no_stale_page(shop: &Shop) {
    let session = ada(shop).await;
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let shop = shop.clone();
            tokio::spawn(async move {
                let mut newest = 0;
                while newest < 40 {
                    let sold = sold_on(&shop.browse("ash-chess-set").await.unwrap());
                    assert!(sold >= newest, "a page with {sold} sold came after one with {newest}");
                    newest = sold;
                }
            })
        })
        .collect();
    for sold in 1..=40 {
        shop.checkout(&session, &Cart::new().with("ash-chess-set", 1)).await.unwrap();
        assert_eq!(sold_on(&shop.browse("ash-chess-set").await.unwrap()), sold);
    }
    for reader in readers {
        reader.await.unwrap();
    }
    let unknown = shop.browse("glass-stool").await.unwrap_err();
    assert_eq!(unknown.refusal(), Some(&Refusal::UnknownProduct("glass-stool".into())));
    clean(shop).await;
}

fn sold_on(page: &str) -> i64 {
    let text = page.split(" in stock, ").nth(1).unwrap().split(" sold").next().unwrap();
    text.parse().unwrap()
}

async fn serves_many_at_once(shop: &Shop) {
    let before = clean(shop).await;
    let plan = Plan { orders: 150, clients: 6, workers: 3 };
    let run = drive::run(shop, plan, || ()).await.unwrap();
    assert_eq!((run.placed.len(), run.times.len()), (150, 150));
    let audit = clean(shop).await;
    assert!(audit.missing(&run.placed).is_empty());
    assert_eq!((audit.orders, audit.paid, audit.messages), (before.orders + 150, 0, 0));
    assert_eq!(run.shipped as usize, 150 + before.paid);
}
