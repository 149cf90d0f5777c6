//! Internal records: a format byte, then the fields in bincode's standard layout.
//!
//! bincode stands behind these two functions, so that a successor can replace it format by format. Decoding is
//! bounded: a damaged length cannot make it allocate more than the record could hold.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::limits::VALUE_SIZE_BYTES_MAX;

/// The bytes of `record` under the format number `format`.
pub(crate) fn encode<T: Serialize>(format: u8, record: &T) -> Result<Vec<u8>> {
    let mut out = vec![format];
    bincode::serde::encode_into_std_write(record, &mut out, bincode::config::standard())
        .map_err(|error| Error::invalid(format!("a record cannot be encoded: {error}")))?;
    Ok(out)
}

/// The record that `bytes` hold; `what` names it in errors.
pub(crate) fn decode<T: DeserializeOwned>(format: u8, bytes: &[u8], what: &str) -> Result<T> {
    let Some((&found, body)) = bytes.split_first() else {
        return Err(Error::corrupt(format!("{what} is empty; restore from a backup")));
    };
    if found != format {
        return Err(Error::unsupported(format!(
            "{what} has format {found}, this program reads format {format}; open it with a newer program"
        )));
    }
    let config = bincode::config::standard().with_limit::<VALUE_SIZE_BYTES_MAX>();
    match bincode::serde::decode_from_slice(body, config) {
        Ok((record, length)) if length == body.len() => Ok(record),
        Ok(_) => Err(Error::corrupt(format!("{what} is longer than its fields; restore from a backup"))),
        Err(error) => Err(Error::corrupt(format!("{what} cannot be decoded ({error}); restore from a backup"))),
    }
}
