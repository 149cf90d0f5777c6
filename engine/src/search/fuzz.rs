//! What search stores beside its segments, and the places that its pages end at, for any bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;

use super::bits::{BLOCK_DOCUMENTS, Bits};
use super::definition::{FieldDefinition, FieldType, IndexDefinition, StoredDefinition};
use super::keys;
use super::layout::LayoutRow;
use super::request::{Order, SearchRequest, SortBy};
use super::schema::IndexSchema;
use super::sort::{SortOrder, SortValue, Standing};
use crate::catalog::ObjectId;
use crate::env::Timestamp;
use crate::error::{ErrorKind, Result};
use crate::fuzzing::{Choices, assert_damage, reads_again};

/// Layouts, definitions, sets and keys come back, other bytes are read or refused; the place where a page ends is a text
/// that comes back, and no other text is taken for one.
pub fn search_records(input: &[u8]) {
    reads_again(input, LayoutRow::decode, |row| row.encode().expect("what was read is written"));
    reads_again(input, StoredDefinition::decode, |it| it.encode().expect("what was read is written"));
    let stored = Bytes::copy_from_slice(input);
    let verdicts = [
        keys::marker_of(&stored).map(drop),
        keys::watchers_of(input).map(drop),
        keys::layout_of(input).map(drop),
        keys::dead_block_of(input).map(drop),
    ];
    verdicts.iter().filter_map(|verdict| verdict.as_ref().err()).for_each(assert_damage);
    let mut choices = Choices::new(input);
    bits(&mut choices);
    if let Err(error) = cursors(&mut choices) {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    }
}

fn bits(choices: &mut Choices<'_>) {
    let documents = 1 + choices.below(3 * BLOCK_DOCUMENTS as usize) as u32;
    let mut bits = Bits::none(documents);
    for _ in 0..choices.below(20) {
        bits.insert(choices.number() as u32 % documents);
    }
    let mut again = Bits::none(documents);
    for block in 0..documents.div_ceil(BLOCK_DOCUMENTS) {
        again.add_block(block, &bits.block(block)).expect("what was just written is read");
    }
    assert_eq!(again, bits);
    if let Err(error) = again.add_block(choices.number() as u32, choices.bytes(600)) {
        assert_damage(&error);
    }
    assert_eq!(again.count() as usize, again.iter().count());
}

fn order() -> Result<SortOrder> {
    let fields =
        [("word", FieldDefinition::new(FieldType::Keyword)), ("size", FieldDefinition::new(FieldType::Integer))];
    let definition = IndexDefinition::new("things", fields);
    let schema =
        IndexSchema::new(&StoredDefinition { source: ObjectId::new(1), created_at: Timestamp::default(), definition })?;
    let by = |field: &str, order| SortBy { field: field.to_owned(), order };
    let sort = vec![by("word", Order::Asc), by("size", Order::Desc), by("_score", Order::Desc)];
    SortOrder::new(&schema, &SearchRequest { sort, ..SearchRequest::default() })
}

fn cursors(choices: &mut Choices<'_>) -> Result<()> {
    let order = order()?;
    let text = match choices.truth() {
        true => Some(choices.bytes(20).to_vec()),
        false => None,
    };
    let standing = Standing {
        values: vec![
            text.map_or(SortValue::Nothing, SortValue::Text),
            SortValue::Number(choices.number()),
            SortValue::Number(choices.number()),
        ],
        key: choices.bytes(20).to_vec(),
    };
    assert_eq!(order.read_cursor(&order.cursor(&standing)?)?, standing);
    let rest = choices.clone().rest();
    let encoded = BASE64.encode(rest);
    for text in [std::str::from_utf8(rest).unwrap_or_default(), &encoded] {
        let found = order.read_cursor(text)?;
        assert_eq!(order.read_cursor(&order.cursor(&found)?)?, found);
        assert!(order.compare(&found, &found).is_eq());
    }
    Ok(())
}
