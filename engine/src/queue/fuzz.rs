//! What queues store, and what their clients give back, for any bytes.

use std::collections::BTreeMap;

use super::body::MessageBody;
use super::keys::{self, Place, Storage};
use super::message::{Content, MessageId, Phase, Receipt, State, decode_order, encode_order};
use super::settings::Definition;
use super::{dead, deduplication, group};
use crate::env::Timestamp;
use crate::error::ErrorKind;
use crate::fuzzing::{Choices, assert_damage, reads_again};

/// Messages, states and keys come back; receipts are texts that come back; other bytes are read or refused.
pub fn queue_records(input: &[u8]) {
    let text = "what was read is written";
    if let Some(content) = reads_again(input, Content::decode, |it| it.encode().expect(text))
        && let Err(error) = content.body.into_body()
    {
        assert_damage(&error);
    }
    reads_again(input, State::decode, |it| it.encode().expect(text));
    reads_again(input, Definition::decode, |it| it.encode().expect(text));
    reads_again(input, decode_order, |it| encode_order(*it).expect(text));
    let verdicts = [
        dead::Death::decode(input).map(drop),
        deduplication::SentBefore::decode(input).map(drop),
        group::decode_holder(input).map(drop),
        keys::message_of(input).map(drop),
        keys::order_of(input).map(drop),
        keys::waiting_of(input).map(drop),
        keys::deduplication_end_of(input).map(drop),
        keys::dead_of(input).map(drop),
    ];
    verdicts.iter().filter_map(|verdict| verdict.as_ref().err()).for_each(assert_damage);
    receipts(input);
    let mut choices = Choices::new(input);
    messages(&mut choices);
    order(&mut choices);
}

fn receipts(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match text.parse::<Receipt>() {
        Ok(receipt) => assert_eq!(receipt.to_string().parse::<Receipt>().expect("a receipt is read"), receipt),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid),
    }
    if let Ok(id) = text.parse::<MessageId>() {
        assert_eq!(id.to_string().parse::<MessageId>().expect("an id is read"), id);
    }
}

fn messages(choices: &mut Choices<'_>) {
    let time = |choices: &mut Choices<'_>| Timestamp::from_micros(choices.number() as i64);
    let body = match choices.truth() {
        true => MessageBody::Json(choices.json(4)),
        false => MessageBody::Bytes(choices.bytes(40).to_vec()),
    };
    let headers: BTreeMap<_, _> = (0..choices.below(3)).map(|_| (choices.text(4), choices.text(4))).collect();
    let stored = body.clone().into_stored().expect("a small body is stored");
    let content = Content { sent_at: time(choices), headers, origin: None, body: stored };
    let back = Content::decode(&content.encode().expect("a message is written")).expect("what was written is read");
    assert_eq!(back, content);
    assert_eq!(back.body.into_body().expect("the body is read"), body);
    let phase = match choices.below(3) {
        0 => Phase::Ready,
        1 => Phase::Waiting,
        _ => Phase::Leased { lease: choices.number(), until: time(choices) },
    };
    let state = State {
        phase,
        ready_at: time(choices),
        receive_count: choices.number() as u32,
        expires_at: choices.truth().then(|| time(choices)),
        group: choices.truth().then(|| choices.text(6)),
    };
    assert_eq!(State::decode(&state.encode().expect("a state is written")).expect("what was written is read"), state);
}

/// Keys of places are in the order of places, and those of groups never run into each other.
fn order(choices: &mut Choices<'_>) {
    let storage = Storage(choices.number());
    let place = |choices: &mut Choices<'_>| Place {
        at: Timestamp::from_micros(choices.number() as i64),
        message: choices.number(),
    };
    let (a, b) = (place(choices), place(choices));
    assert_eq!(keys::order(storage, a).cmp(&keys::order(storage, b)), a.cmp(&b));
    assert_eq!(keys::order_of(&keys::order(storage, a)).expect("a key is read"), (storage, a));
    let (one, other) = (choices.text(5), choices.text(5));
    let (one_key, other_key) = (keys::waiting(storage, &one, a), keys::waiting(storage, &other, b));
    assert_eq!(one_key.cmp(&other_key), (one.as_bytes(), a).cmp(&(other.as_bytes(), b)));
    assert_eq!(keys::waiting_of(&one_key).expect("a key is read"), (one, a));
}
