//! The client itself, and the transactions that it begins.
//!
//! ```text
//!   Client --- tables() documents() blobs() cache() search() queues() ---> each call is its own transaction
//!     '-- begin / transact --> Transaction --- the same six --- commit | rollback
//! ```

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::Batch;
use crate::connection::{Connection, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::sql::Sql;

/// How often [`Client::transact`] runs its closure at most.
const ATTEMPTS_MAX: u32 = 32;

/// The pause before the second attempt; it doubles from there to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(2);

const PAUSE_MAX: Duration = Duration::from_millis(250);

/// The time to reach the server. Requests themselves are bounded by the server, and streams may last.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, ready for calls. Clones share connections and the newest version seen.
///
/// ```no_run
/// # async fn example() -> marquetry_client::Result<()> {
/// use marquetry_client::Client;
///
/// let client = Client::connect("http://127.0.0.1:7400")?;
/// println!("{}", client.stats().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) scope: Scope,
}

impl Client {
    /// A client of the server at `url`, without a token. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when `url` is not an http or https URL.
    pub fn connect(url: &str) -> Result<Client> {
        Client::build(url, None)
    }

    /// A client of the server at `url` that bears `token`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when `url` is not an http or https URL.
    pub fn connect_with_token(url: &str, token: &str) -> Result<Client> {
        Client::build(url, Some(token.to_owned()))
    }

    fn build(url: &str, token: Option<String>) -> Result<Client> {
        let parsed = reqwest::Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                Error::new(ErrorKind::Invalid, format!("{url:?} is not a URL like http://127.0.0.1:7400"))
            })?;
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).build()?;
        let base = parsed.as_str().trim_end_matches('/').to_owned();
        let connection = Connection { http, base, token, version: AtomicU64::new(0) };
        Ok(Client { scope: Scope { connection: Arc::new(connection), transaction: None } })
    }

    /// The newest version that any answer to this client has told.
    pub fn version(&self) -> u64 {
        self.scope.connection.version.load(Ordering::Relaxed)
    }

    /// Figures of the database and the server.
    ///
    /// # Errors
    /// [`ErrorKind::Transport`] when the server cannot be reached.
    pub async fn stats(&self) -> Result<Value> {
        self.scope.call(Method::GET, &["v1", "stats"]).await
    }

    /// An empty batch: operations that the server runs as one transaction, in one round trip.
    pub fn batch(&self) -> Batch {
        Batch::new(self.scope.clone())
    }

    /// SQL: each request a transaction of its own.
    pub fn sql(&self) -> Sql {
        Sql { scope: self.scope.clone() }
    }

    /// A transaction that stays open on the server until it is committed, rolled back or idle for too long.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the server has as many open as it allows.
    pub async fn begin(&self) -> Result<Transaction> {
        self.begin_in_turn(&[]).await
    }

    /// As [`Client::begin`], once those who conflicted earlier at `contended` have ended; after a moment in any case.
    ///
    /// For another attempt after a conflict: `contended` is what the errors of the earlier ones said
    /// ([`Error::contended`](crate::Error::contended)), at most 64. [`Client::transact`] does it by itself.
    ///
    /// # Errors
    /// As [`Client::begin`].
    pub async fn begin_in_turn(&self, contended: &[String]) -> Result<Transaction> {
        #[derive(Deserialize)]
        struct Begun {
            transaction: String,
        }
        let begun: Begun =
            self.scope.call_with(Method::POST, &["v1", "transactions"], &json!({ "contended": contended })).await?;
        let scope = Scope { connection: self.scope.connection.clone(), transaction: Some(begun.transaction.into()) };
        Ok(Transaction { scope })
    }

    /// What `work` returned, with everything that it did through its transaction committed as one.
    ///
    /// On a conflict the whole closure runs again on a new transaction, up to 32 times, in turn with others that
    /// conflicted at the same places; so it must have no other effects than those in the transaction. Any other error
    /// rolls back and is returned.
    ///
    /// ```no_run
    /// # async fn example(client: marquetry_client::Client) -> marquetry_client::Result<()> {
    /// use serde_json::json;
    ///
    /// client
    ///     .transact(async |tx| {
    ///         tx.tables().insert("orders", json!({"id": 7, "state": "paid"})).await?;
    ///         tx.queues().send("shipping", json!({"order": 7})).await?;
    ///         Ok(())
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `work` or the commit failed with; [`ErrorKind::Conflict`] when the attempts are used up.
    pub async fn transact<T, F, R>(&self, work: F) -> Result<T>
    where
        F: Fn(Transaction) -> R,
        R: Future<Output = Result<T>>,
    {
        let mut pause = PAUSE_FIRST;
        let mut contended = Vec::new();
        for attempt in 1.. {
            let conflict = match self.attempt(&work, &contended).await {
                Err(error) if error.kind() == ErrorKind::Conflict && attempt < ATTEMPTS_MAX => error,
                outcome => return outcome,
            };
            match conflict.contended() {
                // The server makes the next attempt wait as long as it is worth its while.
                Some(place) if !contended.iter().any(|known| known == place) => contended.push(place.to_owned()),
                _ => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn attempt<T, F, R>(&self, work: &F, contended: &[String]) -> Result<T>
    where
        F: Fn(Transaction) -> R,
        R: Future<Output = Result<T>>,
    {
        let transaction = self.begin_in_turn(contended).await?;
        match work(transaction.clone()).await {
            Ok(value) => transaction.commit().await.map(|_| value),
            Err(error) => {
                // The error of the closure matters more than that of the rollback, which the server repeats by itself.
                let _ = transaction.rollback().await;
                Err(error)
            }
        }
    }
}

/// A transaction that is open on the server. Clones are the same one; calls through it run one after another.
///
/// One that is forgotten is rolled back by the server once it has been idle for too long.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub(crate) scope: Scope,
}

impl Transaction {
    /// Makes everything done through this transaction durable and visible; the version that it became.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when another transaction got there first: begin again. [`ErrorKind::NotFound`] when it
    /// had been idle for too long and was rolled back.
    pub async fn commit(self) -> Result<u64> {
        #[derive(Deserialize)]
        struct Committed {
            version: u64,
        }
        let committed: Committed = self.end("commit").await?;
        Ok(committed.version)
    }

    /// Undoes everything done through this transaction.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it has ended already.
    pub async fn rollback(self) -> Result<()> {
        self.end::<Value>("rollback").await.map(drop)
    }

    async fn end<T: serde::de::DeserializeOwned>(&self, verb: &str) -> Result<T> {
        let id = self.scope.transaction.as_deref().unwrap_or_default();
        let outside = Scope { connection: self.scope.connection.clone(), transaction: None };
        outside.call_with(Method::POST, &["v1", "transactions", id, verb], &json!({})).await
    }
}
