//! Sweep files: the space that they mean, and what is told of their mistakes.

use serde_json::Value;

use super::*;

fn parse(spec: &str) -> Result<Sweep, String> {
    let text = format!(
        "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {{name: grid}}\nspec:\n  scenario: ../a.yaml\n  {spec}\n"
    );
    Sweep::parse(&text).map_err(|mistakes| mistakes.iter().map(|one| format!("{one}\n")).collect())
}

fn labels(spec: &str) -> Vec<String> {
    parse(spec).unwrap().configurations.iter().map(|one| one.label.clone()).collect()
}

#[test]
fn the_grid_combines_every_value_with_every_other_in_a_fixed_order() {
    let spec = "parameters: [{path: a.b, values: [1, fast]}, {path: t, range: {from: 5m, to: 15m, step: 5m}}]\n  seeds: {from: 3, count: 2}";
    assert_eq!(
        labels(spec),
        ["b 1, t 5m", "b 1, t 10m", "b 1, t 15m", "b fast, t 5m", "b fast, t 10m", "b fast, t 15m"]
    );
    let sweep = parse(spec).unwrap();
    let overrides: Vec<String> = sweep.configurations[3].overrides().collect();
    assert_eq!(overrides, ["a.b=\"fast\"", "t=\"5m\""]);
    assert_eq!(sweep.seeds, Some(vec![3, 4]));
    assert_eq!(sweep.plot.y, "cost.total_usd");
}

#[test]
fn parameters_whose_paths_end_alike_keep_their_whole_path() {
    let spec = "parameters: [{path: a.max, values: [1]}, {path: b.max, values: [1]}, {path: x.min, values: [1]}]";
    assert_eq!(labels(spec), ["a.max 1, b.max 1, min 1"]);
}

#[test]
fn ranges_reach_their_end_without_blurred_digits_by_steps_and_by_count() {
    let values = |range: &str| -> Vec<Value> {
        let sweep = parse(&format!("parameters: [{{path: x, range: {range}}}]")).unwrap();
        sweep.configurations.iter().map(|one| one.settings[0].1.clone()).collect()
    };
    assert_eq!(values("{from: 0.1, to: 0.7, step: 0.2}"), [0.1, 0.3, 0.5, 0.7].map(Value::from));
    assert_eq!(values("{from: 1, to: 9, count: 3}"), [1, 5, 9].map(Value::from));
    assert_eq!(values("{from: 1, to: 100, count: 3, scale: log}"), [1, 10, 100].map(Value::from));
    assert_eq!(values("{from: 1m, to: 3m, count: 2}"), ["1m", "3m"].map(Value::from));
}

#[test]
fn linked_parameters_variants_and_constraints_make_one_space() {
    let zip = "parameters: [{zip: [{path: cpu, values: [1, 2]}, {path: memory, values: [4Gi, 8Gi]}]}, {path: n, values: [1, 2]}]";
    assert_eq!(labels(zip).len(), 4);
    assert_eq!(labels(zip)[2], "cpu 2, memory 8Gi, n 1");
    let constrained = format!("{zip}\n  constraints: ['cpu + n <= 3']");
    let sweep = parse(&constrained).unwrap();
    assert_eq!((sweep.configurations.len(), sweep.left_out), (3, 1));
    let variants = "variants: [{label: as it is, set: {}}, {label: patient, set: {t: 30m}}]\n  parameters: [{path: n, values: [1, 2]}]\n  baseline: as it is, n 2";
    let sweep = parse(variants).unwrap();
    assert_eq!(labels(variants), ["as it is, n 1", "as it is, n 2", "patient, n 1", "patient, n 2"]);
    assert_eq!(sweep.baseline, 1);
    assert_eq!(sweep.variant_label(&sweep.configurations[2]), "patient");
}

