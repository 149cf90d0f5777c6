//! One connection on its thread: let in, listened to, ended.
//!
//! ```text
//!   thread of the connection    read the socket --> lock the conversation --> receive --> unlock --> read ...
//!   thread of a delivery        lock the conversation --> notifications, if the client waits for nothing else
//! ```
//!
//! The lock is free while the client says nothing, so that notifications reach it then. A delivery has a thread of its
//! own and lives as long as it takes: a client that does not read cannot hold up those who notify, nor other listeners.

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use marquetry::sql::Condition;
use parking_lot::Mutex;

use super::Front;
use super::conversation::{Beginning, Conversation, End, session_of};
use super::error::WireError;
use super::registry::Registry;
use super::scram::random;
use super::startup::{Arrival, Client, Refusal, Stranger};

/// Bytes that are read from a socket at once.
const READ_SIZE_BYTES: usize = 16 * 1024;

/// What the thread of a connection shares with deliveries.
struct Shared {
    conversation: Mutex<Conversation>,
    socket: Arc<TcpStream>,
    /// Whether a delivery is on its way that has not looked yet.
    is_delivering: AtomicBool,
}

/// Serves the connection to its end; `is_over` says that there are too many already.
pub(super) fn serve(front: &Arc<Front>, socket: Arc<TcpStream>, is_over: bool) {
    let _attendance = front.registry.attend(socket.clone());
    let mut stranger = Stranger::new(&front.door, socket.clone());
    let refusal = match stranger.admit() {
        Ok(Arrival::Cancel { process, secret }) => return front.registry.cancel(process, &secret),
        Ok(Arrival::Client(_)) if is_over => {
            Refusal::Told(WireError::new(Condition::TooManyConnections, "sorry, too many clients already").fatal())
        }
        Ok(Arrival::Client(client)) => match begin(front, &mut stranger, &client) {
            Ok(conversation) => {
                drop(stranger);
                return converse(&front.registry, conversation, socket);
            }
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    match refusal {
        Refusal::Io(error) => tracing::debug!(%error, "a connection ended before it was let in"),
        Refusal::Told(error) => {
            tracing::debug!(?error, "a connection was refused");
            error.write(&mut stranger.output);
            // Who is gone is not told.
            let _ = stranger.flush();
            stranger.channel.end();
        }
    }
}

/// The conversation of a client that was let in, and its greeting.
fn begin(front: &Arc<Front>, stranger: &mut Stranger<'_>, client: &Client) -> Result<Conversation, Refusal> {
    let session = session_of(&front.app.database, client).map_err(WireError::from)?;
    let secret = random::<32>();
    let secret = &secret[..client.secret_size_bytes];
    let registration = front.registry.register(session.id(), secret.to_vec(), session.interrupter());
    let beginning = Beginning {
        session,
        registration,
        channel: stranger.take_channel(),
        input: std::mem::take(&mut stranger.input),
        output: std::mem::take(&mut stranger.output),
        message_size_max_bytes: front.app.limits.postgres_message_size_max_bytes,
    };
    Ok(Conversation::begin(beginning, secret))
}

fn converse(registry: &Registry, conversation: Conversation, socket: Arc<TcpStream>) {
    let shared =
        Arc::new(Shared { conversation: Mutex::new(conversation), socket, is_delivering: AtomicBool::new(false) });
    let woken = Arc::downgrade(&shared);
    shared.conversation.lock().session.on_notification(Box::new(move || {
        if let Some(shared) = woken.upgrade() {
            deliver_soon(&shared);
        }
    }));
    let why = match listen(&shared) {
        End::Fatal(error) => Some(error),
        End::Closed if registry.is_stopping() => {
            let message = "terminating connection due to administrator command";
            Some(WireError::new(Condition::AdminShutdown, message).fatal())
        }
        End::Closed => None,
    };
    shared.conversation.lock().end(why.as_ref());
}

/// Listens until the conversation ends.
fn listen(shared: &Shared) -> End {
    // The time limit was for the startup: clients may be silent for as long as they like.
    if let Err(error) = shared.socket.set_read_timeout(None) {
        return error.into();
    }
    let mut raw = vec![0; READ_SIZE_BYTES];
    // The greeting, and what was sent along with the startup.
    let mut outcome = {
        let mut conversation = shared.conversation.lock();
        conversation.ready().and_then(|()| conversation.receive(&[]))
    };
    loop {
        if let Err(end) = outcome {
            return end;
        }
        outcome = match (&*shared.socket).read(&mut raw) {
            Ok(0) => Err(End::Closed),
            Ok(size) => shared.conversation.lock().receive(&raw[..size]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error.into()),
        };
    }
}

/// Delivers notifications from a thread of its own, unless one is about to.
fn deliver_soon(shared: &Arc<Shared>) {
    if shared.is_delivering.swap(true, Ordering::AcqRel) {
        return;
    }
    let work = shared.clone();
    let spawned = std::thread::Builder::new().name("marquetry-notify".into()).spawn(move || {
        let mut conversation = work.conversation.lock();
        work.is_delivering.store(false, Ordering::Release);
        if conversation.deliver().is_err() {
            let _ = work.socket.shutdown(Shutdown::Both);
        }
    });
    if spawned.is_err() {
        // They are told with the next answer.
        shared.is_delivering.store(false, Ordering::Release);
    }
}
