//! What HPAs see and say in a run: the pods of their selectors, metrics that fail, KEDA's objects as written.

use std::fs;
use std::path::Path;

use windtunnel::scenario;
use windtunnel::sim::RunOptions;

use crate::watch::{Watched, watch};

/// A run of a scenario, with its books held together, and the warnings of its files.
fn run_text(text: &str) -> (Watched, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scenario.yaml");
    fs::write(&path, text).expect("written");
    let loaded = scenario::load(&path, &[]).unwrap_or_else(|mistakes| panic!("{}", mistakes[0].draw(false)));
    crate::golden::as_on_record(&loaded.scenario, 1);
    let run = watch(&loaded.scenario, 1, RunOptions { audit_every: 50, ..RunOptions::default() });
    (run, loaded.warnings.iter().map(ToString::to_string).collect())
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/hpa").join(name);
    fs::read_to_string(path).expect("the file is there")
}

/// What HPAs did and said.
fn hpa_lines(run: &Watched) -> Vec<&str> {
    run.decisions.iter().map(String::as_str).filter(|line| line.contains("horizontal-pod-autoscaler")).collect()
}

fn header(spec: &str) -> String {
    format!(
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: case}}\nspec:\n  nodes: [{{name: n, instanceType: m6i.4xlarge}}]\n{spec}\n"
    )
}

fn deployment(name: &str, replicas: u32, request: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n  template: {{metadata: {{labels: {{app: web, own: {name}}}}}, spec: {{containers: [{{name: c, image: i, resources: {{requests: {{{request}}}}}}}]}}}}\n"
    )
}

fn autoscaler(name: &str, min: u32, metrics: &str) -> String {
    format!(
        "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}}}\nspec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n  minReplicas: {min}\n  maxReplicas: 10\n{metrics}\n"
    )
}

const CPU_50: &str =
    "  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]";

/// kubernetes#124307: the busy pod of the other Deployment counts.
#[test]
fn an_autoscaler_averages_over_all_pods_that_its_selector_matches() {
    let (run, _) = run_text(&file("overlap-sim.yaml"));
    let lines = hpa_lines(&run);
    assert!(lines[0].contains("hpa/default/front: 2 -> 4: Resource cpu: 117 % of the requests"), "{lines:?}");
    assert!(lines[0].contains("3 of 3 pods counted"), "{lines:?}");
    // (1100m + 10m) of 8 x 200m + 600m is 50 %.
    assert!(lines.last().is_some_and(|line| line.contains("front: 4 -> 8")), "{lines:?}");
}

/// Up to Kubernetes 1.36 a succeeded pod has no sample and is taken to use its request, so four idle replicas beside
/// four of them stand at 50 %.
#[test]
fn finished_pods_of_a_job_with_the_same_labels_hold_a_scale_down() {
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec:\n  parallelism: 4\n  completions: 4\n  template: {metadata: {labels: {app: web}}, spec: {restartPolicy: Never, containers: [{name: c, image: i, resources: {requests: {cpu: 200m}}}]}}\n";
    let spec = "  duration: 20m\n  load: [{target: {kind: Deployment, name: web}, cpu: {constant: 8m}}]\n  workloads: [{target: {kind: Job, name: migrate}, duration: 20s}]";
    let without = format!("{}{}{}", header(spec), deployment("web", 4, "cpu: 200m"), autoscaler("web", 1, CPU_50));
    let alone = without.replace("\n  workloads: [{target: {kind: Job, name: migrate}, duration: 20s}]", "");
    let (run, _) = run_text(&alone);
    assert_eq!(run.outcome.hpa_changes, 1, "{:?}", hpa_lines(&run));
    assert!(hpa_lines(&run)[0].contains("web: 4 -> 1"), "{:?}", hpa_lines(&run));
    let (run, _) = run_text(&(without + job));
    assert_eq!(run.outcome.hpa_changes, 0, "{:?}", hpa_lines(&run));
}

#[test]
fn a_bare_pod_with_the_labels_counts_and_one_of_another_namespace_does_not() {
    let pod = |namespace: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: bare, namespace: {namespace}, labels: {{app: web}}}}\nspec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: \"4\"}}}}}}]}}\n"
        )
    };
    let metrics =
        "  metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 50m}}}]";
    let spec = "  duration: 3m\n  load: [{target: {kind: Deployment, name: web}, cpu: {constant: 100m}}]";
    let text = header(spec) + &deployment("web", 1, "cpu: 200m") + &autoscaler("web", 1, metrics);
    let first = |namespace: &str| hpa_lines(&run_text(&(text.clone() + &pod(namespace))).0)[0].to_owned();
    assert!(first("default").contains("2 of 2 pods counted"), "{}", first("default"));
    assert!(first("other").contains("1 of 1 pods counted"), "{}", first("other"));
}

