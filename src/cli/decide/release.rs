//! `kubernetesVersion` and `featureGates`, which every envelope may carry: behaviour that upstream changed between
//! versions follows them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Refusal;
use super::fields::Fields;

/// Fields that every envelope has.
const FIELDS: [&str; 2] = ["kubernetesVersion", "featureGates"];

const OLDEST: u32 = 33;
const NEWEST: u32 = 37;

/// The envelope of an input, which may carry a release beside the fields in `known`.
pub(super) fn envelope<'a>(input: &'a Value, known: &[&str]) -> Result<(Fields<'a>, Release), Refusal> {
    let fields = Fields::new(input, "", &[known, &FIELDS].concat())?;
    let release = Release::read(&fields)?;
    Ok((fields, release))
}

/// The Kubernetes release that is asked about, and the gates that somebody set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// Of 1.x.
    minor: u32,
    gates: BTreeMap<String, bool>,
}

impl Release {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Release, Refusal> {
        let mut minor = NEWEST;
        if let Some(text) = fields.text("kubernetesVersion")? {
            let mut parts = text.trim_start_matches('v').split('.');
            let known = match (parts.next(), parts.next().map(str::parse)) {
                (Some("1"), Some(Ok(minor))) => (OLDEST..=NEWEST).contains(&minor).then_some(minor),
                _ => None,
            };
            let problem = || format!("{text:?} is not one of 1.{OLDEST} to 1.{NEWEST}");
            minor = known.ok_or_else(|| Refusal::new(fields.at("kubernetesVersion"), problem()))?;
        }
        Ok(Release { minor, gates: fields.optional("featureGates")?.unwrap_or_default() })
    }

    /// Whether a gate is on: as set, else since the minor version that turned it on.
    pub(super) fn has(&self, gate: &str, on_since: u32) -> bool {
        self.gates.get(gate).copied().unwrap_or(self.minor >= on_since)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(input: Value) -> Result<Release, Refusal> {
        Release::read(&Fields::new(&input, "", &FIELDS).unwrap())
    }

    #[test]
    fn a_gate_is_as_set_or_as_the_version_has_it() {
        assert!(read(json!({})).unwrap().has("G", 35));
        let old = read(json!({"kubernetesVersion": "v1.34.2", "featureGates": {"H": true}})).unwrap();
        assert!(!old.has("G", 35) && old.has("H", 35) && old.has("I", 34));
        for version in ["1.32", "1.38", "2.34", "newest"] {
            assert_eq!(read(json!({"kubernetesVersion": version})).unwrap_err().path, "kubernetesVersion");
        }
        assert_eq!(read(json!({"featureGates": {"G": 1}})).unwrap_err().path, "featureGates.G");
    }
}
