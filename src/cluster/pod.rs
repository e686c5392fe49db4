//! A pod's spec as schedulers, kubelets and autoscalers read it: parsed, defaulted and immutable.

use std::collections::BTreeMap;

use super::{LabelSelector, Labels, NodeSelectorTerm, ResourceId, Resources, SelectorRequirement, Toleration, label};
use crate::units::{Bytes, Millicores, SimDuration};

/// Requests that the scheduler's scores assume for a container without any (`pkg/scheduler/util`, 1.31).
pub const DEFAULT_MILLI_CPU_REQUEST: Millicores = Millicores(100);
pub const DEFAULT_MEMORY_REQUEST: Bytes = Bytes(200 * 1024 * 1024);

/// From here on pods are critical to the system (`scheduling.SystemCriticalPriority`).
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// Everything about a pod that its template fixes. Pods with equal specs share one in [`Specs`](super::Specs).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodSpec {
    pub namespace: String,
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    pub containers: Vec<Container>,
    pub init_containers: Vec<InitContainer>,
    pub overhead: Resources,
    /// Pod-level requests (`spec.resources`), where set: they stand in for the containers' sum.
    pub pod_requests: Option<PodLevelRequests>,
    pub node_name: Option<String>,
    pub node_selector: Labels,
    pub affinity: Affinity,
    pub tolerations: Vec<Toleration>,
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Gates that somebody must lift before the scheduler looks at the pod.
    pub scheduling_gates: Vec<String>,
    /// `spec.schedulerName` where it is another than `default-scheduler`.
    pub scheduler_name: Option<String>,
    pub priority: i32,
    /// False where `preemptionPolicy: Never`.
    pub preempts: bool,
    pub restart_policy: RestartPolicy,
    pub termination_grace_period: SimDuration,
    pub volumes: Vec<Volume>,
    /// `activeDeadlineSeconds`: so long after the kubelet took it up the pod fails.
    pub active_deadline: Option<SimDuration>,
    /// The longest initial delay of its startup and readiness probes: before that it is not ready.
    pub probe_delay: SimDuration,
    /// Where its bound volumes can be reached, for each of them as alternatives.
    pub volume_affinity: Vec<Vec<NodeSelectorTerm>>,
    /// `resourceClaims` (DRA) by the names that the pod gives them.
    pub resource_claims: Vec<String>,
    /// The owner with `controller: true`.
    pub controller: Option<Controller>,
    /// Thousandths of devices as GPU-sharing clusters ask for them.
    pub gpu_share: Option<GpuShare>,
    /// What the scheduler reserves; derived by [`PodSpec::effective_requests`] when the spec is interned.
    pub requests: Resources,
    /// As `requests`, with the scheduler's defaults for containers that state nothing (used by scores only).
    pub nonzero_requests: (Millicores, Bytes),
}

/// Pod-level requests, only for the resources that were stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodLevelRequests {
    pub cpu: Option<Millicores>,
    pub memory: Option<Bytes>,
    /// As [`Container::odd_thousandths`], of the memory.
    pub odd_memory_thousandths: Option<i64>,
}

/// A container: what it asks for and may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Container {
    pub name: String,
    pub image: String,
    pub requests: Resources,
    /// Thousandths of the requested resources other than CPU of which they are not a thousand times the whole: fractions
    /// of a byte, and what upstream's readers find where an amount does not fit 64 bits. The HPA reads thousandths.
    pub odd_thousandths: Vec<(String, i64)>,
    /// Whether a CPU and a memory request was stated (zero and absent differ for the HPA and for QoS).
    pub has_request: (bool, bool),
    /// `None`: no limit.
    pub cpu_limit: Option<Millicores>,
    pub memory_limit: Option<Bytes>,
    pub host_ports: Vec<HostPort>,
}

/// A container that runs before the others, or beside them where it restarts always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct InitContainer {
    pub container: Container,
    /// A sidecar (`restartPolicy: Always`): it keeps running beside the ordinary containers.
    pub restart_always: bool,
}

/// A port of the node that a container takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// `0.0.0.0` where not stated: conflicts with every address.
    pub ip: String,
    pub protocol: String,
    pub port: i32,
}

/// A pod's `restartPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    #[default]
    Always,
    OnFailure,
    Never,
}

/// The controller that owns a pod (`ownerReferences` with `controller: true`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    pub kind: String,
    pub name: String,
    pub uid: String,
}

