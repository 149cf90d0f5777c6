//! What a trial says: nothing, or what was lost and how to play it again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A trial's result; the error is for people.
pub type Verdict<T = ()> = Result<T, String>;

/// The outcome of the engine while `doing` something.
///
/// # Errors
/// What the engine said.
pub fn told<T>(doing: &str, outcome: marquetry::Result<T>) -> Verdict<T> {
    outcome.map_err(|error| format!("{doing}: {error:?}"))
}

/// The result of `trial`; a panic is as bad as a loss.
///
/// # Errors
/// Those of `trial`, and what it panicked with.
pub fn guarded<T>(trial: impl FnOnce() -> Verdict<T>) -> Verdict<T> {
    catch_unwind(AssertUnwindSafe(trial)).unwrap_or_else(|panic| Err(format!("panicked: {}", said(&*panic))))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

/// Keeps the panics of redb from being printed: it panics on pages that are whole and old, and the engine makes errors of that.
pub fn silence_redb() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| place.file().contains("redb-")) {
            print(panic);
        }
    }));
}
