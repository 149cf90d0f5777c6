//! Orders over all six models from several clients at once, and what the clients were told of them.
//!
//! ```text
//!   an order      a row, a decremented stock row, a changed document that search finds, a receipt, a cache entry, a message
//!   a shipment    a row, and the acknowledgement of that message
//! ```
//!
//! What was told is kept here, outside the process that dies. After it, every order is whole in all models or absent in
//! all, and nothing acknowledged is missing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use marquetry_client::{
    Client, Column, Message, PutOptions, Receive, Result, Scan, SearchRequest, SetOptions, TableDefinition, Transaction,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const PRODUCTS: i64 = 8;
const STOCK: i64 = 1_000_000;
const LEASE: Duration = Duration::from_secs(1);

/// How long the queue may give nothing before what is missing counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the clients asked for and were told.
#[derive(Default)]
pub(crate) struct Told {
    next: AtomicI64,
    pub(crate) ordered: Mutex<BTreeSet<i64>>,
    pub(crate) shipped: Mutex<BTreeSet<i64>>,
    /// Orders below this one have been compared byte by byte.
    compared: AtomicI64,
}

fn product_of(order: i64) -> String {
    format!("p{}", order % PRODUCTS)
}

fn receipt(order: i64) -> String {
    format!("receipt of order {order}: one {}", product_of(order))
}

fn key(order: i64) -> String {
    format!("{order:012}")
}

pub(crate) async fn furnish(client: &Client) -> Result<()> {
    let number = |name: &str| Column::new(name, "int8").not_null();
    let table = |name: &str, columns: Vec<Column>| TableDefinition {
        name: name.into(),
        primary_key: vec![columns[0].name.clone()],
        columns,
        ..TableDefinition::default()
    };
    client.tables().create(&table("orders", vec![number("id"), Column::new("product", "text")])).await?;
    client.tables().create(&table("shipments", vec![number("id")])).await?;
    client.tables().create(&table("stock", vec![Column::new("product", "text"), number("units")])).await?;
    client.documents().create("products").await?;
    client.blobs().create_bucket("receipts").await?;
    client.cache().create("pages", json!({"class": "durable"})).await?;
    client.queues().create("shipping", json!({"lease_ms": LEASE.as_millis() as u64})).await?;
    let fields = json!({"name": {"type": "text"}, "last": {"type": "keyword"}});
    client.search().create("product_search", json!({"source": "products", "fields": fields})).await?;
    for number in 0..PRODUCTS {
        let product = product_of(number);
        client.tables().insert("stock", json!({"product": product, "units": STOCK})).await?;
        client
            .documents()
            .insert("products", json!({"_id": product, "name": "lamp", "sold": 0, "last": "none"}))
            .await?;
    }
    Ok(())
}

async fn check_out(tx: &Transaction, order: i64) -> Result<()> {
    let product = product_of(order);
    let stock = tx.tables().get("stock", product.as_str()).await?.expect("every product is in stock");
    let units = stock["units"].as_i64().expect("units are a number") - 1;
    tx.tables().update("stock", product.as_str(), json!({"units": units})).await?;
    tx.tables().insert("orders", json!({"id": order, "product": product})).await?;
    let change = json!({"$inc": {"sold": 1}, "$set": {"last": format!("order{order}")}});
    tx.documents().update("products", &product, change).await?;
    tx.blobs().put("receipts", &key(order), receipt(order), &PutOptions::default()).await?;
    tx.cache().set("pages", &product, order.to_string(), &SetOptions::default()).await?;
    tx.queues().send("shipping", json!({"order": order})).await?;
    Ok(())
}

/// Ships up to `count` orders that wait, as one; how many there were.
async fn ship(client: &Client, told: &Told, count: usize) -> Result<usize> {
    let receive = Receive { count, wait: Duration::from_millis(200), ..Receive::default() };
    let messages = client.queues().receive("shipping", &receive).await?;
    let order_of = |message: &Message| message.body["order"].as_i64().expect("messages name their order");
    let shipping = async |tx: Transaction| {
        for message in &messages {
            tx.tables().insert("shipments", json!({"id": order_of(message)})).await?;
            tx.queues().acknowledge("shipping", &message.receipt).await?;
        }
        Ok(())
    };
    client.transact(shipping).await?;
    told.shipped.lock().extend(messages.iter().map(order_of));
    Ok(messages.len())
}

