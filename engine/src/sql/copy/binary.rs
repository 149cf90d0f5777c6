//! The binary form of COPY is refused: values have one binary form, which belongs to the protocol.

use marquetry_functions::SqlError;

/// The refusal.
pub(super) fn refused() -> SqlError {
    SqlError::unsupported("COPY in binary form").hint("Use the text form or CSV.")
}
