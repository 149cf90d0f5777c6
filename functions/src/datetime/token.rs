//! The pieces that a date, a time or an interval is written in.

use super::fault::Fault;
use super::word;

/// What a piece looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Digits, perhaps with a point.
    Number,
    /// Letters.
    Word,
    /// Digits or letters with separators of dates; also names of zones.
    Date,
    /// Digits and colons.
    Time,
    /// A sign and digits: a displacement, or a signed number of an interval.
    Signed,
    /// A sign and letters.
    SignedWord,
}

/// A piece in lowercase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it looks like.
    pub shape: Shape,
    /// What it says.
    pub text: String,
}

/// Pieces that a text may have.
const TOKENS_MAX: usize = 25;
/// Bytes that a text may have.
const BYTES_MAX: usize = 256;

/// Cuts a text into pieces.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    if text.len() > BYTES_MAX {
        return Err(Fault::Format);
    }
    let mut cursor = Cursor { bytes: text.as_bytes(), at: 0, text: String::new() };
    let mut found = Vec::new();
    while let Some(byte) = cursor.peek() {
        let shape = match byte {
            b'0'..=b'9' => cursor.number(),
            b'.' => {
                cursor.take();
                cursor.take_while(|byte| byte.is_ascii_digit());
                Shape::Number
            }
            byte if byte.is_ascii_alphabetic() => cursor.word(),
            byte if is_space(byte) => {
                cursor.at += 1;
                continue;
            }
            b'+' | b'-' => cursor.signed()?,
            byte if byte.is_ascii_punctuation() => {
                cursor.at += 1;
                continue;
            }
            _ => return Err(Fault::Format),
        };
        if found.len() == TOKENS_MAX {
            return Err(Fault::Format);
        }
        found.push(Token { shape, text: std::mem::take(&mut cursor.text) });
    }
    Ok(found)
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

struct Cursor<'t> {
    bytes: &'t [u8],
    at: usize,
    text: String,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self) {
        if let Some(byte) = self.peek() {
            self.text.push(char::from(byte.to_ascii_lowercase()));
            self.at += 1;
        }
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.take();
        }
    }

    /// A time, a date that begins with digits, or a number.
    fn number(&mut self) -> Shape {
        self.take_while(|byte| byte.is_ascii_digit());
        match self.peek() {
            Some(b':') => {
                self.take_while(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.');
                Shape::Time
            }
            Some(separator @ (b'-' | b'/' | b'.')) => {
                self.take();
                if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    let is_date = separator != b'.' || self.peek().is_some_and(|byte| byte.is_ascii_alphabetic());
                    self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == separator);
                    return if is_date { Shape::Date } else { Shape::Number };
                }
                self.take_while(|byte| byte.is_ascii_digit());
                if self.peek() == Some(separator) {
                    self.take_while(|byte| byte.is_ascii_digit() || byte == separator);
                    return Shape::Date;
                }
                if separator == b'.' { Shape::Number } else { Shape::Date }
            }
            _ => Shape::Number,
        }
    }

    /// A word, or a date or a zone that begins with letters.
    fn word(&mut self) -> Shape {
        self.take_while(|byte| byte.is_ascii_alphabetic());
        let is_date = match self.peek() {
            Some(b'-' | b'/' | b'.') => true,
            // `EST+5` is a zone, `jan8` a date, but `T` before digits announces a time.
            Some(b'+' | b'0'..=b'9') => word::find(&self.text).is_none(),
            _ => false,
        };
        if !is_date {
            return Shape::Word;
        }
        self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'/' | b'_' | b'.' | b':'));
        Shape::Date
    }

    fn signed(&mut self) -> Result<Shape, Fault> {
        self.take();
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
        match self.peek() {
            Some(byte) if byte.is_ascii_digit() => {
                self.take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-'));
                Ok(Shape::Signed)
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                self.take_while(|byte| byte.is_ascii_alphabetic());
                Ok(Shape::SignedWord)
            }
            _ => Err(Fault::Format),
        }
    }
}
