//! Keys compare as values do, and everything stored comes back or is refused.

use std::fmt::Debug;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use chrono::{DateTime, NaiveDate, NaiveTime};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::fit::fit;
use super::{ColumnType, ElementType, Interval, TimeTz, Value, key_encoding, value_encoding};
use crate::ErrorKind;
use crate::encoding::key::{KeyReader, KeyWriter};
use crate::limits::NUMERIC_DIGITS_MAX;

fn key_of(values: &[&Value]) -> Vec<u8> {
    values.iter().try_fold(KeyWriter::default(), |key, value| key_encoding::write(key, value)).unwrap().finish()
}

/// Keys of one column, of two, and with NULL compare as the values; a key is read back as an equal value.
fn keeps_order(column_type: ColumnType, a: &Value, b: &Value, behind: i64) {
    assert_eq!(key_of(&[a]).cmp(&key_of(&[b])), a.cmp(b), "{a:?} and {b:?}");
    let (low, high) = (Value::Int8(behind), Value::Int8(behind.wrapping_add(1)));
    assert_eq!(
        key_of(&[a, &low]).cmp(&key_of(&[b, &high])),
        a.cmp(b).then(low.cmp(&high)),
        "{a:?} and {b:?} with something behind"
    );
    assert!(key_of(&[a]) < key_of(&[&Value::Null]));
    assert!(a == b || !key_of(&[a]).starts_with(&key_of(&[b])), "{b:?} begins {a:?}");
    for value in [a, &Value::Null] {
        let bytes = key_of(&[value, &low]);
        let mut reader = KeyReader::parts(&bytes);
        assert_eq!(key_encoding::read(&mut reader, column_type).unwrap(), *value);
        assert_eq!(key_encoding::read(&mut reader, ColumnType::Int8).unwrap(), low);
        assert!(reader.rest().is_empty());
    }
}

/// A stored value is the same value, down to what comparison does not see.
fn survives(column_type: ColumnType, value: &Value) {
    let mut bytes = Vec::new();
    value_encoding::write(&mut bytes, value);
    let back = value_encoding::read(&bytes, column_type).unwrap();
    assert_eq!(format!("{back:?}"), format!("{value:?}"));
}

fn numeric() -> impl Strategy<Value = BigDecimal> {
    let digits = prop_oneof![
        any::<i128>().prop_map(BigInt::from),
        (-1000i64..1000).prop_map(BigInt::from),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| BigInt::from_signed_bytes_be(&bytes)),
    ];
    let scale =
        prop_oneof![0i64..6, 0i64..200, Just(0i64), (NUMERIC_DIGITS_MAX as i64 - 3)..=NUMERIC_DIGITS_MAX as i64];
    let large = (-99i64..100, 16_000u32..16_380)
        .prop_map(|(digits, zeros)| BigDecimal::new(BigInt::from(digits) * BigInt::from(10).pow(zeros), 0));
    prop_oneof![8 => (digits, scale).prop_map(|(digits, scale)| BigDecimal::new(digits, scale)), 1 => large]
}

fn float8() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(f64::NAN), Just(-f64::NAN), Just(f64::INFINITY), -3.0..3.0f64]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{0,4}", "[a\u{1}\u{2}\u{ff}]{0,4}", any::<String>().prop_map(|text| text.replace('\0', ""))]
}

fn bytea() -> impl Strategy<Value = Vec<u8>> {
    let tight = proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255)], 0..5);
    prop_oneof![tight, any::<Vec<u8>>()]
}

const MICROS: std::ops::Range<i64> = -60_000_000_000_000_000..250_000_000_000_000_000;

fn moment(micros: i64) -> DateTime<chrono::Utc> {
    DateTime::from_timestamp_micros(micros).unwrap()
}

fn time(micros: i64) -> NaiveTime {
    super::datetime::time_from_micros(micros).unwrap()
}

fn interval() -> impl Strategy<Value = Interval> {
    let small = (-2..3i32, -40..41i32, prop_oneof![Just(0i64), Just(86_400_000_000), -5..5i64]);
    let any = (any::<i32>(), any::<i32>(), any::<i64>());
    prop_oneof![small, any].prop_map(|(months, days, micros)| Interval::new(months, days, micros))
}

macro_rules! array_order {
    ($($name:ident: $column_type:ident, $strategy:expr;)*) => {
        proptest! {
            $(#[test]
            fn $name(
                a in proptest::collection::vec(proptest::option::of($strategy), 0..4),
                b in proptest::collection::vec(proptest::option::of($strategy), 0..4),
                behind: i64,
            ) {
                let make = |values: Vec<Option<_>>| Value::Array(values.into_iter().map(Value::from).collect());
                let (a, b) = (make(a), make(b));
                let column_type = ColumnType::Array(ElementType::$column_type);
                keeps_order(column_type, &a, &b, behind);
                keeps_order(column_type, &a, &a.clone(), behind);
                survives(column_type, &a);
            })*
        }
    };
}

