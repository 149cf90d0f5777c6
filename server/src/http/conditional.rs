//! Conditional and partial requests for objects, as caches and CDNs send them (RFC 9110, sections 13 and 14).
//!
//! ```text
//!   If-Match, If-Unmodified-Since     state-changing and reading: 412
//!   If-None-Match, If-Modified-Since  reading: 304               writing: 412
//!   Range, If-Range                   206 | 416 | 200
//! ```
//!
//! All of it is pure: headers and what is stored go in, a verdict comes out. A range that the standard lets a server
//! ignore (another unit, several ranges, bad grammar) is ignored, and the whole object is the answer.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, header};

/// What to do about the preconditions of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

/// What is stored under the name that the request is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored<'a> {
    /// The entity tag without quotes.
    pub(super) etag: &'a str,
    pub(super) modified: SystemTime,
}

/// The verdict on reading `stored` with the conditions in `headers`.
pub(super) fn judge_read(headers: &HeaderMap, stored: Stored<'_>) -> Verdict {
    if let Some(matches) = matches_any(headers, header::IF_MATCH, Some(stored), Strength::Strong) {
        if !matches {
            return Verdict::Failed;
        }
    } else if let Some(limit) = date(headers, header::IF_UNMODIFIED_SINCE)
        && whole_seconds(stored.modified) > limit
    {
        return Verdict::Failed;
    }
    match matches_any(headers, header::IF_NONE_MATCH, Some(stored), Strength::Weak) {
        Some(true) => Verdict::NotModified,
        Some(false) => Verdict::Proceed,
        None => match date(headers, header::IF_MODIFIED_SINCE) {
            Some(limit) if whole_seconds(stored.modified) <= limit => Verdict::NotModified,
            _ => Verdict::Proceed,
        },
    }
}

/// Whether a write over `stored` may go ahead with the conditions in `headers`.
pub(super) fn judge_write(headers: &HeaderMap, stored: Option<Stored<'_>>) -> Verdict {
    let wanted = matches_any(headers, header::IF_MATCH, stored, Strength::Strong).unwrap_or(true);
    let unwanted = matches_any(headers, header::IF_NONE_MATCH, stored, Strength::Weak).unwrap_or(false);
    if wanted && !unwanted { Verdict::Proceed } else { Verdict::Failed }
}

/// Whether a weak tag counts as equal to the strong one of the same text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

/// Whether the list of tags in the header `name` names what is stored; `None` without such a header.
fn matches_any(
    headers: &HeaderMap,
    name: header::HeaderName,
    stored: Option<Stored<'_>>,
    strength: Strength,
) -> Option<bool> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let Some(stored) = stored else { return Some(false) };
    Some(
        values
            .filter_map(|value| value.to_str().ok())
            .any(|list| list.split(',').map(str::trim).any(|tag| tag == "*" || tag_equals(tag, stored.etag, strength))),
    )
}

fn tag_equals(tag: &str, etag: &str, strength: Strength) -> bool {
    let tag = match tag.strip_prefix("W/") {
        Some(_) if strength == Strength::Strong => return false,
        Some(weak) => weak,
        None => tag,
    };
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(etag)
}

/// Which bytes of an object to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Bytes(Range<u64>),
    /// The range lies outside: 416.
    Outside,
}

/// The part of `stored`, which has `size_bytes`, that `headers` ask for.
pub(super) fn part(headers: &HeaderMap, stored: Stored<'_>, size_bytes: u64) -> Part {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Part::Whole };
    if let Some(condition) = headers.get(header::IF_RANGE).and_then(|value| value.to_str().ok()) {
        let same = match parse_date(condition) {
            Some(date) => whole_seconds(stored.modified) == date,
            None => tag_equals(condition.trim(), stored.etag, Strength::Strong),
        };
        if !same {
            return Part::Whole;
        }
    }
    parse_range(range, size_bytes)
}

fn parse_range(text: &str, size_bytes: u64) -> Part {
    let spec = text.trim().strip_prefix("bytes=").filter(|spec| !spec.contains(','));
    let Some((first, last)) = spec.and_then(|spec| spec.trim().split_once('-')) else { return Part::Whole };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Part::Whole;
    }
    // More digits than fit are past the end of every object.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    match (first.is_empty(), last.is_empty()) {
        (true, true) => Part::Whole,
        (true, false) => match number(last).min(size_bytes) {
            0 => Part::Outside,
            suffix => Part::Bytes(size_bytes - suffix..size_bytes),
        },
        (false, _) if !last.is_empty() && number(last) < number(first) => Part::Whole,
        (false, _) if number(first) >= size_bytes => Part::Outside,
        (false, true) => Part::Bytes(number(first)..size_bytes),
        (false, false) => Part::Bytes(number(first)..number(last).saturating_add(1).min(size_bytes)),
    }
}

