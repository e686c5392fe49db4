//! ClusterQueues, Cohorts, ResourceFlavors and what else configures Kueue, with their defaults.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::selector::toleration;
use super::super::{ManifestError, label_selector, read_taints, unknown_value};
use super::raw::{
    AdmissionCheckSpec, ClusterQueueSpec, CohortSpec, FlavorSpec, LocalQueueSpec, Raw, RawFairSharing, RawFungibility,
    RawGroup, RawNamespace, RawPreemption, RawPriorityClass, RawQuantity, TopologySpec,
};
use crate::training::admission::kueue::amount::Amount;
use crate::training::admission::kueue::objects::{
    AdmissionCheck, BorrowWithinCohort, CheckRule, ClusterQueue, Cohort, Flavor, FlavorFungibility, FlavorQuotas,
    LocalQueue, Namespace, Policy, Preemption, Preference, QueueingStrategy, ResourceGroup, Search, StopPolicy,
    Topology,
};
use crate::training::admission::kueue::tree::Quota;
use crate::units::Quantity;

pub(super) fn name_of(metadata: &ObjectMeta) -> Result<&str, ManifestError> {
    let name = metadata.name.as_deref().filter(|name| !name.is_empty());
    name.ok_or_else(|| ManifestError::new("metadata.name", "a name is required"))
}

pub(super) fn key_of(metadata: &ObjectMeta) -> Result<String, ManifestError> {
    Ok(format!("{}/{}", metadata.namespace.as_deref().unwrap_or("default"), name_of(metadata)?))
}

