//! Which operator, function or cast is meant, and the expression that does it.

use std::sync::{Arc, Mutex};

use crate::environment::Environment;
use crate::registry::Registry;
use crate::sql_type::SqlType;

/// What decides the types of one statement that is being bound.
#[derive(Debug)]
pub struct Typing {
    environment: Arc<Environment>,
    registry: Arc<Registry>,
    parameters: Mutex<Vec<Option<SqlType>>>,
}
