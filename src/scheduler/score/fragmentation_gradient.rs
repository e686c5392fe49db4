//! FragmentationGradient: the node whose free GPUs lose least of their use to the pods that are typical here. Not
//! upstream's; `FGDScore` of hkust-adsl/kubernetes-scheduler-simulator (8f3d641), of "Beware of Fragmentation" (USENIX
//! ATC 2023).

use super::gpu::{Ask, Room};
use super::{Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;
use crate::scheduler::fragmentation;

pub struct FragmentationGradient;

impl Score for FragmentationGradient {
    fn name(&self) -> &'static str {
        "FragmentationGradient"
    }

    fn default_weight(&self) -> i64 {
        0
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn applies(&self, _scoring: &Scoring<'_>) -> bool {
        true
    }

    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let room = Room::of(node, scoring.cycle.specs);
        fragmentation::gradient(Ask::of(scoring.cycle), &room, &scoring.settings.typical_pods).score
    }
}
