//! The statements by which the shell asks what there is: the catalogue as every client of PostgreSQL knows it.

use super::command::Listing;

/// The statement that lists what `listing` says.
pub(super) fn list(listing: Listing) -> &'static str {
    match listing {
        Listing::Relations => {
            "SELECT table_schema AS \"Schema\", table_name AS \"Name\", lower(replace(table_type, 'BASE ', '')) AS \"Type\" \
             FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema') \
             UNION ALL SELECT sequence_schema, sequence_name, 'sequence' FROM information_schema.sequences \
             ORDER BY 1, 2"
        }
        Listing::Tables => {
            "SELECT table_schema AS \"Schema\", table_name AS \"Name\" FROM information_schema.tables \
             WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
        }
        Listing::Views => {
            "SELECT table_schema AS \"Schema\", table_name AS \"Name\" FROM information_schema.tables \
             WHERE table_type = 'VIEW' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
        }
        Listing::Sequences => {
            "SELECT sequence_schema AS \"Schema\", sequence_name AS \"Name\" FROM information_schema.sequences ORDER BY 1, 2"
        }
        Listing::Indexes => {
            "SELECT schemaname AS \"Schema\", indexname AS \"Name\", tablename AS \"Table\", indexdef AS \"Definition\" \
             FROM pg_catalog.pg_indexes WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 3, 2"
        }
        Listing::Schemas => {
            "SELECT nspname AS \"Name\" FROM pg_catalog.pg_namespace \
             WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1"
        }
        Listing::Databases => "SELECT datname AS \"Name\" FROM pg_catalog.pg_database ORDER BY 1",
    }
}

/// The statements that tell of the table or view `name`: its columns, then its indexes, then its constraints.
pub(super) fn describe(name: &str) -> [String; 3] {
    let (schema, name) = parts(name);
    let (schema, name) = (literal(&schema), literal(&name));
    [
        format!(
            "SELECT column_name AS \"Column\", data_type AS \"Type\", \
             CASE is_nullable WHEN 'NO' THEN 'not null' ELSE '' END AS \"Nullable\", column_default AS \"Default\" \
             FROM information_schema.columns WHERE table_schema = {schema} AND table_name = {name} \
             ORDER BY ordinal_position"
        ),
        format!(
            "SELECT indexdef FROM pg_catalog.pg_indexes WHERE schemaname = {schema} AND tablename = {name} ORDER BY indexname"
        ),
        format!(
            "SELECT conname || ' ' || pg_catalog.pg_get_constraintdef(c.oid) FROM pg_catalog.pg_constraint c \
             JOIN pg_catalog.pg_class t ON t.oid = c.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace \
             WHERE n.nspname = {schema} AND t.relname = {name} AND c.contype IN ('c', 'f') ORDER BY conname"
        ),
    ]
}

/// The statement that lists names for completion.
pub(super) const NAMES: &str = "SELECT table_name FROM information_schema.tables UNION SELECT column_name FROM \
                                information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')";

/// The schema and name that `text` says; what is not quoted is lower case.
fn parts(text: &str) -> (String, String) {
    let plain = |part: &str| match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => part.to_lowercase(),
    };
    match text.split_once('.') {
        Some((schema, name)) if !text.starts_with('"') || schema.ends_with('"') => (plain(schema), plain(name)),
        _ => ("public".to_owned(), plain(text)),
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sql_reads_them() {
        let owned = |schema: &str, name: &str| (schema.to_owned(), name.to_owned());
        assert_eq!(parts("Orders"), owned("public", "orders"));
        assert_eq!(parts("sales.\"Or\"\"ders\""), owned("sales", "Or\"ders"));
        assert_eq!(parts("\"a.b\""), owned("public", "a.b"));
        assert_eq!(literal("it's"), "'it''s'");
    }
}
