//! Aggregates.
//!
//! ```text
//!   native      those that DataFusion does as PostgreSQL does them
//!   total       sums and means of exact numbers
//!   extreme     min and max where Arrow's order is not PostgreSQL's
//!   float_extreme  min and max of floats
//!   moment      deviations and variances
//!   regression  correlation, covariance, regression
//!   ordered     percentiles and mode
//!   gathered    string_agg, any_value
//! ```

mod extreme;
mod float_extreme;
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
        float_extreme::functions(),
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
