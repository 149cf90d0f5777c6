//! From the first byte of a connection to a client that was let in.
//!
//! ```text
//!   SSLRequest --> S, and TLS from here on | N          GSSENCRequest --> N          CancelRequest --> that, and the end
//!   startup message: version, user, database, settings --> SCRAM-SHA-256, when there is a password --> Client
//! ```
//!
//! - All of it has one time limit, and nothing that a stranger sends before the proof is larger than PostgreSQL allows.
//! - A server with a certificate takes encrypted connections only, as its HTTP side does.
//! - Any user name is let in by the password, and any database name is the one database: there are no users, and no
//!   databases beside it, to tell apart.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use marquetry::sql::Condition;
use rustls::ServerConfig;

use super::channel::Channel;
use super::error::WireError;
use super::message::{Reader, next_frame};
use super::output::Output;
use super::scram::{self, Exchange, Verifier};

/// Bytes of a message before the proof of the password.
const SIZE_MAX_BYTES: usize = 10_000;

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// The newest version of the protocol that is spoken here: 3.2.
const VERSION_NEWEST: u32 = (3 << 16) | 2;
/// The protocol that a client which encrypts without asking first must name.
const DIRECT_PROTOCOL: &[u8] = b"postgresql";
/// What such a client sends first: the kind of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// How a connection is judged.
pub(super) struct Door {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) verifier: Option<Verifier>,
    pub(super) time_max: Duration,
}

/// What a connection wants.
pub(super) enum Arrival {
    /// To talk.
    Client(Client),
    /// To stop what another one does.
    Cancel { process: i32, secret: Vec<u8> },
}

/// Somebody who was let in.
pub(super) struct Client {
    pub(super) user: String,
    pub(super) settings: Vec<(String, String)>,
    /// Bytes of the secret that cancels what this client does.
    pub(super) secret_size_bytes: usize,
}

/// Why a connection ended before it was let in.
#[derive(Debug)]
pub(super) enum Refusal {
    Io(io::Error),
    Told(WireError),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Refusal::Io(error)
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Refusal::Told(error.fatal())
    }
}

/// A connection that has not been let in yet.
pub(super) struct Stranger<'d> {
    door: &'d Door,
    socket: Arc<TcpStream>,
    deadline: Instant,
    pub(super) channel: Channel,
    pub(super) input: Vec<u8>,
    pub(super) output: Output,
}

impl<'d> Stranger<'d> {
    pub(super) fn new(door: &'d Door, socket: Arc<TcpStream>) -> Self {
        Stranger {
            door,
            deadline: Instant::now() + door.time_max,
            channel: Channel::new(socket.clone()),
            socket,
            input: Vec::new(),
            output: Output::default(),
        }
    }

    /// Hears what the connection wants, and lets it in when it may.
    pub(super) fn admit(&mut self) -> Result<Arrival, Refusal> {
        self.fill(1)?;
        if self.input[0] == TLS_HANDSHAKE {
            self.encrypt_directly()?;
        }
        let mut asked_for_gss = false;
        loop {
            let body = self.startup_message()?;
            let mut reader = Reader(&body);
            match reader.u32()? {
                SSL_REQUEST if reader.0.is_empty() && !self.channel.is_encrypted() => self.answer_ssl()?,
                GSS_REQUEST if reader.0.is_empty() && !asked_for_gss && !self.channel.is_encrypted() => {
                    asked_for_gss = true;
                    self.channel.send(b"N")?;
                }
                CANCEL_REQUEST => {
                    let process = reader.i32()?;
                    return Ok(Arrival::Cancel { process, secret: reader.0.to_vec() });
                }
                version if version >> 16 == 3 => return self.let_in(version, reader).map(Arrival::Client),
                version => {
                    let (major, minor) = (version >> 16, version & 0xFFFF);
                    let message = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2");
                    return Err(WireError::unsupported(message).into());
                }
            }
        }
    }

    fn encrypt_directly(&mut self) -> Result<(), Refusal> {
        let Some(config) = self.door.tls.clone() else {
            return Err(
                WireError::violation("this server has no certificate, and takes no encrypted connections").into()
            );
        };
        self.encrypt(config)?;
        self.fill(1)?;
        match self.channel.agreed_protocol() {
            Some(DIRECT_PROTOCOL) => Ok(()),
            _ => Err(WireError::violation("direct SSL connection without ALPN protocol \"postgresql\"").into()),
        }
    }

    fn answer_ssl(&mut self) -> Result<(), Refusal> {
        let Some(config) = self.door.tls.clone() else {
            self.channel.send(b"N")?;
            return Ok(());
        };
        // What came before the handshake was not protected by it, and must not be taken for what the client said in it.
        if !self.input.is_empty() {
            return Err(WireError::violation("received unencrypted data after SSL request").into());
        }
        self.channel.send(b"S")?;
        self.encrypt(config)
    }

    fn encrypt(&mut self, config: Arc<ServerConfig>) -> Result<(), Refusal> {
        self.channel.encrypt(config)?;
        let raw = std::mem::take(&mut self.input);
        self.channel.receive(&raw, &mut self.input)?;
        Ok(())
    }

    /// The body of a message without a kind, after its length.
    fn startup_message(&mut self) -> Result<Vec<u8>, Refusal> {
        self.fill(4)?;
        let length = u32::from_be_bytes(*self.input.first_chunk().expect("four bytes are there")) as usize;
        if !(8..=SIZE_MAX_BYTES).contains(&length) {
            return Err(WireError::violation("invalid length of startup packet").into());
        }
        self.fill(length)?;
        let body = self.input[4..length].to_vec();
        self.input.drain(..length);
        Ok(body)
    }

