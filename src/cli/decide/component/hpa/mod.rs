//! Component cases: one step of a sync by itself, in the compact form of the conformance files.
//!
//! Instants are ages in seconds before "now" (which is zero here); amounts are thousandths. An error that the step
//! itself has is an answer (`{"error": code}`); what can't be read is a refusal.

mod input;
mod reconcile;

use serde_json::{Value, json};

use self::input::{NOW, config, event_log, pods, recommendations, rules, scaling_rules_pair, target_fields, tolerance};
use super::super::Refusal;
use super::super::fields::Fields;
use crate::autoscaler::hpa::{
    ContainerRequest, Current, Group, HpaFlags, LimitReason, MetricError, MetricSpec, PodRequests, Proposal, Readiness,
    Recommendations, RequestError, ScalingRules, SelectorState, Snapshot, clamp, evaluate, group_of, limit_rate,
    pod_request, scale_down_limit, scale_up_limit,
};
use crate::units::{SimDuration, not_one_of};

const KINDS: [&str; 13] = [
    "utilization",
    "pods",
    "object",
    "external",
    "grouping",
    "requests",
    "clamp",
    "behavior",
    "behavior_limit",
    "stabilization_simple",
    "stabilization",
    "event_log",
    "reconcile",
];

pub(in super::super) fn decide(input: &Value) -> Result<Value, Refusal> {
    let Some(kind) = input.get("kind").and_then(Value::as_str) else {
        return Err(Refusal::new("kind", format!("missing; one of {}", KINDS.join(", "))));
    };
    match kind {
        "utilization" | "pods" | "object" | "external" => metric(input, kind),
        "grouping" => grouping(input),
        "requests" => requests(input),
        "clamp" => clamped(input),
        "behavior" => behavior(input),
        "behavior_limit" => behavior_limit(input),
        "stabilization_simple" => stabilization_simple(input),
        "stabilization" => stabilization(input),
        "event_log" => events(input),
        "reconcile" => reconcile::decide(input),
        other => Err(Refusal::new("kind", not_one_of(other, &KINDS))),
    }
}

fn metric(input: &Value, kind: &str) -> Result<Value, Refusal> {
    let known =
        ["kind", "current_replicas", "tolerance", "config", "target", "values_milli", "foreign_metrics_milli", "pods"];
    let fields = Fields::new(input, "", &known)?;
    let current = fields.required_count("current_replicas")?;
    let mut flags = HpaFlags::default();
    config(&fields, &mut flags)?;
    let tolerances = tolerance(&fields, &flags)?;
    let source_type = match kind {
        "utilization" => "Resource",
        "object" => "Object",
        "external" => "External",
        _ => "Pods",
    };
    let source = input::metric_source(source_type, &target_fields(&fields)?, None)?;
    let pods = pods(&fields)?;
    let foreign = input::integers(&fields, "foreign_metrics_milli")?;
    let values = input::integers(&fields, "values_milli")?;
    let case = input::MetricCase::new(source, &pods, foreign, values, false);
    let states: Vec<_> = pods.iter().map(|pod| pod.state).collect();
    let snapshot = Snapshot {
        now: NOW,
        spec_replicas: current,
        status_replicas: current,
        selector: SelectorState::Valid,
        pods: &states,
        counts: &[],
        readings: &[],
    };
    Ok(proposal_answer(&case.source, evaluate(&case.source, &case.reading(), &snapshot, &tolerances, &flags)))
}

fn proposal_answer(source: &MetricSpec, result: Result<Proposal, MetricError>) -> Value {
    let proposal = match result {
        Ok(proposal) => proposal,
        Err(error) => return json!({ "error": error.code() }),
    };
    let replicas = proposal.replicas;
    match (proposal.current, source) {
        (Current::Utilization { percent, average }, _) => {
            json!({ "replicas": replicas, "utilization_percent": percent, "average_usage_milli": average })
        }
        (
            Current::AverageValue(value) | Current::Value(value),
            MetricSpec::Object { .. } | MetricSpec::External { .. },
        ) => {
            json!({ "replicas": replicas, "reported_milli": value })
        }
        (Current::AverageValue(value) | Current::Value(value), _) => {
            json!({ "replicas": replicas, "average_milli": value })
        }
    }
}

