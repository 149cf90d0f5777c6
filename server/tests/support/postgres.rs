//! A server that listens for PostgreSQL's clients, connections to it, and messages of the protocol by hand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use marquetry::Database;
use marquetry_server::{Limits, PostgresSettings, Settings, Token};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Notification};

use super::{Running, start_of};

/// How long a test waits for an answer that it is sure to get.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn settings() -> Settings {
    let postgres = PostgresSettings { address: "127.0.0.1:0".parse().unwrap(), password: None };
    Settings { postgres: Some(postgres), ..Settings::local() }
}

pub(crate) async fn start() -> Running {
    start_of(Database::in_memory().unwrap(), settings()).await
}

pub(crate) async fn start_limited(limits: Limits) -> Running {
    start_of(Database::in_memory().unwrap(), Settings { limits, ..settings() }).await
}

pub(crate) async fn start_with_password(password: &str) -> Running {
    let mut settings = settings();
    let postgres = settings.postgres.as_mut().unwrap();
    postgres.password = Some(Token::new(password).unwrap());
    start_of(Database::in_memory().unwrap(), settings).await
}

impl Running {
    pub(crate) fn postgres_address(&self) -> SocketAddr {
        self.server.postgres_address().unwrap()
    }

    /// How to connect as anybody.
    pub(crate) fn postgres_config(&self) -> Config {
        let address = self.postgres_address();
        let mut config = Config::new();
        config.host(address.ip().to_string()).port(address.port()).user("anybody").connect_timeout(PATIENCE);
        config
    }

    pub(crate) async fn postgres(&self) -> Client {
        let (client, connection) = self.postgres_config().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// A client, and the notifications and notices that it gets.
    pub(crate) async fn listener(&self) -> (Client, mpsc::UnboundedReceiver<Notification>) {
        let (client, mut connection) = self.postgres_config().connect(NoTls).await.unwrap();
        let (send, receive) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message {
                    let _ = send.send(notification);
                }
            }
        });
        (client, receive)
    }

    /// A connection of bare bytes.
    pub(crate) fn wire(&self) -> Wire {
        let socket = TcpStream::connect(self.postgres_address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Wire { socket }
    }

    /// A connection of bare bytes that was let in.
    pub(crate) fn started_wire(&self) -> Wire {
        let mut wire = self.wire();
        wire.send(&startup(3 << 16, &[("user", "anybody")]));
        wire.until_ready();
        wire
    }
}

/// A connection whose messages are written by hand.
pub(crate) struct Wire {
    socket: TcpStream,
}

/// A message as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: char,
    pub(crate) body: Vec<u8>,
}

impl Told {
    /// The field of an error or notice that the letter names.
    pub(crate) fn field(&self, letter: char) -> Option<String> {
        let fields = self.body.split(|byte| *byte == 0);
        let mut texts = fields.filter_map(|field| Some((*field.first()? as char, &field[1..])));
        texts.find(|(found, _)| *found == letter).map(|(_, text)| String::from_utf8_lossy(text).into_owned())
    }

    pub(crate) fn code(&self) -> String {
        self.field('C').unwrap_or_default()
    }
}

impl Wire {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        // A server that has refused may be gone while the rest is being sent.
        let _ = self.socket.write_all(bytes);
    }

    pub(crate) fn read_byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        matches!(self.socket.read(&mut byte), Ok(1)).then_some(byte[0])
    }

    /// The next message, or nothing once the server has closed.
    pub(crate) fn read(&mut self) -> Option<Told> {
        let kind = self.read_byte()? as char;
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).ok()?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        self.socket.read_exact(&mut body).ok()?;
        Some(Told { kind, body })
    }

    /// The messages up to and with ReadyForQuery.
    pub(crate) fn until_ready(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some(message) = self.read() {
            let is_ready = message.kind == 'Z';
            told.push(message);
            if is_ready {
                return told;
            }
        }
        panic!("the server closed after {told:?}");
    }

    /// Everything until the server closes.
    pub(crate) fn until_closed(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.read()).collect()
    }

    /// The kinds of the messages that answer `bytes`, up to ReadyForQuery.
    pub(crate) fn kinds(&mut self, bytes: &[u8]) -> String {
        self.send(bytes);
        self.until_ready().iter().map(|message| message.kind).collect()
    }

    pub(crate) fn close_writing(&mut self) {
        // The server may have hung up first.
        let _was_open = self.socket.shutdown(std::net::Shutdown::Write);
    }
}

/// A message of `kind` with `body`, and its length.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

pub(crate) fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', format!("{name}\0{sql}\0\0\0").as_bytes())
}

/// Binds the unnamed statement, without parameters, to the unnamed portal.
pub(crate) fn bind() -> Vec<u8> {
    message(b'B', &[0; 8])
}

pub(crate) fn execute(rows_max: u32) -> Vec<u8> {
    message(b'E', &[&[0][..], &rows_max.to_be_bytes()].concat())
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', b"")
}

/// A startup message with these parameters.
pub(crate) fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
    }
    body.push(0);
    [&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat()
}
