//! Pulumi's JSON: `pulumi stack export`, and `pulumi preview --json` of a program in whatever language.
//!
//! A stack's resources and a preview's steps hold Kubernetes objects as inputs and outputs, beside node groups of the
//! clouds. An object that states no name gets its resource's: Pulumi adds random letters to that when it makes it.

use crate::cost::CapacityType;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::live::{Told, Weight};
use crate::scenario::yaml::{Node, Scalar, Value};

/// What stands for a value that a preview does not know yet (`sdk/go/common/resource/plugin/rpc.go`).
const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/// The key of a value that is wrapped, and of what is wrapped as a secret (`sdk/go/common/resource/sig/sig.go`).
const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";

/// What a stack or a preview holds.
#[derive(Default)]
pub struct Stack {
    pub objects: Vec<Node>,
    pub groups: Vec<Node>,
}

/// Reads the root of either document.
///
/// # Errors
/// A document that is neither.
pub fn stack(root: Node, told: &mut Told) -> Result<Stack, Diagnostic> {
    let place = root.place.clone();
    let mut states: Vec<Node> = Vec::new();
    if let Some(resources) = root.find(&["deployment", "resources"]) {
        states.extend(resources.items().iter().filter(|state| !state.is_true_at(&["delete"])).cloned());
    } else if let Some(steps) = root.get("steps") {
        let stays = |step: &&Node| {
            !matches!(step.text_at(&["op"]), Some("delete" | "delete-replaced" | "discard" | "read-discard"))
        };
        states.extend(steps.items().iter().filter(stays).filter_map(|step| step.get("newState")).cloned());
    } else {
        let diagnostic = Diagnostic::error(&place, "no stack of Pulumi");
        return Err(diagnostic
            .expected("what `pulumi stack export` prints (deployment.resources), or `pulumi preview --json` (steps)"));
    }
    let mut stack = Stack::default();
    // Of a resource that is replaced, the new one comes later.
    let mut seen: Vec<String> = Vec::new();
    for state in &states {
        let Some(urn) = state.text_at(&["urn"]) else { continue };
        if seen.iter().any(|known| known == urn) {
            continue;
        }
        seen.push(urn.to_owned());
        read(state, urn, &states, &mut stack, told);
    }
    Ok(stack)
}

/// The name that the program gave a resource: the last part of its URN.
fn name_of(urn: &str) -> &str {
    urn.rsplit("::").next().unwrap_or(urn)
}

fn type_of(urn: &str) -> &str {
    // What contains a resource stands before its own type: `parent$type`.
    urn.split("::").nth(2).and_then(|types| types.rsplit('$').next()).unwrap_or_default()
}

fn read(state: &Node, urn: &str, states: &[Node], stack: &mut Stack, told: &mut Told) {
    let of_type = type_of(urn);
    let place = state.get("urn").map_or(&state.place, |urn| &urn.place);
    if let Some(group) = node_group(state, of_type, urn) {
        stack.groups.push(group);
        return;
    }
    let Some(rest) = of_type.strip_prefix("kubernetes:") else { return };
    let Some((version, kind)) = rest.rsplit_once(':') else { return };
    if kind.ends_with("Patch") {
        told.add(Weight::Changes, kind, "a patch of an object that is not the stack's: not applied", place);
        return;
    }
    if version.starts_with("helm.sh/") || version.starts_with("yaml") || version.starts_with("kustomize") {
        if version.starts_with("helm.sh/") && kind == "Release" {
            let meaning = "Helm renders it outside the stack: import `helm get manifest` beside it";
            told.add(Weight::Changes, "Release", meaning, place);
        }
        return;
    }
    let is_whole = |node: &&Node| node.text_at(&["kind"]).is_some() && node.text_at(&["apiVersion"]).is_some();
    let from = state.get("outputs").filter(is_whole).or_else(|| state.get("inputs")).cloned();
    let Some(mut object) = from.filter(|object| matches!(object.value, Value::Mapping(_))) else { return };
    unwrap(&mut object);
    let version = version.strip_prefix("core/").unwrap_or(version);
    if object.text_at(&["apiVersion"]).is_none() {
        object.put("apiVersion", Node::text(place, version));
    }
    if object.text_at(&["kind"]).is_none() {
        object.put("kind", Node::text(place, kind));
    }
    let stated = object.text_at(&["metadata", "name"]).filter(|name| *name != UNKNOWN);
    if stated.is_none() {
        let of_outputs = state.text_at(&["outputs", "metadata", "name"]).filter(|name| *name != UNKNOWN);
        let name = of_outputs.unwrap_or(name_of(urn)).to_lowercase().replace('_', "-");
        object.child("metadata").put("name", Node::text(place, name));
    }
    if let Some(metadata) = object.get_mut("metadata")
        && metadata.text_at(&["namespace"]) == Some(UNKNOWN)
    {
        match named_dependency(state, states, "Namespace") {
            Some(name) => metadata.put("namespace", Node::text(place, name)),
            None => {
                metadata.take("namespace");
            }
        }
    }
    resolve_target(&mut object, state, states);
    stack.objects.push(object);
}

