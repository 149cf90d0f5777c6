//! What types parameters get, which forms numbers keep, and what window functions are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int32Array, RecordBatch};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{SessionContext, col};
use marquetry_functions::{
    AggregateCall, CastContext, Condition, Environment, FunctionKind, NumericForm, Registry, SqlType, Typed, Typing,
    text_of,
};

fn typing() -> Typing {
    Typing::new(Environment::new(), Arc::new(Registry::standard()), Vec::new())
}

fn column(name: &str, sql_type: SqlType) -> Typed {
    Typed::new(col(name), sql_type)
}

#[test]
fn a_parameter_is_what_it_is_compared_with() {
    let typing = typing();
    let parameter = typing.parameter(1).unwrap();
    let compared = typing.operator("=", Some(column("x", SqlType::Int8)), parameter).unwrap();
    assert_eq!(compared.sql_type, SqlType::Bool);
    assert_eq!(typing.parameter_types(), vec![None, Some(SqlType::Int8)]);
    let Expr::BinaryExpr(comparison) = &compared.expr else { panic!("{:?}", compared.expr) };
    let Expr::Placeholder(placeholder) = &*comparison.right else { panic!("{:?}", comparison.right) };
    assert_eq!(placeholder.id, "$2");
    assert_eq!(placeholder.field.as_ref().unwrap().data_type(), &SqlType::Int8.arrow());
}

#[test]
fn a_parameter_keeps_the_type_that_it_got_first() {
    let typing = typing();
    let parameter = typing.parameter(0).unwrap();
    typing.cast(parameter, &SqlType::Int4, -1, CastContext::Explicit).unwrap();
    let later = typing.parameter(0).unwrap();
    assert_eq!(later.sql_type, SqlType::Int4);
    let sum = typing.operator("+", Some(later), typing.number("1.5").unwrap()).unwrap();
    assert!(matches!(sum.sql_type, SqlType::Numeric(_)));
}

#[test]
fn a_parameter_that_was_undecided_is_not_decided_twice() {
    let typing = typing();
    let (first, second) = (typing.parameter(0).unwrap(), typing.parameter(0).unwrap());
    typing.cast(first, &SqlType::Int4, -1, CastContext::Explicit).unwrap();
    let failure = typing.cast(second, &SqlType::Date, -1, CastContext::Explicit).unwrap_err();
    assert_eq!(failure.condition, Condition::AmbiguousParameter);
    assert_eq!(failure.detail.as_deref(), Some("integer versus date"));
}

#[test]
fn types_that_are_given_are_kept() {
    let typing = Typing::new(Environment::new(), Arc::new(Registry::standard()), vec![Some(SqlType::Text)]);
    let failure = typing.operator("+", Some(typing.parameter(0).unwrap()), typing.number("1").unwrap()).unwrap_err();
    assert_eq!(failure.message, "operator does not exist: text + integer");
}

#[test]
fn numbers_of_few_digits_stay_decimals() {
    let typing = typing();
    let price = || column("price", SqlType::decimal(15, 2));
    let one_minus = typing.operator("-", Some(typing.number("1").unwrap()), price()).unwrap();
    let product = typing.operator("*", Some(price()), one_minus).unwrap();
    assert_eq!(product.sql_type, SqlType::Numeric(NumericForm::Decimal { precision: 32, scale: 4 }));
    assert!(matches!(product.expr, Expr::BinaryExpr(_)));
    let longer = typing.operator("*", Some(product), price()).unwrap();
    assert_eq!(longer.sql_type, SqlType::NUMERIC);
    let quotient = typing.operator("/", Some(price()), price()).unwrap();
    assert_eq!(quotient.sql_type, SqlType::NUMERIC);
}

