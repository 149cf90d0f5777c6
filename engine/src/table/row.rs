//! Rows and keys as callers write and read them.

use std::sync::Arc;

use super::value::Value;
use crate::error::{Error, Result};

/// Named values, in order.
///
/// A row that is read has every column of its table; a row that is written names some of them.
///
/// ```
/// use marquetry::table::Row;
///
/// let row = Row::new().set("id", 1i64).set("name", "Ada");
/// assert_eq!(row.text("name")?, "Ada");
/// assert!(row.get("age").is_none());
/// # Ok::<(), marquetry::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    columns: Vec<(Arc<str>, Value)>,
}

impl Row {
    /// A row without values.
    pub fn new() -> Self {
        Row::default()
    }

    /// The row with `name` set to `value`, in place of an earlier value of that name.
    #[must_use]
    pub fn set(mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Self {
        self.put(name, value);
        self
    }

    /// Sets `name` to `value`, in place of an earlier value of that name.
    pub fn put(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.columns.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = value,
            None => self.columns.push((name, value)),
        }
    }

    /// A row without values that has room for `columns` of them.
    pub(crate) fn with_capacity(columns: usize) -> Self {
        Row { columns: Vec::with_capacity(columns) }
    }

    /// Appends a column that the caller knows to be new.
    pub(crate) fn push(&mut self, name: Arc<str>, value: Value) {
        self.columns.push((name, value));
    }

    /// The value of `name`, or `None` when the row does not have it. NULL is a value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.columns.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
    }

    /// The whole number in `name`.
    ///
    /// # Errors
    /// `NotFound` when the row has no such column, `Invalid` when it is NULL or not a whole number.
    pub fn integer(&self, name: &str) -> Result<i64> {
        self.typed(name, "a whole number", Value::as_integer)
    }

    /// The floating-point number in `name`.
    ///
    /// # Errors
    /// `NotFound` when the row has no such column, `Invalid` when it is NULL or not a floating-point number.
    pub fn float(&self, name: &str) -> Result<f64> {
        self.typed(name, "a floating-point number", Value::as_float)
    }

    /// The exact decimal number in `name`.
    ///
    /// # Errors
    /// `NotFound` when the row has no such column, `Invalid` when it is NULL or not a decimal number.
    pub fn numeric(&self, name: &str) -> Result<&bigdecimal::BigDecimal> {
        self.typed(name, "a decimal number", Value::as_numeric)
    }

    /// The truth value in `name`.
    ///
    /// # Errors
    /// `NotFound` when the row has no such column, `Invalid` when it is NULL or not a truth value.
    pub fn boolean(&self, name: &str) -> Result<bool> {
        self.typed(name, "a truth value", Value::as_bool)
    }

    /// The text in `name`.
    ///
    /// # Errors
    /// `NotFound` when the row has no such column, `Invalid` when it is NULL or not text.
    pub fn text(&self, name: &str) -> Result<&str> {
        self.typed(name, "text", Value::as_text)
    }

    fn typed<'a, T>(&'a self, name: &str, what: &str, take: impl Fn(&'a Value) -> Option<T>) -> Result<T> {
        let value = self.get(name).ok_or_else(|| {
            Error::not_found(format!(
                "the row has no column {name:?}; it has {}",
                self.names().collect::<Vec<_>>().join(", ")
            ))
        })?;
        take(value).ok_or_else(|| {
            let found = value.column_type().map_or_else(|| "NULL".to_owned(), |column_type| column_type.to_string());
            Error::invalid(format!("column {name:?} holds {found}, not {what}"))
        })
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| &**name)
    }

    /// The names with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.columns.iter().map(|(name, value)| (&**name, value))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}

impl IntoIterator for Row {
    type Item = (Arc<str>, Value);
    type IntoIter = std::vec::IntoIter<(Arc<str>, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.columns.into_iter()
    }
}

impl<N: Into<Arc<str>>, V: Into<Value>> FromIterator<(N, V)> for Row {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(columns: I) -> Self {
        let mut row = Row::new();
        for (name, value) in columns {
            row.put(name, value);
        }
        row
    }
}

/// The values of a key, one for each of its columns: written `7i64`, `"a"`, `("a", 7i64)` or as a list of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(pub Vec<Value>);

macro_rules! key_from_one {
    ($($type:ty)*) => {
        $(impl From<$type> for Key {
            fn from(value: $type) -> Self {
                Key(vec![value.into()])
            }
        })*
    };
}

key_from_one! {
    bool i16 i32 i64 u32 f32 f64 bigdecimal::BigDecimal &str String &String Vec<u8> &[u8] chrono::NaiveDate chrono::NaiveTime
    chrono::NaiveDateTime chrono::DateTime<chrono::Utc> uuid::Uuid &Value Value
}

impl From<Vec<Value>> for Key {
    fn from(values: Vec<Value>) -> Self {
        Key(values)
    }
}

impl<const N: usize> From<[Value; N]> for Key {
    fn from(values: [Value; N]) -> Self {
        Key(values.into())
    }
}

macro_rules! key_from_tuple {
    ($($part:ident)*) => {
        impl<$($part: Into<Value>),*> From<($($part,)*)> for Key {
            #[allow(non_snake_case, reason = "the names of the parts are their types'")]
            fn from(($($part,)*): ($($part,)*)) -> Self {
                Key(vec![$($part.into()),*])
            }
        }
    };
}

key_from_tuple!(A);
key_from_tuple!(A B);
key_from_tuple!(A B C);
key_from_tuple!(A B C D);
