use std::str::FromStr;

use bigdecimal::BigDecimal;
use marquetry::sql::{Environment, SqlType};
use marquetry::table::{Interval, TimeTz, Value};
use proptest::prelude::*;

use super::{Format, read, write};

/// The bytes of `value` without the length before them, which is checked.
fn bytes_of(value: &Value, sql_type: &SqlType) -> Vec<u8> {
    let mut buffer = Vec::new();
    write(&mut buffer, value, sql_type, Format::Binary, &Environment::default()).unwrap();
    let (length, bytes) = buffer.split_first_chunk::<4>().unwrap();
    assert_eq!(i32::from_be_bytes(*length) as usize, bytes.len());
    bytes.to_vec()
}

fn read_back(bytes: &[u8], sql_type: &SqlType) -> Value {
    read(bytes, sql_type, Format::Binary, &Environment::default()).unwrap()
}

fn number(text: &str) -> BigDecimal {
    BigDecimal::from_str(text).unwrap()
}

fn examples() -> Vec<(Value, SqlType)> {
    let date = chrono::NaiveDate::from_ymd_opt(1969, 12, 31).unwrap();
    let time = chrono::NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap();
    let ints = |list: &[i32]| Value::Array(list.iter().map(|number| Value::Int4(*number)).collect());
    vec![
        (Value::Bool(true), SqlType::Bool),
        (Value::Int2(-2), SqlType::Int2),
        (Value::Int4(i32::MIN), SqlType::Int4),
        (Value::Int8(i64::MAX), SqlType::Int8),
        (Value::Int8(4_000_000_000), SqlType::Oid),
        (Value::Float4(-1.5), SqlType::Float4),
        (Value::Float8(f64::NAN), SqlType::Float8),
        (Value::Text("ä".into()), SqlType::Text),
        (Value::Bytea(vec![0, 255]), SqlType::Bytea),
        (Value::Date(date), SqlType::Date),
        (Value::Time(time), SqlType::Time),
        (Value::Timestamp(date.and_time(time)), SqlType::Timestamp),
        (Value::TimestampTz(date.and_time(time).and_utc()), SqlType::TimestampTz),
        (Value::TimeTz(TimeTz::new(1, 3600).unwrap()), SqlType::TimeTz),
        (Value::Interval(Interval::new(-1, 2, -3)), SqlType::Interval),
        (Value::Uuid(uuid::Uuid::from_u128(7)), SqlType::Uuid),
        (Value::Jsonb(serde_json::json!({"a": [1, null]})), SqlType::Jsonb),
        (Value::Array(vec![]), SqlType::Int4.array_of()),
        (Value::Array(vec![Value::Null, Value::Int4(1)]), SqlType::Int4.array_of()),
        (Value::Array(vec![ints(&[1, 2]), ints(&[3, 4]), ints(&[5, 6])]), SqlType::Int4.array_of()),
    ]
}

#[test]
fn every_type_comes_back_from_its_bytes() {
    for (value, sql_type) in examples() {
        let bytes = bytes_of(&value, &sql_type);
        assert_eq!(format!("{:?}", read_back(&bytes, &sql_type)), format!("{value:?}"), "{sql_type}");
    }
}

#[test]
fn bytes_that_are_cut_or_changed_are_refused_or_mean_something_else() {
    for (_, sql_type) in examples() {
        for (value, other) in examples() {
            let bytes = bytes_of(&value, &other);
            for end in 0..bytes.len() {
                // What is cut may still be a value; it never is a panic.
                let _ = read(&bytes[..end], &sql_type, Format::Binary, &Environment::default());
                let mut changed = bytes.clone();
                changed[end] ^= 0xFF;
                let _ = read(&changed, &sql_type, Format::Binary, &Environment::default());
            }
        }
    }
    // Dimensions that would need more memory than there is.
    let huge = [&6i32.to_be_bytes()[..], &[0; 4], &23u32.to_be_bytes(), &[0x7F; 48]].concat();
    assert!(read(&huge, &SqlType::Int4.array_of(), Format::Binary, &Environment::default()).is_err());
}

#[test]
fn numerics_have_the_bytes_that_postgresql_gives_them() {
    for (text, wanted) in [
        ("0", "0000000000000000"),
        ("0.00", "0000000000000002"),
        ("1", "00010000000000000001"),
        ("-1", "00010000400000000001"),
        ("10000", "00010001000000000001"),
        ("1234567.8901", "000300010000000400 7b11d722c5".replace(' ', "").as_str()),
        ("0.0001", "0001ffff000000040001"),
        ("0.00001", "0001fffe0000000503e8"),
        ("1e8", "00010002000000000001"),
    ] {
        let bytes = bytes_of(&Value::Numeric(number(text)), &SqlType::NUMERIC);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, wanted, "{text}");
    }
    for special in [0xC000u16, 0xD000, 0xF000, 1] {
        let bytes = [&[0; 4][..], &special.to_be_bytes(), &[0; 2]].concat();
        assert!(read(&bytes, &SqlType::NUMERIC, Format::Binary, &Environment::default()).is_err());
    }
}

proptest! {
    #[test]
    fn any_numeric_comes_back_with_its_digits(digits: i128, scale in -30i64..60) {
        let value = BigDecimal::new(digits.into(), scale);
        let bytes = bytes_of(&Value::Numeric(value.clone()), &SqlType::NUMERIC);
        let Value::Numeric(back) = read_back(&bytes, &SqlType::NUMERIC) else { panic!("no number") };
        prop_assert_eq!(back.as_bigint_and_exponent().1, scale.max(0));
        prop_assert_eq!(back, value);
    }

    #[test]
    fn any_bytes_are_a_value_or_a_refusal(bytes: Vec<u8>) {
        for (_, sql_type) in examples() {
            let _ = read(&bytes, &sql_type, Format::Binary, &Environment::default());
        }
        let _ = read(&bytes, &SqlType::NUMERIC, Format::Binary, &Environment::default());
    }
}
