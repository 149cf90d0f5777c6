//! Changes of rows through sessions: what they do, what they refuse, and what happens when several do it at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use marquetry::Database;
use marquetry::sql::{Outcome, Session, SqlError, format_value};

/// What `sql` answers: its rows, fields joined by `|` and rows by `;`, or its command; or the condition that it fails with.
fn ask(session: &mut Session, sql: &str) -> String {
    match answer(session, sql) {
        Ok(answer) => answer,
        Err(error) => match SqlError::inside(&error) {
            Some(found) => found.condition.code().to_owned(),
            None => format!("{error:?}"),
        },
    }
}

fn answer(session: &mut Session, sql: &str) -> marquetry::Result<String> {
    let environment = session.environment().clone();
    match session.run(sql)? {
        Outcome::Rows(mut rows) => {
            let columns = rows.columns().clone();
            let mut shown = Vec::new();
            while let Some(batch) = rows.next_values()? {
                for row in batch {
                    let field = |(value, column): (&marquetry::table::Value, &marquetry::sql::ColumnDescription)| {
                        format_value(value, &column.sql_type, &environment).map(|text| text.unwrap_or_default())
                    };
                    let fields = row.iter().zip(columns.iter()).map(field).collect::<marquetry::Result<Vec<_>>>()?;
                    shown.push(fields.join("|"));
                }
            }
            Ok(shown.join("; "))
        }
        Outcome::Command(tag) => Ok(match tag.rows {
            Some(rows) => format!("{} {rows}", tag.command),
            None => tag.command.to_owned(),
        }),
        _ => Ok("copy".to_owned()),
    }
}

fn message(session: &mut Session, sql: &str) -> String {
    let error = answer(session, sql).unwrap_err();
    let found = SqlError::inside(&error).unwrap();
    format!("{} / {}", found.message, found.detail.clone().unwrap_or_default())
}

