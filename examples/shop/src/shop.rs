//! The shop's verbs over whichever store the place names: what the rest of an application would call.
//!
//! ```text
//!   Shop::open("./shop-data")               --> Embedded --> the engine in this process
//!   Shop::open("http://127.0.0.1:7400")     --> Remote ----> a server
//! ```

use std::time::Duration;

use marquetry::Database;
use marquetry_client::Client;
use tokio::task::block_in_place;
use uuid::Uuid;

use crate::audit::Audit;
use crate::catalogue::Product;
use crate::embedded::Embedded;
use crate::error::Result;
use crate::order::{Cart, Order, Worked};
use crate::remote::Remote;

/// The shop. Clones are the same one.
///
/// The embedded store answers in the calling thread, so the runtime must be a multi-threaded one.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> marquetry_shop::Result<()> {
/// use marquetry_shop::{Cart, Shop};
///
/// let shop = Shop::from(marquetry::Database::in_memory()?); // or Shop::open("http://127.0.0.1:7400")?
/// shop.load().await?;
/// let session = shop.log_in("ada@example.com").await?;
/// let order = shop.checkout(&session, &Cart::new().with("walnut-desk-lamp", 2)).await?;
/// assert_eq!(shop.orders(&session).await?[0].id, order.id);
/// assert!(shop.audit().await?.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub enum Shop {
    /// In this process.
    Embedded(Embedded),
    /// On a server.
    Remote(Remote),
}

impl From<Database> for Shop {
    fn from(database: Database) -> Self {
        Shop::Embedded(Embedded::new(database))
    }
}

impl From<Client> for Shop {
    fn from(client: Client) -> Self {
        Shop::Remote(Remote::new(client))
    }
}

/// The same verb, with the same arguments, of whichever store it is.
macro_rules! verbs {
    ($($(#[$doc:meta])* fn $verb:ident(&self $(, $name:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl Shop {
            $($(#[$doc])*
            pub async fn $verb(&self $(, $name: $type)*) -> Result<$answer> {
                match self {
                    Shop::Embedded(shop) => block_in_place(|| shop.$verb($($name),*)),
                    Shop::Remote(shop) => shop.$verb($($name),*).await,
                }
            })*
        }
    };
}

impl Shop {
    /// The shop in the directory or on the server that `place` names; see [`Shop::load`] for an empty one.
    ///
    /// # Errors
    /// The directory cannot be opened, or the URL is none. A server is asked only by the first verb.
    pub fn open(place: &str) -> Result<Self> {
        Shop::open_with_token(place, None)
    }

    /// As [`Shop::open`], with the access token that a server asks for.
    ///
    /// # Errors
    /// As [`Shop::open`].
    pub fn open_with_token(place: &str, token: Option<&str>) -> Result<Self> {
        if !place.contains("://") {
            return Ok(Shop::from(Database::open(place)?));
        }
        let client = match token {
            Some(token) => Client::connect_with_token(place, token),
            None => Client::connect(place),
        };
        Ok(Shop::from(client?))
    }

    /// Closes an embedded store; a server goes on.
    ///
    /// # Errors
    /// Those of [`Database::close`].
    pub fn close(self) -> Result<()> {
        match self {
            Shop::Embedded(shop) => Ok(shop.database().close()?),
            Shop::Remote(_) => Ok(()),
        }
    }
}

verbs! {
    /// Makes the shop with its catalogue and some customers, if it is not there yet; whether it was made.
    ///
    /// # Errors
    /// Those of the store. Nothing is half made.
    fn load(&self) -> bool;

    /// A new account; its number.
    ///
    /// # Errors
    /// [`Refusal::EmailTaken`](crate::Refusal::EmailTaken).
    fn register(&self, email: &str, name: &str) -> i64;

    /// A session of the account with this address. Passwords are left out: they would show nothing of the store.
    ///
    /// # Errors
    /// [`Refusal::UnknownEmail`](crate::Refusal::UnknownEmail).
    fn log_in(&self, email: &str) -> String;

    /// The page of a product, from the cache while nothing that it shows has changed.
    ///
    /// # Errors
    /// [`Refusal::UnknownProduct`](crate::Refusal::UnknownProduct).
    fn browse(&self, product: &str) -> String;

    /// The bytes of the picture of a product.
    ///
    /// # Errors
    /// [`Refusal::UnknownProduct`](crate::Refusal::UnknownProduct).
    fn picture(&self, product: &str) -> Vec<u8>;

    /// The products that `words` find, best first, of one category or of all.
    ///
    /// # Errors
    /// Those of the store.
    fn search(&self, words: &str, category: Option<&str>) -> Found;

    /// Buys what is in the cart, in one transaction over all models. A cart that was bought already is answered with its
    /// order, so that a checkout whose answer got lost may be sent again.
    ///
    /// # Errors
    /// [`Refusal`](crate::Refusal)s; nothing is kept then.
    fn checkout(&self, session: &str, cart: &Cart) -> Order;

    /// Lets pieces of a product be delivered to the shop; the pieces there are then.
    ///
    /// # Errors
    /// [`Refusal::UnknownProduct`](crate::Refusal::UnknownProduct).
    fn restock(&self, product: &str, quantity: i64) -> i64;

    /// One step of a worker: ships the next order, waiting for one at most for `wait`. What it does and that it is
    /// done are one transaction.
    ///
    /// # Errors
    /// Those of the store; the message comes back.
    fn work(&self, wait: Duration) -> Worked;

    /// The orders of the customer, newest first.
    ///
    /// # Errors
    /// [`Refusal::NotLoggedIn`](crate::Refusal::NotLoggedIn).
    fn orders(&self, session: &str) -> Vec<Order>;

    /// The order `id`, or `None`.
    ///
    /// # Errors
    /// Those of the store.
    fn order(&self, id: Uuid) -> Option<Order>;

    /// Compares everything that the shop keeps, at one version.
    ///
    /// # Errors
    /// Those of the store; contradictions are no error but in the [`Audit`].
    fn audit(&self) -> Audit;
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The products of the first page, best first.
    pub products: Vec<Product>,
    /// How many there are in all.
    pub total: u64,
    /// How many of them each category has.
    pub categories: Vec<(String, u64)>,
}
