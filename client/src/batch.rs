//! Many operations in one request and one transaction.
//!
//! ```text
//!   Batch: preconditions ... operations ...  --> POST /v1/batch --> one answer per operation, or nothing happened
//! ```

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connection::Scope;
use crate::error::Result;

/// Operations of any models that take effect together or not at all; the server retries conflicts by itself.
///
/// ```no_run
/// # async fn example(client: marquetry_client::Client) -> marquetry_client::Result<()> {
/// use serde_json::json;
///
/// let answers = client
///     .batch()
///     .only_if(json!({"op": "table.get", "table": "stock", "key": [7]}), json!({"exists": true}))
///     .operation(json!({"op": "table.insert", "table": "orders", "row": {"id": 1, "item": 7}}))
///     .operation(json!({"op": "queue.send", "queue": "shipping", "body": {"order": 1}}))
///     .run()
///     .await?;
/// assert_eq!(answers.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a batch does nothing until it is run"]
pub struct Batch {
    scope: Scope,
    request: Request,
}

#[derive(Debug, Default, Serialize)]
struct Request {
    preconditions: Vec<Value>,
    operations: Vec<Value>,
}

impl Batch {
    pub(crate) fn new(scope: Scope) -> Self {
        Batch { scope, request: Request::default() }
    }

    /// The same batch with one more operation: an object whose `op` names it, as `/openapi.json` lists them.
    pub fn operation(mut self, operation: Value) -> Self {
        self.request.operations.push(operation);
        self
    }

    /// The same batch, which takes effect only if `read` answers as `expected` says: `{"exists": true}`,
    /// `{"equals": ANSWER}`, `{"contains": PART_OF_THE_ANSWER}` or `{"matches": FILTER}` with the filters of documents.
    pub fn only_if(mut self, read: Value, expected: Value) -> Self {
        let mut precondition = serde_json::Map::new();
        precondition.insert("read".into(), read);
        if let Value::Object(expected) = expected {
            precondition.extend(expected);
        }
        self.request.preconditions.push(Value::Object(precondition));
        self
    }

    /// Runs the batch; the answers in the order of the operations.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Precondition`] when one does not hold; otherwise what the first failing operation failed
    /// with. Nothing took effect then.
    pub async fn run(self) -> Result<Vec<Value>> {
        #[derive(Deserialize)]
        struct Answers {
            results: Vec<Value>,
        }
        let answers: Answers = self.scope.call_with(Method::POST, &["v1", "batch"], &self.request).await?;
        Ok(answers.results)
    }
}
