//! What stands in FROM: tables, views, the statement's own queries, functions.

use std::sync::Arc;

use datafusion::datasource::provider_as_source;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use marquetry_functions::{Condition, FunctionKind, SetReturning, SqlError, SqlType, Typed};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, TableAlias, TableFactor};

use super::Binder;
use super::clause::Clause;
use super::grouping::with_columns;
use super::join::Joined;
use super::name::schema_and_name;
use super::query::BoundQuery;
use super::scope::{Relations, Scope, ScopeColumn, ScopeRelation};
use super::select::{all_columns, projected};
use super::sets::unnest;
use super::values::one_row;
use super::with::{alias_of, plain_column, relation_of, scan, with_aliases};
use crate::catalog::ObjectKind;
use crate::error::Result;
use crate::sql::catalog::{Relation, SqlTable};
use crate::sql::execute::{ApplyKind, ModelTable, TableProviderOf, model_columns};

/// Whether an item of FROM may look at those before it.
pub(super) fn is_lateral(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Derived { lateral, .. } => *lateral,
        TableFactor::Function { .. } | TableFactor::UNNEST { .. } | TableFactor::TableFunction { .. } => true,
        TableFactor::Table { args, .. } => args.is_some(),
        TableFactor::NestedJoin { table_with_joins, .. } => is_lateral(&table_with_joins.relation),
        _ => false,
    }
}

