//! Label and node selectors, taints and tolerations.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::{ManifestError, unknown_value};
use crate::cluster::{
    LabelSelector, Labels, NodeSelectorTerm, SelectorOperator, SelectorRequirement, Taint, TaintEffect, Toleration,
    TolerationOperator,
};

/// A `metav1.LabelSelector`.
pub fn label_selector(raw: &meta::LabelSelector) -> Result<LabelSelector, ManifestError> {
    let mut match_expressions = Vec::new();
    for (index, expression) in raw.match_expressions.iter().flatten().enumerate() {
        let requirement =
            requirement(&expression.key, &expression.operator, expression.values.as_deref().unwrap_or_default(), false)
                .map_err(|error| error.within(format!("matchExpressions[{index}]")))?;
        match_expressions.push(requirement);
    }
    Ok(LabelSelector { match_labels: raw.match_labels.clone().unwrap_or_default(), match_expressions })
}

/// A qualified name: an optional DNS prefix and a slash, then up to 63 of `A-Za-z0-9-_.` that begin and end with a
/// letter or digit (`validation.IsQualifiedName`).
pub(super) fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let dns_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(dns_label)) && is_name(name)
}

pub(super) fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    name.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// Adds `key In (the pod's value)` for every key that the pod has, or `NotIn` for `mismatchLabelKeys`.
pub(super) fn merge_label_keys(
    selector: &mut Option<LabelSelector>,
    keys: Option<&Vec<String>>,
    operator: SelectorOperator,
    labels: &Labels,
) {
    let Some(selector) = selector else { return };
    for key in keys.into_iter().flatten() {
        let Some(value) = labels.get(key) else { continue };
        let requirement = SelectorRequirement { key: key.clone(), operator, values: vec![value.clone()] };
        // A live object's selector already holds what the API server merged.
        if !selector.match_expressions.contains(&requirement) {
            selector.match_expressions.push(requirement);
        }
    }
}

pub(super) fn node_selector_term(raw: &core::NodeSelectorTerm) -> Result<NodeSelectorTerm, ManifestError> {
    let read = |list: Option<&Vec<core::NodeSelectorRequirement>>, field: &str| {
        let mut requirements = Vec::new();
        for (index, raw) in list.into_iter().flatten().enumerate() {
            let one = requirement(&raw.key, &raw.operator, raw.values.as_deref().unwrap_or_default(), true)
                .map_err(|error| error.within(format!("{field}[{index}]")))?;
            requirements.push(one);
        }
        Ok(requirements)
    };
    let match_fields = read(raw.match_fields.as_ref(), "matchFields")?;
    for (index, field) in match_fields.iter().enumerate() {
        if field.key != "metadata.name" {
            let problem = format!("{:?} is not a field that nodes can be selected by; use metadata.name", field.key);
            return Err(ManifestError::new(format!("matchFields[{index}].key"), problem));
        }
    }
    Ok(NodeSelectorTerm { match_expressions: read(raw.match_expressions.as_ref(), "matchExpressions")?, match_fields })
}

fn requirement(
    key: &str,
    operator: &str,
    values: &[String],
    for_nodes: bool,
) -> Result<SelectorRequirement, ManifestError> {
    let operator = match operator {
        "In" => SelectorOperator::In,
        "NotIn" => SelectorOperator::NotIn,
        "Exists" => SelectorOperator::Exists,
        "DoesNotExist" => SelectorOperator::DoesNotExist,
        "Gt" if for_nodes => SelectorOperator::Gt,
        "Lt" if for_nodes => SelectorOperator::Lt,
        other => {
            let known = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
            return Err(unknown_value("operator", other, &known[..if for_nodes { 6 } else { 4 }]));
        }
    };
    if key.is_empty() {
        return Err(ManifestError::new("key", "an empty label key"));
    }
    let problem = match operator {
        SelectorOperator::In | SelectorOperator::NotIn if values.is_empty() => "In and NotIn need at least one value",
        SelectorOperator::Exists | SelectorOperator::DoesNotExist if !values.is_empty() => {
            "Exists and DoesNotExist take no values"
        }
        SelectorOperator::Gt | SelectorOperator::Lt if values.len() != 1 || values[0].parse::<i64>().is_err() => {
            "Gt and Lt need exactly one integer"
        }
        _ => return Ok(SelectorRequirement { key: key.to_owned(), operator, values: values.to_vec() }),
    };
    Err(ManifestError::new("values", problem))
}

fn taint_effect(text: &str) -> Result<TaintEffect, ManifestError> {
    TaintEffect::named(text).ok_or_else(|| unknown_value("effect", text, &TaintEffect::NAMES))
}

/// Taints of an object; errors begin with the index.
pub fn read_taints(raw: &[core::Taint]) -> Result<Vec<Taint>, ManifestError> {
    let read = |(index, raw): (usize, &core::Taint)| {
        Taint::read(&raw.key, raw.value.as_deref().unwrap_or_default(), &raw.effect)
            .map_err(|error| ManifestError::new(format!("[{index}].{}", error.field), error.problem))
    };
    raw.iter().enumerate().map(read).collect()
}

pub(super) fn toleration(raw: &core::Toleration) -> Result<Toleration, ManifestError> {
    let key = raw.key.clone().unwrap_or_default();
    let value = raw.value.clone().unwrap_or_default();
    let operator = match raw.operator.as_deref().unwrap_or_default() {
        "" | "Equal" => TolerationOperator::Equal,
        "Exists" => TolerationOperator::Exists,
        other => return Err(unknown_value("operator", other, &["Equal", "Exists"])),
    };
    if key.is_empty() && operator != TolerationOperator::Exists {
        return Err(ManifestError::new("operator", "must be Exists where the key is empty"));
    }
    if operator == TolerationOperator::Exists && !value.is_empty() {
        return Err(ManifestError::new("value", "must be empty where the operator is Exists"));
    }
    let effect = raw.effect.as_deref().filter(|effect| !effect.is_empty()).map(taint_effect).transpose()?;
    if raw.toleration_seconds.is_some() && effect != Some(TaintEffect::NoExecute) {
        return Err(ManifestError::new("tolerationSeconds", "needs the effect NoExecute"));
    }
    Ok(Toleration { key, operator, value, effect, toleration_seconds: raw.toleration_seconds })
}
