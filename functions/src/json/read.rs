//! JSON texts as values, with PostgreSQL's words for what is wrong with them.

use super::value::Json;
use crate::condition::{Condition, SqlError, SqlResult};

/// Arrays and objects that may be inside one another.
pub const DEPTH_MAX: usize = 1000;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Values as jsonb has them.
    Jsonb,
    /// Whether the text is JSON; values stay empty.
    Check,
}

/// Reads a text as jsonb.
pub fn parse(text: &str) -> SqlResult<Json> {
    Reader { text, at: 0, target: Target::Jsonb }.whole()
}

/// The text of jsonb as PostgreSQL prints it.
pub fn canonical(text: &str) -> SqlResult<String> {
    Ok(parse(text)?.text())
}

/// Checks that a text is JSON.
pub fn validate(text: &str) -> SqlResult<()> {
    Reader { text, at: 0, target: Target::Check }.whole().map(|_| ())
}

pub(super) fn syntax(detail: impl Into<String>) -> SqlError {
    SqlError::new(Condition::InvalidTextRepresentation, "invalid input syntax for type json").detail(detail)
}

/// PostgreSQL's words for values that are nested too deeply.
pub(super) fn too_deep() -> SqlError {
    SqlError::new(Condition::StatementTooComplex, "stack depth limit exceeded")
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    target: Target,
}

impl Reader<'_> {
    fn whole(mut self) -> SqlResult<Json> {
        let value = self.value(0, "Expected JSON value")?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.unexpected("Expected end of input"));
        }
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The failure that `expected` is not here.
    fn unexpected(&self, expected: &str) -> SqlError {
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return syntax("The input string ended unexpectedly.") };
        let length = match first {
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            '"' => string_end(rest).unwrap_or(rest.len()),
            _ => word_end(rest),
        };
        let token = &rest[..length];
        let is_token = "{}[],:\"".contains(first) || is_number(token) || matches!(token, "true" | "false" | "null");
        if is_token {
            syntax(format!("{expected}, but found \"{token}\"."))
        } else {
            syntax(format!("Token \"{token}\" is invalid."))
        }
    }

    fn value(&mut self, depth: usize, expected: &str) -> SqlResult<Json> {
        if depth > DEPTH_MAX {
            return Err(too_deep());
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::String),
            _ => self.word(expected),
        }
    }

    fn word(&mut self, expected: &str) -> SqlResult<Json> {
        let rest = &self.text[self.at..];
        let token = &rest[..word_end(rest)];
        let value = match token {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            number if is_number(number) => match self.target {
                Target::Jsonb => Json::Number(plain_number(number)?),
                Target::Check => Json::Null,
            },
            _ => return Err(self.unexpected(expected)),
        };
        self.at += token.len();
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> SqlResult<Json> {
        self.at += 1;
        let mut values = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(values));
        }
        loop {
            let expected = if values.is_empty() { "Expected array element or \"]\"" } else { "Expected JSON value" };
            values.push(self.value(depth + 1, expected)?);
            if self.target == Target::Check {
                values.truncate(1);
            }
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.unexpected("Expected \",\" or \"]\"")),
            }
        }
        self.at += 1;
        Ok(Json::Array(values))
    }

    fn object(&mut self, depth: usize) -> SqlResult<Json> {
        self.at += 1;
        let mut entries = Vec::new();
        let mut expected = "Expected string or \"}\"";
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'}') if expected != "Expected string" => break,
                Some(b'"') => {}
                _ => return Err(self.unexpected(expected)),
            }
            expected = "Expected string";
            let name = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("Expected \":\""));
            }
            self.at += 1;
            let value = self.value(depth + 1, "Expected JSON value")?;
            if self.target == Target::Jsonb {
                entries.push((name, value));
            }
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unexpected("Expected \",\" or \"}\"")),
            }
        }
        self.at += 1;
        Ok(Json::object(entries))
    }

    fn string(&mut self) -> SqlResult<String> {
        let rest = &self.text[self.at..];
        let end = string_end(rest).ok_or_else(|| {
            let control = rest.bytes().find(|byte| *byte < 0x20);
            control.map_or_else(|| syntax(format!("Token \"{rest}\" is invalid.")), must_be_escaped)
        })?;
        self.at += end;
        let quoted = &rest[1..end - 1];
        if let Some(control) = quoted.bytes().find(|byte| *byte < 0x20) {
            return Err(must_be_escaped(control));
        }
        unescape(quoted, self.target == Target::Jsonb)
    }
}

