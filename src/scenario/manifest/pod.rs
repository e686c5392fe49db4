//! Pod specs: `v1.PodSpec` with the metadata of its pod or template.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::affinity::{affinity, spread_constraint};
use super::resources::{Amounts, pod_level_requests, read_container, resource_list};
use super::selector::toleration;
use super::{ManifestError, PriorityClasses, unknown_value};
use crate::cluster::{
    Container, Controller, GpuShare, HostPort, InitContainer, PodSpec, ResourceNames, RestartPolicy, Volume,
    VolumeSource, resource,
};
use crate::units::SimDuration;

/// The scheduler of pods that name none.
const DEFAULT_SCHEDULER: &str = "default-scheduler";

pub(super) const GPU_MILLI: &str = "alibabacloud.com/gpu-milli";
pub(super) const GPU_COUNT: &str = "alibabacloud.com/gpu-count";

/// A pod's spec. The namespace is `default` where the metadata has none. Paths of errors start at the pod
/// (`spec.…`, `metadata.…`).
pub fn pod_spec(
    metadata: &ObjectMeta,
    spec: &core::PodSpec,
    priorities: &PriorityClasses,
    names: &mut ResourceNames,
) -> Result<PodSpec, ManifestError> {
    read_pod(metadata, spec, priorities, names, Amounts::Moderate)
}

/// As [`pod_spec`], with requests of any size.
pub(super) fn watched_pod_spec(
    metadata: &ObjectMeta,
    spec: &core::PodSpec,
    names: &mut ResourceNames,
) -> Result<PodSpec, ManifestError> {
    read_pod(metadata, spec, &PriorityClasses::default(), names, Amounts::Any)
}

/// The longest initial delay of the pod's startup and readiness probes.
pub fn probe_delay(pod: &core::PodSpec) -> SimDuration {
    let delays = pod.containers.iter().map(|container| {
        [&container.startup_probe, &container.readiness_probe]
            .into_iter()
            .flatten()
            .filter_map(|probe| probe.initial_delay_seconds)
            .max()
            .unwrap_or(0)
    });
    SimDuration::from_secs(i64::from(delays.max().unwrap_or(0).max(0)))
}

fn read_pod(
    metadata: &ObjectMeta,
    spec: &core::PodSpec,
    priorities: &PriorityClasses,
    names: &mut ResourceNames,
    amounts: Amounts,
) -> Result<PodSpec, ManifestError> {
    let labels = metadata.labels.clone().unwrap_or_default();
    let mut pod = PodSpec {
        namespace: metadata.namespace.clone().unwrap_or_else(|| "default".into()),
        annotations: metadata.annotations.clone().unwrap_or_default(),
        controller: controller(metadata),
        gpu_share: gpu_share(metadata)?,
        probe_delay: probe_delay(spec),
        ..PodSpec::default()
    };
    read_spec(spec, &labels, priorities, names, amounts, &mut pod).map_err(|error| error.within("spec"))?;
    pod.labels = labels;
    if pod.gpu_share.is_some() {
        let whole = names.get(resource::NVIDIA_GPU).map_or(0, |gpu| pod.effective_requests().extended(gpu));
        if whole > 0 {
            let problem = "the pod asks for nvidia.com/gpu too; state whole devices or a share, not both";
            return Err(ManifestError::new(format!("metadata.annotations[{GPU_MILLI}]"), problem));
        }
    }
    Ok(pod)
}

/// The spec of a workload's pods: in the workload's namespace, owned by it. Paths of errors start at the template.
pub fn pod_template_spec(
    template: &core::PodTemplateSpec,
    namespace: &str,
    owner: Controller,
    priorities: &PriorityClasses,
    names: &mut ResourceNames,
) -> Result<PodSpec, ManifestError> {
    let metadata = template.metadata.clone().unwrap_or_default();
    let metadata = ObjectMeta { namespace: Some(namespace.to_owned()), owner_references: None, ..metadata };
    let Some(spec) = &template.spec else { return Err(ManifestError::new("spec", "a pod template needs a spec")) };
    let mut pod = pod_spec(&metadata, spec, priorities, names)?;
    pod.controller = Some(owner);
    Ok(pod)
}

