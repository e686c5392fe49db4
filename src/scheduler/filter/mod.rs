//! Filters: may this pod run on this node? Upstream's plugins in upstream's order, first refusal wins.

mod dynamic_resources;
mod gpu_share;
mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_fit;
mod node_unschedulable;
mod pod_topology_spread;
mod taint_toleration;
mod volume_binding;

use std::fmt;

use smallvec::SmallVec;

use super::Cycle;
use super::node_terms::names_other_nodes;
pub use super::node_terms::{matches_node_selector_and_affinity, untolerated_taint};
use crate::cluster::{NodeView, Shortfall, Specs, Taint, TaintEffect};

pub use node_resources_fit::clearly_lacks_room;

/// One filter plugin.
pub trait Filter: Sync {
    /// Upstream's plugin name.
    fn name(&self) -> &'static str;

    /// What the answer depends on, so that answers can be reused.
    fn scope(&self) -> Scope;

    /// False where the plugin has nothing to say of this pod on any node (upstream's PreFilter answers `Skip`).
    fn applies(&self, _cycle: &Cycle<'_>) -> bool {
        true
    }

    fn filter(&self, cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Reason>;
}

/// What a filter's answer depends on beside the pod's spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only the node's shape, unless the pod names a node or a hostname.
    Shape,
    /// The node's own taints, cordon and booked resources.
    Node,
    /// Other pods of this and other nodes.
    Cluster,
}

/// All filters, in the order in which upstream's default profile runs them.
pub static FILTERS: &[&dyn Filter] = &[
    &node_unschedulable::NodeUnschedulable,
    &node_name::NodeName,
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_ports::NodePorts,
    &node_resources_fit::NodeResourcesFit,
    &gpu_share::GpuShare,
    &volume_binding::VolumeBinding,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
    &dynamic_resources::DynamicResources,
];

/// Runs all filters of the default profile; the first refusal wins.
pub fn fits(cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Rejection> {
    run(FILTERS, cycle, node)
}

/// What a kubelet asks of a pod that was bound to its node, by whomever: the general predicates and `NoExecute` taints.
/// A cordon or a `NoSchedule` taint does not keep it out (`pkg/kubelet/lifecycle/predicate.go`, 1.33).
pub fn admits(cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Rejection> {
    static PREDICATES: &[&dyn Filter] = &[
        &node_resources_fit::NodeResourcesFit,
        &gpu_share::GpuShare,
        &node_affinity::NodeAffinity,
        &node_name::NodeName,
        &node_ports::NodePorts,
    ];
    run(PREDICATES, cycle, node)?;
    let drives_out = |taint: &&Taint| taint.effect == TaintEffect::NoExecute;
    let tolerated = |taint: &Taint| cycle.pod.tolerations.iter().any(|toleration| toleration.tolerates(taint));
    match node.taints().filter(drives_out).find(|taint| !tolerated(taint)) {
        Some(taint) => Err(Rejection { plugin: "TaintToleration", reason: Reason::UntoleratedTaint(taint.clone()) }),
        None => Ok(()),
    }
}

/// Runs some filters in their order; the first refusal wins.
pub fn run(filters: &[&dyn Filter], cycle: &Cycle<'_>, node: &NodeView<'_>) -> Result<(), Rejection> {
    // Before any node is looked at, a pod that names its nodes leaves only those (`PreFilter`).
    if names_other_nodes(cycle.pod, node)
        && let Some(filter) = filters.iter().find(|filter| filter.name() == node_affinity::NAME)
    {
        return Err(Rejection { plugin: filter.name(), reason: Reason::NodeAffinity });
    }
    for filter in filters {
        filter.filter(cycle, node).map_err(|reason| Rejection { plugin: filter.name(), reason })?;
    }
    Ok(())
}

/// A refusal: which plugin, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub plugin: &'static str,
    pub reason: Reason,
}

/// Why a node can't take a pod. Shown with [`Reason::display`], which needs the names of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    Unschedulable,
    NodeName,
    UntoleratedTaint(Taint),
    NodeAffinity,
    NodePorts,
    TooManyPods,
    Insufficient(SmallVec<[Shortfall; 2]>),
    /// Of something the node has less than the pod asks for, however empty it is.
    NeverEnough(SmallVec<[Shortfall; 2]>),
    NoGpuDevice,
    /// The node lacks a topology key of a spread constraint.
    SpreadLabelMissing,
    SpreadSkew,
    PodAffinity,
    PodAntiAffinity,
    /// A running pod's anti-affinity keeps this one out.
    ExistingPodAntiAffinity,
    /// A volume of the pod is bound to another zone or node.
    VolumeNodeAffinity,
    /// The pod claims devices (DRA), and no driver offers any.
    ResourceClaims,
}

impl Reason {
    /// True where evicting pods can't help (upstream's `UnschedulableAndUnresolvable`).
    pub fn is_unresolvable(&self) -> bool {
        matches!(
            self,
            Reason::Unschedulable
                | Reason::NodeName
                | Reason::UntoleratedTaint(_)
                | Reason::NodeAffinity
                | Reason::SpreadLabelMissing
                | Reason::PodAffinity
                | Reason::VolumeNodeAffinity
                | Reason::ResourceClaims
                | Reason::NeverEnough(_)
        )
    }

    pub fn display<'a>(&'a self, specs: &'a Specs) -> impl fmt::Display + 'a {
        DisplayReason { reason: self, specs }
    }
}

struct DisplayReason<'a> {
    reason: &'a Reason,
    specs: &'a Specs,
}

impl fmt::Display for DisplayReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Unschedulable => f.write_str("the node is cordoned"),
            Reason::NodeName => f.write_str("the pod names another node"),
            Reason::UntoleratedTaint(taint) => write!(f, "untolerated taint {{{}: {}}}", taint.key, taint.value),
            Reason::NodeAffinity => f.write_str("the node's labels don't match the pod's selector or affinity"),
            Reason::NodePorts => f.write_str("a host port that the pod wants is taken"),
            Reason::SpreadLabelMissing => {
                f.write_str("the node lacks a topology label of the pod's spread constraints")
            }
            Reason::SpreadSkew => f.write_str("the pod's topology spread constraints would be violated"),
            Reason::PodAffinity => f.write_str("no pod that the pod's affinity wants runs in the node's domain"),
            Reason::PodAntiAffinity => {
                f.write_str("a pod that the pod's anti-affinity avoids runs in the node's domain")
            }
            Reason::ExistingPodAntiAffinity => f.write_str("the anti-affinity of a running pod keeps the pod out"),
            Reason::VolumeNodeAffinity => {
                f.write_str("volume node affinity conflict: a volume of the pod is elsewhere")
            }
            Reason::ResourceClaims => f.write_str("the pod claims devices (resourceClaims), and no driver offers any"),
            Reason::TooManyPods => f.write_str("too many pods"),
            Reason::NoGpuDevice => f.write_str("no GPU device has enough left"),
            Reason::Insufficient(shortfalls) | Reason::NeverEnough(shortfalls) => {
                for (index, shortfall) in shortfalls.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    match shortfall {
                        Shortfall::Cpu(short) => write!(f, "insufficient cpu (short by {short})")?,
                        Shortfall::Memory(short) => write!(f, "insufficient memory (short by {short})")?,
                        Shortfall::EphemeralStorage(short) => {
                            write!(f, "insufficient ephemeral-storage (short by {short})")?;
                        }
                        Shortfall::Extended(id, short) => {
                            write!(f, "insufficient {} (short by {short})", self.specs.resources.name(*id))?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}
