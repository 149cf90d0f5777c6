//! Functions about the session itself: who, where, settings, locks by number, messages.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::ArrayRef;
use bytes::Bytes;
use marquetry_functions::{Call, Condition, Function, Implementation, SqlError, SqlResult};

use super::SessionContext;
use super::settings::POSTGRESQL_RELEASE;
use crate::error::{Error, Result};
use crate::kv::{LockMode, LockWait, WaitPolicy, advisory_key};
use crate::sql::execute::{array_of, values_of};
use crate::table::Value;

/// The database's name for SQL.
pub(crate) const DATABASE: &str = "marquetry";

type RowFn = fn(&Arc<SessionContext>, &[Value]) -> Result<Value>;

/// All functions about the session.
pub(crate) fn functions() -> Vec<Function> {
    let stable: [(&str, RowFn); 21] = [
        ("version() text", |_, _| {
            let version = env!("CARGO_PKG_VERSION");
            text(format!("PostgreSQL {POSTGRESQL_RELEASE} (Marquetry {version}) on {}", std::env::consts::ARCH))
        }),
        ("current_database() name", |_, _| text(DATABASE)),
        ("current_catalog() name", |_, _| text(DATABASE)),
        ("current_user() name", |context, _| text(context.user())),
        ("current_role() name", |context, _| text(context.user())),
        ("session_user() name", |context, _| text(context.user())),
        ("system_user() text", |context, _| text(context.user())),
        ("user() name", |context, _| text(context.user())),
        ("current_schema() name", |context, _| Ok(first_schema(context)?.map_or(Value::Null, Value::Text))),
        ("current_schemas(bool) name[]", current_schemas),
        ("pg_backend_pid() int4", |context, _| Ok(Value::Int4(context.id))),
        ("current_setting(text) text", |context, arguments| setting(context, arguments, false)),
        ("current_setting(text, bool) text", |context, arguments| {
            setting(context, arguments, arguments[1].as_bool() == Some(true))
        }),
        ("pg_is_in_recovery() bool", |_, _| Ok(Value::Bool(false))),
        ("pg_client_encoding() name", |_, _| text("UTF8")),
        ("inet_server_addr() text", |_, _| Ok(Value::Null)),
        ("inet_client_addr() text", |_, _| Ok(Value::Null)),
        ("txid_current() int8", version),
        ("txid_current_if_assigned() int8", version),
        ("pg_my_temp_schema() oid", |_, _| Ok(Value::Int8(0))),
        ("pg_jit_available() bool", |_, _| Ok(Value::Bool(false))),
    ];
    let volatile: [(&str, RowFn); 4] = [
        ("set_config(text, text, bool) text", set_config),
        ("pg_sleep(float8) void", sleep),
        ("pg_notify(text, text) void", notify),
        ("pg_advisory_unlock_all() void", |context, _| {
            context.locker.unlock_all();
            text("")
        }),
    ];
    let stable = stable.into_iter().map(|(signature, run)| by_row(signature, run).stable());
    let volatile = volatile.into_iter().map(|(signature, run)| by_row(signature, run).volatile());
    stable.chain(volatile).chain(advisory_functions()).chain(super::search::functions()).collect()
}

/// A function of single values that knows its session.
pub(crate) fn by_row(
    signature: &str,
    run: impl Fn(&Arc<SessionContext>, &[Value]) -> Result<Value> + Send + Sync + 'static,
) -> Function {
    let arrays = move |call: &Call, arrays: &[ArrayRef], rows: usize| -> SqlResult<ArrayRef> {
        let context = call.environment.context::<SessionContext>().ok_or_else(|| {
            SqlError::new(Condition::InternalError, "a function of the session is called without one")
        })?;
        let columns = arrays.iter().zip(&call.arguments).map(|(array, sql_type)| values_of(array, sql_type));
        let columns = columns.collect::<Result<Vec<_>>>().map_err(as_sql)?;
        let mut results = Vec::with_capacity(rows);
        for row in 0..rows {
            let arguments: Vec<Value> = columns.iter().map(|column| column[row].clone()).collect();
            results.push(run(&context, &arguments).map_err(as_sql)?);
        }
        array_of(results.iter(), &call.returns).map_err(as_sql)
    };
    Function::new(signature, Implementation::arrays(arrays))
}

pub(super) fn as_sql(error: Error) -> SqlError {
    match SqlError::inside(&error) {
        Some(found) => found.clone(),
        None => SqlError::new(Condition::InternalError, error.message()),
    }
}

#[allow(clippy::unnecessary_wraps, reason = "it is what functions of rows return")]
fn text(text: impl Into<String>) -> Result<Value> {
    Ok(Value::Text(text.into()))
}

