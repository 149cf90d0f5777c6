//! Functions and operators: pg_proc, pg_operator, pg_aggregate, pg_language.

use std::sync::{Arc, OnceLock};

use datafusion::logical_expr::Volatility;
use marquetry_functions::registry::{Pattern, Returns};
use marquetry_functions::{Function, FunctionKind, Registry, SqlType};

use super::rows::{int2, oid, oids, text};
use super::{Look, OWNER_OID, PG_CATALOG, PG_CATALOG_OID, SystemRelation};
use crate::error::Result;
use crate::table::Value;

pub(super) static RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        oid: 1255,
        schema: PG_CATALOG,
        name: "pg_proc",
        columns: "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, procost float4, \
                  prorows float4, provariadic oid, prosupport oid, prokind char, prosecdef bool, proleakproof bool, \
                  proisstrict bool, proretset bool, provolatile char, proparallel char, pronargs int2, \
                  pronargdefaults int2, prorettype oid, proargtypes oid[], proallargtypes oid[], proargmodes char[], \
                  proargnames text[], proargdefaults text, protrftypes oid[], prosrc text, probin text, \
                  prosqlbody text, proconfig text[], proacl text[]",
        rows: routines,
    },
    SystemRelation {
        oid: 2617,
        schema: PG_CATALOG,
        name: "pg_operator",
        columns: "oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind char, oprcanmerge bool, \
                  oprcanhash bool, oprleft oid, oprright oid, oprresult oid, oprcom oid, oprnegate oid, oprcode oid, \
                  oprrest oid, oprjoin oid",
        rows: operators,
    },
    SystemRelation {
        oid: 2612,
        schema: PG_CATALOG,
        name: "pg_language",
        columns: "oid oid, lanname name, lanowner oid, lanispl bool, lanpltrusted bool, lanplcallfoid oid, \
                  laninline oid, lanvalidator oid, lanacl text[]",
        rows: |_| {
            let row = |(number, name): (u32, &str)| {
                vec![oid(number), text(name), oid(OWNER_OID), Value::Bool(false), Value::Bool(false)]
            };
            Ok([(12, "internal"), (14, "sql")].into_iter().map(row).collect())
        },
    },
];

/// The function that reads arrays from text.
pub(super) const ARRAY_IN_OID: u32 = 750;
/// The function that reads arrays from bytes.
pub(super) const ARRAY_RECEIVE_OID: u32 = 2400;
const ENUM_IN_OID: u32 = 3504;
const ENUM_RECEIVE_OID: u32 = 3532;
/// Numbers of the functions that read built-in types begin here.
const INPUT_OIDS: u32 = 0x5000_0000;
const RECEIVE_OIDS: u32 = 0x5100_0000;
/// Numbers of all other functions begin here.
const FUNCTION_OIDS: u32 = 0x4000_0000;

/// The number of the function that reads a type from text.
pub(super) fn input_oid(sql_type: &SqlType) -> u32 {
    if matches!(sql_type, SqlType::Enum(_)) { ENUM_IN_OID } else { INPUT_OIDS + sql_type.oid() }
}

/// The number of the function that reads a type from bytes.
pub(super) fn receive_oid(sql_type: &SqlType) -> u32 {
    if matches!(sql_type, SqlType::Enum(_)) { ENUM_RECEIVE_OID } else { RECEIVE_OIDS + sql_type.oid() }
}

/// All functions and operators, in an order that stays.
fn all() -> &'static [Arc<Function>] {
    static ALL: OnceLock<Vec<Arc<Function>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let registry = Registry::standard().with(super::functions());
        let mut functions: Vec<Arc<Function>> = registry.iter().cloned().collect();
        functions.sort_by_cached_key(|function| {
            (function.name.clone(), function.arguments.iter().map(Pattern::oid).collect::<Vec<u32>>())
        });
        functions
    })
}

/// The functions that read types, by number and name.
fn readers() -> Vec<(u32, String)> {
    let mut found = vec![
        (ARRAY_IN_OID, "array_in".to_owned()),
        (ARRAY_RECEIVE_OID, "array_recv".to_owned()),
        (ENUM_IN_OID, "enum_in".to_owned()),
        (ENUM_RECEIVE_OID, "enum_recv".to_owned()),
    ];
    for sql_type in SqlType::builtin() {
        let name = sql_type.type_name();
        found.push((input_oid(&sql_type), format!("{name}in")));
        found.push((receive_oid(&sql_type), format!("{name}recv")));
    }
    found
}