/// `count` devices with `milli` thousandths of each; below 1000 only with a count of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GpuShare {
    pub count: u16,
    pub milli: u16,
}

/// A volume of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Volume {
    pub name: String,
    pub source: VolumeSource,
}

/// What a volume is made of, as far as anybody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VolumeSource {
    HostPath,
    EmptyDirDisk,
    EmptyDirMemory,
    Other,
}

/// Where a pod must or would rather be, by nodes and by other pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Affinity {
    pub node: NodeAffinity,
    pub pod: PodAffinity,
    pub pod_anti: PodAffinity,
}

/// By labels of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeAffinity {
    /// Alternatives, one of which must hold; `None`: no requirement, an empty list matches no node.
    pub required: Option<Vec<NodeSelectorTerm>>,
    pub preferred: Vec<Weighted<NodeSelectorTerm>>,
}

/// By pods that are there; also the anti-affinity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodAffinity {
    pub required: Vec<PodAffinityTerm>,
    pub preferred: Vec<Weighted<PodAffinityTerm>>,
}

/// A preference with its weight, from 1 to 100.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Weighted<T> {
    pub weight: i32,
    pub term: T,
}

/// Pods to be near to or away from, in a topology.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodAffinityTerm {
    /// `None` selects nothing, an empty selector everything. `matchLabelKeys` are already merged into it.
    pub selector: Option<LabelSelector>,
    /// Empty together with no namespace selector: the pod's own namespace.
    pub namespaces: Vec<String>,
    /// `Some` of an empty selector: every namespace. (Namespace labels are not modelled.)
    pub namespace_selector: Option<LabelSelector>,
    pub topology_key: String,
}

/// How evenly pods are to be spread over a topology.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopologySpreadConstraint {
    pub max_skew: i32,
    pub topology_key: String,
    pub when_unsatisfiable: WhenUnsatisfiable,
    /// `matchLabelKeys` are already merged into it.
    pub selector: Option<LabelSelector>,
    pub min_domains: Option<i32>,
    /// Default `Honor`.
    pub node_affinity_policy: SpreadPolicy,
    /// Default `Ignore`.
    pub node_taints_policy: SpreadPolicy,
}

/// Whether a spread that can't be kept forbids or only counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenUnsatisfiable {
    DoNotSchedule,
    ScheduleAnyway,
}

/// Whether a pod's node affinity or taints decide which nodes a spread counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpreadPolicy {
    Honor,
    Ignore,
}

/// In the order in which a node under memory pressure gives pods up, last to first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QosClass {
    Guaranteed,
    Burstable,
    BestEffort,
}

/// The label that every namespace carries; other namespace labels are not modelled.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

impl PodAffinityTerm {
    /// True where the term, stated by a pod of `owner_namespace`, selects `pod`.
    pub fn selects(&self, owner_namespace: &str, pod: &PodSpec) -> bool {
        self.selects_namespace(owner_namespace, &pod.namespace)
            && self.selector.as_ref().is_some_and(|selector| selector.matches(&pod.labels))
    }

    fn selects_namespace(&self, owner: &str, namespace: &str) -> bool {
        let selected = |selector: &LabelSelector| {
            let value = |key: &str| (key == NAMESPACE_NAME).then_some(namespace);
            let holds = |requirement: &SelectorRequirement| requirement.matches(value(&requirement.key));
            selector.match_labels.iter().all(|(key, wanted)| value(key) == Some(wanted))
                && selector.match_expressions.iter().all(holds)
        };
        if self.namespaces.is_empty() && self.namespace_selector.is_none() {
            return owner == namespace;
        }
        self.namespaces.iter().any(|name| name == namespace) || self.namespace_selector.as_ref().is_some_and(selected)
    }
}

impl Controller {
    /// Upstream's default spread constraints select the pods of such a controller (services, by which it selects too,
    /// are not modelled; those of a workload select all of its pods alike).
    pub fn is_spread_by_default(&self) -> bool {
        matches!(&*self.kind, "ReplicaSet" | "StatefulSet" | "ReplicationController" | "Deployment")
    }
}

impl PodSpec {
    /// Fills the derived fields; [`Specs::intern_pod`](super::Specs::intern_pod) calls it.
    pub(super) fn derive(&mut self) {
        self.requests = self.effective_requests();
        self.nonzero_requests = self.effective_nonzero_requests();
    }

