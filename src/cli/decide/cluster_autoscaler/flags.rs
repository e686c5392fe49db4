//! Options by the names of upstream's flags.

use serde_json::{Map, Value};

use super::super::Refusal;
use crate::autoscaler::cluster_autoscaler::Options;
use crate::units::did_you_mean;

/// Flags that have no bearing on what one iteration decides, or limit the wall clock: accepted, so that a whole command
/// line can be given.
const WITHOUT_BEARING: &[&str] = &[
    "address",
    "aws-use-static-instance-list",
    "bulk-mig-instances-listing-enabled",
    "cloud-config",
    "cloud-provider",
    "cluster-name",
    "cluster-snapshot-parallelism",
    "clusterapi-cloud-config-authoritative",
    "debugging-snapshot-enabled",
    "dynamic-node-delete-delay-after-taint-enabled",
    "emit-per-nodegroup-metrics",
    "enable-csi-node-aware-scheduling",
    "enable-dynamic-resource-allocation",
    "estimator",
    "force-delete-failed-nodes",
    "gce-concurrent-refreshes",
    "gce-mig-instances-min-refresh-wait-time",
    "grpc-expander-cert",
    "grpc-expander-url",
    "kube-api-content-type",
    "kube-client-burst",
    "kube-client-qps",
    "kubeconfig",
    "kubernetes",
    "max-binpacking-time",
    "max-bulk-soft-taint-time",
    "max-failing-time",
    "max-inactivity",
    "max-node-skip-eval-time-tracker-enabled",
    "max-nodegroup-binpacking-duration",
    "max-startup-time",
    "namespace",
    "node-deletion-batcher-interval",
    "node-deletion-delay-timeout",
    "node-group-auto-discovery",
    "node-info-cache-expire-time",
    "node-removal-latency-tracking-enabled",
    "nodes",
    "parallel-scale-up",
    "pending-pods-batching-timeout",
    "pod-injection-limit",
    "predicate-parallelism",
    "profiling",
    "provisioning-request-initial-backoff-time",
    "provisioning-request-max-backoff-cache-size",
    "provisioning-request-max-backoff-time",
    "record-duplicated-events",
    "regional",
    "salvo-scale-up-budget",
    "scale-down-candidates-pool-min-count",
    "scale-down-candidates-pool-ratio",
    "scale-down-non-empty-candidates-count",
    "scale-down-simulation-timeout",
    "scheduler-verbosity",
    "status-config-map-name",
    "user-agent",
    "v",
    "write-status-configmap",
];

/// Flags that would change decisions and are not modelled: only their "off" is accepted.
const NOT_MODELLED: &[&str] = &[
    "allowed-scheduler-names",
    "async-node-groups",
    "bypassed-scheduler-names",
    "capacity-buffer-controller-enabled",
    "capacity-buffer-pod-dry-run-enabled",
    "capacity-buffer-pod-injection-enabled",
    "capacity-quotas-enabled",
    "check-capacity-batch-processing",
    "check-capacity-processor-instance",
    "check-capacity-provisioning-request-batch-timebox",
    "check-capacity-provisioning-request-max-batch-size",
    "drain-priority-config",
    "enable-graceful-degradation",
    "enable-proactive-scaleup",
    "enable-provisioning-requests",
    "node-deletion-candidate-ttl",
    "scheduler-config-file",
];

/// Older names of flags.
const ALIASES: [(&str, &str); 2] =
    [("max-empty-bulk-delete", "max-scale-down-parallelism"), ("ignore-taint", "startup-taint")];

