//! Cluster-wide limits on cores, memory, nodes and GPUs, upward and downward (`resourcequotas/`).
//!
//! Usage sums node capacity over all nodes, upcoming ones and those of no group included; each node's CPU is rounded up
//! to whole cores. Nodes of one group count as the first of them that is seen.

use super::facts::{self, CountedCapacity};
use super::{Options, Snapshot};
use crate::cluster::{ClusterView, NodeShape, NodeShapeId, Specs};

const GIB: i64 = 1 << 30;

/// What a limit of the whole cluster counts: cores, memory, nodes or a kind of GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaResource {
    Cpu,
    Memory,
    Nodes,
    Gpu(String),
}

impl QuotaResource {
    pub fn name(&self) -> &str {
        match self {
            QuotaResource::Cpu => "cpu",
            QuotaResource::Memory => "memory",
            QuotaResource::Nodes => "nodes",
            QuotaResource::Gpu(kind) => kind,
        }
    }

    fn of(&self, capacity: &CountedCapacity<'_>) -> i64 {
        match self {
            QuotaResource::Cpu => capacity.cores,
            QuotaResource::Memory => capacity.memory,
            QuotaResource::Nodes => 1,
            QuotaResource::Gpu(kind) => capacity.gpus.filter(|(other, _)| other == kind).map_or(0, |(_, n)| n),
        }
    }
}

/// Limits on the nodes of some groups or of the whole cluster.
#[derive(Clone, Debug)]
pub struct Quota {
    pub name: String,
    /// `None`: every node, be it in a group or not.
    pub groups: Option<Vec<usize>>,
    pub limits: Vec<(QuotaResource, i64)>,
}

impl Quota {
    fn applies_to(&self, group: Option<usize>) -> bool {
        self.groups.as_ref().is_none_or(|groups| group.is_some_and(|group| groups.contains(&group)))
    }

    /// `--cores-total`, `--memory-total` and `--gpu-total`: their maxima, or their minima.
    pub fn of_options(options: &Options, minimum: bool) -> Quota {
        let bound = |range: super::MinMax| if minimum { range.min } else { range.max };
        let mut limits = vec![
            (QuotaResource::Cpu, bound(options.cores_total)),
            (QuotaResource::Memory, bound(options.memory_total).saturating_mul(GIB)),
        ];
        let gpus = options.gpu_total.iter().map(|limit| (QuotaResource::Gpu(limit.kind.clone()), bound(limit.range)));
        limits.extend(gpus);
        Quota { name: "cluster-wide".to_owned(), groups: None, limits }
    }
}

/// A quota that is in the way, and by which resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceededQuota {
    pub name: String,
    pub resources: Vec<String>,
}

/// What a change of so many nodes comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaCheck {
    pub exceeded: Vec<ExceededQuota>,
    /// Nodes that every quota allows, at most those asked for.
    pub allowed: i64,
}

impl QuotaCheck {
    pub fn is_exceeded(&self) -> bool {
        !self.exceeded.is_empty()
    }
}

/// What is left of each quota.
pub struct QuotaTracker<'a> {
    specs: &'a Specs,
    templates: Vec<Option<&'a NodeShape>>,
    quotas: Vec<(Quota, Vec<i64>)>,
    by_group: Vec<Option<CountedCapacity<'a>>>,
}

/// A node outside every group bears a cloud's label for GPUs and has none to give: upstream takes that for an error that
/// will pass, and adds and removes nothing meanwhile (`GpuCustomResourcesProcessor`, 1.37).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpusMissing(pub NodeShapeId);

impl<'a> QuotaTracker<'a> {
    /// `nodes` are all nodes, by shape; those of a virtual kubelet do not count (`VirtualKubeletNodeFilter`, 1.37).
    /// Downward (`minimum`) what is left is what may still be removed.
    pub fn new(
        snapshot: &Snapshot<'a>,
        quotas: Vec<Quota>,
        nodes: impl Iterator<Item = NodeShapeId>,
        minimum: bool,
    ) -> Result<QuotaTracker<'a>, GpusMissing> {
        let specs: &'a Specs = snapshot.cluster.specs();
        let templates = snapshot.node_groups.iter().map(|group| group.template.map(|id| specs.shape(id))).collect();
        let mut tracker = QuotaTracker {
            specs,
            templates,
            quotas: quotas.into_iter().map(|quota| (quota.limits.len(), quota)).map(|(n, q)| (q, vec![0; n])).collect(),
            by_group: vec![None; snapshot.node_groups.len()],
        };
        for id in nodes {
            let shape = specs.shape(id);
            if shape.labels.get("type").is_some_and(|kind| kind == "virtual-kubelet") {
                continue;
            }
            let capacity = tracker.capacity(shape);
            let group = shape.group.map(|group| group.index()).filter(|group| *group < tracker.by_group.len());
            if group.is_none() && facts::lacks_promised_gpus(specs, shape) {
                return Err(GpusMissing(id));
            }
            for (quota, used) in &mut tracker.quotas {
                if quota.applies_to(group) {
                    for ((resource, _), used) in quota.limits.iter().zip(used) {
                        *used = used.saturating_add(resource.of(&capacity));
                    }
                }
            }
        }
        for (quota, used) in &mut tracker.quotas {
            for ((_, limit), used) in quota.limits.iter().zip(used) {
                *used = if minimum { *used - limit } else { limit.saturating_sub(*used) }.max(0);
            }
        }
        Ok(tracker)
    }

    fn capacity(&mut self, shape: &'a NodeShape) -> CountedCapacity<'a> {
        let Some(group) = shape.group.map(|group| group.index()).filter(|group| *group < self.by_group.len()) else {
            return facts::counted_capacity(self.specs, shape, None);
        };
        *self.by_group[group].get_or_insert_with(|| facts::counted_capacity(self.specs, shape, self.templates[group]))
    }

    /// How many of `nodes` nodes of this shape may be added (or removed).
    pub fn check(&mut self, shape: &'a NodeShape, nodes: i64) -> QuotaCheck {
        let capacity = self.capacity(shape);
        let group = shape.group.map(|group| group.index());
        let mut check = QuotaCheck { exceeded: Vec::new(), allowed: nodes };
        for (quota, left) in self.quotas.iter().filter(|(quota, _)| quota.applies_to(group)) {
            let mut resources = Vec::new();
            for ((resource, _), left) in quota.limits.iter().zip(left) {
                let each = resource.of(&capacity);
                if each > 0 && *left < each.saturating_mul(nodes) {
                    check.allowed = check.allowed.min(left / each);
                    resources.push(resource.name().to_owned());
                }
            }
            if !resources.is_empty() {
                check.exceeded.push(ExceededQuota { name: quota.name.clone(), resources });
            }
        }
        check
    }

    /// As [`QuotaTracker::check`], and takes the nodes off what is left where all of them are allowed.
    pub fn consume(&mut self, shape: &'a NodeShape, nodes: i64) -> QuotaCheck {
        let check = self.check(shape, nodes);
        if check.allowed != nodes {
            return check;
        }
        let capacity = self.capacity(shape);
        let group = shape.group.map(|group| group.index());
        for (quota, left) in self.quotas.iter_mut().filter(|(quota, _)| quota.applies_to(group)) {
            for ((resource, _), left) in quota.limits.iter().zip(left) {
                *left = (*left - resource.of(&capacity).saturating_mul(nodes)).max(0);
            }
        }
        check
    }
}
