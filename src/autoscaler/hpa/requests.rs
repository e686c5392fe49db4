//! What one pod requests of a resource: `calculateRequests` of `replica_calculator.go`.

use smallvec::SmallVec;
use thiserror::Error;

use super::versions::VersionedBehaviour;

use crate::cluster::{Container, PodLevelRequests, PodSpec, ResourceNames, Resources, resource};
use crate::units::{Bytes, Millicores};

/// A container's request of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerRequest<'a> {
    pub name: &'a str,
    /// In thousandths; `None` where the container states none.
    pub request: Option<i64>,
}

/// A pod's requests of one resource, as its spec states them.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodRequests<'a> {
    pub containers: &'a [ContainerRequest<'a>],
    /// Init containers with `restartPolicy: Always` (sidecars), which run beside the containers.
    pub sidecars: &'a [ContainerRequest<'a>],
    /// The pod's own request (`spec.resources`) where pod-level requests are set: upstream then takes
    /// `resourcehelpers.PodRequests`, so this is `Some(None)` where that has no entry for the resource.
    pub pod_level: Option<Option<i64>>,
}

/// Why a pod's request can't be told. The pod's place in the snapshot is added by whoever asks for all pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    #[error("a container states no request")]
    Missing { pod: u32 },
    #[error("there is no container of that name")]
    ContainerNotFound { pod: u32 },
}

impl RequestError {
    /// The same error for the pod at `index` of a snapshot.
    pub fn of_pod(self, index: usize) -> RequestError {
        let pod = u32::try_from(index).unwrap_or(u32::MAX);
        match self {
            RequestError::Missing { .. } => RequestError::Missing { pod },
            RequestError::ContainerNotFound { .. } => RequestError::ContainerNotFound { pod },
        }
    }
}

/// The request in thousandths: of `container` where one is named, else of the pod where pod-level requests are set,
/// else the sum over containers and sidecars, each of which must state one.
pub fn pod_request(
    pod: &PodRequests<'_>,
    container: Option<&str>,
    versioned: &VersionedBehaviour,
) -> Result<i64, RequestError> {
    let missing = RequestError::Missing { pod: 0 };
    let mut all = pod.containers.iter().chain(pod.sidecars);
    if let Some(wanted) = container {
        return match all.find(|container| container.name == wanted) {
            Some(container) => container.request.ok_or(missing),
            None if versioned.missing_container_fails => Err(RequestError::ContainerNotFound { pod: 0 }),
            None => Ok(0),
        };
    }
    if let Some(request) = pod.pod_level.filter(|_| versioned.pod_level_requests) {
        return request.ok_or(missing);
    }
    let mut sum = 0i64;
    for container in all {
        sum = sum.wrapping_add(container.request.ok_or(missing)?);
        // Upstream compares names before it asks whether one was wanted, so a container without a name ends the sum.
        if container.name.is_empty() && versioned.missing_container_fails {
            break;
        }
    }
    Ok(sum)
}

/// What a pod of this spec, or its container of that name, requests of a resource, in thousandths.
pub fn request_of(
    pod: &PodSpec,
    names: &ResourceNames,
    resource: &str,
    container: Option<&str>,
    versioned: &VersionedBehaviour,
) -> Result<i64, RequestError> {
    // Asked at every sync of every HPA: no name is looked up, and nothing gathered, that is not needed.
    if resource == resource::CPU && container.is_none() && pod.pod_requests.is_none() && has_named_containers_only(pod)
    {
        let all = pod.running();
        return all.map(|c| c.has_request.0.then(|| c.requests.cpu.get())).try_fold(0i64, |sum, request| {
            request.map(|request| sum.wrapping_add(request)).ok_or(RequestError::Missing { pod: 0 })
        });
    }
    let id = names.get(resource);
    let stated = |container: &Container| {
        let requests = &container.requests;
        if let Some((_, odd)) = container.odd_thousandths.iter().find(|(name, _)| name == resource) {
            return Some(*odd);
        }
        match resource {
            resource::CPU => container.has_request.0.then(|| requests.cpu.get()),
            resource::MEMORY => container.has_request.1.then(|| thousandths(requests.memory.get())),
            resource::EPHEMERAL_STORAGE => {
                (requests.ephemeral_storage != Bytes::ZERO).then(|| thousandths(requests.ephemeral_storage.get()))
            }
            _ => id.filter(|id| requests.has_extended(*id)).map(|id| thousandths(requests.extended(id))),
        }
    };
    let containers: SmallVec<[ContainerRequest<'_>; 4]> =
        pod.containers.iter().map(|c| ContainerRequest { name: &c.name, request: stated(c) }).collect();
    let sidecars: SmallVec<[ContainerRequest<'_>; 2]> =
        pod.sidecars().map(|c| ContainerRequest { name: &c.name, request: stated(c) }).collect();
    let pod_level = pod.pod_requests.as_ref().map(|level| whole_pod(pod, level, resource, &stated, versioned));
    pod_request(&PodRequests { containers: &containers, sidecars: &sidecars, pod_level }, container, versioned)
}

/// None of them ends the sum ([`pod_request`]).
fn has_named_containers_only(pod: &PodSpec) -> bool {
    pod.running().all(|container| !container.name.is_empty())
}

/// `resourcehelpers.PodRequests` where pod-level requests are set: `None` where nobody states the resource.
fn whole_pod(
    pod: &PodSpec,
    level: &PodLevelRequests,
    resource: &str,
    stated: &impl Fn(&Container) -> Option<i64>,
    versioned: &VersionedBehaviour,
) -> Option<i64> {
    let none = Resources::default();
    let overhead = if versioned.overhead_excluded { &none } else { &pod.overhead };
    let whole = || pod.effective_requests().minus(&pod.overhead);
    let inits = pod.init_containers.iter().map(|init| &init.container);
    let by_a_container = || pod.containers.iter().chain(inits).any(|container| stated(container).is_some());
    match resource {
        resource::CPU => (level.cpu.is_some() || by_a_container() || overhead.cpu != Millicores::ZERO)
            .then(|| whole().cpu.get().wrapping_add(overhead.cpu.get())),
        resource::MEMORY => (level.memory.is_some() || by_a_container() || overhead.memory != Bytes::ZERO).then(|| {
            let (whole, overhead) = (whole().memory.get(), overhead.memory.get());
            match level.odd_memory_thousandths {
                Some(odd) if overhead == 0 => odd,
                _ => thousandths(whole.wrapping_add(overhead)),
            }
        }),
        _ => None,
    }
}

fn thousandths(whole: i64) -> i64 {
    whole.wrapping_mul(1000)
}
