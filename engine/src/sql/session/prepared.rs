//! Statements whose types are decided.

use std::sync::Arc;

use marquetry_functions::{SqlType, Typing};
use sqlparser::ast;

use super::Session;
use crate::error::Result;
use crate::sql::bind::{Binder, Correlation, ScopeColumn};
use crate::sql::outcome::ColumnDescription;
use crate::sql::parse::Statement;
use crate::sql::point::PointSelect;

/// A statement, with the types of its parameters and of the columns that it answers with.
#[derive(Debug)]
pub struct Prepared {
    /// The statement.
    pub statement: Statement,
    /// The types of the parameters, in order.
    pub parameters: Vec<SqlType>,
    /// The columns of the rows that it answers with; `None` when it answers with none.
    pub columns: Option<Arc<[ColumnDescription]>>,
    /// The compiled form, when it is a read of one table by key.
    pub(super) point: Option<PointSelect>,
    /// Whether something has decided the type of every parameter.
    pub(super) is_decided: bool,
}

impl Prepared {
    /// Whether it neither waits for locks nor reads much.
    pub fn is_quick(&self) -> bool {
        self.point.is_some()
    }
}

/// The result's columns as clients are told of them.
pub(super) fn described(columns: &[ScopeColumn]) -> Arc<[ColumnDescription]> {
    let describe = |column: &ScopeColumn| ColumnDescription {
        name: column.name.clone(),
        sql_type: column.sql_type.clone(),
        type_modifier: column.type_modifier,
        table_oid: column.table_oid,
        attribute: column.attribute,
    };
    columns.iter().map(describe).collect()
}

impl Session {
    pub(super) fn describe(&mut self, statement: &Statement, known: &[Option<SqlType>]) -> Result<Prepared> {
        let mut point = None;
        let (parameters, columns) = match &**statement.tree() {
            ast::Statement::Query(query) if crate::sql::write::changing(statement.tree()).is_none() => {
                let ((bound, compiled), types) = self.bound_types(known, |binder| {
                    let bound = binder.query(query, None)?;
                    // The types of the parameters are decided by now, for both.
                    Ok((bound, PointSelect::compile(binder, query)?))
                })?;
                point = compiled;
                (types, Some(described(&bound.columns)))
            }
            tree @ (ast::Statement::Query(_)
            | ast::Statement::Insert(_)
            | ast::Statement::Update(_)
            | ast::Statement::Delete(_)
            | ast::Statement::Merge(_)) => {
                let (columns, types) =
                    self.bound_types(known, |binder| crate::sql::write::returned_columns(binder, tree))?;
                (types, (!columns.is_empty()).then(|| described(&columns)))
            }
            other => (Vec::new(), self.described_statement(other)?),
        };
        let is_decided = parameters.iter().all(Option::is_some);
        let parameters = parameters.into_iter().map(|known| known.unwrap_or(SqlType::Text)).collect();
        Ok(Prepared { statement: statement.clone(), parameters, columns, point, is_decided })
    }

    /// What `bind` gives, and the types of the parameters that it has decided on.
    fn bound_types<T>(
        &mut self,
        known: &[Option<SqlType>],
        bind: impl FnOnce(&Binder<'_>) -> Result<T>,
    ) -> Result<(T, Vec<Option<SqlType>>)> {
        self.enter()?;
        let source = self.source()?;
        self.context.set_source(Some(source.clone()));
        let registry = source.shared.sql.registry();
        let typing = Typing::new(self.environment.clone(), registry, known.to_vec());
        let catalog = crate::sql::catalog::Catalog::new(&source.shared, &*source.reader);
        let search_path = self.context.search_path();
        let binder = Binder::new(&catalog, &typing, source.clone(), &search_path, Correlation::Join);
        let bound = bind(&binder)?;
        Ok((bound, typing.parameter_types()))
    }
}