array_order! {
    arrays_of_bools: Bool, any::<bool>();
    arrays_of_int8s: Int8, -2..3i64;
    arrays_of_numerics: Numeric, numeric();
    arrays_of_texts: Text, text();
    arrays_of_byteas: Bytea, bytea();
    arrays_of_intervals: Interval, interval();
}

macro_rules! order {
    ($($name:ident: $column_type:ident, $strategy:expr, $make:expr;)*) => {
        proptest! {
            $(#[test]
            fn $name(a in $strategy, b in $strategy, behind: i64) {
                let make = $make;
                let (a, b) = (Value::$column_type(make(a)), Value::$column_type(make(b)));
                keeps_order(ColumnType::$column_type, &a, &b, behind);
                keeps_order(ColumnType::$column_type, &a, &a.clone(), behind);
                survives(ColumnType::$column_type, &a);
            })*
        }
    };
}

order! {
    bools: Bool, any::<bool>(), |truth| truth;
    int2s: Int2, any::<i16>(), |number| number;
    int4s: Int4, any::<i32>(), |number| number;
    int8s: Int8, any::<i64>(), |number| number;
    float4s: Float4, float8(), |number: f64| number as f32;
    float8s: Float8, float8(), |number| number;
    numerics: Numeric, numeric(), |number| number;
    texts: Text, text(), |text| text;
    byteas: Bytea, bytea(), |bytes| bytes;
    dates: Date, -3_000_000..3_000_000i32, |days| NaiveDate::from_num_days_from_ce_opt(days).unwrap();
    times: Time, 0..86_400_000_000i64, time;
    timestamps: Timestamp, MICROS, |micros| moment(micros).naive_utc();
    timestamptzs: TimestampTz, MICROS, moment;
    uuids: Uuid, any::<u128>(), Uuid::from_u128;
    timetzs: TimeTz, (prop_oneof![0..=86_400_000_000i64, Just(43_200_000_000)], prop_oneof![-57_599..57_600i32, Just(0), Just(3_600)]),
        |(micros, offset)| TimeTz::new(micros, offset).unwrap();
    intervals: Interval, interval(), |interval| interval;
}

#[test]
fn equal_numbers_of_any_scale_have_one_key() {
    for (a, b) in [("1", "1.000"), ("-120", "-120.0"), ("0", "0.00"), ("10", "10.0"), ("0.5", "0.500")] {
        let number = |text: &str| Value::Numeric(text.parse().unwrap());
        assert_eq!(key_of(&[&number(a)]), key_of(&[&number(b)]), "{a} and {b}");
    }
    assert_eq!(key_of(&[&Value::Float8(0.0)]), key_of(&[&Value::Float8(-0.0)]));
    assert_eq!(key_of(&[&Value::Float8(f64::NAN)]), key_of(&[&Value::Float8(-f64::NAN)]));
    assert!(key_of(&[&Value::Float4(f32::NAN)]) > key_of(&[&Value::Float4(f32::INFINITY)]));
}

#[test]
fn close_numerics_sort_in_order() {
    let sorted = [
        "-1e20", "-1000", "-999.9", "-100", "-99", "-10.1", "-10", "-9.99", "-1.05", "-1.0", "-0.99", "-0.1", "-0.011",
        "-0.01", "-1e-20", "0", "1e-20", "0.01", "0.0101", "0.011", "0.1", "0.99", "1", "1.05", "9.99", "10", "10.1",
        "99", "100", "999.9", "1000", "1e20",
    ];
    let keys: Vec<_> = sorted.iter().map(|text| key_of(&[&Value::Numeric(text.parse().unwrap())])).collect();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_filter_map("JSON has finite numbers only", |number| {
            serde_json::Number::from_f64(number).map(Json::Number)
        }),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            proptest::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_survives(json in json()) {
        survives(ColumnType::Jsonb, &Value::Jsonb(json));
    }

    #[test]
    fn any_bytes_are_a_value_or_refused(bytes: Vec<u8>, type_number in 0..ColumnType::ALL.len()) {
        let column_type = ColumnType::ALL[type_number];
        refused_or(value_encoding::read(&bytes, column_type));
        refused_or(key_encoding::read(&mut KeyReader::parts(&bytes), column_type));
        let led = [&[1], &bytes[..]].concat();
        refused_or(key_encoding::read(&mut KeyReader::parts(&led), column_type));
    }
}