/// An autoscaler that scales what has no name yet depends on it.
fn resolve_target(object: &mut Node, state: &Node, states: &[Node]) {
    let Some(target) = object.find(&["spec", "scaleTargetRef"]) else { return };
    if target.text_at(&["name"]).is_some_and(|name| name != UNKNOWN) {
        return;
    }
    let kind = target.text_at(&["kind"]).unwrap_or("Deployment").to_owned();
    let Some(name) = named_dependency(state, states, &kind) else { return };
    if let Some(target) = object.find_mut(&["spec", "scaleTargetRef"]) {
        let place = target.place.clone();
        target.put("name", Node::text(&place, name));
    }
}

/// What a resource of that kind, on which this one depends, will be called.
fn named_dependency(state: &Node, states: &[Node], kind: &str) -> Option<String> {
    let listed = state.get("dependencies").map(Node::items).unwrap_or_default();
    let urn = listed.iter().filter_map(Node::as_str).find(|urn| type_of(urn).ends_with(&format!(":{kind}")))?;
    let other = states.iter().find(|other| other.text_at(&["urn"]) == Some(urn))?;
    let stated = ["outputs", "inputs"].iter().find_map(|list| other.text_at(&[*list, "metadata", "name"]));
    let name = stated.filter(|name| *name != UNKNOWN).unwrap_or(name_of(urn));
    Some(name.to_lowercase().replace('_', "-"))
}

/// Secrets become their values where they can be read, and nothing where they can't; what only Pulumi wrote goes.
fn unwrap(node: &mut Node) {
    if node.get(SIGNATURE).is_some() {
        let plain = node.text_at(&["plaintext"]).and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let scalar = match plain {
            Some(serde_json::Value::String(text)) => (text, Scalar::Text),
            _ => ("null".to_owned(), Scalar::Null),
        };
        node.value = Value::Scalar(scalar.0, scalar.1);
        return;
    }
    match &mut node.value {
        Value::Mapping(entries) => {
            entries.retain(|entry| !entry.key.starts_with("__"));
            entries.iter_mut().for_each(|entry| unwrap(&mut entry.value));
            entries.retain(|entry| !entry.value.is_null());
        }
        Value::Sequence(items) => items.iter_mut().for_each(unwrap),
        Value::Scalar(..) => {}
    }
}