/// The controller knows an HPA's selector since its first sync that looked at pods, so the first of two still scales.
#[test]
fn two_autoscalers_that_select_the_same_pods_stop_once_each_knows_of_the_other() {
    let metrics =
        "  metrics: [{type: External, external: {metric: {name: queue}, target: {type: Value, value: \"10\"}}}]";
    let spec = "  duration: 5m\n  metrics: {series: [{name: queue, value: {constant: 20}}]}";
    let text = header(spec)
        + &deployment("a", 2, "cpu: 200m")
        + &deployment("b", 2, "cpu: 200m")
        + &autoscaler("a", 1, metrics)
        + &autoscaler("b", 1, metrics);
    let (run, warnings) = run_text(&text);
    let lines = hpa_lines(&run);
    assert_eq!(run.outcome.hpa_changes, 1, "{lines:?}");
    // Two ready pods of each Deployment: a ratio of 2 makes 8 of them, the rate limit 6... of a alone.
    assert!(lines[0].contains("hpa/default/a: 2 -> "), "{lines:?}");
    let ambiguous: Vec<_> = lines.iter().filter(|line| line.contains("AmbiguousSelector")).collect();
    assert_eq!(ambiguous.len(), 2, "{lines:?}");
    assert!(ambiguous[0].contains("hpa/default/b: 2 -> 2: AmbiguousSelector: another HPA selects the same pods"));
    assert!(ambiguous[1].contains("hpa/default/a"), "{lines:?}");
    assert!(warnings.iter().any(|warning| warning.contains("a and b select the same pods")), "{warnings:?}");
}

#[test]
fn two_autoscalers_of_one_target_are_ambiguous_and_no_mistake_of_the_file() {
    let second = autoscaler("web", 1, CPU_50).replace("metadata: {name: web}", "metadata: {name: again}");
    let text = header("  duration: 5m") + &deployment("web", 2, "cpu: 200m") + &autoscaler("web", 1, CPU_50) + &second;
    let (run, warnings) = run_text(&text);
    assert_eq!(run.outcome.hpa_changes, 0);
    assert!(warnings.iter().any(|warning| warning.contains("AmbiguousSelector")), "{warnings:?}");
    assert_eq!(hpa_lines(&run).iter().filter(|line| line.contains("AmbiguousSelector")).count(), 2);
}

/// The controller goes by the field for External metrics, whatever the type says.
#[test]
fn a_target_type_that_names_another_field_is_read_as_the_controller_reads_it() {
    let (right, _) = run_text(&file("ext-match.yaml"));
    let (mismatched, warnings) = run_text(&file("ext-mismatch.yaml"));
    assert_eq!(hpa_lines(&mismatched), hpa_lines(&right));
    assert_eq!((mismatched.outcome.hpa_changes, warnings.len()), (2, 0));
    assert!(hpa_lines(&mismatched)[1].contains("web: 4 -> 8"), "{:?}", hpa_lines(&mismatched));
}

#[test]
fn an_object_metric_with_both_values_goes_by_its_type() {
    let file = file("object-both.yaml");
    let (run, warnings) = run_text(&file);
    assert_eq!(run.outcome.hpa_changes, 0, "nothing reports the metric");
    assert!(
        warnings.iter().any(|warning| warning.contains("nothing reports the metric `queue_length`")),
        "{warnings:?}"
    );
    let series = "  duration: 10m\n  metrics: {series: [{name: queue_length, object: {kind: Service, name: web}, value: {constant: 30}}]}";
    let reported = file.replace("  duration: 10m", series);
    let (run, _) = run_text(&reported);
    let lines = hpa_lines(&run);
    assert!(lines[0].contains("web: 1 -> 3: Object queue_length: 30 against 10"), "{lines:?}");
    let (run, _) = run_text(&reported.replace("type: Value", "type: AverageValue"));
    let lines = hpa_lines(&run);
    assert!(lines[0].contains("web: 1 -> 4: Object queue_length: 30 on average against 5; proposes 6"), "{lines:?}");
}

