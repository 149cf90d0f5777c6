//! What a server is told before it starts: where it listens, who may talk to it, and its limits.
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

use serde::Deserialize;

use crate::auth::Token;
use crate::failure::Failure;
use crate::limits::Limits;

/// The address that a server listens on unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7400";

/// The directory that a server keeps its data in unless told otherwise.
pub const DEFAULT_DATA: &str = "./marquetry-data";

/// The name of the environment variable that holds the access token.
pub const TOKEN_VARIABLE: &str = "MARQUETRY_TOKEN";

/// How a server listens: address, credential, encryption and limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on; port 0 takes a free one.
    pub address: SocketAddr,
    /// The token that every request must bear; only a loopback address may go without.
    pub token: Option<Token>,
    /// Certificate and key, when the server speaks TLS.
    pub tls: Option<TlsFiles>,
    /// The maxima of sizes, counts and times.
    pub limits: Limits,
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
    /// Settings for a loopback address and a port that the system chooses, as tests and examples want it.
    pub fn local() -> Self {
        Settings { address: SocketAddr::from(([127, 0, 0, 1], 0)), token: None, tls: None, limits: Limits::default() }
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
        Ok(self)
    }
}

/// The configuration file, exactly as written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConfigurationFile {
    pub(crate) data: Option<PathBuf>,
    pub(crate) http: HttpSection,
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
