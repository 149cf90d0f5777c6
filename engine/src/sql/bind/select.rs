//! One SELECT, in the order in which its clauses mean something.
//!
//! ```text
//!   FROM -> WHERE -> GROUP BY, aggregates -> HAVING -> windows -> sets -> the list -> DISTINCT -> ORDER BY -> LIMIT
//! ```

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, LogicalPlanBuilder, Projection};
use marquetry_functions::{Condition, SqlError, SqlType, Typed};
use sqlparser::ast::{self, GroupByExpr, Select, SelectItem, SelectItemQualifiedWildcardKind};

use super::clause::{Allowed, Clause, Collected};
use super::grouping::Grouping;
use super::name::{name, parts};
use super::order::Key;
use super::query::{BoundQuery, Bounds, Tail};
use super::scope::{Relations, Scope, ScopeColumn};
use super::{Binder, window};
use crate::error::Result;
use crate::sql::failure::from_datafusion;

/// One column of the result.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) value: Typed,
    pub(crate) table_oid: u32,
    pub(crate) attribute: i16,
}

const EVERYTHING: Allowed = Allowed { aggregates: true, windows: true, sets: true };
const AGGREGATES: Allowed = Allowed { aggregates: true, windows: false, sets: false };

/// `plan` with these expressions as its columns.
pub(crate) fn projected(plan: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    Projection::try_new(exprs, Arc::new(plan)).map(LogicalPlan::Projection).map_err(from_datafusion)
}

/// `plan` with only the rows that meet `condition`.
pub(crate) fn filtered(plan: LogicalPlan, condition: Expr) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(plan).filter(condition).and_then(LogicalPlanBuilder::build).map_err(from_datafusion)
}

/// All columns of `plan`.
pub(super) fn all_columns(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}

/// Everything of a SELECT that is bound before the plan is put together.
struct Parts {
    outputs: Vec<Output>,
    having: Option<Typed>,
    keys: Vec<Key>,
    distinct_on: Option<Vec<Typed>>,
    collected: Collected,
}

