//! Containers and machines as the kubelet's cAdvisor and node-exporter show them, and what OpenCost says that a
//! container holds.
//!
//! A pod's use is known as a whole: it is divided among its containers by what they request, equally where nothing is
//! requested.

use super::nodes::gpus;
use super::series::Teller;
use super::table::Metric;
use super::values::thousandths;
use crate::cluster::{Container, PodSpec};
use crate::sim::{Exposed, ExposedNode, ExposedPod};
use crate::units::{SimDuration, SimTime};

/// `cpu.cfs_period_us` (`pkg/kubelet/cm/helpers_linux.go`, `QuotaPeriod`).
const CFS_PERIOD_MICROS: f64 = 100_000.0;

/// Its kubelet answers scrapes.
pub(super) fn is_seen(exposed: &Exposed<'_>, pod: &ExposedPod<'_>) -> bool {
    pod.info.node.and_then(|node| exposed.node(node)).is_some_and(|node| node.works())
}

/// Containers, sidecars among them, with their part of the pod's CPU and memory.
fn parts(spec: &PodSpec) -> impl Iterator<Item = (&Container, f64, f64)> {
    let all = || spec.running();
    let count = all().count() as f64;
    let cpu: i64 = all().map(|container| container.requests.cpu.get()).sum();
    let memory: i64 = all().map(|container| container.requests.memory.get()).sum();
    let part = move |amount: i64, of: i64| if of > 0 { amount as f64 / of as f64 } else { 1.0 / count };
    all().map(move |container| {
        let requests = &container.requests;
        (container, part(requests.cpu.get(), cpu), part(requests.memory.get(), memory))
    })
}

pub(super) fn tell(tell: &mut Teller<'_, '_>, pod: &ExposedPod<'_>, now: SimTime, seconds: &dyn Fn(SimTime) -> f64) {
    let node = pod.node_name().map_or("", |name| &**name);
    let used = pod.used();
    for (container, of_cpu, of_memory) in parts(pod.spec) {
        let labels = [
            ("namespace", &*pod.spec.namespace),
            ("pod", &*pod.info.name),
            ("container", &*container.name),
            ("image", &*container.image),
            ("node", node),
            ("instance", node),
        ];
        let memory = (used.memory.get() as f64 * of_memory).round();
        tell.put(Metric::ContainerCpuUsage, pod.cpu_seconds() * of_cpu, || labels);
        // The kernel counts periods of a tenth of a second; only a container with a limit has them.
        let periods = |of: SimDuration| (of.as_secs_f64() * 1e6 / CFS_PERIOD_MICROS).floor();
        let is_limited = container.cpu_limit.is_some();
        let ran = pod.container_started().filter(|_| is_limited).map(|started| periods(now - started));
        tell.put(Metric::ContainerCfsPeriods, ran, || labels);
        let throttled = pod.throttled().filter(|_| is_limited).map(periods);
        tell.put(Metric::ContainerCfsThrottledPeriods, throttled, || labels);
        tell.put(Metric::ContainerMemoryWorkingSet, memory, || labels);
        tell.put(Metric::ContainerMemoryRss, memory, || labels);
        tell.put(Metric::ContainerMemoryCache, 0.0, || labels);
        tell.put(Metric::ContainerMemorySwap, 0.0, || labels);
        let limit = container.memory_limit.map_or(0.0, |limit| limit.get() as f64);
        tell.put(Metric::ContainerSpecMemoryLimit, limit, || labels);
        let quota = container.cpu_limit.map(|limit| thousandths(limit.get()) * CFS_PERIOD_MICROS);
        tell.put(Metric::ContainerSpecCpuQuota, quota, || labels);
        tell.put(Metric::ContainerSpecCpuPeriod, CFS_PERIOD_MICROS, || labels);
        tell.put(Metric::ContainerStartTime, pod.container_started().map(seconds), || labels);
    }
}

