//! Keys, varints and records for any bytes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::key::{KeyReader, KeyWriter};
use super::{record, varint};
use crate::error::Result;
use crate::fuzzing::{Choices, assert_damage, reads_again};

const FORMAT: u8 = 1;

/// A part of a key.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Byte,
    Number,
    Signed,
    Float,
    Text,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Byte(u8),
    Number(u64),
    Signed(i64),
    Float(f64),
    Text(Vec<u8>),
}

impl Part {
    fn choose(kind: Kind, choices: &mut Choices<'_>) -> Self {
        match kind {
            Kind::Byte => Part::Byte(choices.byte()),
            Kind::Number => Part::Number(choices.number()),
            Kind::Signed => Part::Signed(choices.number() as i64),
            Kind::Float => Part::Float(choices.float()),
            Kind::Text => Part::Text(choices.bytes(6).to_vec()),
        }
    }

    fn read(kind: Kind, reader: &mut KeyReader<'_>) -> Result<Self> {
        Ok(match kind {
            Kind::Byte => Part::Byte(reader.u8()?),
            Kind::Number => Part::Number(reader.u64()?),
            Kind::Signed => Part::Signed(reader.i64()?),
            Kind::Float => Part::Float(reader.f64()?),
            Kind::Text => Part::Text(reader.bytes()?),
        })
    }

    fn write(&self, writer: KeyWriter) -> KeyWriter {
        match self {
            Part::Byte(byte) => writer.u8(*byte),
            Part::Number(number) => writer.u64(*number),
            Part::Signed(number) => writer.i64(*number),
            Part::Float(number) => writer.f64(*number),
            Part::Text(text) => writer.bytes(text),
        }
    }

    fn order(&self, other: &Part) -> Ordering {
        match (self, other) {
            (Part::Byte(a), Part::Byte(b)) => a.cmp(b),
            (Part::Number(a), Part::Number(b)) => a.cmp(b),
            (Part::Signed(a), Part::Signed(b)) => a.cmp(b),
            (Part::Float(a), Part::Float(b)) => a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
            (Part::Text(a), Part::Text(b)) => a.cmp(b),
            _ => unreachable!("parts of one place are of one kind"),
        }
    }
}

fn key_of(parts: &[Part]) -> Vec<u8> {
    parts.iter().fold(KeyWriter::new(7), |writer, part| part.write(writer)).finish()
}

fn parts_of(kinds: &[Kind], key: &[u8]) -> Result<Vec<Part>> {
    let mut reader = KeyReader::new(key, 7)?;
    kinds.iter().map(|kind| Part::read(*kind, &mut reader)).collect()
}

fn order(a: &[Part], b: &[Part]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| a.order(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Keys compare as their parts do and are read as they were written; varints and records come back.
pub fn keys(input: &[u8]) {
    let mut choices = Choices::new(input);
    let all = [Kind::Byte, Kind::Number, Kind::Signed, Kind::Float, Kind::Text];
    let kinds: Vec<Kind> = (0..1 + choices.below(4)).map(|_| *choices.one_of(&all)).collect();
    let mut tuple = || kinds.iter().map(|kind| Part::choose(*kind, &mut choices)).collect::<Vec<_>>();
    let (a, b) = (tuple(), tuple());
    assert_eq!(key_of(&a).cmp(&key_of(&b)), order(&a, &b), "{a:?} and {b:?}");
    for parts in [a, b] {
        let back = parts_of(&kinds, &key_of(&parts)).expect("what was just written is read");
        assert_eq!(order(&parts, &back), Ordering::Equal, "{parts:?} and {back:?}");
    }
    let rest = choices.rest();
    match parts_of(&kinds, rest) {
        Ok(parts) => {
            let back = parts_of(&kinds, &key_of(&parts)).expect("what was just written is read");
            assert_eq!(order(&parts, &back), Ordering::Equal, "{parts:?} and {back:?}");
        }
        Err(error) => assert_damage(&error),
    }
    varints(rest);
    records(rest);
}

fn varints(input: &[u8]) {
    let mut rest = input;
    while let Ok(value) = varint::read(&mut rest) {
        let mut bytes = Vec::new();
        varint::write(&mut bytes, value);
        assert_eq!(varint::read(&mut &bytes[..]).expect("what was just written is read"), value);
        assert!(bytes.len() <= 10);
        if rest.is_empty() {
            break;
        }
    }
    let mut rest = input;
    if let Ok(run) = varint::read_bytes(&mut rest) {
        assert!(run.len() + rest.len() < input.len() || input.is_empty(), "a run is longer than what it is read from");
    }
}

type Record = (u64, Option<String>, Vec<(i64, bool)>, BTreeMap<String, Option<f64>>);

fn records(input: &[u8]) {
    let encode = |value: &Record| record::encode(FORMAT, value).expect("a record is encoded");
    let decode = |bytes: &[u8]| record::decode::<Record>(FORMAT, bytes, "a record");
    if let Some(value) = reads_again(input, decode, encode) {
        let bytes = encode(&value);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "a record that was cut at {end} is read");
        }
    }
}
