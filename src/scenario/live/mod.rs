//! The objects of a cluster as people have them, made into those that a scenario reads: older versions and other kinds
//! of the same thing, what the API server would fill in, and each pod counted once, as its owner's.
//!
//! All of it works on trees, so that every value keeps its place. What is done to an object that changes the outcome is
//! told, one line a kind ([`Told`]).

mod autoscaler;
mod dialect;
mod edit;
mod fill_in;
mod kinds;
mod owners;
mod rewrite;
mod scaling;
mod told;

pub use fill_in::pod_spec_path;
pub use kinds::{Bearing, bearing};
pub use owners::{Owned, RunningPod, is_live, moment_of};
pub use rewrite::part_of;
pub use scaling::Scaling;
pub use told::{NO_PART, Told, Weight};

use super::yaml::Node;

/// Objects of a cluster, each of them to be read once.
pub struct Settled {
    pub objects: Vec<Node>,
    /// Pods that stand on their nodes and are their owner's.
    pub running: Vec<RunningPod>,
}

/// Rewrites what is another way to say the same, fills in what the API server would, and leaves out what its owner makes.
pub fn settle(objects: Vec<Node>, told: &mut Told) -> Settled {
    let mut objects: Vec<Node> = objects.into_iter().flat_map(|object| dialect::translate(object, told)).collect();
    dialect::retarget(&mut objects);
    fill_in::names(&mut objects, told);
    let Owned { mut objects, running } = owners::once(objects, told);
    fill_in::limit_ranges(&mut objects, told);
    fill_in::runtime_classes(&mut objects, told);
    Settled { objects, running }
}