#[test]
fn samples_are_of_the_size_asked_for_none_twice_and_the_same_every_time() {
    let spec = |method: &str, seed: u32| {
        format!(
            "parameters: [{{path: x, range: {{from: 0, to: 99}}}}, {{path: y, range: {{from: 1s, to: 1h, scale: log}}}}, {{path: z, values: [a, b]}}]\n  sample: {{method: {method}, count: 20, seed: {seed}}}"
        )
    };
    for method in ["random", "latinHypercube"] {
        let one = labels(&spec(method, 1));
        assert_eq!(one, labels(&spec(method, 1)));
        assert_ne!(one, labels(&spec(method, 2)));
        let mut known = one.clone();
        known.sort();
        known.dedup();
        assert_eq!(known.len(), 20, "{one:?}");
    }
    // Every strip of five whole numbers has one sample.
    let sweep = parse(&spec("latinHypercube", 3)).unwrap();
    let mut strips: Vec<i64> = sweep.configurations.iter().map(|one| one.settings[0].1.as_i64().unwrap() / 5).collect();
    strips.sort_unstable();
    assert_eq!(strips, (0..20).collect::<Vec<_>>());
    // A small space is taken whole.
    assert_eq!(labels("parameters: [{path: x, values: [1, 2]}]\n  sample: {method: random, count: 20}").len(), 2);
}

#[test]
fn every_mistake_is_told_at_its_place_at_once() {
    let text = "apiVersion: windtunnel/v1
kind: Sweep
metadata: {name: s}
spec:
  scenario: x.yaml
  parametrs:
    - {path: seed, values: [1]}
  seeds: {frm: 1, count: 2}
";
    let mistakes = Sweep::parse(text).unwrap_err();
    let told: Vec<String> = mistakes.iter().map(|mistake| mistake.to_string()).collect();
    assert!(
        told.iter().any(|one| one.starts_with("sweep:6:3") && one.contains("did you mean `parameters`?")),
        "{told:?}"
    );
    assert!(told.iter().any(|one| one.starts_with("sweep:8:11") && one.contains("did you mean `from`?")), "{told:?}");
}

#[test]
fn a_scenario_given_as_a_sweep_is_told_its_kind() {
    let mistakes = Sweep::parse("kind: Scenario\nspec: {duration: 24h}").unwrap_err();
    assert!(mistakes[0].to_string().contains("kind is \"Scenario\"; this is no sweep"), "{}", mistakes[0]);
}