    /// What NodeResourcesFit scores by: its scorer is not told of the feature gate for pod-level requests, up to 1.37, and
    /// sees the containers' alone (`NewFit`, `pkg/scheduler/framework/plugins/noderesources/fit.go`).
    pub fn requests_scored_by_fit(&self) -> (Millicores, Bytes) {
        if self.pod_requests.is_none() {
            return self.nonzero_requests;
        }
        let (cpu, memory) = self.container_nonzero_requests();
        (cpu + self.overhead.cpu, memory + self.overhead.memory)
    }

    /// What Kubernetes reserves: the larger of (containers + sidecars) and the peak over init containers, with the
    /// sidecars started before each; then pod-level requests, then overhead (`component-helpers/resource`, 1.33).
    pub fn effective_requests(&self) -> Resources {
        let mut running = Resources::default();
        for container in &self.containers {
            running += &container.requests;
        }
        let mut sidecars = Resources::default();
        let mut peak = Resources::default();
        for init in &self.init_containers {
            let mut during = sidecars.clone();
            during += &init.container.requests;
            if init.restart_always {
                sidecars = during.clone();
            }
            peak = peak.max(&during);
        }
        running += &sidecars;
        let mut requests = running.max(&peak);
        if let Some(pod) = &self.pod_requests {
            requests.cpu = pod.cpu.unwrap_or(requests.cpu);
            requests.memory = pod.memory.unwrap_or(requests.memory);
        }
        requests += &self.overhead;
        requests
    }

    fn effective_nonzero_requests(&self) -> (Millicores, Bytes) {
        let (mut cpu, mut memory) = self.container_nonzero_requests();
        if let Some(pod) = &self.pod_requests {
            (cpu, memory) = (pod.cpu.unwrap_or(cpu), pod.memory.unwrap_or(memory));
        }
        (cpu + self.overhead.cpu, memory + self.overhead.memory)
    }

    fn container_nonzero_requests(&self) -> (Millicores, Bytes) {
        let nonzero = |container: &Container| {
            let cpu = if container.has_request.0 { container.requests.cpu } else { DEFAULT_MILLI_CPU_REQUEST };
            let memory = if container.has_request.1 { container.requests.memory } else { DEFAULT_MEMORY_REQUEST };
            (cpu, memory)
        };
        let plus = |a: (Millicores, Bytes), b: (Millicores, Bytes)| (a.0 + b.0, a.1 + b.1);
        let max = |a: (Millicores, Bytes), b: (Millicores, Bytes)| (a.0.max(b.0), a.1.max(b.1));
        let running = self.containers.iter().map(nonzero).fold(Default::default(), plus);
        let (mut sidecars, mut peak) = ((Millicores::ZERO, Bytes::ZERO), (Millicores::ZERO, Bytes::ZERO));
        for init in &self.init_containers {
            let during = plus(sidecars, nonzero(&init.container));
            if init.restart_always {
                sidecars = during;
            }
            peak = max(peak, during);
        }
        max(plus(running, sidecars), peak)
    }

    /// Kubernetes' class: Guaranteed where every container's CPU and memory limits are set and equal its requests,
    /// BestEffort where nothing is stated, else Burstable.
    pub fn qos_class(&self) -> QosClass {
        let all = || self.containers.iter().chain(self.init_containers.iter().map(|init| &init.container));
        let states_something = |c: &Container| {
            c.requests.cpu > Millicores::ZERO
                || c.requests.memory > Bytes::ZERO
                || c.cpu_limit.is_some_and(|l| l > Millicores::ZERO)
                || c.memory_limit.is_some_and(|l| l > Bytes::ZERO)
        };
        if self.pod_requests.is_none() && !all().any(states_something) {
            return QosClass::BestEffort;
        }
        let is_guaranteed = |c: &Container| {
            c.cpu_limit.is_some_and(|l| l > Millicores::ZERO && l == c.requests.cpu)
                && c.memory_limit.is_some_and(|l| l > Bytes::ZERO && l == c.requests.memory)
        };
        if self.pod_requests.is_none() && all().all(is_guaranteed) {
            return QosClass::Guaranteed;
        }
        QosClass::Burstable
    }

    /// Sum of the containers' CPU limits; `None` where one has none.
    pub fn cpu_limit(&self) -> Option<Millicores> {
        self.running().map(|c| c.cpu_limit).sum()
    }

