//! The names of everything that the shop keeps, and what each of them is: the same JSON for the engine and a server.
//!
//! ```text
//!   accounts  orders  order_lines  stock      tables
//!   products  shipments                       collections      products_text     search over products
//!   pictures  receipts  letters               buckets
//!   sessions  pages  counters                 caches           orders_to_ship    queue
//! ```

use serde_json::{Value, json};

use crate::catalogue::Product;

/// Table of customers.
pub const ACCOUNTS: &str = "accounts";
/// Table of orders.
pub const ORDERS: &str = "orders";
/// Table of what was ordered.
pub const ORDER_LINES: &str = "order_lines";
/// Table of how many pieces there are.
pub const STOCK: &str = "stock";
/// Collection of the catalogue.
pub const PRODUCTS: &str = "products";
/// Collection of what the worker shipped.
pub const SHIPMENTS: &str = "shipments";
/// Search over the catalogue.
pub const PRODUCTS_TEXT: &str = "products_text";
/// Bucket of pictures of products.
pub const PICTURES: &str = "pictures";
/// Bucket of receipts.
pub const RECEIPTS: &str = "receipts";
/// Bucket of letters to customers.
pub const LETTERS: &str = "letters";
/// Cache of who is logged in; survives a crash.
pub const SESSIONS: &str = "sessions";
/// Cache of hot pages; may be lost at any time.
pub const PAGES: &str = "pages";
/// Cache of figures such as visits; a crash may take the last moment of them.
pub const COUNTERS: &str = "counters";
/// Queue of orders for the worker.
pub const ORDERS_TO_SHIP: &str = "orders_to_ship";

/// Index of accounts by address.
pub(crate) const ACCOUNTS_BY_EMAIL: &str = "accounts_by_email";
/// Index of orders by customer and time.
pub(crate) const ORDERS_BY_ACCOUNT: &str = "orders_by_account";

/// The tables with their definitions.
pub(crate) fn tables() -> [(&'static str, Value); 4] {
    let column = |name: &str, data_type: &str| json!({ "name": name, "type": data_type, "not_null": true });
    [
        (
            ACCOUNTS,
            json!({
                "columns": [
                    { "name": "id", "type": "int8", "not_null": true, "auto_increment": true },
                    column("email", "text"),
                    column("name", "text"),
                ],
                "primary_key": ["id"],
                "indexes": [{ "name": ACCOUNTS_BY_EMAIL, "columns": ["email"], "unique": true }],
            }),
        ),
        (
            ORDERS,
            json!({
                "columns": [
                    column("id", "uuid"),
                    column("account", "int8"),
                    column("placed_at", "timestamptz"),
                    column("state", "text"),
                    column("total_cents", "int8"),
                ],
                "primary_key": ["id"],
                "indexes": [{ "name": ORDERS_BY_ACCOUNT, "columns": ["account", "placed_at"] }],
            }),
        ),
        (
            ORDER_LINES,
            json!({
                "columns": [
                    column("order_id", "uuid"),
                    column("line", "int8"),
                    column("product", "text"),
                    column("name", "text"),
                    column("quantity", "int8"),
                    column("price_cents", "int8"),
                ],
                "primary_key": ["order_id", "line"],
            }),
        ),
        (
            STOCK,
            json!({
                "columns": [column("product", "text"), column("received", "int8"), column("quantity", "int8")],
                "primary_key": ["product"],
            }),
        ),
    ]
}

/// The collections with their indexes.
pub(crate) fn collections() -> [(&'static str, Vec<Value>); 2] {
    let by_category = json!({ "name": "products_by_category", "fields": ["category", "price_cents"] });
    [(PRODUCTS, vec![by_category]), (SHIPMENTS, Vec::new())]
}

/// The buckets.
pub(crate) const BUCKETS: [&str; 3] = [PICTURES, RECEIPTS, LETTERS];

/// The search over the catalogue: the words of name and description, and the counters as they are.
pub(crate) fn search() -> Value {
    json!({
        "source": PRODUCTS,
        "fields": {
            "name": { "type": "text", "language": "english", "weight": 3.0 },
            "description": { "type": "text", "language": "english" },
            "category": { "type": "keyword" },
            "wood": { "type": "keyword" },
            "price_cents": { "type": "integer" },
            "in_stock": { "type": "integer" },
            "sold": { "type": "integer" },
        },
    })
}

/// The caches with their settings: sessions last a week and survive a crash, pages live in memory.
pub(crate) fn caches() -> [(&'static str, Value); 3] {
    [
        (SESSIONS, json!({ "class": "durable", "default_ttl_ms": 7 * 24 * 3600 * 1000 })),
        (PAGES, json!({ "class": "volatile" })),
        (COUNTERS, json!({ "class": "buffered" })),
    ]
}

/// The settings of the queue: a worker has a minute for a parcel.
pub(crate) fn queue() -> Value {
    json!({ "lease_ms": 60_000, "receives_max": 20 })
}

/// The query for `words`, in one category or in all.
pub(crate) fn query_for(words: &str, category: Option<&str>) -> Value {
    let filter: Vec<Value> =
        category.map(|category| json!({ "term": { "field": "category", "value": category } })).into_iter().collect();
    json!({ "bool": { "must": [{ "match": { "text": words } }], "filter": filter } })
}

/// The query that finds `product` exactly if the index knows its present counters.
pub(crate) fn query_by_counters(product: &Product) -> Value {
    json!({ "bool": { "filter": [
        { "ids": { "values": [product.id] } },
        { "match": { "text": product.name, "operator": "and" } },
        { "term": { "field": "in_stock", "value": product.in_stock } },
        { "term": { "field": "sold", "value": product.sold } },
    ] } })
}
