//! The Marquetry server: one engine, over HTTP, and the `marquetry` command line.
//!
//! ```text
//!   main --> commands --> Server --> listener --> http --> bridge --> marquetry (the engine)
//!                                    limits       gate     threads
//! ```
//!
//! - Only this crate knows HTTP; the engine knows neither sockets nor async.
//! - Everything that blocks crosses [`bridge`](crate) once; everything that a stranger can make large has a limit in
//!   [`Limits`].
//! - [`Server`] is what tests, examples and the binary share.

mod app;
mod auth;
mod bridge;
mod demo;
mod failure;
mod http;
mod limits;
mod listener;
mod metrics;
mod server;
mod settings;
mod stall;
mod tls;
mod transactions;
mod versions;

pub mod commands;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    //! What fuzzers call; see `marquetry::fuzzing`.

    pub use crate::http::batch_json;
}

pub use auth::Token;
pub use failure::Failure;
pub use limits::Limits;
pub use server::Server;
pub use settings::{DEFAULT_ADDRESS, DEFAULT_DATA, Settings, TOKEN_VARIABLE, TlsFiles};
