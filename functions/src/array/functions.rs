//! The functions of arrays by their names.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;

use super::gather::{Gather, Lists, are_same, comparator};
use super::operators::element_of;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::json::Texts;
use crate::registry::{Bool, Call, Function, Implementation, Int4, Kind, Text};
use crate::text_form::text_at;

pub(super) fn functions() -> Vec<Function> {
    [measures(), searches(), made(), sets()].into_iter().flatten().collect()
}

fn to_i32(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A number of an array of so many elements and, where there is a second argument, of a dimension.
fn measure(run: impl Fn(usize, i32) -> Option<i32> + Send + Sync + 'static) -> Implementation {
    Implementation::arrays(move |_, arrays, rows| {
        let lists = Lists::of(&arrays[0]);
        Int4::column((0..rows).map(|row| {
            let dimension = arrays.get(1).map_or(1, |array| Int4::value(array, row));
            Ok(run(lists.length(row), dimension))
        }))
    })
}

fn measures() -> Vec<Function> {
    let of_dimension = |length: usize, dimension: i32| (length > 0 && dimension == 1).then(|| to_i32(length));
    vec![
        Function::new("array_length(anyarray, int4) int4", measure(of_dimension)),
        Function::new("array_upper(anyarray, int4) int4", measure(of_dimension)),
        Function::new(
            "array_lower(anyarray, int4) int4",
            measure(move |length, dimension| of_dimension(length, dimension).map(|_| 1)),
        ),
        Function::new("array_ndims(anyarray) int4", measure(|length, _| (length > 0).then_some(1))),
        Function::new("cardinality(anyarray) int4", measure(|length, _| Some(to_i32(length)))),
        Function::new(
            "array_dims(anyarray) text",
            Implementation::arrays(|_, arrays, rows| {
                let lists = Lists::of(&arrays[0]);
                Text::column((0..rows).map(|row| {
                    let length = lists.length(row);
                    Ok((length > 0).then(|| format!("[1:{length}]")))
                }))
            }),
        ),
    ]
}

fn searches() -> Vec<Function> {
    vec![
        Function::new("array_position(anycompatiblearray, anycompatible) int4", Implementation::arrays(position))
            .called_on_null(),
        Function::new("array_position(anycompatiblearray, anycompatible, int4) int4", Implementation::arrays(position))
            .called_on_null(),
        Function::new("array_positions(anycompatiblearray, anycompatible) int4[]", Implementation::arrays(positions))
            .called_on_null(),
        Function::new(
            "array_remove(anycompatiblearray, anycompatible) anycompatiblearray",
            Implementation::arrays(|call, arrays, rows| replaced(call, arrays, None, rows)),
        )
        .called_on_null(),
        Function::new(
            "array_replace(anycompatiblearray, anycompatible, anycompatible) anycompatiblearray",
            Implementation::arrays(|call, arrays, rows| replaced(call, arrays, Some(&arrays[2]), rows)),
        )
        .called_on_null(),
    ]
}

/// The places, from 1 on, at which each array has the element.
fn places(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<Vec<Option<Vec<usize>>>> {
    let lists = Lists::of(&arrays[0]);
    let compare = comparator(lists.values(), &arrays[1], &element_of(&call.arguments[0]))?;
    let found = (0..rows).map(|row| {
        (!lists.is_null(row)).then(|| {
            let range = lists.range(row);
            range.clone().filter(|place| are_same(&compare, *place, row)).map(|place| place - range.start + 1).collect()
        })
    });
    Ok(found.collect())
}

fn position(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let found = places(call, arrays, rows)?;
    Int4::column(found.into_iter().enumerate().map(|(row, places)| {
        let start = match arrays.get(2) {
            Some(array) if array.is_null(row) => {
                return Err(SqlError::new(Condition::NullValueNotAllowed, "initial position must not be null"));
            }
            Some(array) => Int4::value(array, row),
            None => 1,
        };
        Ok(places.and_then(|places| places.into_iter().map(to_i32).find(|place| *place >= start)))
    }))
}

fn positions(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let mut builder = arrow::array::ListBuilder::new(arrow::array::Int32Builder::new());
    for places in places(call, arrays, rows)? {
        builder.append_option(places.map(|places| places.into_iter().map(|place| Some(to_i32(place)))));
    }
    Ok(Arc::new(builder.finish()))
}

/// The arrays without an element, or with another one in its place.
fn replaced(call: &Call, arrays: &[ArrayRef], other: Option<&ArrayRef>, rows: usize) -> SqlResult<ArrayRef> {
    let lists = Lists::of(&arrays[0]);
    let element = element_of(&call.returns);
    let compare = comparator(lists.values(), &arrays[1], &element)?;
    let mut gather = Gather::new(&element, &[lists.values(), other.unwrap_or(&arrays[1])]);
    for row in 0..rows {
        if lists.is_null(row) {
            gather.end_null();
            continue;
        }
        for place in lists.range(row) {
            if !are_same(&compare, place, row) {
                gather.pick(0, place);
            } else if other.is_some() {
                gather.pick(1, row);
            }
        }
        gather.end();
    }
    gather.finish()
}

fn made() -> Vec<Function> {
    vec![
        Function::new("array_fill(anyelement, int4[]) anyarray", Implementation::arrays(fill)).called_on_null(),
        Function::new("trim_array(anyarray, int4) anyarray", Implementation::arrays(trim)),
        Function::new("array_to_string(anyarray, text) text", Implementation::arrays(to_string))
            .called_on_null()
            .stable(),
        Function::new("array_to_string(anyarray, text, text) text", Implementation::arrays(to_string))
            .called_on_null()
            .stable(),
        Function::new("string_to_array(text, text) text[]", Implementation::arrays(from_string)).called_on_null(),
        Function::new("string_to_array(text, text, text) text[]", Implementation::arrays(from_string)).called_on_null(),
        Function::new("string_to_table(text, text) setof text", Implementation::arrays(from_string)).called_on_null(),
        Function::new("string_to_table(text, text, text) setof text", Implementation::arrays(from_string))
            .called_on_null(),
        Function::new("array_agg(anynonarray) anyarray", Implementation::collect(aggregate)),
    ]
}

/// Elements that a filled array has at most.
const FILLED_MAX: i32 = 10_000_000;

fn fill(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let lists = Lists::of(&arrays[1]);
    let mut gather = Gather::new(&element_of(&call.returns), &[&arrays[0]]);
    for row in 0..rows {
        let range = lists.range(row);
        if lists.is_null(row) || range.clone().any(|place| lists.values().is_null(place)) {
            return Err(SqlError::new(
                Condition::NullValueNotAllowed,
                "dimension array or low bound array cannot be null",
            ));
        }
        if range.len() > 1 {
            return Err(SqlError::unsupported("an array of more than one dimension"));
        }
        let count = if range.is_empty() { 0 } else { Int4::value(lists.values(), range.start) };
        if !(0..=FILLED_MAX).contains(&count) {
            return Err(SqlError::new(Condition::ProgramLimitExceeded, "array size exceeds the maximum allowed"));
        }
        (0..count).for_each(|_| gather.pick(0, row));
        gather.end();
    }
    gather.finish()
}

fn trim(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let lists = Lists::of(&arrays[0]);
    let mut gather = Gather::new(&element_of(&call.returns), &[lists.values()]);
    for row in 0..rows {
        let range = lists.range(row);
        let kept = usize::try_from(Int4::value(&arrays[1], row)).ok().and_then(|count| range.len().checked_sub(count));
        let kept = kept.ok_or_else(|| {
            let message = format!("number of elements to trim must be between 0 and {}", range.len());
            SqlError::new(Condition::ArraySubscriptError, message)
        })?;
        gather.pick_all(0, range.start..range.start + kept);
        gather.end();
    }
    gather.finish()
}

fn to_string(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let lists = Lists::of(&arrays[0]);
    let element = element_of(&call.arguments[0]);
    Text::column((0..rows).map(|row| {
        if lists.is_null(row) || arrays[1].is_null(row) {
            return Ok(None);
        }
        let null = arrays.get(2).filter(|array| !array.is_null(row)).map(|array| Text::value(array, row).to_owned());
        let mut texts = Vec::new();
        for place in lists.range(row) {
            if lists.values().is_null(place) {
                texts.extend(null.clone());
            } else {
                texts.push(text_at(lists.values(), place, &element, &call.environment)?);
            }
        }
        Ok(Some(texts.join(Text::value(&arrays[1], row))))
    }))
}

fn from_string(_: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    Texts::column((0..rows).map(|row| {
        if arrays[0].is_null(row) {
            return Ok(None);
        }
        let text = Text::value(&arrays[0], row);
        let null = arrays.get(2).filter(|array| !array.is_null(row)).map(|array| Text::value(array, row));
        let delimiter = (!arrays[1].is_null(row)).then(|| Text::value(&arrays[1], row));
        let parts: Vec<String> = match delimiter {
            _ if text.is_empty() => Vec::new(),
            None => text.chars().map(String::from).collect(),
            Some("") => vec![text.to_owned()],
            Some(delimiter) => text.split(delimiter).map(str::to_owned).collect(),
        };
        Ok(Some(parts.into_iter().map(|part| (null != Some(part.as_str())).then_some(part)).collect()))
    }))
}

/// All rows of a group as an array; none if there are no rows.
fn aggregate(call: &Call, columns: &[ArrayRef], rows: usize) -> SqlResult<ScalarValue> {
    let field = Arc::new(Field::new("item", element_of(&call.returns).arrow(), true));
    if rows == 0 {
        return Ok(ScalarValue::List(Arc::new(ListArray::new_null(field, 1))));
    }
    let list = ListArray::new(field, OffsetBuffer::from_lengths([rows]), columns[0].clone(), None);
    Ok(ScalarValue::List(Arc::new(list)))
}

fn sets() -> Vec<Function> {
    vec![
        Function::new(
            "unnest(anyarray) setof anyelement",
            Implementation::arrays(|_, arrays, _| Ok(arrays[0].clone())),
        ),
        Function::new("generate_subscripts(anyarray, int4) setof int4", Implementation::arrays(subscripts)),
        Function::new("generate_subscripts(anyarray, int4, bool) setof int4", Implementation::arrays(subscripts)),
    ]
}

fn subscripts(_: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let lists = Lists::of(&arrays[0]);
    let mut values = Vec::new();
    let mut lengths = Vec::with_capacity(rows);
    for row in 0..rows {
        let length = if Int4::value(&arrays[1], row) == 1 { lists.length(row) } else { 0 };
        let is_reversed = arrays.get(2).is_some_and(|array| Bool::value(array, row));
        let places = 1..=to_i32(length);
        if is_reversed {
            values.extend(places.rev())
        } else {
            values.extend(places)
        }
        lengths.push(length);
    }
    let field = Arc::new(Field::new("item", DataType::Int32, true));
    let values = Arc::new(Int32Array::from(values));
    Ok(Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, None)))
}
