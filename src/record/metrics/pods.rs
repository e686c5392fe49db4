//! Pods as kube-state-metrics shows them (`docs/metrics/workload/pod-metrics.md`).

use super::series::Teller;
use super::table::Metric;
use super::values::{flag, job_name, set_name, thousandths, uid};
use crate::cluster::{Container, PodPhase, QosClass, ResourceNames, Resources, RestartPolicy};
use crate::sim::{Exposed, ExposedPod, PodOwner};
use crate::units::SimTime;

/// `status.phase` as exported, in upstream's order.
const PHASES: [(&str, Option<PodPhase>); 5] = [
    ("Pending", Some(PodPhase::Pending)),
    ("Succeeded", Some(PodPhase::Succeeded)),
    ("Failed", Some(PodPhase::Failed)),
    ("Unknown", None),
    ("Running", Some(PodPhase::Running)),
];
const REASONS: [&str; 5] = ["Evicted", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError"];
const ENDS: [&str; 3] = ["Completed", "Error", "OOMKilled"];

/// What a pod is called in labels.
#[derive(Debug)]
pub(super) struct PodNames {
    uid: String,
    owner_kind: &'static str,
    owner: String,
}

impl PodNames {
    pub fn of(pod: &ExposedPod<'_>) -> PodNames {
        let (owner_kind, owner) = owner(pod);
        PodNames { uid: uid(pod.id), owner_kind, owner }
    }

    /// Who made it; empty for a bare pod.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    fn base<'a>(&'a self, pod: &ExposedPod<'a>) -> [(&'a str, &'a str); 3] {
        [("namespace", &*pod.spec.namespace), ("pod", &*pod.info.name), ("uid", &*self.uid)]
    }
}

/// The ordinary ones: init containers and sidecars have metrics of their own.
fn containers<'a>(pod: &ExposedPod<'a>) -> impl Iterator<Item = &'a Container> {
    pod.spec.containers.iter()
}

/// What never changes of a pod.
pub(super) fn tell_fixed(
    tell: &mut Teller<'_, '_>,
    pod: &ExposedPod<'_>,
    names: &PodNames,
    seconds: &dyn Fn(SimTime) -> f64,
) {
    let base = names.base(pod);
    let with = |label, value| -> [(&str, &str); 4] { [base[0], base[1], base[2], (label, value)] };
    tell.put(Metric::KubePodOwner, 1.0, || {
        let controls = if names.owner_kind.is_empty() { "" } else { "true" };
        let owner = [("owner_kind", names.owner_kind), ("owner_name", &names.owner), ("owner_is_controller", controls)];
        [base.as_slice(), &owner].concat()
    });
    tell.put(Metric::KubePodCreated, seconds(pod.info.created), || base);
    for (label, class) in
        [("BestEffort", QosClass::BestEffort), ("Burstable", QosClass::Burstable), ("Guaranteed", QosClass::Guaranteed)]
    {
        tell.put(Metric::KubePodStatusQosClass, flag(pod.spec.qos_class() == class), || with("qos_class", label));
    }
    let policy = match pod.spec.restart_policy {
        RestartPolicy::Always => "Always",
        RestartPolicy::OnFailure => "OnFailure",
        RestartPolicy::Never => "Never",
    };
    tell.put(Metric::KubePodRestartPolicy, 1.0, || with("type", policy));
    for container in containers(pod) {
        tell.put(Metric::KubePodContainerInfo, 1.0, || {
            [base[0], base[1], base[2], ("container", &*container.name), ("image", &*container.image)]
        });
    }
    for init in &pod.spec.init_containers {
        let policy = if init.restart_always { "Always" } else { "" };
        let own = [("container", &*init.container.name), ("image", &*init.container.image), ("restart_policy", policy)];
        tell.put(Metric::KubePodInitContainerInfo, 1.0, || [base.as_slice(), &own].concat());
    }
}

const OF_CONTAINERS: [Metric; 2] = [Metric::KubePodContainerResourceRequests, Metric::KubePodContainerResourceLimits];
const OF_INIT_CONTAINERS: [Metric; 2] = [Metric::KubePodInitContainerRequests, Metric::KubePodInitContainerLimits];

/// What bears the name of its node, which it may have or not.
pub(super) fn tell_place(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, pod: &ExposedPod<'_>, names: &PodNames) {
    let base = names.base(pod);
    let node = pod.node_name().map_or("", |name| &**name);
    tell.put(Metric::KubePodInfo, 1.0, || {
        let others = [("created_by_kind", names.owner_kind), ("created_by_name", &*names.owner), ("node", node)];
        [base.as_slice(), &others].concat()
    });
    let ordinary = containers(pod).map(|container| (container, OF_CONTAINERS));
    let initial = pod.spec.init_containers.iter().map(|init| (&init.container, OF_INIT_CONTAINERS));
    for (container, [of_requests, of_limits]) in ordinary.chain(initial) {
        let base = [base[0], base[1], base[2], ("container", &*container.name), ("node", node)];
        let resources = &exposed.specs().resources;
        for (name, unit, amount) in amounts(&container.requests, container.has_request, resources) {
            tell.put(of_requests, amount, || [base.as_slice(), &[("resource", &*name), ("unit", unit)]].concat());
        }
        let limits = [
            ("cpu", "core", container.cpu_limit.map(|cpu| thousandths(cpu.get()))),
            ("memory", "byte", container.memory_limit.map(|memory| memory.get() as f64)),
        ];
        for (name, unit, amount) in limits {
            tell.put(of_limits, amount, || [base.as_slice(), &[("resource", name), ("unit", unit)]].concat());
        }
    }
}

