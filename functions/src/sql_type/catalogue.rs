//! What PostgreSQL's catalogue says about each type: numbers, names, category.

use super::{NumericForm, SqlType};

/// One row of the catalogue.
struct TypeRow {
    sql_type: SqlType,
    oid: u32,
    array_oid: u32,
    /// The name in the catalogue: `int4`.
    type_name: &'static str,
    category: char,
    is_preferred: bool,
    /// Bytes of a value in PostgreSQL; -1 for those that vary.
    length: i16,
    /// Further names by which a statement may call the type.
    others: &'static [&'static str],
}

macro_rules! rows {
    ($($sql_type:expr, $oid:literal, $array:literal, $name:literal, $category:literal, $preferred:literal, $length:literal, $others:expr;)*) => {
        &[$(TypeRow {
            sql_type: $sql_type, oid: $oid, array_oid: $array, type_name: $name, category: $category,
            is_preferred: $preferred, length: $length, others: &$others,
        },)*]
    };
}

#[rustfmt::skip]
static TYPES: &[TypeRow] = rows! {
    SqlType::Bool, 16, 1000, "bool", 'B', true, 1, ["boolean"];
    SqlType::Bytea, 17, 1001, "bytea", 'U', false, -1, [];
    SqlType::Char, 18, 1002, "char", 'Z', false, 1, ["\"char\""];
    SqlType::Name, 19, 1003, "name", 'S', false, 64, [];
    SqlType::Int8, 20, 1016, "int8", 'N', false, 8, ["bigint"];
    SqlType::Int2, 21, 1005, "int2", 'N', false, 2, ["smallint"];
    SqlType::Int4, 23, 1007, "int4", 'N', false, 4, ["integer", "int"];
    SqlType::Regproc, 24, 1008, "regproc", 'N', false, 4, [];
    SqlType::Text, 25, 1009, "text", 'S', true, -1, ["string"];
    SqlType::Oid, 26, 1028, "oid", 'N', true, 4, [];
    SqlType::Xid, 28, 1011, "xid", 'U', false, 4, [];
    SqlType::Json, 114, 199, "json", 'U', false, -1, [];
    SqlType::Float4, 700, 1021, "float4", 'N', false, 4, ["real"];
    SqlType::Float8, 701, 1022, "float8", 'N', true, 8, ["double precision", "float"];
    SqlType::Unknown, 705, 0, "unknown", 'X', false, -2, [];
    SqlType::Bpchar, 1042, 1014, "bpchar", 'S', false, -1, ["character"];
    SqlType::Varchar, 1043, 1015, "varchar", 'S', false, -1, ["character varying", "char varying"];
    SqlType::Date, 1082, 1182, "date", 'D', false, 4, [];
    SqlType::Time, 1083, 1183, "time", 'D', false, 8, ["time without time zone"];
    SqlType::Timestamp, 1114, 1115, "timestamp", 'D', false, 8, ["timestamp without time zone"];
    SqlType::TimestampTz, 1184, 1185, "timestamptz", 'D', true, 8, ["timestamp with time zone"];
    SqlType::Interval, 1186, 1187, "interval", 'T', true, 16, [];
    SqlType::TimeTz, 1266, 1270, "timetz", 'D', false, 12, ["time with time zone"];
    SqlType::Numeric(NumericForm::Any), 1700, 1231, "numeric", 'N', false, -1, ["decimal", "dec"];
    SqlType::Regprocedure, 2202, 2207, "regprocedure", 'N', false, 4, [];
    SqlType::Regoper, 2203, 2208, "regoper", 'N', false, 4, [];
    SqlType::Regclass, 2205, 2210, "regclass", 'N', false, 4, [];
    SqlType::Regtype, 2206, 2211, "regtype", 'N', false, 4, [];
    SqlType::Void, 2278, 0, "void", 'P', false, 4, [];
    SqlType::Uuid, 2950, 2951, "uuid", 'U', false, 16, [];
    SqlType::PgLsn, 3220, 3221, "pg_lsn", 'U', false, 8, [];
    SqlType::TsVector, 3614, 3643, "tsvector", 'U', false, -1, [];
    SqlType::TsQuery, 3615, 3645, "tsquery", 'U', false, -1, [];
    SqlType::Jsonb, 3802, 3807, "jsonb", 'U', false, -1, [];
    SqlType::Jsonpath, 4072, 4073, "jsonpath", 'U', false, -1, [];
    SqlType::Regnamespace, 4089, 4090, "regnamespace", 'N', false, 4, [];
    SqlType::Regrole, 4096, 4097, "regrole", 'N', false, 4, [];
};

const RECORD_OID: u32 = 2249;
const RECORD_ARRAY_OID: u32 = 2287;

