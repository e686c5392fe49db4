//! `windtunnel decide hpa`: a HorizontalPodAutoscaler sync from the objects that a live cluster prints.
//!
//! An input is a whole sync, or (where it has a field `kind`) one step of it by itself. Both go through
//! [`crate::autoscaler::hpa`], the code that the simulation runs.

#[cfg(test)]
mod both_doors;
#[cfg(test)]
mod compact_as_whole;
mod flags;
mod history;
mod moment;
mod readings;
mod whole_sync;

use serde_json::Value;

use super::{Refusal, component};

/// Judges one whole sync, or one component case where the input has a field `kind`.
pub fn decide(input: &Value) -> Result<Value, Refusal> {
    if input.get("kind").is_some() { component::hpa::decide(input) } else { whole_sync::decide(input) }
}