fn date(headers: &HeaderMap, name: header::HeaderName) -> Option<SystemTime> {
    parse_date(headers.get(name)?.to_str().ok()?)
}

/// HTTP dates have whole seconds; what is stored is rounded down to compare with them.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

const DATE_FORMAT: &str = "%a, %d %b %Y %H:%M:%S GMT";

fn parse_date(text: &str) -> Option<SystemTime> {
    let seconds = chrono::NaiveDateTime::parse_from_str(text.trim(), DATE_FORMAT).ok()?.and_utc().timestamp();
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// `time` as HTTP writes dates.
pub(super) fn format_date(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    chrono::DateTime::from_timestamp(i64::try_from(seconds).unwrap_or(0), 0)
        .unwrap_or_default()
        .format(DATE_FORMAT)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn stored() -> Stored<'static> {
        Stored { etag: "abc", modified: SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500) }
    }

    #[test]
    fn ranges_follow_the_standard() {
        for (text, expected) in [
            ("bytes=0-3", Part::Bytes(0..4)),
            ("bytes=5-", Part::Bytes(5..10)),
            ("bytes=-3", Part::Bytes(7..10)),
            ("bytes=-30", Part::Bytes(0..10)),
            ("bytes=0-99999999999999999999999", Part::Bytes(0..10)),
            ("bytes=9-9", Part::Bytes(9..10)),
            ("bytes=10-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=99999999999999999999999-", Part::Outside),
            ("bytes=3-1", Part::Whole),
            ("bytes=1-2,4-5", Part::Whole),
            ("lines=1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
        ] {
            assert_eq!(parse_range(text, 10), expected, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Part::Outside);
    }

    #[test]
    fn an_outdated_if_range_gets_the_whole() {
        let range = (header::RANGE, "bytes=1-2");
        for (condition, expected) in [
            ("\"abc\"", Part::Bytes(1..3)),
            ("W/\"abc\"", Part::Whole),
            ("\"old\"", Part::Whole),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Part::Bytes(1..3)),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Part::Whole),
        ] {
            let headers = headers(&[range.clone(), (header::IF_RANGE, condition)]);
            assert_eq!(part(&headers, stored(), 10), expected, "{condition}");
        }
    }

    #[test]
    fn conditions_decide_what_a_read_answers() {
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
        let at = "Sun, 06 Nov 1994 08:49:37 GMT";
        let before = "Sun, 06 Nov 1994 08:49:36 GMT";
        for (conditions, expected) in [
            (vec![], Verdict::Proceed),
            (vec![(IF_NONE_MATCH, "\"abc\"")], Verdict::NotModified),
            (vec![(IF_NONE_MATCH, "\"x\", W/\"abc\"")], Verdict::NotModified),
            (vec![(IF_NONE_MATCH, "*")], Verdict::NotModified),
            (vec![(IF_NONE_MATCH, "\"x\"")], Verdict::Proceed),
            (vec![(IF_MATCH, "\"abc\"")], Verdict::Proceed),
            (vec![(IF_MATCH, "W/\"abc\"")], Verdict::Failed),
            (vec![(IF_MATCH, "\"x\"")], Verdict::Failed),
            (vec![(IF_MATCH, "\"abc\""), (IF_NONE_MATCH, "\"abc\"")], Verdict::NotModified),
            (vec![(IF_MODIFIED_SINCE, at)], Verdict::NotModified),
            (vec![(IF_MODIFIED_SINCE, before)], Verdict::Proceed),
            (vec![(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, at)], Verdict::Proceed),
            (vec![(IF_UNMODIFIED_SINCE, before)], Verdict::Failed),
            (vec![(IF_UNMODIFIED_SINCE, at)], Verdict::Proceed),
            (vec![(IF_MODIFIED_SINCE, "yesterday")], Verdict::Proceed),
        ] {
            assert_eq!(judge_read(&headers(&conditions), stored()), expected, "{conditions:?}");
        }
    }

    #[test]
    fn conditions_decide_whether_a_write_goes_ahead() {
        use header::{IF_MATCH, IF_NONE_MATCH};
        for (conditions, there, expected) in [
            (vec![(IF_NONE_MATCH, "*")], false, Verdict::Proceed),
            (vec![(IF_NONE_MATCH, "*")], true, Verdict::Failed),
            (vec![(IF_MATCH, "*")], false, Verdict::Failed),
            (vec![(IF_MATCH, "*")], true, Verdict::Proceed),
            (vec![(IF_MATCH, "\"abc\"")], true, Verdict::Proceed),
            (vec![(IF_MATCH, "\"x\"")], true, Verdict::Failed),
            (vec![], true, Verdict::Proceed),
        ] {
            let verdict = judge_write(&headers(&conditions), there.then(stored));
            assert_eq!(verdict, expected, "{conditions:?} {there}");
        }
    }

    #[test]
    fn dates_are_written_as_they_are_read() {
        assert_eq!(format_date(stored().modified), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
