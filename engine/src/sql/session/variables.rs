//! SET, SHOW, RESET and DISCARD.

use std::sync::Arc;

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{self, ContextModifier, DiscardObject, Set};

use super::Session;
use super::rows::{Outcome, Rows};
use super::statements::text_columns;
use super::transaction::command;
use crate::error::Result;
use crate::sql::bind::parts;
use crate::sql::outcome::ColumnDescription;
use crate::table::Value;

impl Session {
    pub(super) fn set_statement(&mut self, set: &Set) -> Result<Outcome> {
        match set {
            Set::SingleAssignment { scope, hivevar: false, variable, values } => {
                let is_local = match scope {
                    None | Some(ContextModifier::Session) => false,
                    Some(ContextModifier::Local) => true,
                    Some(ContextModifier::Global) => return Err(SqlError::unsupported("SET GLOBAL").into()),
                };
                let name = parts(variable)?.join(".");
                let value = values.iter().map(setting_text).collect::<Result<Vec<_>, _>>()?.join(", ");
                let is_default = matches!(&values[..], [ast::Expr::Identifier(ident)] if is_word(ident, "default"));
                self.change_setting(&name, (!is_default).then_some(&value[..]), is_local)?;
            }
            Set::SetTimeZone { local, value } => {
                let text = setting_text(value)?;
                let is_default = matches!(text.to_lowercase().as_str(), "default" | "local");
                self.change_setting("TimeZone", (!is_default).then_some(&text[..]), *local)?;
            }
            Set::SetNames { charset_name, collation_name: None } => {
                self.change_setting("client_encoding", Some(&charset_name.value), false)?;
            }
            Set::SetNamesDefault {} => self.change_setting("client_encoding", None, false)?,
            Set::SetTransaction { modes, snapshot: None, session: false } => self.set_modes(modes)?,
            Set::SetTransaction { modes, snapshot: None, session: true } => self.set_session_modes(modes)?,
            Set::SetRole { context_modifier: _, role_name: None } => {}
            other => return Err(SqlError::unsupported(format!("{other}")).into()),
        }
        Ok(command("SET"))
    }

    /// `SET SESSION CHARACTERISTICS AS TRANSACTION`.
    fn set_session_modes(&mut self, modes: &[ast::TransactionMode]) -> Result<()> {
        for mode in modes {
            match mode {
                ast::TransactionMode::IsolationLevel(level) => {
                    let level = level.to_string().to_lowercase();
                    self.change_setting("default_transaction_isolation", Some(&level), false)?;
                }
                ast::TransactionMode::AccessMode(access) => {
                    let is_read_only = *access == ast::TransactionAccessMode::ReadOnly;
                    let value = if is_read_only { "on" } else { "off" };
                    self.change_setting("default_transaction_read_only", Some(value), false)?;
                }
            }
        }
        Ok(())
    }

    /// Changes the setting `name`, or puts it back with `None`; until the end of the transaction only when `is_local`.
    pub(super) fn change_setting(&mut self, name: &str, value: Option<&str>, is_local: bool) -> Result<()> {
        if name.eq_ignore_ascii_case("transaction_isolation") || name.eq_ignore_ascii_case("transaction_read_only") {
            return self.change_transaction_setting(name, value);
        }
        if is_local && self.open.is_none() {
            self.warn(Condition::NoActiveTransaction, "SET LOCAL can only be used in transaction blocks");
            return Ok(());
        }
        let (name, is_reported) = self.context.settings.write().set(name, value)?;
        // Names may mean other things from here on.
        self.compiled.forget();
        if name == "TimeZone"
            && let Err(error) = self.apply_time_zone()
        {
            self.context.settings.write().set("TimeZone", None)?;
            return Err(error);
        }
        if is_local && let Some(open) = &mut self.open {
            open.local.push(name.clone());
        }
        if is_reported {
            self.changed_settings.push(name);
        }
        Ok(())
    }

    fn change_transaction_setting(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        use ast::{TransactionAccessMode as Access, TransactionIsolationLevel as Level, TransactionMode as Mode};
        let mode = match value.unwrap_or_default().to_lowercase().as_str() {
            "serializable" => Mode::IsolationLevel(Level::Serializable),
            "repeatable read" => Mode::IsolationLevel(Level::RepeatableRead),
            "read committed" | "read uncommitted" => Mode::IsolationLevel(Level::ReadCommitted),
            "on" | "true" | "1" => Mode::AccessMode(Access::ReadOnly),
            "off" | "false" | "0" => Mode::AccessMode(Access::ReadWrite),
            other => {
                let message = format!("invalid value for parameter \"{name}\": \"{other}\"");
                return Err(SqlError::new(Condition::InvalidParameterValue, message).into());
            }
        };
        self.set_modes(&[mode])
    }