/// Its status.
pub(super) fn tell_state(
    tell: &mut Teller<'_, '_>,
    pod: &ExposedPod<'_>,
    names: &PodNames,
    seconds: &dyn Fn(SimTime) -> f64,
) {
    let info = pod.info;
    let base = names.base(pod);
    let with = |label, value| -> [(&str, &str); 4] { [base[0], base[1], base[2], (label, value)] };
    tell.put(Metric::KubePodStartTime, info.started.map(seconds), || base);
    tell.put(Metric::KubePodCompletionTime, pod.finished().map(seconds), || base);
    tell.put(Metric::KubePodDeletionTimestamp, info.deletion.map(seconds), || base);
    for (label, phase) in PHASES {
        tell.put(Metric::KubePodStatusPhase, flag(Some(info.phase) == phase), || with("phase", label));
    }
    for (condition, holds) in [("true", info.ready), ("false", !info.ready), ("unknown", false)] {
        tell.put(Metric::KubePodStatusReady, flag(holds), || with("condition", condition));
    }
    tell.put(Metric::KubePodStatusReadyTime, pod.first_ready().map(seconds), || base);
    let is_bound = info.node.is_some();
    for (condition, holds) in [("true", is_bound), ("false", !is_bound), ("unknown", false)] {
        tell.put(Metric::KubePodStatusScheduled, flag(holds), || with("condition", condition));
    }
    tell.put(Metric::KubePodStatusScheduledTime, pod.scheduled().map(seconds), || base);
    tell.put(Metric::KubePodStatusUnschedulable, info.unschedulable_since.map(|_| 1.0), || base);
    for reason in REASONS {
        let holds = info.is_terminal() && pod.reason() == reason;
        tell.put(Metric::KubePodStatusReason, flag(holds), || with("reason", reason));
    }
    for container in containers(pod) {
        tell_container(tell, pod, container, &base, seconds);
    }
}

fn tell_container(
    tell: &mut Teller<'_, '_>,
    pod: &ExposedPod<'_>,
    container: &Container,
    base: &[(&str, &str); 3],
    seconds: &dyn Fn(SimTime) -> f64,
) {
    let info = pod.info;
    let base = [base[0], base[1], base[2], ("container", &*container.name)];
    let with = |label, value| -> [(&str, &str); 5] { [base[0], base[1], base[2], base[3], (label, value)] };
    // A container has a status once a kubelet has taken its pod up.
    let status = |holds: bool| info.started.map(|_| flag(holds));
    let (runs, ended) = (pod.runs(), info.is_terminal());
    tell.put(Metric::KubePodContainerStatusReady, status(info.ready), || base);
    tell.put(Metric::KubePodContainerStatusRunning, status(runs), || base);
    let waits = !runs && !ended;
    tell.put(Metric::KubePodContainerStatusWaiting, status(waits), || base);
    for (reason, holds) in [("ContainerCreating", pod.restarts() == 0), ("CrashLoopBackOff", pod.restarts() > 0)] {
        let there = (waits && holds && info.started.is_some()).then_some(1.0);
        tell.put(Metric::KubePodContainerStatusWaitingReason, there, || with("reason", reason));
    }
    tell.put(Metric::KubePodContainerStatusTerminated, status(ended), || base);
    let end = match pod.reason() {
        "Completed" | "OOMKilled" => pod.reason(),
        _ => "Error",
    };
    for reason in ENDS {
        let there = (ended && end == reason && info.started.is_some()).then_some(1.0);
        tell.put(Metric::KubePodContainerStatusTerminatedReason, there, || with("reason", reason));
    }
    for reason in ENDS {
        let there = (pod.last_end() == Some(reason)).then_some(1.0);
        tell.put(Metric::KubePodContainerStatusLastTerminatedReason, there, || with("reason", reason));
    }
    tell.put(Metric::KubePodContainerStatusRestarts, info.started.map(|_| f64::from(pod.restarts())), || base);
    let started = pod.container_started().filter(|_| runs).map(seconds);
    tell.put(Metric::KubePodContainerStateStarted, started, || base);
}

/// Amounts by resource and unit as kube-state-metrics names both; `None` where nothing is stated.
fn amounts(
    resources: &Resources,
    (has_cpu, has_memory): (bool, bool),
    names: &ResourceNames,
) -> impl Iterator<Item = (String, &'static str, Option<f64>)> {
    let cpu = has_cpu.then(|| thousandths(resources.cpu.get()));
    let memory = has_memory.then(|| resources.memory.get() as f64);
    let extended: Vec<_> = resources
        .iter_extended()
        .map(|(id, amount)| (sanitized(names.name(id)), "integer", Some(amount as f64)))
        .collect();
    [("cpu".to_owned(), "core", cpu), ("memory".to_owned(), "byte", memory)].into_iter().chain(extended)
}

/// `nvidia_com_gpu`, as kube-state-metrics writes resources and labels.
pub(super) fn sanitized(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '_' }).collect()
}

/// Kind and name of who made the pod; empty for a bare one.
fn owner(pod: &ExposedPod<'_>) -> (&'static str, String) {
    let workload = pod.workload();
    let name = &*workload.workload.name;
    match pod.owner() {
        PodOwner::Workload { template } => match workload.kind_name() {
            "statefulset" => ("StatefulSet", name.to_owned()),
            "replicaset" => ("ReplicaSet", name.to_owned()),
            _ => ("ReplicaSet", set_name(name, template)),
        },
        PodOwner::Job { run } => ("Job", job_name(name, run)),
        PodOwner::DaemonSet => ("DaemonSet", name.to_owned()),
        PodOwner::TrainingJob => ("Job", name.to_owned()),
        PodOwner::Nobody => ("", String::new()),
    }
}
