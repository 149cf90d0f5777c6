//! The Marquetry server: one engine, over HTTP and the PostgreSQL protocol, and the `marquetry` command line.
//!
//! ```text
//!   main --> commands --> Server --> listener --> http --> bridge --> marquetry (the engine)
//!                                |   limits       gate     threads      ^
//!                                '-> postgres: a thread per connection -'
//! ```
//!
//! - Only this crate knows protocols; the engine knows neither sockets nor async.
//! - Everything that blocks in answering HTTP crosses [`bridge`](crate) once; everything that a stranger can make large has a limit in
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
mod postgres;
mod server;
mod settings;
mod shell;
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
pub use settings::{
    DEFAULT_ADDRESS, DEFAULT_DATA, DEFAULT_POSTGRES_ADDRESS, POSTGRES_PASSWORD_VARIABLE, PostgresSettings, Settings,
    TOKEN_VARIABLE, TlsFiles,
};