/// OpenCost's `container_*_allocation`, while the pod has a node.
pub(super) fn tell_allocation(tell: &mut Teller<'_, '_>, pod: &ExposedPod<'_>) {
    let node = pod.node_name().map_or("", |name| &**name);
    let [cpu, memory, gpu] = pod.held();
    for (index, (container, of_cpu, of_memory)) in parts(pod.spec).enumerate() {
        let labels = [
            ("namespace", &*pod.spec.namespace),
            ("pod", &*pod.info.name),
            ("container", &*container.name),
            ("node", node),
            ("instance", node),
        ];
        tell.put(Metric::ContainerCpuAllocation, thousandths(cpu) * of_cpu, || labels);
        tell.put(Metric::ContainerMemoryAllocation, memory as f64 * of_memory, || labels);
        // Devices are the first container's.
        let gpus = (index == 0 && gpu > 0).then(|| thousandths(gpu));
        tell.put(Metric::ContainerGpuAllocation, gpus, || labels);
    }
}

/// A pod's GPUs.
pub(super) fn tell_gpus(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, pod: &ExposedPod<'_>) {
    let gpus = pod.requested_gpus();
    let (Some(node), Some(container)) =
        (pod.info.node.and_then(|node| exposed.node(node)), pod.spec.containers.first())
    else {
        return;
    };
    let (name, model) = (&*node.state.name, model(&node));
    let busy = (pod.used().gpu.get() as f64 / gpus.max(1) as f64 * 100.0).min(100.0);
    // A share of a device counts as one.
    for gpu in 0..(gpus + 999) / 1000 {
        tell.put_owned(Metric::DcgmGpuUtil, busy, || {
            vec![
                ("Hostname", name.to_owned()),
                ("gpu", gpu.to_string()),
                ("modelName", model.to_owned()),
                ("namespace", pod.spec.namespace.clone()),
                ("pod", pod.info.name.to_string()),
                ("container", container.name.clone()),
            ]
        });
    }
}

fn model<'a>(node: &ExposedNode<'a>) -> &'a str {
    node.shape.accelerator.as_deref().unwrap_or("")
}

/// GPUs of a node that no pod holds.
fn tell_unheld_gpus(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, node: &ExposedNode<'_>) {
    let all = gpus(exposed, node);
    if all == 0.0 {
        return;
    }
    let held: i64 = node
        .state
        .pods
        .iter()
        .filter_map(|held| exposed.pod(held.pod))
        .map(|pod| (pod.requested_gpus() + 999) / 1000)
        .sum();
    let (name, model) = (&*node.state.name, model(node));
    for gpu in held.max(0)..all as i64 {
        let (key, number) = (format!("gpu {gpu}"), gpu.to_string());
        let labels = [("Hostname", name), ("gpu", &*number), ("modelName", model)];
        tell.put_keyed(&key, Metric::DcgmGpuUtil, 0.0, &labels);
    }
}

/// What a machine's own exporters say.
pub(super) fn tell_machine(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, node: &ExposedNode<'_>) {
    let (name, capacity) = (&*node.state.name, &node.shape.capacity);
    let cores = thousandths(capacity.cpu.get());
    let memory = capacity.memory.get() as f64;
    tell.put(Metric::MachineCpuCores, cores, || [("node", name), ("instance", name)]);
    tell.put(Metric::MachineMemory, memory, || [("node", name), ("instance", name)]);
    tell.put(Metric::NodeUname, 1.0, || [("instance", name), ("nodename", name)]);
    tell.put(Metric::NodeMemTotal, memory, || [("instance", name)]);
    let available = (memory - node.used().memory.get() as f64).max(0.0);
    tell.put(Metric::NodeMemAvailable, available, || [("instance", name)]);
    tell_unheld_gpus(tell, exposed, node);
    let count = cores.ceil().max(1.0);
    let user = node.cpu_seconds() / count;
    let idle = (cores / count * (exposed.at() - node.registered()).as_secs_f64() - user).max(0.0);
    for core in 0..count as usize {
        for (mode, value) in [("idle", idle), ("user", user)] {
            tell.put_owned(Metric::NodeCpu, value, || {
                vec![("instance", name.to_owned()), ("cpu", core.to_string()), ("mode", mode.to_owned())]
            });
        }
    }
}
