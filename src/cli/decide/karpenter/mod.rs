//! `windtunnel decide karpenter`: which nodes would Karpenter launch now, which would it disrupt, and why?
//!
//! `input` reads the envelope, `claims` the NodeClaims, `output` writes the decision. Provisioning and one pass of the
//! disruption loop are both answered, as upstream runs them side by side; a consolidation command is shown after its
//! validation, which upstream makes 15 s later.

#[cfg(test)]
mod both_doors;
mod claims;
mod input;
mod output;

use serde_json::Value;

use super::Refusal;
use crate::autoscaler::karpenter::disruption::{
    Disruption, DisruptionState, Forceful, disrupt, forceful, validate_now,
};
use crate::autoscaler::karpenter::{Provisioning, Snapshot, provision};
use input::Question;

/// What Karpenter makes of one cluster.
struct Judged {
    provisioning: Provisioning,
    disruption: Disruption,
    /// The command was validated, as after its delay.
    waited: bool,
    forced: Vec<Forceful>,
}

/// Judges one cluster.
pub fn decide(input: &Value) -> Result<Value, Refusal> {
    let question = Question::read(input)?;
    let snapshot = question.snapshot();
    let judged = judge(&snapshot, &question.interrupted);
    Ok(output::decision(&question, &snapshot, &judged))
}

fn judge(snapshot: &Snapshot<'_>, interrupted: &[usize]) -> Judged {
    let provisioning = provision(snapshot);
    let forced = forceful(snapshot, interrupted);
    let mut state = DisruptionState::default();
    let mut disruption = disrupt(snapshot, &mut state);
    let waited = match validate_now(snapshot, &mut state) {
        Some((_, Ok(command))) => {
            disruption.command = Some(command);
            true
        }
        Some((command, Err(why))) => {
            disruption.abandoned = Some((command, why));
            true
        }
        None => false,
    };
    Judged { provisioning, disruption, waited, forced }
}
