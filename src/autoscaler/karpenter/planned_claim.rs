//! A node to be: the pods planned for it, and the instance types that could still hold them all.
//!
//! Adding a pod narrows the requirements and the set of types; the launch picks one in the end. Follows
//! `pkg/controllers/provisioning/scheduling/nodeclaim.go` (kubernetes-sigs/karpenter 22664681).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use super::instance_type::{Catalogue, InstanceType, TypeIndex};
use super::preferences::Variant;
use super::requirement::{Operator, Requirement};
use super::requirements::{Incompatible, RESERVATION_ID, Requirements};
use super::reservation::Reservations;
use super::template::Template;
use super::topology::{Owner, Topology, Unsatisfiable};
use super::topology_group::{TopologyType, first_untolerated};
use crate::cluster::{HostPort, NodeShape, NodeShapeId, NodeState, PodSpec, PodSpecId, Resources, Specs, Taint, label};

/// Why a pod can't join a claim, or a pool can't make one for it.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    Taint(Taint),
    Requirements(Incompatible),
    Topology(Unsatisfiable),
    /// No instance type is left: which of the three conditions at least one type met.
    NoInstanceType {
        requirements_met: bool,
        fits: bool,
        has_offering: bool,
    },
    MinValues(Vec<(Arc<str>, usize)>),
    ReservedCapacity,
    NodeLimit,
    Limits,
}

/// What is known of a pod's place before it is taken.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub requirements: Requirements,
    pub types: Vec<TypeIndex>,
    pub reserved: Vec<Arc<str>>,
    /// `minValues` that had to be lowered.
    pub relaxed_min_values: bool,
}

impl Fit {
    /// The same on another node without pods.
    pub fn for_host(&self, hostname: &str) -> Fit {
        let mut fit = self.clone();
        fit.requirements.replace(Requirement::value(label::HOSTNAME, hostname));
        fit
    }
}

/// How `can_add` is to judge.
pub(super) struct Terms<'t, 'a> {
    pub template: &'t Template<'a>,
    pub catalogue: &'a Catalogue,
    pub specs: &'a Specs,
    pub reservations: Option<&'t Reservations>,
    /// Fail rather than give reserved capacity up.
    pub strict_reservations: bool,
    pub relax_min_values: bool,
}

#[derive(Clone, Debug)]
pub(super) struct PlannedNode {
    /// Position in the templates.
    pub template: usize,
    /// Stands for the name that the node does not have yet.
    pub hostname: Arc<str>,
    pub requirements: Requirements,
    pub types: Vec<TypeIndex>,
    /// Positions in the solve's pods, in the order in which they came.
    pub pods: Vec<Owner>,
    pub requested: Resources,
    pub relaxed_min_values: bool,
    /// Pools that were tried before this one's, and why they can't.
    pub passed_over: Vec<(usize, Refusal)>,
    pub reserved: Vec<Arc<str>>,
    ports: Vec<HostPort>,
    /// Specs that hold GPUs, for the placement on shared devices.
    gpu_pods: SmallVec<[PodSpecId; 4]>,
}

impl PlannedNode {
    pub fn new(template_index: usize, template: &Template<'_>, types: Vec<TypeIndex>, number: usize) -> PlannedNode {
        let hostname: Arc<str> = format!("hostname-placeholder-{number:04}").into();
        let mut requirements = template.requirements.clone();
        requirements.replace(Requirement::value(label::HOSTNAME, &hostname));
        PlannedNode {
            template: template_index,
            hostname,
            requirements,
            types,
            pods: Vec::new(),
            requested: Resources::default(),
            relaxed_min_values: false,
            passed_over: Vec::new(),
            reserved: Vec::new(),
            ports: Vec::new(),
            gpu_pods: SmallVec::new(),
        }
    }

    /// Whether the pod fits, and what the claim would be with it.
    pub fn can_add(
        &self,
        owner: Owner,
        pod: &Variant,
        topology: &Topology<'_>,
        terms: &Terms<'_, '_>,
    ) -> Result<Fit, Refusal> {
        let taints = &terms.template.pool.taints;
        if let Some(taint) = first_untolerated(&pod.pod.tolerations, taints) {
            return Err(Refusal::Taint(taint.clone()));
        }
        let undefined = terms.catalogue.undefined();
        self.requirements.compatible(&pod.requirements, undefined).map_err(Refusal::Requirements)?;
        let mut requirements = self.requirements.clone();
        requirements.add_all(&pod.requirements);
        if topology.has_groups() {
            let of_topology =
                topology.add_requirements(owner, &pod.pod, &pod.strict, &requirements).map_err(Refusal::Topology)?;
            requirements.compatible(&of_topology, undefined).map_err(Refusal::Requirements)?;
            requirements.add_all(&of_topology);
        }
        let (types, relaxed) = self.filter_types(pod, &mut requirements, terms)?;
        let reserved = self.reserve(&types, &requirements, terms)?;
        Ok(Fit { requirements, types, reserved, relaxed_min_values: relaxed })
    }

