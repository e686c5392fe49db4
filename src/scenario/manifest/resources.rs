//! Resource lists: quantities by name, and the requests and limits of containers and pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;

use super::ManifestError;
use crate::cluster::{Container, PodLevelRequests, ResourceNames, Resources, resource};
use crate::units::{Bytes, Millicores, Quantity};

type RawList = BTreeMap<String, RawQuantity>;

/// Parses a `ResourceList`; negative and malformed quantities are errors, named by resource.
pub(super) fn resource_list(list: &RawList, names: &mut ResourceNames) -> Result<Resources, ManifestError> {
    let mut resources = Resources::default();
    for (name, quantity) in list {
        let quantity = parse(name, quantity, Amounts::Moderate)?;
        names.set(&mut resources, name, quantity);
    }
    Ok(resources)
}

/// Which amounts are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amounts {
    /// Amounts are summed in 64 bits; a single one of a 1024th of these is a slip of the pen.
    Moderate,
    /// Any, for who only reads them as upstream does.
    Any,
}

fn parse(name: &str, quantity: &RawQuantity, amounts: Amounts) -> Result<Quantity, ManifestError> {
    let quantity =
        Quantity::parse_non_negative(&quantity.0).map_err(|error| ManifestError::new(name, error.to_string()))?;
    const LARGEST: i64 = i64::MAX / 1024;
    let exceeds = if name == resource::CPU { quantity.exceeds_milli(LARGEST) } else { quantity.exceeds(LARGEST) };
    if exceeds && amounts == Amounts::Moderate {
        return Err(ManifestError::new(name, "the quantity is too large"));
    }
    Ok(quantity)
}

/// Requests (with limits where they are absent) and limits of one container.
pub(super) fn read_container(
    raw: Option<&ResourceRequirements>,
    container: &mut Container,
    names: &mut ResourceNames,
    amounts: Amounts,
) -> Result<(), ManifestError> {
    let (requests, limits) = requests_and_limits(raw, amounts)?;
    container.has_request = (requests.contains_key(resource::CPU), requests.contains_key(resource::MEMORY));
    for (name, quantity) in &requests {
        names.set(&mut container.requests, name, *quantity);
        container.odd_thousandths.extend(odd_thousandths(name, quantity).map(|odd| (name.clone(), odd)));
    }
    container.cpu_limit = limits.get(resource::CPU).map(|limit| Millicores::from_quantity(*limit));
    container.memory_limit = limits.get(resource::MEMORY).map(|limit| Bytes::from_quantity(*limit));
    Ok(())
}

/// A quantity's thousandths where they are not a thousand times what is kept of it.
fn odd_thousandths(name: &str, quantity: &Quantity) -> Option<i64> {
    let odd = quantity.value().checked_mul(1000) != Some(quantity.milli_value());
    (odd && name != resource::CPU).then(|| quantity.milli_value())
}

type Parsed = BTreeMap<String, Quantity>;

fn requests_and_limits(
    raw: Option<&ResourceRequirements>,
    amounts: Amounts,
) -> Result<(Parsed, Parsed), ManifestError> {
    let (mut requests, limits) = stated(raw, amounts)?;
    for (name, limit) in &limits {
        requests.entry(name.clone()).or_insert(*limit);
    }
    Ok((requests, limits))
}

fn stated(raw: Option<&ResourceRequirements>, amounts: Amounts) -> Result<(Parsed, Parsed), ManifestError> {
    let read = |list: Option<&RawList>, field: &str| -> Result<Parsed, ManifestError> {
        let list = list.into_iter().flatten();
        list.map(|(name, quantity)| Ok((name.clone(), parse(name, quantity, amounts)?)))
            .collect::<Result<Parsed, ManifestError>>()
            .map_err(|error| error.within(field))
    };
    let requests = read(raw.and_then(|raw| raw.requests.as_ref()), "requests")?;
    let limits = read(raw.and_then(|raw| raw.limits.as_ref()), "limits")?;
    for (name, request) in &requests {
        let Some(limit) = limits.get(name) else { continue };
        let path = format!("requests.{name}");
        if request > limit {
            return Err(ManifestError::new(path, format!("the request {request} is above the limit {limit}")));
        }
        if request < limit && !may_be_overcommitted(name) {
            let problem = format!("{name} can't be overcommitted: the request {request} must equal the limit {limit}");
            return Err(ManifestError::new(path, problem));
        }
    }
    Ok((requests, limits))
}

/// Only Kubernetes' own resources can have a limit above the request.
fn may_be_overcommitted(name: &str) -> bool {
    !name.contains('/') && !name.starts_with("hugepages-")
}

/// Pod-level requests (`spec.resources`); a missing request with a limit is the containers' sum where they state the
/// resource, else the limit. `containers` are already read.
pub(super) fn pod_level_requests(
    raw: &PodSpec,
    containers: &crate::cluster::PodSpec,
    amounts: Amounts,
) -> Result<Option<PodLevelRequests>, ManifestError> {
    let Some(resources) = &raw.resources else { return Ok(None) };
    let (requests, limits) = stated(Some(resources), amounts)?;
    for name in requests.keys().chain(limits.keys()) {
        if name != resource::CPU && name != resource::MEMORY && !name.starts_with("hugepages-") {
            return Err(ManifestError::new("requests", format!("{name} can't be set for a whole pod")));
        }
    }
    let sum = containers.effective_requests();
    let all = || containers.containers.iter().chain(containers.init_containers.iter().map(|init| &init.container));
    let request = |name: &str, stated_by_containers: bool| {
        if let Some(request) = requests.get(name) {
            return Some(*request);
        }
        limits.get(name).filter(|_| !stated_by_containers).copied()
    };
    let cpu = request(resource::CPU, all().any(|c| c.has_request.0)).map(Millicores::from_quantity);
    let memory = request(resource::MEMORY, all().any(|c| c.has_request.1));
    let odd_memory_thousandths = memory.and_then(|memory| odd_thousandths(resource::MEMORY, &memory));
    let memory = memory.map(Bytes::from_quantity);
    if let Some(cpu) = cpu.filter(|cpu| *cpu < sum.cpu) {
        let problem = format!("the pod's request {cpu} is below its containers' {}", sum.cpu);
        return Err(ManifestError::new("requests.cpu", problem));
    }
    if let Some(memory) = memory.filter(|memory| *memory < sum.memory) {
        let problem = format!("the pod's request {memory} is below its containers' {}", sum.memory);
        return Err(ManifestError::new("requests.memory", problem));
    }
    if cpu.is_none() && memory.is_none() {
        return Ok(None);
    }
    Ok(Some(PodLevelRequests { cpu, memory, odd_memory_thousandths }))
}