fn choice<T: Copy>(path: &str, value: Option<&str>, known: &[(&str, T)], default: T) -> Result<T, ManifestError> {
    let Some(value) = value else { return Ok(default) };
    if let Some((_, found)) = known.iter().find(|(name, _)| *name == value) {
        return Ok(*found);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    Err(unknown_value(path, value, &names))
}

/// Thousandths of a core for `cpu`, whole units for all else; what does not fit is unlimited.
fn quota_amount(resource: &str, raw: &RawQuantity) -> Result<Amount, String> {
    let quantity = Quantity::parse_non_negative(&raw.text()).map_err(|error| error.to_string())?;
    Ok(Amount(if resource == "cpu" { quantity.milli_value() } else { quantity.value() }))
}

fn resource_groups(raw: &[RawGroup]) -> Result<Vec<ResourceGroup>, ManifestError> {
    let group = |(index, raw): (usize, &RawGroup)| {
        let flavors = raw.flavors.iter().enumerate().map(|(at, flavor)| {
            let resources = flavor.resources.iter().enumerate().map(|(number, resource)| {
                let amount = |field: &str, raw: &RawQuantity| {
                    quota_amount(&resource.name, raw)
                        .map_err(|problem| ManifestError::new(format!("resources[{number}].{field}"), problem))
                };
                if !raw.covered_resources.contains(&resource.name) {
                    let problem = format!("{} is not one of the group's coveredResources", resource.name);
                    return Err(ManifestError::new(format!("resources[{number}].name"), problem));
                }
                let borrowing =
                    resource.borrowing_limit.as_ref().map(|raw| amount("borrowingLimit", raw)).transpose()?;
                let lending = resource.lending_limit.as_ref().map(|raw| amount("lendingLimit", raw)).transpose()?;
                let quota = Quota {
                    nominal: amount("nominalQuota", &resource.nominal_quota)?,
                    borrowing_limit: borrowing,
                    lending_limit: lending,
                };
                Ok((resource.name.clone(), quota))
            });
            let resources = resources.collect::<Result<_, ManifestError>>();
            let resources = resources.map_err(|error| error.within(format!("flavors[{at}]")))?;
            Ok(FlavorQuotas { flavor: flavor.name.clone(), resources })
        });
        let flavors = flavors.collect::<Result<_, ManifestError>>();
        let flavors = flavors.map_err(|error| error.within(format!("resourceGroups[{index}]")))?;
        Ok(ResourceGroup { covered: raw.covered_resources.clone(), flavors })
    };
    raw.iter().enumerate().map(group).collect()
}

fn weight(raw: Option<&RawFairSharing>) -> Result<Option<f64>, ManifestError> {
    let Some(weight) = raw.and_then(|raw| raw.weight.as_ref()) else { return Ok(None) };
    let weight = Quantity::parse_non_negative(&weight.text())
        .map_err(|error| ManifestError::new("fairSharing.weight", error.to_string()))?;
    Ok(Some(weight.as_f64()))
}

fn policy(path: &str, raw: Option<&str>, known: &[Policy]) -> Result<Policy, ManifestError> {
    let name = |policy: &Policy| match policy {
        Policy::Never => "Never",
        Policy::LowerPriority => "LowerPriority",
        Policy::LowerOrNewerEqualPriority => "LowerOrNewerEqualPriority",
        Policy::Any => "Any",
    };
    let known: Vec<(&str, Policy)> = known.iter().map(|policy| (name(policy), *policy)).collect();
    choice(path, raw, &known, Policy::Never)
}

fn preemption(raw: Option<&RawPreemption>) -> Result<Preemption, ManifestError> {
    let Some(raw) = raw else { return Ok(Preemption::default()) };
    let never = [Policy::Never, Policy::LowerPriority];
    let reclaim = [never[0], never[1], Policy::Any];
    let within = [never[0], never[1], Policy::LowerOrNewerEqualPriority];
    let borrow = raw.borrow_within_cohort.clone().unwrap_or_default();
    let borrowing = policy("borrowWithinCohort.policy", borrow.policy.as_deref(), &never)? != Policy::Never;
    Ok(Preemption {
        reclaim_within_cohort: policy("reclaimWithinCohort", raw.reclaim_within_cohort.as_deref(), &reclaim)?,
        within_cluster_queue: policy("withinClusterQueue", raw.within_cluster_queue.as_deref(), &within)?,
        borrow_within_cohort: borrowing
            .then_some(BorrowWithinCohort { max_priority_threshold: borrow.max_priority_threshold }),
    })
}

fn fungibility(raw: Option<&RawFungibility>) -> Result<FlavorFungibility, ManifestError> {
    let default = FlavorFungibility::default();
    let Some(raw) = raw else { return Ok(default) };
    let next = ("TryNextFlavor", Search::TryNextFlavor);
    let stop = ("MayStopSearch", Search::MayStopSearch);
    let borrow = [stop, next, ("Borrow", Search::MayStopSearch)];
    let preempt = [stop, next, ("Preempt", Search::MayStopSearch)];
    let preferences = [
        ("BorrowingOverPreemption", Preference::BorrowingOverPreemption),
        ("PreemptionOverBorrowing", Preference::PreemptionOverBorrowing),
    ];
    Ok(FlavorFungibility {
        when_can_borrow: choice("whenCanBorrow", raw.when_can_borrow.as_deref(), &borrow, default.when_can_borrow)?,
        when_can_preempt: choice(
            "whenCanPreempt",
            raw.when_can_preempt.as_deref(),
            &preempt,
            default.when_can_preempt,
        )?,
        preference: choice("preference", raw.preference.as_deref(), &preferences, default.preference)?,
    })
}

fn stop_policy(raw: Option<&str>) -> Result<StopPolicy, ManifestError> {
    let known = [("None", StopPolicy::None), ("Hold", StopPolicy::Hold), ("HoldAndDrain", StopPolicy::HoldAndDrain)];
    choice("spec.stopPolicy", raw, &known, StopPolicy::None)
}

/// A ClusterQueue in its validated form.
///
/// # Errors
/// The first field that means nothing.
pub fn cluster_queue(raw: &Raw<ClusterQueueSpec>) -> Result<ClusterQueue, ManifestError> {
    let name = name_of(&raw.metadata)?.into();
    let spec = raw.spec.clone().unwrap_or_default();
    let cohort = spec.cohort_name.or(spec.cohort).filter(|cohort| !cohort.is_empty());
    let within = |error: ManifestError| error.within("spec");
    let strategies =
        [("StrictFIFO", QueueingStrategy::StrictFifo), ("BestEffortFIFO", QueueingStrategy::BestEffortFifo)];
    let mut checks: Vec<CheckRule> =
        spec.admission_checks.iter().map(|name| CheckRule { name: name.as_str().into(), on_flavors: vec![] }).collect();
    for rule in spec.admission_checks_strategy.iter().flat_map(|strategy| &strategy.admission_checks) {
        let on_flavors = rule.on_flavors.iter().map(|flavor| flavor.as_str().into()).collect();
        checks.push(CheckRule { name: rule.name.as_str().into(), on_flavors });
    }
    let selector = spec.namespace_selector.as_ref().map(label_selector).transpose();
    Ok(ClusterQueue {
        name,
        strategy: choice(
            "spec.queueingStrategy",
            spec.queueing_strategy.as_deref(),
            &strategies,
            QueueingStrategy::default(),
        )?,
        namespace_selector: selector.map_err(|error| error.within("spec.namespaceSelector"))?,
        groups: resource_groups(&spec.resource_groups).map_err(within)?,
        fungibility: fungibility(spec.flavor_fungibility.as_ref())
            .map_err(|error| error.within("spec.flavorFungibility"))?,
        preemption: preemption(spec.preemption.as_ref()).map_err(|error| error.within("spec.preemption"))?,
        weight: weight(spec.fair_sharing.as_ref()).map_err(within)?,
        stop: stop_policy(spec.stop_policy.as_deref())?,
        checks,
        cohort: cohort.map(|cohort| cohort.as_str().into()),
    })
}

/// A Cohort in its validated form.
///
/// # Errors
/// The first field that means nothing.
pub fn cohort(raw: &Raw<CohortSpec>) -> Result<Cohort, ManifestError> {
    let spec = raw.spec.clone().unwrap_or_default();
    let parent = spec.parent_name.or(spec.parent).filter(|parent| !parent.is_empty());
    Ok(Cohort {
        name: name_of(&raw.metadata)?.into(),
        groups: resource_groups(&spec.resource_groups).map_err(|error| error.within("spec"))?,
        weight: weight(spec.fair_sharing.as_ref()).map_err(|error| error.within("spec"))?,
        parent: parent.map(|parent| parent.as_str().into()),
    })
}

/// A ResourceFlavor in its validated form.
///
/// # Errors
/// The first field that means nothing.
pub fn flavor(raw: &Raw<FlavorSpec>) -> Result<Flavor, ManifestError> {
    let spec = raw.spec.clone().unwrap_or_default();
    let tolerations = spec.tolerations.iter().enumerate().map(|(index, raw)| {
        toleration(raw).map_err(|error: ManifestError| error.within(format!("spec.tolerations[{index}]")))
    });
    Ok(Flavor {
        name: name_of(&raw.metadata)?.into(),
        node_taints: read_taints(&spec.node_taints).map_err(|error| error.within("spec.nodeTaints"))?,
        tolerations: tolerations.collect::<Result<_, _>>()?,
        node_labels: spec.node_labels,
        topology: spec.topology_name.map(|name| name.as_str().into()),
    })
}

/// A LocalQueue in its validated form.
///
/// # Errors
/// The first field that means nothing.
pub fn local_queue(raw: &Raw<LocalQueueSpec>) -> Result<LocalQueue, ManifestError> {
    let spec = raw.spec.clone().unwrap_or_default();
    if spec.cluster_queue.is_empty() {
        return Err(ManifestError::new("spec.clusterQueue", "the name of a ClusterQueue is required"));
    }
    Ok(LocalQueue {
        key: key_of(&raw.metadata)?.as_str().into(),
        cluster_queue: spec.cluster_queue.as_str().into(),
        stop: stop_policy(spec.stop_policy.as_deref())?,
    })
}

/// A Namespace with the labels that queues select by.
///
/// # Errors
/// The first field that means nothing.
pub fn namespace(raw: &RawNamespace) -> Result<Namespace, ManifestError> {
    let name = name_of(&raw.metadata)?;
    let mut labels = raw.metadata.labels.clone().unwrap_or_default();
    // The API server gives every namespace this label.
    labels.insert("kubernetes.io/metadata.name".into(), name.into());
    Ok(Namespace { name: name.into(), labels })
}

/// Name and value of a WorkloadPriorityClass.
///
/// # Errors
/// The first field that means nothing.
pub fn priority_class(raw: &RawPriorityClass) -> Result<(std::sync::Arc<str>, i32), ManifestError> {
    Ok((name_of(&raw.metadata)?.into(), raw.value))
}

/// A Topology: the labels of its levels, outermost first.
///
/// # Errors
/// The first field that means nothing.
pub fn topology(raw: &Raw<TopologySpec>) -> Result<Topology, ManifestError> {
    let levels = raw.spec.iter().flat_map(|spec| &spec.levels).map(|level| level.node_label.clone()).collect();
    Ok(Topology { name: name_of(&raw.metadata)?.into(), levels })
}

/// Whoever answers a check is taken to be there.
pub fn admission_check(raw: &Raw<AdmissionCheckSpec>) -> Result<AdmissionCheck, ManifestError> {
    let controller = raw.spec.clone().unwrap_or_default().controller_name;
    Ok(AdmissionCheck { name: name_of(&raw.metadata)?.into(), controller, active: true })
}
