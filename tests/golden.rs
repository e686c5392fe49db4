//! What runs write, byte for byte: every scenario that a test of behaviour runs, and drawn ones. Any change of an output
//! shows here by its table; accept an intended one with `INSTA_UPDATE=always cargo test --test main`.

use std::cell::Cell;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sha2::{Digest, Sha256};
use windtunnel::record::metrics::{Exporter, Sink, Watched, openmetrics};
use windtunnel::record::writer::{csv, json};
use windtunnel::record::{Recorder, Summary};
use windtunnel::scenario::{self, Override, Scenario};
use windtunnel::sim;
use windtunnel::units::SimDuration;

use crate::invariants::draw;

pub fn line(table: &str, bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{table} {} bytes {digest}\n", bytes.len())
}

/// A line for each output of a run.
pub fn outputs(scenario: &Scenario, seed: u64) -> String {
    let mut tape = openmetrics::Tape::default();
    let mut recorder = Recorder::new(scenario, true);
    // A few dozen looks at most: this is about what is told, not about how often.
    let interval = SimDuration::from_secs(30).max(SimDuration::from_secs(scenario.duration.nanos() / 60_000_000_000));
    let outcome = {
        let sinks: Vec<&mut dyn Sink> = vec![&mut tape];
        let exporter = Exporter::new(scenario.start_epoch_seconds, sinks);
        let mut watched = Watched { inner: &mut recorder, exporter: Some((exporter, interval)) };
        sim::run(scenario, seed, &mut watched)
    };
    let mut exposed = Vec::new();
    openmetrics::write(&mut tape, scenario.start_epoch_seconds, openmetrics::Packing::Plain, &mut exposed)
        .expect("the text fits into memory");
    let tables = [
        ("summary.json", json::summary(&Summary::of(&outcome))),
        ("timeseries.csv", csv::timeseries(&recorder)),
        ("decisions.csv", csv::decisions(&recorder)),
        ("pods.csv", csv::pods(&outcome)),
        ("nodes.csv", csv::nodes(&outcome)),
        ("jobs.csv", csv::jobs(&outcome)),
        ("attempts.csv", csv::attempts(&outcome)),
        ("openmetrics", exposed),
    ];
    tables.iter().map(|(table, bytes)| line(table, bytes)).collect()
}

/// Holds the outputs of a test's run against those on record, under the test's name and the number of its run.
pub fn as_on_record(scenario: &Scenario, seed: u64) {
    thread_local!(static RUNS: Cell<usize> = const { Cell::new(0) });
    let run = RUNS.with(|runs| runs.replace(runs.get() + 1));
    let test = std::thread::current().name().unwrap_or("unnamed").replace("::", "-");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("{test}-{run}"), outputs(scenario, seed)));
}

/// Clusters of every make, drawn: fixed ones and autoscaled ones by turns.
#[test]
fn drawn_clusters_write_what_they_wrote() {
    let mut runner = TestRunner::deterministic();
    let mut all = String::new();
    for index in 0..60 {
        let plan = match index % 2 {
            0 => draw::fixed_cluster().new_tree(&mut runner).expect("a plan can be drawn").current(),
            _ => draw::autoscaled_cluster().new_tree(&mut runner).expect("a plan can be drawn").current(),
        };
        all += &format!("{index}\n{}", outputs(&plan.scenario(), index));
    }
    insta::assert_snapshot!("drawn", all);
}

/// A scenario of all that stands beside one another: services, HPAs, spot, stock-outs, outages, patches, Karpenter's pool,
/// jobs that fail; and pods with one GPU.
#[test]
fn a_cluster_of_everything_writes_what_it_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = std::fs::read_to_string(crate::house::root().join("tests/fuzz/base.yaml")).expect("it is there");
    let gpu = "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: one-gpu}\nspec: {containers: [{name: c, image: i, \
               resources: {requests: {cpu: 1}, limits: {nvidia.com/gpu: 1}}}]}\n";
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, base.trim_end().to_owned() + gpu).expect("written");
    let mut all = String::new();
    for (seed, hours) in [(1, 1), (2, 1), (3, 3), (4, 6)] {
        let sets = [format!("duration={hours}h")].map(|set| Override::parse(&set).expect("a path and a value"));
        let loaded = scenario::load(&path, &sets).unwrap_or_else(|wrong| panic!("{}", wrong[0].draw(false)));
        all += &format!("seed {seed}, {hours} h\n{}", outputs(&loaded.scenario, seed));
    }
    insta::assert_snapshot!("everything", all);
}