impl Binder<'_> {
    /// A SELECT with the ORDER BY, LIMIT and locks that follow it.
    pub(super) fn select(&self, select: &Select, tail: &Tail<'_>, parent: Option<&Scope<'_>>) -> Result<BoundQuery> {
        refuse_foreign_clauses(select)?;
        let (mut plan, relations) = self.from(&select.from, parent)?;
        let scope = Scope::new(&relations, parent);
        if let Some(condition) = &select.selection {
            let condition = self.condition(condition, &scope, &Clause::plain("WHERE"))?;
            plan = filtered(plan, condition.expr)?;
        }
        let known_windows = self.named_windows.borrow().len();
        let named = select.named_window.iter().map(|window| (name(&window.0), window.1.clone()));
        self.named_windows.borrow_mut().extend(named);
        let parts = self.parts(select, tail, &scope);
        self.named_windows.borrow_mut().truncate(known_windows);
        let mut parts = parts?;
        plan = self.grouped(plan, select, &relations, &scope, &mut parts)?;
        plan = window::windowed_plan(plan, parts.collected.windows.take())?;
        plan = self.unnested(plan, parts.collected.sets.take())?;
        self.finished(plan, parts, select, tail, &relations)
    }

    fn parts(&self, select: &Select, tail: &Tail<'_>, scope: &Scope<'_>) -> Result<Parts> {
        let collected = Collected::default();
        let outputs = self.outputs(&select.projection, scope, &collected)?;
        let having = Clause::collecting("HAVING", &collected, AGGREGATES);
        let having =
            select.having.as_ref().map(|having_tree| self.condition(having_tree, scope, &having)).transpose()?;
        let order = Clause::collecting("ORDER BY", &collected, EVERYTHING);
        let keys = self.order_by(tail.order_by, &outputs, scope, &order)?;
        let distinct_on = match &select.distinct {
            Some(ast::Distinct::On(trees)) => {
                let on =
                    trees.iter().map(|tree| match super::order::ordinal(tree, outputs.len(), "SELECT DISTINCT ON")? {
                        Some(position) => Ok(outputs[position].value.clone()),
                        None => self.expression(tree, scope, &order),
                    });
                Some(on.collect::<Result<Vec<_>>>()?)
            }
            _ => None,
        };
        Ok(Parts { outputs, having, keys, distinct_on, collected })
    }

    /// The list of the SELECT, with stars spelled out.
    pub(crate) fn outputs(
        &self,
        items: &[SelectItem],
        scope: &Scope<'_>,
        collected: &Collected,
    ) -> Result<Vec<Output>> {
        let clause = Clause::collecting("SELECT", collected, EVERYTHING);
        let mut outputs = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::UnnamedExpr(tree) => outputs.push(self.output(tree, output_name(tree), scope, &clause)?),
                SelectItem::ExprWithAlias { expr, alias } => {
                    outputs.push(self.output(expr, name(alias), scope, &clause)?);
                }
                SelectItem::Wildcard(options) => {
                    refuse_wildcard_options(options)?;
                    if scope.relations.relations.is_empty() {
                        return Err(SqlError::new(
                            Condition::SyntaxError,
                            "SELECT * with no tables specified is not valid",
                        )
                        .into());
                    }
                    outputs.extend(scope.relations.visible.iter().map(of_column));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(object), options) => {
                    refuse_wildcard_options(options)?;
                    outputs.extend(self.star_of(&parts(object)?, scope)?);
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(tree), options) => {
                    refuse_wildcard_options(options)?;
                    let record = self.expression(tree, scope, &clause)?;
                    outputs.extend(self.fields_of(record)?);
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(SqlError::unsupported(format!("{item}")).into());
                }
            }
        }
        Ok(outputs)
    }

    fn output(&self, tree: &ast::Expr, name: String, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Output> {
        let value = self.expression(tree, scope, clause)?;
        let (mut table_oid, mut attribute) = (0, 0);
        if let Expr::Column(column) = &value.expr {
            let mut known = scope.relations.relations.iter().flat_map(|relation| &relation.columns);
            if let Some(found) = known.find(|known| known.column == *column) {
                (table_oid, attribute) = (found.table_oid, found.attribute);
            }
        }
        Ok(Output { name, value, table_oid, attribute })
    }

    fn star_of(&self, qualifier: &[String], scope: &Scope<'_>) -> Result<Vec<Output>> {
        let mut here = Some(scope);
        while let Some(found) = here {
            if let Some(relation) = found.relations.relation(qualifier)? {
                let columns = relation
                    .columns
                    .iter()
                    .map(|column| Output { value: scope.seen_from_inside(found, column), ..of_column(column) });
                return Ok(columns.collect());
            }
            here = found.parent;
        }
        // A column that holds a record.
        if let [column] = qualifier
            && let Ok(super::scope::Found::Column(record)) = scope.column(column)
        {
            return self.fields_of(record);
        }
        let message = format!("missing FROM-clause entry for table \"{}\"", qualifier.join("."));
        Err(SqlError::new(Condition::UndefinedTable, message).into())
    }

    fn fields_of(&self, record: Typed) -> Result<Vec<Output>> {
        let SqlType::Record(fields) = &record.sql_type else {
            let message = format!("type {} is not composite", record.sql_type);
            return Err(SqlError::new(Condition::WrongObjectType, message).into());
        };
        let field = |name: &String| {
            let value = self.field(record.clone(), name)?;
            Ok(Output { name: name.clone(), value, table_oid: 0, attribute: 0 })
        };
        fields.iter().map(|(name, _)| field(name)).collect()
    }

    fn grouped(
        &self,
        plan: LogicalPlan,
        select: &Select,
        relations: &Relations,
        scope: &Scope<'_>,
        parts: &mut Parts,
    ) -> Result<LogicalPlan> {
        let GroupByExpr::Expressions(trees, modifiers) = &select.group_by else {
            return Err(SqlError::unsupported("GROUP BY ALL").into());
        };
        if !modifiers.is_empty() {
            return Err(SqlError::unsupported("GROUP BY .. WITH").into());
        }
        let aggregates = parts.collected.aggregates.take();
        if trees.is_empty() && aggregates.is_empty() && parts.having.is_none() {
            return Ok(plan);
        }
        let mut grouping = Grouping::bind(self, trees, &parts.outputs, scope)?;
        grouping.add_dependent(relations, used(parts));
        let plan = grouping.plan(self, plan, aggregates)?;
        let rewrite = |value: &mut Typed| grouping.rewrite(&mut value.expr, relations);
        for output in &mut parts.outputs {
            rewrite(&mut output.value)?;
        }
        for key in &mut parts.keys {
            rewrite(&mut key.value)?;
        }
        for value in parts.distinct_on.iter_mut().flatten() {
            rewrite(value)?;
        }
        for (expr, _) in parts.collected.windows.borrow_mut().iter_mut() {
            grouping.rewrite(expr, relations)?;
        }
        for (set, _) in parts.collected.sets.borrow_mut().iter_mut() {
            grouping.rewrite(&mut set.list.expr, relations)?;
        }
        match &mut parts.having {
            None => Ok(plan),
            Some(having) => {
                rewrite(having)?;
                filtered(plan, having.expr.clone())
            }
        }
    }

    /// The list, DISTINCT, ORDER BY and LIMIT.
    fn finished(
        &self,
        plan: LogicalPlan,
        parts: Parts,
        select: &Select,
        tail: &Tail<'_>,
        relations: &Relations,
    ) -> Result<BoundQuery> {
        let mut exprs = Vec::new();
        let mut columns = Vec::new();
        for output in parts.outputs {
            let value = self.decided(output.value)?;
            let column = self.fresh('c');
            exprs.push(value.expr.alias(&column.name));
            columns.push(ScopeColumn {
                name: output.name,
                column,
                sql_type: value.sql_type,
                type_modifier: value.type_modifier,
                table_oid: output.table_oid,
                attribute: output.attribute,
            });
        }
        let mut keys = Vec::new();
        for mut key in parts.keys {
            let column = match key.output {
                Some(position) => columns[position].column.clone(),
                None if matches!(select.distinct, Some(ast::Distinct::Distinct)) => {
                    return Err(SqlError::new(
                        Condition::InvalidColumnReference,
                        "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                    )
                    .into());
                }
                None => {
                    let column = self.fresh('o');
                    exprs.push(key.value.expr.alias(&column.name));
                    column
                }
            };
            key.value.expr = Expr::Column(column);
            keys.push(key);
        }
        let mut on = Vec::new();
        for value in parts.distinct_on.iter().flatten() {
            let column = self.fresh('d');
            exprs.push(value.expr.clone().alias(&column.name));
            on.push(Typed { expr: Expr::Column(column), ..value.clone() });
        }
        let hidden = self.locked_keys(tail, select, relations)?;
        exprs.extend(hidden.iter().map(|lock| Expr::Column(lock.key.clone())));
        let mut plan = projected(plan, exprs)?;
        match &select.distinct {
            None | Some(ast::Distinct::All) => {}
            Some(ast::Distinct::Distinct) => plan = self.distinct(plan, &columns)?,
            Some(ast::Distinct::On(_)) => plan = self.distinct_on(plan, on, &keys)?,
        }
        let bounds = Bounds { keys, columns: &columns, hidden: &hidden };
        plan = self.ordered_and_limited(plan, tail, bounds)?;
        let mut query = BoundQuery::new(plan, columns);
        query.locks = hidden;
        Ok(query)
    }

    /// `plan`, whose columns are `columns`, without rows that equal others.
    pub(super) fn distinct(&self, plan: LogicalPlan, columns: &[ScopeColumn]) -> Result<LogicalPlan> {
        let keys = columns.iter().map(|column| self.typing.sort_key(column.typed())).collect::<Result<Vec<_>, _>>()?;
        if keys.iter().zip(columns).all(|(key, column)| key.expr == Expr::Column(column.column.clone())) {
            return Ok(LogicalPlan::Distinct(Distinct::All(Arc::new(plan))));
        }
        // Equal values may look different (1.0 and 1.00): one of them is shown.
        let (mut groups, mut firsts) = (Vec::new(), Vec::new());
        for (key, column) in keys.into_iter().zip(columns) {
            groups.push((key.expr, self.fresh('g')));
            let first = datafusion::functions_aggregate::first_last::first_value(
                Expr::Column(column.column.clone()),
                Vec::new(),
            );
            firsts.push((first, self.fresh('a')));
        }
        let names: Vec<Column> = firsts.iter().map(|(_, name)| name.clone()).collect();
        let plan = super::grouping::aggregated(plan, groups, firsts)?;
        let back = names.into_iter().zip(columns).map(|(name, column)| Expr::Column(name).alias(&column.column.name));
        projected(plan, back.collect())
    }

    /// The first row of each group of equal `on`, in the order of `keys`.
    fn distinct_on(&self, plan: LogicalPlan, on: Vec<Typed>, keys: &[Key]) -> Result<LogicalPlan> {
        let sort = keys.iter().map(|key| self.sort_expression(key, key.value.expr.clone()));
        let sort = sort.collect::<Result<Vec<_>>>()?;
        let mut partition = Vec::new();
        for value in on {
            let value = self.decided(value)?;
            partition.push(self.typing.sort_key(value)?.expr);
        }
        let number = self.fresh('w');
        let plan = window::numbered(plan, partition, sort, &number)?;
        filtered(plan, Expr::Column(number).eq(datafusion::logical_expr::lit(1_u64)))
    }
}

fn of_column(column: &ScopeColumn) -> Output {
    Output {
        name: column.name.clone(),
        value: column.typed(),
        table_oid: column.table_oid,
        attribute: column.attribute,
    }
}

/// Everything that is evaluated after grouping.
fn used(parts: &Parts) -> Vec<Expr> {
    let mut exprs: Vec<Expr> = parts.outputs.iter().map(|output| output.value.expr.clone()).collect();
    exprs.extend(parts.keys.iter().map(|key| key.value.expr.clone()));
    exprs.extend(parts.having.iter().map(|having| having.expr.clone()));
    exprs.extend(parts.collected.windows.borrow().iter().map(|(expr, _)| expr.clone()));
    exprs
}

fn refuse_wildcard_options(options: &ast::WildcardAdditionalOptions) -> Result<(), SqlError> {
    let ast::WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike: None,
        opt_exclude: None,
        opt_except: None,
        opt_replace: None,
        opt_rename: None,
        opt_alias: None,
    } = options
    else {
        return Err(SqlError::unsupported(format!("*{options}")));
    };
    Ok(())
}

