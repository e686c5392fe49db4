//! The figures of `summary.json` for services.

use super::{Case, near};

const FOUR_CORES: &str = "requests: {cpu: 4, memory: 1Mi}, limits: {cpu: 4}";
const ONE_CORE: &str = "requests: {cpu: 1, memory: 1Mi}, limits: {cpu: 1}";

/// One request a second of 30 ms on an idle core.
#[test]
fn a_lone_request_takes_its_time_whatever_the_concurrency() {
    for concurrency in [1, 2, 16, 64, 1_000_000] {
        let load =
            format!("      requests: {{constant: 1}}\n      perRequest: {{cpu: 30ms, concurrency: {concurrency}}}");
        for resources in [ONE_CORE, FOUR_CORES, "requests: {cpu: 500m, memory: 1Mi}"] {
            let web = Case::new(&load, resources).web();
            let latency = &web["latency_seconds"];
            near(&latency["p50"], 0.03, 0.001);
            near(&latency["mean"], 0.03, 0.06);
        }
    }
}

/// A pod of four cores that works on one request at a time, each 100 ms of one core: at most 10 requests a second.
#[test]
fn a_request_does_not_run_on_more_than_one_core() {
    let load = "      requests: {constant: 30}\n      perRequest: {cpu: 100ms, concurrency: 1}";
    for resources in [FOUR_CORES, "requests: {cpu: 1, memory: 1Mi}"] {
        let web = Case::new(load, resources).web();
        near(&web["served"], 36_000.0, 0.001);
        near(&web["demand"], 108_000.0, 1e-9);
        near(&web["waiting_at_end"], 72_000.0, 0.001);
        near(&web["backlog_max"], 72_000.0, 0.001);
        near(&web["saturated_seconds"], 3_600.0, 1e-6);
        assert!(web["latency_seconds"]["p50"].as_f64().unwrap() >= 0.1);
    }
    let alone = "      requests: {constant: 1m}\n      perRequest: {cpu: 100ms, concurrency: 1}";
    near(&Case::new(alone, FOUR_CORES).web()["latency_seconds"]["p99"], 0.1, 0.001);
    // Unless it says that it can.
    let wide = "      requests: {constant: 30}\n      perRequest: {cpu: 100ms, cores: 4}";
    let web = Case::new(wide, FOUR_CORES).web();
    assert_eq!(web["dropped"], 0.0);
    near(&web["latency_seconds"]["p50"], 0.025 + 0.025 * 1.2, 0.5);
}

#[test]
fn nothing_is_answered_later_than_the_timeout_and_its_own_time() {
    let load = "      requests: {constant: 15}\n      perRequest: {cpu: 100ms}\n      queue: {timeout: 5s}";
    let web = Case::new(load, ONE_CORE).web();
    near(&web["dropped_fraction"], 1.0 / 3.0, 0.02);
    let p99 = web["latency_seconds"]["p99"].as_f64().unwrap();
    assert!((4.5..=5.1 * 1.003).contains(&p99), "{p99}");
    // Of all that came, each was served, was dropped or waits.
    let sum: f64 = ["served", "dropped", "waiting_at_end"].map(|name| web[name].as_f64().unwrap()).iter().sum();
    near(&web["demand"], sum, 1e-9);
}

/// Erlang's loss formula: four cores offered three erlangs lose 20.6 %.
#[test]
fn without_a_line_requests_are_lost_as_erlang_has_it() {
    let load =
        "      requests: {constant: 30}\n      perRequest: {cpu: 100ms, concurrency: 4}\n      queue: {maxLength: 0}";
    near(&Case::new(load, FOUR_CORES).web()["dropped_fraction"], 0.2061, 0.01);
}

#[test]
fn demand_above_the_hpas_maximum_is_seen() {
    let load = "      cpu: {step: {initial: 1, steps: [{at: 30m, to: 6}]}}";
    let mut case = Case::new(load, ONE_CORE);
    case.objects = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  \
                    scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 2\n  \
                    maxReplicas: 4\n  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]\n"
        .to_owned();
    let web = case.web();
    assert_eq!(web["unit"], "core-seconds");
    near(&web["demand"], 1_800.0 + 6.0 * 1_800.0, 1e-9);
    near(&web["saturated_seconds"], 1_800.0, 0.01);
    let at_maximum = web["at_max_replicas_seconds"].as_f64().unwrap();
    assert!((1_700.0..1_800.0).contains(&at_maximum), "{at_maximum}");
    // Four cores of six for half an hour, and a little more on the way there.
    near(&web["waiting_at_end"], 3_600.0, 0.05);
    assert!(web["latency_seconds"]["p99"].is_null());
}

/// 60 requests a second for 40, and a line of so many: who finds it full goes at once, and nobody stands in it for longer
/// than those before him take. All that time more is asked for than can be done.
#[test]
fn a_bounded_line_bounds_the_wait() {
    for (line, wait) in [(1, 0.025), (10, 0.25), (40, 1.0)] {
        let load = format!(
            "      requests: {{constant: 60}}\n      perRequest: {{cpu: 100ms, variation: 1}}\n      queue: {{maxLength: {line}}}"
        );
        let web = Case { replicas: 4, ..Case::new(&load, ONE_CORE) }.web();
        let latency = &web["latency_seconds"];
        // The wait, which for a full line is a sum of so many exponential times, and a request's own time, of which one in a
        // hundred takes 0.46 s.
        let deviation = wait / f64::from(line).sqrt();
        for (figure, own, deviations) in [("p50", 0.1, 0.1), ("p95", 0.3, 1.7), ("p99", 0.47, 2.5)] {
            let value = latency[figure].as_f64().unwrap();
            assert!(value <= wait + deviations * deviation + own, "{line}: {figure} {value}");
        }
        near(&web["saturated_seconds"], 3_600.0, 0.01);
    }
}
