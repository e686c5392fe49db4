//! Inputs that are long, deep or full of mistakes.

use super::{HEAD, deployment, refused, within_bounds, write};
use crate::shell::Workshop;

#[test]
fn a_dump_with_thousands_of_objects_that_have_no_part_is_read_once() {
    let shop = Workshop::new();
    let maps =
        |index: usize| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{index}}}\ndata: {{a: b}}\n");
    write(&shop, "s.yaml", &(HEAD.to_owned() + &(0..5000).map(maps).collect::<String>()));
    let said = within_bounds(&shop, "windtunnel validate s.yaml");
    assert_eq!(said.code, 0, "{}", said.err);

    let lines = "    # line\n".repeat(15);
    let service = |index: usize| {
        format!(
            "- apiVersion: v1\n  kind: Service\n  metadata:\n    name: svc-{index}\n    labels: {{app: a}}\n  spec:\n{lines}    type: ClusterIP\n"
        )
    };
    let list = "apiVersion: v1\nkind: List\nitems:\n".to_owned() + &(0..4000).map(service).collect::<String>();
    write(&shop, "list.yaml", &list);
    write(&shop, "d.yaml", &HEAD.replace("spec:\n", "spec:\n  manifests: [list.yaml]\n"));
    assert_eq!(within_bounds(&shop, "windtunnel validate d.yaml").code, 0);
}

#[test]
fn of_many_mistakes_the_first_fifty_are_shown_and_the_rest_counted() {
    let shop = Workshop::new();
    let wrong = |index: usize| deployment(&format!("d{index}"), "replica: 1");
    write(&shop, "s.yaml", &(HEAD.to_owned() + &(0..3000).map(wrong).collect::<String>()));
    refused(&shop, "windtunnel validate s.yaml", "… and 2950 more errors");
    let said = shop.run("windtunnel validate s.yaml");
    assert_eq!(said.err.matches("unknown field `replica`").count(), 50);
}

#[test]
fn many_keys_in_one_mapping_cost_no_comparison_with_each_other() {
    let shop = Workshop::new();
    let labels = (0..40_000).map(|index| format!("k{index}: v")).collect::<Vec<_>>().join(", ");
    write(&shop, "s.yaml", &HEAD.replace("minSize", &format!("labels: {{{labels}}}, minSize")));
    assert_eq!(within_bounds(&shop, "windtunnel validate s.yaml").code, 0);
    write(&shop, "t.yaml", &HEAD.replace("minSize", &format!("labels: {{{labels}, k7: v}}, minSize")));
    refused(&shop, "windtunnel validate t.yaml", "the key `k7` stands twice in this mapping");
    let wrong = (0..20_000).map(|index| format!("=k{index}: v")).collect::<Vec<_>>().join(", ");
    write(&shop, "u.yaml", &HEAD.replace("minSize", &format!("labels: {{{wrong}}}, minSize")));
    refused(&shop, "windtunnel validate u.yaml", "more errors");
}

#[test]
fn anchors_count_with_their_copies_and_nesting_has_an_end() {
    let shop = Workshop::new();
    let ones = vec!["1"; 200_000].join(",");
    let nested = |depth: usize| {
        let open = (0..depth).map(|index| format!("&a{index} [")).collect::<String>();
        format!("{HEAD}  junk: {open}{ones}{}\n", "]".repeat(depth))
    };
    write(&shop, "s.yaml", &nested(60));
    refused(&shop, "windtunnel validate s.yaml", "more than 500000 values in one file");
    let laughs = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
        format!("{text}a{level}: &a{level} [{0}, {0}]\n", format!("*a{}", level - 1))
    });
    write(&shop, "l.yaml", &laughs);
    refused(&shop, "windtunnel validate l.yaml", "more than 500000 values in one file");
    for (name, text) in [
        ("1.yaml", format!("a: {}", "[".repeat(100_000))),
        ("2.yaml", format!("{}a", "- ".repeat(100_000))),
        ("3.yaml", format!("{}1{}", "{a: ".repeat(50_000), "}".repeat(50_000))),
        ("4.yaml", format!("{}a", "? ".repeat(100_000))),
    ] {
        write(&shop, name, &text);
        assert_eq!(within_bounds(&shop, &format!("windtunnel validate {name}")).code, 2, "{name}");
    }
    write(&shop, "j.json", &"[".repeat(200_000));
    for controller in ["hpa", "cluster-autoscaler", "karpenter", "kueue", "schedule"] {
        refused(&shop, &format!("windtunnel decide {controller} j.json"), "not JSON");
    }
}

#[test]
fn a_path_of_thousands_of_steps_is_refused_wherever_it_stands() {
    let shop = Workshop::new();
    write(&shop, "s.yaml", HEAD);
    let path = "a.".repeat(30_000) + "b";
    refused(&shop, &format!("windtunnel validate s.yaml --set {path}=1"), "steps; at most 100 are taken for meant");
    write(&shop, "v.yaml", &format!("? {path}\n: 1\n"));
    assert_eq!(within_bounds(&shop, "windtunnel validate s.yaml --values v.yaml").code, 2);
    let sweep = format!(
        "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {{name: s}}\nspec:\n  scenario: s.yaml\n  parameters: [{{path: \"{path}\", values: [1, 2]}}]\n"
    );
    write(&shop, "w.yaml", &sweep);
    assert_eq!(within_bounds(&shop, "windtunnel sweep w.yaml").code, 2);
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(within_bounds(&shop, &format!("windtunnel validate s.yaml --set nodes={deep}")).code, 2);
}