/// kubernetes#79365: a sidecar without a CPU request.
#[test]
fn an_autoscaler_on_a_container_without_a_request_says_so_and_its_other_metrics_work_on() {
    let file = file("sidecar-norequest-sim.yaml");
    let (run, warnings) = run_text(&file);
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("container envoy") && warning.contains("FailedGetResourceMetric"))
    );
    let lines = hpa_lines(&run);
    assert_eq!((run.outcome.hpa_changes, lines.len()), (0, 1), "told once: {lines:?}");
    assert!(
        lines[0]
            .contains("2 -> 2: FailedGetResourceMetric: Resource cpu: failed: a container of pod web-0 has no request")
    );

    let served = file.replace("cpu: {constant: 900m}", "requests: {constant: 55}, perRequest: {cpu: 5ms}");
    let (run, _) = run_text(&served);
    let lines = hpa_lines(&run);
    // 55 requests a second at 10 a replica.
    assert!(lines.last().is_some_and(|line| line.contains(" -> 6: ")), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("Resource cpu: failed")), "{lines:?}");
}

#[test]
fn without_metrics_an_autoscaler_wants_80_percent_of_the_cpu_requests_and_fails_where_there_are_none() {
    let spec = "  duration: 5m\n  load: [{target: {kind: Deployment, name: web}, cpu: {constant: 900m}}]";
    let (run, warnings) = run_text(&(header(spec) + &deployment("web", 2, "memory: 64Mi") + &autoscaler("web", 1, "")));
    assert!(warnings.iter().any(|warning| warning.contains("80 % of the CPU requests")), "{warnings:?}");
    let lines = hpa_lines(&run);
    assert_eq!((run.outcome.hpa_changes, lines.len()), (0, 1), "{lines:?}");
    assert!(lines[0].contains("2 -> 2: FailedGetResourceMetric: Resource cpu: failed"), "{lines:?}");
}

#[test]
fn a_scaled_object_is_read_as_people_write_it() {
    let file = file("keda-as-written.yaml");
    let (run, warnings) = run_text(&file);
    assert_eq!(warnings, Vec::<String>::new());
    // One core at 60 % of 200m each is 8.3 replicas; within the tolerance of 8. The window is closed at 01:00 in Berlin.
    let lines = hpa_lines(&run);
    assert!(lines.last().is_some_and(|line| line.contains("hpa/default/keda-hpa-web: 5 -> 8")), "{lines:?}");
    assert!(lines[0].contains("External s0-cron-Europe-Berlin-08xxx-018xxx: 1 on average against 1"), "{lines:?}");

    let by_day = file.replace("  duration: 1h", "  duration: 1h\n  start: 2026-01-05T09:00:00Z");
    let (run, _) = run_text(&by_day);
    let lines = hpa_lines(&run);
    assert!(lines[0].contains("keda-hpa-web: 1 -> 5: External s0-cron"), "{lines:?}");
    assert!(lines[0].contains("5 on average against 1; proposes 5"), "{lines:?}");
}

#[test]
fn a_scaled_object_among_the_manifests_follows_a_queue_from_zero_and_back() {
    let object = "---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: consumer, labels: {a: b}}\nspec:\n  scaleTargetRef: {name: web}\n  pollingInterval: 10\n  cooldownPeriod: 60\n  maxReplicaCount: 8\n  triggers:\n    - type: rabbitmq\n      metadata: {protocol: amqp, queueName: orders, mode: QueueLength, value: \"5\", activationValue: \"2\"}\n";
    let spec = "  duration: 30m\n  metrics: {series: [{name: orders, value: {step: {initial: 0, steps: [{at: 2m, to: 33}, {at: 10m, to: 0}]}}}]}";
    let text = header(spec) + &deployment("web", 0, "cpu: 100m") + object;
    let (run, warnings) = run_text(&text);
    assert_eq!(warnings, Vec::<String>::new());
    let scaled: Vec<&String> =
        run.decisions.iter().filter(|line| line.contains("web") || line.contains("consumer")).collect();
    let has = |part: &str| scaled.iter().any(|line| line.contains(part));
    assert!(has("keda") && has("0 -> 1: a trigger is active: woken from idle"), "{scaled:?}");
    assert!(has("1 -> 4: External orders: 33 on average against 5; proposes 7; raw 7; limited to 4"), "{scaled:?}");
    assert!(has("4 -> 7: External orders: 8250m on average"), "{scaled:?}");
    assert!(scaled.last().is_some_and(|line| line.contains(" -> 0: no trigger was active")), "{scaled:?}");
    assert_eq!(run.samples.last().expect("a sample").pods.running, 0);
}

