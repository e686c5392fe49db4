//! Topology-aware scheduling by itself: where the pods of pod sets go among nodes.

use k8s_openapi::api::core::v1::Node;
use serde_json::{Map, Value, json};

use super::super::Refusal;
use super::super::fields::{Fields, objects};
use super::input::options;
use crate::cluster::Labels;
use crate::scenario::manifest::kueue as manifest;
use crate::training::admission::kueue::names::Names;
use crate::training::admission::kueue::topology::{Domains, place};

/// Gives each pod set in turn its domains; the first that fails ends it.
pub fn topology(fields: &Fields<'_>) -> Result<Value, Refusal> {
    let options = options(fields)?;
    let mut names = Names::default();
    let pods = names.resource("pods");
    let levels: Vec<String> = fields.items("levels")?;
    let labels: Labels = fields.optional("nodeLabels")?.unwrap_or_default();
    let mut nodes = Vec::new();
    for (path, node) in objects::<Node>(fields, "nodes")? {
        nodes.push(manifest::topology_node(&node, &mut names).map_err(|error| error.within(path))?);
    }
    let mut domains = Domains::new(&levels, &labels, &[], &nodes);
    let mut assignments = Map::new();
    for (path, raw) in objects::<manifest::RawPodSet>(fields, "podSets")? {
        let set = manifest::pod_set(&raw, &mut names).map_err(|error| error.within(path))?;
        match place(&mut domains, &set, pods, options.gates.tas_profile_mixed) {
            Ok(found) => {
                let shown: Vec<Value> =
                    found.domains.iter().map(|(values, count)| json!({"values": values, "count": count})).collect();
                assignments.insert(set.name.to_string(), json!({"levels": found.levels, "domains": shown}));
            }
            Err(reason) => {
                return Ok(json!({"fits": false, "podSet": *set.name, "reason": reason, "assignments": assignments}));
            }
        }
    }
    Ok(json!({"fits": true, "assignments": assignments}))
}
