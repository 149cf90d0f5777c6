//! The queue model through its public interface.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::keys::{self, Place};
use super::*;
use crate::env::{CrashPolicy, Env, MemoryEnv};
use crate::{Database, ErrorKind, Settings};

pub(super) fn open(env: &MemoryEnv) -> crate::Result<Database> {
    let settings = Settings { background: false, ..Settings::default() };
    Database::open_on(Arc::new(env.clone()), Path::new("/db"), settings)
}

/// A database with the queue "q" on a clock that stands still.
pub(super) fn fresh(settings: &QueueSettings) -> (MemoryEnv, Database) {
    let env = MemoryEnv::simulated(7);
    let database = open(&env).unwrap();
    database.transact(|tx| tx.queues().create("q", settings)).unwrap();
    (env, database)
}

fn usual() -> (MemoryEnv, Database) {
    fresh(&QueueSettings::default())
}

pub(super) fn send(database: &Database, message: impl Into<NewMessage>) -> MessageId {
    let message = message.into();
    database.transact(|tx| tx.queues().send("q", message.clone())).unwrap()
}

pub(super) fn receive(database: &Database, count: usize) -> Vec<Message> {
    database.receive("q", &ReceiveOptions::up_to(count), Duration::ZERO).unwrap()
}

pub(super) fn acknowledge(database: &Database, message: &Message) -> crate::Result<()> {
    database.transact(|tx| tx.queues().acknowledge("q", &message.receipt))
}

pub(super) fn counts(database: &Database) -> QueueCounts {
    database.read(|snapshot| snapshot.queues().counts("q")).unwrap()
}

fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_message_is_sent_received_and_acknowledged() {
    let (_env, database) = usual();
    let id = send(&database, NewMessage::json(json!({"n": 1})).header("trace", "abc").in_group("g"));
    let received = receive(&database, 10);
    assert_eq!(ids(&received), [id]);
    let message = &received[0];
    assert_eq!(message.body, MessageBody::Json(json!({"n": 1})));
    assert_eq!(message.headers["trace"], "abc");
    assert_eq!((message.group.as_deref(), message.receive_count), (Some("g"), 1));
    assert!(receive(&database, 10).is_empty());
    assert_eq!(counts(&database).leased, 1);
    acknowledge(&database, message).unwrap();
    assert_eq!(counts(&database), QueueCounts { is_exact: true, ..QueueCounts::default() });
    let error = acknowledge(&database, message).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition, "{error}");
    assert_eq!(database.check().unwrap().queues, QueueCheck { queues: 1, ..QueueCheck::default() });
}

#[test]
fn a_message_is_visible_if_and_only_if_its_transaction_commits() {
    let (_env, database) = usual();
    let transaction = database.begin().unwrap();
    transaction.queues().send("q", json!(1)).unwrap();
    assert!(receive(&database, 1).is_empty());
    transaction.rollback();
    assert!(receive(&database, 1).is_empty());
    let transaction = database.begin().unwrap();
    transaction.queues().send("q", json!(2)).unwrap();
    transaction.commit().unwrap();
    assert_eq!(receive(&database, 5).len(), 1);
}

#[test]
fn what_a_transaction_receives_and_acknowledges_comes_back_when_it_rolls_back() {
    let (_env, database) = usual();
    let id = send(&database, json!(1));
    let transaction = database.begin().unwrap();
    let message = transaction.queues().receive("q", &ReceiveOptions::default()).unwrap().remove(0);
    transaction.queues().acknowledge("q", &message.receipt).unwrap();
    assert!(receive(&database, 1).is_empty(), "another must not have it meanwhile");
    drop(transaction);
    let again = receive(&database, 1);
    assert_eq!((ids(&again), again[0].receive_count), (vec![id], 1));
    assert_eq!(acknowledge(&database, &message).unwrap_err().kind(), ErrorKind::Precondition);
    acknowledge(&database, &again[0]).unwrap();
}

