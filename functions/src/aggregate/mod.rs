//! Aggregates.
//!
//! ```text
//!   native      those that DataFusion does as PostgreSQL does them
//!   total       sums and means of exact numbers
//!   extreme     min and max where Arrow's order is not PostgreSQL's
//!   moment      deviations and variances
//!   regression  correlation, covariance, regression
//!   ordered     percentiles and mode
//!   gathered    string_agg, any_value
//! ```

mod extreme;
mod gathered;
mod moment;
mod native;
mod ordered;
mod regression;
mod total;

use crate::registry::Function;

pub(crate) fn functions() -> Vec<Function> {
    [
        extreme::functions(),
        gathered::functions(),
        moment::functions(),
        native::functions(),
        ordered::functions(),
        regression::functions(),
        total::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
