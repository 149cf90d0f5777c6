//! Whether two periods have a moment in common: the operator OVERLAPS.
//!
//! A period includes its beginning, and its end only where both are the same. An end may be unknown; the answer is
//! known all the same if the rest decides it.

/// Whether `(first, second)` and `(third, fourth)` overlap.
pub(crate) fn overlaps<T: Copy + PartialOrd>(
    first: Option<T>,
    second: Option<T>,
    third: Option<T>,
    fourth: Option<T>,
) -> Option<bool> {
    let (left_start, left_end) = ordered(first, second)?;
    let (right_start, right_end) = ordered(third, fourth)?;
    if left_start == right_start {
        // Both begin at once; an unknown end decides nothing unless both periods are more than a moment.
        return match (left_end, right_end) {
            (Some(_), Some(_)) => Some(true),
            _ => None,
        };
    }
    let (earlier_end, later_start, later_end) =
        if left_start < right_start { (left_end, right_start, right_end) } else { (right_end, left_start, left_end) };
    match earlier_end {
        None => None,
        Some(end) if later_start < end => Some(true),
        Some(_) => later_end.map(|_| false),
    }
}

/// The beginning and the end of a period; the beginning is known.
fn ordered<T: Copy + PartialOrd>(one: Option<T>, other: Option<T>) -> Option<(T, Option<T>)> {
    match (one, other) {
        (None, None) => None,
        (Some(known), None) | (None, Some(known)) => Some((known, None)),
        (Some(one), Some(other)) if other < one => Some((other, Some(one))),
        (Some(one), other) => Some((one, other)),
    }
}