fn refused_or<T: Debug>(outcome: crate::Result<T>) {
    if let Err(error) = outcome {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn deep_json_is_refused_on_the_way_in_and_on_the_way_back() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    assert!(fit(Value::Jsonb(nested(64)), ColumnType::Jsonb).is_ok());
    let error = fit(Value::Jsonb(nested(65)), ColumnType::Jsonb).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let deep = [7u8, 1].repeat(1_000_000);
    assert_eq!(value_encoding::read(&deep, ColumnType::Jsonb).unwrap_err().kind(), ErrorKind::Corrupt);
    let many = [&[7u8][..], &[0xFF; 9], &[1]].concat();
    assert_eq!(value_encoding::read(&many, ColumnType::Jsonb).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn only_what_a_column_can_hold_fits() {
    let kind = |value: Value, column_type| fit(value, column_type).unwrap_err().kind();
    assert_eq!(fit(Value::Int8(7), ColumnType::Int2).unwrap(), Value::Int2(7));
    assert_eq!(fit(Value::Int4(7), ColumnType::Numeric).unwrap(), Value::Numeric(7.into()));
    assert_eq!(fit(Value::Float4(0.5), ColumnType::Float8).unwrap(), Value::Float8(0.5));
    assert_eq!(kind(Value::Int8(40_000), ColumnType::Int2), ErrorKind::Invalid);
    assert_eq!(kind(Value::Int8(i64::MAX), ColumnType::Float8), ErrorKind::Invalid);
    assert_eq!(kind(Value::Float8(1.0), ColumnType::Int8), ErrorKind::Invalid);
    assert_eq!(kind(Value::from("1"), ColumnType::Int8), ErrorKind::Invalid);
    assert_eq!(kind(Value::from("a\0b"), ColumnType::Text), ErrorKind::Invalid);
    for huge in ["1e1000000000", "1e-1000000000", "-1e16384", "1e-16384"] {
        assert_eq!(
            kind(Value::Numeric(huge.parse().unwrap()), ColumnType::Numeric),
            ErrorKind::LimitExceeded,
            "{huge}"
        );
    }
    let kept = fit(Value::Numeric("1.50e3".parse().unwrap()), ColumnType::Numeric).unwrap();
    assert_eq!(kept.as_numeric().unwrap().to_plain_string(), "1500");
    let kept = fit(Value::Numeric("0e99999999".parse().unwrap()), ColumnType::Numeric).unwrap();
    assert_eq!(kept.as_numeric().unwrap().to_plain_string(), "0");
    let late = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_999_999_999).unwrap();
    assert_eq!(fit(Value::Time(late), ColumnType::Time).unwrap(), Value::Time(time(86_399_999_999)));
}

#[test]
fn months_have_thirty_days_when_they_are_compared() {
    let interval = |months, days, micros| Value::Interval(Interval::new(months, days, micros));
    assert_eq!(interval(1, 0, 0), interval(0, 30, 0));
    assert_eq!(interval(0, 1, 0), interval(0, 0, 86_400_000_000));
    assert!(interval(0, 31, 0) > interval(1, 0, 0));
    assert!(interval(i32::MAX, i32::MAX, i64::MAX) > interval(i32::MIN, i32::MIN, i64::MIN));
}

#[test]
fn types_are_told_by_their_names() {
    for column_type in ColumnType::ALL {
        let json = serde_json::to_value(column_type).unwrap();
        assert_eq!(json, json!(column_type.to_string()));
        assert_eq!(serde_json::from_value::<ColumnType>(json).unwrap(), *column_type);
    }
    assert_eq!(ColumnType::Array(ElementType::Text).to_string(), "text[]");
    assert!("int4[][]".parse::<ColumnType>().is_err());
}

#[test]
fn intervals_and_times_with_offsets_are_read_as_they_are_written() {
    let json = |text: &str, column_type| super::json::value_from_json(&json!(text), column_type);
    for text in ["PT0S", "P1Y2M3DT4H5M6.5S", "P-1Y-2M3DT-4H", "PT-0.5S", "P-1DT12H"] {
        let value = json(text, ColumnType::Interval).unwrap();
        assert_eq!(super::json::value_to_json(&value), json!(text));
    }
    for text in ["", "P", "PT", "P1", "1Y", "P1X", "PT1.5H", "PT1.1234567S", "P99999999999Y"] {
        assert!(json(text, ColumnType::Interval).is_err(), "{text}");
    }
    for text in ["14:05:09.25+01:00", "00:00:00Z", "24:00:00-15:59:59"] {
        let value = json(text, ColumnType::TimeTz).unwrap();
        assert_eq!(super::json::value_to_json(&value), json!(text));
    }
    for text in ["14:05:09", "25:00Z", "14:05+16:00", "14:05+1", ""] {
        assert!(json(text, ColumnType::TimeTz).is_err(), "{text}");
    }
}
