//! Which jobs hold GPUs, how many and where, decided anew at intervals: running jobs may have to make way.
//!
//! Each policy is a file: its options, its memory, and a decision from a [`Snapshot`] of all jobs, waiting or at work. A new
//! one is that file and a line in the table below.

mod fifo_perf;
mod finish_time_fairness;
mod max_min_fairness;
mod max_min_fairness_perf;
mod mix;
mod most_free;
mod optimus;
mod pollux;
mod rounds;
mod tiresias;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use optimus::OptimusOptions;
pub use pollux::PolluxOptions;
pub use rounds::RoundOptions;
pub use tiresias::TiresiasOptions;

use super::{Gang, Node};
use crate::load::training::{ModelProfile, StepRate};
use crate::units::{SimDuration, SimTime};

/// Node by position in the snapshot, and how many workers it gets; ascending by node.
pub type Places = Vec<(usize, u32)>;

/// A job that waits or is at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Job<'a> {
    pub gang: &'a Gang,
    /// Where its workers are; empty while it waits.
    pub places: Places,
    /// What it has to do.
    pub steps_left: i64,
    /// Steps a second of all its workers by the nodes' kind, where the policy asks for it; 0 where it does not run.
    pub rates: Vec<StepRate>,
    /// Seconds of a step by the number of workers, from one on, on as few nodes as can be, where the policy asks for it; of
    /// those that the job may have.
    pub step_seconds: &'a [f64],
    /// The fewest workers that it can do with; the most are those of `step_seconds`.
    pub least: u32,
    /// Its model's name, what was measured of that, and the epoch that it is in.
    pub profile: Option<(&'a str, &'a ModelProfile, usize)>,
    /// How often it was started after the first time.
    pub restarts: u32,
}

/// Jobs and nodes at the instant of a decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot<'a> {
    pub now: SimTime,
    /// With the room that they would have if none of the jobs were on them.
    pub nodes: Vec<Node>,
    /// By class of gangs: which nodes, by position, would take a worker if they had room.
    pub eligible: Vec<Vec<bool>>,
    /// In the order of the list.
    pub jobs: Vec<Job<'a>>,
    /// Jobs of the list are still to come.
    pub more_to_come: bool,
    /// Of the run: what a search draws from.
    pub seed: u64,
}

/// What a job shall have from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub job: u32,
    /// Empty: nothing.
    pub places: Places,
    /// So many steps and no more until the next decision; `None`: without limit.
    pub steps: Option<i64>,
    pub reason: String,
}

/// What a decision comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// For each job, in the order in which those that start are started.
    pub shares: Vec<Share>,
}

/// A policy's memory, and its decision.
trait Decide: std::fmt::Debug {
    fn decide(&mut self, snapshot: &Snapshot<'_>) -> Decision;
}

macro_rules! policies {
    ($($(#[$doc:meta])* $name:ident($options:ty, $memory:ty),)*) => {
        /// A policy that shares the GPUs out.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum Allocation {
            $($(#[$doc])* $name($options),)*
        }

        impl Allocation {
            /// How often it decides.
            pub fn interval(&self) -> SimDuration {
                match self {
                    $(Allocation::$name(options) => options.interval,)*
                }
            }

            /// # Errors
            /// The first option out of range: its name, and what it should be.
            pub fn validate(&self) -> Result<(), (&'static str, String)> {
                let interval = self.interval();
                if interval < SimDuration::from_secs(1) || interval > SimDuration::from_mins(24 * 60) {
                    return Err(("interval", "must be from 1s to 24h".to_owned()));
                }
                match self {
                    $(Allocation::$name(options) => options.validate(),)*
                }
            }

            /// As the scenario names it.
            pub fn name(&self) -> String {
                let name = match self {
                    $(Allocation::$name(_) => stringify!($name),)*
                };
                name[..1].to_lowercase() + &name[1..]
            }
        }

        /// A policy at work.
        #[derive(Clone, Debug)]
        pub enum Allocator {
            $($name($memory),)*
        }

        impl Allocator {
            pub fn new(allocation: Allocation) -> Allocator {
                match allocation {
                    $(Allocation::$name(options) => Allocator::$name(<$memory>::new(options)),)*
                }
            }

            /// Who has what from now on.
            pub fn decide(&mut self, snapshot: &Snapshot<'_>) -> Decision {
                match self {
                    $(Allocator::$name(memory) => memory.decide(snapshot),)*
                }
            }
        }
    };
}

policies! {
    /// Least attained service in two queues: a job that has had its share of GPU time stands behind all that have not.
    Tiresias(TiresiasOptions, tiresias::Tiresias),
    /// Elastic: a GPU more to the job whose end it brings nearest.
    Optimus(OptimusOptions, optimus::Optimus),
    /// Elastic: a genetic search for the best goodput, the batch chosen anew for each placement and epoch.
    Pollux(PolluxOptions, pollux::Pollux),
    /// In rounds: in order of arrival, each on the GPU model on which it is fastest.
    FifoPerf(RoundOptions, rounds::Rounds<fifo_perf::FifoPerf>),
    /// In rounds: the least GPU time of a job as large as can be (least attained service).
    MaxMinFairness(RoundOptions, rounds::Rounds<max_min_fairness::MaxMinFairness>),
    /// In rounds: the same by the speed that it gives on each GPU model.
    MaxMinFairnessPerf(RoundOptions, rounds::Rounds<max_min_fairness_perf::MaxMinFairnessPerf>),
    /// In rounds: the worst delay against a part of the cluster of one's own as small as can be.
    FinishTimeFairness(RoundOptions, rounds::Rounds<finish_time_fairness::FinishTimeFairness>),
}

impl Allocation {
    /// Decides when the jobs' turns are over, and not at fixed times.
    pub fn is_in_rounds(&self) -> bool {
        !matches!(self, Allocation::Tiresias(_) | Allocation::Optimus(_) | Allocation::Pollux(_))
    }

    /// Gives jobs more or fewer workers than they ask for.
    pub fn is_elastic(&self) -> bool {
        matches!(self, Allocation::Optimus(_) | Allocation::Pollux(_))
    }

    /// Chooses the batch of a job that has a profile.
    pub fn tunes_batch(&self) -> bool {
        matches!(self, Allocation::Pollux(_))
    }
}

#[cfg(test)]
mod tests;
