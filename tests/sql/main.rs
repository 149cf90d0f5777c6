//! SQL by scripts: what is asked, and what PostgreSQL answers.
//!
//! ```text
//!   scripts/*.slt    ours, by feature                 corpus   SQLite's own, where they lie beside the project
//! ```
//!
//! A script is a sqllogictest: <https://www.sqlite.org/sqllogictest/doc/trunk/about.wiki>. Rows are printed as psql prints them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod corpus;
mod driver;
mod models;
mod scripts;
