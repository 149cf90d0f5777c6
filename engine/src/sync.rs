//! Locks, atomics and threads of the keyspace and its log, in one place so that schedules can be chosen.
//!
//! Ordinarily they are those of `parking_lot` and `std`. With the feature `schedules`, which nothing but the workspace
//! `tests/schedules` turns on, they are those of `shuttle`: every use of one is a point at which the scheduler goes on with any
//! other thread, as a seed says. A program that is not run by `shuttle` panics with that feature.
//!
//! Not from here are the locks of what lies below: `env`, the block file of the checkpoint, redb. They are held for one
//! read or write, and some of them while redb holds locks of its own that no scheduler knows: whoever was interrupted there
//! would be waited for by the only thread that could go on with him. Nor are counters that decide nothing.

#[cfg(not(feature = "schedules"))]
pub(crate) use parking_lot::{Condvar, Mutex, RwLock};
#[cfg(feature = "schedules")]
pub(crate) use scheduled::{Condvar, Mutex, RwLock};
#[cfg(feature = "schedules")]
pub(crate) use shuttle::{sync::atomic, thread};
#[cfg(not(feature = "schedules"))]
pub(crate) use std::{sync::atomic, thread};

/// What of `parking_lot` is used here, made of the locks of `shuttle`.
#[cfg(feature = "schedules")]
mod scheduled {
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;
    use std::time::Duration;

    use shuttle::sync;

    /// Whoever waits for as long as this waits for ever, so that a wake-up that is lost is a deadlock, which is found. A
    /// shorter wait may end at any moment: it does at once, after everybody else had an opportunity to run.
    const FOR_EVER: Duration = Duration::from_secs(60);

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard { mutex: self, held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
        }
    }

    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        /// Nothing only while its holder waits.
        held: Option<sync::MutexGuard<'a, T>>,
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.held.as_ref().expect("nobody looks while he waits")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.held.as_mut().expect("nobody looks while he waits")
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            RwLock(sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> sync::RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn write(&self) -> sync::RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct Condvar(sync::Condvar);

    /// How a wait with an end ended.
    pub(crate) struct WaitTimeoutResult(bool);

    impl WaitTimeoutResult {
        pub(crate) fn timed_out(&self) -> bool {
            self.0
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Condvar::default()
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let held = guard.held.take().expect("who waits holds the lock");
            guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
        }

        pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, timeout: Duration) -> WaitTimeoutResult {
            if timeout >= FOR_EVER {
                self.wait(guard);
                return WaitTimeoutResult(false);
            }
            drop(guard.held.take());
            shuttle::thread::yield_now();
            *guard = guard.mutex.lock();
            WaitTimeoutResult(true)
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
