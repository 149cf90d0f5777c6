//! The two forms that values travel in.

use super::error::WireError;

/// How a value is written: as text for people, or in the bytes of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Binary,
}

impl Format {
    /// The number by which the protocol knows the form.
    pub(super) fn code(self) -> i16 {
        match self {
            Format::Text => 0,
            Format::Binary => 1,
        }
    }

    fn of(code: i16) -> Result<Self, WireError> {
        match code {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            other => Err(WireError::violation(format!("unsupported format code: {other}"))),
        }
    }

    /// The forms of `count` values: none says text for all, one says the same for all.
    pub(super) fn of_all(codes: &[i16], count: usize, what: &str) -> Result<Vec<Self>, WireError> {
        match codes {
            [] => Ok(vec![Format::Text; count]),
            [code] => Ok(vec![Format::of(*code)?; count]),
            codes if codes.len() == count => codes.iter().map(|code| Format::of(*code)).collect(),
            codes => Err(WireError::violation(format!(
                "bind message has {} {what} formats but {count} {what}s",
                codes.len()
            ))),
        }
    }
}
