//! Expressions and what PostgreSQL says that they are.
//!
//! Each line of `expressions/*.txt` is an expression and its result, both as PostgreSQL has them: the value as text and its type, or
//! the failure. Expressions are evaluated as they are bound, and once more as DataFusion simplifies them. With
//! `MARQUETRY_POSTGRESQL` set to what `psql` takes for a connection, the results are compared with that server's, too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod binder;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{SessionConfig, SessionContext};
use marquetry_functions::{
    CastContext, Environment, Registry, SqlError, SqlResult, SqlType, Typed, Typing, parse_text,
};

use binder::bind;

/// What stands between an expression and its result.
const BETWEEN: &str = " ==> ";

/// The rows that cases name, column by column; what is empty is NULL.
const ROWS: [(&str, &str, [&str; 6]); 10] = [
    ("ci", "int4", ["1", "2", "", "4", "5", "2"]),
    ("cb", "int8", ["10", "", "30", "9000000000", "-5", "10"]),
    ("ch", "int2", ["1", "2", "3", "", "-5", "0"]),
    ("cn", "numeric(10,2)", ["1.50", "2.25", "", "-4.00", "1000.10", "2.25"]),
    ("cm", "numeric", ["1.5", "2.250", "100", "", "0.0000001", "1.50"]),
    ("cf", "float8", ["1.5", "-0", "0", "NaN", "", "1e10"]),
    ("cs", "text", ["apple", "Banana", "", "cherry pie", "äpfel", "apple"]),
    ("cv", "varchar(5)", ["a", "bb", "", "dddd", "e", "bb"]),
    ("cc", "char(4)", ["a", "b", "ab", "", "a", "zz"]),
    ("ct", "bool", ["t", "f", "", "t", "t", "f"]),
];

fn column_types() -> Vec<(&'static str, SqlType, i32)> {
    ROWS.iter()
        .map(|(name, type_name, _)| {
            let (base, numbers) = type_name.split_once('(').unwrap_or((type_name, ""));
            let base = if base == "char" { "bpchar" } else { base };
            let numbers: Vec<i64> = numbers.trim_end_matches(')').split(',').filter_map(|n| n.parse().ok()).collect();
            let sql_type = SqlType::by_name(base).unwrap();
            let modifier = sql_type.modifier_of(&numbers).unwrap();
            (*name, sql_type.with_modifier(modifier), modifier)
        })
        .collect()
}

fn table() -> RecordBatch {
    let environment = Environment::new();
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for ((name, sql_type, modifier), (_, _, values)) in column_types().into_iter().zip(ROWS) {
        let null = ScalarValue::try_from(&sql_type.arrow()).unwrap();
        let values = values.iter().map(|text| {
            if text.is_empty() { null.clone() } else { parse_text(text, &sql_type, modifier, &environment).unwrap() }
        });
        columns.push(ScalarValue::iter_to_array(values).unwrap());
        fields.push(Field::new(name, sql_type.arrow(), true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn shown(error: &SqlError) -> String {
    format!("ERROR {} {}", error.condition.code(), error.message)
}

fn text_of_column(array: &ArrayRef) -> String {
    let texts = array.as_string::<i32>();
    let shown = |row: usize| if texts.is_null(row) { "NULL".to_owned() } else { texts.value(row).to_owned() };
    (0..texts.len()).map(shown).collect::<Vec<_>>().join(" | ")
}

/// The expression as text, and the name of its type.
fn bound(text: &str) -> SqlResult<(Typed, String)> {
    let typing = Typing::new(Environment::new(), Arc::new(Registry::standard()), Vec::new());
    let typed = bind(&typing, text, &column_types())?;
    let name = if typed.sql_type == SqlType::Unknown { "text".to_owned() } else { typed.sql_type.name() };
    Ok((typing.cast(typed, &SqlType::Text, -1, CastContext::Explicit)?, name))
}

/// One for each place where an expression is put into a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    AsBound,
    Optimized,
}

fn context() -> &'static SessionContext {
    static CONTEXT: OnceLock<SessionContext> = OnceLock::new();
    CONTEXT.get_or_init(|| SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2)))
}