fn refuse_foreign_clauses(select: &Select) -> Result<(), SqlError> {
    let Select {
        select_token: _,
        optimizer_hints: _,
        distinct: _,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection: _,
        exclude,
        into,
        from: _,
        lateral_views,
        prewhere,
        selection: _,
        connect_by,
        group_by: _,
        cluster_by,
        distribute_by,
        sort_by,
        having: _,
        named_window: _,
        qualify,
        window_before_qualify: _,
        value_table_mode,
        flavor,
    } = select;
    let foreign = [
        ("a modifier of SELECT", select_modifiers.is_some()),
        ("TOP", top.is_some()),
        ("EXCLUDE", exclude.is_some()),
        ("SELECT INTO", into.is_some()),
        ("LATERAL VIEW", !lateral_views.is_empty()),
        ("PREWHERE", prewhere.is_some()),
        ("CONNECT BY", !connect_by.is_empty()),
        ("CLUSTER BY", !cluster_by.is_empty()),
        ("DISTRIBUTE BY", !distribute_by.is_empty()),
        ("SORT BY", !sort_by.is_empty()),
        ("QUALIFY", qualify.is_some()),
        ("SELECT AS", value_table_mode.is_some()),
        ("FROM before SELECT", *flavor != ast::SelectFlavor::Standard),
    ];
    match foreign.iter().find(|(_, is_there)| *is_there) {
        Some((what, _)) => Err(SqlError::unsupported(what)),
        None => Ok(()),
    }
}

