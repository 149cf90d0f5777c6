//! What was decoded, for whoever reads the same definitions again.

use std::sync::Arc;

use super::object::{SqlEnum, SqlSequence, SqlView};
use super::sequence::SequenceStates;
use super::table::SqlTable;
use crate::catalog::Definitions;

/// What all sessions of a database share about the catalogue.
#[derive(Debug, Default)]
pub(crate) struct CatalogCache {
    pub(super) tables: Definitions<SqlTable>,
    pub(super) views: Definitions<SqlView>,
    pub(super) sequences: Definitions<SqlSequence>,
    pub(super) enums: Definitions<SqlEnum>,
    /// The numbers of the sequences.
    pub(crate) numbers: Arc<SequenceStates>,
}
