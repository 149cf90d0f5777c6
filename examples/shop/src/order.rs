//! Orders: from the cart of a customer to the receipt, and from the worker's shipment to the letter that tells of it.
//!
//! ```text
//!   Cart --checkout--> Order + OrderLine ...  receipt()  Parcel {order}      one transaction
//!                                                            |
//!   queue "orders_to_ship" <---------------------------------'
//!        '--work--> Order.state = shipped   Shipment   letter()   acknowledged       one transaction
//! ```
//!
//! Receipt and letter are functions of the rows and documents beside them: an audit can tell whether they agree.

use std::fmt::Write;
use std::time::SystemTime;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::{Product, money};
use crate::error::Refusal;

/// Most different products in one cart.
pub const CART_ITEMS_MAX: usize = 100;

/// Most pieces of one product in one cart.
pub const ITEM_QUANTITY_MAX: i64 = 1_000;

/// The media type of receipts and letters.
pub(crate) const LETTER_TYPE: &str = "text/plain; charset=utf-8";

/// Receipts and letters are their customer's alone.
pub(crate) const LETTER_CACHE_CONTROL: &str = "private, no-store";

/// Names and addresses of the customers that the shop opens with.
pub const CUSTOMERS: [(&str, &str); 3] =
    [("Ada", "ada@example.com"), ("Grace", "grace@example.com"), ("Alan", "alan@example.com")];

/// A customer: a row of the table `accounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The number of the account.
    pub id: i64,
    /// The address that the customer logs in with; no two accounts have the same.
    pub email: String,
    /// What the customer is called.
    pub name: String,
}

/// What the cache keeps of a customer who has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The number of the account.
    pub account: i64,
}

/// What a customer wants to buy, and the id that the order will have.
///
/// Whoever fills the cart chooses the id. A checkout whose answer got lost can then be sent again: the second one
/// finds the order of the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// The id of the order to be.
    pub order: Uuid,
    /// What is wanted.
    pub items: Vec<Item>,
}

/// Some pieces of one product in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The product.
    pub product: String,
    /// The pieces.
    pub quantity: i64,
}

impl Cart {
    /// An empty cart with an id of its own.
    pub fn new() -> Self {
        Cart { order: Uuid::now_v7(), items: Vec::new() }
    }

    /// The cart with `quantity` pieces more of `product`.
    #[must_use]
    pub fn with(mut self, product: &str, quantity: i64) -> Self {
        match self.items.iter_mut().find(|item| item.product == product) {
            Some(item) => item.quantity = item.quantity.saturating_add(quantity),
            None => self.items.push(Item { product: product.to_owned(), quantity }),
        }
        self
    }

    /// Refuses a cart that no shop could serve.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let refuse = |why: String| Err(Refusal::BadCart(why));
        if self.items.is_empty() || self.items.len() > CART_ITEMS_MAX {
            return refuse(format!("it has {} products, and 1 to {CART_ITEMS_MAX} are possible", self.items.len()));
        }
        for (index, item) in self.items.iter().enumerate() {
            if !(1..=ITEM_QUANTITY_MAX).contains(&item.quantity) {
                return refuse(format!("{} of {:?} cannot be bought", item.quantity, item.product));
            }
            if self.items[..index].iter().any(|other| other.product == item.product) {
                return refuse(format!("{:?} is in it twice", item.product));
            }
        }
        Ok(())
    }
}

impl Default for Cart {
    fn default() -> Self {
        Cart::new()
    }
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Bought, and waiting for the worker.
    Paid,
    /// Handed over to the carrier.
    Shipped,
}

impl OrderState {
    /// The text in the column `state`.
    pub fn as_str(self) -> &'static str {
        match self {
            OrderState::Paid => "paid",
            OrderState::Shipped => "shipped",
        }
    }
}

/// An order: a row of the table `orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The id that the cart had.
    pub id: Uuid,
    /// The customer.
    pub account: i64,
    /// When it was bought.
    pub placed_at: DateTime<Utc>,
    /// How far it has come.
    pub state: OrderState,
    /// What it costs.
    pub total_cents: i64,
}

/// What was bought of one product: a row of the table `order_lines`, as it was sold, whatever the catalogue says later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderLine {
    /// The order.
    pub order_id: Uuid,
    /// The number of the line within it, from 1 on.
    pub line: i64,
    /// The product.
    pub product: String,
    /// What the product was called.
    pub name: String,
    /// The pieces.
    pub quantity: i64,
    /// What one piece cost.
    pub price_cents: i64,
}

/// An order with its lines, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sale {
    /// The order.
    pub order: Order,
    /// Its lines in order.
    pub lines: Vec<OrderLine>,
}