async fn evaluate(text: &str, way: Way) -> String {
    let (typed, name) = match bound(text) {
        Ok(found) => found,
        Err(error) => return shown(&error),
    };
    let names_columns = !typed.expr.column_refs().is_empty();
    let is_aggregate = datafusion::logical_expr::utils::find_aggregate_exprs([&typed.expr]).len();
    let batch = if names_columns || text.starts_with("count(") { table() } else { table().slice(0, 1) };
    let found = if way == Way::AsBound && is_aggregate == 0 {
        let schema = datafusion::common::DFSchema::try_from(batch.schema()).unwrap();
        datafusion::physical_expr::create_physical_expr(&typed.expr, &schema, &Default::default(), &Default::default())
            .and_then(|expr| expr.evaluate(&batch)?.to_array(batch.num_rows()))
    } else {
        let frame = context().read_batch(batch).unwrap();
        let aggregates: Vec<_> = datafusion::logical_expr::utils::find_aggregate_exprs([&typed.expr]);
        let frame = if aggregates.is_empty() {
            frame.select(vec![typed.expr.alias("x")])
        } else {
            let outer = typed.expr.clone().transform_down(|expr| {
                let place = aggregates.iter().position(|aggregate| *aggregate == expr);
                Ok(match place {
                    Some(place) => Transformed::yes(Expr::Column(Column::new_unqualified(format!("a{place}")))),
                    None => Transformed::no(expr),
                })
            });
            let outer = outer.unwrap().data;
            let aggregates = aggregates
                .into_iter()
                .enumerate()
                .map(|(place, aggregate)| aggregate.alias(format!("a{place}")))
                .collect();
            frame.aggregate(Vec::new(), aggregates).and_then(|frame| frame.select(vec![outer.alias("x")]))
        };
        match frame {
            Ok(frame) => frame.collect().await.map(|batches| {
                let columns: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(0).as_ref()).collect();
                arrow::compute::concat(&columns).unwrap()
            }),
            Err(error) => Err(error),
        }
    };
    match found {
        Ok(array) => format!("{} : {name}", text_of_column(&array)),
        Err(error) => SqlError::inside(&error).map_or_else(|| error.to_string(), shown),
    }
}

fn case_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expressions");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
}

/// The expressions of a file with their results.
fn cases(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("--"))
        .map(|line| {
            let (expression, result) = line.split_once(BETWEEN).unwrap_or_else(|| panic!("{line} has no result"));
            (expression.to_owned(), result.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn expressions_are_what_postgresql_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in case_files() {
        for (expression, result) in cases(&path) {
            count += 1;
            for way in [Way::AsBound, Way::Optimized] {
                let found = evaluate(&expression, way).await;
                if found != result {
                    let file = path.file_stem().unwrap().to_string_lossy();
                    wrong.push(format!("{file}: {expression}\n   wanted {result}\n   found  {found} ({way:?})"));
                    break;
                }
            }
        }
    }
    assert!(count > 0, "there are no cases");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Defines what evaluates one expression and shows it as the cases do.
fn definitions() -> String {
    let columns: Vec<String> = ROWS.iter().map(|(name, type_name, _)| format!("{name} {type_name}")).collect();
    let rows: Vec<String> = (0..6)
        .map(|row| {
            let values = ROWS.iter().map(|(_, _, values)| match values[row] {
                "" => "NULL".to_owned(),
                text => format!("'{text}'"),
            });
            format!("({})", values.collect::<Vec<_>>().join(", "))
        })
        .collect();
    format!(
        "set client_min_messages = error; set timezone = 'UTC'; create temp table rows ({}); insert into rows values {};\n{}",
        columns.join(", "),
        rows.join(", "),
        include_str!("expressions/evaluate.sql")
    )
}

#[test]
fn postgresql_says_so() {
    let Ok(connection) = std::env::var("MARQUETRY_POSTGRESQL") else { return };
    let mut wrong = Vec::new();
    for (expression, result) in case_files().iter().flat_map(|path| cases(path)) {
        let ask = format!("{}\nselect pg_temp.evaluate($expression${expression}$expression$)", definitions());
        let output = Command::new("psql").args([&connection, "-qAt", "-c", &ask]).output().unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        if found.trim_end_matches('\n') != result {
            wrong.push(format!("{expression}\n   wanted {result}\n   found  {}", found.trim_end()));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
