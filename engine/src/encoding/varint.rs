//! Unsigned integers in as few bytes as they need (LEB128, little end first).

use crate::error::{Error, Result};

/// Appends `value`.
pub(crate) fn write(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7F) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a value off the front of `input`.
pub(crate) fn read(input: &mut &[u8]) -> Result<u64> {
    let mut value = 0u64;
    for (index, byte) in input.iter().copied().enumerate().take(10) {
        let part = u64::from(byte & 0x7F);
        if index == 9 && part > 1 {
            break;
        }
        value |= part << (7 * index);
        if byte & 0x80 == 0 {
            *input = &input[index + 1..];
            return Ok(value);
        }
    }
    Err(Error::corrupt("a stored length is cut off or longer than 64 bits"))
}

/// Takes a length-led run of bytes off the front of `input`; the length is checked against what is left.
pub(crate) fn read_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = read(input)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= input.len());
    let Some(length) = length else {
        return Err(Error::corrupt("a stored length reaches past the end of its record"));
    };
    let (bytes, rest) = input.split_at(length);
    *input = rest;
    Ok(bytes)
}

/// Appends `bytes` led by their length.
pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_and_bad_ones_are_refused() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            write(&mut out, value);
            let mut input = &out[..];
            assert_eq!(read(&mut input).unwrap(), value);
            assert!(input.is_empty());
            assert!(read(&mut &out[..out.len() - 1]).is_err());
        }
        assert!(read(&mut &[0xFF; 11][..]).is_err());
        assert!(read_bytes(&mut &[5, 1, 2][..]).is_err());
    }
}
