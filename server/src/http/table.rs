//! Tables and their rows.
//!
//! ```text
//!   /v1/tables                                 list, make
//!   /v1/tables/{table}                         describe, drop
//!   /v1/tables/{table}/indexes[/{index}]       add, remove
//!   /v1/tables/{table}/rows                    insert or upsert one or many
//!   /v1/tables/{table}/get update add delete   one row, by its primary key
//!   /v1/tables/{table}/scan count              rows in the order of an index
//! ```
//!
//! Rows are objects by column name. A key may be anything that JSON has, so it stands in the body and not in the path.

use axum::response::Response;
use marquetry::table::{Column, Index, Row, ScanForm, TableDefinition};
use marquetry::{Error, ObjectKind, Result, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::catalog::names;
use super::error::Outcome;
use super::extract::{Json, Segments};
use super::routes::Route;
use super::session::{Seen, Session};
use super::view::{Read, View, Write, answer};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/tables", "The names of all tables", list),
        Route::post("/v1/tables", "Make a table", create).json::<CreateTable>().success(201),
        Route::get("/v1/tables/{table}", "What a table looks like", describe),
        Route::delete("/v1/tables/{table}", "Drop a table with its rows", drop_table),
        Route::post("/v1/tables/{table}/indexes", "Add an index and fill it", create_index)
            .json::<IndexBody>()
            .success(201),
        Route::delete("/v1/tables/{table}/indexes/{index}", "Remove an index", drop_index),
        Route::post("/v1/tables/{table}/rows", "Insert or upsert rows, all or none", write_rows)
            .json::<RowsBody>()
            .batch_sized(),
        Route::post("/v1/tables/{table}/get", "The row with a primary key, or null", get).json::<KeyBody>(),
        Route::post("/v1/tables/{table}/update", "Change columns of a row", update).json::<UpdateBody>(),
        Route::post("/v1/tables/{table}/add", "Add numbers to columns of a row", add).json::<AddBody>(),
        Route::post("/v1/tables/{table}/delete", "Delete a row; whether it was there", delete).json::<KeyBody>(),
        Route::post("/v1/tables/{table}/scan", "A page of rows in the order of an index", scan).json::<ScanBody>(),
        Route::post("/v1/tables/{table}/count", "How many rows there are in a range", count).json::<ScanBody>(),
    ]
}

/// The names of all tables.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableList)]
pub(super) struct ListTables {}

impl Read for ListTables {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        names(view, ObjectKind::Table)
    }
}

/// Makes a table.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableCreate)]
pub(super) struct CreateTable {
    name: String,
    /// Objects with `name`, `type` and, where wanted, `not_null`, `default` or `auto_increment`.
    #[schema(value_type = Vec<Object>)]
    columns: Vec<Column>,
    /// The names of the columns that tell rows apart.
    primary_key: Vec<String>,
    /// Objects with `name`, `columns` and, where wanted, `unique`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    indexes: Vec<Index>,
}

impl Write for CreateTable {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let definition = TableDefinition {
            columns: self.columns.clone(),
            primary_key: self.primary_key.clone(),
            indexes: self.indexes.clone(),
        };
        transaction.tables().create(&self.name, &definition)?;
        Ok(json!({ "name": self.name }))
    }
}

/// What a table looks like.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableDescribe)]
pub(super) struct Describe {
    table: String,
}

impl Read for Describe {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        let definition = view.tables().definition(&self.table)?;
        Ok(json!({
            "name": self.table,
            "columns": answer(&definition.columns)?,
            "primary_key": definition.primary_key,
            "indexes": answer(&definition.indexes)?,
        }))
    }
}

/// Drops a table with its rows and indexes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableDrop)]
pub(super) struct DropTable {
    table: String,
}

impl Write for DropTable {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.tables().drop(&self.table)?;
        Ok(Value::Null)
    }
}

/// Adds an index and fills it from the rows that are there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableCreateIndex)]
pub(super) struct CreateIndex {
    table: String,
    index: IndexBody,
}

/// An index.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableIndex)]
struct IndexBody {
    name: String,
    /// The names of the columns that it orders rows by.
    columns: Vec<String>,
    /// Whether two rows with equal values are refused.
    #[serde(default)]
    unique: bool,
}

impl Write for CreateIndex {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let IndexBody { name, columns, unique } = &self.index;
        let index = Index { name: name.clone(), columns: columns.clone(), unique: *unique };
        transaction.tables().create_index(&self.table, &index)?;
        Ok(json!({ "name": name }))
    }
}

/// Removes an index.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableDropIndex)]
pub(super) struct DropIndex {
    table: String,
    index: String,
}