impl Binder<'_> {
    /// One item of FROM that looks at none before it.
    pub(super) fn relation(&self, factor: &TableFactor, parent: Option<&Scope<'_>>) -> Result<Joined> {
        let _depth = self.deeper()?;
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_directives,
                inheritance: _,
            } if with_hints.is_empty() && partitions.is_empty() && index_directives.is_empty() => {
                let (schema, name) = schema_and_name(name)?;
                let (plan, relations) = self.named_or_common(schema.as_deref(), &name, parent)?;
                aliased(plan, relations, alias.as_ref())
            }
            TableFactor::Derived { lateral: _, subquery, alias, sample: None } => {
                let bound = self.query(subquery, parent)?;
                let relations = Relations::of(relation_of("", bound.columns));
                aliased(bound.plan, relations, alias.as_ref())
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let (plan, relations) = self.from(std::slice::from_ref(table_with_joins), parent)?;
                match alias {
                    None => Ok((plan, relations)),
                    Some(_) => {
                        let merged = Relations::of(relation_of("", relations.visible));
                        aliased(plan, merged, alias.as_ref())
                    }
                }
            }
            lateral if is_lateral(lateral) => self.lateral((one_row()?, Relations::default()), lateral, false, parent),
            other => Err(SqlError::unsupported(format!("{other} in FROM")).into()),
        }
    }

    fn named_or_common(&self, schema: Option<&str>, name: &str, parent: Option<&Scope<'_>>) -> Result<Joined> {
        if schema.is_none()
            && let Some((plan, columns)) = self.common_relation(name, parent)?
        {
            return Ok((plan, Relations::of(relation_of(name, columns))));
        }
        self.named_relation(schema, name, parent)
    }

    /// The relation of the catalogue that `name` stands for.
    pub(super) fn named_relation(
        &self,
        schema: Option<&str>,
        name: &str,
        _parent: Option<&Scope<'_>>,
    ) -> Result<Joined> {
        match self.catalog.relation(schema, name, self.search_path)? {
            Some(Relation::Table(table)) => self.table(table),
            Some(Relation::View(view)) => {
                let _depth = self.deeper()?;
                let hidden = std::mem::take(&mut *self.common_tables.borrow_mut());
                let bound = self.view(&view.query);
                *self.common_tables.borrow_mut() = hidden;
                let bound = bound?;
                let columns = with_aliases(bound.columns, &view.columns, name)?;
                let columns = columns.into_iter().enumerate().map(|(position, column)| ScopeColumn {
                    table_oid: view.oid,
                    attribute: i16::try_from(position + 1).unwrap_or(i16::MAX),
                    ..column
                });
                let relation =
                    ScopeRelation { schema: Some(view.schema.clone()), ..relation_of(name, columns.collect()) };
                Ok((bound.plan, Relations::of(relation)))
            }
            Some(Relation::Model(model)) => self.model_relation(&model.name, model.kind, model.oid),
            Some(Relation::System(system)) => self.system_relation(system),
            Some(Relation::Sequence(sequence)) => self.sequence_relation(&sequence),
            None => {
                let shown = schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
                Err(SqlError::new(Condition::UndefinedTable, format!("relation \"{shown}\" does not exist")).into())
            }
        }
    }

    /// A collection, bucket or queue.
    fn model_relation(&self, name: &str, kind: ObjectKind, oid: u32) -> Result<Joined> {
        let Some(columns) = model_columns(kind) else {
            return Err(SqlError::new(
                Condition::WrongObjectType,
                format!("\"{name}\" is a {kind}, which cannot be read as a relation"),
            )
            .into());
        };
        let scan_name = self.fresh('t').name;
        let columns: Vec<ScopeColumn> = columns
            .into_iter()
            .enumerate()
            .map(|(position, (name, sql_type))| {
                let column = datafusion::common::Column::new(Some(scan_name.clone()), self.fresh('c').name);
                let attribute = i16::try_from(position + 1).unwrap_or(i16::MAX);
                ScopeColumn { table_oid: oid, attribute, ..plain_column(name, column, sql_type) }
            })
            .collect();
        let names = columns.iter().map(|column| column.column.name.clone()).collect();
        let table = ModelTable::new(self.source.clone(), kind, name, names);
        let plan = scan(&scan_name, provider_as_source(Arc::new(table)))?;
        let relation = ScopeRelation { schema: Some("public".to_owned()), ..relation_of(name, columns) };
        Ok((plan, Relations::of(relation)))
    }

    fn view(&self, text: &str) -> Result<BoundQuery> {
        let statements = crate::sql::parse::parse(text)?;
        match statements.first().map(|statement| &**statement.tree()) {
            Some(ast::Statement::Query(query)) => self.query(query, None),
            _ => Err(crate::error::Error::corrupt("a view holds no query; restore from a backup")),
        }
    }

    /// The rows of `table`, and their keys.
    pub(crate) fn table(&self, table: Arc<SqlTable>) -> Result<Joined> {
        let scan_name = self.fresh('t').name;
        let qualified =
            |column: datafusion::common::Column| datafusion::common::Column::new(Some(scan_name.clone()), column.name);
        let columns = table.columns.iter().map(|column| ScopeColumn {
            name: column.name.clone(),
            column: qualified(self.fresh('c')),
            sql_type: column.sql_type.clone(),
            type_modifier: column.type_modifier,
            table_oid: table.oid,
            attribute: column.attribute,
        });
        let columns: Vec<ScopeColumn> = columns.collect();
        let key = qualified(self.fresh('k'));
        let mut names: Vec<String> = columns.iter().map(|column| column.column.name.clone()).collect();
        names.push(key.name.clone());
        let provider = TableProviderOf::new(self.source.clone(), table.clone(), names);
        let plan = scan(&scan_name, provider_as_source(Arc::new(provider)))?;
        let in_key = |column: &&crate::sql::catalog::SqlColumn| table.primary_key.contains(&column.position);
        let key_names: Vec<String> = match table.primary_key_name {
            Some(_) => table.columns.iter().filter(in_key).map(|column| column.name.clone()).collect(),
            None => Vec::new(),
        };
        let relation = ScopeRelation {
            schema: Some(table.schema.clone()),
            name: table.name.clone(),
            columns,
            system: Vec::new(),
            row_key: Some((table, key)),
            key: key_names,
            is_scalar: false,
        };
        Ok((plan, Relations::of(relation)))
    }

    /// An item that may look at `before`, beside it; rows of `before` without any are kept when `keeps_empty`.
    pub(super) fn lateral(
        &self,
        before: Joined,
        factor: &TableFactor,
        keeps_empty: bool,
        parent: Option<&Scope<'_>>,
    ) -> Result<Joined> {
        let (plan, relations) = before;
        match factor {
            TableFactor::Derived { lateral: _, subquery, alias, sample: None } => {
                self.lateral_query(plan, relations, subquery, alias.as_ref(), keeps_empty, parent)
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality, alias } => {
                let (_, name) = schema_and_name(name)?;
                let call = TableCall { name: &name, args, with_ordinality: *with_ordinality, alias: alias.as_ref() };
                self.table_function(plan, relations, call, keeps_empty, parent)
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } if args.settings.is_none() => {
                let (_, name) = schema_and_name(name)?;
                let args = &args.args;
                let call = TableCall { name: &name, args, with_ordinality: *with_ordinality, alias: alias.as_ref() };
                self.table_function(plan, relations, call, keeps_empty, parent)
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality,
            } => {
                let args: Vec<FunctionArg> =
                    array_exprs.iter().map(|tree| FunctionArg::Unnamed(FunctionArgExpr::Expr(tree.clone()))).collect();
                let call =
                    TableCall { name: "unnest", args: &args, with_ordinality: *with_ordinality, alias: alias.as_ref() };
                self.table_function(plan, relations, call, keeps_empty, parent)
            }
            TableFactor::NestedJoin { .. } | TableFactor::Derived { .. } => {
                let other = self.relation(factor, parent)?;
                Ok((super::join::cross_plan(plan, other.0)?, relations.and(other.1)?))
            }
            other => Err(SqlError::unsupported(format!("{other} in FROM")).into()),
        }
    }

    fn lateral_query(
        &self,
        plan: LogicalPlan,
        relations: Relations,
        subquery: &ast::Query,
        alias: Option<&TableAlias>,
        keeps_empty: bool,
        parent: Option<&Scope<'_>>,
    ) -> Result<Joined> {
        let scope = Scope::new(&relations, parent);
        let inner = self.inner(subquery, &scope)?;
        let columns = inner.query.columns.clone();
        let fields: Vec<(String, SqlType)> = columns
            .iter()
            .enumerate()
            .map(|(position, column)| (format!("f{}", position + 1), column.sql_type.clone()))
            .collect();
        let list = self.apply(inner, &scope, ApplyKind::Rows);
        drop(scope);
        let set =
            SetReturning { list: Typed::new(list, SqlType::Record(fields.clone().into()).array_of()), columns: fields };
        let (plan, made) = self.set_columns(plan, set, keeps_empty, false)?;
        let named = columns.into_iter().zip(made).map(|(column, made)| ScopeColumn {
            name: column.name,
            type_modifier: column.type_modifier,
            ..made
        });
        let (_, relation) = aliased(one_row()?, Relations::of(relation_of("", named.collect())), alias)?;
        Ok((plan, relations.and(relation)?))
    }

    fn table_function(
        &self,
        plan: LogicalPlan,
        relations: Relations,
        call: TableCall<'_>,
        keeps_empty: bool,
        parent: Option<&Scope<'_>>,
    ) -> Result<Joined> {
        let scope = Scope::new(&relations, parent);
        let mut arguments = Vec::new();
        for argument in call.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(tree)) = argument else {
                return Err(SqlError::unsupported(format!("the argument {argument}")).into());
            };
            arguments.push(self.expression(tree, &scope, &Clause::plain("functions in FROM"))?);
        }
        drop(scope);
        let (plan, columns) = match self.typing.function_kind(call.name) {
            Some(FunctionKind::SetReturning) => {
                let set = self.typing.set_returning(call.name, arguments)?;
                self.set_columns(plan, set, keeps_empty, call.with_ordinality)?
            }
            _ => self.scalar_in_from(plan, call.name, arguments, call.with_ordinality)?,
        };
        let is_scalar = columns.len() == 1;
        let has_one = is_scalar || (call.with_ordinality && columns.len() == 2);
        let (alias, names) = match call.alias {
            Some(alias) => alias_of(alias)?,
            None => (call.name.to_owned(), Vec::new()),
        };
        let mut columns = columns;
        // The only column of a function is called as its relation is.
        if let [column, ..] = &mut columns[..]
            && has_one
        {
            column.name.clone_from(&alias);
        }
        let columns = with_aliases(columns, &names, &alias)?;
        let relation = ScopeRelation { is_scalar, ..relation_of(&alias, columns) };
        Ok((plan, relations.and(Relations::of(relation))?))
    }

    /// A function that gives one value, as a relation of one row.
    fn scalar_in_from(
        &self,
        plan: LogicalPlan,
        name: &str,
        arguments: Vec<Typed>,
        with_ordinality: bool,
    ) -> Result<(LogicalPlan, Vec<ScopeColumn>)> {
        let value = self.typing.call(name, arguments)?;
        let column = self.fresh('c');
        let mut columns = vec![plain_column(name, column.clone(), value.sql_type.clone())];
        let mut added = vec![(value.expr, column)];
        if with_ordinality {
            let column = self.fresh('c');
            columns.push(plain_column("ordinality", column.clone(), SqlType::Int8));
            added.push((lit(1_i64), column));
        }
        Ok((with_columns(plan, added)?, columns))
    }

    /// `plan` with the columns of `set`, one row for each of its elements.
    fn set_columns(
        &self,
        plan: LogicalPlan,
        set: SetReturning,
        keeps_empty: bool,
        with_ordinality: bool,
    ) -> Result<(LogicalPlan, Vec<ScopeColumn>)> {
        let before = all_columns(&plan);
        let list = self.fresh('l');
        let mut added = vec![(set.list.expr.clone(), list.clone())];
        let mut lists = vec![list.clone()];
        let number = self.fresh('l');
        if with_ordinality {
            let one = self.typing.number("1")?;
            let length = self.typing.call("cardinality", vec![set.list.clone()])?;
            let numbers = self.typing.set_returning("generate_series", vec![one, length])?;
            added.push((numbers.list.expr, number.clone()));
            lists.push(number.clone());
        }
        let plan = unnest(with_columns(plan, added)?, lists, keeps_empty)?;
        let mut exprs = before;
        let mut columns = Vec::new();
        let is_record = set.columns.len() > 1 || is_record_list(&set.list.sql_type);
        for (name, sql_type) in set.columns {
            let column = self.fresh('c');
            let value = Expr::Column(list.clone());
            let value = if is_record { get_field(value, name.as_str()) } else { value };
            exprs.push(value.alias(&column.name));
            columns.push(plain_column(&name, column, sql_type));
        }
        if with_ordinality {
            let column = self.fresh('c');
            let value = datafusion::logical_expr::cast(Expr::Column(number), arrow::datatypes::DataType::Int64);
            exprs.push(value.alias(&column.name));
            columns.push(plain_column("ordinality", column, SqlType::Int8));
        }
        Ok((projected(plan, exprs)?, columns))
    }
}

/// A call in FROM.
struct TableCall<'t> {
    name: &'t str,
    args: &'t [FunctionArg],
    with_ordinality: bool,
    alias: Option<&'t TableAlias>,
}

fn is_record_list(sql_type: &SqlType) -> bool {
    matches!(sql_type, SqlType::Array(element) if matches!(**element, SqlType::Record(_)))
}

/// `relations`, one relation, under `alias`.
fn aliased(plan: LogicalPlan, mut relations: Relations, alias: Option<&TableAlias>) -> Result<Joined> {
    let Some(alias) = alias else { return Ok((plan, relations)) };
    let (name, names) = alias_of(alias)?;
    if let [relation] = &mut relations.relations[..] {
        relation.columns = with_aliases(std::mem::take(&mut relation.columns), &names, &name)?;
        for (key, _) in relation.key.iter_mut().zip(&names) {
            // Renamed columns no longer go by the names of the key.
            key.clear();
        }
        relation.schema = None;
        relation.name = name;
        relations.visible = relation.columns.clone();
    }
    Ok((plan, relations))
}
