//! What there is to write and to read, from the types themselves: fields of scenarios, figures, columns, metrics,
//! instance types, columns of traces.
//!
//! `windtunnel explain`, `metrics` and `instance-types` print it, and [`PAGES`] are the pages below `docs/reference`,
//! which a test holds against what is checked in.

mod field;
mod figures;
mod instances;
mod look_up;
mod metrics;
mod pages;
mod schema;

pub use field::{Field, fields_of_document};
pub use figures::{Figure, figures};
pub use instances::{Wanted, instance_types};
pub use look_up::{Found, NoSuchField, look_up};
pub use metrics::{Metric, metrics};
pub use pages::{PAGES, Page};