impl Write for DropIndex {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.tables().drop_index(&self.table, &self.index)?;
        Ok(Value::Null)
    }
}

/// Inserts a row; the row as it is stored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableInsert)]
pub(super) struct Insert {
    table: String,
    #[schema(value_type = Object)]
    row: Value,
}

impl Write for Insert {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let tables = transaction.tables();
        let row = tables.definition(&self.table)?.row_from_json(&self.row)?;
        tables.insert(&self.table, row).map(written)
    }
}

/// Inserts rows, all or none; the rows as they are stored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableInsertMany)]
pub(super) struct InsertMany {
    table: String,
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Value>,
}

impl Write for InsertMany {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let tables = transaction.tables();
        let definition = tables.definition(&self.table)?;
        let rows = self.rows.iter().enumerate().map(|(number, row)| in_row(number, definition.row_from_json(row)));
        let rows = rows.collect::<Result<Vec<Row>>>()?;
        Ok(tables.insert_many(&self.table, rows)?.into_iter().map(written).collect())
    }
}

/// Inserts a row, or puts it in the place of the one with its primary key; the row as it is stored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableUpsert)]
pub(super) struct Upsert {
    table: String,
    #[schema(value_type = Object)]
    row: Value,
}

impl Write for Upsert {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        upsert(transaction, &self.table, &self.row)
    }
}

fn upsert(transaction: &Transaction, table: &str, row: &Value) -> Result<Value> {
    let tables = transaction.tables();
    let row = tables.definition(table)?.row_from_json(row)?;
    tables.upsert(table, row).map(written)
}

fn written(row: Row) -> Value {
    Value::Object(row.to_json())
}

fn in_row<T>(number: usize, outcome: Result<T>) -> Result<T> {
    outcome.map_err(|error: Error| error.context(format_args!("row {number}")))
}

/// The row with a primary key, or null.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableGet)]
pub(super) struct Get {
    table: String,
    /// The one value, or the list of them.
    key: Value,
}

impl Read for Get {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        let tables = view.tables();
        let key = tables.definition(&self.table)?.key_from_json(&self.key)?;
        Ok(tables.get(&self.table, key)?.map_or(Value::Null, written))
    }
}

/// Changes columns of a row; the row as it is stored then.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableUpdate)]
pub(super) struct Update {
    table: String,
    /// The one value, or the list of them.
    key: Value,
    /// The columns that change, with their values.
    #[schema(value_type = Object)]
    set: Value,
}

impl Write for Update {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let tables = transaction.tables();
        let definition = tables.definition(&self.table)?;
        let (key, set) = (definition.key_from_json(&self.key)?, definition.row_from_json(&self.set)?);
        tables.update(&self.table, key, set).map(written)
    }
}

/// Adds numbers to columns of a row; the row as it is stored then.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableAdd)]
pub(super) struct Add {
    table: String,
    /// The one value, or the list of them.
    key: Value,
    /// The columns that grow, with the amounts; a negative one takes away.
    #[schema(value_type = Object)]
    amounts: Value,
}

impl Write for Add {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let tables = transaction.tables();
        let definition = tables.definition(&self.table)?;
        let (key, amounts) = (definition.key_from_json(&self.key)?, definition.row_from_json(&self.amounts)?);
        tables.add(&self.table, key, amounts).map(written)
    }
}

/// Deletes a row; whether it was there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableDelete)]
pub(super) struct Delete {
    table: String,
    /// The one value, or the list of them.
    key: Value,
}

impl Write for Delete {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let tables = transaction.tables();
        let key = tables.definition(&self.table)?.key_from_json(&self.key)?;
        Ok(tables.delete(&self.table, key)?.into())
    }
}

/// A page of rows in the order of an index.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableScan)]
pub(super) struct Scan {
    table: String,
    /// Which rows; without it, all in the order of the primary key.
    #[serde(default)]
    #[schema(value_type = ScanBody)]
    scan: ScanForm,
}

/// Which rows, and in which order.
#[derive(ToSchema)]
#[schema(as = TableRange)]
#[allow(dead_code, reason = "only its schema is used: it tells the fields of the engine's form")]
struct ScanBody {
    /// The index; without one, the primary key.
    index: Option<String>,
    /// The values that the leading columns have.
    prefix: Option<Vec<Value>>,
    /// Lower end, included, of the columns after the prefix.
    from: Option<Vec<Value>>,
    /// Lower end, not included.
    above: Option<Vec<Value>>,
    /// Upper end, not included.
    to: Option<Vec<Value>>,
    /// Upper end, included.
    through: Option<Vec<Value>>,
    /// Whether the last row comes first.
    reverse: Option<bool>,
    /// Rows at most; 1,000 without it.
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
}