fn read_spec(
    raw: &core::PodSpec,
    labels: &crate::cluster::Labels,
    priorities: &PriorityClasses,
    names: &mut ResourceNames,
    amounts: Amounts,
    pod: &mut PodSpec,
) -> Result<(), ManifestError> {
    let host_network = raw.host_network == Some(true);
    if raw.containers.is_empty() {
        return Err(ManifestError::new("containers", "a pod needs at least one container"));
    }
    for (index, raw) in raw.containers.iter().enumerate() {
        let read = container(raw, host_network, names, amounts)
            .map_err(|error| error.within(format!("containers[{index}]")))?;
        pod.containers.push(read);
    }
    for (index, raw) in raw.init_containers.iter().flatten().enumerate() {
        let within = |error: ManifestError| error.within(format!("initContainers[{index}]"));
        let restart_always = match raw.restart_policy.as_deref() {
            None => false,
            Some("Always") => true,
            Some(other) => return Err(within(unknown_value("restartPolicy", other, &["Always"]))),
        };
        pod.init_containers.push(InitContainer {
            container: container(raw, host_network, names, amounts).map_err(within)?,
            restart_always,
        });
    }
    if let Some(overhead) = &raw.overhead {
        pod.overhead = resource_list(overhead, names).map_err(|error| error.within("overhead"))?;
    }
    pod.pod_requests = pod_level_requests(raw, pod, amounts).map_err(|error| error.within("resources"))?;
    pod.node_name = raw.node_name.clone().filter(|name| !name.is_empty());
    pod.node_selector = raw.node_selector.clone().unwrap_or_default();
    if let Some(raw) = &raw.affinity {
        pod.affinity = affinity(raw, labels).map_err(|error| error.within("affinity"))?;
    }
    for (index, raw) in raw.tolerations.iter().flatten().enumerate() {
        let read = toleration(raw).map_err(|error| error.within(format!("tolerations[{index}]")))?;
        pod.tolerations.push(read);
    }
    for (index, raw) in raw.topology_spread_constraints.iter().flatten().enumerate() {
        let read = spread_constraint(raw, labels)
            .map_err(|error| error.within(format!("topologySpreadConstraints[{index}]")))?;
        pod.topology_spread_constraints.push(read);
    }
    pod.scheduling_gates = raw.scheduling_gates.iter().flatten().map(|gate| gate.name.clone()).collect();
    let other = |name: &&String| !name.is_empty() && *name != DEFAULT_SCHEDULER;
    pod.scheduler_name = raw.scheduler_name.as_ref().filter(other).cloned();
    let priority =
        priorities.resolve(raw.priority_class_name.as_deref(), raw.priority, raw.preemption_policy.as_deref())?;
    (pod.priority, pod.preempts) = (priority.value, priority.preempts);
    pod.restart_policy = match raw.restart_policy.as_deref() {
        None | Some("" | "Always") => RestartPolicy::Always,
        Some("OnFailure") => RestartPolicy::OnFailure,
        Some("Never") => RestartPolicy::Never,
        Some(other) => return Err(unknown_value("restartPolicy", other, &["Always", "OnFailure", "Never"])),
    };
    let grace = raw.termination_grace_period_seconds.unwrap_or(30);
    if grace < 0 {
        return Err(ManifestError::new("terminationGracePeriodSeconds", format!("{grace} is negative")));
    }
    pod.termination_grace_period = SimDuration::from_secs(grace);
    pod.active_deadline = match raw.active_deadline_seconds {
        Some(below) if below < 1 => {
            return Err(ManifestError::new("activeDeadlineSeconds", format!("{below} is not above zero")));
        }
        deadline => super::job::seconds("activeDeadlineSeconds", deadline)?,
    };
    pod.volumes = raw.volumes.iter().flatten().map(volume).collect();
    pod.resource_claims = raw.resource_claims.iter().flatten().map(|claim| claim.name.clone()).collect();
    Ok(())
}

