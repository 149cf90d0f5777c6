//! Values, keys and rows of tables for any bytes.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use chrono::DateTime;
use serde_json::Value as Json;
use uuid::Uuid;

use super::column_type::ColumnType;
use super::definition::{Column, Index, TableDefinition};
use super::fit::fit;
use super::interval::Interval;
use super::json::{value_from_json, value_to_json};
use super::layout::Layout;
use super::schema::Schema;
use super::time_tz::TimeTz;
use super::value::Value;
use super::{datetime, key_encoding, value_encoding};
use crate::catalog::ObjectId;
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::fuzzing::{Choices, assert_damage, reads_again};
use crate::limits::JSONB_DEPTH_MAX;

/// A value as a column keeps it, unless the choice fits none.
fn choose(choices: &mut Choices<'_>, column_type: ColumnType) -> Option<Value> {
    let value = match column_type {
        ColumnType::Bool => Value::Bool(choices.truth()),
        ColumnType::Int2 => Value::Int2(choices.number() as i16),
        ColumnType::Int4 => Value::Int4(choices.number() as i32),
        ColumnType::Int8 => Value::Int8(choices.number() as i64),
        ColumnType::Float4 => Value::Float4(choices.float() as f32),
        ColumnType::Float8 => Value::Float8(choices.float()),
        ColumnType::Numeric => {
            let digits = match choices.truth() {
                true => BigInt::from(choices.number() as i64),
                false => BigInt::from_signed_bytes_be(choices.bytes(40)),
            };
            Value::Numeric(BigDecimal::new(digits, choices.number() as i16 as i64))
        }
        ColumnType::Text => Value::Text(choices.text(20)),
        ColumnType::Bytea => Value::Bytea(choices.bytes(20).to_vec()),
        ColumnType::Date => Value::Date(value_encoding::date_from_days(choices.number() as i32)?),
        ColumnType::Time => Value::Time(datetime::time_from_micros(choices.number() as i64).ok()?),
        ColumnType::Timestamp => {
            Value::Timestamp(DateTime::from_timestamp_micros(choices.number() as i64)?.naive_utc())
        }
        ColumnType::TimestampTz => Value::TimestampTz(DateTime::from_timestamp_micros(choices.number() as i64)?),
        ColumnType::Uuid => Value::Uuid(Uuid::from_u64_pair(choices.number(), choices.number())),
        ColumnType::Jsonb => Value::Jsonb(choices.json(4)),
        ColumnType::TimeTz => {
            let micros = choices.number() % 86_400_000_001;
            Value::TimeTz(TimeTz::new(micros as i64, choices.number() as i16 as i32)?)
        }
        ColumnType::Interval => {
            Value::Interval(Interval::new(choices.number() as i32, choices.number() as i32, choices.number() as i64))
        }
        ColumnType::Array(element) => {
            let count = choices.below(4);
            let values = (0..count).map(|_| match choices.below(4) {
                0 => Some(Value::Null),
                _ => choose(choices, element.into()),
            });
            Value::Array(values.collect::<Option<_>>()?)
        }
    };
    fit(value, column_type).ok()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value_encoding::write(&mut bytes, value);
    bytes
}

/// The key of a value and a number behind it.
fn key_of(value: &Value, behind: i64) -> Vec<u8> {
    let key = key_encoding::write(KeyWriter::default(), value).expect("a value of an ordered type has a key");
    key.i64(behind).finish()
}

fn keeps_order(column_type: ColumnType, a: &Value, b: &Value) {
    for (a, b) in [(a, b), (b, &Value::Null), (a, a)] {
        for (low, high) in [(0, 0), (-1, 1), (1, -1)] {
            let order = key_of(a, low).cmp(&key_of(b, high));
            assert_eq!(order, a.cmp(b).then(low.cmp(&high)), "{a:?} and {b:?}");
        }
        let key = key_of(a, 7);
        let mut reader = KeyReader::parts(&key);
        assert_eq!(key_encoding::read(&mut reader, column_type).expect("what was just written is read"), *a);
        assert_eq!(reader.i64().expect("the number behind is read"), 7);
    }
}

/// A key of any bytes that is read is in its place among the keys that are written.
fn read_key(column_type: ColumnType, bytes: &[u8]) {
    let mut reader = KeyReader::parts(bytes);
    match key_encoding::read(&mut reader, column_type) {
        Ok(value) => {
            let key = key_of(&value, 0);
            let back = key_encoding::read(&mut KeyReader::parts(&key), column_type);
            assert_eq!(back.expect("what was just written is read"), value);
        }
        Err(error) => assert_damage(&error),
    }
}