fn database(statements: &[&str]) -> (Database, Session) {
    let database = Database::in_memory().unwrap();
    let mut session = database.session().unwrap();
    for statement in statements {
        answer(&mut session, statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    (database, session)
}

/// Runs each statement and compares its answer.
fn check(session: &mut Session, cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(ask(session, sql), *expected, "{sql}");
    }
}

#[test]
fn rows_are_inserted_with_defaults_and_numbers() {
    let (_database, mut session) =
        database(&["CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text DEFAULT 'x', b int, \
         twice int GENERATED ALWAYS AS (b * 2) STORED)"]);
    check(
        &mut session,
        &[
            ("INSERT INTO t (b) VALUES (1), (2 + 3)", "INSERT 0 2"),
            ("INSERT INTO t (a, b) VALUES (DEFAULT, NULL) RETURNING *", "3|x||"),
            ("INSERT INTO t DEFAULT VALUES RETURNING id, a", "4|x"),
            ("INSERT INTO t (a, b) SELECT a || 'y', b + 10 FROM t WHERE b IS NOT NULL ORDER BY id", "INSERT 0 2"),
            ("INSERT INTO t (id, b) VALUES (70, 1)", "428C9"),
            ("INSERT INTO t (id, b) OVERRIDING SYSTEM VALUE VALUES (70, '8') RETURNING id, twice", "70|16"),
            ("INSERT INTO t (twice) VALUES (1)", "428C9"),
            ("INSERT INTO t (a, b) VALUES (1)", "42601"),
            ("INSERT INTO t (nope) VALUES (1)", "42703"),
            ("INSERT INTO nope VALUES (1)", "42P01"),
            ("INSERT INTO t (b) VALUES ((SELECT max(b) FROM t)) RETURNING b", "15"),
            (
                "SELECT id, a, b, twice FROM t ORDER BY id",
                "1|x|1|2; 2|x|5|10; 3|x||; 4|x||; 5|xy|11|22; 6|xy|15|30; 7|x|15|30; 70|x|8|16",
            ),
        ],
    );
}

#[test]
fn rules_of_rows_are_kept() {
    let (_database, mut session) = database(&[
        "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL CHECK (a > 0), b text UNIQUE, CONSTRAINT pair CHECK (a < 100))",
        "CREATE UNIQUE INDEX t_lower ON t (lower(b))",
        "INSERT INTO t VALUES (1, 1, 'One')",
    ]);
    check(
        &mut session,
        &[
            ("INSERT INTO t VALUES (1, 1, 'x')", "23505"),
            ("INSERT INTO t VALUES (2, 1, 'One')", "23505"),
            ("INSERT INTO t VALUES (2, 1, 'oNE')", "23505"),
            ("INSERT INTO t VALUES (2, NULL, 'x')", "23502"),
            ("INSERT INTO t VALUES (2, 0, 'x')", "23514"),
            ("INSERT INTO t VALUES (2, 1, NULL), (3, 1, NULL)", "INSERT 0 2"),
            ("UPDATE t SET id = 1 WHERE id = 2", "23505"),
            ("UPDATE t SET a = 200 WHERE id = 2", "23514"),
            ("INSERT INTO t VALUES (4, 1, 'z'), (4, 1, 'zz')", "23505"),
            ("SELECT count(*) FROM t", "3"),
        ],
    );
    assert_eq!(
        message(&mut session, "INSERT INTO t VALUES (1, 1, 'x')"),
        "duplicate key value violates unique constraint \"t_pkey\" / Key (id)=(1) already exists."
    );
    assert_eq!(
        message(&mut session, "INSERT INTO t VALUES (9, NULL, 'x')"),
        "null value in column \"a\" of relation \"t\" violates not-null constraint / Failing row contains (9, null, x)."
    );
}

#[test]
fn rows_are_updated_and_deleted() {
    let (_database, mut session) = database(&[
        "CREATE TABLE t (id int PRIMARY KEY, a int, b text DEFAULT 'd')",
        "CREATE TABLE s (id int PRIMARY KEY, n int)",
        "INSERT INTO t VALUES (1, 10, 'p'), (2, 20, 'q'), (3, 30, 'r')",
        "INSERT INTO s VALUES (1, 100), (3, 300)",
    ]);
    check(
        &mut session,
        &[
            ("UPDATE t SET a = a + 1 WHERE id = 2", "UPDATE 1"),
            ("UPDATE t SET a = s.n FROM s WHERE s.id = t.id RETURNING t.id, t.a, s.n", "1|100|100; 3|300|300"),
            ("UPDATE t AS x SET (a, b) = (5, DEFAULT) WHERE x.id = 1 RETURNING x.*", "1|5|d"),
            ("UPDATE t SET (a, b) = (SELECT n, 'sub' FROM s WHERE s.id = t.id) WHERE id = 3", "UPDATE 1"),
            ("UPDATE t SET a = (SELECT max(n) FROM s WHERE s.id <= t.id) WHERE id = 2 RETURNING a", "100"),
            ("UPDATE t SET id = id + 10 WHERE id = 1 RETURNING id", "11"),
            ("UPDATE t SET a = 1, a = 2", "42601"),
            ("SELECT * FROM t ORDER BY id", "2|100|q; 3|300|sub; 11|5|d"),
            ("DELETE FROM t USING s WHERE s.id = t.id RETURNING t.id, n", "3|300"),
            ("DELETE FROM t WHERE id IN (SELECT id FROM t WHERE a = 5)", "DELETE 1"),
            ("DELETE FROM t RETURNING *", "2|100|q"),
            ("SELECT count(*) FROM t", "0"),
        ],
    );
}

#[test]
fn rows_whose_key_is_there_are_left_or_updated() {
    let (_database, mut session) =
        database(&["CREATE TABLE t (id int PRIMARY KEY, a int, b text UNIQUE)", "INSERT INTO t VALUES (1, 1, 'x')"]);
    check(
        &mut session,
        &[
            ("INSERT INTO t VALUES (1, 2, 'y'), (2, 2, 'z') ON CONFLICT DO NOTHING", "INSERT 0 1"),
            ("INSERT INTO t VALUES (3, 2, 'x') ON CONFLICT (id) DO NOTHING", "23505"),
            ("INSERT INTO t VALUES (3, 2, 'x') ON CONFLICT (b) DO NOTHING RETURNING id", ""),
            (
                "INSERT INTO t AS o VALUES (1, 5, 'x') ON CONFLICT (id) DO UPDATE SET a = o.a + excluded.a \
                 WHERE o.a < 100 RETURNING id, a, b",
                "1|6|x",
            ),
            (
                "INSERT INTO t VALUES (1, 7, 'x') ON CONFLICT ON CONSTRAINT t_pkey DO UPDATE SET a = excluded.a WHERE t.a > 99",
                "INSERT 0 0",
            ),
            ("INSERT INTO t VALUES (8, 1, 'v'), (8, 2, 'v') ON CONFLICT (id) DO UPDATE SET a = excluded.a", "21000"),
            ("INSERT INTO t VALUES (1, 1, 'x') ON CONFLICT (a) DO NOTHING", "42P10"),
            ("SELECT * FROM t ORDER BY id", "1|6|x; 2|2|z"),
        ],
    );
}

#[test]
fn references_are_kept_and_followed() {
    let (_database, mut session) = database(&[
        "CREATE TABLE p (id int PRIMARY KEY, u text UNIQUE)",
        "CREATE TABLE plain (id int PRIMARY KEY, p int REFERENCES p)",
        "CREATE TABLE casc (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE)",
        "CREATE TABLE nul (id int PRIMARY KEY, u text REFERENCES p (u) ON DELETE SET NULL ON UPDATE CASCADE)",
        "CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree ON DELETE CASCADE)",
        "INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, 4)",
    ]);
    check(
        &mut session,
        &[
            ("INSERT INTO plain VALUES (1, 1), (2, NULL)", "INSERT 0 2"),
            ("INSERT INTO plain VALUES (3, 9)", "23503"),
            ("INSERT INTO casc VALUES (1, 2), (2, 2), (3, 3)", "INSERT 0 3"),
            ("INSERT INTO nul VALUES (1, 'b'), (2, 'c')", "INSERT 0 2"),
            ("DELETE FROM p WHERE id = 1", "23503"),
            ("UPDATE plain SET p = 7 WHERE id = 1", "23503"),
            ("DELETE FROM p WHERE id = 2", "DELETE 1"),
            ("SELECT id, p FROM casc", "3|3"),
            ("SELECT id, u FROM nul ORDER BY id", "1|; 2|c"),
            ("UPDATE p SET id = 33, u = 'cc' WHERE id = 3", "UPDATE 1"),
            ("SELECT p FROM casc", "33"),
            ("SELECT u FROM nul WHERE id = 2", "cc"),
            ("DELETE FROM tree WHERE id = 1", "DELETE 1"),
            ("SELECT id FROM tree", "4"),
            ("DELETE FROM tree", "DELETE 1"),
        ],
    );
    assert_eq!(
        message(&mut session, "DELETE FROM p WHERE id = 1"),
        "update or delete on table \"p\" violates foreign key constraint \"plain_p_fkey\" on table \"plain\" / \
         Key (id)=(1) is still referenced from table \"plain\"."
    );
}

#[test]
fn references_that_are_put_off_are_looked_at_by_the_commit() {
    let (_database, mut session) = database(&[
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
    ]);
    check(
        &mut session,
        &[
            ("BEGIN", "BEGIN"),
            ("INSERT INTO c VALUES (1, 5)", "INSERT 0 1"),
            ("INSERT INTO p VALUES (5)", "INSERT 0 1"),
            ("COMMIT", "COMMIT"),
            ("INSERT INTO c VALUES (2, 6)", "23503"),
            ("BEGIN", "BEGIN"),
            ("DELETE FROM p", "DELETE 1"),
            ("COMMIT", "23503"),
            ("SELECT count(*) FROM c", "1"),
        ],
    );
}

#[test]
fn merge_does_what_the_first_fitting_case_says() {
    let (_database, mut session) = database(&[
        "CREATE TABLE t (id int PRIMARY KEY, a int)",
        "CREATE TABLE s (id int, a int)",
        "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)",
        "INSERT INTO s VALUES (1, 10), (2, 0), (4, 40), (5, 0)",
    ]);
    check(
        &mut session,
        &[
            (
                "MERGE INTO t USING s ON s.id = t.id WHEN MATCHED AND s.a = 0 THEN DELETE \
                 WHEN MATCHED THEN UPDATE SET a = t.a + s.a WHEN NOT MATCHED AND s.a = 0 THEN DO NOTHING \
                 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.a)",
                "MERGE 3",
            ),
            ("SELECT * FROM t ORDER BY id", "1|11; 3|3; 4|40"),
        ],
    );
}

#[test]
fn tables_are_emptied_with_those_that_refer_to_them() {
    let (_database, mut session) = database(&[
        "CREATE TABLE p (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)",
        "CREATE TABLE c (p int REFERENCES p)",
        "INSERT INTO p DEFAULT VALUES",
        "INSERT INTO c VALUES (1)",
    ]);
    check(
        &mut session,
        &[
            ("TRUNCATE p", "0A000"),
            ("TRUNCATE p RESTART IDENTITY CASCADE", "TRUNCATE TABLE"),
            ("SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM c)", "0|0"),
            ("INSERT INTO p DEFAULT VALUES RETURNING id", "1"),
        ],
    );
}

#[test]
fn parts_of_with_may_change_rows() {
    let (_database, mut session) =
        database(&["CREATE TABLE t (id int PRIMARY KEY, a int)", "CREATE TABLE log (id int)"]);
    check(
        &mut session,
        &[
            ("WITH x AS (INSERT INTO t VALUES (1, 1), (2, 2) RETURNING id) SELECT sum(id) FROM x", "3"),
            ("WITH x AS (DELETE FROM t WHERE id = 1 RETURNING id) INSERT INTO log SELECT id FROM x", "INSERT 0 1"),
            ("WITH x AS (SELECT 2 AS k) UPDATE t SET a = 9 FROM x WHERE t.id = x.k RETURNING a", "9"),
            ("SELECT * FROM log", "1"),
        ],
    );
}

#[test]
fn a_statement_that_fails_leaves_nothing_and_a_savepoint_is_gone_back_to() {
    let (_database, mut session) = database(&["CREATE TABLE t (id int PRIMARY KEY)"]);
    check(
        &mut session,
        &[
            ("BEGIN", "BEGIN"),
            ("INSERT INTO t VALUES (1)", "INSERT 0 1"),
            ("SAVEPOINT s", "SAVEPOINT"),
            ("INSERT INTO t VALUES (2), (1)", "23505"),
            ("SELECT 1", "25P02"),
            ("ROLLBACK TO SAVEPOINT s", "ROLLBACK"),
            ("INSERT INTO t VALUES (3)", "INSERT 0 1"),
            ("COMMIT", "COMMIT"),
            ("SELECT id FROM t ORDER BY id", "1; 3"),
        ],
    );
}

#[test]
fn types_keys_and_parameters_of_all_kinds_are_written() {
    let (_database, mut session) = database(&[
        "CREATE TABLE t (id serial PRIMARY KEY, a int, b text)",
        "CREATE UNIQUE INDEX part ON t (a) WHERE b = 'x'",
        "CREATE TABLE keyless (a int, b numeric(10,2), c varchar(5), e int[] DEFAULT '{1,2}', u uuid DEFAULT gen_random_uuid())",
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TABLE m (m mood DEFAULT 'ok', j jsonb, n numeric)",
    ]);
    check(
        &mut session,
        &[
            ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'), (1, 'y')", "INSERT 0 3"),
            ("INSERT INTO t (a, b) VALUES (1, 'x')", "23505"),
            (
                "INSERT INTO t (a, b) VALUES (1, 'x') ON CONFLICT (a) WHERE b = 'x' DO UPDATE SET b = 'z' RETURNING *",
                "1|1|z",
            ),
            ("UPDATE t SET b = 'x' WHERE id = 3", "UPDATE 1"),
            ("UPDATE t SET b = 'x' WHERE id = 1", "23505"),
            ("INSERT INTO keyless (a, b, c) VALUES (1, 1.005, 'abc'), (2, 2, 'abcde')", "INSERT 0 2"),
            ("INSERT INTO keyless (c) VALUES ('abcdef')", "22001"),
            ("INSERT INTO keyless (b) VALUES (123456789.1)", "22003"),
            ("SELECT a, b, c, e FROM keyless ORDER BY a", "1|1.01|abc|{1,2}; 2|2.00|abcde|{1,2}"),
            ("SELECT count(DISTINCT u) FROM keyless", "2"),
            ("UPDATE keyless SET a = a + 1, e = e || 3", "UPDATE 2"),
            ("DELETE FROM keyless WHERE a = 3", "DELETE 1"),
            ("SELECT a, e FROM keyless", "2|{1,2,3}"),
            ("INSERT INTO m VALUES (DEFAULT, '{\"a\": 1}', 1.50), ('sad', NULL, 2)", "INSERT 0 2"),
            ("INSERT INTO m VALUES ('nope')", "22P02"),
            ("SELECT * FROM m", "ok|{\"a\": 1}|1.50; sad||2"),
            ("UPDATE t SET a = (SELECT count(*) FROM t AS x WHERE x.id <= t.id) RETURNING a", "1; 2; 3"),
            ("INSERT INTO t SELECT g + 100, g, 'g' FROM generate_series(1, 1000) AS g", "INSERT 0 1000"),
            ("DELETE FROM t WHERE id > 100 AND a % 2 = 0", "DELETE 500"),
            ("PREPARE i (int, text) AS INSERT INTO t (a, b) VALUES ($1, $2) RETURNING a, b", "PREPARE"),
            ("EXECUTE i (41 + 1, 'p')", "42|p"),
            ("PREPARE j AS UPDATE t SET b = $2 WHERE a = $1", "PREPARE"),
            ("EXECUTE j (42, 'q')", "UPDATE 1"),
            ("INSERT INTO t (a) VALUES (1.6) RETURNING a", "2"),
            ("INSERT INTO t (a) VALUES (true)", "42804"),
        ],
    );
}

#[test]
fn sessions_that_wait_for_each_other_are_told_and_skew_is_refused() {
    let (database, mut first) =
        database(&["CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 1), (2, 1)"]);
    let mut second = database.session().unwrap();
    check(&mut first, &[("BEGIN", "BEGIN"), ("UPDATE t SET n = 0 WHERE id = 1", "UPDATE 1")]);
    check(&mut second, &[("BEGIN", "BEGIN"), ("UPDATE t SET n = 0 WHERE id = 2", "UPDATE 1")]);
    let found = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let found = ask(&mut first, "UPDATE t SET n = 9 WHERE id = 2");
            ask(&mut first, "ROLLBACK");
            found
        });
        let found = ask(&mut second, "UPDATE t SET n = 9 WHERE id = 1");
        ask(&mut second, "ROLLBACK");
        [found, waiting.join().unwrap()]
    });
    // Whoever came last has closed the circle.
    assert!(found.contains(&"40P01".to_owned()) && found.contains(&"UPDATE 1".to_owned()), "{found:?}");
    for (level, expected) in [("REPEATABLE READ", "COMMIT"), ("SERIALIZABLE", "40001")] {
        for (session, id) in [(&mut first, 1), (&mut second, 2)] {
            ask(session, &format!("BEGIN ISOLATION LEVEL {level}"));
            ask(session, "SELECT sum(n) FROM t");
            assert_eq!(ask(session, &format!("UPDATE t SET n = n + 1 WHERE id = {id}")), "UPDATE 1");
        }
        assert_eq!((ask(&mut first, "COMMIT"), ask(&mut second, "COMMIT").as_str()), ("COMMIT".to_owned(), expected));
    }
}

