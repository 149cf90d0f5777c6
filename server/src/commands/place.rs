//! Where a command works: a data directory, or a running server.
//!
//! ```text
//!   DIR --> Database --> Server on loopback with a random token --.
//!   URL -----------------------------------------------------------+--> Client
//! ```
//!
//! A directory is served to the command itself, so that both kinds of place go through one code path.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use marquetry::Database;
use marquetry_client::Client;

use super::blocking;
use crate::auth::Token;
use crate::failure::Failure;
use crate::server::Server;
use crate::settings::{Settings, TOKEN_VARIABLE, token_in_file};

/// A data directory or the URL of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Directory(PathBuf),
    Url(String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("http" | "https", _)) => Ok(Place::Url(text.to_owned())),
            Some((scheme, _)) => Err(format!("{scheme}:// is not spoken here; give a directory or an http(s) URL")),
            None => Ok(Place::Directory(text.into())),
        }
    }
}

/// The credential for a place that is a URL.
#[derive(Debug, Args)]
pub(super) struct Credential {
    /// A file whose first line is the access token of the server; MARQUETRY_TOKEN in the environment does the same
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A client of a place; for a directory, with the server that was started for it.
pub(super) struct Opened {
    pub(super) client: Client,
    own: Option<(Server, Database)>,
}

impl Place {
    /// A client of this place.
    pub(super) async fn open(&self, credential: &Credential) -> Result<Opened, Failure> {
        match self {
            Place::Url(url) => {
                let token = credential.token()?;
                let client = match &token {
                    Some(token) => Client::connect_with_token(url, token.reveal()),
                    None => Client::connect(url),
                };
                Ok(Opened { client: client?, own: None })
            }
            Place::Directory(path) => {
                let database = open_existing(path.clone()).await?;
                let token = Token::random();
                let settings = Settings { token: Some(token.clone()), ..Settings::local() };
                let server = Server::start(database.clone(), settings).await?;
                let client = Client::connect_with_token(&server.url(), token.reveal())?;
                Ok(Opened { client, own: Some((server, database)) })
            }
        }
    }
}

impl Opened {
    /// Closes what was opened for this command.
    pub(super) async fn close(self) -> Result<(), Failure> {
        drop(self.client);
        let Some((server, database)) = self.own else { return Ok(()) };
        server.stop().await;
        blocking(move || database.close()).await
    }
}

impl Credential {
    fn token(&self) -> Result<Option<Token>, Failure> {
        match (&self.token_file, std::env::var(TOKEN_VARIABLE)) {
            (Some(path), _) => token_in_file(path).map(Some),
            (None, Ok(text)) => {
                let token = Token::new(&text);
                token.map(Some).map_err(|fault| Failure::usage(format!("in {TOKEN_VARIABLE}: {fault}")))
            }
            (None, Err(_)) => Ok(None),
        }
    }
}

/// The database in the directory `path`, which must be there: a misspelt path must not make an empty one.
pub(super) async fn open_existing(path: PathBuf) -> Result<Database, Failure> {
    if !holds_something(&path) {
        return Err(Failure::failed(format!("there is no database in {}; check the path", path.display())));
    }
    blocking(move || Database::open(path)).await
}

fn holds_something(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_directories_are_told_apart() {
        assert_eq!("http://localhost:7400".parse(), Ok(Place::Url("http://localhost:7400".into())));
        assert_eq!("./data".parse(), Ok(Place::Directory("./data".into())));
        assert!("ftp://localhost".parse::<Place>().is_err());
    }
}
