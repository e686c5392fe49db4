//! What ImageLocality finds once a pod and not once a node.

use std::collections::BTreeMap;

use crate::cluster::{ClusterView, image_with_tag};
use crate::scheduler::Cycle;

/// On how many nodes the pod's images are.
pub struct ImageSpread<'a> {
    /// One name a container, init containers first.
    pub(super) containers: Vec<String>,
    pub(super) nodes: BTreeMap<&'a str, i64>,
    pub(super) all_nodes: i64,
}

impl<'a> ImageSpread<'a> {
    /// `None` where no node names its images.
    pub fn new(view: &'a dyn ClusterView, cycle: &Cycle<'_>) -> Option<ImageSpread<'a>> {
        if !cycle.specs.any_images() {
            return None;
        }
        let init = cycle.pod.init_containers.iter().map(|init| &init.container);
        let containers: Vec<_> =
            init.chain(&cycle.pod.containers).map(|container| image_with_tag(&container.image)).collect();
        let mut spread = ImageSpread { containers, nodes: BTreeMap::new(), all_nodes: 0 };
        for node in view.node_views() {
            spread.all_nodes += 1;
            for (name, _) in &node.shape.images {
                *spread.nodes.entry(name).or_default() += 1;
            }
        }
        Some(spread)
    }
}