/// The same object, pasted whole under `autoscaling.keda`.
#[test]
fn a_scaled_object_may_be_pasted_whole_and_its_prometheus_trigger_reads_the_targets_load() {
    let spec = "  duration: 10m\n  load: [{target: {kind: Deployment, name: web}, requests: {constant: 95}, perRequest: {cpu: 2ms}}]\n  autoscaling:\n    keda:\n      - apiVersion: keda.sh/v1alpha1\n        kind: ScaledObject\n        metadata: {name: front}\n        spec:\n          scaleTargetRef: {name: web}\n          minReplicaCount: 1\n          fallback: {failureThreshold: 3, replicas: 2}\n          triggers:\n            - type: prometheus\n              metadata: {serverAddress: http://p, query: \"sum(rate(http_requests_total[1m]))\", threshold: \"20\"}";
    let (run, warnings) = run_text(&(header(spec) + &deployment("web", 1, "cpu: 100m")));
    let lines = hpa_lines(&run);
    assert!(lines.last().is_some_and(|line| line.contains("keda-hpa-front") && line.contains("-> 5: ")), "{lines:?}");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.contains("reads the requests per second")), "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.contains("not modelled: fallback")), "{warnings:?}");
}

/// A queue of 50 that is empty from 20 min on: with `minReplicas: 0` (HPAScaleToZero) nobody is left, and whoever comes
/// back is asked for by the queue.
#[test]
fn an_autoscaler_on_a_queue_goes_to_zero_and_comes_back() {
    let metrics = "  metrics: [{type: External, external: {metric: {name: queue}, target: {type: AverageValue, averageValue: \"10\"}}}]";
    let spec = "  duration: 1h\n  metrics: {series: [{name: queue, value: {step: {initial: 50, steps: [{at: 20m, to: 0}, {at: 40m, to: 30}]}}}]}";
    let text = header(spec) + &deployment("front", 2, "cpu: 100m") + &autoscaler("front", 0, metrics);
    let (run, warnings) = run_text(&text);
    let changes: Vec<&str> = hpa_lines(&run).iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(changes, ["2 -> 4", "4 -> 5", "5 -> 0", "0 -> 3"], "{:?} {warnings:?}", hpa_lines(&run));
}

/// A target that somebody put at zero: since 1.36 an HPA leaves it there, before, a minimum of zero was enough.
#[test]
fn a_target_that_starts_at_zero_is_woken_by_the_version() {
    let metrics = "  metrics: [{type: External, external: {metric: {name: queue}, target: {type: AverageValue, averageValue: \"10\"}}}]";
    let spec = |version: &str| {
        format!(
            "  kubernetesVersion: {version}\n  featureGates: {{HPAScaleToZero: true}}\n  duration: 10m\n  metrics: {{series: [{{name: queue, value: {{constant: 50}}}}]}}"
        )
    };
    let changes = |version: &str| {
        let text = header(&spec(version)) + &deployment("front", 0, "cpu: 100m") + &autoscaler("front", 0, metrics);
        let (run, _) = run_text(&text);
        hpa_lines(&run).iter().filter_map(|line| Some(line.split(": ").nth(1)?.to_owned())).collect::<Vec<String>>()
    };
    assert_eq!(changes("1.35"), ["0 -> 4", "4 -> 5"]);
    assert!(changes("1.36").is_empty() && changes("1.37").is_empty());
}

/// KEDA's pause: nothing scales, and the target is held where the annotation says.
#[test]
fn a_paused_scaled_object_holds_its_target() {
    let object = |annotation: &str| {
        format!(
            "---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: consumer, annotations: {{{annotation}}}}}\nspec:\n  scaleTargetRef: {{name: front}}\n  triggers: [{{type: cron, metadata: {{timezone: UTC, start: \"5 * * * *\", end: \"50 * * * *\", desiredReplicas: \"6\"}}}}]\n"
        )
    };
    for (annotation, replicas, words) in [
        ("autoscaling.keda.sh/paused-replicas: \"1\"", 1, "is paused: its target stays at 1 replicas"),
        ("autoscaling.keda.sh/paused: \"true\"", 3, "is paused: its target stays at the replicas that it has"),
        ("autoscaling.keda.sh/paused: \"false\"", 6, ""),
    ] {
        let text = header("  duration: 30m") + &deployment("front", 3, "cpu: 100m") + &object(annotation);
        let (run, warnings) = run_text(&text);
        assert_eq!(run.samples.last().expect("samples").pods.running, replicas, "{annotation}: {warnings:?}");
        assert_eq!(warnings.iter().any(|warning| warning.contains("is paused")), !words.is_empty(), "{warnings:?}");
        assert!(warnings.iter().any(|warning| warning.contains(words)) || words.is_empty(), "{warnings:?}");
    }
}
