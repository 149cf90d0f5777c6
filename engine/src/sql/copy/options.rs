//! What the bytes of a COPY look like.

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{CopyLegacyCsvOption, CopyLegacyOption, CopyOption, Ident};

use crate::sql::bind::name;

/// The form of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Csv,
    Binary,
}

/// The options of one COPY.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) form: Form,
    pub(super) delimiter: u8,
    pub(super) null: String,
    pub(super) has_header: bool,
    pub(super) quote: u8,
    pub(super) escape: u8,
    /// Columns whose values are always quoted; `None` for all of them.
    pub(super) force_quote: Option<Vec<String>>,
    pub(super) force_not_null: Vec<String>,
    pub(super) force_null: Vec<String>,
}

/// What has been said so far.
#[derive(Default)]
struct Said {
    form: Option<Form>,
    delimiter: Option<char>,
    null: Option<String>,
    has_header: bool,
    quote: Option<char>,
    escape: Option<char>,
    force_quote: Vec<String>,
    force_not_null: Vec<String>,
    force_null: Vec<String>,
}

impl Options {
    /// The options that a statement gives, in the old way of writing them or the new one.
    pub(super) fn of(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<Self, SqlError> {
        let mut said = Said::default();
        for option in options {
            said.add(option)?;
        }
        for option in legacy {
            said.add_legacy(option)?;
        }
        said.finish()
    }
}

fn names(idents: &[Ident]) -> Vec<String> {
    idents.iter().map(name).collect()
}

impl Said {
    fn add(&mut self, option: &CopyOption) -> Result<(), SqlError> {
        match option {
            CopyOption::Format(form) => {
                self.form = Some(match form.value.to_lowercase().as_str() {
                    "text" => Form::Text,
                    "csv" => Form::Csv,
                    "binary" => Form::Binary,
                    other => {
                        let message = format!("COPY format \"{other}\" not recognized");
                        return Err(SqlError::new(Condition::InvalidParameterValue, message));
                    }
                });
            }
            // Rows that are written are always as if frozen: there is nothing to freeze.
            CopyOption::Freeze(_) => {}
            CopyOption::Delimiter(delimiter) => self.delimiter = Some(*delimiter),
            CopyOption::Null(null) => self.null = Some(null.clone()),
            CopyOption::Header(has_header) => self.has_header = *has_header,
            CopyOption::Quote(quote) => self.quote = Some(*quote),
            CopyOption::Escape(escape) => self.escape = Some(*escape),
            CopyOption::ForceQuote(columns) => self.force_quote = names(columns),
            CopyOption::ForceNotNull(columns) => self.force_not_null = names(columns),
            CopyOption::ForceNull(columns) => self.force_null = names(columns),
            CopyOption::Encoding(encoding) if matches!(encoding.to_lowercase().as_str(), "utf8" | "utf-8") => {}
            CopyOption::Encoding(encoding) => {
                return Err(SqlError::unsupported(format!("the encoding \"{encoding}\" of COPY")));
            }
        }
        Ok(())
    }

    fn add_legacy(&mut self, option: &CopyLegacyOption) -> Result<(), SqlError> {
        match option {
            CopyLegacyOption::Binary => self.form = Some(Form::Binary),
            CopyLegacyOption::Delimiter(delimiter) => self.delimiter = Some(*delimiter),
            CopyLegacyOption::Null(null) => self.null = Some(null.clone()),
            CopyLegacyOption::Csv(options) => {
                self.form = Some(Form::Csv);
                for option in options {
                    match option {
                        CopyLegacyCsvOption::Header => self.has_header = true,
                        CopyLegacyCsvOption::Quote(quote) => self.quote = Some(*quote),
                        CopyLegacyCsvOption::Escape(escape) => self.escape = Some(*escape),
                        CopyLegacyCsvOption::ForceQuote(columns) => self.force_quote = names(columns),
                        CopyLegacyCsvOption::ForceNotNull(columns) => self.force_not_null = names(columns),
                    }
                }
            }
            CopyLegacyOption::Header => self.has_header = true,
            other => return Err(SqlError::unsupported(format!("the option {other} of COPY"))),
        }
        Ok(())
    }

    fn finish(self) -> Result<Options, SqlError> {
        let form = self.form.unwrap_or(Form::Text);
        let byte = |given: Option<char>, what: &str, default: char| match u8::try_from(given.unwrap_or(default)) {
            Ok(byte) if byte.is_ascii() && byte != b'\n' && byte != b'\r' => Ok(byte),
            _ => Err(SqlError::new(
                Condition::InvalidParameterValue,
                format!("COPY {what} must be a single one-byte character"),
            )),
        };
        if form == Form::Binary && (self.delimiter.is_some() || self.null.is_some() || self.has_header) {
            return Err(SqlError::new(
                Condition::SyntaxError,
                "cannot specify DELIMITER, NULL or HEADER in BINARY mode",
            ));
        }
        if form != Form::Csv && (self.quote.is_some() || self.escape.is_some()) {
            return Err(SqlError::new(
                Condition::FeatureNotSupported,
                "COPY quote and escape available only in CSV mode",
            ));
        }
        let quote = byte(self.quote, "quote", '"')?;
        let (delimiter, null) = match form {
            Form::Csv => (',', ""),
            _ => ('\t', "\\N"),
        };
        Ok(Options {
            form,
            delimiter: byte(self.delimiter, "delimiter", delimiter)?,
            null: self.null.unwrap_or_else(|| null.to_owned()),
            has_header: self.has_header,
            quote,
            escape: byte(self.escape, "escape", char::from(quote))?,
            force_quote: Some(self.force_quote).filter(|columns| *columns != ["*"]),
            force_not_null: self.force_not_null,
            force_null: self.force_null,
        })
    }
}
