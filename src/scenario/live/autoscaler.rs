//! HorizontalPodAutoscalers of older versions, as the API server converts them
//! (`pkg/apis/autoscaling/v1/conversion.go` and `v2beta1/conversion.go`, Kubernetes 1.25).

use std::sync::Arc;

use super::edit::set_version;
use crate::scenario::diagnostic::{Place, Source};
use crate::scenario::yaml::{Node, parse};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Makes it one of `autoscaling/v2`. One of `v1` without annotations stays: it is read as it is.
pub fn newest(object: &mut Node, version: &str) {
    match version {
        "autoscaling/v2beta2" => set_version(object, "autoscaling/v2"),
        "autoscaling/v2beta1" => {
            set_version(object, "autoscaling/v2");
            for metric in object.find_mut(&["spec", "metrics"]).map(Node::items_mut).unwrap_or_default() {
                of_v2beta1(metric);
            }
        }
        "autoscaling/v1" => of_annotations(object),
        _ => {}
    }
}

/// `autoscaling/v1` knows CPU utilization alone; what else there is stands in annotations, as JSON in the form of the API
/// server's own types, metrics as in `v2beta1`.
fn of_annotations(object: &mut Node) {
    let annotation = |key: &str| {
        let text = object.find(&["metadata", "annotations"])?.get(key)?;
        Some((text.as_str()?.to_owned(), text.place.clone()))
    };
    let metrics = annotation(METRICS).and_then(|(text, place)| of_json(&text, &place));
    let behavior = annotation(BEHAVIOR).and_then(|(text, place)| of_json(&text, &place));
    if metrics.is_none() && behavior.is_none() {
        return;
    }
    set_version(object, "autoscaling/v2");
    let Some(spec) = object.get_mut("spec") else { return };
    let place = spec.place.clone();
    let mut all: Vec<Node> = Vec::new();
    if let Some(mut metrics) = metrics {
        for metric in metrics.items_mut() {
            of_v2beta1(metric);
            all.push(metric.clone());
        }
    }
    if let Some(percentage) = spec.take("targetCPUUtilizationPercentage").filter(|node| !node.is_null()) {
        all.insert(0, utilization(&place, "cpu", percentage));
    }
    if !all.is_empty() {
        spec.put("metrics", Node::sequence(&place, all));
    }
    if let Some(mut behavior) = behavior {
        lower_first_letters(&mut behavior);
        spec.put("behavior", behavior);
    }
}

fn utilization(place: &Place, resource: &str, percentage: Node) -> Node {
    let target = vec![("type", Node::text(place, "Utilization")), ("averageUtilization", percentage)];
    let resource = vec![("name", Node::text(place, resource)), ("target", Node::mapping(place, target))];
    Node::mapping(place, vec![("type", Node::text(place, "Resource")), ("resource", Node::mapping(place, resource))])
}

/// JSON that stands in a string, with all of it at the string's place.
fn of_json(text: &str, place: &Place) -> Option<Node> {
    let source = Arc::new(Source::new(place.source.name.clone(), text));
    let mut node = parse(&source).ok()?.into_iter().next()?;
    put_at(&mut node, place);
    Some(node)
}

fn put_at(node: &mut Node, place: &Place) {
    use crate::scenario::yaml::Value;
    node.place = place.clone();
    match &mut node.value {
        Value::Scalar(..) => {}
        Value::Sequence(items) => items.iter_mut().for_each(|item| put_at(item, place)),
        Value::Mapping(entries) => {
            for entry in entries {
                entry.key_place = place.clone();
                put_at(&mut entry.value, place);
            }
        }
    }
}

/// The annotation spells Go's fields (`ScaleUp`, `SelectPolicy`).
fn lower_first_letters(node: &mut Node) {
    use crate::scenario::yaml::Value;
    match &mut node.value {
        Value::Scalar(..) => {}
        Value::Sequence(items) => items.iter_mut().for_each(lower_first_letters),
        Value::Mapping(entries) => {
            for entry in entries {
                let mut letters = entry.key.chars();
                if let Some(first) = letters.next() {
                    entry.key = first.to_lowercase().chain(letters).collect();
                }
                lower_first_letters(&mut entry.value);
            }
        }
    }
}

/// A metric of `v2beta1`: its targets stand beside the name, and Pods, Object and External metrics have a name and a
/// selector of their own.
fn of_v2beta1(metric: &mut Node) {
    let place = metric.place.clone();
    for source in ["resource", "containerResource"] {
        let Some(source) = metric.get_mut(source) else { continue };
        if source.get("target").is_some() {
            continue;
        }
        let target = match (source.take("targetAverageUtilization"), source.take("targetAverageValue")) {
            (Some(share), _) => vec![("type", Node::text(&place, "Utilization")), ("averageUtilization", share)],
            (None, Some(amount)) => vec![("type", Node::text(&place, "AverageValue")), ("averageValue", amount)],
            (None, None) => continue,
        };
        source.put("target", Node::mapping(&place, target));
    }
    for (field, selector) in [("pods", "selector"), ("object", "selector"), ("external", "metricSelector")] {
        let Some(source) = metric.get_mut(field) else { continue };
        let Some(name) = source.take("metricName") else { continue };
        let mut identifier = vec![("name", name)];
        if let Some(selector) = source.take(selector).filter(|selector| !selector.is_null()) {
            identifier.push(("selector", selector));
        }
        source.put("metric", Node::mapping(&place, identifier));
        let average = source.take("targetAverageValue").or_else(|| source.take("averageValue"));
        // An Object metric's `target` was what it describes.
        if field == "object"
            && let Some(described) = source.take("target")
        {
            source.put("describedObject", described);
        }
        let target = match (average, source.take("targetValue")) {
            (Some(amount), _) => vec![("type", Node::text(&place, "AverageValue")), ("averageValue", amount)],
            (None, Some(amount)) => vec![("type", Node::text(&place, "Value")), ("value", amount)],
            (None, None) => continue,
        };
        source.put("target", Node::mapping(&place, target));
    }
}