    /// `cpu.shares` of the pod's cgroup: 1,024 for a requested core, 2 at least (`pkg/kubelet/cm/helpers_linux.go`,
    /// `MilliCPUToShares`).
    pub fn cpu_shares(&self) -> i64 {
        (self.requests.cpu.get() * 1024 / 1000).clamp(2, 262_144)
    }

    /// Sum of the containers' memory limits; `None` where one has none.
    pub fn memory_limit(&self) -> Option<Bytes> {
        self.running().map(|c| c.memory_limit).sum()
    }

    /// What runs as long as the pod does: its containers, and sidecars beside them.
    pub fn running(&self) -> impl Iterator<Item = &Container> + Clone {
        self.containers.iter().chain(self.sidecars())
    }

    /// CPU and memory requested for what runs. Init containers are over by then, and overhead is nobody's use.
    pub fn running_requests(&self) -> (Millicores, Bytes) {
        let of_pod = self.pod_requests.as_ref();
        let cpu = of_pod.and_then(|pod| pod.cpu);
        let memory = of_pod.and_then(|pod| pod.memory);
        (
            cpu.unwrap_or_else(|| self.running().map(|container| container.requests.cpu).sum()),
            memory.unwrap_or_else(|| self.running().map(|container| container.requests.memory).sum()),
        )
    }

    /// Init containers with `restartPolicy: Always`, which run beside the containers.
    pub fn sidecars(&self) -> impl Iterator<Item = &Container> + Clone {
        self.init_containers.iter().filter(|init| init.restart_always).map(|init| &init.container)
    }

    pub fn host_ports(&self) -> impl Iterator<Item = &HostPort> + Clone {
        self.containers.iter().chain(self.sidecars()).flat_map(|container| &container.host_ports)
    }

    /// Our scheduler does not look at the pod: a gate holds it back, or another scheduler is to bind it.
    pub fn is_held_back(&self) -> bool {
        !self.scheduling_gates.is_empty() || self.scheduler_name.is_some()
    }

    /// Names of nodes (or their hostname labels) that the pod asks for: `nodeName`, its selector, its required affinity.
    pub fn named_nodes(&self) -> impl Iterator<Item = &str> {
        let selected = self.node_selector.get(label::HOSTNAME);
        let terms = self.affinity.node.required.iter().flatten();
        let required = terms.flat_map(|term| {
            let by_label = term.match_expressions.iter().filter(|requirement| requirement.key == label::HOSTNAME);
            let by_field = term.match_fields.iter().filter(|requirement| requirement.key == "metadata.name");
            by_label.chain(by_field).flat_map(|requirement| &requirement.values)
        });
        self.node_name.iter().chain(selected).chain(required).map(String::as_str)
    }

    /// Affinity or anti-affinity to pods, required or preferred.
    pub fn has_pod_affinity(&self) -> bool {
        self.pod_affinity_terms().next().is_some()
    }

    /// All terms of affinity and anti-affinity to pods, required or preferred.
    pub fn pod_affinity_terms(&self) -> impl Iterator<Item = &PodAffinityTerm> {
        [&self.affinity.pod, &self.affinity.pod_anti].into_iter().flat_map(|affinity| {
            affinity.required.iter().chain(affinity.preferred.iter().map(|weighted| &weighted.term))
        })
    }

    /// Whether the pod may ask for a node by name or hostname: then nodes of one shape differ for it.
    pub fn names_hosts(&self) -> bool {
        let required = self.affinity.node.required.iter().flatten();
        self.node_name.is_some()
            || self.node_selector.contains_key(label::HOSTNAME)
            || required.chain(self.volume_affinity.iter().flatten()).any(|term| {
                !term.match_fields.is_empty() || term.match_expressions.iter().any(|r| r.key == label::HOSTNAME)
            })
    }

    /// Of one of the system's two priority classes; users' priorities end at half of theirs.
    pub fn is_critical(&self) -> bool {
        self.priority >= SYSTEM_CRITICAL_PRIORITY
    }

    pub fn is_daemon_set_pod(&self) -> bool {
        self.controller.as_ref().is_some_and(|controller| controller.kind == "DaemonSet")
    }

    /// A static pod that the kubelet runs by itself.
    pub fn is_mirror_pod(&self) -> bool {
        self.annotations.contains_key("kubernetes.io/config.mirror")
    }

