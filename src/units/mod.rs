//! Typed quantities, instants, money and chance: parsed at the edge, exact or reproducible inside.
//!
//! Nothing here knows Kubernetes objects; every other room builds on these types.

pub mod cron;
pub mod distribution;
pub mod linear_program;
mod money;
mod nearest;
mod quantity;
pub mod random;
mod serde;
mod spoken;
mod time;

pub use distribution::{Distribution, DistributionError};
pub use money::{Usd, UsdPerHour};
pub use nearest::{did_you_mean, nearest, not_one_of};
pub use quantity::{Bytes, GpuMilli, Millicores, Quantity, QuantityError};
pub use spoken::{spoken, written};
pub use time::{DurationError, SimDuration, SimTime};
