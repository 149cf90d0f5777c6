//! `marquetry shell`: statements typed by a person, or read from a script, and their rows as tables.
//!
//! ```text
//!   lines --> reader: statements up to ; and commands up to the end of the line --> console --> table --> output
//!             input: history, completion                                              |
//!                                                                  connection <-------'  a directory, or a server
//! ```
//!
//! - A directory is opened in this process, and its statements share a session: transactions and settings hold.
//! - A server is asked over HTTP, where each submission is a transaction of its own.

mod command;
mod connection;
mod console;
mod describe;
mod input;
mod reader;
mod table;

pub(crate) use self::connection::Connection;
pub(crate) use self::console::Console;
