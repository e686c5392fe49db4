//! `windtunnel decide cluster-autoscaler`: one iteration from the objects a live cluster prints, or one step of it by
//! itself (an input with a field `kind`).

mod flags;
mod show;
mod whole_loop;

use serde_json::Value;

use super::{Refusal, component};

/// Judges one whole iteration, or one component case where the input has a field `kind`.
pub fn decide(input: &Value, seed: u64) -> Result<Value, Refusal> {
    match input.get("kind") {
        Some(kind) => component::cluster_autoscaler::decide(kind, input, seed),
        None => whole_loop::decide(input, seed),
    }
}