/// The name that PostgreSQL gives the column of an expression without an alias.
pub(super) fn output_name(tree: &ast::Expr) -> String {
    guessed_name(tree).unwrap_or_else(|| "?column?".to_owned())
}

fn guessed_name(tree: &ast::Expr) -> Option<String> {
    use ast::Expr as E;
    Some(match tree {
        E::Identifier(ident) => name(ident),
        E::CompoundIdentifier(idents) => name(idents.last()?),
        E::Nested(inner) | E::Collate { expr: inner, .. } => return guessed_name(inner),
        E::CompoundFieldAccess { root, access_chain } => match access_chain.last() {
            Some(ast::AccessExpr::Dot(E::Identifier(field))) => name(field),
            _ => return guessed_name(root),
        },
        E::Function(call) => super::schema_and_name(&call.name).ok()?.1,
        E::Cast { expr, data_type, .. } => return guessed_name(expr).or_else(|| Some(type_label(data_type))),
        E::TypedString(literal) => type_label(&literal.data_type),
        E::Interval(_) => "interval".to_owned(),
        E::Case { else_result, .. } => {
            let otherwise = else_result.as_deref().and_then(|tree| match tree {
                E::Identifier(_) | E::CompoundIdentifier(_) | E::Function(_) => guessed_name(tree),
                _ => None,
            });
            otherwise.unwrap_or_else(|| "case".to_owned())
        }
        E::Exists { .. } => "exists".to_owned(),
        E::Subquery(query) => return subquery_name(query),
        E::Array(_) => "array".to_owned(),
        E::Extract { .. } => "extract".to_owned(),
        E::Ceil { .. } => "ceil".to_owned(),
        E::Floor { .. } => "floor".to_owned(),
        E::Position { .. } => "position".to_owned(),
        E::Substring { .. } => "substring".to_owned(),
        E::Trim { trim_where: Some(ast::TrimWhereField::Leading), .. } => "ltrim".to_owned(),
        E::Trim { trim_where: Some(ast::TrimWhereField::Trailing), .. } => "rtrim".to_owned(),
        E::Trim { .. } => "btrim".to_owned(),
        E::Overlay { .. } => "overlay".to_owned(),
        E::AtTimeZone { .. } => "timezone".to_owned(),
        E::Tuple(_) => "row".to_owned(),
        E::Value(value) if matches!(value.value, ast::Value::Boolean(_)) => "bool".to_owned(),
        _ => return None,
    })
}

