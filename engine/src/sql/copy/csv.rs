//! The CSV form of COPY.

use marquetry_functions::SqlError;

use super::{Field, Options, bad_format};

/// The line of a row, with its end; `names` are the columns, for those that are always quoted.
pub(super) fn write(out: &mut Vec<u8>, fields: &[Field], names: &[String], options: &Options) {
    for (position, field) in fields.iter().enumerate() {
        if position > 0 {
            out.push(options.delimiter);
        }
        let Some(text) = field else {
            out.extend_from_slice(options.null.as_bytes());
            continue;
        };
        let is_forced = match &options.force_quote {
            None => true,
            Some(columns) => names.get(position).is_some_and(|name| columns.contains(name)),
        };
        let needs_quotes = is_forced
            || *text == options.null
            || text == "\\."
            || text
                .bytes()
                .any(|byte| byte == options.delimiter || byte == options.quote || byte == b'\n' || byte == b'\r');
        if !needs_quotes {
            out.extend_from_slice(text.as_bytes());
            continue;
        }
        out.push(options.quote);
        for byte in text.bytes() {
            if byte == options.quote || byte == options.escape {
                out.push(options.escape);
            }
            out.push(byte);
        }
        out.push(options.quote);
    }
    out.push(b'\n');
}

/// Where the record at the beginning of `bytes` ends, with its line end; `None` when more bytes are needed.
pub(super) fn record_end(bytes: &[u8], options: &Options) -> Option<usize> {
    let mut is_quoted = false;
    let mut position = 0;
    while let Some(byte) = bytes.get(position) {
        if is_quoted && *byte == options.escape && options.escape != options.quote {
            position += 2;
            continue;
        }
        if *byte == options.quote {
            is_quoted = !is_quoted;
        }
        if *byte == b'\n' && !is_quoted {
            return Some(position + 1);
        }
        position += 1;
    }
    None
}

/// The fields of a record without its line end.
pub(super) fn read(record: &[u8], names: &[String], options: &Options) -> Result<Vec<Field>, SqlError> {
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let (bytes, was_quoted, behind) = field(rest, options)?;
        let text = String::from_utf8(bytes).map_err(|_| bad_format("invalid byte sequence for encoding \"UTF8\""))?;
        let name = names.get(fields.len());
        let is_forced_null = name.is_some_and(|name| options.force_null.contains(name));
        let is_never_null = name.is_some_and(|name| options.force_not_null.contains(name));
        let is_null = text == options.null && (!was_quoted || is_forced_null) && !is_never_null;
        fields.push((!is_null).then_some(text));
        match behind {
            None => return Ok(fields),
            Some(behind) => rest = behind,
        }
    }
}

/// The bytes of the field at the beginning of `rest`, whether any were quoted, and what follows its delimiter.
#[allow(clippy::type_complexity, reason = "the three parts are named above")]
fn field<'r>(rest: &'r [u8], options: &Options) -> Result<(Vec<u8>, bool, Option<&'r [u8]>), SqlError> {
    let (mut bytes, mut is_quoted, mut was_quoted) = (Vec::new(), false, false);
    let mut position = 0;
    while let Some(byte) = rest.get(position) {
        let next = rest.get(position + 1);
        if is_quoted {
            let escapes =
                *byte == options.escape && next.is_some_and(|next| *next == options.quote || *next == options.escape);
            if escapes {
                bytes.push(rest[position + 1]);
                position += 2;
                continue;
            }
            match *byte == options.quote {
                true => is_quoted = false,
                false => bytes.push(*byte),
            }
        } else if *byte == options.delimiter {
            return Ok((bytes, was_quoted, Some(&rest[position + 1..])));
        } else if *byte == options.quote {
            is_quoted = true;
            was_quoted = true;
        } else {
            bytes.push(*byte);
        }
        position += 1;
    }
    match is_quoted {
        true => Err(bad_format("unterminated CSV quoted field")),
        false => Ok((bytes, was_quoted, None)),
    }
}
