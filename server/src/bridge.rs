//! The only crossing from async to blocking work: a fixed number of threads behind a bounded queue.
//!
//! ```text
//!   handler --run(work)--> [ bounded queue ] --> worker threads --> engine
//!      ^  full: Busy, at once       |                  |
//!      '---------- answer ----------'------------------'
//! ```
//!
//! - A full queue is an answer (`Busy`, which becomes 503), never a wait without end.
//! - A caller that goes away before its work starts takes the work with it; work that has started always ends.
//! - A panic in the work is that caller's failure and nobody else's: the thread lives on.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// The pause before a busy bridge is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Why work did not give an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BridgeError {
    /// Every worker is busy and the queue is full: nothing was started.
    Busy,
    /// The server is stopping: nothing was started.
    Stopped,
    /// The work panicked: its outcome is unknown.
    Panicked,
}

/// A pool of threads for blocking work; clones share it.
#[derive(Clone)]
pub(crate) struct Bridge {
    queue: Sender<Work>,
    running: Arc<AtomicUsize>,
}

/// The threads of a [`Bridge`], joined when every clone of the bridge is gone.
pub(crate) struct Workers(Vec<JoinHandle<()>>);

impl Bridge {
    /// A bridge with `workers` threads called `name`, and room for `waiting_max` pieces of work that wait.
    pub(crate) fn start(name: &str, workers: usize, waiting_max: usize) -> std::io::Result<(Bridge, Workers)> {
        let (queue, work) = bounded::<Work>(waiting_max);
        let threads = (0..workers)
            .map(|number| {
                let work = work.clone();
                std::thread::Builder::new().name(format!("{name}-{number}")).spawn(move || serve(&work))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok((Bridge { queue, running: Arc::new(AtomicUsize::new(0)) }, Workers(threads)))
    }

    /// Runs `work` on a worker and gives back what it returned.
    pub(crate) fn run<T, F>(&self, work: F) -> impl Future<Output = Result<T, BridgeError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let running = self.running.clone();
        let job: Work = Box::new(move || {
            if answer.is_closed() {
                return;
            }
            running.fetch_add(1, Ordering::Relaxed);
            let outcome = catch_unwind(AssertUnwindSafe(work)).map_err(|_| BridgeError::Panicked);
            running.fetch_sub(1, Ordering::Relaxed);
            // A caller that gave up does not want the answer any more.
            let _ = answer.send(outcome);
        });
        let sent = self.queue.try_send(job);
        async move {
            match sent {
                Err(TrySendError::Full(_)) => Err(BridgeError::Busy),
                Err(TrySendError::Disconnected(_)) => Err(BridgeError::Stopped),
                Ok(()) => answered.await.unwrap_or(Err(BridgeError::Stopped)),
            }
        }
    }

    /// What `work` makes of `state`, however long every worker is busy: for streams that have begun and cannot be
    /// refused any more.
    pub(crate) async fn run_patiently<S, T>(
        &self,
        state: S,
        work: impl FnOnce(S) -> T + Clone + Send + 'static,
    ) -> Result<T, BridgeError>
    where
        S: Send + 'static,
        T: Send + 'static,
    {
        let place = Arc::new(Mutex::new(Some(state)));
        loop {
            let (place, work) = (place.clone(), work.clone());
            let outcome = self.run(move || {
                let state = place.lock().take().expect("only the work that runs takes the state");
                work(state)
            });
            match outcome.await {
                Err(BridgeError::Busy) => tokio::time::sleep(BUSY_PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    /// Pieces of work that wait for a worker.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Pieces of work that a worker is running.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }
}

impl Workers {
    /// Waits for the threads to end, which they do once every clone of the bridge is dropped.
    pub(crate) fn join(self) {
        for thread in self.0 {
            // A worker catches the panics of its work, so there is no outcome to look at.
            let _ = thread.join();
        }
    }
}

fn serve(work: &Receiver<Work>) {
    while let Ok(job) = work.recv() {
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_full_queue_is_an_answer_and_a_panic_hurts_only_its_caller() {
        let (bridge, workers) = Bridge::start("test", 1, 1).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel::<()>();
        let first = tokio::spawn(bridge.run(move || {
            started.send(()).unwrap();
            held.recv().unwrap();
        }));
        tokio::task::spawn_blocking(move || starts.recv().unwrap()).await.unwrap();
        let second = tokio::spawn(bridge.run(|| 2));
        tokio::task::yield_now().await;
        assert_eq!(bridge.run(|| 3).await, Err(BridgeError::Busy));
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap(), Ok(2));
        assert_eq!(bridge.run(|| panic!("on purpose")).await, Err::<(), _>(BridgeError::Panicked));
        assert_eq!(bridge.run(|| 4).await, Ok(4));
        drop(bridge);
        workers.join();
    }

    #[tokio::test]
    async fn work_of_a_caller_that_left_is_not_started() {
        let (bridge, workers) = Bridge::start("test", 1, 8).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let first = tokio::spawn(bridge.run(move || held.recv().unwrap()));
        let (ran, runs) = mpsc::channel::<()>();
        drop(bridge.run(move || ran.send(()).unwrap()));
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        drop(bridge);
        tokio::task::spawn_blocking(move || workers.join()).await.unwrap();
        assert!(runs.recv().is_err());
    }
}
