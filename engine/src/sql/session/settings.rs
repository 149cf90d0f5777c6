//! The settings of a session: their names, what they may be, what they are.
//!
//! ```text
//!   built in <- SET <- SET LOCAL (until the transaction ends)
//! ```
//!
//! - A setting that would change nothing here is taken and shown as PostgreSQL's clients expect, if its value can be honoured;
//!   one that would have to change something that is not offered is refused.

use std::collections::BTreeMap;

use marquetry_functions::{Condition, SqlError};

/// The version of PostgreSQL whose behaviour is offered.
pub(crate) const POSTGRESQL_RELEASE: &str = "16.3";

/// What a setting may be.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bool,
    /// A number from .. to.
    Integer(i64, i64),
    /// A time in milliseconds, with a unit or without.
    Milliseconds,
    /// One of these.
    Choice(&'static [&'static str]),
    Text,
    /// Cannot be changed.
    Fixed,
}

struct Known {
    name: &'static str,
    default: &'static str,
    kind: Kind,
    /// Whether clients are told when it changes.
    is_reported: bool,
}

const fn known(name: &'static str, default: &'static str, kind: Kind) -> Known {
    Known { name, default, kind, is_reported: false }
}

const fn reported(name: &'static str, default: &'static str, kind: Kind) -> Known {
    Known { name, default, kind, is_reported: true }
}

const ON_OFF: Kind = Kind::Bool;
const ISOLATION: Kind = Kind::Choice(&["read uncommitted", "read committed", "repeatable read", "serializable"]);
const MESSAGES: Kind = Kind::Choice(&[
    "debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error", "fatal", "panic", "info",
]);

static KNOWN: &[Known] = &[
    reported("application_name", "", Kind::Text),
    known("backslash_quote", "safe_encoding", Kind::Choice(&["safe_encoding", "on", "off"])),
    known("bytea_output", "hex", Kind::Choice(&["hex"])),
    known("check_function_bodies", "on", ON_OFF),
    reported("client_encoding", "UTF8", Kind::Choice(&["UTF8", "utf-8", "unicode", "SQL_ASCII"])),
    known("client_min_messages", "notice", MESSAGES),
    reported("DateStyle", "ISO, MDY", Kind::Text),
    known("default_statistics_target", "100", Kind::Integer(1, 10_000)),
    known("default_tablespace", "", Kind::Choice(&["", "pg_default"])),
    known("default_table_access_method", "heap", Kind::Choice(&["heap"])),
    known("default_text_search_config", "pg_catalog.english", Kind::Text),
    known("default_with_oids", "off", Kind::Choice(&["off", "false"])),
    known("default_transaction_deferrable", "off", ON_OFF),
    known("default_transaction_isolation", "read committed", ISOLATION),
    reported("default_transaction_read_only", "off", ON_OFF),
    known("enable_hashjoin", "on", ON_OFF),
    known("enable_mergejoin", "on", ON_OFF),
    known("enable_nestloop", "on", ON_OFF),
    known("enable_seqscan", "on", ON_OFF),
    known("enable_indexscan", "on", ON_OFF),
    known("enable_bitmapscan", "on", ON_OFF),
    known("escape_string_warning", "on", ON_OFF),
    known("extra_float_digits", "1", Kind::Integer(-15, 3)),
    known("force_path", "auto", Kind::Choice(&["auto", "point", "relational"])),
    known("idle_in_transaction_session_timeout", "0", Kind::Choice(&["0", "0ms", "0s"])),
    reported("in_hot_standby", "off", Kind::Fixed),
    reported("integer_datetimes", "on", Kind::Fixed),
    reported("IntervalStyle", "postgres", Kind::Choice(&["postgres"])),
    known("jit", "off", ON_OFF),
    reported("is_superuser", "on", Kind::Fixed),
    known("lc_messages", "C", Kind::Text),
    known("lc_collate", "C", Kind::Fixed),
    known("lc_ctype", "C.UTF-8", Kind::Fixed),
    known("lock_timeout", "0", Kind::Milliseconds),
    known("max_identifier_length", "63", Kind::Fixed),
    known("max_index_keys", "32", Kind::Fixed),
    known("plan_cache_mode", "auto", Kind::Choice(&["auto", "force_custom_plan", "force_generic_plan"])),
    known("row_security", "on", ON_OFF),
    reported("search_path", "\"$user\", public", Kind::Text),
    reported("server_encoding", "UTF8", Kind::Fixed),
    reported("server_version", POSTGRESQL_RELEASE, Kind::Fixed),
    known("server_version_num", "160003", Kind::Fixed),
    reported("session_authorization", "marquetry", Kind::Text),
    known("role", "none", Kind::Text),
    reported("standard_conforming_strings", "on", Kind::Choice(&["on"])),
    known("statement_timeout", "0", Kind::Milliseconds),
    known("synchronous_commit", "on", Kind::Choice(&["on", "off", "local", "remote_write", "remote_apply"])),
    known("synchronize_seqscans", "on", ON_OFF),
    reported("TimeZone", "UTC", Kind::Text),
    known("transaction_deferrable", "off", ON_OFF),
    known("transaction_isolation", "read committed", ISOLATION),
    known("transaction_read_only", "off", ON_OFF),
    known("vacuum_cost_delay", "0", Kind::Milliseconds),
    known("work_mem", "4MB", Kind::Text),
    known("maintenance_work_mem", "64MB", Kind::Text),
    known("xmloption", "content", Kind::Choice(&["content", "document"])),
];

/// The settings of one session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    changed: BTreeMap<String, String>,
}

fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

impl Settings {
    /// The value of `name`, as it is shown.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let name = canonical(name);
        match self.changed.get(&name) {
            Some(value) => Some(value.clone()),
            None => find(&name).map(|known| known.default.to_owned()),
        }
    }

    /// Changes `name`, or puts it back with `None`; the name as it is shown, and whether clients are told.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<(String, bool), SqlError> {
        let shown = canonical(name);
        let Some(known) = find(name) else {
            // Names with a dot are the application's own.
            if !name.contains('.') {
                return Err(SqlError::new(
                    Condition::UndefinedObject,
                    format!("unrecognized configuration parameter \"{name}\""),
                ));
            }
            match value {
                Some(value) => drop(self.changed.insert(shown.clone(), value.to_owned())),
                None => drop(self.changed.remove(&shown)),
            }
            return Ok((shown, false));
        };
        match value {
            None => drop(self.changed.remove(&shown)),
            Some(value) => {
                let value = checked(known, value)?;
                self.changed.insert(shown.clone(), value);
            }
        }
        Ok((shown, known.is_reported))
    }

    /// Puts everything back but who the user is.
    pub(super) fn reset_all(&mut self) {
        self.changed.retain(|name, _| name == "session_authorization");
    }

    /// All names with their values.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        let built_in = KNOWN.iter().map(|known| known.name.to_owned());
        let own = self.changed.keys().filter(|name| find(name).is_none()).cloned();
        built_in.chain(own).filter_map(|name| self.get(&name).map(|value| (name, value))).collect()
    }

    /// The names of the settings that clients are told of.
    pub(super) fn reported() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().filter(|known| known.is_reported).map(|known| known.name)
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).as_deref() == Some("on")
    }

    /// The path that statements are to take: `auto`, `point` or `relational`.
    pub(crate) fn path(&self) -> &str {
        self.changed.get("force_path").map_or("auto", String::as_str)
    }

    pub(super) fn statement_timeout_ms(&self) -> u64 {
        self.get("statement_timeout").and_then(|text| milliseconds(&text)).unwrap_or(0)
    }

    pub(crate) fn lock_timeout_ms(&self) -> u64 {
        self.get("lock_timeout").and_then(|text| milliseconds(&text)).unwrap_or(0)
    }

    /// The schemas that names without one are looked for in.
    pub(crate) fn search_path(&self) -> Vec<String> {
        let text = self.get("search_path").unwrap_or_default();
        let user = self.get("session_authorization").unwrap_or_default();
        let one = |part: &str| {
            let part = part.trim();
            match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
                Some("$user") => user.clone(),
                Some(quoted) => quoted.replace("\"\"", "\""),
                None if part == "$user" => user.clone(),
                None => part.to_lowercase(),
            }
        };
        text.split(',').map(one).filter(|name| !name.is_empty()).collect()
    }
}

/// The name as PostgreSQL shows it.
fn canonical(name: &str) -> String {
    find(name).map_or_else(|| name.to_lowercase(), |known| known.name.to_owned())
}

fn checked(known: &Known, value: &str) -> Result<String, SqlError> {
    let invalid = || {
        SqlError::new(
            Condition::InvalidParameterValue,
            format!("invalid value for parameter \"{}\": \"{value}\"", known.name),
        )
    };
    match known.kind {
        Kind::Bool => match value.to_lowercase().as_str() {
            "on" | "true" | "yes" | "1" | "t" | "y" => Ok("on".to_owned()),
            "off" | "false" | "no" | "0" | "f" | "n" => Ok("off".to_owned()),
            _ => Err(SqlError::new(
                Condition::InvalidParameterValue,
                format!("parameter \"{}\" requires a Boolean value", known.name),
            )),
        },
        Kind::Integer(from, to) => match value.trim().parse::<i64>() {
            Ok(number) if (from..=to).contains(&number) => Ok(number.to_string()),
            Ok(number) => Err(SqlError::new(
                Condition::InvalidParameterValue,
                format!("{number} is outside the valid range for parameter \"{}\" ({from} .. {to})", known.name),
            )),
            Err(_) => Err(invalid()),
        },
        Kind::Milliseconds => milliseconds(value).map(shown_milliseconds).ok_or_else(invalid),
        Kind::Choice(choices) => {
            let found = choices.iter().find(|choice| choice.eq_ignore_ascii_case(value.trim()));
            match found {
                Some(&("utf-8" | "unicode")) => Ok("UTF8".to_owned()),
                Some(choice) => Ok((*choice).to_owned()),
                None => Err(invalid().hint(format!("Available values: {}.", choices.join(", ")))),
            }
        }
        Kind::Text if known.name == "DateStyle" => date_style(value).ok_or_else(invalid),
        Kind::Text => Ok(value.to_owned()),
        Kind::Fixed => Err(SqlError::new(
            Condition::CannotChangeRuntimeParameter,
            format!("parameter \"{}\" cannot be changed", known.name),
        )),
    }
}

/// Dates are printed in the ISO style, and read month first; other styles are refused rather than ignored.
fn date_style(value: &str) -> Option<String> {
    let is_known = |part: &str| matches!(part.trim().to_lowercase().as_str(), "iso" | "mdy" | "us" | "default");
    value.split(',').all(is_known).then(|| "ISO, MDY".to_owned())
}

fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match text[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn shown_milliseconds(ms: u64) -> String {
    match ms {
        0 => "0".to_owned(),
        ms if ms % 86_400_000 == 0 => format!("{}d", ms / 86_400_000),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}