    /// Waits until at least `count` bytes are there.
    fn fill(&mut self, count: usize) -> Result<(), Refusal> {
        while self.input.len() < count {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
            self.socket.set_read_timeout(Some(left))?;
            let mut raw = [0; 4096];
            let size = (&*self.socket).read(&mut raw)?;
            if size == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.channel.receive(&raw[..size], &mut self.input)?;
        }
        Ok(())
    }

    fn let_in(&mut self, version: u32, mut reader: Reader<'_>) -> Result<Client, Refusal> {
        let (mut user, mut settings, mut unknown) = (None, Vec::new(), Vec::new());
        loop {
            let name = reader.text()?;
            if name.is_empty() {
                break;
            }
            let value = reader.text()?;
            match name {
                "user" => user = Some(value.to_owned()),
                "database" => {}
                "options" => settings.extend(options(value)?),
                "replication" if !matches!(value, "false" | "off" | "no" | "0") => {
                    return Err(WireError::unsupported("replication connections are not supported").into());
                }
                "replication" => {}
                name if name.starts_with("_pq_.") => unknown.push(name.to_owned()),
                name => settings.push((name.to_owned(), value.to_owned())),
            }
        }
        if version > VERSION_NEWEST || !unknown.is_empty() {
            self.output.negotiate_version(version.min(VERSION_NEWEST), &unknown);
        }
        let Some(user) = user.filter(|user| !user.is_empty()) else {
            let message = "no PostgreSQL user name specified in startup packet";
            return Err(WireError::new(Condition::InvalidAuthorization, message).into());
        };
        if self.door.tls.is_some() && !self.channel.is_encrypted() {
            let refusal =
                WireError::new(Condition::InvalidAuthorization, "this server takes encrypted connections only");
            return Err(refusal.hint("connect with sslmode=require, or better verify-full").into());
        }
        if let Some(verifier) = &self.door.verifier {
            self.prove(verifier, &user)?;
        }
        self.output.authentication(0, &[]);
        // Up to version 3.0 a secret has four bytes; later ones may be longer, and are harder to guess.
        let secret_size_bytes = if version >= VERSION_NEWEST { 32 } else { 4 };
        Ok(Client { user, settings, secret_size_bytes })
    }

    /// Lets the client prove that it knows the password.
    fn prove(&mut self, verifier: &Verifier, user: &str) -> Result<(), Refusal> {
        self.ask(10, &[scram::MECHANISM.as_bytes(), b"\0\0"].concat())?;
        let first = self.answer()?;
        let mut reader = Reader(&first);
        if reader.text()? != scram::MECHANISM {
            return Err(WireError::violation("client selected an invalid SASL authentication mechanism").into());
        }
        let size = usize::try_from(reader.i32()?).ok().filter(|size| *size == reader.0.len());
        let message = size.and_then(|_| std::str::from_utf8(reader.0).ok()).ok_or_else(malformed)?;
        let exchange = Exchange::begin(verifier, message)?;
        self.ask(11, exchange.server_first().as_bytes())?;
        let last = self.answer()?;
        match exchange.finish(std::str::from_utf8(&last).map_err(|_| malformed())?)? {
            Some(server_last) => {
                self.output.authentication(12, server_last.as_bytes());
                Ok(())
            }
            None => {
                let message = format!("password authentication failed for user \"{user}\"");
                Err(WireError::new(Condition::InvalidPassword, message).into())
            }
        }
    }

    fn ask(&mut self, code: i32, data: &[u8]) -> Result<(), Refusal> {
        self.output.authentication(code, data);
        self.flush()?;
        Ok(())
    }

    /// Sends what was written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.channel.send(self.output.bytes())?;
        self.output.clear();
        Ok(())
    }

    /// The channel itself, for who talks from here on.
    pub(super) fn take_channel(&mut self) -> Channel {
        std::mem::replace(&mut self.channel, Channel::new(self.socket.clone()))
    }

    /// The body of the answer to a question about the password.
    fn answer(&mut self) -> Result<Vec<u8>, Refusal> {
        loop {
            if let Some(frame) = next_frame(&self.input, SIZE_MAX_BYTES)? {
                if frame.kind != b'p' {
                    return Err(WireError::violation("expected SASL response").into());
                }
                let (body, size_bytes) = (frame.body.to_vec(), frame.size_bytes);
                self.input.drain(..size_bytes);
                return Ok(body);
            }
            self.fill(self.input.len() + 1)?;
        }
    }
}

fn malformed() -> WireError {
    WireError::violation("malformed SASL response")
}

/// The settings in `-c name=value` and `--name=value`, as `PGOPTIONS` has them; a backslash takes the next character as
/// it is.
fn options(text: &str) -> Result<Vec<(String, String)>, WireError> {
    let mut words: Vec<String> = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let word = words.last_mut().expect("there is always one word");
        match character {
            '\\' => word.extend(characters.next()),
            space if space.is_whitespace() && word.is_empty() => {}
            space if space.is_whitespace() => words.push(String::new()),
            other => word.push(other),
        }
    }
    let mut settings = Vec::new();
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next(),
            Some(setting) => Some(setting.to_owned()),
            None => None,
        };
        let Some((name, value)) = setting.as_deref().and_then(|setting| setting.split_once('=')) else {
            let message = format!("invalid command-line argument for server process: {word}");
            return Err(WireError::new(Condition::SyntaxError, message));
        };
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_settings() {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(options("").unwrap(), []);
        let wanted = owned(&[("geqo", "off"), ("search_path", "a b"), ("statement_timeout", "5min")]);
        assert_eq!(options(r"-c geqo=off  -csearch_path=a\ b --statement-timeout=5min").unwrap(), wanted);
        assert!(options("-p").is_err());
        assert!(options("-c geqo").is_err());
        assert!(options("-c").is_err());
    }
}
