//! `marquetry serve`: opens the data directory and answers HTTP and PostgreSQL's clients until SIGTERM or SIGINT.
//!
//! ```text
//!   defaults < --config FILE < MARQUETRY_TOKEN, ... < arguments --> Settings --> Server --> signal --> drain --> 0
//! ```

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use marquetry::Database;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{blocking, runtime};
use crate::auth::Token;
use crate::demo;
use crate::failure::Failure;
use crate::server::Server;
use crate::settings::{
    ConfigurationFile, DEFAULT_ADDRESS, DEFAULT_DATA, DEFAULT_POSTGRES_ADDRESS, POSTGRES_PASSWORD_VARIABLE,
    PostgresAddress, PostgresSettings, Settings, TOKEN_VARIABLE, TlsFiles, token_in_file,
};

const EXAMPLES: &str = "\
Examples:
  marquetry serve
      keeps data in ./marquetry-data and answers http://127.0.0.1:7400 and postgres://127.0.0.1:5432
  marquetry serve --demo
      loads the demo shop, and data files where there are any, and prints a line to try for each model
  MARQUETRY_TOKEN=$(head -c 32 /dev/urandom | base64) marquetry serve --http 0.0.0.0:7400
      answers other machines; every request must send Authorization: Bearer TOKEN
  psql -h 127.0.0.1 -U anybody
      talks SQL to a server without a token; with one, the token is the password, unless another is set for PostgreSQL

Configuration file (TOML, every field optional):
  data = \"/var/lib/marquetry\"
  [http]
  address = \"127.0.0.1:7400\"
  token_file = \"/etc/marquetry.token\"
  tls_certificate = \"/etc/marquetry.pem\"
  tls_key = \"/etc/marquetry.key\"
  [postgres]
  address = \"127.0.0.1:5432\"
  password_file = \"/etc/marquetry.password\"
  [limits]
  connections_max = 1024

Logs go to standard error; RUST_LOG sets how much (default: info).
SIGTERM or SIGINT finishes open requests and stops; the exit code is then 0.";

/// Serve a data directory over HTTP and the PostgreSQL protocol.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Serve {
    /// The directory that holds the data; made when it is missing [default: ./marquetry-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The address and port to listen on for HTTP [default: 127.0.0.1:7400]
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,

    /// The address and port to listen on for PostgreSQL's clients, or off [default: 127.0.0.1:5432]
    #[arg(long, value_name = "ADDR")]
    postgres: Option<PostgresAddress>,

    /// A file whose first line is the password of PostgreSQL's clients, whatever user they say they are;
    /// MARQUETRY_POSTGRES_PASSWORD in the environment does the same [default: the access token]
    #[arg(long, value_name = "FILE")]
    postgres_password_file: Option<PathBuf>,

    /// A configuration file; arguments win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A file whose first line is the access token; MARQUETRY_TOKEN in the environment does the same
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// A PEM file with the certificate chain: the server then speaks TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// A PEM file with the private key of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// Load the demo shop, and print one line to try for each model
    #[arg(long)]
    demo: bool,

    /// Where the demo finds stores.json, categories.json and recipes.json [default: ../shared/data, if it is there]
    #[arg(long, value_name = "DIR", requires = "demo")]
    demo_data: Option<PathBuf>,
}

impl Serve {
    /// Serves until a signal says stop.
    ///
    /// # Errors
    /// The settings are wrong, the address is taken, or the data directory cannot be opened.
    pub fn run(self) -> Result<(), Failure> {
        // The greeting of the demo is not to drown in the log of a terminal.
        let level = if self.demo && std::io::stderr().is_terminal() { "warn" } else { "info" };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .init();
        let file = self.config.as_deref().map(ConfigurationFile::load).transpose()?.unwrap_or_default();
        let data = self.data.clone().or(file.data.clone()).unwrap_or_else(|| DEFAULT_DATA.into());
        let settings = self.settings(file)?.checked()?;
        runtime()?.block_on(async move {
            let database = open(data.clone()).await?;
            let is_guarded = settings.token.is_some();
            let loaded = if self.demo { Some(load_demo(&database, self.demo_data).await?) } else { None };
            let server = Server::start(database.clone(), settings).await?;
            tracing::info!(url = server.url(), "listening");
            if let Some(address) = server.postgres_address() {
                tracing::info!(url = format!("postgres://{address}"), "listening");
            }
            if let Some(loaded) = loaded {
                println!("{}", demo::greeting(&server.url(), &data, is_guarded, &loaded));
            }
            stop_signal().await?;
            tracing::info!("stopping");
            server.stop().await;
            blocking(move || database.close()).await
        })
    }

    fn settings(&self, file: ConfigurationFile) -> Result<Settings, Failure> {
        let default = DEFAULT_ADDRESS.parse().expect("the default address is an address");
        let address = self.http.or(file.http.address).unwrap_or(default);
        let certificate = self.tls_certificate.clone().or(file.http.tls_certificate);
        let tls = match (certificate, self.tls_key.clone().or(file.http.tls_key)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            _ => return Err(Failure::usage("TLS needs both a certificate and a key: set both, or neither")),
        };
        let token = secret(&Secret {
            argument: self.token_file.as_deref(),
            variable: TOKEN_VARIABLE,
            file: file.http.token_file.as_deref(),
            text: file.http.token.as_deref(),
            field: "http.token",
        })?;
        let password = secret(&Secret {
            argument: self.postgres_password_file.as_deref(),
            variable: POSTGRES_PASSWORD_VARIABLE,
            file: file.postgres.password_file.as_deref(),
            text: file.postgres.password.as_deref(),
            field: "postgres.password",
        })?;
        let default = DEFAULT_POSTGRES_ADDRESS.parse().expect("the default address is an address");
        let postgres = match self.postgres.or(file.postgres.address).unwrap_or(PostgresAddress::On(default)) {
            PostgresAddress::Off => None,
            PostgresAddress::On(address) => {
                Some(PostgresSettings { address, password: password.or_else(|| token.clone()) })
            }
        };
        Ok(Settings { address, postgres, token, tls, limits: file.limits })
    }
}

/// The places that a secret may be told in; the first that has one wins.
struct Secret<'a> {
    argument: Option<&'a Path>,
    variable: &'a str,
    file: Option<&'a Path>,
    text: Option<&'a str>,
    field: &'a str,
}

fn secret(places: &Secret<'_>) -> Result<Option<Token>, Failure> {
    match (places.argument, std::env::var(places.variable).ok(), places.file, places.text) {
        (Some(path), ..) => token_in_file(path).map(Some),
        (None, Some(text), ..) => token_from(&text, places.variable).map(Some),
        (None, None, Some(path), _) => token_in_file(path).map(Some),
        (None, None, None, Some(text)) => {
            token_from(text, &format!("{} in the configuration file", places.field)).map(Some)
        }
        (None, None, None, None) => Ok(None),
    }
}

async fn open(data: PathBuf) -> Result<Database, Failure> {
    tracing::info!(data = %data.display(), "opening");
    blocking(move || Database::open(data)).await
}

async fn load_demo(database: &Database, directory: Option<PathBuf>) -> Result<demo::Loaded, Failure> {
    let database = database.clone();
    blocking(move || demo::load(&database, directory.as_deref())).await
}

fn token_from(text: &str, place: &str) -> Result<Token, Failure> {
    Token::new(text).map_err(|fault| Failure::usage(format!("in {place}: {fault}")))
}

async fn stop_signal() -> Result<(), Failure> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
