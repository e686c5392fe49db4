//! PodDisruptionBudgets (`policy/v1`).

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{ManifestError, label_selector};
use crate::cluster::{DisruptionBudget, IntOrPercent};

/// A budget. Without a `status` it allows no disruption, as upstream reads one that its controller has not seen yet.
pub fn disruption_budget(raw: &PodDisruptionBudget) -> Result<DisruptionBudget, ManifestError> {
    let Some(name) = raw.metadata.name.as_deref() else {
        return Err(ManifestError::new("metadata.name", "a name is required"));
    };
    let spec = raw.spec.clone().unwrap_or_default();
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        return Err(ManifestError::new("spec.maxUnavailable", "minAvailable is set too; a budget has one of them"));
    }
    let amount = |value: Option<&IntOrString>, field: &str| {
        value.map(int_or_percent).transpose().map_err(|problem| ManifestError::new(format!("spec.{field}"), problem))
    };
    let status = raw.status.as_ref();
    Ok(DisruptionBudget {
        name: name.into(),
        namespace: raw.metadata.namespace.as_deref().unwrap_or("default").into(),
        selector: spec
            .selector
            .as_ref()
            .map(label_selector)
            .transpose()
            .map_err(|error| error.within("spec.selector"))?,
        min_available: amount(spec.min_available.as_ref(), "minAvailable")?,
        max_unavailable: amount(spec.max_unavailable.as_ref(), "maxUnavailable")?,
        disruptions_allowed: status.map_or(0, |status| status.disruptions_allowed),
        disrupted_pods: status
            .and_then(|s| s.disrupted_pods.as_ref())
            .into_iter()
            .flat_map(|m| m.keys().cloned())
            .collect(),
    })
}

pub(super) fn int_or_percent(value: &IntOrString) -> Result<IntOrPercent, String> {
    match value {
        IntOrString::Int(number) if *number >= 0 => Ok(IntOrPercent::Int(*number)),
        IntOrString::Int(number) => Err(format!("{number} is negative")),
        IntOrString::String(text) => match text.strip_suffix('%').map(str::parse::<i32>) {
            Some(Ok(percent)) if (0..=100).contains(&percent) => Ok(IntOrPercent::Percent(percent)),
            _ => Err(format!("{text:?} is not a number or a percentage from 0% to 100%")),
        },
    }
}
