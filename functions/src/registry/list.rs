//! Lists of values, one for each row: arrays, and the rows of functions that return sets.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::Field;

use super::rows::Kind;
use crate::condition::SqlResult;

/// Lists of values of a kind.
#[derive(Debug)]
pub struct ListOf<K>(PhantomData<K>);

impl<K: Kind> Kind for ListOf<K> {
    type Ref<'a> = ArrayRef;
    type Owned = Vec<Option<K::Owned>>;

    fn value(array: &ArrayRef, row: usize) -> ArrayRef {
        array.as_list::<i32>().value(row)
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<Self::Owned>>>) -> SqlResult<ArrayRef> {
        let mut lengths = Vec::new();
        let mut valid = Vec::new();
        let mut elements = Vec::new();
        for value in values {
            let value = value?;
            valid.push(value.is_some());
            let list = value.unwrap_or_default();
            lengths.push(list.len());
            elements.extend(list);
        }
        let elements = K::column(elements.into_iter().map(Ok))?;
        let field = Arc::new(Field::new("item", elements.data_type().clone(), true));
        let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
        Ok(Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), elements, nulls)))
    }
}
