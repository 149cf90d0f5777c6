//! What the server sends, written into one buffer that leaves when the client waits for it.
//!
//! ```text
//!   begin(kind) --> kind, room for the length --> body --> end: the length is written where the room is
//! ```

use marquetry::sql::{ColumnDescription, SqlType};

use super::error::WireError;
use super::format::Format;

/// Messages that are to be sent.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
}

/// Where a message began.
#[must_use]
pub(super) struct Begun(usize);

impl Output {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets what was sent. A buffer that one large answer has grown is given back.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(1 << 17);
    }

    /// The buffer itself, for bodies that are written in place.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn begin(&mut self, kind: u8) -> Begun {
        self.bytes.push(kind);
        let begun = Begun(self.bytes.len());
        self.bytes.extend_from_slice(&[0; 4]);
        begun
    }

    /// Ends a message that the server's own limits keep small.
    fn end(&mut self, begun: Begun) {
        let length = u32::try_from(self.bytes.len() - begun.0).expect("messages but rows are far below four gigabytes");
        self.bytes[begun.0..begun.0 + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Ends a message whose size the data decide, or takes it back when no client could read it.
    pub(super) fn end_large(&mut self, begun: Begun) -> Result<(), WireError> {
        match i32::try_from(self.bytes.len() - begun.0) {
            Ok(length) => {
                self.bytes[begun.0..begun.0 + 4].copy_from_slice(&length.to_be_bytes());
                Ok(())
            }
            Err(_) => {
                self.take_back(begun);
                Err(WireError::limit("a row has more bytes than a message can carry; select fewer columns"))
            }
        }
    }

    /// Forgets a message that has begun.
    pub(super) fn take_back(&mut self, begun: Begun) {
        self.bytes.truncate(begun.0 - 1);
    }

    fn text(&mut self, text: &str) {
        // A NUL would end the text early, and with it the client's idea of the message.
        self.bytes.extend(text.bytes().filter(|byte| *byte != 0));
        self.bytes.push(0);
    }

    fn i16(&mut self, number: i16) {
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn i32(&mut self, number: i32) {
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn count(&mut self, count: usize) {
        let count = u16::try_from(count).expect("the engine allows far fewer columns and parameters");
        self.bytes.extend_from_slice(&count.to_be_bytes());
    }

    fn bare(&mut self, kind: u8) {
        let begun = self.begin(kind);
        self.end(begun);
    }

    /// One of the requests of authentication: 0 done, 10 choose a mechanism, 11 go on, 12 the last word.
    pub(super) fn authentication(&mut self, code: i32, data: &[u8]) {
        let begun = self.begin(b'R');
        self.i32(code);
        self.bytes.extend_from_slice(data);
        self.end(begun);
    }

    pub(super) fn parameter_status(&mut self, name: &str, value: &str) {
        let begun = self.begin(b'S');
        self.text(name);
        self.text(value);
        self.end(begun);
    }

    pub(super) fn key_data(&mut self, process: i32, secret: &[u8]) {
        let begun = self.begin(b'K');
        self.i32(process);
        self.bytes.extend_from_slice(secret);
        self.end(begun);
    }

    /// The newest version that is spoken here, and the options of the startup that are not known.
    pub(super) fn negotiate_version(&mut self, version: u32, options: &[String]) {
        let begun = self.begin(b'v');
        self.u32(version);
        self.i32(i32::try_from(options.len()).unwrap_or(i32::MAX));
        for option in options {
            self.text(option);
        }
        self.end(begun);
    }

    /// The server waits; `status` is I outside, T inside and E in a failed transaction.
    pub(super) fn ready(&mut self, status: u8) {
        let begun = self.begin(b'Z');
        self.bytes.push(status);
        self.end(begun);
    }

    pub(super) fn row_description(&mut self, columns: &[ColumnDescription], formats: &[Format]) {
        let begun = self.begin(b'T');
        self.count(columns.len());
        for (column, format) in columns.iter().zip(formats.iter().chain(std::iter::repeat(&Format::Text))) {
            self.text(&column.name);
            self.u32(column.table_oid);
            self.i16(column.attribute);
            self.u32(column.sql_type.oid());
            self.i16(column.sql_type.type_length());
            self.i32(column.type_modifier);
            self.i16(format.code());
        }
        self.end(begun);
    }

    pub(super) fn no_data(&mut self) {
        self.bare(b'n');
    }

    pub(super) fn parameter_description(&mut self, types: &[SqlType]) {
        let begun = self.begin(b't');
        self.count(types.len());
        for sql_type in types {
            self.u32(sql_type.oid());
        }
        self.end(begun);
    }

    pub(super) fn parse_complete(&mut self) {
        self.bare(b'1');
    }

    pub(super) fn bind_complete(&mut self) {
        self.bare(b'2');
    }

    pub(super) fn close_complete(&mut self) {
        self.bare(b'3');
    }

    pub(super) fn portal_suspended(&mut self) {
        self.bare(b's');
    }

    pub(super) fn empty_query(&mut self) {
        self.bare(b'I');
    }

    pub(super) fn command_complete(&mut self, tag: &str) {
        let begun = self.begin(b'C');
        self.text(tag);
        self.end(begun);
    }

    /// The start of a copy, `G` into and `H` out of the server: the format of the whole and of each column.
    pub(super) fn copy_response(&mut self, kind: u8, format: Format, columns: usize) {
        let begun = self.begin(kind);
        self.bytes.push(u8::from(format == Format::Binary));
        self.count(columns);
        for _ in 0..columns {
            self.i16(format.code());
        }
        self.end(begun);
    }

    pub(super) fn copy_data(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let begun = self.begin(b'd');
        self.bytes.extend_from_slice(bytes);
        self.end_large(begun)
    }

    pub(super) fn copy_done(&mut self) {
        self.bare(b'c');
    }

    pub(super) fn notification(&mut self, process: i32, channel: &str, payload: &str) {
        let begun = self.begin(b'A');
        self.i32(process);
        self.text(channel);
        self.text(payload);
        self.end(begun);
    }

    /// An error (`E`) or a notice (`N`), as pairs of a field's letter and its text.
    pub(super) fn report<'f>(&mut self, kind: u8, fields: impl IntoIterator<Item = (u8, &'f str)>) {
        let begun = self.begin(kind);
        for (field, text) in fields {
            self.bytes.push(field);
            self.text(text);
        }
        self.bytes.push(0);
        self.end(begun);
    }
}
