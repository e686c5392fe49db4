//! DaemonSets (`apps/v1`): the pod that the controller would put on a node.

use k8s_openapi::api::apps::v1::DaemonSet;

use super::{ManifestError, PriorityClasses, pod_template_spec};
use crate::cluster::{Controller, PodSpec, ResourceNames, TaintEffect, Toleration, TolerationOperator};

/// The pods' spec, with the tolerations that the DaemonSet controller adds (`pkg/controller/daemon/util`, 1.31).
pub fn daemon_set_pod(
    raw: &DaemonSet,
    priorities: &PriorityClasses,
    names: &mut ResourceNames,
) -> Result<PodSpec, ManifestError> {
    let Some(name) = raw.metadata.name.as_deref() else {
        return Err(ManifestError::new("metadata.name", "a name is required"));
    };
    let Some(spec) = &raw.spec else { return Err(ManifestError::new("spec", "a DaemonSet needs a spec")) };
    let namespace = raw.metadata.namespace.as_deref().unwrap_or("default");
    let owner = Controller {
        kind: "DaemonSet".into(),
        name: name.into(),
        uid: raw.metadata.uid.clone().unwrap_or_else(|| format!("DaemonSet/{namespace}/{name}")),
    };
    let mut pod = pod_template_spec(&spec.template, namespace, owner, priorities, names)
        .map_err(|error| error.within("spec.template"))?;
    let host_network = spec.template.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true));
    let added = [
        ("node.kubernetes.io/not-ready", TaintEffect::NoExecute),
        ("node.kubernetes.io/unreachable", TaintEffect::NoExecute),
        ("node.kubernetes.io/disk-pressure", TaintEffect::NoSchedule),
        ("node.kubernetes.io/memory-pressure", TaintEffect::NoSchedule),
        ("node.kubernetes.io/pid-pressure", TaintEffect::NoSchedule),
        ("node.kubernetes.io/unschedulable", TaintEffect::NoSchedule),
    ];
    let network = host_network.then_some(("node.kubernetes.io/network-unavailable", TaintEffect::NoSchedule));
    pod.tolerations.extend(added.into_iter().chain(network).map(|(key, effect)| Toleration {
        key: key.into(),
        operator: TolerationOperator::Exists,
        value: String::new(),
        effect: Some(effect),
        toleration_seconds: None,
    }));
    Ok(pod)
}