impl Read for Scan {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        let tables = view.tables();
        let request = tables.definition(&self.table)?.scan_request(&self.scan)?;
        let page = tables.page(&self.table, &request)?;
        Ok(json!({ "rows": page.rows.into_iter().map(written).collect::<Value>(), "next": page.next }))
    }
}

/// How many rows there are in a range.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableCount)]
pub(super) struct Count {
    table: String,
    /// Which rows; without it, all.
    #[serde(default)]
    #[schema(value_type = ScanBody)]
    scan: ScanForm,
}

impl Read for Count {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        let tables = view.tables();
        let request = tables.definition(&self.table)?.scan_request(&self.scan)?;
        Ok(tables.count(&self.table, &request)?.into())
    }
}

async fn list(session: Session) -> Outcome<Seen<Value>> {
    session.read(ListTables {}).await
}

async fn create(session: Session, Json(table): Json<CreateTable>) -> Outcome<Response> {
    Ok(session.write(table).await?.created())
}

async fn describe(session: Session, Segments([table]): Segments<1>) -> Outcome<Seen<Value>> {
    session.read(Describe { table }).await
}

async fn drop_table(session: Session, Segments([table]): Segments<1>) -> Outcome<Seen<Value>> {
    session.write(DropTable { table }).await
}

async fn create_index(
    session: Session,
    Segments([table]): Segments<1>,
    Json(index): Json<IndexBody>,
) -> Outcome<Response> {
    Ok(session.write(CreateIndex { table, index }).await?.created())
}

async fn drop_index(session: Session, Segments([table, index]): Segments<2>) -> Outcome<Seen<Value>> {
    session.write(DropIndex { table, index }).await
}

/// Rows to write.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableRows)]
struct RowsBody {
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Value>,
    #[serde(default)]
    mode: Mode,
}

/// What becomes of a row whose primary key is there.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TableRowsMode)]
enum Mode {
    /// It is refused.
    #[default]
    Insert,
    /// It takes the other's place.
    Upsert,
}

async fn write_rows(
    session: Session,
    Segments([table]): Segments<1>,
    Json(RowsBody { rows, mode }): Json<RowsBody>,
) -> Outcome<Seen<Value>> {
    match mode {
        Mode::Insert => session.write(InsertMany { table, rows }).await,
        Mode::Upsert => session.write(UpsertMany { table, rows }).await,
    }
}

struct UpsertMany {
    table: String,
    rows: Vec<Value>,
}

impl Write for UpsertMany {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let rows = self.rows.iter().enumerate();
        rows.map(|(number, row)| in_row(number, upsert(transaction, &self.table, row))).collect()
    }
}

/// The primary key of a row.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableKey)]
struct KeyBody {
    /// The one value, or the list of them.
    key: Value,
}

async fn get(
    session: Session,
    Segments([table]): Segments<1>,
    Json(KeyBody { key }): Json<KeyBody>,
) -> Outcome<Seen<Value>> {
    session.read(Get { table, key }).await
}

/// Columns of a row to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableChange)]
struct UpdateBody {
    /// The one value, or the list of them.
    key: Value,
    /// The columns that change, with their values.
    #[schema(value_type = Object)]
    set: Value,
}

/// Amounts to add to columns of a row.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TableAmounts)]
struct AddBody {
    /// The one value, or the list of them.
    key: Value,
    /// The columns that grow, with the amounts; a negative one takes away.
    #[schema(value_type = Object)]
    amounts: Value,
}

async fn update(
    session: Session,
    Segments([table]): Segments<1>,
    Json(UpdateBody { key, set }): Json<UpdateBody>,
) -> Outcome<Seen<Value>> {
    session.write(Update { table, key, set }).await
}

async fn add(
    session: Session,
    Segments([table]): Segments<1>,
    Json(AddBody { key, amounts }): Json<AddBody>,
) -> Outcome<Seen<Value>> {
    session.write(Add { table, key, amounts }).await
}

async fn delete(
    session: Session,
    Segments([table]): Segments<1>,
    Json(KeyBody { key }): Json<KeyBody>,
) -> Outcome<Seen<Value>> {
    session.write(Delete { table, key }).await
}

async fn scan(session: Session, Segments([table]): Segments<1>, Json(scan): Json<ScanForm>) -> Outcome<Seen<Value>> {
    session.read(Scan { table, scan }).await
}

async fn count(session: Session, Segments([table]): Segments<1>, Json(scan): Json<ScanForm>) -> Outcome<Seen<Value>> {
    session.read(Count { table, scan }).await
}
