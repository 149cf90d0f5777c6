//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: the client proves that it knows the password without sending
//! it, and the server proves that it knows it too.
//!
//! ```text
//!   client  n,,n=user,r=CLIENT                      server  r=CLIENT SERVER,s=SALT,i=ROUNDS
//!   client  c=biws,r=CLIENT SERVER,p=PROOF          server  v=SIGNATURE
//! ```
//!
//! Passwords are printable ASCII (see [`Token`]), so the preparation of strings that the standard asks for changes
//! nothing. The name in the first message is not looked at, as in PostgreSQL: the startup has said who it is.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq;

use super::error::WireError;
use crate::auth::Token;

/// The name of the mechanism.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";

/// Rounds that a guess at the password costs, as PostgreSQL has it.
const ROUNDS: NonZeroU32 = NonZeroU32::new(4096).expect("it is not zero");

/// What the server keeps of the password: enough to check a proof, not enough to make one.
pub(super) struct Verifier {
    salt: [u8; 16],
    stored_key: hmac::Key,
    stored_key_bytes: [u8; 32],
    server_key: hmac::Key,
}

impl Verifier {
    /// The verifier of `password`, with a salt of its own.
    pub(super) fn of(password: &Token) -> Self {
        let salt: [u8; 16] = random();
        let mut salted = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, password.reveal().as_bytes(), &mut salted);
        let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let stored_key_bytes = sha256(client_key.as_ref());
        Verifier {
            salt,
            stored_key: hmac::Key::new(hmac::HMAC_SHA256, &stored_key_bytes),
            stored_key_bytes,
            server_key: hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&salted, b"Server Key").as_ref()),
        }
    }
}

/// One proof under way.
pub(super) struct Exchange<'v> {
    verifier: &'v Verifier,
    /// What the client must repeat of its first message: whether it would bind to the channel.
    binding: String,
    nonce: String,
    client_first: String,
    server_first: String,
}

impl<'v> Exchange<'v> {
    /// Begins with the client's first message; [`Exchange::server_first`] is the answer.
    pub(super) fn begin(verifier: &'v Verifier, message: &str) -> Result<Self, WireError> {
        Exchange::with_nonce(verifier, message, &STANDARD.encode(random::<18>()))
    }

    fn with_nonce(verifier: &'v Verifier, message: &str, own: &str) -> Result<Self, WireError> {
        let mut parts = message.splitn(3, ',');
        let (binding, identity, bare) = match (parts.next(), parts.next(), parts.next()) {
            (Some(binding @ ("n" | "y")), Some(identity), Some(bare)) => (binding, identity, bare),
            (Some(binding), Some(_), Some(_)) if binding.starts_with("p=") => {
                return Err(malformed("channel binding is asked for, which was not offered"));
            }
            _ => return Err(malformed("the first message has no such form")),
        };
        if !identity.is_empty() {
            return Err(WireError::unsupported("client uses authorization identity, but it is not supported").fatal());
        }
        let client = attribute(bare.split(',').nth(1), "r=").filter(|nonce| is_nonce(nonce));
        let client = client.ok_or_else(|| malformed("there is no nonce"))?;
        let nonce = format!("{client}{own}");
        let server_first = format!("r={nonce},s={},i={ROUNDS}", STANDARD.encode(verifier.salt));
        let binding = STANDARD.encode(format!("{binding},,"));
        Ok(Exchange { verifier, binding, nonce, client_first: bare.to_owned(), server_first })
    }

    pub(super) fn server_first(&self) -> &str {
        &self.server_first
    }