fn grouping(input: &Value) -> Result<Value, Refusal> {
    let fields = Fields::new(input, "", &["kind", "resource", "config", "pods"])?;
    let readiness = Readiness::for_resource(fields.text("resource")?.unwrap_or_default());
    let mut flags = HpaFlags::default();
    config(&fields, &mut flags)?;
    let pods = pods(&fields)?;
    let groups: Vec<Group> =
        pods.iter().map(|pod| group_of(&pod.state, pod.sample(None).as_ref(), readiness, &flags, NOW)).collect();
    let named = |wanted: Group| -> Vec<&str> {
        pods.iter().zip(&groups).filter(|(_, group)| **group == wanted).map(|(pod, _)| pod.name.as_str()).collect()
    };
    Ok(json!({
        "ready_count": named(Group::Ready).len(),
        "unready": named(Group::Unready),
        "missing": named(Group::Missing),
        "ignored": named(Group::Ignored),
    }))
}

fn requests(input: &Value) -> Result<Value, Refusal> {
    let fields = Fields::new(input, "", &["kind", "resource", "container", "pod_level_enabled", "pod"])?;
    // The resource only names what the amounts are of.
    fields.text("resource")?;
    let container = fields.text("container")?;
    let pod_level_enabled = fields.flag("pod_level_enabled")?.unwrap_or(true);
    let known = ["name", "containers", "init_containers", "pod_request_milli"];
    let pod = Fields::new(fields.required("pod")?, "pod", &known)?;
    let mut containers = Vec::new();
    for (path, item) in pod.list("containers")? {
        let item = Fields::new(item, path, &["name", "request_milli"])?;
        containers
            .push(ContainerRequest { name: item.required_text("name")?, request: item.integer("request_milli")? });
    }
    let mut sidecars = Vec::new();
    for (path, item) in pod.list("init_containers")? {
        let item = Fields::new(item, path, &["name", "request_milli", "restart_always"])?;
        let name = item.text("name")?.unwrap_or_default();
        if item.flag("restart_always")?.unwrap_or(false) {
            sidecars.push(ContainerRequest { name, request: item.integer("request_milli")? });
        }
    }
    let pod_level = pod.integer("pod_request_milli")?.filter(|_| pod_level_enabled).map(Some);
    let requests = PodRequests { containers: &containers, sidecars: &sidecars, pod_level };
    Ok(match pod_request(&requests, container, &HpaFlags::default().versioned) {
        Ok(request) => json!({ "request_milli": request }),
        Err(error) => request_error(error),
    })
}

fn request_error(error: RequestError) -> Value {
    json!({ "error": MetricError::Request(error).code() })
}

/// The four counts that limits are computed from.
struct Counts {
    current: i32,
    desired: i32,
    min: i32,
    max: i32,
}

impl Counts {
    fn read(fields: &Fields<'_>) -> Result<Counts, Refusal> {
        Ok(Counts {
            current: fields.required_count("current_replicas")?,
            desired: fields.required_count("desired_replicas")?,
            min: fields.required_count("min_replicas")?,
            max: fields.required_count("max_replicas")?,
        })
    }
}

fn limited_answer(replicas: i32, reason: LimitReason) -> Value {
    json!({ "replicas": replicas, "limited_reason": reason.as_str() })
}

fn clamped(input: &Value) -> Result<Value, Refusal> {
    let known = ["kind", "current_replicas", "desired_replicas", "min_replicas", "max_replicas"];
    let counts = Counts::read(&Fields::new(input, "", &known)?)?;
    let limited = clamp(counts.current, counts.desired, counts.min, counts.max);
    Ok(limited_answer(limited.replicas, limited.reason))
}

