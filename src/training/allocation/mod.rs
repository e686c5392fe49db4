//! Which jobs hold GPUs, how many and where, decided anew at intervals: running jobs may have to make way.
//!
//! Each policy is a file: its options, its memory, and a decision from a [`Snapshot`] of all jobs, waiting or at work. A new
//! one is that file and a line in the table below.

mod most_free;
mod tiresias;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use tiresias::TiresiasOptions;

use super::{Gang, Node};
use crate::units::{SimDuration, SimTime};

/// Node by position in the snapshot, and how many workers it gets; ascending by node.
pub type Places = Vec<(usize, u32)>;

/// A job that waits or is at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Job<'a> {
    pub gang: &'a Gang,
    /// Where its workers are; empty while it waits.
    pub places: Places,
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
}

/// What a job shall have from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub job: u32,
    /// Empty: nothing.
    pub places: Places,
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
            pub fn name(&self) -> &'static str {
                let name = match self {
                    $(Allocation::$name(_) => stringify!($name),)*
                };
                NAMES.iter().find(|(of, _)| *of == name).map_or(name, |(_, written)| written)
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

/// Variants and their names in a scenario.
const NAMES: &[(&str, &str)] = &[("Tiresias", "tiresias")];

policies! {
    /// Least attained service in two queues: a job that has had its share of GPU time stands behind all that have not.
    Tiresias(TiresiasOptions, tiresias::Tiresias),
}

#[cfg(test)]
mod tests;
