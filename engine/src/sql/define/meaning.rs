//! What expressions, types and queries of definitions mean: what the binder says, in the transaction as it is.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, Volatility};
use marquetry_functions::{CastContext, Condition, SqlError, SqlType, Typed};
use sqlparser::ast::{self, visit_relations};

use super::name::schema_and_name;
use super::{Place, QueryShape, Target};
use crate::catalog::ObjectId;
use crate::error::Result;
use crate::sql::bind::{Binder, Clause, Relations, Scope};
use crate::sql::catalog::{Catalog, Relation, SqlTable};
use crate::sql::execute::{Evaluator, values_of};
use crate::sql::session::{Parameters, planned};
use crate::sql::write::{WriteContext, with_binder};
use crate::table::Value;

/// Who knows what definitions mean.
pub(crate) struct Meaning<'a> {
    write: &'a WriteContext,
}

impl<'a> Meaning<'a> {
    pub(super) fn new(write: &'a WriteContext) -> Self {
        Meaning { write }
    }

    /// The type that a statement calls `name`.
    pub(super) fn data_type(&self, name: &ast::DataType) -> Result<(SqlType, i32)> {
        let (sql_type, type_modifier) = with_binder(self.write, |binder| binder.data_type(name))?;
        match sql_type.clone() {
            SqlType::Array(element) if matches!(*element, SqlType::Array(_)) => {
                Ok((element.as_ref().clone(), type_modifier))
            }
            _ => Ok((sql_type, type_modifier)),
        }
    }

    /// The type of `expression` over the columns of `table`, or of none; refused when it does not bind, cannot be assigned to
    /// `wanted`, or may change where `place` does not allow that.
    pub(super) fn judge(
        &self,
        table: Option<&Arc<SqlTable>>,
        expression: &ast::Expr,
        wanted: Option<(&SqlType, i32)>,
        place: Place,
    ) -> Result<(SqlType, i32)> {
        with_binder(self.write, |binder| {
            let relations = relations_of(binder, table)?;
            let bound = bound(binder, &relations, expression, wanted, place)?;
            if place.is_immutable() && !is_immutable(&bound.expr) {
                let message = match place {
                    Place::Generated => "generation expression is not immutable".to_owned(),
                    Place::Predicate => "functions in index predicate must be marked IMMUTABLE".to_owned(),
                    _ => "functions in index expression must be marked IMMUTABLE".to_owned(),
                };
                return Err(SqlError::new(Condition::InvalidObjectDefinition, message).into());
            }
            Ok((bound.sql_type, bound.type_modifier))
        })
    }

