//! Rules are worked out by what changed; the twin works everything out anew on every sample. Both are the same to the bit.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use windtunnel::monitoring::{Alerts, Monitor, compile};
use windtunnel::promql::{
    AxisId, Context, LabelsId, NAME, Plan, PlanId, Query, STALE, SeriesId, Store, Value, evaluate,
};
use windtunnel::record::metrics::{self, Exporter, Series, Sink, Watched};
use windtunnel::scenario::{Monitoring, Scenario, load, read_rules};
use windtunnel::sim;
use windtunnel::units::{SimDuration, SimTime};

use super::differential::Draw;
use super::exposition::CRASHING;
use crate::house::root;
use crate::shell::Workshop;

/// A run that is kept as samples and as changes, over which expressions are asked at every scrape.
#[derive(Default)]
struct Twins {
    by_points: Store,
    by_steps: Store,
    scrapes: Option<AxisId>,
    plan: Plan,
    asked: Vec<(String, Query, PlanId)>,
    /// In both, with the value where it is there.
    series: Vec<(SeriesId, SeriesId, Option<f64>)>,
    /// Label sets that are known to be the same in both.
    same: FxHashMap<LabelsId, LabelsId>,
    now: i64,
    scrape: u64,
    compared: u64,
    elements: u64,
}

const REACH: i64 = 26 * 60_000;

impl Twins {
    fn ask(&mut self, expr: &str) {
        let query = Query::parse(expr, &mut self.by_points.labels).unwrap();
        let planned = Query::parse(expr, &mut self.by_steps.labels).unwrap();
        let id = self.plan.add(&planned, &mut self.by_steps.labels);
        self.asked.push((expr.to_owned(), query, id));
    }

    fn compare(&mut self, at: i64) {
        for (expr, query, id) in &mut self.asked {
            let plain = evaluate(query, &mut self.by_points, Context::at(at));
            let planned = self.plan.evaluate(*id, &mut self.by_steps, Context::at(at));
            self.compared += 1;
            let (plain, planned) = match (plain, planned) {
                (Ok(plain), Ok(planned)) => (plain, planned),
                (Err(plain), Err(planned)) => {
                    assert_eq!(plain, planned, "{expr}");
                    continue;
                }
                (plain, planned) => panic!("{expr} at {at}: {plain:?} against {planned:?}"),
            };
            let plain: Vec<(LabelsId, f64)> = match plain {
                Value::Scalar(value) => vec![(LabelsId::NONE, value)],
                Value::Vector(samples) => samples.iter().map(|sample| (sample.labels, sample.value)).collect(),
                Value::Text(_) | Value::Matrix(_) => panic!("{expr}"),
            };
            assert_eq!(plain.len(), planned.values.len(), "{expr} at {at}");
            for ((a, x), (b, y)) in plain.iter().zip(planned.labels.iter().zip(planned.values)) {
                assert_eq!(x.to_bits(), y.to_bits(), "{expr} at {at}: {x} {y}");
                if self.same.get(a) != Some(b) {
                    let (a_text, b_text) = (self.by_points.labels.display(*a), self.by_steps.labels.display(*b));
                    assert_eq!(a_text, b_text, "{expr} at {at}");
                    self.same.insert(*a, *b);
                }
                self.elements += 1;
            }
        }
    }
}

impl Sink for Twins {
    fn begin(&mut self, at: SimTime) {
        self.now = at.nanos() / 1_000_000;
        self.scrape += 1;
        let axis = *self.scrapes.get_or_insert_with(|| self.by_steps.axis());
        self.by_steps.advance(axis, self.now);
    }

    fn opened(&mut self, _: metrics::SeriesId, series: &Series<'_>) {
        let open = |store: &mut Store| {
            let labels = store.labels.set_of(series.labels.iter().copied().chain([(NAME, series.name)]));
            let id = store.series(labels);
            store.set_reach(id, REACH);
            id
        };
        self.series.push((open(&mut self.by_points), open(&mut self.by_steps), None));
    }

    fn set(&mut self, id: metrics::SeriesId, value: f64) {
        let (point, step, now) = &mut self.series[id.index()];
        *now = Some(value);
        self.by_points.push(*point, self.now, value);
        self.by_steps.step(*step, self.scrapes.unwrap(), value);
    }

    fn absent(&mut self, id: metrics::SeriesId) {
        let (point, step, now) = &mut self.series[id.index()];
        if now.take().is_some() {
            self.by_points.push(*point, self.now, f64::from_bits(STALE));
            self.by_steps.step(*step, self.scrapes.unwrap(), f64::from_bits(STALE));
        }
    }

    fn end(&mut self) {
        for (point, _, value) in &self.series {
            if let Some(value) = value {
                self.by_points.push(*point, self.now, *value);
            }
        }
        self.compare(self.now);
        // As groups with an offset do, and between scrapes.
        match self.scrape % 5 {
            1 => self.compare(self.now - 40_000),
            3 => self.compare(self.now + 11_000),
            _ => {}
        }
        if self.scrape.is_multiple_of(7) {
            self.by_points.forget(self.now, 0);
            self.by_steps.forget(self.now, 0);
        }
    }
}

fn crashing(shop: &Workshop) -> Scenario {
    let changes = "nodes: [{name: n, instanceType: m6i.large}]\n  replicaChanges:\n    - {at: 8m, target: {kind: Deployment, name: greedy}, replicas: 3}\n    - {at: 20m, target: {kind: Deployment, name: greedy}, replicas: 2}";
    let text = CRASHING
        .replace("nodes: [{name: n, instanceType: m6i.large}]", changes)
        .replace("memory: 2}", "memory: 1.6}")
        .replace("duration: 30m", "duration: 1h");
    std::fs::write(shop.path().join("s.yaml"), text).unwrap();
    load(&shop.path().join("s.yaml"), &[]).unwrap().scenario
}

