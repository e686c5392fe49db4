//! Workloads: what their pods ask for, and what their status says.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::affinity::required_node_terms;
use super::super::selector::toleration;
use super::super::{ManifestError, instant, read_taints, unknown_value};
use super::queues::{key_of, name_of};
use super::raw::{RawAdmission, RawCondition, RawPodSet, RawWorkload};
use crate::training::admission::kueue::names::{Names, ResourceIx};
use crate::training::admission::kueue::objects::{Mark, PreemptionReason};
use crate::training::admission::kueue::topology::{TopologyNode, TopologyRequest, Want};
use crate::training::admission::kueue::workload::{
    Admission, CheckState, CheckStatus, Eviction, PodSet, PodSetAdmission, PodShape, PodsReady, Workload,
};
use crate::units::{Quantity, SimDuration, SimTime};

const BOOST: &str = "kueue.x-k8s.io/priority-boost";

/// A node as topology-aware scheduling sees it.
pub fn topology_node(raw: &core::Node, names: &mut Names) -> Result<TopologyNode, ManifestError> {
    let spec = raw.spec.clone().unwrap_or_default();
    let status = raw.status.clone().unwrap_or_default();
    let is_ready = |condition: &core::NodeCondition| condition.type_ == "Ready" && condition.status == "True";
    let mut free = BTreeMap::new();
    for (name, quantity) in status.allocatable.iter().flatten() {
        let amount = Quantity::parse_non_negative(&quantity.0)
            .map_err(|error| ManifestError::new(format!("status.allocatable.{name}"), error.to_string()))?;
        free.insert(names.resource(name), whole(name, amount));
    }
    let taints = read_taints(spec.taints.as_deref().unwrap_or_default());
    Ok(TopologyNode {
        labels: raw.metadata.labels.clone().unwrap_or_default(),
        taints: taints.map_err(|error| error.within("spec.taints"))?,
        usable: status.conditions.iter().flatten().any(is_ready) && spec.unschedulable != Some(true),
        free,
    })
}

type Amounts = BTreeMap<String, Quantity>;

/// A Workload; its names are given numbers.
pub fn workload(raw: &RawWorkload, names: &mut Names) -> Result<Workload, ManifestError> {
    let key: Arc<str> = key_of(&raw.metadata)?.as_str().into();
    let namespace: Arc<str> = raw.metadata.namespace.as_deref().unwrap_or("default").into();
    let mut pod_sets = Vec::new();
    for (index, set) in raw.spec.pod_sets.iter().enumerate() {
        let set = pod_set(set, names).map_err(|error| error.within(format!("spec.podSets[{index}]")))?;
        pod_sets.push(set);
    }
    let created = raw.metadata.creation_timestamp.as_ref().map_or(SimTime::ZERO, instant);
    let mut workload = Workload::new(key, Arc::clone(&namespace), pod_sets.into(), created);
    workload.uid = raw.metadata.uid.as_deref().unwrap_or(name_of(&raw.metadata)?).into();
    workload.local_queue = raw.spec.queue_name.as_ref().map(|queue| format!("{namespace}/{queue}").as_str().into());
    workload.priority = i64::from(raw.spec.priority.unwrap_or(0));
    if let Some(boost) = raw.metadata.annotations.as_ref().and_then(|annotations| annotations.get(BOOST)) {
        let parsed: Result<i32, _> = boost.parse();
        let path = || format!("metadata.annotations[{BOOST}]");
        let refused = |_| ManifestError::new(path(), format!("{boost:?} is not a 32-bit integer"));
        workload.boost = i64::from(parsed.map_err(refused)?);
    }
    workload.active = raw.spec.active != Some(false);
    read_status(raw, names, &mut workload).map_err(|error| error.within("status"))?;
    Ok(workload)
}

