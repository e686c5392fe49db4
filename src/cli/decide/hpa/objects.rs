//! Pods as the snapshot wants them: those that the scale target's selector matches, and what they request.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;
use std::collections::BTreeMap;

use super::super::Refusal;
use crate::autoscaler::hpa::{
    ContainerRequest, PodRequests, PodState, ReadyCondition, ReadyStatus, RequestError, pod_request,
};
use crate::cluster::{LabelSelector, Labels, PodPhase};
use crate::scenario::manifest::instant;
use crate::units::{Quantity, SimTime};

/// A pod of the input with its path.
pub(super) struct InputPod {
    pub path: String,
    pub pod: core::Pod,
}

impl InputPod {
    pub(super) fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or_default()
    }

    fn labels(&self) -> Labels {
        self.pod.metadata.labels.clone().unwrap_or_default()
    }

    /// Whether the target's selector matches it in the HPA's namespace. A namespace that is not told fits any.
    pub(super) fn is_selected(&self, namespace: Option<&str>, selector: &LabelSelector) -> bool {
        same_namespace(self.pod.metadata.namespace.as_deref(), namespace) && selector.matches(&self.labels())
    }

    pub(super) fn state(&self) -> PodState {
        let status = self.pod.status.as_ref();
        let ready = status
            .and_then(|status| status.conditions.iter().flatten().find(|condition| condition.type_ == "Ready"))
            .map(|condition| ReadyCondition {
                status: match condition.status.as_str() {
                    "True" => ReadyStatus::True,
                    "False" => ReadyStatus::False,
                    _ => ReadyStatus::Unknown,
                },
                last_transition: condition.last_transition_time.as_ref().map_or(SimTime::MIN, instant),
            });
        let phase = match status.and_then(|status| status.phase.as_deref()) {
            Some("Running") => PodPhase::Running,
            Some("Pending") => PodPhase::Pending,
            Some("Failed") => PodPhase::Failed,
            // To the controller, a pod in any other phase is one that is neither of those.
            _ => PodPhase::Succeeded,
        };
        PodState {
            phase,
            deleting: self.pod.metadata.deletion_timestamp.is_some(),
            ready,
            start: status.and_then(|status| status.start_time.as_ref()).map(instant),
        }
    }

    /// Thousandths of `resource` that the pod, or its container of that name, requests.
    pub(super) fn request(
        &self,
        resource: &str,
        container: Option<&str>,
    ) -> Result<Result<i64, RequestError>, Refusal> {
        let Some(spec) = &self.pod.spec else { return Ok(pod_request(&PodRequests::default(), container)) };
        let path = format!("{}.spec", self.path);
        let containers = read_containers(spec.containers.iter(), resource, &format!("{path}.containers"))?;
        let all_init = spec.init_containers.as_deref().unwrap_or_default();
        let inits = read_containers(all_init.iter(), resource, &format!("{path}.initContainers"))?;
        let is_sidecar = |index: usize| all_init[index].restart_policy.as_deref() == Some("Always");
        let (sidecars, _): (Vec<_>, Vec<_>) = inits.iter().enumerate().partition(|(index, _)| is_sidecar(*index));
        let sidecars: Vec<ContainerRequest<'_>> = sidecars.into_iter().map(|(_, request)| *request).collect();
        let pod_level = match spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()) {
            Some(requests) if requests.keys().any(|name| may_be_pod_level(name)) => {
                let stated = requests.get(resource).filter(|_| may_be_pod_level(resource));
                let own = match stated {
                    Some(quantity) => Some(milli(quantity, || format!("{path}.resources.requests.{resource}"))?),
                    None => effective_sum(&containers, &inits, &is_sidecar),
                };
                let overhead = match spec.overhead.as_ref().and_then(|overhead| overhead.get(resource)) {
                    Some(quantity) => Some(milli(quantity, || format!("{path}.overhead.{resource}"))?),
                    None => None,
                };
                Some(match (own, overhead) {
                    (None, None) => None,
                    (own, overhead) => Some(own.unwrap_or(0).wrapping_add(overhead.unwrap_or(0))),
                })
            }
            _ => None,
        };
        Ok(pod_request(&PodRequests { containers: &containers, sidecars: &sidecars, pod_level }, container))
    }
}

/// Absent on either side fits: dumps by hand often leave namespaces out.
pub(super) fn same_namespace(one: Option<&str>, other: Option<&str>) -> bool {
    match (one.filter(|name| !name.is_empty()), other.filter(|name| !name.is_empty())) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

fn may_be_pod_level(resource: &str) -> bool {
    resource == "cpu" || resource == "memory" || resource.starts_with("hugepages-")
}

pub(super) fn milli(quantity: &RawQuantity, path: impl Fn() -> String) -> Result<i64, Refusal> {
    let parsed: Quantity = quantity.0.parse().map_err(|error| Refusal::new(path(), format!("{error}")))?;
    Ok(parsed.milli_value())
}

fn read_containers<'a>(
    containers: impl Iterator<Item = &'a core::Container>,
    resource: &str,
    path: &str,
) -> Result<Vec<ContainerRequest<'a>>, Refusal> {
    let mut read = Vec::new();
    for (index, container) in containers.enumerate() {
        let requests: Option<&BTreeMap<String, RawQuantity>> =
            container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        let request = match requests.and_then(|requests| requests.get(resource)) {
            Some(quantity) => Some(milli(quantity, || format!("{path}[{index}].resources.requests.{resource}"))?),
            None => None,
        };
        read.push(ContainerRequest { name: &container.name, request });
    }
    Ok(read)
}

/// What the scheduler would reserve (`resourcehelpers.PodRequests`, without overhead): the sum of the containers and
/// sidecars, or the most that an init container needs beside the sidecars before it. `None` where nobody states any.
fn effective_sum(
    containers: &[ContainerRequest<'_>],
    inits: &[ContainerRequest<'_>],
    is_sidecar: &impl Fn(usize) -> bool,
) -> Option<i64> {
    let mut sum: Option<i64> = None;
    for container in containers {
        sum = add(sum, container.request);
    }
    let (mut sidecars, mut most): (Option<i64>, Option<i64>) = (None, None);
    for (index, init) in inits.iter().enumerate() {
        let needed = if is_sidecar(index) {
            sum = add(sum, init.request);
            sidecars = add(sidecars, init.request);
            sidecars
        } else {
            add(sidecars, init.request)
        };
        most = most.max(needed);
    }
    sum.max(most)
}

fn add(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0).wrapping_add(other.unwrap_or(0))),
    }
}
