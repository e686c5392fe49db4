//! `windtunnel decide cluster-autoscaler`: one iteration from the objects a live cluster prints, or one step of it by
//! itself (an input with a field `kind`).

#[cfg(test)]
mod both_doors;
mod flags;
mod question;
mod show;

use serde_json::Value;

use self::question::Question;
use self::show::show;
use super::{Refusal, component};
use crate::autoscaler::cluster_autoscaler::run_once;
use crate::units::random;

/// Judges one whole iteration, or one component case where the input has a field `kind`.
pub fn decide(input: &Value, seed: u64) -> Result<Value, Refusal> {
    match input.get("kind") {
        Some(kind) => component::cluster_autoscaler::decide(kind, input, seed),
        None => whole_loop(input, seed),
    }
}

fn whole_loop(input: &Value, seed: u64) -> Result<Value, Refusal> {
    let question = Question::read(input)?;
    let mut state = question.state.clone();
    let mut rng = random::stream(seed, "expander", 0);
    let snapshot = question.snapshot();
    let decision = run_once(&snapshot, &question.options, &mut state, &mut rng);
    Ok(show(&question, &snapshot, &decision, &state))
}
