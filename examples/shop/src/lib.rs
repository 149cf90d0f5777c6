//! An online shop on Marquetry: the application that the engine is for, small enough to read in one sitting.
//!
//! ```text
//!              Shop        load  register  log_in  browse  picture  search  checkout  restock  work  orders  audit
//!             /    \
//!      Embedded    Remote      the engine in this process, or a server: one URL decides
//!             \    /
//!   catalogue  order  page  picture  schema       what the shop is, whichever way it is stored
//!              audit                              whether it all fits together
//! ```
//!
//! A checkout writes an order row and its lines, takes pieces from stock, moves the counters of the product documents (which
//! search finds at once, and whose cached pages are gone), puts a receipt, and sends a message to the worker: **one
//! transaction**. The worker's step changes the order, adds a shipment and a letter, and acknowledges the message: one
//! transaction too. [`Audit`] compares all of it, and a test kills the process at any moment and asks it.
//!
//! Left out on purpose: passwords, payment, taxes and an interface for people; they would show nothing of the store.

mod audit;
mod catalogue;
pub mod drive;
mod embedded;
mod error;
mod order;
mod page;
mod picture;
mod remote;
mod schema;
mod shop;

pub use audit::Audit;
pub use catalogue::{FIRST_DELIVERY, Product, Stock, products};
pub use embedded::Embedded;
pub use error::{Refusal, Result, ShopError};
pub use order::{CART_ITEMS_MAX, CUSTOMERS, Cart, ITEM_QUANTITY_MAX, Item, Order, OrderState, Worked};
pub use remote::Remote;
pub use schema::{
    ACCOUNTS, COUNTERS, LETTERS, ORDER_LINES, ORDERS, ORDERS_TO_SHIP, PAGES, PICTURES, PRODUCTS, PRODUCTS_TEXT,
    RECEIPTS, SESSIONS, SHIPMENTS, STOCK,
};
pub use shop::{Found, Shop};