/// Sixty-four sessions that never run anything again.
#[test]
fn sessions_that_increment_one_row_wait_for_each_other_and_lose_nothing() {
    let (database, mut session) =
        database(&["CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 0)"]);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut session = database.session().unwrap();
                for _ in 0..4 {
                    check(
                        &mut session,
                        &[
                            ("BEGIN", "BEGIN"),
                            ("UPDATE t SET n = n + 1 WHERE id = 1", "UPDATE 1"),
                            ("COMMIT", "COMMIT"),
                        ],
                    );
                }
            });
        }
    });
    assert_eq!(ask(&mut session, "SELECT n FROM t"), "256");
}

#[test]
fn who_updates_waits_and_looks_again() {
    let (database, mut first) =
        database(&["CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 1), (2, 2)"]);
    check(&mut first, &[("BEGIN", "BEGIN"), ("UPDATE t SET n = 7 WHERE id = 1", "UPDATE 1")]);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut second = database.session().unwrap();
            // No longer met once the first has committed.
            ask(&mut second, "UPDATE t SET n = n * 10 WHERE n = 1 OR id = 2")
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        check(&mut first, &[("COMMIT", "COMMIT")]);
        assert_eq!(waiting.join().unwrap(), "UPDATE 1");
    });
    check(&mut first, &[("SELECT n FROM t ORDER BY id", "7; 20")]);
    let mut old = database.session().unwrap();
    check(&mut old, &[("BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN"), ("SELECT n FROM t WHERE id = 1", "7")]);
    check(&mut first, &[("UPDATE t SET n = 8 WHERE id = 1", "UPDATE 1")]);
    check(&mut old, &[("UPDATE t SET n = 9 WHERE id = 1", "40001"), ("ROLLBACK", "ROLLBACK")]);
}