impl SqlType {
    fn row(&self) -> Option<&'static TypeRow> {
        match self {
            SqlType::Numeric(_) => TYPES.iter().find(|row| row.sql_type == SqlType::NUMERIC),
            other => TYPES.iter().find(|row| row.sql_type == *other),
        }
    }

    /// All types that have a number of their own in PostgreSQL, without the arrays of them.
    pub fn builtin() -> impl Iterator<Item = SqlType> {
        TYPES.iter().map(|row| row.sql_type.clone())
    }

    /// The number by which PostgreSQL's clients know the type.
    pub fn oid(&self) -> u32 {
        match self {
            SqlType::Enum(found) => found.oid,
            SqlType::Array(element) => element.array_oid(),
            SqlType::Record(_) => RECORD_OID,
            other => other.row().map_or(0, |row| row.oid),
        }
    }

    /// The number of the type of arrays of this type; 0 where there is none.
    pub fn array_oid(&self) -> u32 {
        match self {
            SqlType::Enum(found) => found.array_oid,
            // An array of arrays is an array of more dimensions.
            SqlType::Array(element) => element.array_oid(),
            SqlType::Record(_) => RECORD_ARRAY_OID,
            other => other.row().map_or(0, |row| row.array_oid),
        }
    }

    /// The built-in type, or array type, with this number.
    pub fn from_oid(oid: u32) -> Option<SqlType> {
        if oid == RECORD_OID {
            return Some(SqlType::Record([].into()));
        }
        let found = TYPES.iter().find(|row| row.oid == oid || (row.array_oid == oid && oid != 0))?;
        Some(if found.oid == oid { found.sql_type.clone() } else { found.sql_type.clone().array_of() })
    }

    /// The built-in type that a statement or the catalogue calls `name`, in lower case; `_int4` and `int4[]` are arrays.
    pub fn by_name(name: &str) -> Option<SqlType> {
        if let Some(element) = name.strip_suffix("[]") {
            return SqlType::by_name(element).map(SqlType::array_of);
        }
        let found = TYPES.iter().find(|row| row.type_name == name || row.others.contains(&name));
        match found {
            Some(row) => Some(row.sql_type.clone()),
            None if name == "record" => Some(SqlType::Record([].into())),
            None => name.strip_prefix('_').and_then(SqlType::by_name).map(SqlType::array_of),
        }
    }

    /// The name in the catalogue: `int4`, `_text`.
    pub fn type_name(&self) -> String {
        match self {
            SqlType::Enum(found) => {
                found.name.rsplit_once('.').map_or(found.name.as_str(), |(_, name)| name).trim_matches('"').to_owned()
            }
            SqlType::Array(element) if matches!(**element, SqlType::Array(_)) => element.type_name(),
            SqlType::Array(element) => format!("_{}", element.type_name()),
            SqlType::Record(_) => "record".to_owned(),
            other => other.row().map_or("unknown", |row| row.type_name).to_owned(),
        }
    }

    /// The letter of the group of types to which this one belongs.
    pub fn category(&self) -> char {
        match self {
            SqlType::Enum(_) => 'E',
            SqlType::Array(_) => 'A',
            SqlType::Record(_) => 'P',
            other => other.row().map_or('X', |row| row.category),
        }
    }

    /// Whether the type is preferred in its category when nothing else decides.
    pub fn is_preferred(&self) -> bool {
        self.row().is_some_and(|row| row.is_preferred)
    }

    /// Bytes of a value as the catalogue tells them; -1 for those that vary.
    pub fn type_length(&self) -> i16 {
        match self {
            SqlType::Enum(_) => 4,
            other => other.row().map_or(-1, |row| row.length),
        }
    }

    /// Whether values are texts, so that casts to and from them go through text.
    pub fn is_string(&self) -> bool {
        self.category() == 'S'
    }

    /// Whether values are whole numbers that the machine adds.
    pub fn is_whole_number(&self) -> bool {
        matches!(self, SqlType::Int2 | SqlType::Int4 | SqlType::Int8)
    }

    /// Whether the type names something of the catalogue by its number.
    pub fn is_object_number(&self) -> bool {
        matches!(
            self,
            SqlType::Oid
                | SqlType::Regclass
                | SqlType::Regtype
                | SqlType::Regproc
                | SqlType::Regprocedure
                | SqlType::Regoper
                | SqlType::Regnamespace
                | SqlType::Regrole
        )
    }

    /// The type without what only says how values are held: any numeric is the same type to SQL.
    #[must_use]
    pub fn base(&self) -> SqlType {
        match self {
            SqlType::Numeric(_) => SqlType::NUMERIC,
            SqlType::Array(element) => element.base().array_of(),
            other => other.clone(),
        }
    }

    /// Whether both are the same type to SQL, however their values are held.
    pub fn is_same(&self, other: &SqlType) -> bool {
        match (self, other) {
            (SqlType::Numeric(_), SqlType::Numeric(_)) | (SqlType::Record(_), SqlType::Record(_)) => true,
            (SqlType::Array(left), SqlType::Array(right)) => left.is_same(right),
            (left, right) => left == right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_to_the_same_type() {
        for sql_type in SqlType::builtin() {
            assert_eq!(SqlType::from_oid(sql_type.oid()), Some(sql_type.clone()));
            assert_eq!(SqlType::by_name(&sql_type.type_name()), Some(sql_type.clone()));
            if sql_type != SqlType::Char {
                assert_eq!(SqlType::by_name(&sql_type.name()), Some(sql_type.clone()));
            }
            if sql_type.array_oid() != 0 {
                let array = sql_type.array_of();
                assert_eq!(SqlType::from_oid(array.oid()), Some(array.clone()));
                assert_eq!(SqlType::by_name(&array.type_name()), Some(array.clone()));
            }
        }
    }
}
