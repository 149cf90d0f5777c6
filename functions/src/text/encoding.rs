//! Bytes as texts and back, and digests of both.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use md5::{Digest, Md5};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use crate::bytea::{parse_escaped, parse_hexadecimal, push_hexadecimal};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Bytea, Function, Int4, Int8, Text, one, three, two};

/// Characters of base64 in a line.
const LINE_CHARACTERS: usize = 76;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn unknown(format: &str) -> SqlError {
    SqlError::new(Condition::InvalidParameterValue, format!("unrecognized encoding: \"{format}\""))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push_hexadecimal(&mut text, bytes);
    text
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            0 | 0x80.. => text.push_str(&format!("\\{byte:03o}")),
            other => text.push(char::from(*other)),
        }
    }
    text
}

fn encode(bytes: &[u8], format: &str) -> SqlResult<String> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => Ok(hexadecimal(bytes)),
        "escape" => Ok(escaped(bytes)),
        "base64" => {
            let text = general_purpose::STANDARD.encode(bytes);
            let lines: Vec<&str> = (0..text.len())
                .step_by(LINE_CHARACTERS)
                .map(|start| &text[start..(start + LINE_CHARACTERS).min(text.len())])
                .collect();
            Ok(lines.join("\n"))
        }
        _ => Err(unknown(format)),
    }
}

fn decode(text: &str, format: &str) -> SqlResult<Vec<u8>> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => parse_hexadecimal(text),
        "escape" => parse_escaped(text),
        "base64" => {
            let digits: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
            LENIENT.decode(&digits).map_err(|_| {
                let wrong = digits.chars().find(|c| !c.is_ascii_alphanumeric() && !"+/=".contains(*c));
                let message = match wrong {
                    Some(wrong) => format!("invalid symbol \"{wrong}\" found while decoding base64 sequence"),
                    None => "invalid base64 end sequence".to_owned(),
                };
                SqlError::new(Condition::InvalidParameterValue, message)
            })
        }
        _ => Err(unknown(format)),
    }
}

/// What of `bytes` is text in the only encoding that there is.
fn as_text(bytes: &[u8], encoding: &str) -> SqlResult<String> {
    let name = encoding.to_ascii_lowercase().replace(['-', '_'], "");
    match name.as_str() {
        "utf8" | "unicode" => String::from_utf8(bytes.to_vec()).map_err(|_| {
            SqlError::new(Condition::CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"")
        }),
        "latin1" | "iso88591" => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        _ => {
            Err(SqlError::new(Condition::InvalidParameterValue, format!("invalid source encoding name \"{encoding}\"")))
        }
    }
}

fn as_bytes(text: &str, encoding: &str) -> SqlResult<Vec<u8>> {
    match encoding.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "utf8" | "unicode" => Ok(text.as_bytes().to_vec()),
        "latin1" | "iso88591" => text
            .chars()
            .map(|character| {
                u8::try_from(u32::from(character)).map_err(|_| {
                    SqlError::new(
                        Condition::UntranslatableCharacter,
                        "character has no equivalent in encoding \"LATIN1\"",
                    )
                })
            })
            .collect(),
        _ => Err(SqlError::new(
            Condition::InvalidParameterValue,
            format!("invalid destination encoding name \"{encoding}\""),
        )),
    }
}

fn place(bytes: &[u8], index: i64, count: usize) -> SqlResult<usize> {
    let limit = bytes.len() * count;
    usize::try_from(index).ok().filter(|index| *index < limit).ok_or_else(|| {
        SqlError::new(
            Condition::ArraySubscriptError,
            format!("index {index} out of valid range, 0..{}", i64::try_from(limit).unwrap_or(0) - 1),
        )
    })
}

fn with_byte(bytes: &[u8], index: i32, value: i32) -> SqlResult<Vec<u8>> {
    let place = place(bytes, index.into(), 1)?;
    let mut changed = bytes.to_vec();
    changed[place] = value.to_le_bytes()[0];
    Ok(changed)
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("encode(bytea, text) text", two::<Bytea, Text, Text, _>(encode)),
        Function::new("decode(text, text) bytea", two::<Text, Text, Bytea, _>(decode)),
        Function::new("convert_from(bytea, text) text", two::<Bytea, Text, Text, _>(as_text)),
        Function::new("convert_to(text, text) bytea", two::<Text, Text, Bytea, _>(as_bytes)),
        Function::new("md5(text) text", one::<Text, Text, _>(|text| hexadecimal(&Md5::digest(text.as_bytes())))),
        Function::new("md5(bytea) text", one::<Bytea, Text, _>(|bytes: &[u8]| hexadecimal(&Md5::digest(bytes)))),
        Function::new("sha224(bytea) bytea", one::<Bytea, Bytea, _>(|bytes: &[u8]| Sha224::digest(bytes).to_vec())),
        Function::new("sha256(bytea) bytea", one::<Bytea, Bytea, _>(|bytes: &[u8]| Sha256::digest(bytes).to_vec())),
        Function::new("sha384(bytea) bytea", one::<Bytea, Bytea, _>(|bytes: &[u8]| Sha384::digest(bytes).to_vec())),
        Function::new("sha512(bytea) bytea", one::<Bytea, Bytea, _>(|bytes: &[u8]| Sha512::digest(bytes).to_vec())),
        Function::new("to_hex(int4) text", one::<Int4, Text, _>(|value| format!("{value:x}"))),
        Function::new("to_hex(int8) text", one::<Int8, Text, _>(|value| format!("{value:x}"))),
        Function::new(
            "get_byte(bytea, int4) int4",
            two::<Bytea, Int4, Int4, _>(|bytes: &[u8], index| {
                place(bytes, index.into(), 1).map(|at| i32::from(bytes[at]))
            }),
        ),
        Function::new("set_byte(bytea, int4, int4) bytea", three::<Bytea, Int4, Int4, Bytea, _>(with_byte)),
        Function::new(
            "get_bit(bytea, int8) int4",
            two::<Bytea, Int8, Int4, _>(|bytes: &[u8], index| {
                place(bytes, index, 8).map(|at| i32::from(bytes[at / 8] >> (at % 8) & 1))
            }),
        ),
    ]
}
