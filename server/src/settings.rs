//! What a server is told before it starts: where its fronts listen, who may talk to them, and its limits.
//!
//! ```text
//!   defaults  <  configuration file  <  environment  <  command line        (the right one wins)
//! ```
//!
//! Everything works without a file. Unknown fields in one are refused, because a misspelt limit that is silently
//! ignored is worse than a server that does not start. A server that strangers can reach needs a token: that is
//! checked here, once, for every way to start one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::auth::Token;
use crate::failure::Failure;
use crate::limits::Limits;

/// The address that a server listens on unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7400";

/// The address that a server listens on for PostgreSQL's clients unless told otherwise.
pub const DEFAULT_POSTGRES_ADDRESS: &str = "127.0.0.1:5432";

/// The directory that a server keeps its data in unless told otherwise.
pub const DEFAULT_DATA: &str = "./marquetry-data";

/// The name of the environment variable that holds the access token.
pub const TOKEN_VARIABLE: &str = "MARQUETRY_TOKEN";

/// The name of the environment variable that holds the password of PostgreSQL's clients.
pub const POSTGRES_PASSWORD_VARIABLE: &str = "MARQUETRY_POSTGRES_PASSWORD";

/// How a server listens: address, credential, encryption and limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on for HTTP; port 0 takes a free one.
    pub address: SocketAddr,
    /// How PostgreSQL's clients are served, when they are.
    pub postgres: Option<PostgresSettings>,
    /// The token that every request must bear; only a loopback address may go without.
    pub token: Option<Token>,
    /// Certificate and key, when the server speaks TLS.
    pub tls: Option<TlsFiles>,
    /// The maxima of sizes, counts and times.
    pub limits: Limits,
}

/// How a server listens for PostgreSQL's clients. Certificate and limits are those of the whole server.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// The address to listen on; port 0 takes a free one.
    pub address: SocketAddr,
    /// The password that every client must know; only a loopback address may go without.
    pub password: Option<Token>,
}

/// Where the certificate chain and its private key are, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Settings {
    /// Settings for HTTP on a loopback address and a port that the system chooses, as tests and examples want it.
    pub fn local() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Settings { address, postgres: None, token: None, tls: None, limits: Limits::default() }
    }

    /// The settings, or why a server must not start with them.
    pub(crate) fn checked(self) -> Result<Self, Failure> {
        if let Some(fault) = self.limits.fault() {
            return Err(Failure::usage(fault));
        }
        if self.token.is_none() && !self.address.ip().is_loopback() {
            return Err(Failure::usage(format!(
                "{} can be reached from other machines, and no access token is set: anybody could read and delete \
                 everything. Set one ({TOKEN_VARIABLE}=... in the environment, or --token-file FILE), or listen on \
                 {DEFAULT_ADDRESS}",
                self.address
            )));
        }
        if let Some(PostgresSettings { address, password: None }) = &self.postgres
            && !address.ip().is_loopback()
        {
            return Err(Failure::usage(format!(
                "{address} can be reached from other machines, and no password is set for PostgreSQL's clients: anybody \
                 could read and delete everything. Set one ({POSTGRES_PASSWORD_VARIABLE}=... in the environment, or \
                 --postgres-password-file FILE), or an access token, which is then the password too, or listen on \
                 {DEFAULT_POSTGRES_ADDRESS}"
            )));
        }
        Ok(self)
    }
}

/// The configuration file, exactly as written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConfigurationFile {
    pub(crate) data: Option<PathBuf>,
    pub(crate) http: HttpSection,
    pub(crate) postgres: PostgresSection,
    pub(crate) limits: Limits,
}

/// The `[http]` table of the configuration file.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpSection {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) token: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) tls_certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
}

/// The `[postgres]` table of the configuration file.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PostgresSection {
    pub(crate) address: Option<PostgresAddress>,
    pub(crate) password: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
}

/// Where to listen for PostgreSQL's clients, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum PostgresAddress {
    Off,
    On(SocketAddr),
}

impl FromStr for PostgresAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(PostgresAddress::Off),
            text => text.parse().map(PostgresAddress::On).map_err(|_| {
                format!("{text:?} is no address; write ADDRESS:PORT, such as {DEFAULT_POSTGRES_ADDRESS}, or off")
            }),
        }
    }
}

impl TryFrom<String> for PostgresAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl ConfigurationFile {
    /// The file at `path`, or what is wrong in it and on which line.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read the configuration file {}: {error}", path.display()))
        })?;
        toml::from_str(&text)
            .map_err(|error| Failure::usage(format!("in the configuration file {}: {error}", path.display())))
    }
}

/// The token in the file at `path`: its first line, without the white space around it.
pub(crate) fn token_in_file(path: &Path) -> Result<Token, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read the token file {}: {error}", path.display())))?;
    Token::new(text.lines().next().unwrap_or_default().trim())
        .map_err(|fault| Failure::usage(format!("in the token file {}: {fault}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_address_without_a_token_is_refused_and_told_what_to_do() {
        let open = Settings { address: "0.0.0.0:7400".parse().unwrap(), ..Settings::local() };
        let message = open.clone().checked().unwrap_err().to_string();
        assert!(message.contains(TOKEN_VARIABLE) && message.contains("--token-file"), "{message}");
        assert!(Settings { token: Some(Token::new("long-enough-to-be-a-token").unwrap()), ..open }.checked().is_ok());
        assert!(Settings::local().checked().is_ok());
    }

    #[test]
    fn an_open_postgres_address_without_a_password_is_refused_and_told_what_to_do() {
        let postgres = PostgresSettings { address: "0.0.0.0:5432".parse().unwrap(), password: None };
        let open = Settings { postgres: Some(postgres.clone()), ..Settings::local() };
        let message = open.checked().unwrap_err().to_string();
        assert!(message.contains("--postgres-password-file"), "{message}");
        let password = Some(Token::new("long-enough-to-be-a-token").unwrap());
        let guarded = PostgresSettings { password, ..postgres };
        assert!(Settings { postgres: Some(guarded), ..Settings::local() }.checked().is_ok());
    }

    #[test]
    fn postgres_is_an_address_or_off() {
        assert_eq!("off".parse(), Ok(PostgresAddress::Off));
        assert_eq!("127.0.0.1:1".parse(), Ok(PostgresAddress::On("127.0.0.1:1".parse().unwrap())));
        assert!("5432".parse::<PostgresAddress>().is_err());
        assert!(toml::from_str::<ConfigurationFile>("[postgres]\naddress = \"off\"").is_ok());
        assert!(toml::from_str::<ConfigurationFile>("[postgres]\naddress = \"on\"").is_err());
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(toml::from_str::<ConfigurationFile>("[limits]\nworker = 3").is_err());
        assert!(toml::from_str::<ConfigurationFile>("[https]").is_err());
        let file: ConfigurationFile = toml::from_str("[http]\naddress = \"[::1]:0\"\n[limits]\nworkers = 3").unwrap();
        assert_eq!(file.limits.workers, 3);
    }

    #[test]
    fn limits_that_make_a_server_useless_are_refused() {
        let limits = Limits { workers: 0, ..Limits::default() };
        assert!(Settings { limits, ..Settings::local() }.checked().is_err());
    }
}
