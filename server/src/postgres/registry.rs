//! The connections of one server: which of them exist, who may be cancelled, and who must be told that the server stops.
//!
//! ```text
//!   attend(socket)   from the first byte to the last, whoever it is      stop: none of them hears anything more
//!   register(id)     once it was let in                                  cancel: what it runs is interrupted
//! ```

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use marquetry::sql::Interrupter;
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

/// The connections that are open.
#[derive(Default)]
pub(super) struct Registry {
    sockets: Mutex<HashMap<u64, Arc<TcpStream>>>,
    clients: Mutex<HashMap<i32, Client>>,
    next: AtomicU64,
    is_stopping: AtomicBool,
}

struct Client {
    secret: Vec<u8>,
    interrupter: Interrupter,
    is_busy: Arc<AtomicBool>,
}

/// Keeps a socket in the registry until it is dropped.
pub(super) struct Attendance {
    registry: Arc<Registry>,
    number: u64,
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.registry.sockets.lock().remove(&self.number);
    }
}

/// Keeps a client in the registry until it is dropped.
pub(super) struct Registration {
    registry: Arc<Registry>,
    process: i32,
    is_busy: Arc<AtomicBool>,
}

impl Registration {
    /// Says whether the client's session runs something, which is what a cancellation is for.
    pub(super) fn set_busy(&self, is_busy: bool) {
        self.is_busy.store(is_busy, Ordering::Release);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.clients.lock().remove(&self.process);
    }
}

impl Registry {
    pub(super) fn attend(self: &Arc<Self>, socket: Arc<TcpStream>) -> Attendance {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut sockets = self.sockets.lock();
        if self.is_stopping() {
            // It came while the others were told.
            let _ = socket.shutdown(Shutdown::Read);
        }
        sockets.insert(number, socket);
        Attendance { registry: self.clone(), number }
    }

    pub(super) fn register(self: &Arc<Self>, process: i32, secret: Vec<u8>, interrupter: Interrupter) -> Registration {
        let is_busy = Arc::new(AtomicBool::new(false));
        self.clients.lock().insert(process, Client { secret, interrupter, is_busy: is_busy.clone() });
        Registration { registry: self.clone(), process, is_busy }
    }

    /// Interrupts what the client `process` runs, when `secret` is its secret.
    pub(super) fn cancel(&self, process: i32, secret: &[u8]) {
        if let Some(client) = self.clients.lock().get(&process)
            && client.secret.ct_eq(secret).into()
            && client.is_busy.load(Ordering::Acquire)
        {
            client.interrupter.interrupt();
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Lets every connection end once it has done what it does: none hears anything more.
    pub(super) fn stop(&self) {
        let sockets = self.sockets.lock();
        self.is_stopping.store(true, Ordering::Release);
        // A socket that is closed already needs no word.
        sockets.values().for_each(|socket| drop(socket.shutdown(Shutdown::Read)));
    }

    /// Interrupts everything, and cuts every connection.
    pub(super) fn cut(&self) {
        self.clients.lock().values().for_each(|client| client.interrupter.interrupt());
        self.sockets.lock().values().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
    }
}