    /// Makes functions follow the settings.
    pub(super) fn apply_settings(&mut self) {
        let _was_valid = self.apply_time_zone();
    }

    fn apply_time_zone(&mut self) -> Result<()> {
        let text = self.context.setting("TimeZone").unwrap_or_default();
        self.environment.set_time_zone(marquetry_functions::datetime::Zone::parse_setting(&text)?);
        Ok(())
    }

    /// The columns of SHOW.
    pub(super) fn show_columns(&self, variable: &[ast::Ident]) -> Arc<[ColumnDescription]> {
        match &shown_name(variable)[..] {
            "all" => text_columns(&["name", "setting", "description"]),
            name => text_columns(&[name]),
        }
    }

    pub(super) fn show(&mut self, variable: &[ast::Ident]) -> Result<Outcome> {
        let name = shown_name(variable);
        let columns = self.show_columns(variable);
        let rows = match &name[..] {
            "all" => {
                let all = self.context.settings.read().all();
                let row = |(name, value)| vec![Value::Text(name), Value::Text(value), Value::Text(String::new())];
                all.into_iter().map(row).collect()
            }
            name => {
                let value = self.transaction_setting(name).or_else(|| self.setting(name)).ok_or_else(|| {
                    let message = format!("unrecognized configuration parameter \"{name}\"");
                    SqlError::new(Condition::UndefinedObject, message)
                })?;
                vec![vec![Value::Text(value)]]
            }
        };
        Ok(Outcome::Rows(Rows::values(columns, rows, "SHOW")))
    }

    pub(super) fn reset(&mut self, reset: &ast::ResetStatement) -> Result<Outcome> {
        match &reset.reset {
            ast::Reset::ALL => self.reset_all(),
            ast::Reset::SessionAuthorization => {}
            ast::Reset::ConfigurationParameter(name) => {
                let name = parts(name)?.join(".");
                self.change_setting(&name, None, false)?;
            }
        }
        Ok(command("RESET"))
    }

    fn reset_all(&mut self) {
        self.context.settings.write().reset_all();
        self.changed_settings.extend(super::settings::Settings::reported().map(str::to_owned));
        self.apply_settings();
    }

    pub(super) fn discard(&mut self, what: &DiscardObject) -> Result<Outcome> {
        match what {
            DiscardObject::ALL => {
                if self.open.is_some() {
                    return Err(SqlError::new(
                        Condition::ActiveTransaction,
                        "DISCARD ALL cannot run inside a transaction block",
                    )
                    .into());
                }
                self.close_cursors();
                self.statements.clear();
                self.inbox.unlisten("*");
                self.reset_all();
                *self.context.sequences.lock() = Default::default();
                self.context.locker.unlock_all();
                Ok(command("DISCARD ALL"))
            }
            // Plans are made for each statement, and there are no temporary tables.
            DiscardObject::PLANS => Ok(command("DISCARD PLANS")),
            DiscardObject::TEMP => Ok(command("DISCARD TEMP")),
            DiscardObject::SEQUENCES => {
                *self.context.sequences.lock() = Default::default();
                Ok(command("DISCARD SEQUENCES"))
            }
        }
    }
}

fn is_word(ident: &ast::Ident, word: &str) -> bool {
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(word)
}

/// The name behind SHOW, in lower case.
fn shown_name(variable: &[ast::Ident]) -> String {
    let words: Vec<String> = variable.iter().map(|ident| ident.value.to_lowercase()).collect();
    match words.join(" ").as_str() {
        "time zone" => "timezone".to_owned(),
        "transaction isolation level" => "transaction_isolation".to_owned(),
        _ => words.join("."),
    }
}

/// The text of a value in SET.
fn setting_text(value: &ast::Expr) -> Result<String, SqlError> {
    Ok(match value {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) | ast::Value::EscapedStringLiteral(text) => text.clone(),
            other => other.to_string(),
        },
        ast::Expr::Identifier(ident) if ident.quote_style == Some('"') => format!("\"{}\"", ident.value),
        ast::Expr::Identifier(ident) => ident.value.clone(),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => format!("-{}", setting_text(expr)?),
        ast::Expr::Interval(interval) => setting_text(&interval.value)?,
        other => return Err(SqlError::unsupported(format!("the value {other} in SET"))),
    })
}
