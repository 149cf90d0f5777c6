//! The shop on a server: the verbs through the async client.
//!
//! ```text
//!   checkout   one batch of reads  -->  price, count  -->  one batch of writes, only if stock is left and prices hold
//!                       ^                                       '-- no: look again
//!                       '---------------------------------------'
//!   work       receive (leases)    -->  transaction { order, shipment, letter, acknowledge }
//! ```
//!
//! Two round trips make a checkout, however many products it has. Everything that it decides by is a precondition of
//! what it writes, so it is as serializable as the embedded one.

use std::collections::BTreeMap;
use std::time::Duration;

use marquetry_client::{
    Client, DocumentIndex, Entry, Error, ErrorKind, Find, ObjectAttributes, PutOptions, QueueCounts, Receive, Scan,
    SearchRequest, SetOptions, TableDefinition, Tables, Transaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::{Audit, Books};
use crate::catalogue::{Product, Stock, products};
use crate::error::{Refusal, Result, ShopError};
use crate::order::{
    Account, CUSTOMERS, Cart, LETTER_CACHE_CONTROL, LETTER_TYPE, Order, OrderLine, OrderState, Parcel, Sale, Session,
    Shipment, Worked, now, receipt_key,
};
use crate::page;
use crate::picture::{PICTURE_CACHE_CONTROL, PICTURE_TYPE, draw};
use crate::schema::{
    self, ACCOUNTS, ACCOUNTS_BY_EMAIL, LETTERS, ORDER_LINES, ORDERS, ORDERS_BY_ACCOUNT, ORDERS_TO_SHIP, PAGES,
    PICTURES, PRODUCTS, PRODUCTS_TEXT, RECEIPTS, SESSIONS, SHIPMENTS, STOCK,
};
use crate::shop::Found;

/// How often a checkout reads again because somebody was faster.
const ATTEMPTS_MAX: u32 = 100;

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Documents in one answer.
const PAGE_LENGTH: u64 = 500;

/// What the counts per category are called in a search.
const CATEGORIES: &str = "categories";

/// The shop on a server.
#[derive(Debug, Clone)]
pub struct Remote {
    client: Client,
}

impl Remote {
    /// The shop on the server that `client` talks to.
    pub fn new(client: Client) -> Self {
        Remote { client }
    }

    /// See [`Shop::load`](crate::Shop::load).
    pub async fn load(&self) -> Result<bool> {
        if self.client.tables().list().await?.iter().any(|table| table == ORDERS) {
            return Ok(false);
        }
        let made = self.client.transact(make).await;
        match made {
            // Somebody else has made it in the meantime.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            made => Ok(made.map(|()| true)?),
        }
    }

    /// See [`Shop::register`](crate::Shop::register).
    pub async fn register(&self, email: &str, name: &str) -> Result<i64> {
        match self.client.tables().insert(ACCOUNTS, json!({ "email": email, "name": name })).await {
            Ok(row) => Ok(from_json::<Account>(Value::Object(row))?.id),
            Err(error) if matches!(error.kind(), ErrorKind::Constraint | ErrorKind::AlreadyExists) => {
                Err(Refusal::EmailTaken(email.to_owned()).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// See [`Shop::log_in`](crate::Shop::log_in).
    pub async fn log_in(&self, email: &str) -> Result<String> {
        let scan = Scan { index: Some(ACCOUNTS_BY_EMAIL.into()), prefix: vec![email.into()], ..Scan::default() };
        let found = self.client.tables().scan(ACCOUNTS, &scan).await?.rows.pop();
        let row = found.ok_or_else(|| Refusal::UnknownEmail(email.to_owned()))?;
        let session = Session { account: from_json::<Account>(Value::Object(row))?.id };
        let token = Uuid::new_v4().simple().to_string();
        self.client.cache().set(SESSIONS, &token, to_json(&session).to_string(), &SetOptions::default()).await?;
        Ok(token)
    }

    /// See [`Shop::browse`](crate::Shop::browse).
    ///
    /// The page is put into the cache by the transaction that read the product. When a checkout comes in between, that
    /// transaction conflicts, so a page that is out of date when it arrives is refused.
    pub async fn browse(&self, product: &str) -> Result<String> {
        if let Some(Entry { value, .. }) = self.client.cache().get(PAGES, product).await? {
            return Ok(String::from_utf8_lossy(&value).into_owned());
        }
        let filled = self.client.transact(|tx| async move {
            let Some(document) = tx.documents().get(PRODUCTS, product).await? else { return Ok(None) };
            let page = page::render(&decoded(document)?);
            tx.cache().set(PAGES, product, page.clone(), &SetOptions::default()).await?;
            Ok(Some(page))
        });
        Ok(filled.await?.ok_or_else(|| Refusal::UnknownProduct(product.to_owned()))?)
    }

    /// See [`Shop::search`](crate::Shop::search).
    pub async fn search(&self, words: &str, category: Option<&str>) -> Result<Found> {
        let mut request = SearchRequest::new(schema::query_for(words, category)).documents();
        request.facets.insert(CATEGORIES.to_owned(), json!({ "field": "category" }));
        let mut response = self.client.search().search(PRODUCTS_TEXT, &request).await?;
        let products = response.hits.into_iter().filter_map(|hit| hit.document).map(from_json);
        let counts = response.facets.remove(CATEGORIES).unwrap_or_default();
        let categories = counts.into_iter().map(|count| Ok((from_json(count.value)?, count.count)));
        Ok(Found {
            products: products.collect::<Result<_>>()?,
            total: response.total,
            categories: categories.collect::<Result<_>>()?,
        })
    }

    /// See [`Shop::picture`](crate::Shop::picture).
    pub async fn picture(&self, product: &str) -> Result<Vec<u8>> {
        let unknown = || Refusal::UnknownProduct(product.to_owned());
        let document = self.client.documents().get(PRODUCTS, product).await?.ok_or_else(unknown)?;
        let key = from_json::<Product>(document)?.picture;
        let object = self.client.blobs().get(PICTURES, &key).await?.ok_or_else(unknown)?;
        Ok(object.bytes().await?.to_vec())
    }

    /// See [`Shop::restock`](crate::Shop::restock).
    pub async fn restock(&self, product: &str, quantity: i64) -> Result<i64> {
        let left = self.client.transact(|tx| async move {
            let amounts = json!({ "received": quantity, "quantity": quantity });
            let row = match tx.tables().add(STOCK, product, amounts).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                row => row?,
            };
            tx.documents().update(PRODUCTS, product, json!({ "$inc": { "in_stock": quantity } })).await?;
            tx.cache().delete(PAGES, product).await?;
            decoded::<Stock>(Value::Object(row)).map(|stock| Some(stock.quantity))
        });
        left.await?.ok_or_else(|| Refusal::UnknownProduct(product.to_owned()).into())
    }

    /// See [`Shop::checkout`](crate::Shop::checkout).
    pub async fn checkout(&self, session: &str, cart: &Cart) -> Result<Order> {
        cart.check()?;
        let mut pause = Duration::from_micros(500);
        for _ in 1..ATTEMPTS_MAX {
            match self.try_checkout(session, cart).await {
                Err(ShopError::Remote(error)) if somebody_was_faster(&error) => {}
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.try_checkout(session, cart).await
    }

    async fn try_checkout(&self, session: &str, cart: &Cart) -> Result<Order> {
        let seen = self.look(session, cart).await?;
        if let Some(order) = seen.order {
            return Ok(order);
        }
        let sale = Sale::new(seen.session.account, cart, &seen.products, now());
        let mut batch = self.client.batch();
        batch =
            batch.only_if(json!({ "op": "cache.get", "cache": SESSIONS, "key": session }), json!({ "exists": true }));
        for line in &sale.lines {
            let product = &line.product;
            batch = batch
                .only_if(get_stock(product), json!({ "matches": { "quantity": { "$gte": line.quantity } } }))
                .only_if(get_product(product), json!({ "contains": { "price_cents": line.price_cents } }))
                .operation(
                    json!({ "op": "table.add", "table": STOCK, "key": [product], "amounts": { "quantity": -line.quantity } }),
                )
                .operation(json!({
                    "op": "document.update",
                    "collection": PRODUCTS,
                    "id": product,
                    "update": { "$inc": { "sold": line.quantity, "in_stock": -line.quantity } },
                }))
                .operation(json!({ "op": "cache.delete", "cache": PAGES, "key": product }))
                .operation(json!({ "op": "table.insert", "table": ORDER_LINES, "row": to_json(line) }));
        }
        batch
            .operation(json!({ "op": "table.insert", "table": ORDERS, "row": to_json(&sale.order) }))
            .operation(json!({
                "op": "object.put",
                "bucket": RECEIPTS,
                "key": receipt_key(sale.order.id),
                "text": sale.receipt(),
                "attributes": letter_attributes(),
                "condition": "if_absent",
            }))
            .operation(json!({ "op": "queue.send", "queue": ORDERS_TO_SHIP, "body": to_json(&Parcel { order: sale.order.id }) }))
            .run()
            .await?;
        Ok(sale.order)
    }

    /// Everything that a checkout decides by, at one version.
    async fn look(&self, session: &str, cart: &Cart) -> Result<Seen> {
        let mut batch = self
            .client
            .batch()
            .operation(json!({ "op": "table.get", "table": ORDERS, "key": [cart.order] }))
            .operation(json!({ "op": "cache.get", "cache": SESSIONS, "key": session }));
        for item in &cart.items {
            batch = batch.operation(get_product(&item.product)).operation(get_stock(&item.product));
        }
        let mut answers = batch.run().await?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let (order, entry) = (next(), next());
        let session = entry["text"].as_str().ok_or(Refusal::NotLoggedIn)?;
        let mut seen = Seen {
            order: (!order.is_null()).then(|| from_json(order)).transpose()?,
            session: serde_json::from_str(session).map_err(|_| Refusal::NotLoggedIn)?,
            products: Vec::new(),
        };
        for item in &cart.items {
            let (product, stock) = (next(), next());
            if product.is_null() || stock.is_null() {
                return Err(Refusal::UnknownProduct(item.product.clone()).into());
            }
            let stock: Stock = from_json(stock)?;
            if stock.quantity < item.quantity {
                let (product, wanted, left) = (item.product.clone(), item.quantity, stock.quantity);
                return Err(Refusal::OutOfStock { product, wanted, left }.into());
            }
            seen.products.push(from_json(product)?);
        }
        Ok(seen)
    }

    /// See [`Shop::work`](crate::Shop::work).
    pub async fn work(&self, wait: Duration) -> Result<Worked> {
        let receive = Receive { wait, ..Receive::default() };
        let Some(message) = self.client.queues().receive(ORDERS_TO_SHIP, &receive).await?.pop() else {
            return Ok(Worked::Idle);
        };
        let Parcel { order } = from_json(message.body)?;
        let receipt = &message.receipt;
        let shipped = self.client.transact(|tx| async move {
            let shipped = ship(&tx, order).await?;
            tx.queues().acknowledge(ORDERS_TO_SHIP, receipt).await?;
            Ok(shipped)
        });
        Ok(if shipped.await? { Worked::Shipped(order) } else { Worked::Repeated(order) })
    }

    /// See [`Shop::orders`](crate::Shop::orders).
    pub async fn orders(&self, session: &str) -> Result<Vec<Order>> {
        let entry = self.client.cache().get(SESSIONS, session).await?.ok_or(Refusal::NotLoggedIn)?;
        let session: Session = serde_json::from_slice(&entry.value).map_err(|_| Refusal::NotLoggedIn)?;
        let scan = Scan {
            index: Some(ORDERS_BY_ACCOUNT.into()),
            prefix: vec![session.account.into()],
            reverse: true,
            ..Scan::default()
        };
        rows(self.client.tables(), ORDERS, scan).await
    }

    /// See [`Shop::order`](crate::Shop::order).
    pub async fn order(&self, id: Uuid) -> Result<Option<Order>> {
        let row = self.client.tables().get(ORDERS, id.to_string()).await?;
        row.map(|row| from_json(Value::Object(row))).transpose()
    }

    /// See [`Shop::audit`](crate::Shop::audit).
    pub async fn audit(&self) -> Result<Audit> {
        let transaction = self.client.begin().await?;
        let books = read_books(&transaction).await;
        transaction.rollback().await?;
        Ok(books?.audit())
    }
}

/// What a checkout decides by.
struct Seen {
    /// The order, when the cart was bought before.
    order: Option<Order>,
    session: Session,
    products: Vec<Product>,
}

fn get_stock(product: &str) -> Value {
    json!({ "op": "table.get", "table": STOCK, "key": [product] })
}

fn get_product(product: &str) -> Value {
    json!({ "op": "document.get", "collection": PRODUCTS, "id": product })
}

/// Whether the checkout failed only because another changed what it had read. An order that is there already is
/// found by reading again, too.
fn somebody_was_faster(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Precondition | ErrorKind::Conflict | ErrorKind::AlreadyExists)
}

/// Ships `order` within `tx`; whether that was still to be done.
async fn ship(tx: &Transaction, order: Uuid) -> marquetry_client::Result<bool> {
    let row = tx.tables().get(ORDERS, order.to_string()).await?;
    let row = row.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no order {order} to ship")))?;
    let found: Order = decoded(Value::Object(row))?;
    if found.state == OrderState::Shipped {
        return Ok(false);
    }
    let scan = Scan { prefix: vec![to_json(&order)], ..Scan::default() };
    let lines = tx.tables().scan(ORDER_LINES, &scan).await?.rows.into_iter().map(Value::Object).map(decoded);
    let lines: Vec<OrderLine> = lines.collect::<Result<_, _>>()?;
    let shipment = Shipment::new(&found, &lines, now());
    tx.tables().update(ORDERS, order.to_string(), json!({ "state": OrderState::Shipped })).await?;
    tx.documents().insert(SHIPMENTS, &shipment).await?;
    tx.blobs().put(LETTERS, &receipt_key(order), shipment.letter(), &letter_options()).await?;
    Ok(true)
}

/// Declares everything and fills the catalogue, within `tx`.
async fn make(tx: Transaction) -> marquetry_client::Result<()> {
    for (name, definition) in schema::tables() {
        let definition: TableDefinition = decoded(named(name, definition))?;
        tx.tables().create(&definition).await?;
    }
    for (name, indexes) in schema::collections() {
        tx.documents().create(name).await?;
        for index in indexes {
            tx.documents().create_index(name, &decoded::<DocumentIndex>(index)?).await?;
        }
    }
    for bucket in schema::BUCKETS {
        tx.blobs().create_bucket(bucket).await?;
    }
    for (name, settings) in schema::caches() {
        tx.cache().create(name, settings).await?;
    }
    tx.queues().create(ORDERS_TO_SHIP, schema::queue()).await?;
    tx.search().create(PRODUCTS_TEXT, schema::search()).await?;
    for product in products() {
        tx.tables().insert(STOCK, product.stock()).await?;
        tx.documents().insert(PRODUCTS, &product).await?;
        tx.blobs().put(PICTURES, &product.picture, draw(&product), &picture_options()).await?;
    }
    for (name, email) in CUSTOMERS {
        tx.tables().insert(ACCOUNTS, json!({ "name": name, "email": email })).await?;
    }
    Ok(())
}

/// Everything that the shop keeps, as `tx` sees it.
async fn read_books(tx: &Transaction) -> Result<Books> {
    let mut books = Books {
        accounts: rows(tx.tables(), ACCOUNTS, Scan::default()).await?,
        orders: rows(tx.tables(), ORDERS, Scan::default()).await?,
        lines: rows(tx.tables(), ORDER_LINES, Scan::default()).await?,
        stock: rows(tx.tables(), STOCK, Scan::default()).await?,
        products: documents(tx, PRODUCTS).await?,
        shipments: documents(tx, SHIPMENTS).await?,
        receipts: objects(tx, RECEIPTS).await?,
        letters: objects(tx, LETTERS).await?,
        messages: messages(&tx.queues().counts(ORDERS_TO_SHIP).await?),
        ..Books::default()
    };
    for product in &books.products {
        let by_counters = SearchRequest::new(schema::query_by_counters(product));
        if tx.search().search(PRODUCTS_TEXT, &by_counters).await?.total == 1 {
            books.found.insert(product.id.clone());
        }
        if let Some(entry) = tx.cache().get(PAGES, &product.id).await? {
            books.pages.insert(product.id.clone(), entry.value.to_vec());
        }
    }
    Ok(books)
}

async fn rows<T: DeserializeOwned>(tables: Tables, table: &str, mut scan: Scan) -> Result<Vec<T>> {
    let mut all = Vec::new();
    loop {
        let page = tables.scan(table, &scan).await?;
        for row in page.rows {
            all.push(from_json(Value::Object(row))?);
        }
        match page.next {
            None => return Ok(all),
            next => scan.after = next,
        }
    }
}

async fn documents<T: DeserializeOwned>(tx: &Transaction, collection: &str) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let mut find = Find { sort: vec![json!({ "_id": 1 })], limit: Some(PAGE_LENGTH), ..Find::default() };
    loop {
        let page = tx.documents().find(collection, &find).await?;
        let Some(last) = page.last() else { return Ok(all) };
        find.filter = json!({ "_id": { "$gt": last["_id"] } });
        for document in page {
            all.push(from_json(document)?);
        }
    }
}

async fn objects(tx: &Transaction, bucket: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = tx.blobs().list(bucket, "", after.as_deref()).await?;
        for info in page.objects {
            if let Some(object) = tx.blobs().get(bucket, &info.key).await? {
                all.insert(info.key, object.bytes().await?.to_vec());
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Messages in whatever state; dead letters, too, are orders that somebody has to look at.
fn messages(counts: &QueueCounts) -> u64 {
    counts.ready + counts.leased + counts.delayed + counts.waiting + counts.dead
}

fn picture_options() -> PutOptions {
    let attributes = ObjectAttributes {
        content_type: Some(PICTURE_TYPE.into()),
        cache_control: Some(PICTURE_CACHE_CONTROL.into()),
        ..ObjectAttributes::default()
    };
    PutOptions { attributes, ..PutOptions::default() }
}

fn letter_options() -> PutOptions {
    PutOptions { attributes: letter_attributes(), ..PutOptions::default() }
}

/// Receipts and letters are their customer's alone.
fn letter_attributes() -> ObjectAttributes {
    ObjectAttributes {
        content_type: Some(LETTER_TYPE.into()),
        cache_control: Some(LETTER_CACHE_CONTROL.into()),
        ..ObjectAttributes::default()
    }
}

fn named(name: &str, mut definition: Value) -> Value {
    definition["name"] = name.into();
    definition
}

fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("what the shop keeps can be written as JSON")
}

fn from_json<T: DeserializeOwned>(value: Value) -> Result<T> {
    Ok(decoded(value)?)
}

/// What the shop keeps, from the JSON that the server answers.
fn decoded<T: DeserializeOwned>(value: Value) -> marquetry_client::Result<T> {
    serde_json::from_value(value)
        .map_err(|fault| Error::new(ErrorKind::Protocol, format!("this is not what the shop keeps: {fault}")))
}
