"""psycopg 3: parameters of many types in both formats, prepared statements, transactions, COPY, pipelines, errors."""

import datetime
import decimal
import sys
import uuid

import psycopg
from psycopg.types.json import Jsonb

DSN = sys.argv[1]

VALUES = [
    ("int4", 7),
    ("int8", 2**40),
    ("float8", 1.5),
    ("bool", True),
    ("text", "it's ä"),
    ("numeric", decimal.Decimal("12345678901234567890.0123456789")),
    ("bytea", b"\x00\xff"),
    ("date", datetime.date(1999, 12, 31)),
    ("time", datetime.time(23, 59, 59, 250000)),
    ("timestamp", datetime.datetime(1999, 12, 31, 23, 59, 59)),
    ("timestamptz", datetime.datetime(1999, 12, 31, tzinfo=datetime.timezone.utc)),
    ("interval", datetime.timedelta(days=3, seconds=5)),
    ("uuid", uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ("int4[]", [1, None, 3]),
    ("text[]", ["a b", ""]),
]


def types(connection):
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        for name, value in VALUES:
            marker = "%b" if binary else "%s"
            got = cursor.execute(f"SELECT {marker}::{name}", (value,)).fetchone()[0]
            assert got == value, (name, binary, value, got)
        assert cursor.execute("SELECT %s::int4", (None,)).fetchone()[0] is None
    got = connection.execute("SELECT %s::jsonb", (Jsonb({"a": [1, None]}),)).fetchone()[0]
    assert got == {"a": [1, None]}, got


def statements(connection):
    connection.execute("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL)")
    for number in range(20):
        connection.execute("INSERT INTO people VALUES (%s, %s)", (number, f"name {number}"))
    connection.commit()
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE people SET name = %s WHERE id = %s", [("x", 1), ("y", 2)])
        assert cursor.rowcount == 2, cursor.rowcount
        rows = cursor.execute("SELECT id, name FROM people WHERE id < 3 ORDER BY id").fetchall()
        assert rows == [(0, "name 0"), (1, "x"), (2, "y")], rows
    connection.rollback()


def failures(connection):
    try:
        connection.execute("INSERT INTO people VALUES (0, 'again')")
        raise AssertionError("a second row with the same key was taken")
    except psycopg.errors.UniqueViolation as error:
        assert error.diag.table_name == "people" and error.diag.constraint_name == "people_pkey", error.diag
    connection.rollback()
    with connection.transaction():
        try:
            with connection.transaction():
                connection.execute("INSERT INTO people VALUES (100, 'inner')")
                raise ValueError
        except ValueError:
            pass
        connection.execute("INSERT INTO people VALUES (101, 'outer')")
    connection.commit()
    found = connection.execute("SELECT id FROM people WHERE id >= 100").fetchall()
    assert found == [(101,)], found


def copy(connection):
    with connection.cursor().copy("COPY people (id, name) FROM STDIN") as sink:
        for number in range(200, 1200):
            sink.write_row((number, "tab\tand\nline"))
    connection.commit()
    assert connection.execute("SELECT count(*) FROM people WHERE id >= 200").fetchone()[0] == 1000
    with connection.cursor().copy("COPY people TO STDOUT") as source:
        assert sum(1 for _ in source.rows()) == 1021


def pipeline(connection):
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int4", (number,)) for number in range(50)]
    assert [cursor.fetchone()[0] for cursor in cursors] == list(range(50))
    connection.commit()


with psycopg.connect(DSN, autocommit=False) as connection:
    types(connection)
    connection.rollback()
    statements(connection)
    failures(connection)
    copy(connection)
    pipeline(connection)
    with connection.cursor(name="portal") as portal:
        portal.itersize = 7
        rows = list(portal.execute("SELECT id FROM people WHERE id < 20 ORDER BY id"))
        assert len(rows) == 20, rows
print("ok")
