//! The operators of arrays, and what subscripts mean.

use arrow::array::{Array, ArrayRef};

use super::gather::{Gather, Lists, are_same, comparator};
use crate::condition::SqlResult;
use crate::registry::{Bool, Call, Function, Implementation, Int4, Kind};
use crate::sql_type::SqlType;

/// The type of the elements of a type of arrays.
pub(super) fn element_of(sql_type: &SqlType) -> SqlType {
    match sql_type {
        SqlType::Array(element) => (**element).clone(),
        other => other.clone(),
    }
}

pub(super) fn functions() -> Vec<Function> {
    let mut found = vec![
        Function::new(
            "@>(anyarray, anyarray) bool",
            Implementation::arrays(|call, arrays, rows| contains(call, &arrays[0], &arrays[1], rows)),
        ),
        Function::new(
            "<@(anyarray, anyarray) bool",
            Implementation::arrays(|call, arrays, rows| contains(call, &arrays[1], &arrays[0], rows)),
        ),
        Function::new("&&(anyarray, anyarray) bool", Implementation::arrays(overlap)),
        Function::new(
            "arraycontains(anyarray, anyarray) bool",
            Implementation::arrays(|call, arrays, rows| contains(call, &arrays[0], &arrays[1], rows)),
        ),
        Function::new(
            "arraycontained(anyarray, anyarray) bool",
            Implementation::arrays(|call, arrays, rows| contains(call, &arrays[1], &arrays[0], rows)),
        ),
        Function::new("arrayoverlap(anyarray, anyarray) bool", Implementation::arrays(overlap)),
        Function::new("array_get(anyarray, int4) anyelement", Implementation::arrays(subscript)),
        Function::new("array_slice(anyarray, int4, int4) anyarray", Implementation::arrays(slice)).called_on_null(),
    ];
    for name in ["||", "array_cat"] {
        found.push(
            Function::new(
                &format!("{name}(anycompatiblearray, anycompatiblearray) anycompatiblearray"),
                Implementation::arrays(concatenate),
            )
            .called_on_null(),
        );
    }
    for name in ["||", "array_append"] {
        found.push(
            Function::new(
                &format!("{name}(anycompatiblearray, anycompatible) anycompatiblearray"),
                Implementation::arrays(|call, arrays, rows| add(call, &arrays[0], &arrays[1], true, rows)),
            )
            .called_on_null(),
        );
    }
    for name in ["||", "array_prepend"] {
        found.push(
            Function::new(
                &format!("{name}(anycompatible, anycompatiblearray) anycompatiblearray"),
                Implementation::arrays(|call, arrays, rows| add(call, &arrays[1], &arrays[0], false, rows)),
            )
            .called_on_null(),
        );
    }
    found
}

/// Whether all elements of the right array are in the left one; NULL is in none.
fn contains(call: &Call, left: &ArrayRef, right: &ArrayRef, rows: usize) -> SqlResult<ArrayRef> {
    let element = element_of(&call.arguments[0]);
    let (left, right) = (Lists::of(left), Lists::of(right));
    let compare = comparator(left.values(), right.values(), &element)?;
    Bool::column((0..rows).map(|row| {
        let is_in = |wanted: usize| {
            !right.values().is_null(wanted) && left.range(row).any(|found| are_same(&compare, found, wanted))
        };
        Ok(Some(right.range(row).all(is_in)))
    }))
}

fn overlap(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let element = element_of(&call.arguments[0]);
    let (left, right) = (Lists::of(&arrays[0]), Lists::of(&arrays[1]));
    let compare = comparator(left.values(), right.values(), &element)?;
    Bool::column((0..rows).map(|row| {
        let is_in = |wanted: usize| {
            !right.values().is_null(wanted) && left.range(row).any(|found| are_same(&compare, found, wanted))
        };
        Ok(Some(right.range(row).any(is_in)))
    }))
}

/// The element at a place, from 1 on; none outside of the array.
fn subscript(_: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let lists = Lists::of(&arrays[0]);
    let places: arrow::array::UInt64Array = (0..rows)
        .map(|row| {
            let place = usize::try_from(Int4::value(&arrays[1], row)).ok()?.checked_sub(1)?;
            let range = lists.range(row);
            (place < range.len()).then(|| u64::try_from(range.start + place).unwrap_or(u64::MAX))
        })
        .collect();
    arrow::compute::take(lists.values(), &places, None).map_err(crate::registry::arrow_error)
}

/// The elements from one place to another; a bound that is NULL is the array's own.
fn slice(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let lists = Lists::of(&arrays[0]);
    let mut gather = Gather::new(&element_of(&call.returns), &[lists.values()]);
    let bound = |index: usize, row: usize, open: i32| {
        if arrays[index].is_null(row) { open } else { Int4::value(&arrays[index], row) }
    };
    for row in 0..rows {
        if lists.is_null(row) {
            gather.end_null();
            continue;
        }
        let (range, length) = (lists.range(row), lists.length(row));
        let first = usize::try_from(bound(1, row, 1).max(1)).unwrap_or(1) - 1;
        let last = usize::try_from(bound(2, row, i32::MAX).max(0)).unwrap_or(0).min(length);
        if first < last {
            gather.pick_all(0, range.start + first..range.start + last);
        }
        gather.end();
    }
    gather.finish()
}

fn concatenate(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let (left, right) = (Lists::of(&arrays[0]), Lists::of(&arrays[1]));
    let mut gather = Gather::new(&element_of(&call.returns), &[left.values(), right.values()]);
    for row in 0..rows {
        if left.is_null(row) && right.is_null(row) {
            gather.end_null();
            continue;
        }
        for (source, lists) in [&left, &right].into_iter().enumerate() {
            if !lists.is_null(row) {
                gather.pick_all(source, lists.range(row));
            }
        }
        gather.end();
    }
    gather.finish()
}

/// An array and one more element, behind or before it; no array counts as an empty one.
fn add(call: &Call, array: &ArrayRef, element: &ArrayRef, is_behind: bool, rows: usize) -> SqlResult<ArrayRef> {
    let lists = Lists::of(array);
    let mut gather = Gather::new(&element_of(&call.returns), &[lists.values(), element]);
    for row in 0..rows {
        if !is_behind {
            gather.pick(1, row);
        }
        if !lists.is_null(row) {
            gather.pick_all(0, lists.range(row));
        }
        if is_behind {
            gather.pick(1, row);
        }
        gather.end();
    }
    gather.finish()
}