/// JSON of a value is the value again; text of numbers and times among it.
fn survives_json(column_type: ColumnType, value: &Value) {
    // A column or an element is NULL for JSON's null, whatever its type.
    let is_json_null = |value: &Value| matches!(value, Value::Jsonb(Json::Null));
    if is_json_null(value) || matches!(value, Value::Array(values) if values.iter().any(is_json_null)) {
        return;
    }
    let json = value_to_json(value);
    let back = value_from_json(&json, column_type).and_then(|back| fit(back, column_type));
    let back = back.unwrap_or_else(|error| panic!("{value:?} is written as {json} and not read: {error:?}"));
    assert_eq!(back, *value, "{json}");
}

fn schema_of(choices: &mut Choices<'_>) -> Option<Schema> {
    let mut definition = TableDefinition::new();
    let names: Vec<String> = (0..1 + choices.below(6)).map(|number| format!("c{number}")).collect();
    for name in &names {
        definition = definition.column(Column::new(name.as_str(), *choices.one_of(ColumnType::ALL)));
    }
    definition = definition.primary_key([choices.one_of(&names).as_str()]);
    if choices.truth() {
        definition = definition.index(Index::new("index", [choices.one_of(&names).as_str()]));
    }
    let stored = Layout::define(&definition).ok()?;
    let stored = Layout::decode(&stored.encode().expect("a definition is encoded"));
    let stored = stored.expect("what was just written is read");
    Some(Schema::open(ObjectId::new(1), "t", stored).expect("a definition that was checked opens"))
}

/// A row comes back from its bytes and the key; other bytes are a row that comes back, or damage.
fn rows(choices: &mut Choices<'_>) {
    let Some(schema) = schema_of(choices) else { return };
    let mut values = Vec::new();
    for (position, column) in schema.columns.iter().enumerate() {
        let is_null = choices.below(4) == 0 && !schema.primary_key.contains(&position);
        let value = if is_null { Some(Value::Null) } else { choose(choices, column.column_type) };
        let Some(value) = value else { return };
        values.push(value);
    }
    let primary = schema.primary_of(&values).expect("a key of ordered columns is written");
    let stored = schema.encode_row(&values);
    let back = schema.decode_row(&primary, &stored).expect("what was just written is read");
    assert_eq!(format!("{back:?}"), format!("{values:?}"));
    for index in &schema.indexes {
        let entry = schema.entry_of(index, &values, &primary).expect("an index of ordered columns has an entry");
        let entry = entry.expect("an index without a condition has all rows");
        let found = schema.primary_of_entry(index, &(entry.key, entry.value)).expect("what was just written is read");
        assert_eq!(found, primary);
    }
    let mut changed = stored;
    let at = choices.below(changed.len());
    changed.splice(at..at, choices.bytes(8).iter().copied());
    for bytes in [&changed[..], choices.clone().rest()] {
        if let Err(error) = schema.decode_row(&primary, bytes) {
            assert_damage(&error);
        }
    }
}

/// Values come back from rows, keys and JSON, keys are in the order of values, and other bytes are read or refused.
pub fn table_values(input: &[u8]) {
    let mut choices = Choices::new(input);
    let column_type = *choices.one_of(ColumnType::ALL);
    let decode = |bytes: &[u8]| value_encoding::read(bytes, column_type);
    let decoded = reads_again(choices.clone().rest(), decode, bytes_of);
    if column_type.is_ordered() {
        read_key(column_type, choices.clone().rest());
    }
    let chosen = [choose(&mut choices, column_type), choose(&mut choices, column_type), decoded];
    let values: Vec<Value> = chosen.into_iter().flatten().filter_map(|value| fit(value, column_type).ok()).collect();
    for value in &values {
        reads_again(&bytes_of(value), decode, bytes_of).expect("what was just written is read");
        survives_json(column_type, value);
    }
    if column_type.is_ordered() {
        values.windows(2).for_each(|pair| keeps_order(column_type, &pair[0], &pair[1]));
    }
    rows(&mut choices);
    if let Err(error) = Layout::decode(choices.rest()).and_then(|it| Schema::open(ObjectId::new(1), "t", it)) {
        assert_damage(&error);
    }
    const { assert!(JSONB_DEPTH_MAX > 4, "chosen JSON fits a column") }
}