    /// No instance type that is left has the resources for the pod too, and none will: it only fills up.
    pub fn is_too_full(&self, pod: &Variant, terms: &Terms<'_, '_>) -> bool {
        let mut requested = self.requested.clone();
        requested += &pod.pod.requests;
        let pods = self.pods.len() as i64 + 1;
        !self.types.iter().any(|index| {
            let (instance_type, overhead) = (terms.catalogue.get(*index), terms.template.overhead(*index));
            pods + overhead.pods <= instance_type.max_pods && holds(instance_type, &requested, &overhead.requests)
        })
    }

    pub fn add(&mut self, owner: Owner, pod: &Variant, fit: Fit, specs: &Specs) {
        self.pods.push(owner);
        self.requested += &pod.pod.requests;
        self.requirements = fit.requirements;
        self.types = fit.types;
        self.reserved = fit.reserved;
        self.relaxed_min_values |= fit.relaxed_min_values;
        self.ports.extend(pod.pod.host_ports().cloned());
        if pod.pod.gpu_share.is_some() || specs.whole_gpus(&pod.pod) > 0 {
            self.gpu_pods.push(pod.spec);
        }
    }

    /// Types that meet the requirements, hold all pods, and can be had.
    fn filter_types(
        &self,
        pod: &Variant,
        requirements: &mut Requirements,
        terms: &Terms<'_, '_>,
    ) -> Result<(Vec<TypeIndex>, bool), Refusal> {
        let mut requested = self.requested.clone();
        requested += &pod.pod.requests;
        let pods = self.pods.len() as i64 + 1;
        // The types were filtered by the claim's requirements before: only new ones can take more away.
        let unchanged = !self.pods.is_empty() && *requirements == self.requirements;
        let (mut requirements_met, mut fits_any, mut offered_any) = (false, false, false);
        let mut types = Vec::with_capacity(self.types.len());
        for index in &self.types {
            let instance_type = terms.catalogue.get(*index);
            let overhead = terms.template.overhead(*index);
            if port_conflict(&pod.pod, overhead.ports.iter()) || port_conflict(&pod.pod, self.ports.iter()) {
                continue;
            }
            let compatible = unchanged || instance_type.requirements().intersects(requirements).is_ok();
            let offered = unchanged || instance_type.available(requirements).next().is_some();
            let fits = pods + overhead.pods <= instance_type.max_pods
                && holds(instance_type, &requested, &overhead.requests)
                && self.gpus_fit(pod, instance_type, terms.specs);
            requirements_met |= compatible;
            fits_any |= fits;
            offered_any |= offered;
            if compatible && offered && fits {
                types.push(*index);
            }
        }
        let mut relaxed = false;
        if let Err(misses) = terms.catalogue.satisfies_min_values(&types, requirements) {
            if !terms.relax_min_values {
                return Err(Refusal::MinValues(misses));
            }
            for (key, offered) in misses {
                if let Some(requirement) = requirements.get_mut(&key) {
                    requirement.min_values = Some(offered);
                    relaxed = true;
                }
            }
        }
        if types.is_empty() {
            return Err(Refusal::NoInstanceType { requirements_met, fits: fits_any, has_offering: offered_any });
        }
        Ok((types, relaxed))
    }

    /// Shares of GPUs are placed device by device, as the scheduler will.
    fn gpus_fit(&self, pod: &Variant, instance_type: &InstanceType, specs: &Specs) -> bool {
        if instance_type.shared_gpus == 0 {
            return pod.pod.gpu_share.is_none();
        }
        let wants = pod.pod.gpu_share.is_some() || specs.whole_gpus(&pod.pod) > 0;
        if !wants {
            return true;
        }
        let shape = NodeShape { shared_gpus: instance_type.shared_gpus, ..NodeShape::default() };
        let mut node = NodeState::new(Arc::clone(&self.hostname), NodeShapeId(0), &shape);
        for spec in self.gpu_pods.iter().copied() {
            let other = specs.pod(spec);
            node.add_pod(crate::cluster::PodId(0), spec, other, specs.whole_gpus(other));
        }
        node.pick_gpu_devices(specs.whole_gpus(&pod.pod), &pod.pod).is_some()
    }