/// A pod set in its validated form.
///
/// # Errors
/// The first field that means nothing.
pub fn pod_set(raw: &RawPodSet, names: &mut Names) -> Result<PodSet, ManifestError> {
    let count = raw.count.unwrap_or(1);
    for (field, number) in [("count", Some(count)), ("minCount", raw.min_count)] {
        if number.is_some_and(|number| number < 0) {
            return Err(ManifestError::new(field, "must not be negative"));
        }
    }
    let spec = raw.template.spec.clone().unwrap_or_default();
    let pod = pod_shape(&spec, names).map_err(|error| error.within("template.spec"))?;
    let request = raw.topology_request.as_ref();
    let topology = request.map(|request| {
        let want = match (&request.required, &request.preferred, request.unconstrained) {
            (Some(level), ..) => Want::Required(level.clone()),
            (_, Some(level), _) => Want::Preferred(level.clone()),
            (_, _, Some(true)) => Want::Unconstrained,
            _ => Want::Nothing,
        };
        let mut slices: Vec<(String, i32)> = request
            .podset_slice_required_topology_constraints
            .iter()
            .map(|slice| (slice.topology.clone(), slice.size))
            .collect();
        if let Some(level) = &request.pod_set_slice_required_topology {
            slices = vec![(level.clone(), request.pod_set_slice_size.unwrap_or(0))];
        }
        TopologyRequest { want, slices }
    });
    Ok(PodSet {
        name: raw.name.as_deref().unwrap_or("main").into(),
        count,
        min_count: raw.min_count,
        pod,
        topology,
        group: request.and_then(|request| request.pod_set_group_name.as_deref()).map(Into::into),
    })
}

fn pod_shape(spec: &core::PodSpec, names: &mut Names) -> Result<PodShape, ManifestError> {
    let mut invalid = None;
    let amounts = pod_requests(spec, &mut invalid)?;
    let mut requests: Vec<(ResourceIx, i64)> =
        amounts.iter().map(|(name, amount)| (names.resource(name), whole(name, *amount))).collect();
    requests.sort_by(|a, b| names.order(a.0).cmp(&names.order(b.0)));
    let mut tolerations = Vec::new();
    for (index, raw) in spec.tolerations.iter().flatten().enumerate() {
        let read = toleration(raw).map_err(|error| error.within(format!("tolerations[{index}]")))?;
        tolerations.push(read);
    }
    let node = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = node.map(required_node_terms).transpose().map_err(|error| error.within("affinity.nodeAffinity"))?;
    Ok(PodShape {
        requests,
        node_selector: spec.node_selector.clone().unwrap_or_default(),
        required: required.flatten(),
        tolerations,
        invalid,
    })
}

fn whole(resource: &str, amount: Quantity) -> i64 {
    if resource == "cpu" { amount.milli_value() } else { amount.value() }
}

fn add(sum: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let entry = sum.entry(name.clone()).or_default();
        *entry = *entry + *amount;
    }
}

fn raise(most: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let entry = most.entry(name.clone()).or_default();
        *entry = (*entry).max(*amount);
    }
}

/// What a container asks for, limits where it says nothing.
fn container(
    raw: Option<&core::ResourceRequirements>,
    what: &str,
    invalid: &mut Option<String>,
) -> Result<Amounts, ManifestError> {
    let read = |list: Option<&BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>>,
                field: &str|
     -> Result<Amounts, ManifestError> {
        let parse = |(name, quantity): (&String, &k8s_openapi::apimachinery::pkg::api::resource::Quantity)| {
            match Quantity::parse_non_negative(&quantity.0) {
                Ok(quantity) => Ok((name.clone(), quantity)),
                Err(error) => Err(ManifestError::new(format!("{what}.resources.{field}.{name}"), error.to_string())),
            }
        };
        list.into_iter().flatten().map(parse).collect()
    };
    let mut requests = read(raw.and_then(|raw| raw.requests.as_ref()), "requests")?;
    for (name, limit) in read(raw.and_then(|raw| raw.limits.as_ref()), "limits")? {
        let request = *requests.entry(name.clone()).or_insert(limit);
        if request > limit && invalid.is_none() {
            *invalid = Some(format!("{what} asks for {request} of {name}, above its limit {limit}"));
        }
    }
    Ok(requests)
}

/// A pod's requests by the scheduler's rule: containers and sidecars together, or the largest init container with the
/// sidecars before it, whichever is more, the pod's own where stated, and the overhead.
fn pod_requests(spec: &core::PodSpec, invalid: &mut Option<String>) -> Result<Amounts, ManifestError> {
    let mut sum = Amounts::new();
    for (index, raw) in spec.containers.iter().enumerate() {
        add(&mut sum, &container(raw.resources.as_ref(), &format!("containers[{index}]"), invalid)?);
    }
    let (mut sidecars, mut peak) = (Amounts::new(), Amounts::new());
    for (index, raw) in spec.init_containers.iter().flatten().enumerate() {
        let amounts = container(raw.resources.as_ref(), &format!("initContainers[{index}]"), invalid)?;
        if raw.restart_policy.as_deref() == Some("Always") {
            add(&mut sum, &amounts);
            add(&mut sidecars, &amounts);
            raise(&mut peak, &sidecars);
        } else {
            let mut running = amounts;
            add(&mut running, &sidecars);
            raise(&mut peak, &running);
        }
    }
    raise(&mut sum, &peak);
    if spec.resources.is_some() {
        sum.extend(container(spec.resources.as_ref(), "pod", invalid)?);
    }
    if let Some(overhead) = &spec.overhead {
        for (name, quantity) in overhead {
            let amount = Quantity::parse_non_negative(&quantity.0)
                .map_err(|error| ManifestError::new(format!("overhead.{name}"), error.to_string()))?;
            let entry = sum.entry(name.clone()).or_default();
            *entry = *entry + amount;
        }
    }
    Ok(sum)
}

