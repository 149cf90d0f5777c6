//! `varchar(n)`, `char(n)`, and the casts between the types of texts.

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Cast, Implementation, Kind, Text};
use crate::sql_type::{SqlType, length_modifier};
use crate::typed::CastContext;

/// The text as `varchar(n)` or `char(n)` takes it: blanks that are too many are cut off, other characters only if the user
/// asked for it; `char(n)` is filled up with blanks.
pub(crate) fn fit_length(text: &str, sql_type: &SqlType, modifier: i32, is_explicit: bool) -> SqlResult<String> {
    let Some(length) = length_modifier(modifier) else { return Ok(text.to_owned()) };
    let end = text.char_indices().nth(length).map(|(place, _)| place);
    let Some(end) = end else {
        if *sql_type != SqlType::Bpchar {
            return Ok(text.to_owned());
        }
        let missing = length - text.chars().count();
        return Ok(format!("{text}{}", " ".repeat(missing)));
    };
    if !is_explicit && text[end..].chars().any(|character| character != ' ') {
        return Err(SqlError::new(
            Condition::StringDataRightTruncation,
            format!("value too long for type {}", sql_type.format_type(modifier)),
        ));
    }
    Ok(text[..end].to_owned())
}

fn fitting(sql_type: SqlType) -> Implementation {
    Implementation::arrays(move |call, arrays, rows| {
        Text::column(
            (0..rows).map(|row| {
                fit_length(Text::value(&arrays[0], row), &sql_type, call.modifier, call.is_explicit).map(Some)
            }),
        )
    })
}

fn trimming() -> Implementation {
    crate::registry::one::<Text, Text, _>(|text| text.trim_end_matches(' ').to_owned())
}

pub(crate) fn casts() -> Vec<Cast> {
    use CastContext::Implicit;
    vec![
        Cast::relabelling("text -> varchar", Implicit),
        Cast::relabelling("text -> bpchar", Implicit),
        Cast::relabelling("varchar -> text", Implicit),
        Cast::relabelling("varchar -> bpchar", Implicit),
        Cast::new("bpchar -> text", Implicit, trimming()),
        Cast::new("bpchar -> varchar", Implicit, trimming()),
        Cast::new("varchar -> varchar", Implicit, fitting(SqlType::Varchar)),
        Cast::new("bpchar -> bpchar", Implicit, fitting(SqlType::Bpchar)),
    ]
}
