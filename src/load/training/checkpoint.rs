//! How a job saves its state: how often, what that costs its steps, and where the copies lie.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::copies::Tier;
use super::{TrainingError, UsageFractions};
use crate::units::{Distribution, SimDuration};

/// Saving the state, so that no more than an interval's work can be lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CheckpointPhase {
    /// Compute time from one save to the next; 0s: never. Default: 30m (15 to 30 min are in use for 70B models).
    pub interval: SimDuration,
    /// Takes the place of `interval`: the interval at which saves and lost work together cost least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub young_daly: Option<YoungDaly>,
    /// How long steps pause for a save. Default: 6.3s, an asynchronous save of a 7B model; a plain one took 148.8s.
    pub duration: Distribution,
    /// How long the save then goes on while steps are made again: it counts when that is done, and the next one begins no earlier.
    /// Default: 0s, a synchronous save.
    #[serde(skip_serializing_if = "is_none")]
    pub background: Distribution,
    /// Nearer copies, beside those in remote storage of which the rest speaks.
    #[serde(skip_serializing_if = "Tiers::is_empty")]
    pub tiers: Tiers,
    /// Whether the workers save once more when one of them is told to end (by an eviction, a drain, a preemption, a spot
    /// notice) and its grace period and the notice leave time for that. Default: true.
    pub on_termination: bool,
    /// Default (a guess): cpu 0.4, memory 0.9, gpu 0.05.
    pub usage: UsageFractions,
}

/// The first-order optimum of Young (1974) and Daly (2006): √(2 × pause × mean time to failure of the job).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct YoungDaly {
    /// Mean time to failure of one node; that of a job is this over the number of its nodes.
    pub node_mttf: SimDuration,
}

/// Copies that lie on the workers' nodes. A save in remote storage is one of each of these as well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tiers {
    /// In the nodes' memory, kept by an agent that outlives the workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<NearCopy>,
    /// On the nodes' disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<NearCopy>,
}

/// A copy on the workers' nodes: of use to a gang that comes back to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NearCopy {
    /// Compute time from one such save to the next.
    pub interval: SimDuration,
    /// How long steps pause for it. Default: 0s.
    #[serde(default = "none")]
    pub duration: Distribution,
    /// Nodes that hold each part of the state: with 2 a peer has it too, so that one lost node is borne. Default: 1.
    #[serde(default = "one")]
    pub copies: u32,
    /// Takes the place of `load.duration` where a start takes up this copy. Default: load.duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Distribution>,
}

const NONE: Distribution = Distribution::Constant(SimDuration::ZERO);
/// Of [`NearCopy::copies`].
const MOST_COPIES: u32 = 8;

const fn none() -> Distribution {
    NONE
}

const fn one() -> u32 {
    1
}

fn is_none(distribution: &Distribution) -> bool {
    *distribution == NONE
}

impl Tiers {
    pub(super) fn is_empty(&self) -> bool {
        *self == Tiers::default()
    }

    pub(super) fn get(&self, tier: Tier) -> Option<&NearCopy> {
        match tier {
            Tier::Memory => self.memory.as_ref(),
            Tier::Local => self.local.as_ref(),
            Tier::Remote => None,
        }
    }
}

impl Default for CheckpointPhase {
    fn default() -> CheckpointPhase {
        CheckpointPhase {
            interval: SimDuration::from_mins(30),
            young_daly: None,
            duration: Distribution::Constant(SimDuration::from_millis(6_300)),
            background: NONE,
            tiers: Tiers::default(),
            on_termination: true,
            usage: UsageFractions { cpu: 0.4, memory: 0.9, gpu: 0.05 },
        }
    }
}

impl CheckpointPhase {
    /// Compute time between saves of a tier, for a job on so many nodes; zero: never.
    pub(super) fn interval_of(&self, tier: Tier, nodes: usize) -> SimDuration {
        match (tier, self.young_daly) {
            (Tier::Remote, Some(young_daly)) => young_daly.interval(self.duration.mean(), nodes),
            (Tier::Remote, None) => self.interval,
            (near, _) => self.tiers.get(near).map_or(SimDuration::ZERO, |near| near.interval),
        }
    }

    /// How long steps pause for a save of a tier.
    pub(super) fn pause_of(&self, tier: Tier) -> &Distribution {
        self.tiers.get(tier).map_or(&self.duration, |near| &near.duration)
    }

    pub(super) fn validate(&self) -> Result<(), TrainingError> {
        let refuse =
            |field: &str, problem: &str| Err(TrainingError::new(format!("phases.checkpoint.{field}"), problem));
        let sound = |field: &str, distribution: &Distribution| {
            let named = |error: crate::units::DistributionError| {
                TrainingError::new(format!("phases.checkpoint.{field}"), error.to_string())
            };
            distribution.validate().map_err(named)
        };
        self.usage.validate("checkpoint")?;
        sound("duration", &self.duration)?;
        sound("background", &self.background)?;
        let second = SimDuration::from_secs(1);
        if self.interval != SimDuration::ZERO && self.interval < second {
            return refuse("interval", "must be at least 1s, or 0s for never");
        }
        if let Some(YoungDaly { node_mttf }) = self.young_daly {
            if node_mttf < second {
                return refuse("youngDaly.nodeMttf", "must be at least 1s");
            }
            if self.duration.mean() <= SimDuration::ZERO {
                return refuse("youngDaly", "a save that costs nothing has no best interval: give a duration above 0s");
            }
        }
        for (name, near) in [("memory", &self.tiers.memory), ("local", &self.tiers.local)] {
            let Some(near) = near else { continue };
            if near.interval < second {
                return refuse(&format!("tiers.{name}.interval"), "must be at least 1s");
            }
            if !(1..=MOST_COPIES).contains(&near.copies) {
                return refuse(&format!("tiers.{name}.copies"), &format!("must be from 1 to {MOST_COPIES}"));
            }
            sound(&format!("tiers.{name}.duration"), &near.duration)?;
            if let Some(load) = &near.load {
                sound(&format!("tiers.{name}.load"), load)?;
            }
        }
        Ok(())
    }
}

impl YoungDaly {
    /// Of a job on so many nodes whose steps pause so long for a save; at least a second.
    fn interval(self, pause: SimDuration, nodes: usize) -> SimDuration {
        let mttf = self.node_mttf.as_secs_f64() / nodes.max(1) as f64;
        SimDuration::from_secs_f64((2.0 * pause.as_secs_f64() * mttf).sqrt()).max(SimDuration::from_secs(1))
    }
}
