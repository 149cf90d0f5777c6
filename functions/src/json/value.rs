//! A JSON value in memory.

use super::write;

/// A JSON value. Numbers stay texts: they have any number of digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Digits, perhaps with a sign and a point, without an exponent.
    Number(String),
    /// A string, without its quotation marks.
    String(String),
    /// Values in their order.
    Array(Vec<Json>),
    /// Names and values, in the order of [`key_order`], each name once.
    Object(Vec<(String, Json)>),
}

/// How the names of an object are ordered: the shorter first, then by bytes.
pub fn key_order(left: &str, right: &str) -> std::cmp::Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

impl Json {
    /// An object of these names and values, of which the last of a name counts.
    pub fn object(mut entries: Vec<(String, Json)>) -> Json {
        entries.sort_by(|(left, _), (right, _)| key_order(left, right));
        // Of equal names, which are in the order that they came in, the last one stays.
        entries.reverse();
        entries.dedup_by(|(left, _), (right, _)| left == right);
        entries.reverse();
        Json::Object(entries)
    }

    /// What `jsonb_typeof` calls it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// Whether it is neither an array nor an object.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Json::Array(_) | Json::Object(_))
    }

    /// As PostgreSQL prints jsonb.
    pub fn text(&self) -> String {
        let mut out = String::new();
        write::push(&mut out, self);
        out
    }

    /// The value of a name of an object.
    pub fn field(&self, name: &str) -> Option<&Json> {
        let Json::Object(entries) = self else { return None };
        let place = entries.binary_search_by(|(other, _)| key_order(other, name)).ok()?;
        Some(&entries[place].1)
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Json {
        match value {
            serde_json::Value::Null => Json::Null,
            serde_json::Value::Bool(value) => Json::Bool(*value),
            serde_json::Value::Number(number) => {
                let text = number.to_string();
                Json::Number(super::read::plain_number(&text).unwrap_or(text))
            }
            serde_json::Value::String(text) => Json::String(text.clone()),
            serde_json::Value::Array(values) => Json::Array(values.iter().map(Json::from).collect()),
            serde_json::Value::Object(entries) => {
                Json::object(entries.iter().map(|(name, value)| (name.clone(), Json::from(value))).collect())
            }
        }
    }
}

/// A value as PostgreSQL prints jsonb.
pub fn jsonb_text(value: &serde_json::Value) -> String {
    Json::from(value).text()
}
