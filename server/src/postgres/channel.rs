//! The bytes of one connection, encrypted or not.
//!
//! ```text
//!   socket --read--> raw bytes --receive--> plain bytes          reading the socket needs no access to the channel,
//!   socket <--write-- raw bytes <--send---- plain bytes          so that somebody else may send meanwhile
//! ```
//!
//! Writes give up when the other side stops reading for too long: the socket has a time limit for that.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

/// A socket, and the state of its encryption.
pub(super) struct Channel {
    socket: Arc<TcpStream>,
    tls: Option<Box<ServerConnection>>,
}

impl Channel {
    pub(super) fn new(socket: Arc<TcpStream>) -> Self {
        Channel { socket, tls: None }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Everything from here on is encrypted.
    pub(super) fn encrypt(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        self.tls = Some(Box::new(connection));
        Ok(())
    }

    /// The protocol that the client named when it began to encrypt, once it has.
    pub(super) fn agreed_protocol(&self) -> Option<&[u8]> {
        self.tls.as_ref().and_then(|tls| tls.alpn_protocol())
    }

    /// Appends what `raw` means to `plain`.
    pub(super) fn receive(&mut self, mut raw: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            plain.extend_from_slice(raw);
            return Ok(());
        };
        while !raw.is_empty() {
            tls.read_tls(&mut raw)?;
            let state = tls.process_new_packets();
            // An alert that says what was wrong leaves before the connection ends.
            while tls.wants_write() {
                tls.write_tls(&mut &*self.socket)?;
            }
            let readable = state.map_err(io::Error::other)?.plaintext_bytes_to_read();
            let begin = plain.len();
            plain.resize(begin + readable, 0);
            tls.reader().read_exact(&mut plain[begin..])?;
        }
        Ok(())
    }

    /// Sends all of `plain`.
    pub(super) fn send(&mut self, mut plain: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return (&*self.socket).write_all(plain) };
        while !plain.is_empty() {
            let taken = tls.writer().write(plain)?;
            plain = &plain[taken..];
            while tls.wants_write() {
                tls.write_tls(&mut &*self.socket)?;
            }
        }
        Ok(())
    }

    /// Says that nothing more comes.
    pub(super) fn end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // The client may be gone; then nobody waits for the farewell.
            let _ = tls.write_tls(&mut &*self.socket);
        }
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
    }
}
