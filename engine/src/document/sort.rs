//! The order in which found documents are wanted.
//!
//! ```text
//!   [{"price": -1}, {"name": 1}]   -->  price from the largest down, then name
//! ```
//!
//! A field that is an array counts by its smallest element when ascending, by its largest when descending; what is
//! missing counts as null.

use std::cmp::Ordering;

use serde_json::Value;

use super::path::Path;
use crate::error::{Error, Result};
use crate::kv::Direction;
use crate::limits::DOCUMENT_QUERY_PATHS_MAX;

/// A parsed order; without fields any order will do.
#[derive(Debug, Default)]
pub(super) struct Sort {
    pub(super) fields: Vec<(Path, Direction)>,
}

/// What a document is sorted by, one key per field.
pub(super) type SortKey = Vec<Vec<u8>>;

impl Sort {
    /// The order that `values` write: objects of paths with 1 or -1.
    ///
    /// # Errors
    /// `Invalid` when they are not written so.
    pub(super) fn parse(values: &[Value]) -> Result<Self> {
        let mut fields = Vec::new();
        for value in values {
            let Value::Object(members) = value else { return Err(malformed()) };
            for (path, direction) in members {
                let direction = match direction.as_f64() {
                    Some(1.0) => Direction::Forward,
                    Some(-1.0) => Direction::Backward,
                    _ => return Err(malformed()),
                };
                fields.push((Path::parse(path)?, direction));
            }
        }
        match fields.len() > DOCUMENT_QUERY_PATHS_MAX {
            true => Err(Error::limit_exceeded(format!("a sort has more than {DOCUMENT_QUERY_PATHS_MAX} fields"))),
            false => Ok(Sort { fields }),
        }
    }

    pub(super) fn is_any(&self) -> bool {
        self.fields.is_empty()
    }

    /// What `document` is sorted by.
    pub(super) fn key(&self, document: &Value) -> SortKey {
        let key = |(path, direction): &(Path, Direction)| {
            let (mut keys, _) = path.keys(document);
            match direction {
                Direction::Forward => keys.into_iter().next(),
                Direction::Backward => keys.pop(),
            }
            .expect("a path has at least one key")
        };
        self.fields.iter().map(key).collect()
    }

    pub(super) fn compare(&self, a: &SortKey, b: &SortKey) -> Ordering {
        let fields = self.fields.iter().zip(a.iter().zip(b));
        fields.fold(Ordering::Equal, |ordering, ((_, direction), (a, b))| {
            ordering.then_with(|| match direction {
                Direction::Forward => a.cmp(b),
                Direction::Backward => b.cmp(a),
            })
        })
    }
}

fn malformed() -> Error {
    Error::invalid(
        "a sort is a list such as [{\"price\": -1}, {\"name\": 1}], with 1 for ascending and -1 for descending",
    )
}
