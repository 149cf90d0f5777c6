//! Every operation by its name: the one list that batches accept.
//!
//! ```text
//!   {"op": "table.insert", "table": ..., "row": ...} --> Operation --> Read or Write of the model
//! ```

use marquetry::{Result, Transaction};
use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::view::{Read, Write};
use super::{blob, cache, catalog, collection, document, message, queue, search, table};

macro_rules! operations {
    ($($name:literal => $variant:ident($body:ty) $does:ident;)*) => {
        /// One operation; `op` names it.
        #[derive(Deserialize)]
        #[serde(tag = "op")]
        pub(super) enum Operation {
            $(#[serde(rename = $name)] $variant($body),)*
        }

        impl Operation {
            /// Its answer, in `transaction`.
            pub(super) fn run(&self, transaction: &Transaction) -> Result<Value> {
                match self {
                    $(Operation::$variant(body) => body.$does(transaction),)*
                }
            }

            /// Whether it changes nothing.
            pub(super) fn is_read(&self) -> bool {
                match self {
                    $(Operation::$variant(_) => stringify!($does) == "read",)*
                }
            }
        }

        impl PartialSchema for Operation {
            fn schema() -> RefOr<Schema> {
                let one_of = OneOfBuilder::new().description(Some("One operation; `op` names it."));
                one_of$(.item(named::<$body>($name)))*.into()
            }
        }

        impl ToSchema for Operation {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(
                    schemas.push((<$body>::name().into_owned(), <$body>::schema()));
                    <$body>::schemas(schemas);
                )*
            }
        }
    };
}

/// The schema of the operation `name`, whose other members are those of `T`.
fn named<T: ToSchema>(name: &str) -> AllOfBuilder {
    let op = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([name]));
    AllOfBuilder::new()
        .item(Ref::from_schema_name(T::name()))
        .item(ObjectBuilder::new().property("op", op).required("op"))
}

operations! {
    "catalog.list" => CatalogList(catalog::List) read;
    "table.list" => TableList(table::ListTables) read;
    "table.create" => TableCreate(table::CreateTable) write;
    "table.definition" => TableDefinition(table::Describe) read;
    "table.drop" => TableDrop(table::DropTable) write;
    "table.create_index" => TableCreateIndex(table::CreateIndex) write;
    "table.drop_index" => TableDropIndex(table::DropIndex) write;
    "table.insert" => TableInsert(table::Insert) write;
    "table.insert_many" => TableInsertMany(table::InsertMany) write;
    "table.upsert" => TableUpsert(table::Upsert) write;
    "table.get" => TableGet(table::Get) read;
    "table.update" => TableUpdate(table::Update) write;
    "table.add" => TableAdd(table::Add) write;
    "table.delete" => TableDelete(table::Delete) write;
    "table.scan" => TableScan(table::Scan) read;
    "table.count" => TableCount(table::Count) read;
    "collection.list" => CollectionList(collection::ListCollections) read;
    "collection.create" => CollectionCreate(collection::CreateCollection) write;
    "collection.info" => CollectionInfo(collection::Info) read;
    "collection.drop" => CollectionDrop(collection::DropCollection) write;
    "collection.create_index" => CollectionCreateIndex(collection::CreateIndex) write;
    "collection.drop_index" => CollectionDropIndex(collection::DropIndex) write;
    "document.insert" => DocumentInsert(document::Insert) write;
    "document.insert_many" => DocumentInsertMany(document::InsertMany) write;
    "document.get" => DocumentGet(document::Get) read;
    "document.replace" => DocumentReplace(document::Replace) write;
    "document.update" => DocumentUpdate(document::Update) write;
    "document.update_many" => DocumentUpdateMany(document::UpdateMany) write;
    "document.delete" => DocumentDelete(document::Delete) write;
    "document.delete_many" => DocumentDeleteMany(document::DeleteMany) write;
    "document.find" => DocumentFind(document::FindDocuments) read;
    "document.count" => DocumentCount(document::Count) read;
    "document.explain" => DocumentExplain(document::Explain) read;
    "bucket.list" => BucketList(blob::ListBuckets) read;
    "bucket.create" => BucketCreate(blob::CreateBucket) write;
    "bucket.drop" => BucketDrop(blob::DropBucket) write;
    "object.head" => ObjectHead(blob::Head) read;
    "object.list" => ObjectList(blob::ListObjects) read;
    "object.put" => ObjectPut(blob::Put) write;
    "object.delete" => ObjectDelete(blob::Delete) write;
    "search.list" => SearchList(search::ListIndexes) read;
    "search.create" => SearchCreate(search::CreateIndex) write;
    "search.drop" => SearchDrop(search::DropIndex) write;
    "search.info" => SearchInfo(search::Info) read;
    "search.query" => SearchQuery(search::Query) read;
    "queue.list" => QueueList(queue::ListQueues) read;
    "queue.create" => QueueCreate(queue::CreateQueue) write;
    "queue.drop" => QueueDrop(queue::DropQueue) write;
    "queue.info" => QueueInfo(queue::Info) read;
    "queue.counts" => QueueCounts(queue::Counts) read;
    "queue.peek" => QueuePeek(queue::Peek) read;
    "queue.purge" => QueuePurge(queue::Purge) write;
    "queue.dead_letters" => QueueDeadLetters(queue::DeadLetters) read;
    "queue.redrive" => QueueRedrive(queue::Redrive) write;
    "queue.delete_dead_letters" => QueueDeleteDeadLetters(queue::DeleteDeadLetters) write;
    "queue.send" => QueueSend(message::Send) write;
    "queue.send_many" => QueueSendMany(message::SendMany) write;
    "queue.receive" => QueueReceive(message::Receive) write;
    "queue.acknowledge" => QueueAcknowledge(message::Acknowledge) write;
    "queue.extend" => QueueExtend(message::Extend) write;
    "queue.release" => QueueRelease(message::Release) write;
    "queue.reject" => QueueReject(message::Reject) write;
    "cache.list" => CacheList(cache::List) read;
    "cache.info" => CacheInfo(cache::Info) read;
    "cache.create" => CacheCreate(cache::Create) write;
    "cache.drop" => CacheDrop(cache::DropCache) write;
    "cache.get" => CacheGet(cache::Get) read;
    "cache.set" => CacheSet(cache::Set) write;
    "cache.delete" => CacheDelete(cache::Delete) write;
    "cache.increment" => CacheIncrement(cache::Increment) write;
    "cache.expire" => CacheExpire(cache::Expire) write;
}
