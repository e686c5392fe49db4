//! What a dump itself tells of demand: an HPA's last reading, or that it stands at its target.

use crate::scenario::live::{Told, Weight, pod_spec_path};
use crate::scenario::yaml::{Node, Scalar, Value};
use crate::units::Quantity;

/// Demand on one workload: thousandths of a core, from so many seconds after the start on.
#[derive(Clone, Debug)]
pub struct Demand {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub points: Vec<(i64, i64)>,
}

/// Of each HPA's target on CPU: what its pods used when the dump was made, else so much that it stands at its target.
/// Demands that are known already stand.
pub fn of_autoscalers(objects: &[Node], demands: &mut Vec<Demand>, told: &mut Told) {
    for hpa in objects.iter().filter(|object| object.text_at(&["kind"]) == Some("HorizontalPodAutoscaler")) {
        let namespace = hpa.text_at(&["metadata", "namespace"]).unwrap_or("default");
        let target = |field: &str| hpa.text_at(&["spec", "scaleTargetRef", field]).unwrap_or_default();
        let (kind, name) = (target("kind"), target("name"));
        let is_known = |known: &Demand| known.kind == kind && known.namespace == namespace && known.name == name;
        if demands.iter().any(is_known) {
            continue;
        }
        let workload = objects.iter().find(|object| {
            object.text_at(&["kind"]) == Some(kind)
                && object.name() == Some(name)
                && object.text_at(&["metadata", "namespace"]).unwrap_or("default") == namespace
        });
        let Some(workload) = workload else { continue };
        let replicas = workload.integer_at(&["spec", "replicas"]).unwrap_or(1);
        let request = cpu_request(workload);
        let of_status = current_use(hpa).map(|share| (share, "its last reading"));
        let Some((share, basis)) = of_status.or_else(|| Some((target_use(hpa)?, "its target"))) else { continue };
        let millicores = match share {
            Use::Percent(percent) => replicas.saturating_mul(request).saturating_mul(percent) / 100,
            Use::Millicores(each) => replicas.saturating_mul(each),
        };
        if millicores <= 0 {
            continue;
        }
        let meaning = format!(
            "no usage is given: constant CPU work, so that it stands at {basis}; give --usage FILE or state `load:`"
        );
        told.add(Weight::Differs, "HorizontalPodAutoscaler", meaning, &hpa.place);
        let (kind, namespace, name) = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        demands.push(Demand { kind, namespace, name, points: vec![(0, millicores)] });
    }
}

enum Use {
    /// Of the request.
    Percent(i64),
    /// Of each pod.
    Millicores(i64),
}

fn metrics<'n>(hpa: &'n Node, path: &[&str]) -> impl Iterator<Item = &'n Node> {
    let metrics = hpa.find(path).map(Node::items).unwrap_or_default();
    metrics.iter().filter_map(|metric| metric.get("resource")).filter(|metric| metric.text_at(&["name"]) == Some("cpu"))
}

fn current_use(hpa: &Node) -> Option<Use> {
    let of_metrics = metrics(hpa, &["status", "currentMetrics"]).find_map(|metric| {
        let current = metric.get("current")?;
        let value = current.get("averageValue").and_then(millicores_of).map(Use::Millicores);
        value.or_else(|| current.integer_at(&["averageUtilization"]).map(Use::Percent))
    });
    of_metrics.or_else(|| hpa.integer_at(&["status", "currentCPUUtilizationPercentage"]).map(Use::Percent))
}

fn target_use(hpa: &Node) -> Option<Use> {
    if hpa.text_at(&["apiVersion"]) == Some("autoscaling/v1") {
        return Some(Use::Percent(hpa.integer_at(&["spec", "targetCPUUtilizationPercentage"]).unwrap_or(80)));
    }
    metrics(hpa, &["spec", "metrics"]).find_map(|metric| {
        let target = metric.get("target")?;
        let percent = target.integer_at(&["averageUtilization"]).map(Use::Percent);
        percent.or_else(|| target.get("averageValue").and_then(millicores_of).map(Use::Millicores))
    })
}

pub fn millicores_of(node: &Node) -> Option<i64> {
    let Value::Scalar(text, scalar) = &node.value else { return None };
    if *scalar == Scalar::Null {
        return None;
    }
    Quantity::parse_non_negative(text).ok().map(|quantity| quantity.milli_value())
}

/// CPU that one pod of a workload requests, in thousandths of a core; a limit stands in for a request.
pub fn cpu_request(workload: &Node) -> i64 {
    request(workload, "cpu", |quantity| quantity.milli_value())
}

/// Memory that one pod of a workload requests, in bytes.
pub fn memory_request(workload: &Node) -> i64 {
    request(workload, "memory", |quantity| quantity.value())
}

fn request(workload: &Node, resource: &str, amount: fn(Quantity) -> i64) -> i64 {
    let containers =
        pod_spec_path(workload).and_then(|path| workload.find(path)).and_then(|spec| spec.get("containers"));
    let of_container = |container: &Node| {
        let of = |list: &str| match &container.find(&["resources", list, resource])?.value {
            Value::Scalar(text, _) => Quantity::parse_non_negative(text).ok().map(amount),
            _ => None,
        };
        of("requests").or_else(|| of("limits")).unwrap_or(0)
    };
    containers.map(Node::items).unwrap_or_default().iter().map(of_container).fold(0, i64::saturating_add)
}