#[test]
fn a_transaction_receives_what_it_sent_and_what_it_put_back() {
    let (_env, database) = usual();
    let before = send(&database, json!(0));
    database
        .transact(|tx| {
            let queues = tx.queues();
            let own = queues.send("q", json!(1))?;
            let received = queues.receive("q", &ReceiveOptions::up_to(5))?;
            assert_eq!(ids(&received), [before, own]);
            assert!(queues.receive("q", &ReceiveOptions::up_to(5))?.is_empty());
            queues.release("q", &received[0].receipt, Some(Duration::ZERO))?;
            let again = queues.receive("q", &ReceiveOptions::up_to(5))?;
            assert_eq!((ids(&again), again[0].receive_count), (vec![before], 2));
            let savepoint = tx.savepoint();
            let third = queues.send("q", json!(2))?;
            assert_eq!(ids(&queues.receive("q", &ReceiveOptions::default())?), [third]);
            tx.rollback_to(savepoint)?;
            assert!(queues.receive("q", &ReceiveOptions::default())?.is_empty());
            queues.acknowledge("q", &again[0].receipt)?;
            queues.acknowledge("q", &received[1].receipt)
        })
        .unwrap();
    assert_eq!(counts(&database).ready, 0);
    database.check().unwrap();
}

#[test]
fn a_lease_that_runs_out_brings_the_message_back_and_makes_its_receipt_stale() {
    let (env, database) = usual();
    let id = send(&database, json!(1));
    let first = receive(&database, 1).remove(0);
    env.advance(seconds(29));
    assert!(receive(&database, 1).is_empty());
    env.advance(seconds(1));
    let second = receive(&database, 1).remove(0);
    assert_eq!((second.id, second.receive_count), (id, 2));
    for stale in [
        acknowledge(&database, &first),
        database.transact(|tx| tx.queues().extend("q", &first.receipt, 1_000).map(|_| ())),
        database.transact(|tx| tx.queues().release("q", &first.receipt, None)),
        database.transact(|tx| tx.queues().reject("q", &first.receipt, "why")),
    ] {
        assert_eq!(stale.unwrap_err().kind(), ErrorKind::Precondition);
    }
    env.advance(seconds(60));
    acknowledge(&database, &second).expect("nobody else has received it");
}

#[test]
fn leases_are_extended_and_messages_released() {
    let (env, database) = usual();
    send(&database, json!(1));
    let message = receive(&database, 1).remove(0);
    env.advance(seconds(20));
    let until = database.transact(|tx| tx.queues().extend("q", &message.receipt, 60_000)).unwrap();
    assert_eq!(until, env.now().after(seconds(60)));
    env.advance(seconds(59));
    assert!(receive(&database, 1).is_empty());
    database.transact(|tx| tx.queues().release("q", &message.receipt, Some(seconds(5)))).unwrap();
    assert_eq!(counts(&database).delayed, 1);
    assert!(receive(&database, 1).is_empty());
    env.advance(seconds(5));
    assert_eq!(receive(&database, 1)[0].receive_count, 2);
}

