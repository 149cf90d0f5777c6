//! A time of day with a displacement from Greenwich.
//!
//! In a column it is one number, so that numbers compare as PostgreSQL compares the times: first by the moment that they
//! are at Greenwich, then those further west (later on no clock, but greater in PostgreSQL) last.

use super::calendar::SECOND_MICROS;

/// A time of day with a displacement from Greenwich.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeTz {
    /// Microseconds since midnight on that clock, at most 24 hours.
    pub time_micros: i64,
    /// Seconds ahead of Greenwich, less than 16 hours.
    pub east_seconds: i32,
}

/// More than any displacement, in seconds.
const WEST_SECONDS_SHIFT: i64 = 1 << 17;

impl TimeTz {
    /// The time in microseconds at Greenwich; negative or over a day when it is another day there.
    pub fn utc_micros(self) -> i64 {
        self.time_micros - i64::from(self.east_seconds) * SECOND_MICROS
    }

    /// The number that stands for it in a column.
    pub fn packed(self) -> i64 {
        let west_seconds = -i64::from(self.east_seconds);
        self.utc_micros() * (2 * WEST_SECONDS_SHIFT) + west_seconds + WEST_SECONDS_SHIFT
    }

    /// What a number in a column stands for.
    pub fn unpacked(packed: i64) -> Self {
        let utc_micros = packed.div_euclid(2 * WEST_SECONDS_SHIFT);
        let west_seconds = packed.rem_euclid(2 * WEST_SECONDS_SHIFT) - WEST_SECONDS_SHIFT;
        TimeTz {
            time_micros: utc_micros - west_seconds * SECOND_MICROS,
            east_seconds: i32::try_from(-west_seconds).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_times_do() {
        let time = |hours: i64, east: i32| TimeTz { time_micros: hours * 3_600_000_000, east_seconds: east * 3600 };
        let sorted = [time(0, 15), time(9, 1), time(10, 2), time(9, 0), time(8, -1), time(24, 0), time(24, -15)];
        let packed: Vec<i64> = sorted.iter().map(|time| time.packed()).collect();
        assert!(packed[1] > packed[2], "of one moment the western is greater");
        assert!(packed[0] < packed[2] && packed[1] < packed[3] && packed[3] < packed[4] && packed[5] < packed[6]);
        for time in sorted {
            assert_eq!(TimeTz::unpacked(time.packed()), time);
        }
    }
}
