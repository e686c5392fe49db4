//! Typed quantities, instants and money, parsed at the edge and exact inside.
//!
//! Nothing here knows Kubernetes objects; every other room builds on these types.

mod money;
mod quantity;
mod time;

pub use money::{Usd, UsdPerHour};
pub use quantity::{Bytes, GpuMilli, Millicores, Quantity, QuantityError};
pub use time::{DurationError, SimDuration, SimTime};