    /// Reservations that the claim could use, of those with room left.
    fn reserve(
        &self,
        types: &[TypeIndex],
        requirements: &Requirements,
        terms: &Terms<'_, '_>,
    ) -> Result<Vec<Arc<str>>, Refusal> {
        let Some(reservations) = terms.reservations else { return Ok(Vec::new()) };
        let mut any_compatible = false;
        let mut reserved = Vec::new();
        for offering in types.iter().flat_map(|index| terms.catalogue.get(*index).available(requirements)) {
            let Some(reservation) = &offering.reservation else { continue };
            any_compatible = true;
            if reservations.can_reserve(&self.hostname, &reservation.id) && !reserved.contains(&reservation.id) {
                reserved.push(Arc::clone(&reservation.id));
            }
        }
        let gives_up = reserved.is_empty() && (any_compatible || !self.reserved.is_empty());
        if terms.strict_reservations && gives_up { Err(Refusal::ReservedCapacity) } else { Ok(reserved) }
    }

    /// The claim's requirements once no more pods come: no placeholder, and the reservations it counts on.
    pub fn finalize(&mut self) {
        self.requirements.remove(label::HOSTNAME);
        if !self.reserved.is_empty() {
            self.requirements.replace(Requirement::value(label::CAPACITY_TYPE, "reserved"));
            self.requirements.add(Requirement::new(RESERVATION_ID, Operator::In, &self.reserved));
        }
    }
}

fn holds(instance_type: &InstanceType, requested: &Resources, overhead: &Resources) -> bool {
    let allocatable = &instance_type.allocatable;
    if requested.cpu + overhead.cpu > allocatable.cpu || requested.memory + overhead.memory > allocatable.memory {
        return false;
    }
    let mut all = requested.clone();
    all += overhead;
    allocatable.shortfalls(&all).next().is_none()
}

/// Two pods can't listen on one port of one address; unlike to the scheduler, `::` is every address too
/// (`pkg/scheduling/hostportusage.go`).
pub(super) fn port_conflict<'p>(pod: &PodSpec, taken: impl Iterator<Item = &'p HostPort> + Clone) -> bool {
    let address = |port: &HostPort| port.ip.parse::<IpAddr>().map(|ip| ip.to_canonical()).ok();
    let is_every = |ip: Option<IpAddr>| ip.is_some_and(|ip| ip.is_unspecified());
    pod.host_ports().any(|port| {
        taken.clone().filter(|other| other.port == port.port && other.protocol == port.protocol).any(|other| {
            let (ours, theirs) = (address(port), address(other));
            port.ip == other.ip || ours.is_some() && ours == theirs || is_every(ours) || is_every(theirs)
        })
    })
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Taint(taint) => write!(f, "untolerated taint {{{}: {}}}", taint.key, taint.value),
            Refusal::Requirements(incompatible) => write!(f, "incompatible requirements: {incompatible}"),
            Refusal::Topology(unsatisfiable) => unsatisfiable.fmt(f),
            Refusal::NoInstanceType { requirements_met, fits, has_offering } => {
                let missing: Vec<&str> = [
                    (requirements_met, "meets the requirements"),
                    (fits, "has enough resources"),
                    (has_offering, "has an available offering"),
                ]
                .into_iter()
                .filter_map(|(met, what)| (!met).then_some(what))
                .collect();
                if missing.is_empty() {
                    f.write_str("no instance type meets requirements, resources and offerings at once")
                } else {
                    write!(f, "no instance type {}", missing.join(" or "))
                }
            }
            Refusal::MinValues(misses) => {
                let misses: Vec<String> = misses.iter().map(|(key, offered)| format!("{key}: {offered}")).collect();
                write!(f, "minValues is not met ({})", misses.join(", "))
            }
            Refusal::ReservedCapacity => f.write_str("reserved capacity that suits is all taken for now"),
            Refusal::NodeLimit => f.write_str("the pool's limit of nodes is reached"),
            Refusal::Limits => f.write_str("every instance type would exceed the pool's limits"),
        }
    }
}

impl fmt::Display for Unsatisfiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            TopologyType::Spread => "topology spread",
            TopologyType::PodAffinity => "pod affinity",
            TopologyType::PodAntiAffinity => "pod anti-affinity",
        };
        let counts: Vec<String> =
            self.counts.iter().take(10).map(|(domain, count)| format!("{domain}: {count}")).collect();
        write!(f, "unsatisfiable {kind} over {} (pods by domain: {})", self.key, counts.join(", "))
    }
}