fn container(
    raw: &core::Container,
    host_network: bool,
    names: &mut ResourceNames,
    amounts: Amounts,
) -> Result<Container, ManifestError> {
    let mut container =
        Container { name: raw.name.clone(), image: raw.image.clone().unwrap_or_default(), ..Container::default() };
    read_container(raw.resources.as_ref(), &mut container, names, amounts)
        .map_err(|error| error.within("resources"))?;
    for (index, port) in raw.ports.iter().flatten().enumerate() {
        let path = |field: &str| format!("ports[{index}].{field}");
        let host_port = port.host_port.unwrap_or(0);
        let host_port = if host_network && host_port == 0 { port.container_port } else { host_port };
        if host_port == 0 {
            continue;
        }
        if !(1..=65535).contains(&host_port) {
            return Err(ManifestError::new(path("hostPort"), format!("{host_port} is not between 1 and 65535")));
        }
        let protocol = port.protocol.as_deref().filter(|text| !text.is_empty()).unwrap_or("TCP");
        if !matches!(protocol, "TCP" | "UDP" | "SCTP") {
            return Err(unknown_value(&path("protocol"), protocol, &["TCP", "UDP", "SCTP"]));
        }
        let ip = port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
        container.host_ports.push(HostPort { ip: ip.into(), protocol: protocol.into(), port: host_port });
    }
    Ok(container)
}

fn volume(raw: &core::Volume) -> Volume {
    let source = match raw {
        core::Volume { host_path: Some(_), .. } => VolumeSource::HostPath,
        core::Volume { empty_dir: Some(dir), .. } if dir.medium.as_deref() == Some("Memory") => {
            VolumeSource::EmptyDirMemory
        }
        core::Volume { empty_dir: Some(_), .. } => VolumeSource::EmptyDirDisk,
        _ => VolumeSource::Other,
    };
    Volume { name: raw.name.clone(), source }
}

fn controller(metadata: &ObjectMeta) -> Option<Controller> {
    let owner = metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    Some(Controller { kind: owner.kind.clone(), name: owner.name.clone(), uid: owner.uid.clone() })
}

fn gpu_share(metadata: &ObjectMeta) -> Result<Option<GpuShare>, ManifestError> {
    let milli = small_integer(metadata, GPU_MILLI, 1000)?;
    let count = small_integer(metadata, GPU_COUNT, MAX_SHARED_GPUS)?;
    let (milli, count) = match (milli, count) {
        (None, None) | (Some(0), None | Some(0)) | (_, Some(0)) => return Ok(None),
        (milli, count) => (milli.unwrap_or(1000), count.unwrap_or(1)),
    };
    let path = format!("metadata.annotations[{GPU_MILLI}]");
    if milli == 0 {
        return Err(ManifestError::new(path, "devices are asked for, but no thousandths of them"));
    }
    if milli < 1000 && count > 1 {
        return Err(ManifestError::new(path, "a share below 1000 can be of one device only"));
    }
    Ok(Some(GpuShare { count, milli }))
}

/// Devices that one node can share out; the store keeps them as bits of 16.
pub(super) const MAX_SHARED_GPUS: u16 = 16;

/// An integer from 0 to `max` among the annotations or, failing that, the labels.
pub(super) fn small_integer(metadata: &ObjectMeta, key: &str, max: u16) -> Result<Option<u16>, ManifestError> {
    let annotation = metadata.annotations.as_ref().and_then(|map| map.get(key)).map(|text| (text, "annotations"));
    let label = || metadata.labels.as_ref().and_then(|map| map.get(key)).map(|text| (text, "labels"));
    let Some((text, place)) = annotation.or_else(label) else { return Ok(None) };
    match text.parse::<u16>() {
        Ok(value) if value <= max => Ok(Some(value)),
        _ => Err(ManifestError::new(
            format!("metadata.{place}[{key}]"),
            format!("{text:?} is not a whole number from 0 to {max}"),
        )),
    }
}