/// Ships what is left. What the dead had leased comes back when its lease ends; a queue that gives nothing for long
/// after that has lost what is missing.
pub(crate) async fn ship_the_rest(client: &Client, told: &Told) {
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        match ship(client, told, 100).await.unwrap() {
            0 if ids(client, "shipments").await == ids(client, "orders").await => return,
            0 => assert!(Instant::now() < deadline, "messages were lost"),
            _ => deadline = Instant::now() + PATIENCE,
        }
    }
}

/// `clients` that check out and a worker that ships, until the server is gone.
pub(crate) fn traffic(client: &Client, told: &Arc<Told>, clients: u64) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (client, told) = (client.clone(), told.clone());
        tasks.spawn(async move {
            loop {
                let order = told.next.fetch_add(1, Ordering::Relaxed);
                if client.transact(async |tx: Transaction| check_out(&tx, order).await).await.is_err() {
                    return;
                }
                told.ordered.lock().insert(order);
            }
        });
    }
    let (client, told) = (client.clone(), told.clone());
    tasks.spawn(async move { while ship(&client, &told, 1).await.is_ok() {} });
    tasks
}

async fn ids(client: &Client, table: &str) -> BTreeSet<i64> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let page = client.tables().scan(table, &Scan { limit: Some(1000), after, ..Scan::default() }).await.unwrap();
        ids.extend(page.rows.iter().map(|row| row["id"].as_i64().unwrap()));
        match page.next {
            Some(next) => after = Some(next),
            None => return ids,
        }
    }
}

async fn receipts(client: &Client) -> BTreeSet<i64> {
    let (mut ids, mut after) = (BTreeSet::new(), None::<String>);
    loop {
        let page = client.blobs().list("receipts", "", after.as_deref()).await.unwrap();
        ids.extend(page.objects.iter().map(|object| object.key.parse::<i64>().unwrap()));
        match page.next {
            Some(next) => after = Some(next),
            None => return ids,
        }
    }
}

/// Every order is whole in all models or absent in all; what was acknowledged is there.
pub(crate) async fn verify(client: &Client, told: &Told) {
    let (orders, shipments) = (ids(client, "orders").await, ids(client, "shipments").await);
    let missing: Vec<_> = told.ordered.lock().difference(&orders).copied().collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
    let unshipped: Vec<_> = told.shipped.lock().difference(&shipments).copied().collect();
    assert!(unshipped.is_empty(), "acknowledged and lost shipments: {unshipped:?}");
    assert!(shipments.is_subset(&orders), "something was shipped that nobody ordered");
    assert_eq!(receipts(client).await, orders, "receipts and orders differ");
    for order in orders.range(told.compared.load(Ordering::Relaxed)..) {
        let object = client.blobs().get("receipts", &key(*order)).await.unwrap().unwrap();
        assert_eq!(object.bytes().await.unwrap(), receipt(*order), "the receipt of order {order}");
    }
    told.compared.store(orders.last().map_or(0, |last| last + 1), Ordering::Relaxed);

    let counts = client.queues().counts("shipping").await.unwrap();
    let messages = counts.ready + counts.leased + counts.delayed + counts.waiting + counts.dead;
    assert_eq!(messages, (orders.len() - shipments.len()) as u64, "messages, orders and shipments differ: {counts:?}");
    for number in 0..PRODUCTS {
        verify_product(client, &orders, number).await;
    }
}

async fn verify_product(client: &Client, orders: &BTreeSet<i64>, number: i64) {
    let product = product_of(number);
    let sold = orders.iter().filter(|order| *order % PRODUCTS == number).count() as i64;
    let stock = client.tables().get("stock", product.as_str()).await.unwrap().unwrap();
    assert_eq!(stock["units"], json!(STOCK - sold), "stock of {product}");
    let document = client.documents().get("products", &product).await.unwrap().unwrap();
    assert_eq!(document["sold"], json!(sold), "{document}");
    let last = document["last"].as_str().unwrap();
    let request = SearchRequest::new(json!({"term": {"field": "last", "value": last}}));
    let found = client.search().search("product_search", &request).await.unwrap();
    let hits: Vec<&Value> = found.hits.iter().map(|hit| &hit.key).collect();
    let page = client.cache().get("pages", &product).await.unwrap().map(|entry| entry.value);
    match last.strip_prefix("order") {
        Some(order) => {
            assert!(orders.contains(&order.parse().unwrap()), "{last} is in the document and not in the table");
            assert_eq!(hits, [&json!(product)], "search for {last}: {found:?}");
            assert_eq!(page.as_deref(), Some(order.as_bytes()), "the page of {product}");
        }
        None => assert_eq!((sold, page), (0, None)),
    }
}