fn subquery_name(query: &ast::Query) -> Option<String> {
    let ast::SetExpr::Select(select) = &*query.body else { return None };
    match select.projection.first()? {
        SelectItem::UnnamedExpr(tree) => guessed_name(tree),
        SelectItem::ExprWithAlias { alias, .. } => Some(name(alias)),
        _ => None,
    }
}

/// The name of a type as a column of a cast is called: `int4`.
fn type_label(data_type: &ast::DataType) -> String {
    use ast::DataType as D;
    let label = match data_type {
        D::Int(_) | D::Integer(_) | D::Int4(_) => "int4",
        D::BigInt(_) | D::Int8(_) => "int8",
        D::SmallInt(_) | D::Int2(_) => "int2",
        D::Float(_) | D::DoublePrecision | D::Float8 => "float8",
        D::Real | D::Float4 => "float4",
        D::Numeric(_) | D::Decimal(_) | D::Dec(_) => "numeric",
        D::Bool | D::Boolean => "bool",
        D::Varchar(_) | D::CharacterVarying(_) | D::CharVarying(_) => "varchar",
        D::Char(_) | D::Character(_) => "bpchar",
        D::Timestamp(_, zone) | D::Time(_, zone) => {
            let is_zoned = matches!(zone, ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz);
            match (matches!(data_type, D::Timestamp(..)), is_zoned) {
                (true, true) => "timestamptz",
                (true, false) => "timestamp",
                (false, true) => "timetz",
                (false, false) => "time",
            }
        }
        D::Interval { .. } => "interval",
        D::Array(ast::ArrayElemTypeDef::SquareBracket(element, _)) => return type_label(element),
        D::Custom(object, _) => {
            return super::schema_and_name(object).map_or_else(|_| object.to_string(), |(_, name)| name);
        }
        other => return other.to_string().to_lowercase(),
    };
    label.to_owned()
}