    /// The values of expressions for rows by position of `table`.
    pub(super) fn evaluate(
        &self,
        table: &Arc<SqlTable>,
        targets: &[Target],
        rows: &[Vec<Value>],
    ) -> Result<Vec<Vec<Value>>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        with_binder(self.write, |binder| {
            let relations = relations_of(binder, Some(table))?;
            let typed = targets.iter().map(|target| {
                let tree = crate::sql::parse::parse_expression(&target.text)?;
                bound(binder, &relations, &tree, Some((&target.sql_type, target.type_modifier)), Place::Transform)
            });
            let typed = typed.collect::<Result<Vec<Typed>>>()?;
            let evaluator = Evaluator::new(&relations.visible, &typed)?;
            let seen = |row: &Vec<Value>| table.columns.iter().map(|column| row[column.position].clone()).collect();
            let seen: Vec<Vec<Value>> = rows.iter().map(seen).collect();
            evaluator.evaluate(&seen.iter().map(Vec::as_slice).collect::<Vec<_>>())
        })
    }

    /// What `query` answers.
    pub(super) fn query(&self, catalog: &Catalog<'_>, query: &ast::Query) -> Result<QueryShape> {
        let columns = with_binder(self.write, |binder| {
            let bound = binder.query(query, None)?;
            let column = |column: &crate::sql::bind::ScopeColumn| {
                let sql_type =
                    if column.sql_type == SqlType::Unknown { SqlType::Text } else { column.sql_type.clone() };
                (column.name.clone(), sql_type, column.type_modifier)
            };
            Ok(bound.columns.iter().map(column).collect())
        })?;
        Ok(QueryShape { columns, depends: self.read_by(catalog, query)? })
    }

    /// The objects that `query` names.
    fn read_by(&self, catalog: &Catalog<'_>, query: &ast::Query) -> Result<Vec<ObjectId>> {
        let mut names = Vec::new();
        let _ = visit_relations(query, |name| {
            names.push(name.clone());
            ControlFlow::<()>::Continue(())
        });
        let search_path = self.write.session.search_path();
        let mut ids = BTreeSet::new();
        for name in names {
            let (schema, name) = schema_and_name(&name)?;
            match catalog.relation(schema.as_deref(), &name, &search_path)? {
                Some(Relation::Table(table)) => ids.insert(table.id),
                Some(Relation::View(view)) => ids.insert(view.id),
                Some(Relation::Sequence(sequence)) => ids.insert(sequence.id),
                Some(Relation::Model(_) | Relation::System(_)) | None => false,
            };
        }
        Ok(ids.into_iter().collect())
    }

    /// The rows that `query` answers.
    pub(super) fn rows(&self, query: &ast::Query) -> Result<Vec<Vec<Value>>> {
        let WriteContext { source, session, environment, .. } = self.write;
        let parameters = Parameters::default();
        let planned = planned(session, environment, source, &parameters, |binder| binder.query(query, None))?;
        if !planned.preludes.is_empty() {
            return Err(super::unsupported("WITH that is run on its own, in CREATE TABLE AS"));
        }
        let batches = planned.plan.collect(source)?;
        let mut rows = Vec::new();
        for batch in batches {
            let columns = planned.bound.columns.iter().enumerate();
            let columns = columns.map(|(position, column)| values_of(batch.column(position), &column.sql_type));
            let mut columns = columns.map(|values| Ok(values?.into_iter())).collect::<Result<Vec<_>>>()?;
            for _ in 0..batch.num_rows() {
                rows.push(columns.iter_mut().map(|values| values.next().unwrap_or(Value::Null)).collect());
            }
        }
        Ok(rows)
    }
}

fn relations_of(binder: &Binder<'_>, table: Option<&Arc<SqlTable>>) -> Result<Relations> {
    match table {
        Some(table) => Ok(binder.table(table.clone())?.1),
        None => Ok(Relations::default()),
    }
}

fn bound(
    binder: &Binder<'_>,
    relations: &Relations,
    expression: &ast::Expr,
    wanted: Option<(&SqlType, i32)>,
    place: Place,
) -> Result<Typed> {
    let scope = Scope::new(relations, None);
    let value = binder.expression(expression, &scope, &Clause::plain(place.shown()))?;
    if place == Place::Default && !value.expr.column_refs().is_empty() {
        let message = "cannot use column reference in DEFAULT expression";
        return Err(SqlError::new(Condition::FeatureNotSupported, message).into());
    }
    let has_subquery = value
        .expr
        .exists(|part| Ok(matches!(part, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_))))
        .unwrap_or(true);
    if has_subquery {
        let message = format!("cannot use subquery in {}", place.shown());
        return Err(SqlError::new(Condition::FeatureNotSupported, message).into());
    }
    match wanted {
        None => binder.decided(value),
        Some((SqlType::Bool, _)) => binder.boolean(value, place.shown()),
        Some((sql_type, type_modifier)) => {
            Ok(binder.typing.cast(value, sql_type, type_modifier, CastContext::Assignment)?)
        }
    }
}

fn is_immutable(expr: &Expr) -> bool {
    let changes = |part: &Expr| {
        Ok(matches!(part, Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable))
    };
    !expr.exists(changes).unwrap_or(true)
}
