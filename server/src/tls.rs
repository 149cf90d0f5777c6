//! Turns a certificate and key in PEM files into what the listeners need to speak TLS 1.2 and 1.3.

use std::sync::Arc;

use crate::failure::Failure;
use crate::settings::TlsFiles;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The protocols that a front speaks over TLS, as clients name them.
pub(crate) const HTTP_PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];
pub(crate) const POSTGRES_PROTOCOLS: [&str; 1] = ["postgresql"];

/// What encrypts with the certificate and key in `files`, for a front that speaks `protocols`.
pub(crate) fn configuration(files: &TlsFiles, protocols: &[&str]) -> Result<Arc<ServerConfig>, Failure> {
    let place = files.certificate.display();
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| Failure::usage(format!("cannot read the certificate {place}: {error}; it must be PEM")))?;
    if chain.is_empty() {
        return Err(Failure::usage(format!("{place} holds no certificate; it must be a PEM file")));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| {
        Failure::usage(format!("cannot read the private key {}: {error}; it must be PEM", files.key.display()))
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| Failure::usage(format!("certificate {place} and its key do not work together: {error}")))?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}