#[test]
fn who_inserts_a_key_waits_for_another_who_does() {
    let (database, mut first) = database(&["CREATE TABLE t (id int PRIMARY KEY)"]);
    for (end, expected) in [("COMMIT", "23505"), ("ROLLBACK", "INSERT 0 1")] {
        check(&mut first, &[("DELETE FROM t", if end == "COMMIT" { "DELETE 0" } else { "DELETE 1" })]);
        check(&mut first, &[("BEGIN", "BEGIN"), ("INSERT INTO t VALUES (1)", "INSERT 0 1")]);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| ask(&mut database.session().unwrap(), "INSERT INTO t VALUES (1)"));
            std::thread::sleep(std::time::Duration::from_millis(50));
            check(&mut first, &[(end, end)]);
            assert_eq!(waiting.join().unwrap(), expected);
        });
    }
}

#[test]
fn rows_are_locked_by_those_who_only_look() {
    let (database, mut first) = database(&["CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)"]);
    let mut second = database.session().unwrap();
    check(&mut first, &[("BEGIN", "BEGIN"), ("SELECT id FROM t WHERE id = 1 FOR UPDATE", "1")]);
    check(
        &mut second,
        &[
            ("SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED", "2"),
            ("SELECT id FROM t WHERE id = 1 FOR SHARE NOWAIT", "55P03"),
            ("SET lock_timeout = '20ms'", "SET"),
            ("UPDATE t SET id = 1 WHERE id = 1", "55P03"),
        ],
    );
    check(&mut first, &[("COMMIT", "COMMIT")]);
    check(&mut second, &[("SELECT id FROM t WHERE id = 1 FOR UPDATE", "1")]);
}

#[test]
fn a_child_waits_for_whoever_removes_its_parent() {
    let (database, mut first) = database(&[
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE c (p int REFERENCES p)",
        "INSERT INTO p VALUES (1)",
    ]);
    check(&mut first, &[("BEGIN", "BEGIN"), ("DELETE FROM p", "DELETE 1")]);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&mut database.session().unwrap(), "INSERT INTO c VALUES (1)"));
        std::thread::sleep(std::time::Duration::from_millis(50));
        check(&mut first, &[("COMMIT", "COMMIT")]);
        assert_eq!(waiting.join().unwrap(), "23503");
    });
    check(&mut first, &[("SELECT count(*) FROM c", "0")]);
}