fn read_status(raw: &RawWorkload, names: &mut Names, workload: &mut Workload) -> Result<(), ManifestError> {
    let status = &raw.status;
    if let Some(raw) = &status.admission {
        let read = admission(raw, &workload.pod_sets, names).map_err(|error| error.within("admission"))?;
        workload.admission = Some(read);
    }
    let find = |kind: &str| status.conditions.iter().find(|condition| condition.kind == kind);
    let at = |condition: &RawCondition| condition.last_transition_time.as_ref().map_or(SimTime::ZERO, instant);
    let since = |kind: &str| find(kind).filter(|condition| condition.status == "True");
    workload.reserved = since("QuotaReserved").map(at);
    workload.admitted = since("Admitted").map(at);
    workload.finished = since("Finished").is_some();
    workload.evicted =
        since("Evicted").map(|condition| Mark { at: at(condition), reason: Eviction::named(&condition.reason) });
    workload.preempted = since("Preempted").map(|condition| {
        let reason = PreemptionReason::ALL.into_iter().find(|reason| reason.name() == condition.reason);
        Mark { at: at(condition), reason }
    });
    workload.requeued = find("Requeued").map(|condition| condition.status == "True");
    workload.pods_ready = find("PodsReady").map(|condition| PodsReady {
        ready: condition.status == "True",
        reason: condition.reason.as_str().into(),
        at: at(condition),
    });
    if let Some(state) = &status.requeue_state {
        workload.requeue_count = state.count.unwrap_or(0);
        workload.requeue_at = state.requeue_at.as_ref().map(instant);
    }
    workload.reclaimable = status.reclaimable_pods.iter().map(|set| (set.name.as_str().into(), set.count)).collect();
    for (index, raw) in status.admission_checks.iter().enumerate() {
        let known = [
            ("Pending", CheckStatus::Pending),
            ("Ready", CheckStatus::Ready),
            ("Retry", CheckStatus::Retry),
            ("Rejected", CheckStatus::Rejected),
        ];
        let Some((_, state)) = known.iter().find(|(name, _)| *name == raw.state) else {
            let path = format!("admissionChecks[{index}].state");
            return Err(unknown_value(&path, &raw.state, &known.map(|(name, _)| name)));
        };
        let time = |time: &Option<Time>| time.as_ref().map_or(SimTime::ZERO, instant);
        workload.checks.push(CheckState {
            name: raw.name.as_str().into(),
            status: *state,
            retries: raw.retry_count.unwrap_or(0),
            requeue_after: raw.requeue_after_seconds.map(SimDuration::from_secs),
            at: time(&raw.last_transition_time),
        });
    }
    Ok(())
}

fn admission(raw: &RawAdmission, sets: &[PodSet], names: &mut Names) -> Result<Admission, ManifestError> {
    let mut pod_sets = Vec::new();
    for (index, raw) in raw.pod_set_assignments.iter().enumerate() {
        let name = raw.name.as_deref().unwrap_or("main");
        let mut flavors = Vec::new();
        for (resource, flavor) in &raw.flavors {
            let (resource, flavor) = (names.resource(resource), names.flavor(flavor));
            names.pair(flavor, resource);
            flavors.push((resource, flavor));
        }
        let mut usage = Vec::new();
        for (resource, quantity) in &raw.resource_usage {
            let quantity = Quantity::parse_non_negative(&quantity.text()).map_err(|error| {
                let path = format!("podSetAssignments[{index}].resourceUsage.{resource}");
                ManifestError::new(path, error.to_string())
            })?;
            usage.push((names.resource(resource), whole(resource, quantity)));
        }
        let Some(set) = sets.iter().find(|set| *set.name == *name) else {
            let path = format!("podSetAssignments[{index}].name");
            return Err(ManifestError::new(path, format!("the workload has no pod set called {name}")));
        };
        let count = raw.count.unwrap_or(set.count);
        pod_sets.push(PodSetAdmission { name: name.into(), count, flavors, usage, topology: None });
    }
    Ok(Admission { cluster_queue: raw.cluster_queue.as_str().into(), pod_sets })
}
