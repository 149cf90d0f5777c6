//! Every operation by its name: the one list that batches accept.
//!
//! ```text
//!   {"op": "table.insert", "table": ..., "row": ...} --> Operation --> Read or Write of the model
//! ```

use marquetry::{Result, Transaction};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::view::{Read, Write};
use super::{blob, catalog};

macro_rules! operations {
    ($($name:literal => $variant:ident($body:ty) $does:ident;)*) => {
        /// One operation; `op` names it.
        #[derive(Deserialize, ToSchema)]
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
    };
}

operations! {
    "catalog.list" => CatalogList(catalog::List) read;
    "bucket.list" => BucketList(blob::ListBuckets) read;
    "bucket.create" => BucketCreate(blob::CreateBucket) write;
    "bucket.drop" => BucketDrop(blob::DropBucket) write;
    "object.head" => ObjectHead(blob::Head) read;
    "object.list" => ObjectList(blob::ListObjects) read;
    "object.put" => ObjectPut(blob::Put) write;
    "object.delete" => ObjectDelete(blob::Delete) write;
}