/// Reads `options`; an error names the flag.
pub fn options(value: Option<&Value>) -> Result<Options, Refusal> {
    let Some(value) = value else { return Ok(Options::default()) };
    let Value::Object(flags) = value else { return Err(Refusal::new("options", "an object of flags is expected")) };
    let mut fields: Map<String, Value> = known_fields();
    for (flag, value) in flags {
        let path = format!("options.{flag}");
        let name = ALIASES.iter().find(|(old, _)| old == flag).map_or(flag.as_str(), |(_, new)| *new);
        let field = camel_case(name);
        if !fields.contains_key(&field) {
            check_unknown(name, value).map_err(|problem| Refusal::new(path, problem))?;
            continue;
        }
        let value = as_typed(value, &fields[&field]);
        let alone = Value::Object(Map::from_iter([(field.clone(), value.clone())]));
        serde_json::from_value::<Options>(alone).map_err(|error| Refusal::new(path, error.to_string()))?;
        fields.insert(field, value);
    }
    let options: Options =
        serde_json::from_value(Value::Object(fields)).map_err(|error| Refusal::new("options", error.to_string()))?;
    match options.problems().into_iter().next() {
        None => Ok(options),
        Some((field, problem)) => Err(Refusal::new(format!("options.{}", kebab_case(field)), problem)),
    }
}

fn known_fields() -> Map<String, Value> {
    match serde_json::to_value(Options::default()) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Flags of a command line are text: a truth value or number written as such is taken for what it says.
fn as_typed(value: &Value, default: &Value) -> Value {
    match (value, default) {
        (Value::String(text), Value::Bool(_) | Value::Number(_)) => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        (Value::String(text), Value::Array(_)) => Value::Array(vec![text.as_str().into()]),
        _ => value.clone(),
    }
}

fn check_unknown(flag: &str, value: &Value) -> Result<(), String> {
    if WITHOUT_BEARING.contains(&flag) {
        return Ok(());
    }
    if NOT_MODELLED.contains(&flag) {
        let is_off = match value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty() || text == "0s" || text == "false",
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        return if is_off { Ok(()) } else { Err("this flag is not modelled; leave it out or off".to_owned()) };
    }
    let fields = known_fields();
    let known: Vec<String> = fields.keys().map(|field| kebab_case(field)).collect();
    Err(format!("unknown flag{}", did_you_mean(flag, known.iter().map(String::as_str))))
}

fn camel_case(flag: &str) -> String {
    let mut field = String::with_capacity(flag.len());
    let mut up = false;
    for c in flag.chars() {
        match c {
            '-' => up = true,
            c if up => {
                field.extend(c.to_uppercase());
                up = false;
            }
            c => field.push(c),
        }
    }
    field
}

fn kebab_case(field: &str) -> String {
    let mut flag = String::with_capacity(field.len() + 8);
    for c in field.chars() {
        if c.is_ascii_uppercase() {
            flag.push('-');
        }
        flag.extend(c.to_lowercase());
    }
    flag
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flags_are_read_under_upstreams_names_and_a_typo_gets_a_hint() {
        let read = options(Some(&json!({
            "scale-down-unneeded-time": "1m",
            "max-empty-bulk-delete": "3",
            "balance-similar-node-groups": "true",
            "v": 4,
            "cores-total": "1:8",
        })))
        .unwrap();
        assert_eq!(read.scale_down_unneeded_time.to_string(), "1m0s");
        assert_eq!((read.max_scale_down_parallelism, read.cores_total.max), (3, 8));
        assert!(read.balance_similar_node_groups);
        for (flags, part) in [
            (json!({"scale-down-uneeded-time": "1m"}), "did you mean scale-down-unneeded-time?"),
            (json!({"scale-down-unneeded-time": "-1m"}), "options.scale-down-unneeded-time: duration \"-1m\""),
            (json!({"expander": "least-wast"}), "did you mean least-waste?"),
            (json!({"cores-total": "9:1"}), "the minimum 9 is above the maximum 1"),
            (json!({"enable-proactive-scaleup": true}), "not modelled"),
            (json!({"memory-difference-ratio": -1}), "options.memory-difference-ratio"),
        ] {
            let error = options(Some(&flags)).unwrap_err().to_string();
            assert!(error.contains(part), "{flags}: {error}");
        }
    }
}
