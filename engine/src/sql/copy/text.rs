//! The text form of COPY: one line for a row, fields between tabs, backslashes before what would be misread.

use marquetry_functions::SqlError;

use super::{Field, Options, bad_format};

/// The line of a row, with its end.
pub(super) fn write(out: &mut Vec<u8>, fields: &[Field], options: &Options) {
    for (position, field) in fields.iter().enumerate() {
        if position > 0 {
            out.push(options.delimiter);
        }
        match field {
            None => out.extend_from_slice(options.null.as_bytes()),
            Some(text) => text.bytes().for_each(|byte| write_byte(out, byte, options.delimiter)),
        }
    }
    out.push(b'\n');
}

fn write_byte(out: &mut Vec<u8>, byte: u8, delimiter: u8) {
    let escaped = match byte {
        b'\\' => b'\\',
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x0B => b'v',
        byte if byte == delimiter => byte,
        byte => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', escaped]);
}

/// The fields of a line without its end.
pub(super) fn read(line: &[u8], options: &Options) -> Result<Vec<Field>, SqlError> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut position = 0;
    loop {
        match line.get(position) {
            Some(b'\\') => position += 2,
            Some(byte) if *byte != options.delimiter => position += 1,
            end => {
                let raw = &line[start..position.min(line.len())];
                fields.push(field(raw, options)?);
                if end.is_none() {
                    return Ok(fields);
                }
                position += 1;
                start = position;
            }
        }
    }
}

fn field(raw: &[u8], options: &Options) -> Result<Field, SqlError> {
    if raw == options.null.as_bytes() {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let Some((escaped, behind)) = rest.split_first() else { break };
        rest = behind;
        match escaped {
            b'b' => bytes.push(0x08),
            b'f' => bytes.push(0x0C),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'v' => bytes.push(0x0B),
            b'0'..=b'7' => bytes.push(digits(*escaped, &mut rest, 8, 2)),
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => bytes.push(digits(b'0', &mut rest, 16, 2)),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map(Some).map_err(|_| bad_format("invalid byte sequence for encoding \"UTF8\""))
}

/// The byte that `first` and up to `more` digits behind it say.
fn digits(first: u8, rest: &mut &[u8], radix: u32, more: usize) -> u8 {
    let mut value = u32::from(first - b'0');
    for _ in 0..more {
        let digit = rest.first().and_then(|byte| char::from(*byte).to_digit(radix));
        let Some(digit) = digit else { break };
        value = value * radix + digit;
        *rest = &rest[1..];
    }
    (value & 0xFF) as u8
}
