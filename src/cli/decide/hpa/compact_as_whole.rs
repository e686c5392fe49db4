//! Component cases that are syncs in compact form (`reconcile`, and those of one metric) as whole syncs, so that they
//! can be brought about in a run too.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

const NOW: &str = "2026-03-01T12:00:00Z";

/// Kinds that a whole sync can express. The others are single steps inside of one: `grouping`, `requests`, `clamp`,
/// `behavior`, `behavior_limit`, `stabilization_simple`, `stabilization`, `event_log`.
pub(super) const KINDS: [&str; 5] = ["utilization", "pods", "object", "external", "reconcile"];

/// The instant of an age in seconds.
fn instant(age: &Value) -> Value {
    let now: Timestamp = NOW.parse().unwrap();
    let age = SignedDuration::from_nanos((age.as_f64().unwrap_or(0.0) * 1e9) as i64);
    json!((now - age).to_string())
}

fn milli(value: &Value) -> Value {
    json!(format!("{}m", value.as_i64().unwrap_or(0)))
}

/// The envelope of `decide hpa` for a case's input, or why there is none.
pub(super) fn whole(case: &Value) -> Result<Value, &'static str> {
    let kind = case["kind"].as_str().unwrap_or_default();
    let mut metrics = match case["metrics"].as_array() {
        Some(metrics) => metrics.clone(),
        None if kind == "reconcile" => Vec::new(),
        None => {
            vec![json!({ "type": source_type(kind), "target": case["target"], "values_milli": case["values_milli"] })]
        }
    };
    if metrics.iter().any(|metric| metric["unavailable"] == true) {
        return Err("an API that fails for one metric and answers for another");
    }
    if metrics.is_empty() {
        metrics.push(json!({"type": "Resource", "target": {"type": "Utilization", "percent": 80}}));
    }
    let current = if kind == "reconcile" { &case["spec_replicas"] } else { &case["current_replicas"] };
    let status = if case["status_replicas"].is_null() { current } else { &case["status_replicas"] };
    let mut sheet = Sheet::new(case);
    let specs: Result<Vec<Value>, &'static str> =
        metrics.iter().enumerate().map(|(index, metric)| sheet.metric(index, metric)).collect();
    let max = if kind == "reconcile" { case["max_replicas"].clone() } else { json!(1_000_000) };
    let from_zero = kind != "reconcile" && current == &json!(0);
    let min = if from_zero { json!(0) } else { case.get("min_replicas").cloned().unwrap_or(json!(1)) };
    let mut spec = json!({"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": min,
        "maxReplicas": max, "metrics": specs?});
    let (up, down) = (&case["tolerance"]["scale_up"], &case["tolerance"]["scale_down"]);
    if case.get("behavior").is_some_and(|behavior| !behavior.is_null()) || up != down {
        spec["behavior"] = json!({
            "scaleUp": rules(&case["behavior"]["scale_up"], up),
            "scaleDown": rules(&case["behavior"]["scale_down"], down),
        });
    }
    let mut input = json!({
        "now": NOW,
        "hpa": {"metadata": {"name": "web"}, "spec": spec},
        "scale": {"spec": {"replicas": current}, "status": {"replicas": status, "selector": "app=web"}},
        "pods": sheet.pods, "podMetrics": sheet.pod_metrics, "customMetrics": sheet.custom,
        "externalMetrics": sheet.external, "flags": flags(case),
    });
    if let Some(log) = case["recommendations"].as_array() {
        let log: Vec<Value> =
            log.iter().map(|entry| json!({"time": instant(&entry["age_s"]), "replicas": entry["replicas"]})).collect();
        input["history"] = json!({ "recommendations": log });
    }
    Ok(input)
}

fn source_type(kind: &str) -> &'static str {
    match kind {
        "utilization" => "Resource",
        "object" => "Object",
        "external" => "External",
        _ => "Pods",
    }
}