#[test]
fn the_decisions_of_a_cluster_autoscaler_take_no_number_that_nobody_means() {
    let shop = Workshop::new();
    for (input, words) in [
        (
            r#"{"kind": "balance", "op": "distribute", "new_nodes": 9000000000000000000, "groups": [{"name": "a", "min": 1, "max": 900000000000, "size": 1}]}"#,
            "new_nodes: 9000000000000000000 is beyond",
        ),
        (
            r#"{"kind": "balance", "op": "distribute", "new_nodes": 9000000000, "groups": [{"name": "a", "min": 1, "max": 900000000000, "size": 1}]}"#,
            "new_nodes: 9000000000 nodes; 1000000 at most",
        ),
        (
            r#"{"kind": "balance", "op": "distribute", "new_nodes": 1, "groups": [{"name": "a", "min": 1, "max": 1, "size": 1}, {"name": "b", "min": 1, "max": -9223372036854775808, "size": 1}]}"#,
            "groups[1].max: -9223372036854775808 is beyond",
        ),
        (
            r#"{"kind": "scale_up", "node_groups": [{"max": 10, "min": 1, "name": "a", "target": -9223372036854775808}], "nodes": [], "options": {}, "pending_pods": []}"#,
            "node_groups[0].target: -9223372036854775808 is beyond",
        ),
        (
            r#"{"kind": "estimate", "template": {"cpu_milli": 1}, "pod_groups": [{"name": "a", "count": 900000}, {"name": "b", "count": 900000}]}"#,
            "pod_groups[1].count: 1800000 pods",
        ),
    ] {
        write(&shop, "input.json", input);
        refused(&shop, "windtunnel decide cluster-autoscaler input.json", words);
    }
}

#[test]
fn a_mistake_far_down_a_long_list_is_found_by_halves() {
    let shop = Workshop::new();
    let mut pods = vec![r#"{"name": "p", "cpu_milli": 1}"#.to_owned(); 20_000];
    pods[19_000] = r#"{"name": 5}"#.to_owned();
    let input = format!(r#"{{"kind": "utilization", "node": {{"name": "n"}}, "pods": [{}]}}"#, pods.join(","));
    write(&shop, "input.json", &input);
    refused(&shop, "windtunnel decide cluster-autoscaler input.json", "pods[19000].name");
}

/// Four times the objects must not take much more than four times as long.
#[test]
fn the_time_of_reading_follows_the_number_of_objects() {
    let shop = Workshop::new();
    let hpa = |index: usize| {
        format!(
            "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: d{index}}}\nspec:\n  scaleTargetRef: \
             {{apiVersion: apps/v1, kind: Deployment, name: d{index}}}\n  minReplicas: 1\n  maxReplicas: 3\n  metrics: [{{type: Resource, \
             resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 50}}}}}}]\n"
        )
    };
    let load =
        |index: usize| format!("    - {{target: {{kind: Deployment, name: d{index}}}, cpu: {{constant: 10m}}}}\n");
    let missing =
        |index: usize| format!("    - {{target: {{kind: Deployment, name: e{index}}}, cpu: {{constant: 10m}}}}\n");
    let named = |count: usize, of: &dyn Fn(usize) -> String| (0..count).map(of).collect::<String>();
    let deployments = |count: usize| named(count, &|index| deployment(&format!("d{index}"), "replicas: 1"));
    let kinds: [(&str, &dyn Fn(usize) -> String); 4] = [
        ("deployments", &|count| HEAD.to_owned() + &deployments(count)),
        ("orphaned autoscalers", &|count| HEAD.to_owned() + &named(count, &hpa)),
        ("loads", &|count| format!("{HEAD}  load:\n{}{}", named(count, &load), deployments(count))),
        ("missing targets", &|count| format!("{HEAD}  load:\n{}{}", named(count, &missing), deployments(count))),
    ];
    for (name, text) in kinds {
        let seconds = |count: usize| {
            write(&shop, "s.yaml", &text(count));
            let took = |_| {
                let started = std::time::Instant::now();
                let said = within_bounds(&shop, "windtunnel validate s.yaml");
                assert!([0, 2].contains(&said.code), "{name}: {}", said.err);
                started.elapsed().as_secs_f64()
            };
            // The least of two: the machine may be busy with something else.
            (0..2).map(took).fold(f64::INFINITY, f64::min)
        };
        let (few, many) = (seconds(500), seconds(2_000));
        assert!(many < 10.0 * few + 0.5, "{name}: {few:.2} s for 500, {many:.2} s for 2,000");
    }
}

#[test]
fn tests_and_threads_have_a_most() {
    let shop = Workshop::new();
    let tests =
        (0..201).map(|index| format!("    - {{name: t{index}, set: {{duration: 2m}}, expect: ['nodes.peak < 9']}}\n"));
    write(&shop, "s.yaml", &format!("{HEAD}  tests:\n{}", tests.collect::<String>()));
    refused(&shop, "windtunnel validate s.yaml", "201 tests with 201 runs; 200 tests");
    let seeds = "  tests: [{name: t, seeds: 4294967295, set: {duration: 2m}, expect: ['nodes.peak < 9']}]\n";
    write(&shop, "t.yaml", &format!("{HEAD}{seeds}"));
    refused(&shop, "windtunnel check t.yaml", "1 tests with 4294967295 runs");
    for command in ["check", "compare", "sweep", "optimize"] {
        refused(&shop, &format!("windtunnel {command} s.yaml --jobs 1000000"), "1024 threads at most");
    }
}