fn behavior(input: &Value) -> Result<Value, Refusal> {
    let known =
        ["kind", "current_replicas", "desired_replicas", "min_replicas", "max_replicas", "behavior", "scale_events"];
    let fields = Fields::new(input, "", &known)?;
    let counts = Counts::read(&fields)?;
    let behavior = scaling_rules_pair(fields.get("behavior"), "behavior")?;
    let (up, down) = match fields.get("scale_events") {
        None => Default::default(),
        Some(value) => {
            let logs = Fields::new(value, "scale_events", &["up", "down"])?;
            (event_log(&logs, "up")?, event_log(&logs, "down")?)
        }
    };
    let limited = limit_rate(
        counts.current,
        counts.desired,
        counts.min,
        counts.max,
        &behavior.scale_up,
        &behavior.scale_down,
        &up,
        &down,
        NOW,
        &HpaFlags::default().versioned,
    );
    Ok(limited_answer(limited.replicas, limited.reason))
}

fn behavior_limit(input: &Value) -> Result<Value, Refusal> {
    let fields = Fields::new(input, "", &["kind", "direction", "current_replicas", "rules"])?;
    let current = fields.required_count("current_replicas")?;
    let (none, also_none) = Default::default();
    let (limit, _) = match fields.required_text("direction")? {
        "up" => {
            let rules = rules(fields.get("rules"), "rules", ScalingRules::default_up())?;
            scale_up_limit(current, &rules, &none, &also_none, NOW, &HpaFlags::default().versioned)
        }
        "down" => {
            let rules = rules(fields.get("rules"), "rules", ScalingRules::default_down())?;
            scale_down_limit(current, &rules, &none, &also_none, NOW)
        }
        other => return Err(Refusal::new("direction", format!("{other:?} is not one of up, down"))),
    };
    Ok(json!({ "limit": limit }))
}

fn window(fields: &Fields<'_>, name: &str) -> Result<SimDuration, Refusal> {
    Ok(SimDuration::from_secs(fields.required_integer(name)?))
}

fn stabilization_simple(input: &Value) -> Result<Value, Refusal> {
    let fields = Fields::new(input, "", &["kind", "desired_replicas", "downscale_stabilization_s", "recommendations"])?;
    let mut log = Recommendations(recommendations(&fields)?.unwrap_or_default());
    let desired = fields.required_count("desired_replicas")?;
    let replicas = log.stabilize_simple(desired, window(&fields, "downscale_stabilization_s")?, NOW);
    Ok(json!({ "replicas": replicas, "log_length": log.0.len(), "log_after": log_values(&log) }))
}

fn stabilization(input: &Value) -> Result<Value, Refusal> {
    let known =
        ["kind", "current_replicas", "desired_replicas", "scale_up_window_s", "scale_down_window_s", "recommendations"];
    let fields = Fields::new(input, "", &known)?;
    let mut log = Recommendations(recommendations(&fields)?.unwrap_or_default());
    let replicas = log.stabilize(
        fields.required_count("current_replicas")?,
        fields.required_count("desired_replicas")?,
        window(&fields, "scale_up_window_s")?,
        window(&fields, "scale_down_window_s")?,
        NOW,
    );
    Ok(json!({ "replicas": replicas, "log_length": log.0.len(), "log_after": log_values(&log) }))
}

fn log_values(log: &Recommendations) -> Vec<i32> {
    log.0.iter().map(|entry| entry.replicas).collect()
}

fn events(input: &Value) -> Result<Value, Refusal> {
    let fields = Fields::new(input, "", &["kind", "events", "change", "sum_period_s", "rules"])?;
    let mut log = event_log(&fields, "events")?;
    let change = fields.required_count("change")?;
    let sum_before = log.change_within(fields.required_count("sum_period_s")?, NOW);
    // Without a behavior stanza nothing is stored.
    if let Some(value) = fields.get("rules") {
        let rules = rules(Some(value), "rules", ScalingRules::default_up())?;
        log.store(change, rules.longest_period_seconds(), NOW);
    }
    let log_after: Vec<Value> =
        log.0.iter().map(|event| json!({ "change": event.change, "outdated": event.outdated })).collect();
    Ok(json!({ "sum_before": sum_before, "log_after": log_after }))
}