fn flags(case: &Value) -> Value {
    let mut flags = Map::new();
    let mut seconds = |name: &str, value: &Value| {
        if let Some(seconds) = value.as_f64() {
            flags.insert(format!("horizontal-pod-autoscaler-{name}"), json!(format!("{seconds}s")));
        }
    };
    seconds("cpu-initialization-period", &case["config"]["cpu_initialization_period_s"]);
    seconds("initial-readiness-delay", &case["config"]["initial_readiness_delay_s"]);
    seconds("downscale-stabilization", &case["downscale_stabilization_s"]);
    if let Some(tolerance) = case["tolerance"]["scale_up"].as_f64() {
        flags.insert("horizontal-pod-autoscaler-tolerance".into(), json!(tolerance));
    }
    Value::Object(flags)
}

fn rules(rules: &Value, tolerance: &Value) -> Value {
    let mut written = Map::new();
    if let Some(tolerance) = tolerance.as_f64() {
        written.insert("tolerance".into(), json!(tolerance.to_string()));
    }
    for (from, to) in [("stabilization_window_s", "stabilizationWindowSeconds"), ("select_policy", "selectPolicy")] {
        if !rules[from].is_null() {
            written.insert(to.into(), rules[from].clone());
        }
    }
    if let Some(policies) = rules["policies"].as_array() {
        let policies: Vec<Value> = policies
            .iter()
            .map(
                |policy| json!({"type": policy["type"], "value": policy["value"], "periodSeconds": policy["period_s"]}),
            )
            .collect();
        written.insert("policies".into(), json!(policies));
    }
    Value::Object(written)
}

/// The lists of the envelope as they fill.
struct Sheet<'a> {
    case: &'a Value,
    pods: Vec<Value>,
    pod_metrics: Vec<Value>,
    custom: Vec<Value>,
    external: Vec<Value>,
    /// The one resource that the pods' amounts are of.
    resource: Option<String>,
}

impl<'a> Sheet<'a> {
    fn new(case: &'a Value) -> Sheet<'a> {
        let (pods, pod_metrics, custom, external) = Default::default();
        let mut sheet = Sheet { case, pods, pod_metrics, custom, external, resource: None };
        for (index, pod) in case["pods"].as_array().into_iter().flatten().enumerate() {
            sheet.pods.push(bare_pod(pod, index));
        }
        sheet
    }

    fn metric(&mut self, index: usize, metric: &Value) -> Result<Value, &'static str> {
        let target = &metric["target"];
        let wanted = match target["type"].as_str() {
            Some("Utilization") => json!({"type": "Utilization", "averageUtilization": target["percent"]}),
            Some("AverageValue") => json!({"type": "AverageValue", "averageValue": milli(&target["average_milli"])}),
            _ => json!({"type": "Value", "value": milli(&target["value_milli"])}),
        };
        let resource = [&target["resource"], &metric["resource"]].into_iter().find_map(Value::as_str);
        let name = format!("m{index}");
        match metric["type"].as_str().unwrap_or_default() {
            "Pods" if resource.is_none() => {
                self.custom_of_pods(&name)?;
                Ok(json!({"type": "Pods", "pods": {"metric": {"name": name}, "target": wanted}}))
            }
            "Resource" | "ContainerResource" | "Pods" => {
                let resource = resource.unwrap_or("cpu").to_owned();
                self.usage(&resource)?;
                Ok(match target["container"].as_str() {
                    Some(container) => json!({"type": "ContainerResource",
                        "containerResource": {"name": resource, "container": container, "target": wanted}}),
                    None => json!({"type": "Resource", "resource": {"name": resource, "target": wanted}}),
                })
            }
            "Object" => {
                for value in metric["values_milli"].as_array().into_iter().flatten() {
                    let object = json!({"kind": "Service", "name": "web"});
                    self.custom.push(json!({"describedObject": object, "metricName": name, "value": milli(value)}));
                }
                if self.custom.len() > 1 {
                    return Err("an object has one value of a metric");
                }
                Ok(json!({"type": "Object", "object": {"metric": {"name": name},
                    "describedObject": {"kind": "Service", "name": "web"}, "target": wanted}}))
            }
            "External" => {
                for (at, value) in metric["values_milli"].as_array().into_iter().flatten().enumerate() {
                    let labels = json!({"series": at.to_string()});
                    self.external.push(json!({"metricName": name, "metricLabels": labels, "value": milli(value)}));
                }
                Ok(json!({"type": "External", "external": {"metric": {"name": name}, "target": wanted}}))
            }
            other => Ok(json!({ "type": other })),
        }
    }