#[test]
fn a_mistake_in_a_sweep_says_what_to_change() {
    for (spec, part) in [
        ("parameters: []", "the sweep changes nothing"),
        ("parameters: [{path: x, values: []}]", "empty list"),
        ("parameters: [{path: x}]", "either values or range"),
        ("parameters: [{values: [1]}]", "no path"),
        ("parameters: [{path: x, values: [1], range: {from: 1, to: 2, step: 1}}]", "not both"),
        ("parameters: [{path: x, values: [1, 2, 1]}]", "stands twice"),
        ("parameters: [{path: x, values: [1]}, {path: x, values: [2]}]", "parameter x stands twice"),
        ("variants: [{label: a, set: {x: 1}}]\n  parameters: [{path: x, values: [1]}]", "parameter x stands twice"),
        ("variants: [{label: a}, {label: a}]", "\"a\" stands twice"),
        ("parameters: [{path: x, range: {from: 1, to: 2, step: 0}}]", "step of zero"),
        ("parameters: [{path: x, range: {from: 1, to: 2, step: -1}}]", "leads away"),
        ("parameters: [{path: x, range: {from: 1, to: 2}}]", "neither step nor count"),
        ("parameters: [{path: x, range: {from: 0, to: 2, count: 3, scale: log}}]", "above zero"),
        ("parameters: [{path: x, range: {from: 1, to: 2m, step: 1}}]", "all three"),
        ("parameters: [{path: x, range: {from: 0, to: 1, step: 0.000001}}]", "1000001 runs"),
        ("parameters: [{path: seed, range: {from: -1e308, to: 1e308, step: 1}}]", "more than 10^15 runs"),
        ("parameters: [{path: x, range: {from: .nan, to: .inf, step: 1}}]", "must be finite"),
        ("parameters: [{zip: [{path: x, values: [1]}, {path: y, values: [1, 2]}]}]", "equal length"),
        ("parameters: [{zip: [{path: x, values: [1]}]}]", "two parameters"),
        ("parameters: [{path: x, values: [1]}]\n  seeds: []", "seeds are an empty list"),
        ("parameters: [{path: x, values: [1]}]\n  seeds: [4, 4]", "seed 4 stands twice"),
        ("parameters: [{path: x, values: [1]}]\n  seeds: {from: 1, count: 99999999999}", "99999999999 runs"),
        ("parameters: [{path: x, values: [1]}]\n  seeds: 3", "a list of seeds"),
        ("parameters: [{path: x, values: [1]}]\n  baseline: x 2", "did you mean `x 1`?"),
        ("parameters: [{path: x, values: [1]}]\n  constraints: ['x > 1']", "no combination meets"),
        ("parameters: [{path: x, values: [1]}]\n  constraints: ['y > 1']", "no parameter is called `y`"),
        ("parameters: [{path: x, values: [fast]}]\n  constraints: ['x > 1']", "is no number"),
        (
            "parameters: [{path: x, values: [1]}]\n  plot: {x: pod_wait_secnds.p99}",
            "did you mean `pod_wait_seconds.p99`?",
        ),
        (
            "parameters: [{path: x, values: [1]}]\n  optimize: {minimize: cost.totl_usd}",
            "did you mean `cost.total_usd`?",
        ),
        ("parameters: [{path: x, values: [1]}]\n  optimize: {}", "either minimize or maximize"),
        (
            "parameters: [{path: x, values: [1]}]\n  optimize: {minimize: cost.total_usd, subjectTo: ['pod_wait_secnds.p99 < 3']}",
            "did you mean `pod_wait_seconds.p99`?",
        ),
        (
            "parameters: [{path: x, values: [1]}]\n  optimize: {minimize: cost.total_usd, subjectTo: ['pods_pending < 3']}",
            "time series",
        ),
        ("paramters: [{path: x, values: [1]}]", "paramters"),
    ] {
        let error = parse(spec).unwrap_err();
        assert!(error.contains(part), "{spec}: {error}");
        assert!(error.lines().all(|line| line.starts_with("sweep:")), "{spec}: {error}");
    }
}

#[test]
fn the_front_is_of_real_differences_only() {
    use crate::record::Figure;
    let sweep = parse("parameters: [{path: n, values: [1, 2, 3]}]\n  plot: {x: nodes.peak, y: cost.total_usd}\n  seeds: {from: 1, count: 6}").unwrap();
    let weather = |seed: u64| [0.3, -0.2, 0.1, 0.4, -0.5, 0.05][seed as usize % 6];
    let row = |configuration: usize, seed: u64, cost: f64, peak: f64| Row {
        configuration,
        seed,
        figures: [("cost.total_usd", cost), ("nodes.peak", peak)]
            .map(|(name, value)| Figure { name: name.to_owned(), value, is_whole: false })
            .to_vec(),
    };
    let mut rows = Vec::new();
    for seed in 1..7 {
        rows.push(row(0, seed, 10.0 + weather(seed), 5.0));
    }
    for seed in 1..7 {
        // A hair cheaper by chance.
        rows.push(row(1, seed, 9.95 + weather(seed * 5 + 1), 5.0));
    }
    for seed in 1..7 {
        rows.push(row(2, seed, 12.0 + weather(seed) + 0.01 * weather(seed + 1), 5.0));
    }
    let results = Results { rows, errors: Vec::new() };
    assert_eq!(results.front(&sweep), [0, 1], "the third is really dearer, the first can't be told from the second");
    assert_eq!(results.unbeaten(3, "nodes.peak", "cost.total_usd"), [1]);
    let third = results.against(&sweep, 2, 0, "cost.total_usd").unwrap();
    assert!(third.verdict == crate::compare::Verdict::Worse && third.pairs == 6);
}
