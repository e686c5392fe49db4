//! What the fuzzers feed (`fuzz/`), one function a target, and a small corpus that ordinary test runs go through.
//!
//! A body takes any bytes and must neither panic nor hang; a valid scenario it runs under audit.

#[cfg(test)]
mod blind;
#[cfg(test)]
mod corpus;

use std::io::Cursor;
use std::path::Path;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use windtunnel::cli::decide::{self, Controller};
use windtunnel::scenario::import::{FORMATS, Inputs, Source};
use windtunnel::scenario::{Override, Scenario, ScenarioFiles};
use windtunnel::sim::{self, RunOptions};
use windtunnel::sweep::Sweep;
use windtunnel::units::SimDuration;

use crate::invariants::{draw, judge, runs};
use crate::watch::watch;

/// Runs of a fuzzer are short: what takes longer is no longer about reading.
const LONGEST: SimDuration = SimDuration::from_mins(20);
const MOST_PODS: u64 = 300;
const MOST_NODES: usize = 100;

/// A target's name and its body.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 11] = [
    ("scenario", scenario),
    ("manifests", manifests),
    ("sweep", sweep),
    ("imports", imports),
    ("set", set),
    ("decide_hpa", |data| decision(Controller::Hpa, data)),
    ("decide_cluster_autoscaler", |data| decision(Controller::ClusterAutoscaler, data)),
    ("decide_karpenter", |data| decision(Controller::Karpenter, data)),
    ("decide_kueue", |data| decision(Controller::Kueue, data)),
    ("decide_schedule", |data| decision(Controller::Schedule, data)),
    ("plan", plan),
];

/// A scenario file.
pub fn scenario(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        load_and_run(text, &[]);
    }
}

const HEAD: &str = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: fuzz}\nspec:\n  duration: 20m\n  \
    nodes: [{name: n, instanceType: m6i.large, count: 2}]\n  nodeGroups: [{name: g, instanceType: m6i.xlarge, maxSize: 3}]\n";

/// Kubernetes objects: manifests and dumps.
pub fn manifests(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        load_and_run(&format!("{HEAD}---\n{text}"), &[]);
    }
}

/// A sweep file.
pub fn sweep(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(sweep) = Sweep::parse(text) {
        for configuration in sweep.configurations.iter().take(20) {
            let _ = (sweep.variant_label(configuration), sweep.seeds_or(1));
        }
    }
}

/// A table of a trace: a line that names the format, then each of its inputs, parted by a line `%%`.
pub fn imports(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (name, rest) = (&data[..end], &data[end + 1..]);
    let Some(format) = FORMATS.iter().find(|format| format.name.as_bytes() == name) else { return };
    let mut parts: Vec<Cursor<&[u8]>> = split(rest, b"%%\n").into_iter().map(Cursor::new).collect();
    let mut inputs = Inputs::default();
    for ((input, _), reader) in format.inputs.iter().zip(&mut parts) {
        let source = Some(Source { reader, file: input });
        match *input {
            "pods" => inputs.pods = source,
            "nodes" => inputs.nodes = source,
            "jobs" => inputs.jobs = source,
            _ => inputs.throughputs = source,
        }
    }
    let _ = format.read(inputs);
}

fn split<'d>(data: &'d [u8], by: &[u8]) -> Vec<&'d [u8]> {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(by.len()).position(|window| window == by) {
        parts.push(&rest[..at]);
        rest = &rest[at + by.len()..];
    }
    parts.push(rest);
    parts
}

const BASE: &str = include_str!("base.yaml");

/// `--set PATH=VALUE`, one a line, on a scenario with a part of each kind.
pub fn set(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let overrides: Result<Vec<Override>, _> = text.lines().take(8).map(Override::parse).collect();
    if let Ok(overrides) = overrides {
        load_and_run(BASE, &overrides);
    }
}

fn decision(controller: Controller, data: &[u8]) {
    if let Ok(input) = serde_json::from_slice(data) {
        let _ = decide::answer(controller, &input, 1);
    }
}

/// A valid scenario, drawn with these bytes for chance: under audit, judged, and against the plain twin.
pub fn plan(data: &[u8]) {
    // Chance that has run out is zeros, with which a draw may never end.
    if data.len() < 64 {
        return;
    }
    let seed: [u8; 32] = chance_from(data);
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::default() },
        TestRng::from_seed(RngAlgorithm::ChaCha, &seed),
    );
    let drawn = match data[0] % 2 {
        0 => draw::fixed_cluster().new_tree(&mut runner).map(|tree| tree.current()),
        _ => draw::autoscaled_cluster().new_tree(&mut runner).map(|tree| tree.current()),
    };
    let Ok(plan) = drawn else { return };
    let scenario = plan.scenario();
    let seed = u64::from(data[1]);
    let fast = watch(&scenario, seed, RunOptions { audit_every: 5, ..RunOptions::default() });
    judge::books(&scenario, &fast);
    let plain = watch(&scenario, seed, RunOptions { plain: true, ..RunOptions::default() });
    runs::same_run(&fast, &plain);
}

/// Any bytes as a seed.
fn chance_from(data: &[u8]) -> [u8; 32] {
    let mut seed = [0u8; 32];
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for (at, byte) in data.iter().enumerate() {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        seed[at % 32] ^= (state >> 24) as u8;
    }
    seed
}

fn load_and_run(text: &str, overrides: &[Override]) {
    // Files of this machine are no part of an input.
    if ["manifests:", "file:", "replay:", "jobs:"].iter().any(|word| text.contains(word)) {
        let _ = ScenarioFiles::of_text("fuzz.yaml", text.to_owned());
        return;
    }
    let Ok(files) = ScenarioFiles::of_text("fuzz.yaml", text.to_owned()) else { return };
    let Ok(loaded) = files.load(overrides) else { return };
    run(loaded.scenario);
}

fn run(mut scenario: Scenario) {
    let at_start: u32 = scenario.node_groups.iter().map(|group| group.initial_size.min(10_000)).sum();
    if scenario.nodes.len() + at_start as usize > MOST_NODES {
        return;
    }
    scenario.duration = scenario.duration.min(LONGEST);
    scenario.sample_interval = scenario.sample_interval.max(SimDuration::from_secs(10));
    scenario.max_pods = scenario.max_pods.min(MOST_PODS);
    // Fine signals are what their author asked for, and slow.
    let is_fine = |resolution: Option<SimDuration>| resolution.is_some_and(|it| it < SimDuration::from_secs(1));
    if scenario.loads.iter().any(|load| load.signal.as_ref().is_some_and(|signal| is_fine(signal.resolution))) {
        return;
    }
    sim::run_with(&scenario, 1, RunOptions { audit_every: 64, ..RunOptions::default() }, &mut ());
}

/// The folder of a target's inputs.
pub fn folder(root: &Path, target: &str) -> std::path::PathBuf {
    root.join("tests/fuzz/corpus").join(target)
}
