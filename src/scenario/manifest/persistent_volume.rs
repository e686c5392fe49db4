//! PersistentVolumes: where one can be reached.

use k8s_openapi::api::core::v1::PersistentVolume;

use super::ManifestError;
use super::selector::node_selector_term;
use crate::cluster::{NodeSelectorTerm, SelectorOperator, SelectorRequirement, label};

/// Alternatives of nodes that reach the volume, by its node affinity or by its zone's label, which may list several
/// zones (`a__b`; upstream's plugins VolumeBinding and VolumeZone). `None`: every node does.
pub fn persistent_volume_terms(raw: &PersistentVolume) -> Result<Option<Vec<NodeSelectorTerm>>, ManifestError> {
    let affinity = raw.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    if let Some(required) = affinity.and_then(|affinity| affinity.required.as_ref()) {
        let mut terms = Vec::new();
        for (index, term) in required.node_selector_terms.iter().enumerate() {
            let path = format!("spec.nodeAffinity.required.nodeSelectorTerms[{index}]");
            terms.push(node_selector_term(term).map_err(|error| error.within(path))?);
        }
        return Ok(Some(terms));
    }
    let labels = raw.metadata.labels.as_ref();
    let zone = labels.and_then(|labels| labels.get(label::ZONE));
    Ok(zone.map(|zones| vec![in_one_of(label::ZONE, zones.split("__").map(str::to_owned).collect())]))
}

fn in_one_of(key: &str, values: Vec<String>) -> NodeSelectorTerm {
    let requirement = SelectorRequirement { key: key.to_owned(), operator: SelectorOperator::In, values };
    NodeSelectorTerm { match_expressions: vec![requirement], match_fields: Vec::new() }
}
