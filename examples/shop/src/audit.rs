//! Whether every order is whole in all six models, or absent in all: what a shop on six servers could not tell.
//!
//! ```text
//!   order row -- lines -- total          stock.received - sold = stock.quantity = product.in_stock
//!       |---- receipt, byte by byte      product.sold = sum over the lines
//!       |---- paid:    one message       the product is found by search with just these counters
//!       '---- shipped: shipment, letter  a cached page shows just these counters
//! ```
//!
//! [`Books`] are everything at one version; the two ways to the store fill them, and this file alone judges.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::catalogue::{Product, Stock};
use crate::order::{Account, Order, OrderLine, OrderState, Sale, Shipment, order_of_key, total_of};
use crate::page;

/// Contradictions that an audit describes; it counts the rest.
const DESCRIBED_MAX: usize = 20;

/// Everything that the shop keeps, read at one version.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) accounts: Vec<Account>,
    pub(crate) orders: Vec<Order>,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) stock: Vec<Stock>,
    pub(crate) products: Vec<Product>,
    pub(crate) shipments: Vec<Shipment>,
    /// By key.
    pub(crate) receipts: BTreeMap<String, Vec<u8>>,
    /// By key.
    pub(crate) letters: BTreeMap<String, Vec<u8>>,
    /// Messages of `orders_to_ship`, in whatever state.
    pub(crate) messages: u64,
    /// The products that search finds with the counters that their documents have.
    pub(crate) found: BTreeSet<String>,
    /// Cached pages by product.
    pub(crate) pages: BTreeMap<String, Vec<u8>>,
}

/// What an audit counted, and what did not fit together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Customers.
    pub accounts: usize,
    /// Orders, paid and shipped.
    pub orders: usize,
    /// Orders that wait for the worker.
    pub paid: usize,
    /// Orders that the worker has shipped.
    pub shipped: usize,
    /// Lines of orders.
    pub lines: usize,
    /// Pieces sold.
    pub pieces: i64,
    /// Receipts, each equal to its order byte by byte.
    pub receipts: usize,
    /// Messages to the worker.
    pub messages: u64,
    /// Products that search finds with their present counters.
    pub products_found: usize,
    /// Pages in the cache, each showing the present counters.
    pub pages: usize,
    /// How much does not fit together; zero when all is well.
    pub contradiction_count: usize,
    /// The first contradictions, in words.
    pub contradictions: Vec<String>,
    /// The ids of all orders.
    #[serde(skip)]
    pub order_ids: BTreeSet<Uuid>,
}

impl Audit {
    /// Whether nothing contradicts anything.
    pub fn is_clean(&self) -> bool {
        self.contradiction_count == 0
    }

    /// The orders of `acknowledged` that are not there: a store that keeps its word lost none.
    pub fn missing<'a>(&self, acknowledged: impl IntoIterator<Item = &'a Uuid>) -> Vec<Uuid> {
        acknowledged.into_iter().filter(|order| !self.order_ids.contains(order)).copied().collect()
    }

    fn contradiction(&mut self, what: String) {
        self.contradiction_count += 1;
        if self.contradictions.len() < DESCRIBED_MAX {
            self.contradictions.push(what);
        }
    }

    fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.contradiction(what());
        }
    }
}

impl Books {
    /// What there is, and everything in it that does not fit together.
    pub(crate) fn audit(self) -> Audit {
        let state = |state| self.orders.iter().filter(|order| order.state == state).count();
        let mut audit = Audit {
            accounts: self.accounts.len(),
            orders: self.orders.len(),
            paid: state(OrderState::Paid),
            shipped: state(OrderState::Shipped),
            lines: self.lines.len(),
            pieces: self.lines.iter().map(|line| line.quantity).sum(),
            receipts: self.receipts.len(),
            messages: self.messages,
            products_found: self.found.len(),
            pages: self.pages.len(),
            order_ids: self.orders.iter().map(|order| order.id).collect(),
            ..Audit::default()
        };
        let lines = self.lines_by_order();
        self.orders_are_whole(&lines, &mut audit);
        self.nothing_is_without_its_order(&lines, &mut audit);
        self.stock_adds_up(&mut audit);
        self.what_is_derived_is_fresh(&mut audit);
        let paid = audit.paid as u64;
        audit.require(self.messages == paid, || {
            format!("{paid} orders wait to be shipped, and there are {} messages to the worker", self.messages)
        });
        audit
    }

    fn lines_by_order(&self) -> BTreeMap<Uuid, Vec<OrderLine>> {
        let mut lines: BTreeMap<Uuid, Vec<OrderLine>> = BTreeMap::new();
        for line in &self.lines {
            lines.entry(line.order_id).or_default().push(line.clone());
        }
        lines
    }

