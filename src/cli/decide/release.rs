//! `kubernetesVersion` and `featureGates`, which every envelope may carry: behaviour that upstream changed between
//! versions follows them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Refusal;
use super::fields::Fields;
use crate::release::{Release, ReleaseError};
use crate::scenario::VERSIONED;

/// Fields that every envelope has.
const FIELDS: [&str; 2] = ["kubernetesVersion", "featureGates"];

/// The envelope of an input, which may carry a release beside the fields in `known`.
pub(super) fn envelope<'a>(input: &'a Value, known: &[&str]) -> Result<(Fields<'a>, Release), Refusal> {
    let fields = Fields::new(input, "", &[known, &FIELDS].concat())?;
    let release = read(&fields)?;
    Ok((fields, release))
}

fn read(fields: &Fields<'_>) -> Result<Release, Refusal> {
    let version = match fields.get("kubernetesVersion") {
        // As a scenario takes it: YAML reads 1.36 as a number.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => fields.text("kubernetesVersion")?.map(str::to_owned),
    };
    let gates: BTreeMap<String, bool> = fields.optional("featureGates")?.unwrap_or_default();
    Release::new(version.as_deref(), &gates).map_err(|ReleaseError { field, problem, hint }| {
        let hint = if hint.is_empty() { hint } else { format!("; {hint}") };
        Refusal::new(field, format!("{problem}{hint}"))
    })
}

/// A reason for each gate that was set and that nothing follows.
pub(super) fn not_modelled(release: &Release) -> Vec<String> {
    let said = |gate: &str| format!("feature gate {gate} is not modelled: nothing here follows it");
    release.not_modelled(VERSIONED).into_iter().map(said).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(input: Value) -> Result<Release, Refusal> {
        read(&Fields::new(&input, "", &FIELDS).unwrap())
    }

    #[test]
    fn what_is_no_release_is_refused_where_it_stands() {
        assert_eq!(release(json!({})).unwrap(), Release::default());
        let number = release(json!({"kubernetesVersion": 1.36})).unwrap();
        assert_eq!(number, release(json!({"kubernetesVersion": "v1.36.2"})).unwrap());
        assert_eq!(release(json!({"kubernetesVersion": "1.32"})).unwrap_err().path, "kubernetesVersion");
        assert_eq!(
            release(json!({"featureGates": {"HPAScaleToZero": 1}})).unwrap_err().path,
            "featureGates.HPAScaleToZero"
        );
        let refusal = release(json!({"featureGates": {"HPAScaleToOne": true}})).unwrap_err().to_string();
        assert_eq!(
            refusal,
            "featureGates.HPAScaleToOne: Kubernetes has no feature gate of this name; did you mean HPAScaleToZero?"
        );
    }
}