#[test]
fn retries_pause_longer_each_time_and_end_as_dead_letters() {
    let retry = RetryPause { initial_ms: 1_000, factor: 2, longest_ms: 3_000 };
    let (env, database) = fresh(&QueueSettings { retry, receives_max: Some(4), ..QueueSettings::default() });
    let id = send(&database, json!({"n": 1}));
    for (attempt, pause) in [(1, 1), (2, 2), (3, 3)] {
        let message = receive(&database, 1).remove(0);
        assert_eq!(message.receive_count, attempt);
        env.advance(seconds(30));
        assert!(receive(&database, 1).is_empty(), "attempt {attempt} is over and the pause is not");
        env.advance(seconds(pause));
    }
    receive(&database, 1).remove(0);
    env.advance(seconds(30));
    assert!(receive(&database, 1).is_empty());
    let letters = database.read(|snapshot| snapshot.queues().dead_letters("q", None, 10)).unwrap();
    assert_eq!((letters.len(), letters[0].id, letters[0].receive_count), (1, id, 4));
    assert_eq!(letters[0].reason, "received 4 times and never acknowledged");
    assert_eq!(letters[0].body, MessageBody::Json(json!({"n": 1})));
    assert_eq!(counts(&database).dead, 1);
    database.check().unwrap();
    database.transact(|tx| tx.queues().redrive("q", id)).unwrap();
    assert_eq!(receive(&database, 1)[0].receive_count, 1);
    assert_eq!(database.transact(|tx| tx.queues().redrive("q", id)).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn rejected_messages_are_listed_redriven_and_deleted() {
    let (_env, database) = usual();
    let sent: Vec<MessageId> = (0..5).map(|n| send(&database, json!(n))).collect();
    for message in receive(&database, 5) {
        database.transact(|tx| tx.queues().reject("q", &message.receipt, "no such customer")).unwrap();
    }
    let page = |after, limit| database.read(|snapshot| snapshot.queues().dead_letters("q", after, limit)).unwrap();
    assert_eq!(page(Some(sent[1]), 2).iter().map(|letter| letter.id).collect::<Vec<_>>(), sent[2..4]);
    assert!(page(None, 9).iter().all(|letter| letter.reason == "no such customer"));
    database.transact(|tx| tx.queues().delete_dead_letter("q", sent[4])).unwrap();
    assert_eq!(database.transact(|tx| tx.queues().delete_dead_letters("q", 1)).unwrap(), 1);
    assert_eq!(database.transact(|tx| tx.queues().redrive_all("q", 100)).unwrap(), 3);
    assert_eq!(ids(&receive(&database, 9)), sent[1..4]);
    database.check().unwrap();
}

#[test]
fn dead_letters_go_to_the_queue_named_for_them_and_stay_when_it_is_gone() {
    let (_env, database) = usual();
    database
        .transact(|tx| {
            let settings = QueueSettings { dead_letter_queue: Some("q".into()), ..QueueSettings::default() };
            tx.queues().create("work", &settings)?;
            tx.queues().send("work", NewMessage::json(json!(1)).in_group("g"))?;
            tx.queues().send("work", json!(2))
        })
        .unwrap();
    let reject_one = || {
        let received = database.receive("work", &ReceiveOptions::default(), Duration::ZERO).unwrap();
        database.transact(|tx| tx.queues().reject("work", &received[0].receipt, "broken")).unwrap();
    };
    reject_one();
    let letter = receive(&database, 1).remove(0);
    let origin = Origin { queue: "work".into(), receive_count: 1, reason: "broken".into() };
    assert_eq!((letter.origin, letter.group.as_deref(), letter.receive_count), (Some(origin), Some("g"), 1));
    database.transact(|tx| tx.queues().drop("q")).unwrap();
    reject_one();
    assert_eq!(database.read(|snapshot| snapshot.queues().counts("work")).unwrap().dead, 1);
    database.check().unwrap();
}

#[test]
fn messages_come_in_the_order_in_which_they_became_ready() {
    let (env, database) = usual();
    let late = send(&database, NewMessage::json(json!("late")).after(seconds(10)));
    let first = send(&database, json!("first"));
    let second = send(&database, json!("second"));
    let timed = send(&database, NewMessage::json(json!("timed")).at(env.now().after(seconds(5))));
    let past = send(&database, NewMessage::json(json!("past")).at(crate::env::Timestamp::from_micros(0)));
    assert_eq!(counts(&database).delayed, 2);
    assert_eq!(ids(&receive(&database, 2)), [first, second]);
    env.advance(seconds(10));
    assert_eq!(ids(&receive(&database, 9)), [past, timed, late]);
}

#[test]
fn delays_survive_a_crash_and_a_reopening() {
    let (env, database) = usual();
    let id = send(&database, NewMessage::json(json!(1)).after(seconds(100)));
    let leased = send(&database, json!(2));
    assert_eq!(ids(&receive(&database, 9)), [leased]);
    database.sync().unwrap();
    let env = env.crash(CrashPolicy::KeepNone);
    let database = open(&env).unwrap();
    assert!(receive(&database, 9).is_empty());
    env.advance(seconds(99));
    assert_eq!(ids(&receive(&database, 9)), [leased]);
    database.checkpoint().unwrap();
    drop(database);
    let database = open(&env).unwrap();
    env.advance(seconds(1));
    assert_eq!(ids(&receive(&database, 9)), [id]);
}

#[test]
fn a_group_is_received_one_at_a_time_and_in_order() {
    let (env, database) = usual();
    let sent: Vec<MessageId> = (0..6)
        .map(|n| send(&database, NewMessage::json(json!(n)).in_group(if n % 2 == 0 { "even" } else { "odd" })))
        .collect();
    let first = receive(&database, 9);
    assert_eq!(ids(&first), sent[..2]);
    assert!(receive(&database, 9).is_empty());
    assert_eq!(counts(&database).waiting, 4);
    database.check().unwrap();
    acknowledge(&database, &first[0]).unwrap();
    let second = receive(&database, 9);
    assert_eq!(ids(&second), [sent[2]]);
    // What is given back stays before the others of its group, also while it rests.
    database.transact(|tx| tx.queues().release("q", &second[0].receipt, Some(seconds(10)))).unwrap();
    assert!(receive(&database, 9).is_empty());
    env.advance(seconds(10));
    let third = receive(&database, 9);
    assert_eq!((ids(&third), third[0].receive_count), (vec![sent[2]], 2));
    database.transact(|tx| tx.queues().reject("q", &third[0].receipt, "hopeless")).unwrap();
    assert_eq!(ids(&receive(&database, 9)), [sent[4]]);
    database.check().unwrap();
}

#[test]
fn a_delayed_message_does_not_hold_up_its_group() {
    let (env, database) = usual();
    let delayed = send(&database, NewMessage::json(json!(1)).in_group("g").after(seconds(5)));
    let other = send(&database, NewMessage::json(json!(2)).in_group("g"));
    let received = receive(&database, 9);
    assert_eq!(ids(&received), [other]);
    env.advance(seconds(5));
    assert!(receive(&database, 9).is_empty(), "the group is held");
    acknowledge(&database, &received[0]).unwrap();
    assert_eq!(ids(&receive(&database, 9)), [delayed]);
}

#[test]
fn two_transactions_do_not_receive_of_one_group() {
    let (_env, database) = usual();
    let sent: Vec<MessageId> = (0..3).map(|n| send(&database, NewMessage::json(json!(n)).in_group("g"))).collect();
    let one = database.begin().unwrap();
    let two = database.begin().unwrap();
    let options = ReceiveOptions::up_to(3);
    let first = one.queues().receive("q", &options).unwrap();
    assert_eq!(ids(&first), [sent[0]]);
    assert!(two.queues().receive("q", &options).unwrap().is_empty());
    one.queues().acknowledge("q", &first[0].receipt).unwrap();
    one.commit().unwrap();
    two.commit().unwrap();
    assert_eq!(ids(&receive(&database, 9)), [sent[1]]);
    database.check().unwrap();
}

#[test]
fn a_deduplication_id_is_sent_once_within_its_window() {
    let (env, database) = usual();
    let once = || send(&database, NewMessage::json(json!(1)).once("payment 7"));
    let first = once();
    assert_eq!(once(), first);
    let message = receive(&database, 9).remove(0);
    acknowledge(&database, &message).unwrap();
    assert_eq!(once(), first, "also after it was acknowledged");
    env.advance(seconds(300));
    let second = once();
    assert_ne!(second, first);
    database.check().unwrap();
    env.advance(seconds(301));
    assert!(!database.maintain().unwrap());
    database.check().unwrap();
    let snapshot = database.snapshot().unwrap();
    let storage = snapshot.queues().definition("q").unwrap().storage;
    let ends = keys::deduplication_ends(storage, crate::env::Timestamp::from_micros(i64::MIN));
    assert_eq!(snapshot.inner.scan(ends, crate::kv::Direction::Forward).unwrap().count(), 0);
}

#[test]
fn messages_over_their_retention_go_and_dead_letters_stay() {
    let (env, database) = fresh(&QueueSettings { retention_ms: Some(60_000), ..QueueSettings::default() });
    let dead = send(&database, json!("dead"));
    let received = receive(&database, 1).remove(0);
    database.transact(|tx| tx.queues().reject("q", &received.receipt, "no")).unwrap();
    send(&database, json!("old"));
    send(&database, json!("also old"));
    env.advance(seconds(30));
    let young = send(&database, json!("young"));
    env.advance(seconds(30));
    while database.maintain().unwrap() {}
    assert_eq!((counts(&database).ready, counts(&database).dead), (1, 1));
    assert_eq!(ids(&receive(&database, 9)), [young]);
    env.advance(seconds(60));
    assert!(receive(&database, 9).is_empty());
    assert_eq!(counts(&database), QueueCounts { dead: 1, is_exact: true, ..QueueCounts::default() });
    database.transact(|tx| tx.queues().redrive("q", dead)).unwrap();
    assert_eq!(ids(&receive(&database, 9)), [dead]);
    database.check().unwrap();
}

#[test]
fn purge_and_drop_are_small_commits_and_refuse_what_was_open() {
    let (_env, database) = usual();
    for n in 0..500 {
        send(&database, NewMessage::json(json!(n)).in_group(format!("{}", n % 7)).once(format!("{n}")));
    }
    let received = receive(&database, 3);
    let underway = database.begin().unwrap();
    underway.queues().send("q", json!("late")).unwrap();
    database.transact(|tx| tx.queues().purge("q")).unwrap();
    assert_eq!(underway.commit().unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(counts(&database), QueueCounts { is_exact: true, ..QueueCounts::default() });
    assert_eq!(acknowledge(&database, &received[0]).unwrap_err().kind(), ErrorKind::Precondition);
    let id = send(&database, NewMessage::json(json!(1)).once("1"));
    assert_eq!(ids(&receive(&database, 9)), [id]);
    while database.shared.keyspace.reclaim().unwrap() {}
    let left = database.check().unwrap().keyspace.keys;
    assert!(left < 20, "{left} keys are left");
    database.transact(|tx| tx.queues().drop("q")).unwrap();
    assert_eq!(database.read(|snapshot| snapshot.queues().info("q")).unwrap_err().kind(), ErrorKind::NotFound);
    database.transact(|tx| tx.queues().create("q", &QueueSettings::default())).unwrap();
    assert!(receive(&database, 9).is_empty());
}

#[test]
fn a_receive_steps_over_nothing_that_was_acknowledged() {
    let (env, database) = usual();
    let storage = database.snapshot().unwrap().queues().definition("q").unwrap().storage;
    let live = database.shared.queues.live.of(storage);
    let body = NewMessage::bytes(vec![0; 8]);
    let mut last = None;
    for _ in 0..500 {
        let batch = (0..100).map(|_| body.clone());
        database.transact(|tx| tx.queues().send_many("q", batch.clone())).unwrap();
        let received = receive(&database, 100);
        assert_eq!(received.len(), 100);
        database
            .transact(|tx| received.iter().try_for_each(|message| tx.queues().acknowledge("q", &message.receipt)))
            .unwrap();
        last = received.last().map(|message| Place::new(message.leased_until, message.id));
        env.advance(Duration::from_millis(10));
    }
    // 50,000 removed entries where messages were sent, as many where leases would have ended: one empty look, then none.
    assert!(receive(&database, 1).is_empty());
    let front = live.state.lock().gaps.skip(Place::FIRST);
    assert!(Some(front) > last, "the next look begins at {front:?}, before the last entry that was removed");
    let id = send(&database, json!("next"));
    let place = Place::new(env.now(), id);
    assert_eq!(live.state.lock().gaps.skip(Place::FIRST), place);
    assert_eq!(live.state.lock().gaps.skip(place.next()), Place::END);
    assert_eq!(ids(&receive(&database, 1)), [id]);
}

#[test]
fn a_waiting_receive_is_woken_by_a_send_a_rollback_a_delay_and_its_own_timeout() {
    let database = Database::in_memory().unwrap();
    database.transact(|tx| tx.queues().create("q", &QueueSettings::default())).unwrap();
    let wait = |longest| {
        let database = database.clone();
        std::thread::spawn(move || database.receive("q", &ReceiveOptions::default(), longest).unwrap())
    };
    assert!(wait(Duration::from_millis(30)).join().unwrap().is_empty());
    let waiting = wait(seconds(60));
    while database.stats().waiting_receivers == 0 {
        std::thread::yield_now();
    }
    let id = send(&database, json!(1));
    let received = waiting.join().unwrap();
    assert_eq!(ids(&received), [id]);
    database.transact(|tx| tx.queues().release("q", &received[0].receipt, Some(Duration::ZERO))).unwrap();
    let transaction = database.begin().unwrap();
    assert_eq!(transaction.queues().receive("q", &ReceiveOptions::default()).unwrap().len(), 1);
    let waiting = wait(seconds(60));
    while database.stats().waiting_receivers == 0 {
        std::thread::yield_now();
    }
    drop(transaction);
    acknowledge(&database, &waiting.join().unwrap()[0]).unwrap();
    let id = send(&database, NewMessage::json(json!(2)).after(Duration::from_millis(120)));
    assert_eq!(ids(&wait(seconds(60)).join().unwrap()), [id]);
}

#[test]
fn a_waiting_receive_follows_a_clock_that_is_moved() {
    let (env, database) = usual();
    let id = send(&database, NewMessage::json(json!(1)).after(seconds(3_600)));
    let waiting = {
        let database = database.clone();
        std::thread::spawn(move || database.receive("q", &ReceiveOptions::default(), seconds(86_400)).unwrap())
    };
    while database.stats().waiting_receivers == 0 {
        std::thread::yield_now();
    }
    env.advance(seconds(3_600));
    assert_eq!(ids(&waiting.join().unwrap()), [id]);
}

#[test]
fn a_listener_is_told_once_and_can_be_taken_back() {
    let (_env, database) = usual();
    let attempt = || database.attempt_receive("q", &ReceiveOptions::default()).unwrap();
    let (tell, told) = crossbeam_channel::unbounded();
    let nothing = attempt().nothing.unwrap();
    let listener = nothing.listen({
        let tell = tell.clone();
        move || tell.send(1).unwrap()
    });
    drop(nothing.listen({
        let tell = tell.clone();
        move || tell.send(2).unwrap()
    }));
    send(&database, json!(1));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [1]);
    send(&database, json!(2));
    assert!(told.is_empty());
    drop(listener);
    nothing.listen(move || tell.send(3).unwrap());
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [3], "something has arrived since");
}

#[test]
fn what_is_peeked_at_stays() {
    let (_env, database) = usual();
    let leased = send(&database, json!(1));
    assert_eq!(ids(&receive(&database, 1)), [leased]);
    let ready = send(&database, json!(2));
    let delayed = send(&database, NewMessage::bytes(*b"x").after(seconds(5)));
    let peeked = database.read(|snapshot| snapshot.queues().peek("q", 10)).unwrap();
    let found: Vec<_> = peeked.iter().map(|message| (message.id, message.status)).collect();
    let expected = [(ready, MessageStatus::Ready), (delayed, MessageStatus::Delayed), (leased, MessageStatus::Leased)];
    assert_eq!(found, expected);
    assert_eq!(serde_json::to_value(&peeked[1]).unwrap()["base64"], "eA==");
    assert_eq!(ids(&receive(&database, 9)), [ready]);
}

#[test]
fn an_old_snapshot_sees_the_queue_as_it_was() {
    let (env, database) = usual();
    let sent: Vec<_> = (0..3).map(|n| send(&database, json!(n))).collect();
    let snapshot = database.snapshot().unwrap();
    for message in receive(&database, 3) {
        acknowledge(&database, &message).unwrap();
    }
    env.advance(seconds(1));
    assert!(receive(&database, 3).is_empty());
    assert_eq!(snapshot.queues().counts("q").unwrap().ready, 3);
    let peeked = snapshot.queues().peek("q", 9).unwrap();
    assert_eq!(peeked.iter().map(|message| message.id).collect::<Vec<_>>(), sent);
    assert_eq!(counts(&database).ready, 0);
}

#[test]
fn what_is_too_large_or_makes_no_sense_is_refused() {
    let (_env, database) = fresh(&QueueSettings { message_size_bytes_max: 100, ..QueueSettings::default() });
    let refused = |message: NewMessage| {
        database.transact(|tx| tx.queues().send("q", message.clone())).expect_err("it is not for sending").kind()
    };
    assert_eq!(refused(NewMessage::bytes(vec![0; 101])), ErrorKind::LimitExceeded);
    assert_eq!(refused(NewMessage::json(json!(1)).header("a", "x".repeat(100))), ErrorKind::LimitExceeded);
    assert_eq!(refused(NewMessage::json(json!(1)).in_group("")), ErrorKind::Invalid);
    assert_eq!(refused(NewMessage::json(json!(1)).once("x".repeat(2_000))), ErrorKind::LimitExceeded);
    let both = NewMessage::json(json!(1)).after(seconds(1)).at(crate::env::Timestamp::from_micros(0));
    assert_eq!(refused(both), ErrorKind::Invalid);
    for options in [ReceiveOptions::up_to(0), ReceiveOptions::up_to(100_000)] {
        let error = database.receive("q", &options, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
    let long = ReceiveOptions { lease_ms: Some(u64::MAX), ..ReceiveOptions::default() };
    assert_eq!(database.receive("q", &long, Duration::ZERO).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(database.receive("none", &long, Duration::ZERO).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let absent = database.receive("none", &ReceiveOptions::default(), Duration::ZERO).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    let own = QueueSettings { dead_letter_queue: Some("x".into()), ..QueueSettings::default() };
    let create = |name: &str| database.transact(|tx| tx.queues().create(name, &own)).unwrap_err().kind();
    assert_eq!((create("x"), create("y")), (ErrorKind::Invalid, ErrorKind::NotFound));
    send(&database, NewMessage::json(json!(1)).after(Duration::MAX));
    assert_eq!(counts(&database).delayed, 1);
    database.check().unwrap();
}
