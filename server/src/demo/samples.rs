//! A few orders, so that a newcomer finds some: bought and shipped through the shop like any other.

use std::time::Duration;

use marquetry_shop::{CUSTOMERS, Cart, Embedded, Result};
use uuid::Uuid;

const CARTS: [&[(&str, i64)]; 6] = [
    &[("walnut-chess-set", 1), ("walnut-spinning-top", 2)],
    &[("oak-desk-lamp", 2)],
    &[("cherry-rocking-chair", 1), ("cherry-floor-lamp", 1)],
    &[("ash-cutting-board", 3), ("ash-salad-bowl", 1)],
    &[("oak-bookshelf", 4)],
    &[("walnut-jewel-box", 1)],
];

/// Orders that the worker has shipped; the rest wait in the queue.
const SHIPPED: usize = 4;

/// Places the sample orders, unless they are there.
///
/// # Errors
/// Those of the store.
pub(super) fn place(shop: &Embedded) -> Result<()> {
    let carts: Vec<Cart> = (0..).zip(CARTS).map(|(number, items)| cart(number, items)).collect();
    if carts.last().is_some_and(|last| matches!(shop.order(last.order), Ok(Some(_)))) {
        return Ok(());
    }
    for (cart, (_, email)) in carts.iter().zip(CUSTOMERS.iter().cycle()) {
        shop.checkout(&shop.log_in(email)?, cart)?;
    }
    for _ in 0..SHIPPED {
        shop.work(Duration::ZERO)?;
    }
    Ok(())
}

/// A cart whose id is the same in every demo: placed again after a crash, it is the same order.
fn cart(number: u128, items: &[(&str, i64)]) -> Cart {
    let order = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001 + number);
    items.iter().fold(Cart { order, items: Vec::new() }, |cart, (product, quantity)| cart.with(product, *quantity))
}