    /// The pods' requests and usage are of this resource.
    fn usage(&mut self, resource: &str) -> Result<(), &'static str> {
        match &self.resource {
            Some(known) if known == resource => return Ok(()),
            Some(_) => return Err("amounts of pods are of one resource"),
            None => self.resource = Some(resource.to_owned()),
        }
        for (index, pod) in self.case["pods"].as_array().into_iter().flatten().enumerate() {
            let mut requested = Vec::new();
            let mut used = Vec::new();
            let own =
                json!([{"name": "main", "request_milli": pod["request_milli"], "usage_milli": pod["usage_milli"]}]);
            for container in pod["containers"].as_array().or(own.as_array()).into_iter().flatten() {
                let mut requests = Map::new();
                if !container["request_milli"].is_null() {
                    requests.insert(resource.to_owned(), milli(&container["request_milli"]));
                }
                requested.push(json!({"name": container["name"], "resources": {"requests": requests}}));
                if !container["usage_milli"].is_null() {
                    used.push(
                        json!({"name": container["name"], "usage": {resource: milli(&container["usage_milli"])}}),
                    );
                }
            }
            self.pods[index]["spec"] = json!({ "containers": requested });
            if !used.is_empty() {
                self.pod_metrics.push(json!({"metadata": {"name": self.pods[index]["metadata"]["name"]},
                    "timestamp": instant(&pod["metric_age_s"]),
                    "window": format!("{}s", pod["metric_window_s"].as_f64().unwrap_or(0.0)), "containers": used}));
            }
        }
        for (index, value) in self.case["foreign_metrics_milli"].as_array().into_iter().flatten().enumerate() {
            self.pod_metrics.push(json!({"metadata": {"name": format!("foreign-{index}")},
                "timestamp": NOW, "containers": [{"name": "main", "usage": {resource: milli(value)}}]}));
        }
        Ok(())
    }

    fn custom_of_pods(&mut self, name: &str) -> Result<(), &'static str> {
        for (index, pod) in self.case["pods"].as_array().into_iter().flatten().enumerate() {
            if !pod["usage_milli"].is_null() {
                let object = json!({"kind": "Pod", "name": self.pods[index]["metadata"]["name"]});
                self.custom.push(json!({"describedObject": object, "metricName": name,
                    "timestamp": instant(&pod["metric_age_s"]), "value": milli(&pod["usage_milli"])}));
            }
        }
        match self.case["foreign_metrics_milli"].as_array().is_none_or(Vec::is_empty) {
            true => Ok(()),
            false => Err("metrics-server knows the pods of the cluster only"),
        }
    }
}

fn bare_pod(pod: &Value, index: usize) -> Value {
    let name = pod["name"].as_str().map_or_else(|| format!("p{index}"), str::to_owned);
    let mut metadata = json!({"name": name, "labels": {"app": "web"}});
    if pod["deleting"] == true {
        metadata["deletionTimestamp"] = json!(NOW);
    }
    let mut status = json!({"phase": pod["phase"].as_str().unwrap_or("Running")});
    if !pod["start_age_s"].is_null() {
        status["startTime"] = instant(&pod["start_age_s"]);
    }
    if let Some(ready) = pod["ready"].as_bool() {
        let mut condition = json!({"type": "Ready", "status": if ready { "True" } else { "False" }});
        if !pod["ready_transition_age_s"].is_null() {
            condition["lastTransitionTime"] = instant(&pod["ready_transition_age_s"]);
        }
        status["conditions"] = json!([condition]);
    }
    json!({ "metadata": metadata, "status": status })
}
