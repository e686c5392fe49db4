//! The envelope of `decide karpenter`, read and checked.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;
use serde::Deserialize;
use serde_json::Value;

use super::super::fields::Fields;
use super::super::release::envelope;
use super::super::{Refusal, objects};
use super::claims::{self, State};
use crate::autoscaler::karpenter::disruption::drift_reason;
use crate::autoscaler::karpenter::node_pool::{FieldError, NodePoolManifest, RequirementManifest};
use crate::autoscaler::karpenter::requirement::{Operator, Requirement};
use crate::autoscaler::karpenter::{
    CapacityType, Catalogue, InstanceType, NodeClaim, NodePool, Offering, Options, Reservation, Snapshot,
};
use crate::cluster::{DisruptionBudget, NodeShape, PodId, PodSpecId, ResourceNames};
use crate::scenario::manifest::{LivePod, LoadedCluster, PriorityClasses, node_amounts};
use crate::units::{SimTime, UsdPerHour, not_one_of};

const FIELDS: &[&str] = &[
    "now",
    "nodePools",
    "instanceTypes",
    "nodeClaims",
    "nodes",
    "pods",
    "podDisruptionBudgets",
    "daemonSets",
    "priorityClasses",
    "options",
    "state",
];

/// An input, read.
pub(super) struct Question {
    pub cluster: LoadedCluster,
    pub pools: Vec<NodePool>,
    pub catalogue: Catalogue,
    pub claims: Vec<NodeClaim>,
    pub pending: Vec<PodId>,
    pub daemon_sets: Vec<PodSpecId>,
    pub budgets: Vec<DisruptionBudget>,
    pub options: Options,
    pub now: SimTime,
    /// Positions of claims whose interruption was announced.
    pub interrupted: Vec<usize>,
}

impl Question {
    pub fn read(input: &Value) -> Result<Question, Refusal> {
        let (envelope, _) = envelope(input, FIELDS)?;
        let now =
            envelope.instant("now")?.ok_or_else(|| Refusal::new("now", "the instant of the decision is required"))?;
        let priorities = objects::priority_classes(&envelope)?;
        let mut cluster = LoadedCluster::default();
        let nodes = objects::nodes(&envelope, &mut cluster)?;
        add_pods(&envelope, &mut cluster, &priorities)?;
        let daemon_sets = objects::daemon_sets(&envelope, &priorities, &mut cluster)?;
        let budgets = objects::disruption_budgets(&envelope)?;
        let catalogue = catalogue(&envelope, &mut cluster.state.specs.resources)?;
        let pools = pools(&envelope)?;
        let state: State = envelope.optional("state")?.unwrap_or_default();
        let claims = claims::read(&envelope, &nodes, &mut cluster, &pools, &catalogue, &state, now)?;
        let interrupted = claims::positions("state.interrupted", &state.interrupted, &claims, &cluster)?;
        // A pod that preempts is left to the scheduler, whether or not the node that it waits for is shown.
        let is_pending = |pod: &LivePod| pod.node_name.is_none() && pod.nominated_node_name.is_none();
        let pending = cluster.pods.iter().filter(|(_, pod)| is_pending(pod)).map(|(id, _)| *id).collect();
        let options = envelope.optional("options")?.unwrap_or_default();
        let mut question =
            Question { cluster, pools, catalogue, claims, pending, daemon_sets, budgets, options, now, interrupted };
        question.notice_drift();
        Ok(question)
    }

    /// What upstream's drift controller would have noted by now, where the claims do not say it.
    fn notice_drift(&mut self) {
        let snapshot = self.snapshot();
        let is_drifted = |index: usize| drift_reason(&snapshot, index).is_some();
        let drifted: Vec<usize> = (0..self.claims.len()).filter(|index| is_drifted(*index)).collect();
        for index in drifted {
            self.claims[index].drifted.get_or_insert(self.now);
        }
    }

    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            cluster: &self.cluster.state,
            pools: &self.pools,
            catalogue: &self.catalogue,
            claims: &self.claims,
            pending: &self.pending,
            daemon_sets: &self.daemon_sets,
            disruption_budgets: &self.budgets,
            options: &self.options,
            now: self.now,
            epoch_seconds: 0,
        }
    }
}