/// One thing of that cluster changed at a time, so that a mistake shows that only such a cluster has.
#[test]
fn variants_of_it_write_what_they_wrote() {
    let base = std::fs::read_to_string(crate::house::root().join("tests/fuzz/base.yaml")).expect("it is there");
    let mut all = String::new();
    for (index, (from, to)) in VARIANTS.iter().enumerate() {
        assert_eq!(base.matches(from).count(), 1, "{from}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("scenario.yaml");
        std::fs::write(&path, base.replace(from, to)).expect("written");
        let sets = ["duration=70m"].map(|set| Override::parse(set).expect("a path and a value"));
        let loaded = scenario::load(&path, &sets).unwrap_or_else(|wrong| panic!("{to}: {}", wrong[0].draw(false)));
        all += &format!("{to}\n{}", outputs(&loaded.scenario, 10 + index as u64));
    }
    insta::assert_snapshot!("variants", all);
}

/// What is replaced by what.
const VARIANTS: &[(&str, &str)] = &[
    ("expander: least-waste", "expander: price"),
    ("expander: least-waste", "expander: random, balanceSimilarNodeGroups: true"),
    ("expander: least-waste", "maxNodesTotal: 4, coresTotal: \"0:12\""),
    ("expander: least-waste", "scaleDownEnabled: false"),
    ("expander: least-waste", "maxNodeProvisionTime: 30s, maxGracefulTerminationSec: 5"),
    (
        "expander: least-waste",
        "scaleDownDelayAfterAdd: 30s, scaleDownUtilizationThreshold: 0.9, skipNodesWithLocalStorage: false",
    ),
    ("expander: least-waste", "expendablePodsPriorityCutoff: 0, newPodScaleUpDelay: 20s"),
    ("scanInterval: 10s", "scanInterval: 37s"),
    ("initial: 5", "initial: 0"),
    ("{logNormal: {median: 40s, p95: 80s}}", "8m"),
    ("{logNormal: {median: 40s, p95: 80s}}", "40s, interruptionsPerHour: 3, capacityType: spot, spotPrice: 0.05"),
    ("stockOuts: [{from: 1m, to: 2m}]", "stockOuts: [{from: 1m, to: 1h}], interruptionsPerHour: 4"),
    ("zones: [zone-a, zone-b]", "zones: [zone-a, zone-b], stockOuts: [{from: 0s, to: 40m}]"),
    ("zones: [zone-a, zone-b]", "zones: [zone-a], provisioning: 30s, interruptionsPerHour: 3"),
    ("values: [on-demand]", "values: [on-demand, spot]"),
    ("expireAfter: 15m", "expireAfter: 40m\n      startupTaints: [{key: cni, effect: NoSchedule}]"),
    (
        "disruption: {consolidateAfter: 1m}",
        "disruption: {consolidateAfter: 30s, consolidationPolicy: WhenEmpty, budgets: [{nodes: \"1\"}]}",
    ),
    ("limits: {cpu: 8}", "limits: {cpu: 2}"),
    ("queue: {timeout: 5s, maxLength: 50}", "queue: {timeout: 1s}"),
    ("queue: {timeout: 5s, maxLength: 50}", "queue: {maxLength: 0}"),
    ("queue: {timeout: 5s, maxLength: 50}", "eachRequest: true"),
    ("perRequest: {cpu: 20ms, concurrency: 4}", "perRequest: {cpu: 20ms, concurrency: 1, variation: 1}"),
    ("usage: {cpu: 0.5, memory: 0.9}", "usage: {cpu: 2, memory: 2.5}"),
    ("usage: {cpu: 0.5, memory: 0.9}", "usage: {cpu: 0.1, memory: 1.4}"),
    ("duration: {exponential: {mean: 2m}}", "duration: 20m"),
    ("failures: {probability: 0.2, exitCode: 3}", "failures: {probability: 0.9, exitCode: 3}"),
    ("completionMode: Indexed", "activeDeadlineSeconds: 100"),
    ("completionMode: Indexed", "completionMode: Indexed\n  backoffLimitPerIndex: 1"),
    ("parallelism: 2", "parallelism: 4"),
    (
        "scheduler: {scoringStrategy: {type: MostAllocated}, percentageOfNodesToScore: 50}",
        "scheduler: {scoringStrategy: {type: LeastAllocated}}",
    ),
    ("kubelet: {imageSizes: {web: 300M}", "kubelet: {serializeImagePulls: false, imageSizes: {web: 3G, new: 1G}"),
    ("nodeLifecycle: {nodeMonitorPeriod: 5s}", "nodeLifecycle: {nodeMonitorGracePeriod: 20s}"),
    ("outages: [{at: 8m, zone: zone-a}]", "outages: [{at: 8m, zone: zone-b}]"),
    ("billing: {granularity: 1s, minimum: 1m}", "billing: {granularity: 1h, minimum: 1h}"),
    ("metrics: {resolution: 15s,", "metrics: {resolution: 60s,"),
    ("minAvailable: 1,", "maxUnavailable: 0,"),
    ("averageUtilization: 60", "averageUtilization: 20"),
    (
        "stabilizationWindowSeconds: 60, policies: [{type: Percent, value: 50, periodSeconds: 30}]",
        "stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 1, periodSeconds: 15}], tolerance: 0.3",
    ),
    (
        "priorityClassName: low}",
        "priorityClassName: low, terminationGracePeriodSeconds: 90, nodeSelector: {karpenter.sh/nodepool: pool}}",
    ),
    ("whenUnsatisfiable: ScheduleAnyway", "whenUnsatisfiable: DoNotSchedule"),
    ("name: batch}, duration", "name: batch}, arrival: 10m, duration"),
];
