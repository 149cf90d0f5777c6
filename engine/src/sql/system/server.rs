//! The server as its clients see it: databases, users, settings, what runs.

use super::rows::{oid, text};
use super::{DATABASE_OID, Look, OWNER_OID, PG_CATALOG, PG_CATALOG_OID, SystemRelation};
use crate::error::Result;
use crate::table::Value;

pub(super) static RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        oid: 1262,
        schema: PG_CATALOG,
        name: "pg_database",
        columns: "oid oid, datname name, datdba oid, encoding int4, datlocprovider char, datistemplate bool, \
                  datallowconn bool, datconnlimit int4, datfrozenxid xid, datminmxid xid, dattablespace oid, \
                  datcollate text, datctype text, daticulocale text, daticurules text, datcollversion text, \
                  datacl text[]",
        rows: databases,
    },
    SystemRelation {
        oid: 1260,
        schema: PG_CATALOG,
        name: "pg_authid",
        columns: "oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, \
                  rolcanlogin bool, rolreplication bool, rolbypassrls bool, rolconnlimit int4, rolpassword text, \
                  rolvaliduntil timestamptz",
        rows: authorizations,
    },
    SystemRelation {
        oid: 12_001,
        schema: PG_CATALOG,
        name: "pg_roles",
        columns: "rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, \
                  rolcanlogin bool, rolreplication bool, rolconnlimit int4, rolpassword text, \
                  rolvaliduntil timestamptz, rolbypassrls bool, rolconfig text[], oid oid",
        rows: roles,
    },
    SystemRelation {
        oid: 12_002,
        schema: PG_CATALOG,
        name: "pg_user",
        columns: "usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool, \
                  passwd text, valuntil timestamptz, useconfig text[]",
        rows: users,
    },
    SystemRelation {
        oid: 12_003,
        schema: PG_CATALOG,
        name: "pg_settings",
        columns: "name text, setting text, unit text, category text, short_desc text, extra_desc text, context text, \
                  vartype text, source text, min_val text, max_val text, enumvals text[], boot_val text, \
                  reset_val text, sourcefile text, sourceline int4, pending_restart bool",
        rows: settings,
    },
    SystemRelation {
        oid: 2601,
        schema: PG_CATALOG,
        name: "pg_am",
        columns: "oid oid, amname name, amhandler oid, amtype char",
        rows: |_| {
            let row = |(number, name, kind): (u32, &str, &str)| vec![oid(number), text(name), oid(0), text(kind)];
            Ok([(2, "heap", "t"), (403, "btree", "i")].into_iter().map(row).collect())
        },
    },
    SystemRelation {
        oid: 1213,
        schema: PG_CATALOG,
        name: "pg_tablespace",
        columns: "oid oid, spcname name, spcowner oid, spcacl text[], spcoptions text[]",
        rows: |_| {
            let row = |(number, name): (u32, &str)| vec![oid(number), text(name), oid(OWNER_OID)];
            Ok([(1663, "pg_default"), (1664, "pg_global")].into_iter().map(row).collect())
        },
    },
    SystemRelation {
        oid: 12_004,
        schema: PG_CATALOG,
        name: "pg_stat_activity",
        columns: "datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, \
                  application_name text, client_addr text, client_hostname text, client_port int4, \
                  backend_start timestamptz, xact_start timestamptz, query_start timestamptz, \
                  state_change timestamptz, wait_event_type text, wait_event text, state text, backend_xid xid, \
                  backend_xmin xid, query_id int8, query text, backend_type text",
        rows: activity,
    },
    SystemRelation {
        oid: 3602,
        schema: PG_CATALOG,
        name: "pg_ts_config",
        columns: "oid oid, cfgname name, cfgnamespace oid, cfgowner oid, cfgparser oid",
        rows: |_| {
            let row = |(number, name): (u32, &str)| {
                vec![oid(number), text(name), oid(PG_CATALOG_OID), oid(OWNER_OID), oid(0)]
            };
            Ok([(3748, "simple"), (13_900, "english")].into_iter().map(row).collect())
        },
    },
];

/// The name of the one database.
pub(super) const DATABASE: &str = "marquetry";
/// The number of UTF8 among the encodings.
const UTF8: i32 = 6;

fn databases(_: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    Ok(vec![vec![
        oid(DATABASE_OID),
        text(DATABASE),
        oid(OWNER_OID),
        Value::Int4(UTF8),
        text("c"),
        Value::Bool(false),
        Value::Bool(true),
        Value::Int4(-1),
        oid(0),
        oid(0),
        oid(1663),
        text("C"),
        text("C.UTF-8"),
    ]])
}

fn authorizations(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut row = vec![oid(OWNER_OID), text(look.session.user())];
    row.extend((0..7).map(|_| Value::Bool(true)));
    row.push(Value::Int4(-1));
    Ok(vec![row])
}

fn roles(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut row = vec![text(look.session.user())];
    row.extend((0..6).map(|_| Value::Bool(true)));
    row.extend([Value::Int4(-1), Value::Null, Value::Null, Value::Bool(true), Value::Null, oid(OWNER_OID)]);
    Ok(vec![row])
}

fn users(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut row = vec![text(look.session.user()), oid(OWNER_OID)];
    row.extend((0..4).map(|_| Value::Bool(true)));
    Ok(vec![row])
}

fn settings(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |(name, value): (String, String)| {
        vec![
            text(name),
            text(value.as_str()),
            Value::Null,
            text("Client Connection Defaults"),
            text(""),
            Value::Null,
            text("user"),
            text("string"),
            text("session"),
            Value::Null,
            Value::Null,
            Value::Null,
            text(value.as_str()),
            text(value),
            Value::Null,
            Value::Null,
            Value::Bool(false),
        ]
    };
    Ok(look.session.settings.read().all().into_iter().map(row).collect())
}

fn activity(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut row = vec![oid(DATABASE_OID), text(DATABASE), Value::Int4(look.session.id), Value::Null, oid(OWNER_OID)];
    row.extend([text(look.session.user()), text(look.session.setting("application_name").unwrap_or_default())]);
    row.extend((0..9).map(|_| Value::Null));
    row.extend([text("active"), Value::Null, Value::Null, Value::Null, Value::Null, text("client backend")]);
    Ok(vec![row])
}
