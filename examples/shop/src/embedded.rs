//! The shop in this process: the verbs through the engine, in the calling thread.
//!
//! ```text
//!   checkout   transact { stock, product, page | order, lines, receipt, message }
//!   work       transact { receive }   transact { order, shipment, letter, acknowledge }
//! ```
//!
//! A closure given to `transact` is run again when another commit got in its way, so nothing in it acts outside the
//! transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use marquetry::blob::{ListOptions, ObjectAttributes, ObjectCondition, PutOptions};
use marquetry::cache::{Caches, LoadOptions, SetOptions};
use marquetry::document::{Documents, Find};
use marquetry::kv::Reader;
use marquetry::queue::{QueueCounts, ReceiveOptions};
use marquetry::search::{FacetRequest, SearchRequest};
use marquetry::table::{Row, ScanRequest, TableDefinition, Tables};
use marquetry::{Database, Error, ErrorKind, Snapshot, Transaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::{Audit, Books};
use crate::catalogue::{Product, Stock, products};
use crate::error::{Refusal, Result};
use crate::order::{
    CUSTOMERS, Cart, LETTER_CACHE_CONTROL, LETTER_TYPE, Order, OrderLine, OrderState, Parcel, Sale, Session, Shipment,
    Worked, now, receipt_key,
};
use crate::page;
use crate::picture::{PICTURE_CACHE_CONTROL, PICTURE_TYPE, draw};
use crate::schema::{
    self, ACCOUNTS, ACCOUNTS_BY_EMAIL, LETTERS, ORDER_LINES, ORDERS, ORDERS_BY_ACCOUNT, ORDERS_TO_SHIP, PAGES,
    PICTURES, PRODUCTS, PRODUCTS_TEXT, RECEIPTS, SESSIONS, SHIPMENTS, STOCK,
};
use crate::shop::Found;

/// What the counts per category are called in a search.
const CATEGORIES: &str = "categories";

/// The shop over a database in this process.
#[derive(Debug, Clone)]
pub struct Embedded {
    database: Database,
}

impl Embedded {
    /// The shop in `database`.
    pub fn new(database: Database) -> Self {
        Embedded { database }
    }

    /// The database that the shop is in.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// See [`Shop::load`](crate::Shop::load).
    pub fn load(&self) -> Result<bool> {
        let is_made = self.database.transact(|tx| {
            if tx.tables().list()?.iter().any(|table| table == ORDERS) {
                return Ok(false);
            }
            make(tx).map(|()| true)
        });
        Ok(is_made?)
    }

    /// See [`Shop::register`](crate::Shop::register).
    pub fn register(&self, email: &str, name: &str) -> Result<i64> {
        let row = Row::new().set("email", email).set("name", name);
        match self.database.transact(|tx| tx.tables().insert(ACCOUNTS, row.clone())) {
            Ok(row) => Ok(row.integer("id")?),
            Err(error) if error.kind() == ErrorKind::Constraint => Err(Refusal::EmailTaken(email.to_owned()).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// See [`Shop::log_in`](crate::Shop::log_in).
    pub fn log_in(&self, email: &str) -> Result<String> {
        let token = Uuid::new_v4().simple().to_string();
        self.database.transact(|tx| {
            let account = tx.tables().get_by(ACCOUNTS, ACCOUNTS_BY_EMAIL, email)?;
            let account = account.ok_or_else(|| Refusal::UnknownEmail(email.to_owned()))?.integer("id")?;
            let session = to_json(&Session { account }).to_string();
            tx.cache().set(SESSIONS, &token, session, &SetOptions::default()).map(drop)
        })?;
        Ok(token)
    }

    /// See [`Shop::browse`](crate::Shop::browse).
    pub fn browse(&self, product: &str) -> Result<String> {
        // The entry remembers that it was made from this document: a commit that changes the document takes it away.
        let page = self.database.get_or_load(PAGES, product, &LoadOptions::default(), |snapshot| {
            Ok(page::render(&find_product(snapshot.documents(), product)?).into())
        })?;
        Ok(String::from_utf8_lossy(&page).into_owned())
    }

    /// See [`Shop::picture`](crate::Shop::picture).
    pub fn picture(&self, product: &str) -> Result<Vec<u8>> {
        let picture = self.database.read(|snapshot| {
            let product: Product = find_product(snapshot.documents(), product)?;
            snapshot.blobs().get(PICTURES, &product.picture)
        })?;
        let picture = picture.ok_or_else(|| Refusal::UnknownProduct(product.to_owned()))?;
        Ok(picture.into_bytes()?)
    }

    /// See [`Shop::search`](crate::Shop::search).
    pub fn search(&self, words: &str, category: Option<&str>) -> Result<Found> {
        let mut request = SearchRequest::new(from_json(schema::query_for(words, category))?);
        request.documents = true;
        request.facets.insert(CATEGORIES.to_owned(), FacetRequest::values("category"));
        let mut response = self.database.read(|snapshot| snapshot.search().search(PRODUCTS_TEXT, &request))?;
        let products = response.hits.into_iter().filter_map(|hit| hit.document).map(from_json);
        let counts = response.facets.remove(CATEGORIES).unwrap_or_default();
        let categories = counts.into_iter().map(|count| Ok((from_json(count.value)?, count.count)));
        Ok(Found {
            products: products.collect::<marquetry::Result<_>>()?,
            total: response.total,
            categories: categories.collect::<marquetry::Result<_>>()?,
        })
    }

    /// See [`Shop::checkout`](crate::Shop::checkout).
    pub fn checkout(&self, session: &str, cart: &Cart) -> Result<Order> {
        cart.check()?;
        Ok(self.database.transact(|tx| check_out(tx, session, cart))?)
    }

    /// See [`Shop::restock`](crate::Shop::restock).
    pub fn restock(&self, product: &str, quantity: i64) -> Result<i64> {
        Ok(self.database.transact(|tx| {
            let stock = find_stock(tx, product)?;
            let (received, left) = (stock.received + quantity, stock.quantity + quantity);
            tx.tables().update(STOCK, product, Row::new().set("received", received).set("quantity", left))?;
            tx.documents().update(PRODUCTS, product, &json!({ "$inc": { "in_stock": quantity } }))?;
            tx.cache().delete(PAGES, product)?;
            Ok(left)
        })?)
    }

    /// See [`Shop::work`](crate::Shop::work).
    pub fn work(&self, wait: Duration) -> Result<Worked> {
        let received = self.database.receive(ORDERS_TO_SHIP, &ReceiveOptions::default(), wait)?;
        let Some(message) = received.into_iter().next() else { return Ok(Worked::Idle) };
        let Parcel { order } = from_json(message.body.as_json()?.clone())?;
        let is_new = self.database.transact(|tx| {
            let is_new = ship(tx, order)?;
            tx.queues().acknowledge(ORDERS_TO_SHIP, &message.receipt)?;
            Ok(is_new)
        })?;
        Ok(if is_new { Worked::Shipped(order) } else { Worked::Repeated(order) })
    }

    /// See [`Shop::orders`](crate::Shop::orders).
    pub fn orders(&self, session: &str) -> Result<Vec<Order>> {
        Ok(self.database.read(|snapshot| {
            let session = find_session(snapshot.cache(), session)?;
            let newest_first = ScanRequest::index(ORDERS_BY_ACCOUNT).equal(session.account).descending();
            rows(snapshot.tables(), ORDERS, &newest_first)
        })?)
    }

    /// See [`Shop::order`](crate::Shop::order).
    pub fn order(&self, id: Uuid) -> Result<Option<Order>> {
        let row = self.database.read(|snapshot| snapshot.tables().get(ORDERS, id))?;
        Ok(row.map(from_row).transpose()?)
    }

    /// See [`Shop::audit`](crate::Shop::audit).
    pub fn audit(&self) -> Result<Audit> {
        Ok(self.database.read(read_books)?.audit())
    }
}

/// The whole checkout: the shop's one transaction over six models.
fn check_out(tx: &Transaction, session: &str, cart: &Cart) -> marquetry::Result<Order> {
    let session = find_session(tx.cache(), session)?;
    if let Some(row) = tx.tables().get(ORDERS, cart.order)? {
        return from_row(row);
    }
    let mut products = Vec::with_capacity(cart.items.len());
    for item in &cart.items {
        products.push(take(tx, &item.product, item.quantity)?);
    }
    let sale = Sale::new(session.account, cart, &products, now());
    let (order, tables) = (&sale.order, tx.tables());
    tables.insert(ORDERS, order_row(order))?;
    tables.insert_many(ORDER_LINES, sale.lines.iter().map(line_row))?;
    tx.blobs().put(RECEIPTS, &receipt_key(order.id), sale.receipt().as_bytes(), &letter_options())?;
    tx.queues().send(ORDERS_TO_SHIP, to_json(&Parcel { order: order.id }))?;
    Ok(sale.order)
}

/// Takes pieces of a product from the shop: from its stock, and from what the catalogue and search say of it.
fn take(tx: &Transaction, product: &str, quantity: i64) -> marquetry::Result<Product> {
    let left = find_stock(tx, product)?.quantity;
    if left < quantity {
        return Err(Refusal::OutOfStock { product: product.to_owned(), wanted: quantity, left }.into());
    }
    tx.tables().update(STOCK, product, Row::new().set("quantity", left - quantity))?;
    let counters = json!({ "$inc": { "sold": quantity, "in_stock": -quantity } });
    let document = tx.documents().update(PRODUCTS, product, &counters)?;
    tx.cache().delete(PAGES, product)?;
    from_json(document.ok_or_else(|| Refusal::UnknownProduct(product.to_owned()))?)
}

/// Ships `order`; whether that was still to be done.
fn ship(tx: &Transaction, order: Uuid) -> marquetry::Result<bool> {
    let row = tx.tables().get(ORDERS, order)?;
    let row = row.ok_or_else(|| Error::not_found(format!("there is no order {order} to ship")))?;
    let found: Order = from_row(row)?;
    if found.state == OrderState::Shipped {
        return Ok(false);
    }
    let lines: Vec<OrderLine> = rows(tx.tables(), ORDER_LINES, &ScanRequest::primary_key().equal(order))?;
    let shipment = Shipment::new(&found, &lines, now());
    tx.tables().update(ORDERS, order, Row::new().set("state", OrderState::Shipped.as_str()))?;
    tx.documents().insert(SHIPMENTS, to_json(&shipment))?;
    tx.blobs().put(LETTERS, &receipt_key(order), shipment.letter().as_bytes(), &letter_options())?;
    Ok(true)
}

/// Declares everything and fills the catalogue.
fn make(tx: &Transaction) -> marquetry::Result<()> {
    for (name, definition) in schema::tables() {
        tx.tables().create(name, &from_json::<TableDefinition>(definition)?)?;
    }
    for (name, indexes) in schema::collections() {
        tx.documents().create_collection(name)?;
        for index in indexes {
            tx.documents().create_index(name, &from_json(index)?)?;
        }
    }
    for bucket in schema::BUCKETS {
        tx.blobs().create_bucket(bucket)?;
    }
    for (name, settings) in schema::caches() {
        tx.cache().create_namespace(name, &from_json(settings)?)?;
    }
    tx.queues().create(ORDERS_TO_SHIP, &from_json(schema::queue())?)?;
    tx.search().create_index(PRODUCTS_TEXT, &from_json(schema::search())?)?;
    for product in products() {
        let Stock { product: name, received, quantity } = product.stock();
        let stock = Row::new().set("product", name).set("received", received).set("quantity", quantity);
        tx.tables().insert(STOCK, stock)?;
        tx.documents().insert(PRODUCTS, to_json(&product))?;
        tx.blobs().put(PICTURES, &product.picture, draw(&product).as_bytes(), &picture_options())?;
    }
    for (name, email) in CUSTOMERS {
        tx.tables().insert(ACCOUNTS, Row::new().set("name", name).set("email", email))?;
    }
    Ok(())
}

/// Everything that the shop keeps, as `snapshot` sees it.
fn read_books(snapshot: &Snapshot) -> marquetry::Result<Books> {
    let all = ScanRequest::primary_key();
    let mut books = Books {
        accounts: rows(snapshot.tables(), ACCOUNTS, &all)?,
        orders: rows(snapshot.tables(), ORDERS, &all)?,
        lines: rows(snapshot.tables(), ORDER_LINES, &all)?,
        stock: rows(snapshot.tables(), STOCK, &all)?,
        products: documents(snapshot, PRODUCTS)?,
        shipments: documents(snapshot, SHIPMENTS)?,
        receipts: objects(snapshot, RECEIPTS)?,
        letters: objects(snapshot, LETTERS)?,
        messages: messages(snapshot.queues().counts(ORDERS_TO_SHIP)?),
        ..Books::default()
    };
    for product in &books.products {
        let by_counters = SearchRequest::new(from_json(schema::query_by_counters(product))?);
        if snapshot.search().search(PRODUCTS_TEXT, &by_counters)?.total == 1 {
            books.found.insert(product.id.clone());
        }
        if let Some(entry) = snapshot.cache().get(PAGES, &product.id)? {
            books.pages.insert(product.id.clone(), entry.value.to_vec());
        }
    }
    Ok(books)
}

fn objects(snapshot: &Snapshot, bucket: &str) -> marquetry::Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    let mut options = ListOptions::default();
    loop {
        let page = snapshot.blobs().list(bucket, &options)?;
        for info in page.objects {
            let reader = snapshot.blobs().get(bucket, &info.key)?;
            let reader = reader.ok_or_else(|| Error::corrupt(format!("{:?} is listed and not there", info.key)))?;
            all.insert(info.key, reader.into_bytes()?);
        }
        options.start_after = page.next_start_after;
        if options.start_after.is_none() {
            return Ok(all);
        }
    }
}

fn rows<T: DeserializeOwned, R: Reader + ?Sized>(
    tables: Tables<'_, R>,
    table: &str,
    request: &ScanRequest,
) -> marquetry::Result<Vec<T>> {
    tables.scan(table, request)?.map(|row| from_row(row?)).collect()
}

fn documents<T: DeserializeOwned>(snapshot: &Snapshot, collection: &str) -> marquetry::Result<Vec<T>> {
    snapshot.documents().find(collection, &Find::default())?.into_iter().map(from_json).collect()
}

fn find_product<R: Reader + ?Sized>(documents: Documents<'_, R>, product: &str) -> marquetry::Result<Product> {
    let document = documents.get(PRODUCTS, product)?;
    from_json(document.ok_or_else(|| Refusal::UnknownProduct(product.to_owned()))?)
}

fn find_session<R: Reader + ?Sized>(cache: Caches<'_, R>, session: &str) -> marquetry::Result<Session> {
    let session = cache.get(SESSIONS, session)?.and_then(|entry| serde_json::from_slice(&entry.value).ok());
    Ok(session.ok_or(Refusal::NotLoggedIn)?)
}

/// Messages in whatever state; dead letters, too, are orders that somebody has to look at.
fn messages(counts: QueueCounts) -> u64 {
    counts.ready + counts.leased + counts.delayed + counts.waiting + counts.dead
}

fn find_stock(tx: &Transaction, product: &str) -> marquetry::Result<Stock> {
    let row = tx.tables().get(STOCK, product)?;
    from_row(row.ok_or_else(|| Refusal::UnknownProduct(product.to_owned()))?)
}

fn order_row(order: &Order) -> Row {
    Row::new()
        .set("id", order.id)
        .set("account", order.account)
        .set("placed_at", order.placed_at)
        .set("state", order.state.as_str())
        .set("total_cents", order.total_cents)
}

fn line_row(line: &OrderLine) -> Row {
    Row::new()
        .set("order_id", line.order_id)
        .set("line", line.line)
        .set("product", &line.product)
        .set("name", &line.name)
        .set("quantity", line.quantity)
        .set("price_cents", line.price_cents)
}

fn picture_options() -> PutOptions {
    let attributes = ObjectAttributes {
        content_type: Some(PICTURE_TYPE.to_owned()),
        cache_control: Some(PICTURE_CACHE_CONTROL.to_owned()),
        ..ObjectAttributes::default()
    };
    PutOptions { attributes, ..PutOptions::default() }
}

/// A receipt or letter that is there already is never written over.
fn letter_options() -> PutOptions {
    let attributes = ObjectAttributes {
        content_type: Some(LETTER_TYPE.to_owned()),
        cache_control: Some(LETTER_CACHE_CONTROL.to_owned()),
        ..ObjectAttributes::default()
    };
    PutOptions { attributes, condition: ObjectCondition::IfAbsent }
}

fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("what the shop keeps can be written as JSON")
}

fn from_row<T: DeserializeOwned>(row: Row) -> marquetry::Result<T> {
    from_json(Value::Object(row.to_json()))
}

fn from_json<T: DeserializeOwned>(value: Value) -> marquetry::Result<T> {
    serde_json::from_value(value).map_err(|fault| Error::corrupt(format!("this is not what the shop keeps: {fault}")))
}