/// In the order of their uids, by which upstream tells pods of one age apart; pods without stay in the order given.
fn add_pods(envelope: &Fields<'_>, cluster: &mut LoadedCluster, priorities: &PriorityClasses) -> Result<(), Refusal> {
    let pods = envelope.items::<Pod>("pods")?;
    let mut order: Vec<usize> = (0..pods.len()).collect();
    order.sort_by_key(|index| pods[*index].metadata.uid.as_deref().unwrap_or_default());
    for index in order {
        cluster.add_pod(&pods[index], priorities).map_err(|error| error.within(format!("pods[{index}]")))?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawInstanceType {
    name: String,
    capacity: BTreeMap<String, RawQuantity>,
    /// Default: the capacity, less the overhead.
    allocatable: Option<BTreeMap<String, RawQuantity>>,
    /// What kubelet and system keep.
    overhead: Option<BTreeMap<String, RawQuantity>>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Labels with more than one possible value.
    #[serde(default)]
    requirements: Vec<RequirementManifest>,
    offerings: Vec<RawOffering>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawOffering {
    zone: String,
    capacity_type: String,
    price: f64,
    #[serde(default = "yes")]
    available: bool,
    reservation: Option<RawReservation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawReservation {
    id: String,
    capacity: u32,
}

fn yes() -> bool {
    true
}

fn catalogue(envelope: &Fields<'_>, names: &mut ResourceNames) -> Result<Catalogue, Refusal> {
    let mut types: Vec<InstanceType> = Vec::new();
    for (index, raw) in envelope.items::<RawInstanceType>("instanceTypes")?.iter().enumerate() {
        let path = format!("instanceTypes[{index}]");
        if types.iter().any(|other| *other.name == *raw.name) {
            return Err(Refusal::new(format!("{path}.name"), format!("a second type is called {}", raw.name)));
        }
        types.push(instance_type(&path, raw, names)?);
    }
    Ok(Catalogue::new(types))
}

fn instance_type(path: &str, raw: &RawInstanceType, names: &mut ResourceNames) -> Result<InstanceType, Refusal> {
    let mut amounts = |field: &str, list: &BTreeMap<String, RawQuantity>| {
        node_amounts(list, names).map_err(|error| error.within(format!("{path}.{field}")))
    };
    let capacity = amounts("capacity", &raw.capacity)?;
    let mut allocatable = match &raw.allocatable {
        Some(list) => amounts("allocatable", list)?,
        None => capacity.clone(),
    };
    if let Some(list) = &raw.overhead {
        if raw.allocatable.is_some() {
            return Err(Refusal::new(format!("{path}.overhead"), "give either allocatable or overhead"));
        }
        allocatable.resources -= &amounts("overhead", list)?.resources;
    }
    let mut offerings = Vec::new();
    for (index, raw) in raw.offerings.iter().enumerate() {
        let path = format!("{path}.offerings[{index}]");
        let Some(capacity_type) = CapacityType::from_name(&raw.capacity_type) else {
            let problem = not_one_of(&raw.capacity_type, &CapacityType::ALL.map(CapacityType::name));
            return Err(Refusal::new(format!("{path}.capacityType"), problem));
        };
        let Some(price) = UsdPerHour::from_f64(raw.price) else {
            return Err(Refusal::new(format!("{path}.price"), "a price is in dollars per hour, zero or more"));
        };
        let reservation =
            raw.reservation.as_ref().map(|raw| Reservation { id: raw.id.as_str().into(), capacity: raw.capacity });
        if (capacity_type == CapacityType::Reserved) != reservation.is_some() {
            return Err(Refusal::new(format!("{path}.reservation"), "reserved offerings have one, and no others"));
        }
        let mut offering = Offering::reserved(&raw.zone, capacity_type, price, reservation);
        offering.available = raw.available;
        offerings.push(offering);
    }
    let max_pods = allocatable.pods.or(capacity.pods).unwrap_or(NodeShape::DEFAULT_MAX_PODS);
    let (capacity, allocatable) = (capacity.resources, allocatable.resources);
    let mut instance_type = InstanceType::new(&raw.name, capacity, allocatable, max_pods, &raw.labels, offerings);
    for (index, raw) in raw.requirements.iter().enumerate() {
        let operator = Operator::named(&raw.operator)
            .map_err(|problem| Refusal::new(format!("{path}.requirements[{index}].operator"), problem))?;
        instance_type = instance_type.with_requirement(Requirement::new(&raw.key, operator, &raw.values));
    }
    Ok(instance_type)
}

fn pools(envelope: &Fields<'_>) -> Result<Vec<NodePool>, Refusal> {
    let mut pools: Vec<NodePool> = Vec::new();
    for (index, raw) in envelope.items::<NodePoolManifest>("nodePools")?.iter().enumerate() {
        let path = format!("nodePools[{index}]");
        let pool = NodePool::from_manifest(raw).map_err(|errors| all(&path, &errors))?;
        if pools.iter().any(|other| other.name == pool.name) {
            return Err(Refusal::new(format!("{path}.metadata.name"), "a second NodePool has this name"));
        }
        pools.push(pool);
    }
    Ok(pools)
}

/// Every mistake of one object, the first one's path leading.
fn all(path: &str, errors: &[FieldError]) -> Refusal {
    let mut errors = errors.iter();
    let first = errors.next().map_or_else(
        || Refusal::new(path, "refused"),
        |error| Refusal { path: format!("{path}.{}", error.path), problem: error.problem.clone() },
    );
    errors.fold(first, |mut refusal, error| {
        refusal.problem += &format!("; {path}.{error}");
        refusal
    })
}
