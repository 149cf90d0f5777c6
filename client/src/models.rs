//! The six models, handed out alike by a client and by a transaction.

use crate::blob::Blobs;
use crate::cache::Cache;
use crate::client::{Client, Transaction};
use crate::document::Documents;
use crate::queue::Queues;
use crate::search::Search;
use crate::table::Tables;

macro_rules! models {
    ($owner:ty) => {
        impl $owner {
            /// The tables.
            pub fn tables(&self) -> Tables {
                Tables { scope: self.scope.clone() }
            }

            /// The document collections.
            pub fn documents(&self) -> Documents {
                Documents { scope: self.scope.clone() }
            }

            /// The buckets of blobs.
            pub fn blobs(&self) -> Blobs {
                Blobs { scope: self.scope.clone() }
            }

            /// The cache namespaces.
            pub fn cache(&self) -> Cache {
                Cache { scope: self.scope.clone() }
            }

            /// The full-text indexes.
            pub fn search(&self) -> Search {
                Search { scope: self.scope.clone() }
            }

            /// The queues.
            pub fn queues(&self) -> Queues {
                Queues { scope: self.scope.clone() }
            }
        }
    };
}

models!(Client);
models!(Transaction);
