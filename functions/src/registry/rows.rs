//! Functions of one row, applied to columns.
//!
//! `two::<Text, Int4, Text, _>(|text, count| ...)` is an implementation over columns of texts and integers; the closure may
//! return the value, an `Option` of it, or an `SqlResult` of either. These are for strict functions: the closure sees no NULL.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};

use super::function::Implementation;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::numeric::Number;

/// A type of values that functions of one row take and return.
pub trait Kind: 'static {
    /// A value in a column.
    type Ref<'a>;
    /// A value that is returned.
    type Owned;

    /// The value of `row`, which is not NULL.
    fn value(array: &ArrayRef, row: usize) -> Self::Ref<'_>;

    /// A column of these values.
    fn column(values: impl Iterator<Item = SqlResult<Option<Self::Owned>>>) -> SqlResult<ArrayRef>;
}

/// What a function of one row may return for a `T`.
pub trait Answer<T> {
    /// The value, NULL, or the failure.
    fn answer(self) -> SqlResult<Option<T>>;
}

impl<T> Answer<T> for T {
    fn answer(self) -> SqlResult<Option<T>> {
        Ok(Some(self))
    }
}

impl<T> Answer<T> for Option<T> {
    fn answer(self) -> SqlResult<Option<T>> {
        Ok(self)
    }
}

impl<T> Answer<T> for SqlResult<T> {
    fn answer(self) -> SqlResult<Option<T>> {
        self.map(Some)
    }
}

impl<T> Answer<T> for SqlResult<Option<T>> {
    fn answer(self) -> SqlResult<Option<T>> {
        self
    }
}

macro_rules! primitive_kinds {
    ($($(#[$doc:meta])* $name:ident $arrow:ty, $native:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Kind for $name {
            type Ref<'a> = $native;
            type Owned = $native;

            fn value(array: &ArrayRef, row: usize) -> $native {
                array.as_primitive::<$arrow>().value(row)
            }

            fn column(values: impl Iterator<Item = SqlResult<Option<$native>>>) -> SqlResult<ArrayRef> {
                primitive_column::<$arrow>(values)
            }
        }
    )*};
}

primitive_kinds! {
    /// Type `int2`.
    Int2 Int16Type, i16;
    /// Type `int4`.
    Int4 Int32Type, i32;
    /// Type `int8`; also `timetz` and `pg_lsn` as they are held.
    Int8 Int64Type, i64;
    /// Type `float4`.
    Float4 Float32Type, f32;
    /// Type `float8`.
    Float8 Float64Type, f64;
    /// Type `oid` and all that are held like it.
    Oid UInt32Type, u32;
    /// Type `date`: days since 1970.
    Date Date32Type, i32;
    /// Type `time`: microseconds since midnight.
    Time Time64MicrosecondType, i64;
    /// Type `timestamp`: microseconds since 1970.
    Timestamp TimestampMicrosecondType, i64;
    /// Type `interval`.
    Interval IntervalMonthDayNanoType, IntervalMonthDayNano;
}

fn primitive_column<T: ArrowPrimitiveType>(
    values: impl Iterator<Item = SqlResult<Option<T::Native>>>,
) -> SqlResult<ArrayRef> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(values.size_hint().0);
    for value in values {
        builder.append_option(value?);
    }
    Ok(std::sync::Arc::new(builder.finish()))
}

/// Type `timestamptz`: microseconds since 1970 in UTC.
#[derive(Debug)]
pub struct TimestampTz;

impl Kind for TimestampTz {
    type Ref<'a> = i64;
    type Owned = i64;

    fn value(array: &ArrayRef, row: usize) -> i64 {
        array.as_primitive::<TimestampMicrosecondType>().value(row)
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<i64>>>) -> SqlResult<ArrayRef> {
        let column = primitive_column::<TimestampMicrosecondType>(values)?;
        let zoned = column.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC");
        Ok(std::sync::Arc::new(zoned))
    }
}

/// Type `bool`.
#[derive(Debug)]
pub struct Bool;

impl Kind for Bool {
    type Ref<'a> = bool;
    type Owned = bool;

    fn value(array: &ArrayRef, row: usize) -> bool {
        array.as_boolean().value(row)
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<bool>>>) -> SqlResult<ArrayRef> {
        let mut builder = BooleanBuilder::with_capacity(values.size_hint().0);
        for value in values {
            builder.append_option(value?);
        }
        Ok(std::sync::Arc::new(builder.finish()))
    }
}

/// Type `text` and all that are held like it.
#[derive(Debug)]
pub struct Text;

impl Kind for Text {
    type Ref<'a> = &'a str;
    type Owned = String;