#[test]
fn comparisons_are_plain_where_they_can_be() {
    let typing = typing();
    for (sql_type, text) in [
        (SqlType::Int8, "5"),
        (SqlType::Text, "a"),
        (SqlType::Uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (SqlType::decimal(15, 2), "1.5"),
        (SqlType::Float8, "1.5"),
        (SqlType::Date, "2020-01-01"),
    ] {
        let found = typing.operator("<", Some(column("x", sql_type.clone())), typing.string(text)).unwrap();
        let Expr::BinaryExpr(comparison) = &found.expr else { panic!("{:?}", found.expr) };
        assert!(matches!(*comparison.left, Expr::Column(_)), "{sql_type}: {}", found.expr);
        assert!(matches!(*comparison.right, Expr::Literal(..)), "{sql_type}: {}", found.expr);
    }
}

#[test]
fn literals_are_read_when_they_are_bound() {
    let typing = typing();
    let failure = typing.operator("=", Some(column("x", SqlType::Int4)), typing.string("abc")).unwrap_err();
    assert_eq!(failure.condition, Condition::InvalidTextRepresentation);
    // What fails only when it is reached is left for then.
    let zero = typing.number("0").unwrap();
    assert!(typing.operator("/", Some(typing.number("1").unwrap()), zero).is_ok());
}

#[test]
fn kinds_of_functions_are_known() {
    let typing = typing();
    for (name, kind) in [
        ("lower", Some(FunctionKind::Scalar)),
        ("coalesce", Some(FunctionKind::Scalar)),
        ("sum", Some(FunctionKind::Aggregate)),
        ("percentile_cont", Some(FunctionKind::Aggregate)),
        ("row_number", Some(FunctionKind::Window)),
        ("generate_series", Some(FunctionKind::SetReturning)),
        ("nonesuch", None),
    ] {
        assert_eq!(typing.function_kind(name), kind, "{name}");
    }
}

#[test]
fn sets_are_lists() {
    let typing = typing();
    let bounds = vec![typing.number("1").unwrap(), typing.number("3").unwrap()];
    let found = typing.set_returning("generate_series", bounds).unwrap();
    assert_eq!(found.columns, vec![("generate_series".to_owned(), SqlType::Int4)]);
    assert_eq!(found.list.sql_type, SqlType::Int4.array_of());
    assert_eq!(found.list.expr.to_string(), "List([1, 2, 3])");
}

#[tokio::test]
async fn window_functions_give_postgresqls_types() {
    let typing = typing();
    let context = SessionContext::new();
    let values: ArrayRef = Arc::new(Int32Array::from(vec![3, 1, 2, 2]));
    let frame = context.read_batch(RecordBatch::try_from_iter([("x", values)]).unwrap()).unwrap();
    let x = || column("x", SqlType::Int4);
    let calls = [
        ("row_number", vec![], SqlType::Int8),
        ("rank", vec![], SqlType::Int8),
        ("dense_rank", vec![], SqlType::Int8),
        ("percent_rank", vec![], SqlType::Float8),
        ("cume_dist", vec![], SqlType::Float8),
        ("ntile", vec![typing.number("2").unwrap()], SqlType::Int4),
        ("lag", vec![x()], SqlType::Int4),
        ("lag", vec![x(), typing.number("1").unwrap(), typing.number("0").unwrap()], SqlType::Int4),
        ("lead", vec![x(), typing.number("2").unwrap()], SqlType::Int4),
        ("first_value", vec![x()], SqlType::Int4),
        ("nth_value", vec![x(), typing.number("2").unwrap()], SqlType::Int4),
        ("sum", vec![x()], SqlType::Int8),
        ("avg", vec![x()], SqlType::NUMERIC),
        ("count", vec![], SqlType::Int8),
        ("string_agg", vec![typing.string("a"), typing.string(",")], SqlType::Text),
    ];
    for (name, arguments, wanted) in calls {
        let (definition, arguments, sql_type) = typing.window_function(name, arguments).unwrap();
        assert_eq!(sql_type, wanted, "{name}");
        let mut window = datafusion::logical_expr::expr::WindowFunction::new(
            definition,
            arguments.into_iter().map(|argument| argument.expr).collect(),
        );
        window.params.order_by = vec![col("x").sort(true, false)];
        window.params.window_frame = datafusion::logical_expr::WindowFrame::new(Some(false));
        let expr = Expr::WindowFunction(Box::new(window)).alias("w");
        let batches = frame.clone().window(vec![expr]).unwrap().collect().await.unwrap();
        assert_eq!(*batches[0].schema().field_with_name("w").unwrap().data_type(), wanted.arrow(), "{name}");
        assert_eq!(*batches[0].column_by_name("w").unwrap().data_type(), wanted.arrow(), "{name}");
    }
}

/// The column `name` of the batches' rows, as one text each.
async fn grouped(call: AggregateCall, batch: RecordBatch) -> Vec<String> {
    let aggregate = typing().aggregate(call).unwrap();
    let frame = SessionContext::new().read_batch(batch).unwrap();
    let frame = frame.aggregate(vec![col("g")], vec![aggregate.expr.alias("a")]).unwrap();
    let batches = frame.sort(vec![col("g").sort(true, false)]).unwrap().collect().await.unwrap();
    let column =
        |batch: &RecordBatch| text_of(batch.column_by_name("a").unwrap(), &aggregate.sql_type, &Environment::new());
    batches
        .iter()
        .flat_map(|batch| {
            column(batch).unwrap().iter().map(|text| text.unwrap_or("NULL").to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test]
async fn groups_of_floats_know_nan_and_infinity() {
    let groups: ArrayRef = Arc::new(Int32Array::from(vec![1, 1, 1, 2, 2, 3]));
    let values = vec![Some(f64::NAN), Some(1.0), Some(-0.0), Some(f64::NEG_INFINITY), None, None];
    let floats: ArrayRef = Arc::new(Float64Array::from(values));
    let batch = RecordBatch::try_from_iter([("g", groups), ("x", floats)]).unwrap();
    for (name, wanted) in [("max", ["NaN", "-Infinity", "NULL"]), ("min", ["-0", "-Infinity", "NULL"])] {
        let call = AggregateCall {
            name: name.to_owned(),
            arguments: vec![column("x", SqlType::Float8)],
            distinct: false,
            order_by: Vec::new(),
            within_group: false,
            filter: None,
        };
        assert_eq!(grouped(call, batch.clone()).await, wanted, "{name}");
    }
}

#[tokio::test]
async fn groups_of_numbers_are_added_exactly() {
    let groups: ArrayRef = Arc::new(Int32Array::from(vec![1, 1, 2, 2, 2]));
    let wide = Decimal128Array::from(vec![Some(10_i128.pow(37)), Some(10_i128.pow(37) * 9), Some(-125), Some(5), None]);
    let wide: ArrayRef = Arc::new(wide.with_precision_and_scale(38, 2).unwrap());
    let batch = RecordBatch::try_from_iter([("g", groups), ("x", wide)]).unwrap();
    for (name, wanted) in [
        ("sum", ["1000000000000000000000000000000000000.00", "-1.20"]),
        ("avg", ["500000000000000000000000000000000000.00", "-0.60000000000000000000"]),
    ] {
        let call = AggregateCall {
            name: name.to_owned(),
            arguments: vec![column("x", SqlType::decimal(38, 2))],
            distinct: false,
            order_by: Vec::new(),
            within_group: false,
            filter: None,
        };
        assert_eq!(grouped(call, batch.clone()).await, wanted, "{name}");
    }
}
