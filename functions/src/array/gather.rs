//! Arrays put together from the elements of others.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DynComparator, ListArray, make_comparator};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{SortOptions, interleave};
use arrow::datatypes::{DataType, Field};

use crate::condition::SqlResult;
use crate::registry::arrow_error;
use crate::sql_type::SqlType;
use crate::typing::sort_keys;

/// The elements of all rows of a column of arrays, and where each row's are.
pub(crate) struct Lists<'a> {
    list: &'a ListArray,
}

impl<'a> Lists<'a> {
    pub(crate) fn of(array: &'a ArrayRef) -> Self {
        Lists { list: array.as_list::<i32>() }
    }

    /// The elements of all rows.
    pub(crate) fn values(&self) -> &'a ArrayRef {
        self.list.values()
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.list.is_null(row)
    }

    /// The places of a row's elements.
    pub(crate) fn range(&self, row: usize) -> std::ops::Range<usize> {
        let offsets = self.list.value_offsets();
        let place = |offset: i32| usize::try_from(offset).unwrap_or_default();
        place(offsets[row])..place(offsets[row + 1])
    }

    pub(crate) fn length(&self, row: usize) -> usize {
        self.range(row).len()
    }
}

/// Arrays that are built by naming the places of their elements.
pub(crate) struct Gather {
    element: DataType,
    sources: Vec<ArrayRef>,
    picks: Vec<(usize, usize)>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl Gather {
    /// Arrays of elements of a type, taken from these columns.
    pub(crate) fn new(element: &SqlType, sources: &[&ArrayRef]) -> Self {
        let element = element.arrow();
        let sources = sources.iter().map(|source| (*source).clone()).collect();
        Gather { element, sources, picks: Vec::new(), lengths: Vec::new(), valid: Vec::new() }
    }

    /// Adds the element at a place of a source to the array that is being built.
    pub(crate) fn pick(&mut self, source: usize, place: usize) {
        self.picks.push((source, place));
    }

    /// Adds elements of a source.
    pub(crate) fn pick_all(&mut self, source: usize, places: std::ops::Range<usize>) {
        self.picks.extend(places.map(|place| (source, place)));
    }

    /// Ends the array of a row.
    pub(crate) fn end(&mut self) {
        let before: usize = self.lengths.iter().sum::<usize>();
        debug_assert!(before <= self.picks.len());
        self.lengths.push(self.picks.len() - before);
        self.valid.push(true);
    }

    /// The row has no array.
    pub(crate) fn end_null(&mut self) {
        self.lengths.push(0);
        self.valid.push(false);
    }

    /// The column of arrays.
    pub(crate) fn finish(self) -> SqlResult<ArrayRef> {
        let values = if self.picks.is_empty() {
            arrow::array::new_empty_array(&self.element)
        } else {
            let sources: Vec<&dyn Array> = self.sources.iter().map(AsRef::as_ref).collect();
            interleave(&sources, &self.picks).map_err(arrow_error)?
        };
        let field = Arc::new(Field::new("item", self.element, true));
        let nulls = NullBuffer::from(self.valid);
        Ok(Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(self.lengths), values, Some(nulls))))
    }
}

/// How the elements of two columns of a type compare, as PostgreSQL compares them.
pub(crate) fn comparator(left: &ArrayRef, right: &ArrayRef, element: &SqlType) -> SqlResult<DynComparator> {
    let (left, right) = (sort_keys(left, element)?, sort_keys(right, element)?);
    // NULL equals NULL here; those who see it otherwise ask first.
    let options = SortOptions { descending: false, nulls_first: false };
    make_comparator(&left, &right, options).map_err(arrow_error)
}

/// Whether two elements are the same, where NULL is the same as NULL.
pub(crate) fn are_same(compare: &DynComparator, left: usize, right: usize) -> bool {
    compare(left, right) == Ordering::Equal
}
