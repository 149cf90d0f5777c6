//! What clients send, taken from bytes without copying them.
//!
//! ```text
//!   kind (1 byte)  length (4 bytes, itself included)  body        length is checked before anything waits for the body
//! ```
//!
//! A body that does not hold what its kind promises is a violation that costs the client one error; a length or a kind
//! that nobody can mean ends the connection, because what follows cannot be told from its middle.

use super::error::WireError;

/// Bytes of a message of a kind that only names something.
const SMALL_SIZE_MAX_BYTES: usize = 10_000;

/// One message of a client after its startup.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Query(&'a str),
    Parse { name: &'a str, sql: &'a str, types: Vec<u32> },
    Bind(Bind<'a>),
    Describe(Named<'a>),
    Close(Named<'a>),
    Execute { portal: &'a str, rows_max: usize },
    Flush,
    Sync,
    CopyData(&'a [u8]),
    CopyDone,
    CopyFail(&'a str),
    Terminate,
}

/// Values for the parameters of a prepared statement, and the formats that its rows are wanted in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bind<'a> {
    pub(super) portal: &'a str,
    pub(super) statement: &'a str,
    pub(super) formats: Vec<i16>,
    pub(super) values: Vec<Option<&'a [u8]>>,
    pub(super) result_formats: Vec<i16>,
}

/// What a Describe or Close is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    Statement(&'a str),
    Portal(&'a str),
}

/// One message as it arrived: its kind, its body, and how many bytes both took.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) body: &'a [u8],
    pub(super) size_bytes: usize,
}

/// The first message in `bytes`, when all of it is there.
pub(super) fn next_frame(bytes: &[u8], size_max_bytes: usize) -> Result<Option<Frame<'_>>, WireError> {
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
    let size_max_bytes = match kind {
        b'Q' | b'P' | b'B' | b'd' => size_max_bytes,
        b'D' | b'C' | b'E' | b'H' | b'S' | b'X' | b'c' | b'f' | b'p' | b'F' => SMALL_SIZE_MAX_BYTES,
        other => {
            let shown = char::from(other).escape_default();
            return Err(WireError::violation(format!("invalid frontend message type {other} ({shown})")).fatal());
        }
    };
    let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length < 4 || length > size_max_bytes {
        let message = format!("invalid message length: {length} bytes, and at most {size_max_bytes} are taken");
        return Err(WireError::violation(message).fatal());
    }
    Ok(rest.get(4..length).map(|body| Frame { kind, body, size_bytes: 1 + length }))
}

impl<'a> Message<'a> {
    /// The message of `kind` with this body.
    pub(super) fn read(kind: u8, body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader(body);
        let message = match kind {
            b'Q' => Message::Query(reader.text()?),
            b'P' => Message::Parse { name: reader.text()?, sql: reader.text()?, types: reader.list(Reader::u32)? },
            b'B' => Message::Bind(Bind::read(&mut reader)?),
            b'D' => Message::Describe(Named::read(&mut reader)?),
            b'C' => Message::Close(Named::read(&mut reader)?),
            // No limit is written as 0, and PostgreSQL takes what is below it for the same.
            b'E' => {
                let (portal, rows_max) = (reader.text()?, reader.u32()?);
                let rows_max = i32::try_from(rows_max).ok().filter(|count| *count > 0);
                Message::Execute { portal, rows_max: rows_max.map_or(usize::MAX, |count| count as usize) }
            }
            b'H' => Message::Flush,
            b'S' => Message::Sync,
            b'd' => return Ok(Message::CopyData(body)),
            b'c' => Message::CopyDone,
            b'f' => Message::CopyFail(reader.text()?),
            b'X' => return Ok(Message::Terminate),
            b'F' => return Err(WireError::unsupported("the function call protocol is not supported; use SELECT")),
            _ => return Err(WireError::violation("this message is not expected here")),
        };
        reader.end().map(|()| message)
    }
}

impl<'a> Bind<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Bind {
            portal: reader.text()?,
            statement: reader.text()?,
            formats: reader.list(Reader::i16)?,
            values: reader.list(Reader::value)?,
            result_formats: reader.list(Reader::i16)?,
        })
    }
}

impl<'a> Named<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        match reader.take(1)?[0] {
            b'S' => Ok(Named::Statement(reader.text()?)),
            b'P' => Ok(Named::Portal(reader.text()?)),
            other => Err(WireError::violation(format!("invalid subtype {other}; it is S or P"))),
        }
    }
}

/// Takes a body apart from its front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, size_bytes: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(size_bytes).ok_or_else(|| broken("insufficient data left"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn chunk<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], WireError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(|| broken("insufficient data left"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn i16(&mut self) -> Result<i16, WireError> {
        self.chunk().map(i16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, WireError> {
        self.chunk().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, WireError> {
        self.chunk().map(i32::from_be_bytes)
    }

    /// Text up to a NUL.
    pub(super) fn text(&mut self) -> Result<&'a str, WireError> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or_else(|| broken("a text has no end"))?;
        let bytes = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(bytes).map_err(|_| WireError::not_utf8())
    }

    /// A count of two bytes and as many items; memory grows with what is there, not with the count.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, WireError>) -> Result<Vec<T>, WireError> {
        let count = u16::from_be_bytes(self.chunk()?);
        let mut items = Vec::with_capacity(usize::from(count).min(self.0.len()));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn value(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        match self.i32()? {
            -1 => Ok(None),
            size_bytes => self.take(usize::try_from(size_bytes).map_err(|_| broken("a length is negative"))?).map(Some),
        }
    }

    fn end(&self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(broken("there is more in it than it should have")) }
    }
}

fn broken(how: &str) -> WireError {
    WireError::violation(format!("invalid message format: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_wait_for_their_end_and_refuse_lengths_that_nobody_means() {
        assert!(next_frame(b"", 100).unwrap().is_none());
        assert!(next_frame(b"S\0\0\0", 100).unwrap().is_none());
        let frame = next_frame(b"S\0\0\0\x04X", 100).unwrap().unwrap();
        assert_eq!((frame.kind, frame.body, frame.size_bytes), (b'S', &b""[..], 5));
        assert!(next_frame(b"Q\0\0\0\x09SELE", 100).unwrap().is_none());
        for bytes in [&b"Q\0\0\0\x03"[..], b"Q\0\0\0\x65", b"Q\xff\xff\xff\xff", b"S\0\0\x27\x11", b"\0", b"GET / "] {
            assert!(next_frame(bytes, 100).unwrap_err().is_fatal(), "{bytes:?}");
        }
    }

    #[test]
    fn a_body_is_exactly_what_its_kind_promises() {
        assert_eq!(Message::read(b'Q', b"SELECT 1\0").unwrap(), Message::Query("SELECT 1"));
        let parse = Message::Parse { name: "a", sql: "b", types: vec![23] };
        assert_eq!(Message::read(b'P', b"a\0b\0\0\x01\0\0\0\x17").unwrap(), parse);
        let bind = b"p\0s\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x01x\0\0";
        let Message::Bind(read) = Message::read(b'B', bind).unwrap() else { panic!("no Bind") };
        assert_eq!((read.formats, read.values), (vec![1], vec![None, Some(&b"x"[..])]));
        for end in 0..bind.len() {
            assert!(Message::read(b'B', &bind[..end]).is_err(), "{end}");
        }
        assert!(Message::read(b'Q', b"SELECT 1").is_err());
        assert!(Message::read(b'Q', b"SELECT\0 1\0").is_err());
        assert!(Message::read(b'Q', b"\xff\0").is_err());
        assert!(Message::read(b'B', b"\0\0\xff\xff").is_err());
    }
}
