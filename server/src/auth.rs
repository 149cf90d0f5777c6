//! Who may talk to the server: one token, compared in constant time, and the [`Principal`] that only this file makes.
//!
//! ```text
//!   request --> Gate::admit --> Principal --> handlers
//!                   '--> Refusal: 401 no or wrong token | 403 a web page or a foreign host name is calling
//! ```
//!
//! Without a token only loopback addresses are served. A browser on the same machine reaches those too, so a web page
//! could call the server behind its user's back: requests with an `Origin`, or for a host name that is not this
//! machine's own, are refused then. Users, roles and grants are left to a later version.

use std::fmt;
use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use hyper::http::uri::Authority;
use subtle::ConstantTimeEq;

/// The bytes that a token has at least: shorter ones can be guessed.
const TOKEN_SIZE_MIN_BYTES: usize = 16;

/// The bytes that a token has at most.
const TOKEN_SIZE_MAX_BYTES: usize = 1024;

/// A shared secret. It never appears in logs: its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token `text`: 16 to 1,024 printable ASCII characters without a space.
    ///
    /// # Errors
    /// Says what is wrong with `text`, without repeating it.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() < TOKEN_SIZE_MIN_BYTES || text.len() > TOKEN_SIZE_MAX_BYTES {
            return Err(format!(
                "a token has {TOKEN_SIZE_MIN_BYTES} to {TOKEN_SIZE_MAX_BYTES} characters and this one has {}; \
                 make one with: head -c 32 /dev/urandom | base64",
                text.len()
            ));
        }
        match text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Token(text.to_owned())),
            false => Err("a token is made of printable ASCII characters without spaces".into()),
        }
    }

    /// A token that nobody can guess: 244 random bits.
    pub fn random() -> Self {
        Token(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()))
    }

    /// The secret itself, to hand it to a client.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn equals(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Somebody who was let in. Handlers that need one cannot be reached around the gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Principal(());

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    TokenMissing,
    TokenWrong,
    WebPage,
    ForeignHost,
}

/// The one gate in front of every route.
#[derive(Debug)]
pub(crate) struct Gate {
    token: Option<Token>,
}

impl Gate {
    pub(crate) fn new(token: Option<Token>) -> Self {
        Gate { token }
    }

    /// The principal behind a request with `headers`, addressed to `authority` where HTTP/2 says so.
    pub(crate) fn admit(&self, headers: &HeaderMap, authority: Option<&Authority>) -> Result<Principal, Refusal> {
        match &self.token {
            Some(token) => match bearer(headers) {
                None => Err(Refusal::TokenMissing),
                Some(offered) if token.equals(offered) => Ok(Principal(())),
                Some(_) => Err(Refusal::TokenWrong),
            },
            None if headers.contains_key(ORIGIN) => Err(Refusal::WebPage),
            None if !host_is_local(headers, authority) => Err(Refusal::ForeignHost),
            None => Ok(Principal(())),
        }
    }
}

/// The token of `Authorization: Bearer TOKEN`; the scheme is not case-sensitive.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next()?, values.next());
    // Two credentials in one request mean that two readers of it may disagree: neither counts.
    if second.is_some() {
        return None;
    }
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the request names this machine by an address or as `localhost`, which a rebound DNS name cannot.
fn host_is_local(headers: &HeaderMap, authority: Option<&Authority>) -> bool {
    let named = headers.get(HOST).and_then(|value| value.to_str().ok()?.parse::<Authority>().ok());
    let Some(authority) = authority.or(named.as_ref()) else { return !headers.contains_key(HOST) };
    let host = authority.host();
    host.eq_ignore_ascii_case("localhost") || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(hyper::header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        map
    }

    fn verdict(gate: &Gate, pairs: &[(&str, &str)]) -> Option<Refusal> {
        gate.admit(&headers(pairs), None).err()
    }

    #[test]
    fn only_the_whole_token_opens_the_gate() {
        let gate = Gate::new(Some(Token::new(SECRET).unwrap()));
        assert_eq!(verdict(&gate, &[("authorization", "Bearer 0123456789abcdef")]), None);
        assert_eq!(verdict(&gate, &[("authorization", "bearer 0123456789abcdef")]), None);
        assert_eq!(verdict(&gate, &[]), Some(Refusal::TokenMissing));
        assert_eq!(verdict(&gate, &[("authorization", "Basic 0123456789abcdef")]), Some(Refusal::TokenMissing));
        for wrong in ["Bearer 0123456789abcde", "Bearer 0123456789abcdeff", "Bearer ", "Bearer 0123456789abcdeF"] {
            assert_eq!(verdict(&gate, &[("authorization", wrong)]), Some(Refusal::TokenWrong), "{wrong}");
        }
        let twice = [("authorization", "Bearer 0123456789abcdef"), ("authorization", "Bearer x")];
        assert_eq!(verdict(&gate, &twice), Some(Refusal::TokenMissing));
    }

    #[test]
    fn without_a_token_web_pages_and_rebound_names_stay_outside() {
        let gate = Gate::new(None);
        for host in ["localhost:7400", "127.0.0.1:7400", "[::1]:7400", "127.0.0.1"] {
            assert_eq!(verdict(&gate, &[("host", host)]), None, "{host}");
        }
        assert_eq!(verdict(&gate, &[("host", "evil.example:7400")]), Some(Refusal::ForeignHost));
        assert_eq!(verdict(&gate, &[("host", "localhost"), ("origin", "http://evil.example")]), Some(Refusal::WebPage));
    }

    #[test]
    fn tokens_that_can_be_guessed_or_not_sent_are_refused() {
        assert!(Token::new("short").is_err());
        assert!(Token::new("with a space in the middle").is_err());
        assert!(Token::new(&"x".repeat(2000)).is_err());
        assert_eq!(format!("{:?}", Token::random()), "Token(hidden)");
    }
}
