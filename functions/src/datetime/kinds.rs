//! How functions of one row see spans, times with a zone, and the session's zone.

use arrow::array::{ArrayRef, AsArray, Int64Builder, IntervalMonthDayNanoBuilder};
use arrow::datatypes::{Int64Type, IntervalMonthDayNanoType};

use super::interval::Interval;
use super::timetz::TimeTz;
use super::zone::Zone;
use crate::condition::SqlResult;
use crate::registry::{Answer, Implementation, Kind};

/// Type `interval`.
#[derive(Debug)]
pub(crate) struct Span;

impl Kind for Span {
    type Ref<'a> = Interval;
    type Owned = Interval;

    fn value(array: &ArrayRef, row: usize) -> Interval {
        array.as_primitive::<IntervalMonthDayNanoType>().value(row).into()
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<Interval>>>) -> SqlResult<ArrayRef> {
        let mut builder = IntervalMonthDayNanoBuilder::with_capacity(values.size_hint().0);
        for value in values {
            builder.append_option(value?.map(Interval::arrow).transpose()?);
        }
        Ok(std::sync::Arc::new(builder.finish()))
    }
}

/// Type `timetz`.
#[derive(Debug)]
pub(crate) struct ClockTz;

impl Kind for ClockTz {
    type Ref<'a> = TimeTz;
    type Owned = TimeTz;

    fn value(array: &ArrayRef, row: usize) -> TimeTz {
        TimeTz::unpacked(array.as_primitive::<Int64Type>().value(row))
    }

    fn column(values: impl Iterator<Item = SqlResult<Option<TimeTz>>>) -> SqlResult<ArrayRef> {
        let mut builder = Int64Builder::with_capacity(values.size_hint().0);
        for value in values {
            builder.append_option(value?.map(TimeTz::packed));
        }
        Ok(std::sync::Arc::new(builder.finish()))
    }
}

/// A function of one argument in the session's zone.
pub(super) fn zoned_one<A: Kind, R: Kind, X: Answer<R::Owned>>(
    run: impl Fn(Zone, A::Ref<'_>) -> X + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |call, arrays, rows| {
        let zone = call.environment.time_zone();
        R::column((0..rows).map(|row| run(zone, A::value(&arrays[0], row)).answer()))
    })
}

/// A function of two arguments in the session's zone.
pub(super) fn zoned_two<A: Kind, B: Kind, R: Kind, X: Answer<R::Owned>>(
    run: impl Fn(Zone, A::Ref<'_>, B::Ref<'_>) -> X + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |call, arrays, rows| {
        let zone = call.environment.time_zone();
        R::column((0..rows).map(|row| run(zone, A::value(&arrays[0], row), B::value(&arrays[1], row)).answer()))
    })
}

/// A function of one argument that is also given the time of the transaction.
pub(super) fn timed_one<A: Kind, R: Kind, X: Answer<R::Owned>>(
    run: impl Fn(Zone, i64, A::Ref<'_>) -> X + Send + Sync + 'static,
) -> Implementation {
    Implementation::arrays(move |call, arrays, rows| {
        let zone = call.environment.time_zone();
        let now = call.environment.transaction_time_micros();
        R::column((0..rows).map(|row| run(zone, now, A::value(&arrays[0], row)).answer()))
    })
}
