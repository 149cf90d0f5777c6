//! Why the shop does not do what it is asked: its own refusals, and the failures of the store underneath.
//!
//! ```text
//!   Refusal  --into--> marquetry::Error --- transact rolls back and returns it ---> ShopError::Refused
//! ```
//!
//! A refusal travels through a transaction as the cause of an error, so that nothing of a refused checkout is kept.

use std::fmt;

/// The result of every verb of the shop.
pub type Result<T, E = ShopError> = std::result::Result<T, E>;

/// What the shop answers to a customer instead of doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There are not as many pieces as wanted.
    OutOfStock {
        /// The product.
        product: String,
        /// The pieces that the cart asks for.
        wanted: i64,
        /// The pieces that there are.
        left: i64,
    },
    /// The catalogue has no such product.
    UnknownProduct(String),
    /// The session is not there, or has run out.
    NotLoggedIn,
    /// Nobody has registered with this address.
    UnknownEmail(String),
    /// Somebody has registered with this address already.
    EmailTaken(String),
    /// The cart cannot be an order: the text says why.
    BadCart(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::OutOfStock { product, wanted, left } => {
                write!(f, "only {left} of {product:?} are left and {wanted} are wanted; take fewer or wait")
            }
            Refusal::UnknownProduct(product) => write!(f, "there is no product {product:?}; search for one"),
            Refusal::NotLoggedIn => f.write_str("the session is unknown or has run out; log in again"),
            Refusal::UnknownEmail(email) => write!(f, "nobody has registered as {email:?}; register first"),
            Refusal::EmailTaken(email) => write!(f, "somebody has registered as {email:?} already; log in"),
            Refusal::BadCart(why) => write!(f, "the cart cannot be an order: {why}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a verb of the shop did not succeed.
#[derive(Debug)]
pub enum ShopError {
    /// The shop says no; nothing was changed.
    Refused(Refusal),
    /// The embedded store failed.
    Embedded(marquetry::Error),
    /// The server, or the way to it, failed.
    Remote(marquetry_client::Error),
}

impl ShopError {
    /// The refusal, when it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            ShopError::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl fmt::Display for ShopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShopError::Refused(refusal) => refusal.fmt(f),
            ShopError::Embedded(error) => error.fmt(f),
            ShopError::Remote(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ShopError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ShopError::Refused(_) => None,
            ShopError::Embedded(error) => Some(error),
            ShopError::Remote(error) => Some(error),
        }
    }
}

impl From<Refusal> for ShopError {
    fn from(refusal: Refusal) -> Self {
        ShopError::Refused(refusal)
    }
}

impl From<Refusal> for marquetry::Error {
    fn from(refusal: Refusal) -> Self {
        marquetry::Error::constraint(refusal.to_string()).with_source(refusal)
    }
}

impl From<marquetry::Error> for ShopError {
    fn from(error: marquetry::Error) -> Self {
        let refusal = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Refusal>()).cloned();
        refusal.map_or(ShopError::Embedded(error), ShopError::Refused)
    }
}

impl From<marquetry_client::Error> for ShopError {
    fn from(error: marquetry_client::Error) -> Self {
        ShopError::Remote(error)
    }
}
