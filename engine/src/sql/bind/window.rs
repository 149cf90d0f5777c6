//! Window functions: OVER, named windows, frames.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition,
};
use marquetry_functions::{CastContext, Condition, OrderKey, SqlError, SqlType, Typed};
use sqlparser::ast::{self, WindowSpec, WindowType};

use super::Binder;
use super::clause::{Allowed, Clause};
use super::scope::Scope;
use super::select::{all_columns, projected};
use crate::error::Result;
use crate::sql::failure::from_datafusion;

/// `plan` with the window functions `windows` under their names.
pub(super) fn windowed_plan(plan: LogicalPlan, windows: Vec<(Expr, Column)>) -> Result<LogicalPlan> {
    if windows.is_empty() {
        return Ok(plan);
    }
    let mut columns = all_columns(&plan);
    let exprs: Vec<Expr> = windows.iter().map(|(expr, _)| expr.clone()).collect();
    let plan = LogicalPlanBuilder::window_plan(plan, exprs).map_err(from_datafusion)?;
    for (expr, name) in windows {
        let made = Column::from_name(expr.schema_name().to_string());
        columns.push(Expr::Column(made).alias(name.name));
    }
    projected(plan, columns)
}

/// `plan` with the number of each row in its partition, from 1 on.
pub(super) fn numbered(
    plan: LogicalPlan,
    partition_by: Vec<Expr>,
    order_by: Vec<SortExpr>,
    name: &Column,
) -> Result<LogicalPlan> {
    let function = datafusion::functions_window::row_number::row_number_udwf();
    windowed_plan(plan, vec![(built_in(function, partition_by, order_by), name.clone())])
}

/// `plan` with the rank of each row, equal ones sharing it.
pub(super) fn ranked(plan: LogicalPlan, order_by: Vec<SortExpr>, name: &Column) -> Result<LogicalPlan> {
    let function = datafusion::functions_window::rank::rank_udwf();
    windowed_plan(plan, vec![(built_in(function, Vec::new(), order_by), name.clone())])
}

fn built_in(
    function: std::sync::Arc<datafusion::logical_expr::WindowUDF>,
    partition_by: Vec<Expr>,
    order_by: Vec<SortExpr>,
) -> Expr {
    let window_frame = WindowFrame::new((!order_by.is_empty()).then_some(false));
    Expr::WindowFunction(Box::new(WindowFunction {
        fun: WindowFunctionDefinition::WindowUDF(function),
        params: WindowFunctionParams {
            args: Vec::new(),
            partition_by,
            order_by,
            window_frame,
            filter: None,
            null_treatment: None,
            distinct: false,
        },
    }))
}