fn must_be_escaped(byte: u8) -> SqlError {
    syntax(format!("Character with value 0x{byte:02x} must be escaped."))
}

/// The bytes of the string that a text begins with, its quotation marks included.
pub(super) fn string_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The bytes of a token of letters and digits; at least one character.
fn word_end(text: &str) -> usize {
    let is_part = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '+' | '.') || !character.is_ascii()
    };
    match text.find(|character| !is_part(character)) {
        Some(0) => text.chars().next().map_or(0, char::len_utf8),
        Some(end) => end,
        None => text.len(),
    }
}

/// Whether a token is a number of JSON.
pub(super) fn is_number(token: &str) -> bool {
    let unsigned = token.strip_prefix('-').unwrap_or(token);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned.starts_with('0')) {
        return false;
    }
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

/// The string between quotation marks with its escapes undone; `allows_no_nul` where `\u0000` cannot be.
pub(super) fn unescape(quoted: &str, allows_no_nul: bool) -> SqlResult<String> {
    if !quoted.contains('\\') {
        return Ok(quoted.to_owned());
    }
    let mut out = String::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let escape = rest.chars().next().unwrap_or('\\');
        let plain = match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (character, length) = unicode(rest)?;
                if character == '\0' && allows_no_nul {
                    let message = "unsupported Unicode escape sequence";
                    return Err(SqlError::new(Condition::UntranslatableCharacter, message)
                        .detail("\\u0000 cannot be converted to text."));
                }
                out.push(character);
                rest = &rest[length..];
                continue;
            }
            other => return Err(syntax(format!("Escape sequence \"\\{other}\" is invalid."))),
        };
        out.push(plain);
        rest = &rest[escape.len_utf8()..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The character of `uXXXX`, perhaps with a second half `\uXXXX` behind it, and the bytes of it.
fn unicode(text: &str) -> SqlResult<(char, usize)> {
    let unit = |text: &str| {
        text.strip_prefix('u')
            .and_then(|rest| rest.get(..4))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| syntax("\"\\u\" must be followed by four hexadecimal digits."))
    };
    let low_must_follow = || syntax("Unicode low surrogate must follow a high surrogate.");
    let first = unit(text)?;
    match first {
        0xd800..0xdc00 => {
            let rest = text[5..].strip_prefix('\\').ok_or_else(low_must_follow)?;
            if !rest.starts_with('u') {
                return Err(low_must_follow());
            }
            match unit(rest)? {
                second @ 0xdc00..0xe000 => {
                    let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    char::from_u32(code).map(|character| (character, 11)).ok_or_else(low_must_follow)
                }
                0xd800..0xdc00 => Err(syntax("Unicode high surrogate must not follow a high surrogate.")),
                _ => Err(low_must_follow()),
            }
        }
        0xdc00..0xe000 => Err(low_must_follow()),
        _ => char::from_u32(first).map(|character| (character, 5)).ok_or_else(low_must_follow),
    }
}

/// Digits before and after the point that a number may have.
const WHOLE_DIGITS_MAX: i64 = 131_072;
const FRACTION_DIGITS_MAX: i64 = 16_383;

/// A number without an exponent, as type numeric prints it.
pub(super) fn plain_number(token: &str) -> SqlResult<String> {
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_zero = unsigned.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let overflow = || SqlError::new(Condition::NumericValueOutOfRange, "value overflows numeric format");
    let exponent: i64 = exponent.parse().map_err(|_| overflow())?;
    let sign = if mantissa.starts_with('-') && !is_zero { "-" } else { "" };
    if exponent == 0 {
        return Ok(format!("{sign}{unsigned}"));
    }
    let digits = format!("{whole}{fraction}");
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let point = length(whole).saturating_add(exponent);
    if point > WHOLE_DIGITS_MAX || length(&digits).saturating_sub(point) > FRACTION_DIGITS_MAX {
        if is_zero {
            return Ok("0".to_owned());
        }
        return Err(overflow());
    }
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
    let plain = if point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else if point >= length(&digits) {
        format!("{digits}{}", zeros(point - length(&digits)))
    } else {
        let (before, after) = digits.split_at(usize::try_from(point).unwrap_or_default());
        format!("{before}.{after}")
    };
    let trimmed = plain.trim_start_matches('0');
    let trimmed =
        if trimmed.is_empty() || trimmed.starts_with('.') { format!("0{trimmed}") } else { trimmed.to_owned() };
    Ok(format!("{sign}{trimmed}"))
}