fn first_schema(context: &SessionContext) -> Result<Option<String>> {
    for name in context.search_path() {
        if name == "public" || name == "pg_catalog" || has_schema(context, &name)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn has_schema(context: &SessionContext, name: &str) -> Result<bool> {
    let Some(source) = context.source() else { return Ok(false) };
    crate::sql::catalog::Catalog::new(&source.shared, &*source.reader).has_schema(name)
}

fn current_schemas(context: &Arc<SessionContext>, arguments: &[Value]) -> Result<Value> {
    let mut names = Vec::new();
    if arguments[0].as_bool() == Some(true) {
        names.push(Value::Text("pg_catalog".to_owned()));
    }
    for name in context.search_path() {
        if name == "public" || has_schema(context, &name)? {
            names.push(Value::Text(name));
        }
    }
    Ok(Value::Array(names))
}

fn setting(context: &Arc<SessionContext>, arguments: &[Value], missing_is_null: bool) -> Result<Value> {
    let name = arguments[0].as_text().unwrap_or_default();
    match context.setting(name) {
        Some(value) => text(value),
        None if missing_is_null => Ok(Value::Null),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(SqlError::new(Condition::UndefinedObject, message).into())
        }
    }
}

/// Changes a setting; the session applies what else that means when the statement is over.
fn set_config(context: &Arc<SessionContext>, arguments: &[Value]) -> Result<Value> {
    let name = arguments[0].as_text().unwrap_or_default();
    let value = arguments[1].as_text().unwrap_or_default();
    let is_local = arguments[2].as_bool() == Some(true);
    context.asked.lock().settings.push((name.to_owned(), value.to_owned(), is_local));
    let (name, _) = context.settings.write().set(name, Some(value))?;
    text(context.setting(&name).unwrap_or_default())
}

fn notify(context: &Arc<SessionContext>, arguments: &[Value]) -> Result<Value> {
    let channel = arguments[0].as_text().unwrap_or_default().to_owned();
    let payload = arguments[1].as_text().unwrap_or_default().to_owned();
    context.asked.lock().notifications.push((channel, payload));
    text("")
}

fn version(context: &Arc<SessionContext>, _arguments: &[Value]) -> Result<Value> {
    let version = context.source().map_or(0, |source| source.reader.version().number());
    Ok(Value::Int8(i64::try_from(version).unwrap_or(i64::MAX)))
}

/// Sleeps in steps, so that it can be stopped.
fn sleep(context: &Arc<SessionContext>, arguments: &[Value]) -> Result<Value> {
    let Some(source) = context.source() else { return text("") };
    let seconds = arguments[0].as_float().unwrap_or(0.0).clamp(0.0, 1e9);
    let end_micros = source.interrupter.now_micros() + (seconds * 1e6) as u64;
    loop {
        source.interrupter.check()?;
        let left_micros = end_micros.saturating_sub(source.interrupter.now_micros());
        if left_micros == 0 {
            return text("");
        }
        std::thread::sleep(Duration::from_micros(left_micros.min(10_000)));
    }
}

/// How an advisory lock is taken.
#[derive(Clone, Copy)]
struct Advisory {
    mode: LockMode,
    is_tried: bool,
    ends_with_transaction: bool,
}

fn advisory_functions() -> Vec<Function> {
    let mut functions = Vec::new();
    for (suffix, mode) in [("", LockMode::Update), ("_shared", LockMode::Share)] {
        for arguments in ["int8", "int4, int4"] {
            for (prefix, is_tried, returns) in [("pg", false, "void"), ("pg_try", true, "bool")] {
                for (middle, ends_with_transaction) in [("advisory_lock", false), ("advisory_xact_lock", true)] {
                    let signature = format!("{prefix}_{middle}{suffix}({arguments}) {returns}");
                    let how = Advisory { mode, is_tried, ends_with_transaction };
                    functions.push(by_row(&signature, move |context, keys| lock(context, keys, how)).volatile());
                }
            }
            let signature = format!("pg_advisory_unlock{suffix}({arguments}) bool");
            let unlock = move |context: &Arc<SessionContext>, keys: &[Value]| {
                Ok(Value::Bool(context.locker.unlock(&advisory(keys), mode)))
            };
            functions.push(by_row(&signature, unlock).volatile());
        }
    }
    functions
}

/// The key of an advisory lock: one number of 64 bits, or two of 32, which are others.
fn advisory(keys: &[Value]) -> Bytes {
    let mut name = vec![u8::try_from(keys.len()).unwrap_or(0)];
    for key in keys {
        name.extend_from_slice(&key.as_integer().unwrap_or(0).to_be_bytes());
    }
    advisory_key(&name)
}

fn lock(context: &Arc<SessionContext>, keys: &[Value], how: Advisory) -> Result<Value> {
    let key = advisory(keys);
    let source = context.source();
    let policy = match how.is_tried {
        true => WaitPolicy::SkipLocked,
        false => WaitPolicy::Wait(context.lock_timeout()),
    };
    let interrupt = source.as_ref().map(|source| source.interrupter.waits());
    let wait = LockWait { policy, interrupt };
    let transaction = source.as_ref().and_then(|source| source.reader.as_transaction());
    let is_locked = match (how.ends_with_transaction, transaction) {
        (false, _) => context.locker.lock_again(&key, how.mode, wait)?,
        (true, Some(transaction)) => transaction.lock(&key, how.mode, wait)? != crate::kv::Locked::Skipped,
        // On its own the statement is its transaction: the lock ends with it.
        (true, None) => {
            let is_locked = context.locker.lock_again(&key, how.mode, wait)?;
            if is_locked {
                context.locker.unlock(&key, how.mode);
            }
            is_locked
        }
    };
    match how.is_tried {
        true => Ok(Value::Bool(is_locked)),
        false => text(""),
    }
}