    fn orders_are_whole(&self, lines: &BTreeMap<Uuid, Vec<OrderLine>>, audit: &mut Audit) {
        let accounts: BTreeSet<i64> = self.accounts.iter().map(|account| account.id).collect();
        let shipments: BTreeMap<Uuid, &Shipment> = self.shipments.iter().map(|parcel| (parcel.id, parcel)).collect();
        for order in &self.orders {
            let id = order.id;
            let lines = lines.get(&id).cloned().unwrap_or_default();
            audit.require(accounts.contains(&order.account), || format!("order {id} is nobody's"));
            audit.require(!lines.is_empty(), || format!("order {id} has no lines"));
            audit.require(lines.iter().zip(1..).all(|(line, number)| line.line == number), || {
                format!("the lines of order {id} are not numbered 1, 2, 3, ...")
            });
            let total = total_of(&lines);
            audit.require(total == order.total_cents, || {
                format!("order {id} says {} cents and its lines {total}", order.total_cents)
            });
            self.work_is_whole(order, &lines, shipments.get(&id).copied(), audit);
            let receipt = Sale { order: order.clone(), lines }.receipt();
            let kept = self.receipts.get(&crate::order::receipt_key(id)).map(Vec::as_slice);
            audit.require(kept == Some(receipt.as_bytes()), || match kept {
                None => format!("order {id} has no receipt"),
                Some(_) => format!("the receipt of order {id} is not what its rows say"),
            });
        }
    }

    fn work_is_whole(&self, order: &Order, lines: &[OrderLine], shipment: Option<&Shipment>, audit: &mut Audit) {
        let id = order.id;
        let letter = self.letters.get(&crate::order::receipt_key(id)).map(Vec::as_slice);
        match (order.state, shipment) {
            (OrderState::Paid, None) => {
                audit.require(letter.is_none(), || format!("order {id} is not shipped, and a letter says it is"));
            }
            (OrderState::Shipped, Some(shipment)) => {
                audit.require(*shipment == Shipment::new(order, lines, shipment.shipped_at), || {
                    format!("the shipment of order {id} is not what its rows say")
                });
                audit.require(letter == Some(shipment.letter().as_bytes()), || {
                    format!("the letter about order {id} is missing or not what its shipment says")
                });
            }
            (state, _) => audit.contradiction(format!(
                "order {id} is {} and there is {} shipment of it",
                state.as_str(),
                if shipment.is_some() { "a" } else { "no" }
            )),
        }
    }

    fn nothing_is_without_its_order(&self, lines: &BTreeMap<Uuid, Vec<OrderLine>>, audit: &mut Audit) {
        let orders = audit.order_ids.clone();
        for id in lines.keys().filter(|id| !orders.contains(id)) {
            audit.contradiction(format!("there are lines of order {id}, which is not there"));
        }
        for shipment in self.shipments.iter().filter(|shipment| !orders.contains(&shipment.id)) {
            audit.contradiction(format!("there is a shipment of order {}, which is not there", shipment.id));
        }
        for key in self.receipts.keys().chain(self.letters.keys()) {
            let known = order_of_key(key).is_some_and(|order| orders.contains(&order));
            audit.require(known, || format!("there is a receipt or letter {key:?} of an order that is not there"));
        }
    }

    fn stock_adds_up(&self, audit: &mut Audit) {
        let mut sold: BTreeMap<&str, i64> = BTreeMap::new();
        for line in &self.lines {
            *sold.entry(&line.product).or_default() += line.quantity;
        }
        let products: BTreeMap<&str, &Product> = self.products.iter().map(|product| (&*product.id, product)).collect();
        audit.require(self.stock.len() == self.products.len(), || {
            format!("there are {} products and {} rows of stock", self.products.len(), self.stock.len())
        });
        for Stock { product, received, quantity } in &self.stock {
            let sold = sold.remove(&**product).unwrap_or(0);
            audit.require(*quantity >= 0 && received - sold == *quantity, || {
                format!("of {product} {received} were delivered and {sold} sold, but {quantity} are left")
            });
            let counters = products.get(&**product).map(|product| (product.in_stock, product.sold));
            audit.require(counters == Some((*quantity, sold)), || {
                format!("of {product} {quantity} are left and {sold} sold; the catalogue says {counters:?}")
            });
        }
        for (product, sold) in sold {
            audit.contradiction(format!("{sold} of {product} were sold, and there is no row of stock for it"));
        }
    }

    fn what_is_derived_is_fresh(&self, audit: &mut Audit) {
        for product in &self.products {
            audit.require(self.found.contains(&product.id), || {
                format!(
                    "search does not find {} with {} in stock and {} sold",
                    product.id, product.in_stock, product.sold
                )
            });
            let page = self.pages.get(&product.id);
            audit.require(page.is_none_or(|page| *page == page::render(product).as_bytes()), || {
                format!("the cached page of {} is stale", product.id)
            });
        }
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "orders      {} ({} shipped, {} waiting), {} pieces",
            self.orders, self.shipped, self.paid, self.pieces
        )?;
        writeln!(f, "tables      {} accounts, {} lines, stock adds up per product", self.accounts, self.lines)?;
        writeln!(f, "documents   {} shipments, counters of the catalogue", self.shipped)?;
        writeln!(f, "blobs       {} receipts, compared byte by byte", self.receipts)?;
        writeln!(f, "cache       {} pages", self.pages)?;
        writeln!(f, "search      {} products with their counters", self.products_found)?;
        writeln!(f, "queue       {} messages", self.messages)?;
        match self.contradiction_count {
            0 => write!(f, "Every order is whole in all six models."),
            count => write!(f, "{count} contradictions:\n  {}", self.contradictions.join("\n  ")),
        }
    }
}

#[cfg(test)]
mod tests;