/// The name of the function with the number `oid`.
pub(super) fn name_of(number: u32) -> Option<String> {
    if let Some((_, name)) = readers().into_iter().find(|(known, _)| *known == number) {
        return Some(name);
    }
    let place = usize::try_from(number.checked_sub(FUNCTION_OIDS)?).ok()?;
    all().get(place).filter(|function| !function.is_operator()).map(|function| function.name.clone())
}

/// The number of the only, or the first, function called `name`.
pub(super) fn oid_of(name: &str) -> Option<u32> {
    if let Some((number, _)) = readers().into_iter().find(|(_, known)| known == name) {
        return Some(number);
    }
    let place = all().iter().position(|function| function.name == name)?;
    u32::try_from(place).ok().map(|place| FUNCTION_OIDS + place)
}

fn returned(returns: &Returns) -> u32 {
    match returns {
        Returns::One(pattern) | Returns::Set(pattern) => pattern.oid(),
        Returns::Table(columns) => match &columns[..] {
            [(_, only)] => only.oid(),
            _ => Pattern::Record.oid(),
        },
    }
}

fn numbered() -> impl Iterator<Item = (u32, &'static Arc<Function>)> {
    all().iter().enumerate().map(|(place, function)| (FUNCTION_OIDS + u32::try_from(place).unwrap_or(0), function))
}

fn routines(_: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows: Vec<Vec<Value>> = numbered()
        .filter(|(_, function)| !function.is_operator())
        .map(|(number, function)| row(number, function))
        .collect();
    for (number, name) in readers() {
        let mut values = vec![oid(number), text(name), oid(PG_CATALOG_OID), oid(OWNER_OID), oid(12)];
        values.extend([Value::Float4(1.0), Value::Float4(0.0), oid(0), oid(0), text("f")]);
        values.extend([Value::Bool(false), Value::Bool(false), Value::Bool(true), Value::Bool(false)]);
        values.extend([text("i"), text("s"), int2(1), int2(0), oid(0), oids([2275])]);
        rows.push(values);
    }
    Ok(rows)
}

fn row(number: u32, function: &Function) -> Vec<Value> {
    let kind = match function.kind {
        FunctionKind::Scalar | FunctionKind::SetReturning => "f",
        FunctionKind::Aggregate => "a",
        FunctionKind::Window => "w",
    };
    let volatility = match function.volatility {
        Volatility::Immutable => "i",
        Volatility::Stable => "s",
        Volatility::Volatile => "v",
    };
    let variadic = if function.variadic { function.arguments.last().map_or(0, Pattern::oid) } else { 0 };
    let is_set = function.kind == FunctionKind::SetReturning;
    let mut values = vec![oid(number), text(function.name.as_str()), oid(PG_CATALOG_OID), oid(OWNER_OID), oid(12)];
    values.extend([Value::Float4(1.0), Value::Float4(if is_set { 1000.0 } else { 0.0 }), oid(variadic), oid(0)]);
    values.extend([text(kind), Value::Bool(false), Value::Bool(false), Value::Bool(function.strict)]);
    values.extend([Value::Bool(is_set), text(volatility), text("s"), int2(function.arguments.len()), int2(0)]);
    values.extend([oid(returned(&function.returns)), oids(function.arguments.iter().map(Pattern::oid))]);
    values.extend([Value::Null, Value::Null, Value::Null, Value::Null, Value::Null, text(function.name.as_str())]);
    values
}

fn operators(_: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |(number, function): (u32, &'static Arc<Function>)| {
        let (left, right) = match &function.arguments[..] {
            [only] => (0, only.oid()),
            [left, right, ..] => (left.oid(), right.oid()),
            [] => (0, 0),
        };
        vec![
            oid(number),
            text(function.name.as_str()),
            oid(PG_CATALOG_OID),
            oid(OWNER_OID),
            text(if left == 0 { "l" } else { "b" }),
            Value::Bool(false),
            Value::Bool(false),
            oid(left),
            oid(right),
            oid(returned(&function.returns)),
            oid(0),
            oid(0),
            oid(number),
            oid(0),
            oid(0),
        ]
    };
    Ok(numbered().filter(|(_, function)| function.is_operator()).map(row).collect())
}
