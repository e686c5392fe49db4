//! Nodes as kube-state-metrics and OpenCost show them.

use super::pods::sanitized;
use super::series::Teller;
use super::table::Metric;
use super::values::{flag, tell_up, thousandths};
use crate::cluster::{Resources, Taint, TaintEffect, label};
use crate::cost::CapacityType;
use crate::sim::{Exposed, ExposedNode};
use crate::units::SimTime;

const GIB: f64 = (1u64 << 30) as f64;

/// What never changes of a node.
pub(super) fn tell_fixed(
    tell: &mut Teller<'_, '_>,
    exposed: &Exposed<'_>,
    node: &ExposedNode<'_>,
    seconds: &dyn Fn(SimTime) -> f64,
) {
    let name = &*node.state.name;
    let provider = provider(name);
    tell.put(Metric::KubeNodeInfo, 1.0, || [("node", name), ("provider_id", &*provider)]);
    tell.put(Metric::KubeNodeCreated, seconds(node.registered()), || [("node", name)]);
    tell_labels(tell, node);
    for (metric, resources) in [
        (Metric::KubeNodeStatusCapacity, &node.shape.capacity),
        (Metric::KubeNodeStatusAllocatable, &node.shape.allocatable),
    ] {
        for (resource, unit, amount) in amounts(exposed, resources, node.shape.max_pods) {
            tell.put(metric, amount, || [("node", name), ("resource", &*resource), ("unit", unit)]);
        }
    }
}

/// No cloud is asked for ids.
fn provider(node: &str) -> String {
    format!("windtunnel:///{node}")
}

pub(super) fn tell_state(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, node: &ExposedNode<'_>) {
    let name = &*node.state.name;
    tell.put(Metric::KubeNodeSpecUnschedulable, flag(node.state.unschedulable), || [("node", name)]);
    let taints = node.shape.taints.iter().chain(&node.state.extra_taints);
    for taint in taints {
        let Taint { key, value, effect } = taint;
        let effect = match effect {
            TaintEffect::NoSchedule => "NoSchedule",
            TaintEffect::PreferNoSchedule => "PreferNoSchedule",
            TaintEffect::NoExecute => "NoExecute",
        };
        let labels = [("node", name), ("key", &**key), ("value", &**value), ("effect", effect)];
        tell.put_keyed(&format!("{key}={value}:{effect}"), Metric::KubeNodeSpecTaint, 1.0, &labels);
    }
    // A node whose kubelet has gone silent is Unknown.
    let (ready, silent) = (node.state.ready, !node.works());
    let pressure = node.under_memory_pressure();
    let conditions = [
        ("Ready", [("true", ready), ("false", !ready && !silent), ("unknown", !ready && silent)]),
        ("MemoryPressure", [("true", pressure), ("false", !pressure), ("unknown", false)]),
        ("DiskPressure", [("true", false), ("false", true), ("unknown", false)]),
        ("PIDPressure", [("true", false), ("false", true), ("unknown", false)]),
    ];
    for (condition, states) in conditions {
        for (status, holds) in states {
            tell.put(Metric::KubeNodeStatusCondition, flag(holds), || {
                [("node", name), ("condition", condition), ("status", status)]
            });
        }
    }
    tell_costs(tell, exposed, node);
    for path in ["/metrics", "/metrics/cadvisor"] {
        let labels = [("job", "kubelet"), ("metrics_path", path), ("instance", name), ("node", name)];
        tell.put(Metric::Up, flag(node.works()), || labels);
    }
    tell_up(tell, "node-exporter", name, node.works());
    if gpus(exposed, node) > 0.0 {
        tell_up(tell, "dcgm-exporter", name, node.works());
    }
}

/// As with `--metric-labels-allowlist=nodes=[*]`.
fn tell_labels(tell: &mut Teller<'_, '_>, node: &ExposedNode<'_>) {
    let labels = &node.shape.labels;
    let keys: Vec<String> = labels.keys().map(|key| format!("label_{}", sanitized(key))).collect();
    tell.put(Metric::KubeNodeLabels, 1.0, || {
        let own = [("node", &*node.state.name), ("label_kubernetes_io_hostname", node.state.hostname())];
        let shared = keys.iter().map(|key| &**key).zip(labels.values().map(|value| &**value));
        own.into_iter().chain(shared).collect::<Vec<_>>()
    });
}

fn tell_costs(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>, node: &ExposedNode<'_>) {
    let name = &*node.state.name;
    let region = node.shape.labels.get(label::REGION).map_or("", String::as_str);
    let provider = provider(name);
    let labels = [
        ("node", name),
        ("instance", name),
        ("instance_type", node.instance_type()),
        ("region", region),
        ("provider_id", &*provider),
    ];
    let capacity = &node.shape.capacity;
    let gpus = gpus(exposed, node);
    let [cpu, memory, gpu] = node.price_parts().map(|part| part.as_f64());
    let each = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
    tell.put(Metric::NodeTotalHourlyCost, node.price().as_f64(), || labels);
    tell.put(Metric::NodeCpuHourlyCost, each(cpu, thousandths(capacity.cpu.get())), || labels);
    tell.put(Metric::NodeRamHourlyCost, each(memory, capacity.memory.get() as f64 / GIB), || labels);
    tell.put(Metric::NodeGpuHourlyCost, each(gpu, gpus), || labels);
    tell.put(Metric::NodeGpuCount, gpus, || labels);
    tell.put(Metric::KubecostNodeIsSpot, flag(node.capacity_type() == CapacityType::Spot), || labels);
}

/// Whole devices: those of `nvidia.com/gpu`, or those that are shared.
pub(super) fn gpus(exposed: &Exposed<'_>, node: &ExposedNode<'_>) -> f64 {
    let whole = exposed.specs().nvidia_gpu().map_or(0, |id| node.shape.capacity.extended(id));
    whole.max(i64::from(node.shape.shared_gpus)) as f64
}

fn amounts(exposed: &Exposed<'_>, resources: &Resources, max_pods: i64) -> Vec<(String, &'static str, f64)> {
    let names = &exposed.specs().resources;
    let mut amounts = vec![
        ("cpu".to_owned(), "core", thousandths(resources.cpu.get())),
        ("memory".to_owned(), "byte", resources.memory.get() as f64),
        ("ephemeral_storage".to_owned(), "byte", resources.ephemeral_storage.get() as f64),
        ("pods".to_owned(), "integer", max_pods as f64),
    ];
    amounts.extend(resources.iter_extended().map(|(id, amount)| (sanitized(names.name(id)), "integer", amount as f64)));
    amounts
}
