//! A column as a statement declares it.

use marquetry_functions::{Condition, SqlType};
use sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, DataType, Expr, GeneratedAs, GeneratedExpressionMode, Ident, IndexColumn,
    ObjectName, SequenceOptions, TableConstraint,
};

use super::name::name_of;
use super::{DefineContext, fail, unsupported};
use crate::error::Result;

/// What the declaration of a column says.
pub(super) struct NewColumn {
    pub(super) name: String,
    pub(super) sql_type: SqlType,
    pub(super) type_modifier: i32,
    pub(super) not_null: bool,
    pub(super) default: Option<Expr>,
    pub(super) generated: Option<Expr>,
    pub(super) numbering: Option<Numbering>,
    /// The constraints that stand with the column, as if they stood behind all columns.
    pub(super) constraints: Vec<TableConstraint>,
}

/// Where a column has its numbers from.
pub(super) struct Numbering {
    pub(super) kind: NumberingKind,
    pub(super) options: Vec<SequenceOptions>,
}

/// How a column gets its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberingKind {
    Serial,
    IdentityAlways,
    IdentityByDefault,
}

/// The type behind `serial` and its kin.
fn serial_type(data_type: &DataType) -> Option<SqlType> {
    let DataType::Custom(ObjectName(parts), modifiers) = data_type else { return None };
    match (&parts[..], modifiers.is_empty()) {
        ([part], true) => match part.to_string().to_lowercase().as_str() {
            "serial" | "serial4" => Some(SqlType::Int4),
            "bigserial" | "serial8" => Some(SqlType::Int8),
            "smallserial" | "serial2" => Some(SqlType::Int2),
            _ => None,
        },
        _ => None,
    }
}

impl NewColumn {
    /// The column that `definition` declares.
    pub(super) fn of(context: &DefineContext<'_>, definition: &ColumnDef) -> Result<Self> {
        let serial = serial_type(&definition.data_type);
        let (sql_type, type_modifier) = match &serial {
            Some(sql_type) => (sql_type.clone(), -1),
            None => context.meaning.data_type(&definition.data_type)?,
        };
        let numbering = serial.is_some().then(|| Numbering { kind: NumberingKind::Serial, options: Vec::new() });
        let mut column = NewColumn {
            name: name_of(&definition.name),
            sql_type,
            type_modifier,
            not_null: serial.is_some(),
            default: None,
            generated: None,
            numbering,
            constraints: Vec::new(),
        };
        let mut allows_null = false;
        for option in &definition.options {
            allows_null |= matches!(option.option, ColumnOption::Null);
            column.take(option, &definition.name)?;
        }
        if allows_null && column.not_null {
            let message = format!("conflicting NULL/NOT NULL declarations for column \"{}\"", column.name);
            return fail(Condition::SyntaxError, message);
        }
        Ok(column)
    }

    fn take(&mut self, option: &ColumnOptionDef, ident: &Ident) -> Result<()> {
        let columns = || vec![IndexColumn::from(ident.clone())];
        match &option.option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => self.not_null = true,
            ColumnOption::Default(expression) => {
                if self.default.is_some() || self.numbering.is_some() || self.generated.is_some() {
                    let message = format!("multiple default values specified for column \"{}\"", self.name);
                    return fail(Condition::SyntaxError, message);
                }
                self.default = Some(expression.clone());
            }
            ColumnOption::PrimaryKey(key) => {
                let mut key = key.clone();
                (key.name, key.columns) = (option.name.clone().or(key.name), columns());
                self.constraints.push(TableConstraint::PrimaryKey(key));
            }
            ColumnOption::Unique(unique) => {
                let mut unique = unique.clone();
                (unique.name, unique.columns) = (option.name.clone().or(unique.name), columns());
                self.constraints.push(TableConstraint::Unique(unique));
            }
            ColumnOption::ForeignKey(key) => {
                let mut key = key.clone();
                (key.name, key.columns) = (option.name.clone().or(key.name), vec![ident.clone()]);
                self.constraints.push(TableConstraint::ForeignKey(key));
            }
            ColumnOption::Check(check) => {
                let mut check = check.clone();
                check.name = option.name.clone().or(check.name);
                self.constraints.push(TableConstraint::Check(check));
            }
            ColumnOption::Generated {
                generated_as, sequence_options, generation_expr, generation_expr_mode, ..
            } => {
                self.generate(*generated_as, sequence_options, generation_expr, generation_expr_mode.as_ref())?;
            }
            ColumnOption::Collation(collation) => check_collation(collation)?,
            other => return Err(unsupported(format!("{other} of a column"))),
        }
        Ok(())
    }

    fn generate(
        &mut self,
        generated_as: GeneratedAs,
        options: &Option<Vec<SequenceOptions>>,
        expression: &Option<Expr>,
        mode: Option<&GeneratedExpressionMode>,
    ) -> Result<()> {
        if self.default.is_some() || self.numbering.is_some() || self.generated.is_some() {
            let message = format!("both default and identity specified for column \"{}\"", self.name);
            return fail(Condition::SyntaxError, message);
        }
        match (expression, generated_as) {
            (Some(_), _) if matches!(mode, Some(GeneratedExpressionMode::Virtual)) => {
                return Err(unsupported("a virtual generated column"));
            }
            (Some(expression), GeneratedAs::Always | GeneratedAs::ExpStored) => {
                self.generated = Some(expression.clone());
            }
            (None, GeneratedAs::Always | GeneratedAs::ByDefault) => {
                let kind = match generated_as {
                    GeneratedAs::Always => NumberingKind::IdentityAlways,
                    _ => NumberingKind::IdentityByDefault,
                };
                if !matches!(self.sql_type, SqlType::Int2 | SqlType::Int4 | SqlType::Int8) {
                    let message = "identity column type must be smallint, integer, or bigint";
                    return fail(Condition::InvalidParameterValue, message);
                }
                self.not_null = true;
                self.numbering = Some(Numbering { kind, options: options.clone().unwrap_or_default() });
            }
            (Some(_), GeneratedAs::ByDefault) | (None, GeneratedAs::ExpStored) => {
                return fail(Condition::SyntaxError, "for a generated column, GENERATED ALWAYS must be specified");
            }
        }
        Ok(())
    }
}

/// Texts are ordered by their bytes; a collation that says so is taken.
pub(super) fn check_collation(collation: &ObjectName) -> Result<()> {
    let parts = super::name::parts_of(collation)?;
    match parts.last().map(String::as_str) {
        Some("C" | "POSIX" | "default" | "ucs_basic" | "c" | "posix") => Ok(()),
        _ => Err(unsupported(format!("the collation {collation}"))),
    }
}
