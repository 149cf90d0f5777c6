//! Functions of sequences: nextval, currval, lastval, setval.

use marquetry_functions::{Condition, Function, SqlError};
use std::sync::Arc;

use super::Look;
use super::bridge::{changing, oid_of};
use crate::error::Result;
use crate::sql::catalog::{Relation, SequenceState, SqlSequence};
use crate::table::Value;

pub(super) fn functions() -> Vec<Function> {
    vec![
        changing("nextval(regclass) int8", |look, arguments| {
            let sequence = sequence(look, oid_of(arguments, 0))?;
            next(look, &sequence).map(Value::Int8)
        }),
        changing("currval(regclass) int8", |look, arguments| {
            let sequence = sequence(look, oid_of(arguments, 0))?;
            match look.session.sequences.lock().current.get(&sequence.id) {
                Some(number) => Ok(Value::Int8(*number)),
                None => {
                    let message =
                        format!("currval of sequence \"{}\" is not yet defined in this session", sequence.name);
                    Err(SqlError::new(Condition::ObjectNotInPrerequisiteState, message).into())
                }
            }
        }),
        changing("lastval() int8", |look, _| {
            let drawn = look.session.sequences.lock();
            match drawn.last.and_then(|last| drawn.current.get(&last)) {
                Some(number) => Ok(Value::Int8(*number)),
                None => {
                    let message = "lastval is not yet defined in this session";
                    Err(SqlError::new(Condition::ObjectNotInPrerequisiteState, message).into())
                }
            }
        }),
        changing("setval(regclass, int8) int8", |look, arguments| set(look, arguments, true)),
        changing("setval(regclass, int8, bool) int8", |look, arguments| {
            set(look, arguments, arguments.get(2).and_then(Value::as_bool).unwrap_or(true))
        }),
    ]
}

fn sequence(look: &Look<'_>, oid: u32) -> Result<Arc<SqlSequence>> {
    match look.catalog.relation_by_oid(oid)? {
        Some(Relation::Sequence(sequence)) => Ok(sequence),
        Some(_) => Err(SqlError::new(Condition::WrongObjectType, "the relation is not a sequence").into()),
        None => {
            let message = format!("relation with OID {oid} does not exist");
            Err(SqlError::new(Condition::UndefinedTable, message).into())
        }
    }
}

/// The next number of `sequence`, which the session remembers.
fn next(look: &Look<'_>, sequence: &SqlSequence) -> Result<i64> {
    let shared = look.catalog.shared;
    let number = shared.sql_catalog.numbers.next(&shared.keyspace, sequence)?;
    let mut drawn = look.session.sequences.lock();
    drawn.current.insert(sequence.id, number);
    drawn.last = Some(sequence.id);
    Ok(number)
}

fn set(look: &Look<'_>, arguments: &[Value], is_called: bool) -> Result<Value> {
    let sequence = sequence(look, oid_of(arguments, 0))?;
    let last = arguments.get(1).and_then(Value::as_integer).unwrap_or(0);
    let (minimum, maximum) = (sequence.definition.minimum, sequence.definition.maximum);
    if !(minimum..=maximum).contains(&last) {
        let message =
            format!("setval: value {last} is out of bounds for sequence \"{}\" ({minimum}..{maximum})", sequence.name);
        return Err(SqlError::new(Condition::NumericValueOutOfRange, message).into());
    }
    let shared = look.catalog.shared;
    shared.sql_catalog.numbers.set(&shared.keyspace, &sequence, SequenceState { last, is_called })?;
    if is_called {
        look.session.sequences.lock().current.insert(sequence.id, last);
    }
    Ok(Value::Int8(last))
}