    fn value(array: &ArrayRef, row: usize) -> &str {
        array.as_string::<i32>().value(row)
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<String>>>) -> SqlResult<ArrayRef> {
        let mut builder = StringBuilder::new();
        for value in values {
            builder.append_option(value?);
        }
        Ok(std::sync::Arc::new(builder.finish()))
    }
}

/// Type `bytea`.
#[derive(Debug)]
pub struct Bytea;

impl Kind for Bytea {
    type Ref<'a> = &'a [u8];
    type Owned = Vec<u8>;

    fn value(array: &ArrayRef, row: usize) -> &[u8] {
        array.as_binary::<i32>().value(row)
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<Vec<u8>>>>) -> SqlResult<ArrayRef> {
        let mut builder = BinaryBuilder::new();
        for value in values {
            builder.append_option(value?);
        }
        Ok(std::sync::Arc::new(builder.finish()))
    }
}

/// Type `numeric`, in its form `Any`.
#[derive(Debug)]
pub struct Numeric;

impl Kind for Numeric {
    type Ref<'a> = Number;
    type Owned = Number;

    fn value(array: &ArrayRef, row: usize) -> Number {
        Number::decode(array.as_binary::<i32>().value(row))
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<Number>>>) -> SqlResult<ArrayRef> {
        let mut builder = BinaryBuilder::new();
        let mut bytes = Vec::new();
        for value in values {
            match value? {
                Some(number) => {
                    bytes.clear();
                    number.encode(&mut bytes);
                    builder.append_value(&bytes);
                }
                None => builder.append_null(),
            }
        }
        Ok(std::sync::Arc::new(builder.finish()))
    }
}

/// Type `uuid`.
#[derive(Debug)]
pub struct Uuid;

impl Kind for Uuid {
    type Ref<'a> = [u8; 16];
    type Owned = [u8; 16];

    fn value(array: &ArrayRef, row: usize) -> [u8; 16] {
        array.as_fixed_size_binary().value(row).try_into().unwrap_or_default()
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<[u8; 16]>>>) -> SqlResult<ArrayRef> {
        let mut builder = FixedSizeBinaryBuilder::new(16);
        for value in values {
            match value? {
                Some(bytes) => builder.append_value(bytes).map_err(arrow_error)?,
                None => builder.append_null(),
            }
        }
        Ok(std::sync::Arc::new(builder.finish()))
    }
}

/// What Arrow says went wrong, where nothing should.
pub(crate) fn arrow_error(error: arrow::error::ArrowError) -> SqlError {
    SqlError::new(Condition::InternalError, error.to_string())
}

/// A function without arguments, for each row anew.
pub fn none<R: Kind, X: Answer<R::Owned>>(run: impl Fn() -> X + Send + Sync + 'static) -> Implementation {
    Implementation::arrays(move |_, _, rows| R::column((0..rows).map(|_| run().answer())))
}

/// A function of one argument.
pub fn one<A: Kind, R: Kind, X: Answer<R::Owned>>(
    run: impl Fn(A::Ref<'_>) -> X + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |_, arrays, rows| {
        R::column((0..rows).map(|row| run(A::value(&arrays[0], row)).answer()))
    })
}

/// A function of two arguments.
pub fn two<A: Kind, B: Kind, R: Kind, X: Answer<R::Owned>>(
    run: impl Fn(A::Ref<'_>, B::Ref<'_>) -> X + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |_, arrays, rows| {
        R::column((0..rows).map(|row| run(A::value(&arrays[0], row), B::value(&arrays[1], row)).answer()))
    })
}

/// A function of three arguments.
pub fn three<A: Kind, B: Kind, C: Kind, R: Kind, X: Answer<R::Owned>>(
    run: impl Fn(A::Ref<'_>, B::Ref<'_>, C::Ref<'_>) -> X + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |_, arrays, rows| {
        R::column(
            (0..rows).map(|row| {
                run(A::value(&arrays[0], row), B::value(&arrays[1], row), C::value(&arrays[2], row)).answer()
            }),
        )
    })
}

/// A function of four arguments.
pub fn four<A: Kind, B: Kind, C: Kind, D: Kind, R: Kind, X: Answer<R::Owned>>(
    run: impl Fn(A::Ref<'_>, B::Ref<'_>, C::Ref<'_>, D::Ref<'_>) -> X + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |_, arrays, rows| {
        R::column((0..rows).map(|row| {
            let (first, second) = (A::value(&arrays[0], row), B::value(&arrays[1], row));
            run(first, second, C::value(&arrays[2], row), D::value(&arrays[3], row)).answer()
        }))
    })
}

/// A column that is NULL in all `rows`.
pub fn null_column(data_type: &DataType, rows: usize) -> ArrayRef {
    arrow::array::new_null_array(data_type, rows)
}

/// Whether `row` of the column is NULL.
pub fn is_null(array: &ArrayRef, row: usize) -> bool {
    array.is_null(row)
}