impl Sale {
    /// What `account` buys with `cart`, where `products` are the products of its items in the same order.
    pub(crate) fn new(account: i64, cart: &Cart, products: &[Product], placed_at: DateTime<Utc>) -> Self {
        let pairs = cart.items.iter().zip(products);
        let lines: Vec<OrderLine> = (1..)
            .zip(pairs)
            .map(|(line, (item, product))| OrderLine {
                order_id: cart.order,
                line,
                product: product.id.clone(),
                name: product.name.clone(),
                quantity: item.quantity,
                price_cents: product.price_cents,
            })
            .collect();
        let total_cents = total_of(&lines);
        let order = Order { id: cart.order, account, placed_at, state: OrderState::Paid, total_cents };
        Sale { order, lines }
    }

    /// The receipt, which the bucket `receipts` keeps under [`receipt_key`].
    pub(crate) fn receipt(&self) -> String {
        let Order { id, placed_at, total_cents, .. } = &self.order;
        let mut text = format!("RECEIPT  {id}\n{}\n\n", placed_at.format("%Y-%m-%d %H:%M:%S UTC"));
        for OrderLine { name, quantity, price_cents, .. } in &self.lines {
            let (price, sum) = (money(*price_cents), money(quantity * price_cents));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{quantity:>5} x {name:<32} {price:>10} {sum:>12}");
        }
        let _ = writeln!(text, "{:>64} EUR", money(*total_cents));
        text
    }
}

/// What all lines cost together.
pub(crate) fn total_of(lines: &[OrderLine]) -> i64 {
    lines.iter().map(|line| line.quantity * line.price_cents).sum()
}

/// The key of the receipt of `order` in the bucket `receipts`.
pub(crate) fn receipt_key(order: Uuid) -> String {
    format!("{order}.txt")
}

/// The order that the object under `key` in `receipts` or `letters` belongs to.
pub(crate) fn order_of_key(key: &str) -> Option<Uuid> {
    key.strip_suffix(".txt")?.parse().ok()
}

/// What the queue `orders_to_ship` carries: an order that the worker is to ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parcel {
    /// The order.
    pub order: Uuid,
}

/// What the worker did: a document of the collection `shipments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shipment {
    /// The id of the document: the order's.
    #[serde(rename = "_id")]
    pub id: Uuid,
    /// The customer.
    pub account: i64,
    /// What the carrier calls it.
    pub tracking: String,
    /// The pieces in the parcel.
    pub pieces: i64,
    /// When it was handed over.
    pub shipped_at: DateTime<Utc>,
}

impl Shipment {
    pub(crate) fn new(order: &Order, lines: &[OrderLine], shipped_at: DateTime<Utc>) -> Self {
        Shipment {
            id: order.id,
            account: order.account,
            tracking: tracking(order.id),
            pieces: lines.iter().map(|line| line.quantity).sum(),
            shipped_at,
        }
    }

    /// The letter to the customer, which the bucket `letters` keeps under [`receipt_key`].
    pub(crate) fn letter(&self) -> String {
        let Shipment { id, tracking, pieces, shipped_at, .. } = self;
        let day = shipped_at.format("%Y-%m-%d");
        format!("Your order {id} is on its way.\n{pieces} pieces were handed over on {day}, tracking {tracking}.\n")
    }
}

fn tracking(order: Uuid) -> String {
    let hex = order.simple().to_string().to_uppercase();
    // The end of an id is its random part.
    format!("MQ{}", &hex[hex.len() - 12..])
}

/// What one step of the worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// It shipped this order.
    Shipped(Uuid),
    /// It took a message whose work was done already, and only acknowledged it.
    Repeated(Uuid),
    /// No message became ready within the wait.
    Idle,
}

/// The present moment, as precise as a column keeps it.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::<Utc>::from(SystemTime::now()).trunc_subsecs(6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::products;

    #[test]
    fn carts_that_nobody_can_serve_are_refused() {
        assert!(Cart::new().with("ash-stool", 2).with("ash-stool", 3).check().is_ok());
        let twice = Cart { items: vec![Item { product: "ash-stool".into(), quantity: 1 }; 2], ..Cart::new() };
        for cart in
            [Cart::new(), twice, Cart::new().with("a", 0), Cart::new().with("a", -1), Cart::new().with("a", i64::MAX)]
        {
            assert!(matches!(cart.check(), Err(Refusal::BadCart(_))), "{cart:?}");
        }
    }

    #[test]
    fn a_receipt_lists_what_was_bought_and_its_sum() {
        let product = products().swap_remove(0);
        let cart = Cart::new().with(&product.id, 3);
        let sale = Sale::new(7, &cart, std::slice::from_ref(&product), now());
        assert_eq!(sale.order.total_cents, 3 * product.price_cents);
        let receipt = sale.receipt();
        assert!(receipt.contains(&product.name) && receipt.contains(&money(sale.order.total_cents)), "{receipt}");
        assert_eq!(order_of_key(&receipt_key(cart.order)), Some(cart.order));
    }
}
