//! The PostgreSQL front by a client of its own: both protocols, values in both formats, COPY, cancellation, notifications.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use futures_util::{SinkExt, StreamExt, pin_mut};
use marquetry_server::Limits;
use serde_json::json;
use support::postgres::{start, start_limited, start_with_password};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use uuid::Uuid;

/// The rows of a simple query as text.
async fn texts(client: &Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let messages = client.simple_query(sql).await.unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()),
        _ => None,
    });
    rows.collect()
}

fn code(error: &tokio_postgres::Error) -> String {
    error.code().map_or_else(|| format!("{error:?}"), |code| code.code().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_asks_and_is_answered_in_both_protocols() {
    let running = start().await;
    let client = running.postgres().await;
    assert_eq!(texts(&client, "SELECT 1").await, [[Some("1".to_owned())]]);
    let row = client.query_one("SELECT $1::int4", &[&7i32]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
    let statement = client.prepare("SELECT $1::text, $2::int8").await.unwrap();
    assert_eq!(statement.params(), [Type::TEXT, Type::INT8]);
    assert_eq!(statement.columns()[1].type_(), &Type::INT8);
    for round in 0..3i64 {
        let row = client.query_one(&statement, &[&"ä", &round]).await.unwrap();
        assert_eq!((row.get::<_, String>(0), row.get::<_, i64>(1)), ("ä".to_owned(), round));
    }
    assert!(client.simple_query("").await.is_ok());
    assert!(client.simple_query(" ; ;; ").await.is_ok());
    running.server.stop().await;
}

/// `value` sent in binary comes back in binary, and as `text` in text.
async fn round_trip<T>(client: &Client, sql_type: &str, value: T, text: &str)
where
    T: ToSql + Sync + PartialEq + std::fmt::Debug + for<'a> FromSql<'a>,
{
    let row = client.query_one(&format!("SELECT $1::{sql_type}"), &[&value]).await;
    let row = row.unwrap_or_else(|error| panic!("{sql_type} {value:?}: {error:?}"));
    assert_eq!(row.get::<_, T>(0), value, "{sql_type}");
    let literal = text.replace('\'', "''");
    assert_eq!(
        texts(client, &format!("SELECT '{literal}'::{sql_type}")).await,
        [[Some(text.to_owned())]],
        "{sql_type}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_travels_in_both_formats() {
    let running = start().await;
    let client = running.postgres().await;
    round_trip(&client, "bool", true, "t").await;
    round_trip(&client, "int2", -7i16, "-7").await;
    round_trip(&client, "int4", i32::MIN, "-2147483648").await;
    round_trip(&client, "int8", i64::MAX, "9223372036854775807").await;
    round_trip(&client, "float4", 1.5f32, "1.5").await;
    round_trip(&client, "float8", -1e300f64, "-1e+300").await;
    round_trip(&client, "text", "it's ä".to_owned(), "it's ä").await;
    round_trip(&client, "varchar", "x".to_owned(), "x").await;
    round_trip(&client, "bytea", vec![0u8, 255], "\\x00ff").await;
    round_trip(&client, "oid", 4_000_000_000u32, "4000000000").await;
    let date = NaiveDate::from_ymd_opt(1999, 12, 31).unwrap();
    let time = NaiveTime::from_hms_micro_opt(23, 59, 59, 250_000).unwrap();
    round_trip(&client, "date", date, "1999-12-31").await;
    round_trip(&client, "time", time, "23:59:59.25").await;
    round_trip::<NaiveDateTime>(&client, "timestamp", date.and_time(time), "1999-12-31 23:59:59.25").await;
    round_trip::<DateTime<Utc>>(&client, "timestamptz", date.and_time(time).and_utc(), "1999-12-31 23:59:59.25+00")
        .await;
    let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    round_trip(&client, "uuid", uuid.parse::<Uuid>().unwrap(), uuid).await;
    round_trip(&client, "jsonb", json!({"a": [1, null, "b"]}), r#"{"a": [1, null, "b"]}"#).await;
    round_trip(&client, "json", json!({"a":1}), r#"{"a":1}"#).await;
    round_trip(&client, "int4[]", vec![Some(1), None, Some(3)], "{1,NULL,3}").await;
    round_trip(&client, "text[]", vec!["a b".to_owned(), String::new()], r#"{"a b",""}"#).await;
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_and_missing_rows_are_told_apart() {
    let running = start().await;
    let client = running.postgres().await;
    let row = client.query_one("SELECT $1::int4", &[&None::<i32>]).await.unwrap();
    assert_eq!(row.get::<_, Option<i32>>(0), None);
    assert_eq!(texts(&client, "SELECT NULL").await, [[None]]);
    assert!(client.query("SELECT 1 WHERE false", &[]).await.unwrap().is_empty());
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_their_codes_and_the_conversation_goes_on() {
    let running = start().await;
    let client = running.postgres().await;
    for (sql, wanted) in [
        ("SELEC 1", SqlState::SYNTAX_ERROR),
        ("SELECT 1/0", SqlState::DIVISION_BY_ZERO),
        ("SELECT * FROM nowhere", SqlState::UNDEFINED_TABLE),
        ("SELECT nothing", SqlState::UNDEFINED_COLUMN),
        ("SELECT nothing(1)", SqlState::UNDEFINED_FUNCTION),
        ("SELECT 'x'::int4", SqlState::INVALID_TEXT_REPRESENTATION),
        ("SELECT 2147483647::int4 + 1::int4", SqlState::NUMERIC_VALUE_OUT_OF_RANGE),
    ] {
        let simple = client.simple_query(sql).await.unwrap_err();
        assert_eq!(simple.code(), Some(&wanted), "{sql}: {simple:?}");
        let extended = client.query(sql, &[]).await.unwrap_err();
        assert_eq!(extended.code(), Some(&wanted), "{sql}: {extended:?}");
    }
    let error = client.simple_query("SELECT * FROM nowhere").await.unwrap_err();
    let told = error.as_db_error().unwrap();
    assert_eq!((told.severity(), told.message()), ("ERROR", "relation \"nowhere\" does not exist"));
    assert_eq!(texts(&client, "SELECT 1").await.len(), 1);
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_one_query_are_one_transaction() {
    let running = start().await;
    let client = running.postgres().await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY, word text NOT NULL)").await.unwrap();
    let error = client.batch_execute("INSERT INTO t VALUES (1, 'a'); INSERT INTO t VALUES (1, 'b')").await.unwrap_err();
    assert_eq!(code(&error), "23505");
    let told = error.as_db_error().unwrap();
    assert_eq!((told.table(), told.constraint()), (Some("t"), Some("t_pkey")));
    assert_eq!(texts(&client, "SELECT count(*) FROM t").await, [[Some("0".to_owned())]]);
    let error = client.batch_execute("INSERT INTO t VALUES (2, NULL)").await.unwrap_err();
    let told = error.as_db_error().unwrap();
    assert_eq!((told.code().code(), told.table(), told.column()), ("23502", Some("t"), Some("word")));
    client.batch_execute("INSERT INTO t VALUES (1, 'a'); INSERT INTO t VALUES (2, 'b')").await.unwrap();
    assert_eq!(texts(&client, "SELECT id FROM t ORDER BY id").await.len(), 2);
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_transaction_refuses_everything_until_it_is_rolled_back() {
    let running = start().await;
    let mut client = running.postgres().await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY)").await.unwrap();
    client.batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(code(&client.simple_query("SELECT 1/0").await.unwrap_err()), "22012");
    assert_eq!(code(&client.simple_query("SELECT 1").await.unwrap_err()), "25P02");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(texts(&client, "SELECT count(*) FROM t").await, [[Some("0".to_owned())]]);
    let transaction = client.transaction().await.unwrap();
    transaction.execute("INSERT INTO t VALUES ($1)", &[&2i32]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(texts(&client, "SELECT id FROM t").await, [[Some("2".to_owned())]]);
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn portals_give_rows_in_pieces() {
    let running = start().await;
    let mut client = running.postgres().await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT * FROM generate_series(1, 10)", &[]).await.unwrap();
    let mut counts = Vec::new();
    loop {
        let rows = transaction.query_portal(&portal, 4).await.unwrap();
        counts.push(rows.len());
        if rows.len() < 4 {
            break;
        }
    }
    assert_eq!(counts, [4, 4, 2]);
    transaction.commit().await.unwrap();
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_takes_and_gives_rows() {
    let running = start().await;
    let client = running.postgres().await;
    client.batch_execute("CREATE TABLE t (id int PRIMARY KEY, word text)").await.unwrap();
    let sink = client.copy_in("COPY t FROM STDIN").await.unwrap();
    pin_mut!(sink);
    sink.send(bytes::Bytes::from_static(b"1\tone\n2\t\\N\n3\tth")).await.unwrap();
    sink.send(bytes::Bytes::from_static(b"ree\n")).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 3);
    let stream = client.copy_out("COPY t TO STDOUT WITH (FORMAT csv)").await.unwrap();
    let pieces: Vec<_> = stream.map(|piece| piece.unwrap()).collect().await;
    assert_eq!(pieces.concat(), b"1,one\n2,\n3,three\n");
    let sink = client.copy_in("COPY t FROM STDIN").await.unwrap();
    pin_mut!(sink);
    sink.send(bytes::Bytes::from_static(b"4\tfour\nx\ty\n")).await.unwrap();
    assert_eq!(code(&sink.finish().await.unwrap_err()), "22P02");
    assert_eq!(texts(&client, "SELECT count(*) FROM t").await, [[Some("3".to_owned())]]);
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_is_cancelled() {
    let running = start().await;
    let client = running.postgres().await;
    let token = client.cancel_token();
    let endless = tokio::spawn(async move {
        let failed = client.simple_query("SELECT count(*) FROM generate_series(1, 1000000000000)").await.unwrap_err();
        (failed, client)
    });
    let (error, client) = loop {
        // Until the statement runs there is nothing to cancel.
        tokio::time::sleep(Duration::from_millis(50)).await;
        token.cancel_query(NoTls).await.unwrap();
        if endless.is_finished() {
            break endless.await.unwrap();
        }
    };
    assert_eq!(code(&error), "57014");
    assert_eq!(texts(&client, "SELECT 1").await.len(), 1);
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_being_sent_is_cancelled() {
    let running = start().await;
    let client = running.postgres().await;
    let token = client.cancel_token();
    let stream = client
        .query_raw("SELECT 1 FROM generate_series(1, 100000) a, generate_series(1, 100000) b", Vec::<String>::new())
        .await
        .unwrap();
    pin_mut!(stream);
    assert!(stream.next().await.unwrap().is_ok());
    token.cancel_query(NoTls).await.unwrap();
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(code(&error), "57014");
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_wrong_cancels_nothing() {
    let running = start().await;
    let mut wire = running.wire();
    let request = [&16u32.to_be_bytes()[..], &80_877_102u32.to_be_bytes(), &1u32.to_be_bytes(), &[7; 4]].concat();
    wire.send(&request);
    assert!(wire.until_closed().is_empty());
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_reach_a_client_that_asks_for_nothing() {
    let running = start().await;
    let (listener, mut notifications) = running.listener().await;
    listener.batch_execute("LISTEN news").await.unwrap();
    let speaker = running.postgres().await;
    speaker.batch_execute("NOTIFY news, 'first'").await.unwrap();
    let heard = notifications.recv().await.unwrap();
    assert_eq!((heard.channel(), heard.payload()), ("news", "first"));
    speaker.batch_execute("BEGIN; NOTIFY news, 'never'; ROLLBACK").await.unwrap();
    speaker.batch_execute("BEGIN; NOTIFY news, 'second'; COMMIT").await.unwrap();
    assert_eq!(notifications.recv().await.unwrap().payload(), "second");
    listener.batch_execute("NOTIFY news, 'own'").await.unwrap();
    assert_eq!(notifications.recv().await.unwrap().payload(), "own");
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_asked_for_and_proved() {
    let running = start_with_password("correct-horse-battery-staple").await;
    let mut config = running.postgres_config();
    let missing = config.connect(NoTls).await.err().unwrap();
    assert!(
        missing.to_string().contains("password missing") || missing.source_text().contains("password"),
        "{missing:?}"
    );
    config.password("wrong-horse-battery-staple");
    assert_eq!(config.connect(NoTls).await.err().unwrap().code(), Some(&SqlState::INVALID_PASSWORD));
    config.password("correct-horse-battery-staple");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(texts(&client, "SELECT 1").await.len(), 1);
    running.server.stop().await;
}

/// The texts of the causes of an error.
trait SourceText {
    fn source_text(&self) -> String;
}

impl SourceText for tokio_postgres::Error {
    fn source_text(&self) -> String {
        std::error::Error::source(self).map(ToString::to_string).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_limit_are_told_so() {
    let running = start_limited(Limits { postgres_connections_max: 2, ..Limits::default() }).await;
    let (first, second) = (running.postgres().await, running.postgres().await);
    let refused = running.postgres_config().connect(NoTls).await.err().unwrap();
    assert_eq!(refused.code(), Some(&SqlState::TOO_MANY_CONNECTIONS));
    assert_eq!(texts(&first, "SELECT 1").await.len(), 1);
    drop(second);
    // A place is free once the server has seen that the client is gone.
    while running.postgres_config().connect(NoTls).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_to_the_idle_and_finishes_what_runs() {
    let running = start().await;
    let mut idle = running.started_wire();
    let server = running.server;
    server.stop().await;
    let told = idle.until_closed();
    assert_eq!(told.last().map(|message| message.code()), Some("57P01".to_owned()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_startup_hold_and_changes_are_told() {
    let running = start().await;
    let mut config = running.postgres_config();
    config.application_name("tests").options("-c TimeZone=Europe/Berlin");
    let (client, mut connection) = config.connect(NoTls).await.unwrap();
    let (send, mut receive) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let _ = (&mut connection).await;
        let _ = send.send(());
    });
    assert_eq!(texts(&client, "SHOW application_name").await, [[Some("tests".to_owned())]]);
    assert_eq!(texts(&client, "SHOW TimeZone").await, [[Some("Europe/Berlin".to_owned())]]);
    config.options("-c nonsense=1");
    let refused = config.connect(NoTls).await.err().unwrap();
    assert_eq!(refused.code(), Some(&SqlState::UNDEFINED_OBJECT));
    assert!(receive.try_recv().is_err());
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_prepared_by_the_protocol_is_deallocated_by_sql() {
    let running = start().await;
    let mut wire = running.started_wire();
    use support::postgres::{parse, query, sync};
    assert_eq!(wire.kinds(&[parse("s1", "SELECT 1"), sync()].concat()), "1Z");
    assert_eq!(wire.kinds(&[parse("s1", "SELECT 1"), sync()].concat()), "EZ");
    assert_eq!(wire.kinds(&query("EXECUTE s1")), "TDCZ");
    assert_eq!(wire.kinds(&query("DEALLOCATE s1")), "CZ");
    assert_eq!(wire.kinds(&[parse("s1", "SELECT 1"), sync()].concat()), "1Z");
    running.server.stop().await;
}
