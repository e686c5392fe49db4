//! Affinity, anti-affinity and topology spread constraints.

use k8s_openapi::api::core::v1 as core;

use super::selector::{label_selector, merge_label_keys, node_selector_term};
use super::{ManifestError, unknown_value};
use crate::cluster::{
    Affinity, Labels, NodeAffinity, NodeSelectorTerm, PodAffinity, PodAffinityTerm, SelectorOperator, SpreadPolicy,
    TopologySpreadConstraint, Weighted, WhenUnsatisfiable,
};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// `labels` are the pod's own, for `matchLabelKeys`.
pub(super) fn affinity(raw: &core::Affinity, labels: &Labels) -> Result<Affinity, ManifestError> {
    let mut affinity = Affinity::default();
    if let Some(node) = &raw.node_affinity {
        affinity.node = node_affinity(node).map_err(|error| error.within("nodeAffinity"))?;
    }
    if let Some(pod) = &raw.pod_affinity {
        let required = pod.required_during_scheduling_ignored_during_execution.as_deref();
        let preferred = pod.preferred_during_scheduling_ignored_during_execution.as_deref();
        affinity.pod = pod_affinity(required, preferred, labels).map_err(|error| error.within("podAffinity"))?;
    }
    if let Some(pod) = &raw.pod_anti_affinity {
        let required = pod.required_during_scheduling_ignored_during_execution.as_deref();
        let preferred = pod.preferred_during_scheduling_ignored_during_execution.as_deref();
        affinity.pod_anti =
            pod_affinity(required, preferred, labels).map_err(|error| error.within("podAntiAffinity"))?;
    }
    Ok(affinity)
}

/// The alternatives of a required node affinity; `None` where nothing is required.
pub(super) fn required_node_terms(raw: &core::NodeAffinity) -> Result<Option<Vec<NodeSelectorTerm>>, ManifestError> {
    let Some(selector) = &raw.required_during_scheduling_ignored_during_execution else { return Ok(None) };
    let mut terms = Vec::new();
    for (index, term) in selector.node_selector_terms.iter().enumerate() {
        let term = node_selector_term(term);
        terms.push(term.map_err(|e| e.within(format!("{REQUIRED}.nodeSelectorTerms[{index}]")))?);
    }
    Ok(Some(terms))
}

fn node_affinity(raw: &core::NodeAffinity) -> Result<NodeAffinity, ManifestError> {
    let mut affinity = NodeAffinity { required: required_node_terms(raw)?, ..NodeAffinity::default() };
    for (index, raw) in raw.preferred_during_scheduling_ignored_during_execution.iter().flatten().enumerate() {
        let read = || {
            let term = node_selector_term(&raw.preference).map_err(|error| error.within("preference"))?;
            Ok(Weighted { weight: weight(raw.weight)?, term })
        };
        let preferred = read().map_err(|error: ManifestError| error.within(format!("{PREFERRED}[{index}]")))?;
        affinity.preferred.push(preferred);
    }
    Ok(affinity)
}

fn pod_affinity(
    required: Option<&[core::PodAffinityTerm]>,
    preferred: Option<&[core::WeightedPodAffinityTerm]>,
    labels: &Labels,
) -> Result<PodAffinity, ManifestError> {
    let mut affinity = PodAffinity::default();
    for (index, raw) in required.into_iter().flatten().enumerate() {
        let term = pod_affinity_term(raw, labels).map_err(|error| error.within(format!("{REQUIRED}[{index}]")))?;
        affinity.required.push(term);
    }
    for (index, raw) in preferred.into_iter().flatten().enumerate() {
        let read = || {
            let term =
                pod_affinity_term(&raw.pod_affinity_term, labels).map_err(|error| error.within("podAffinityTerm"))?;
            Ok(Weighted { weight: weight(raw.weight)?, term })
        };
        let preferred = read().map_err(|error: ManifestError| error.within(format!("{PREFERRED}[{index}]")))?;
        affinity.preferred.push(preferred);
    }
    Ok(affinity)
}

fn pod_affinity_term(raw: &core::PodAffinityTerm, labels: &Labels) -> Result<PodAffinityTerm, ManifestError> {
    if raw.topology_key.is_empty() {
        return Err(ManifestError::new("topologyKey", "a topology key is required"));
    }
    let mut selector =
        raw.label_selector.as_ref().map(label_selector).transpose().map_err(|e| e.within("labelSelector"))?;
    merge_label_keys(&mut selector, raw.match_label_keys.as_ref(), SelectorOperator::In, labels);
    merge_label_keys(&mut selector, raw.mismatch_label_keys.as_ref(), SelectorOperator::NotIn, labels);
    let namespace_selector =
        raw.namespace_selector.as_ref().map(label_selector).transpose().map_err(|e| e.within("namespaceSelector"))?;
    Ok(PodAffinityTerm {
        selector,
        namespaces: raw.namespaces.clone().unwrap_or_default(),
        namespace_selector,
        topology_key: raw.topology_key.clone(),
    })
}

fn weight(weight: i32) -> Result<i32, ManifestError> {
    if (1..=100).contains(&weight) {
        return Ok(weight);
    }
    Err(ManifestError::new("weight", format!("{weight} is not between 1 and 100")))
}

pub(super) fn spread_constraint(
    raw: &core::TopologySpreadConstraint,
    labels: &Labels,
) -> Result<TopologySpreadConstraint, ManifestError> {
    if raw.max_skew < 1 {
        return Err(ManifestError::new("maxSkew", format!("{} is not above zero", raw.max_skew)));
    }
    if raw.topology_key.is_empty() {
        return Err(ManifestError::new("topologyKey", "a topology key is required"));
    }
    let when_unsatisfiable = match raw.when_unsatisfiable.as_str() {
        "DoNotSchedule" => WhenUnsatisfiable::DoNotSchedule,
        "ScheduleAnyway" => WhenUnsatisfiable::ScheduleAnyway,
        other => return Err(unknown_value("whenUnsatisfiable", other, &["DoNotSchedule", "ScheduleAnyway"])),
    };
    if let Some(min_domains) = raw.min_domains {
        if min_domains < 1 {
            return Err(ManifestError::new("minDomains", format!("{min_domains} is not above zero")));
        }
        if when_unsatisfiable != WhenUnsatisfiable::DoNotSchedule {
            return Err(ManifestError::new("minDomains", "needs whenUnsatisfiable: DoNotSchedule"));
        }
    }
    let policy = |field: &str, value: Option<&str>, default| match value {
        None => Ok(default),
        Some("Honor") => Ok(SpreadPolicy::Honor),
        Some("Ignore") => Ok(SpreadPolicy::Ignore),
        Some(other) => Err(unknown_value(field, other, &["Honor", "Ignore"])),
    };
    let mut selector =
        raw.label_selector.as_ref().map(label_selector).transpose().map_err(|e| e.within("labelSelector"))?;
    merge_label_keys(&mut selector, raw.match_label_keys.as_ref(), SelectorOperator::In, labels);
    Ok(TopologySpreadConstraint {
        max_skew: raw.max_skew,
        topology_key: raw.topology_key.clone(),
        when_unsatisfiable,
        selector,
        min_domains: raw.min_domains,
        node_affinity_policy: policy("nodeAffinityPolicy", raw.node_affinity_policy.as_deref(), SpreadPolicy::Honor)?,
        node_taints_policy: policy("nodeTaintsPolicy", raw.node_taints_policy.as_deref(), SpreadPolicy::Ignore)?,
    })
}