    /// Thousandths of GPUs that the pod holds, whole (`gpu` is that resource's id) or shared.
    pub fn gpu_milli(&self, gpu: Option<ResourceId>) -> i64 {
        let whole = gpu.map_or(0, |id| self.requests.extended(id) * 1000);
        whole + self.gpu_share.map_or(0, |share| i64::from(share.count) * i64::from(share.milli))
    }
}

/// An image's name with its tag: one without is `:latest`.
pub fn image_with_tag(image: &str) -> String {
    if image.rfind(':') <= image.rfind('/') { format!("{image}:latest") } else { image.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_the_latest() {
        assert_eq!(image_with_tag("root"), "root:latest");
        assert_eq!(image_with_tag("gcr.io:5000/root"), "gcr.io:5000/root:latest");
        assert_eq!(image_with_tag("gcr.io:5000/root:1"), "gcr.io:5000/root:1");
    }

    fn container(cpu: i64, memory: i64) -> Container {
        Container {
            requests: Resources::new(Millicores(cpu), Bytes(memory)),
            has_request: (true, true),
            ..Container::default()
        }
    }

    fn init(cpu: i64, memory: i64, restart_always: bool) -> InitContainer {
        InitContainer { container: container(cpu, memory), restart_always }
    }

    #[test]
    fn a_big_init_container_sets_the_effective_request() {
        let spec = PodSpec {
            containers: vec![container(100, 10)],
            init_containers: vec![init(50, 5, true), init(500, 1, false)],
            overhead: Resources::new(Millicores(7), Bytes(0)),
            ..PodSpec::default()
        };
        assert_eq!(spec.effective_requests(), Resources::new(Millicores(557), Bytes(15)));
    }

    #[test]
    fn a_pod_without_requests_is_best_effort_and_scored_with_defaults() {
        let spec = PodSpec { containers: vec![Container::default()], ..PodSpec::default() };
        assert_eq!(spec.qos_class(), QosClass::BestEffort);
        assert_eq!(spec.effective_nonzero_requests(), (DEFAULT_MILLI_CPU_REQUEST, DEFAULT_MEMORY_REQUEST));
    }

    #[test]
    fn equal_requests_and_limits_make_a_pod_guaranteed() {
        let mut spec = PodSpec { containers: vec![container(100, 10)], ..PodSpec::default() };
        assert_eq!(spec.qos_class(), QosClass::Burstable);
        spec.containers[0].cpu_limit = Some(Millicores(100));
        spec.containers[0].memory_limit = Some(Bytes(10));
        assert_eq!(spec.qos_class(), QosClass::Guaranteed);
    }

    fn pod(namespace: &str, app: &str) -> PodSpec {
        let labels = Labels::from([("app".to_owned(), app.to_owned())]);
        PodSpec { namespace: namespace.into(), labels, ..PodSpec::default() }
    }

    fn term(namespaces: &[&str], namespace_selector: Option<LabelSelector>) -> PodAffinityTerm {
        PodAffinityTerm {
            selector: Some(LabelSelector::default()),
            namespaces: namespaces.iter().map(|name| name.to_string()).collect(),
            namespace_selector,
            topology_key: "zone".into(),
        }
    }

    #[test]
    fn a_term_without_namespaces_selects_its_owners_namespace() {
        assert!(term(&[], None).selects("a", &pod("a", "x")));
        assert!(!term(&[], None).selects("a", &pod("b", "x")));
        assert!(term(&["b"], None).selects("a", &pod("b", "x")));
        assert!(!term(&["b"], None).selects("a", &pod("a", "x")));
    }

    #[test]
    fn a_namespace_selector_sees_the_namespaces_name_label() {
        let by_name = |name: &str| LabelSelector {
            match_labels: Labels::from([(NAMESPACE_NAME.to_owned(), name.to_owned())]),
            ..LabelSelector::default()
        };
        assert!(term(&[], Some(LabelSelector::default())).selects("a", &pod("b", "x")));
        assert!(term(&[], Some(by_name("b"))).selects("a", &pod("b", "x")));
        assert!(!term(&[], Some(by_name("c"))).selects("a", &pod("b", "x")));
    }

    #[test]
    fn a_nil_selector_selects_nothing() {
        assert!(!PodAffinityTerm { selector: None, ..term(&[], None) }.selects("a", &pod("a", "x")));
    }
}