fn watch(scenario: &Scenario, interval: i64, sink: &mut dyn Sink) {
    let exporter = Exporter::new(scenario.start_epoch_seconds, vec![sink]);
    let mut watched = Watched { inner: &mut (), exporter: Some((exporter, SimDuration::from_secs(interval))) };
    sim::run(scenario, 1, &mut watched);
}

#[test]
fn random_expressions_come_to_the_same_to_the_bit() {
    let shop = Workshop::new();
    let scenario = crashing(&shop);
    for (seed, count) in [(1, 150), (2, 150), (3, 5)] {
        let mut twins = Twins::default();
        let mut draw = Draw(seed);
        (0..count).for_each(|_| twins.ask(&draw.expression()));
        for expr in [
            "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
            "ts_of_last_over_time(kube_pod_status_ready[5m])",
            "{__name__=~\"kube_pod_status_.*\", condition=\"true\"} == 1",
            "kube_pod_info * on (pod) group_left () kube_pod_info",
            "kube_pod_status_ready + on (pod) kube_pod_status_scheduled",
            "quantile_over_time(0.4, container_memory_working_set_bytes[6m]) > bool 1e6",
            "predict_linear(container_cpu_usage_seconds_total[9m], 600)",
            "timestamp(kube_pod_info) - 1",
            "vector(1) or up",
            "kube_pod_info @ start()",
            "hour() + time() % 7",
        ] {
            twins.ask(expr);
        }
        watch(&scenario, 30, &mut twins);
        let (compared, elements) = (twins.compared, twins.elements);
        assert!(compared > 1_000 && elements > 4_000, "{compared} {elements}");
    }
}

/// Alerts of a run, worked out by what changed or plainly.
fn alerts(scenario: &Scenario, monitoring: &Monitoring, plain: bool) -> Alerts {
    let (compiled, _) = compile(monitoring).unwrap();
    let mut monitor = Monitor::new(compiled, scenario.start_epoch_seconds, monitoring.evaluation_interval);
    if plain {
        monitor = monitor.plain();
    }
    watch(scenario, monitoring.scrape_interval.nanos() / 1_000_000_000, &mut monitor);
    monitor.finish(scenario.duration)
}

/// Rules that record random expressions and alert on them, in groups of their own intervals and offsets.
fn rules(draw: &mut Draw) -> String {
    let mut text = "groups:\n".to_owned();
    for group in 0..6 {
        let (interval, offset) = (draw.of(&["15s", "30s", "1m", "7m"]), draw.of(&["0s", "0s", "40s"]));
        text += &format!("- name: g{group}\n  interval: {interval}\n  query_offset: {offset}\n  rules:\n");
        for rule in 0..8 {
            let quoted = |expr: String| format!("'{}'", expr.replace('\'', "''"));
            let expr = quoted(format!("sum by (pod) ({})", draw.vector(1)));
            text += &format!("  - record: r:{group}:{rule}\n    expr: {expr}\n");
            // The same series from two rules, and one that a run exposes.
            let name = draw.of(&["r:twice", "r:twice", "up"]);
            text += &format!("  - record: {name}\n    expr: {expr}\n    labels: {{of: '{}'}}\n", rule % 2);
            let (other, last) = (draw.below(6), draw.of(&["0s", "1m", "5m"]));
            let expr = match draw.below(4) {
                0 => format!("r:{other}:{rule} > {}", draw.below(3)),
                1 => "max_over_time(r:twice[5m]) > 1".to_owned(),
                2 => "count by (alertname) (ALERTS{alertstate=\"firing\"}) > 1".to_owned(),
                _ => format!("avg_over_time(r:{other}:{rule}[6m]) != 0 unless on (pod) up"),
            };
            let keep = draw.of(&["0s", "0s", "3m"]);
            text += &format!(
                "  - alert: A{group}x{rule}\n    expr: {expr}\n    for: {last}\n    keep_firing_for: {keep}\n    annotations: {{summary: '{{{{ $labels.pod }}}} {{{{ $value }}}}'}}\n"
            );
        }
    }
    text
}

#[test]
fn random_rules_fire_the_same() {
    let shop = Workshop::new();
    let scenario = crashing(&shop);
    let mut episodes = 0;
    for seed in 0..6 {
        let file = shop.path().join("rules.yaml");
        std::fs::write(&file, rules(&mut Draw(seed))).unwrap();
        let groups = read_rules(&[file]).0;
        let monitoring = Monitoring { groups: Arc::from(groups), ..Monitoring::default() };
        let quick = alerts(&scenario, &monitoring, false);
        let plain = alerts(&scenario, &monitoring, true);
        assert_eq!(format!("{quick:?}"), format!("{plain:?}"), "seed {seed}");
        episodes += quick.episodes.len();
    }
    assert!(episodes > 100, "{episodes}");
}

#[test]
fn shipped_rules_fire_the_same() {
    let mut scenario = load(&root().join("scenarios/ai-model-training.yaml"), &[]).unwrap().scenario;
    scenario.duration = SimDuration::from_mins(150);
    let files = ["autoscaling.yaml", "cost.yaml"].map(|file| root().join("monitoring/rules").join(file));
    let groups = read_rules(&files).0;
    let monitoring = Monitoring { groups: Arc::from(groups), ..Monitoring::default() };
    let [quick, plain] = [false, true].map(|plain| format!("{:?}", alerts(&scenario, &monitoring, plain)));
    assert_eq!(quick, plain);
}