    /// The server's last message when the client's last one proves the password, else nothing.
    pub(super) fn finish(self, message: &str) -> Result<Option<String>, WireError> {
        let (without_proof, proof) =
            message.rsplit_once(",p=").ok_or_else(|| malformed("the last message has no proof"))?;
        let mut attributes = without_proof.split(',');
        let binding = attribute(attributes.next(), "c=").ok_or_else(|| malformed("there is no channel binding"))?;
        let nonce = attribute(attributes.next(), "r=").ok_or_else(|| malformed("there is no nonce"))?;
        if binding != self.binding || nonce != self.nonce {
            return Err(malformed("the last message does not belong to the first"));
        }
        let proof = STANDARD.decode(proof).map_err(|_| malformed("the proof is not base64"))?;
        let mut client_key: [u8; 32] = proof.try_into().map_err(|_| malformed("the proof has not 32 bytes"))?;
        let told = format!("{},{},{without_proof}", self.client_first, self.server_first);
        let signature = hmac::sign(&self.verifier.stored_key, told.as_bytes());
        for (byte, mask) in client_key.iter_mut().zip(signature.as_ref()) {
            *byte ^= mask;
        }
        let is_known: bool = sha256(&client_key).ct_eq(&self.verifier.stored_key_bytes).into();
        let signature = hmac::sign(&self.verifier.server_key, told.as_bytes());
        Ok(is_known.then(|| format!("v={}", STANDARD.encode(signature.as_ref()))))
    }
}

fn attribute<'a>(part: Option<&'a str>, name: &str) -> Option<&'a str> {
    part?.strip_prefix(name)
}

fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

fn malformed(how: &str) -> WireError {
    WireError::violation(format!("malformed SCRAM message: {how}")).fatal()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Bytes that nobody can guess.
pub(super) fn random<const SIZE: usize>() -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier() -> Verifier {
        Verifier::of(&Token::new("correct-horse-battery-staple").unwrap())
    }

    /// What a client that knows `password` answers to `server_first`.
    fn proof(password: &str, client_first: &str, server_first: &str) -> String {
        let field = |name: &str| server_first.split(',').find_map(|part| part.strip_prefix(name)).unwrap().to_owned();
        let mut salted = [0; 32];
        let salt = STANDARD.decode(field("s=")).unwrap();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, password.as_bytes(), &mut salted);
        let client_key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salted), b"Client Key");
        let stored = hmac::Key::new(hmac::HMAC_SHA256, &sha256(client_key.as_ref()));
        let without_proof = format!("c=biws,r={}", field("r="));
        let told = format!("{},{server_first},{without_proof}", &client_first[3..]);
        let signature = hmac::sign(&stored, told.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        format!("{without_proof},p={}", STANDARD.encode(proof))
    }

    #[test]
    fn only_the_password_proves_itself() {
        let verifier = verifier();
        let first = "n,,n=,r=abcdef";
        for (password, is_known) in [("correct-horse-battery-staple", true), ("correct-horse-battery-stapl", false)] {
            let exchange = Exchange::begin(&verifier, first).unwrap();
            let answer = proof(password, first, exchange.server_first());
            assert_eq!(exchange.finish(&answer).unwrap().is_some(), is_known);
        }
        let exchange = Exchange::begin(&verifier, first).unwrap();
        let other = Exchange::begin(&verifier, first).unwrap();
        let replayed = proof("correct-horse-battery-staple", first, other.server_first());
        assert!(exchange.finish(&replayed).is_err());
    }

    #[test]
    fn messages_of_another_form_are_refused() {
        let verifier = verifier();
        for first in
            ["", "n", "n,,", "n,,n=", "n,,n=,r=", "n,a=root,n=,r=x", "p=tls-server-end-point,,n=,r=x", "x,,n=,r=x"]
        {
            assert!(Exchange::begin(&verifier, first).is_err(), "{first}");
        }
        for last in ["", "c=biws", "c=biws,r=x", "c=biws,r=xy,p=", "c=eSws,r=xy,p=AA==", "c=biws,r=xy,p=AA==", ",p=,p="]
        {
            let exchange = Exchange::with_nonce(&verifier, "n,,n=,r=x", "y").unwrap();
            assert!(exchange.finish(last).is_err(), "{last}");
        }
    }
}