/// A cloud's node group as one of the scenario's.
fn node_group(state: &Node, of_type: &str, urn: &str) -> Option<Node> {
    let inputs = state.get("inputs")?;
    let text = |path: &[&str]| inputs.text_at(path).filter(|text| *text != UNKNOWN);
    let place = &state.place;
    let (name, machine, sizes, is_spot, labels, taints) = match of_type {
        "aws:eks/nodeGroup:NodeGroup" | "aws-native:eks:Nodegroup" => {
            let types = inputs.get("instanceTypes").map(Node::items).unwrap_or_default();
            let size = |field: &str| inputs.integer_at(&["scalingConfig", field]);
            (
                text(&["nodeGroupName"]).or(text(&["nodegroupName"])),
                types.first().and_then(Node::as_str).or(Some("t3.medium")),
                (size("minSize"), size("maxSize"), size("desiredSize")),
                text(&["capacityType"]) == Some("SPOT"),
                inputs.get("labels"),
                inputs.get("taints"),
            )
        }
        "gcp:container/nodePool:NodePool" => {
            let size = |path: &[&str]| inputs.integer_at(path);
            let count = size(&["nodeCount"]).or(size(&["initialNodeCount"]));
            (
                text(&["name"]),
                text(&["nodeConfig", "machineType"]).or(Some("e2-medium")),
                (size(&["autoscaling", "minNodeCount"]), size(&["autoscaling", "maxNodeCount"]), count),
                inputs.is_true_at(&["nodeConfig", "spot"]) || inputs.is_true_at(&["nodeConfig", "preemptible"]),
                inputs.find(&["nodeConfig", "labels"]),
                inputs.find(&["nodeConfig", "taints"]),
            )
        }
        "azure-native:containerservice:AgentPool"
        | "azure:containerservice/kubernetesClusterNodePool:KubernetesClusterNodePool" => {
            let size = |field: &str| inputs.integer_at(&[field]);
            let count = size("count").or(size("nodeCount"));
            let spot = text(&["scaleSetPriority"]).or(text(&["priority"])) == Some("Spot");
            let machine = text(&["vmSize"]);
            (
                text(&["agentPoolName"]).or(text(&["name"])),
                machine,
                (size("minCount"), size("maxCount"), count),
                spot,
                inputs.get("nodeLabels"),
                None,
            )
        }
        _ => return None,
    };
    let (min, max, desired) = sizes;
    let count = desired.or(min).unwrap_or(1);
    let (min, max) = (min.unwrap_or(count), max.unwrap_or(count));
    let name = name.unwrap_or(name_of(urn)).to_lowercase().replace('_', "-");
    let mut fields = vec![("name", Node::text(place, name))];
    if let Some(machine) = machine {
        fields.push(("instanceType", Node::text(place, machine)));
    }
    fields.push(("minSize", Node::integer(place, min.max(0))));
    fields.push(("maxSize", Node::integer(place, max.max(min).max(0))));
    fields.push(("initialSize", Node::integer(place, count.clamp(min.max(0), max.max(min).max(0)))));
    if is_spot {
        fields.push(("capacityType", Node::text(place, CapacityType::Spot.name())));
    }
    if let Some(labels) = labels.filter(|labels| !labels.entries().is_empty()) {
        fields.push(("labels", labels.clone()));
    }
    let taints: Vec<Node> = taints.map(Node::items).unwrap_or_default().iter().filter_map(taint).collect();
    if !taints.is_empty() {
        fields.push(("taints", Node::sequence(place, taints)));
    }
    Some(Node::mapping(place, fields))
}

/// The clouds spell effects in capitals.
fn taint(taint: &Node) -> Option<Node> {
    let effect = match taint.text_at(&["effect"])? {
        "NO_SCHEDULE" | "NoSchedule" => "NoSchedule",
        "PREFER_NO_SCHEDULE" | "PreferNoSchedule" => "PreferNoSchedule",
        "NO_EXECUTE" | "NoExecute" => "NoExecute",
        _ => return None,
    };
    let place = &taint.place;
    let mut fields = vec![("key", Node::text(place, taint.text_at(&["key"])?))];
    if let Some(value) = taint.text_at(&["value"]).filter(|value| !value.is_empty()) {
        fields.push(("value", Node::text(place, value)));
    }
    fields.push(("effect", Node::text(place, effect)));
    Some(Node::mapping(place, fields))
}
