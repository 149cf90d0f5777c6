//! What names mean: schemas, tables, views, sequences and types, as the transaction sees them.
//!
//! ```text
//!   object of the engine's catalogue                what SQL knows besides
//!   table "orders"        columns, keys, indexes    types with modifiers, defaults, checks, foreign keys   (in its definition)
//!   view, sequence, enum  objects of their own
//!   "public" has the plain names; "other"."t" is the object "other.t"
//! ```

mod table;

pub(crate) use table::{Check, ColumnGeneration, ForeignKey, ForeignKeyAction, SqlColumn, SqlIndex, SqlTable};