impl Binder<'_> {
    pub(super) fn window_call(
        &self,
        name: &str,
        call: &ast::Function,
        window: &WindowType,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let allows = Allowed { windows: false, sets: false, ..clause.allows };
        let inside = Clause { name: "window function calls", collected: clause.collected, allows };
        let windowed = self.windowed(name, call, scope, &inside)?;
        let spec = self.window_spec(window)?;
        let order = spec.order_by.iter().map(|key| self.order_key(key, scope, &inside)).collect::<Result<Vec<_>>>()?;
        let partition = spec.partition_by.iter().map(|tree| {
            let value = self.expression(tree, scope, &inside)?;
            let value = self.decided(value)?;
            Ok(self.typing.sort_key(value)?.expr)
        });
        let partition_by = partition.collect::<Result<Vec<_>>>()?;
        let window_frame = self.frame(spec.window_frame.as_ref(), &order, scope)?;
        let order_by = order.into_iter().map(|key| {
            let value = self.decided(key.value)?;
            Ok(SortExpr::new(self.typing.sort_key(value)?.expr, !key.descending, key.nulls_first))
        });
        let (fun, arguments, sql_type) = self.typing.window_function(&windowed.name, windowed.values)?;
        let params = WindowFunctionParams {
            args: arguments.into_iter().map(|argument| argument.expr).collect(),
            partition_by,
            order_by: order_by.collect::<Result<Vec<_>>>()?,
            window_frame,
            filter: windowed.filter.map(Box::new),
            null_treatment: windowed.ignore_nulls.then_some(NullTreatment::IgnoreNulls),
            distinct: false,
        };
        let expr = Expr::WindowFunction(Box::new(WindowFunction { fun, params }));
        Ok(clause.window(Typed::new(expr, sql_type), || self.fresh('w'))?)
    }

    /// What a window is, with the named windows that it rests on filled in.
    fn window_spec(&self, window: &WindowType) -> Result<WindowSpec> {
        let spec = match window {
            WindowType::NamedWindow(ident) => return self.named_window(&super::name(ident)),
            WindowType::WindowSpec(spec) => spec,
        };
        let Some(base) = &spec.window_name else { return Ok(spec.clone()) };
        let base = self.named_window(&super::name(base))?;
        if !spec.partition_by.is_empty() || (!spec.order_by.is_empty() && !base.order_by.is_empty()) {
            return Err(SqlError::new(
                Condition::WindowingError,
                "cannot override PARTITION BY or ORDER BY clause of a window",
            )
            .into());
        }
        let order_by = if spec.order_by.is_empty() { base.order_by } else { spec.order_by.clone() };
        Ok(WindowSpec {
            window_name: None,
            partition_by: base.partition_by,
            order_by,
            window_frame: spec.window_frame.clone(),
        })
    }

    fn named_window(&self, name: &str) -> Result<WindowSpec> {
        let known = self.named_windows.borrow();
        let found = known.iter().rev().find(|(known, _)| known == name);
        let Some((_, found)) = found else {
            return Err(SqlError::new(Condition::UndefinedObject, format!("window \"{name}\" does not exist")).into());
        };
        let found = found.clone();
        drop(known);
        match found {
            ast::NamedWindowExpr::NamedWindow(other) => self.named_window(&super::name(&other)),
            ast::NamedWindowExpr::WindowSpec(spec) => self.window_spec(&WindowType::WindowSpec(spec)),
        }
    }

    fn frame(&self, frame: Option<&ast::WindowFrame>, order: &[OrderKey], scope: &Scope<'_>) -> Result<WindowFrame> {
        let Some(ast::WindowFrame { units, start_bound, end_bound }) = frame else {
            return Ok(WindowFrame::new((!order.is_empty()).then_some(false)));
        };
        let units = match units {
            ast::WindowFrameUnits::Rows => WindowFrameUnits::Rows,
            ast::WindowFrameUnits::Range => WindowFrameUnits::Range,
            ast::WindowFrameUnits::Groups => WindowFrameUnits::Groups,
        };
        let start = self.bound(start_bound, units, order, scope)?;
        let end = match end_bound {
            Some(bound) => self.bound(bound, units, order, scope)?,
            None => WindowFrameBound::CurrentRow,
        };
        Ok(WindowFrame::new_bounds(units, start, end))
    }

    fn bound(
        &self,
        bound: &ast::WindowFrameBound,
        units: WindowFrameUnits,
        order: &[OrderKey],
        scope: &Scope<'_>,
    ) -> Result<WindowFrameBound> {
        let null = || match units {
            WindowFrameUnits::Range => ScalarValue::Null,
            WindowFrameUnits::Rows | WindowFrameUnits::Groups => ScalarValue::UInt64(None),
        };
        Ok(match bound {
            ast::WindowFrameBound::CurrentRow => WindowFrameBound::CurrentRow,
            ast::WindowFrameBound::Preceding(None) => WindowFrameBound::Preceding(null()),
            ast::WindowFrameBound::Following(None) => WindowFrameBound::Following(null()),
            ast::WindowFrameBound::Preceding(Some(tree)) => {
                WindowFrameBound::Preceding(self.offset(tree, units, order, scope)?)
            }
            ast::WindowFrameBound::Following(Some(tree)) => {
                WindowFrameBound::Following(self.offset(tree, units, order, scope)?)
            }
        })
    }

    /// The distance of a frame's bound: a constant, of rows or of the ordering column's type.
    fn offset(
        &self,
        tree: &ast::Expr,
        units: WindowFrameUnits,
        order: &[OrderKey],
        scope: &Scope<'_>,
    ) -> Result<ScalarValue> {
        let value = self.expression(tree, scope, &Clause::plain("a window frame"))?;
        let wanted = match (units, order) {
            (WindowFrameUnits::Rows | WindowFrameUnits::Groups, _) => SqlType::Int8,
            (WindowFrameUnits::Range, [key]) => match &key.value.sql_type {
                SqlType::Date | SqlType::Timestamp | SqlType::TimestampTz => SqlType::Interval,
                other => other.clone(),
            },
            (WindowFrameUnits::Range, _) => {
                return Err(SqlError::new(
                    Condition::WindowingError,
                    "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column",
                )
                .into());
            }
        };
        let value = self.typing.cast(value, &wanted, -1, CastContext::Implicit)?;
        let value = crate::sql::execute::constant(&value.expr)?;
        match (units, &value) {
            (WindowFrameUnits::Rows | WindowFrameUnits::Groups, ScalarValue::Int64(Some(rows))) => {
                match u64::try_from(*rows) {
                    Ok(rows) => Ok(ScalarValue::UInt64(Some(rows))),
                    Err(_) => Err(SqlError::new(
                        Condition::InvalidPrecedingOrFollowingSize,
                        "frame starting or ending offset must not be negative",
                    )
                    .into()),
                }
            }
            (_, value) if value.is_null() => {
                Err(SqlError::new(Condition::NullValueNotAllowed, "frame starting or ending offset must not be null")
                    .into())
            }
            _ => Ok(value),
        }
    }
}
