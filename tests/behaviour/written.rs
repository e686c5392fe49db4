//! Runs of scenarios as a user writes them: YAML in, everything that the run shows out.

use std::fs;

use windtunnel::scenario;
use windtunnel::sim::{PodRow, RunOptions};
use windtunnel::units::SimTime;

use crate::watch::{Watched, watch};

/// A run whose books are audited after every event, and what it was warned of.
pub struct Written {
    pub run: Watched,
    pub warnings: Vec<String>,
}

/// Containers start and end at once unless the text says otherwise; `spec` is what follows `spec:` of the scenario.
pub fn written(spec: &str, objects: &str) -> Written {
    written_with(1, spec, objects)
}

pub fn written_with(seed: u64, spec: &str, objects: &str) -> Written {
    let at_once = "  kubelet: {containerStart: 0s, termination: 0s}\n";
    let kubelet = if spec.contains("kubelet:") { "" } else { at_once };
    let head = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: written}\nspec:\n";
    let text = format!("{head}{kubelet}{spec}\n---\n{objects}\n");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scenario.yaml");
    fs::write(&path, text).expect("written");
    let loaded = scenario::load(&path, &[]).unwrap_or_else(|mistakes| {
        panic!("{}", mistakes.iter().map(|mistake| mistake.draw(false)).collect::<Vec<_>>().join("\n"))
    });
    let warnings = loaded.warnings.iter().map(|warning| warning.to_string()).collect();
    crate::golden::as_on_record(&loaded.scenario, seed);
    let run = watch(&loaded.scenario, seed, RunOptions { audit_every: 1, ..RunOptions::default() });
    Written { run, warnings }
}

impl Written {
    /// Pods whose name starts so, in the order of their creation.
    pub fn pods(&self, name: &str) -> Vec<&PodRow> {
        self.run.outcome.pods.iter().filter(|pod| pod.name.starts_with(name)).collect()
    }

    /// When they were created, in seconds.
    pub fn created(&self, name: &str) -> Vec<i64> {
        self.pods(name).iter().map(|pod| seconds(pod.created)).collect()
    }

    /// When and why they ended, in seconds.
    pub fn ended(&self, name: &str) -> Vec<(i64, &'static str)> {
        self.pods(name).iter().filter_map(|pod| Some((seconds(pod.finished?), pod.reason))).collect()
    }

    pub fn decisions(&self, part: &str) -> Vec<&str> {
        self.run.decisions.iter().filter(|line| line.contains(part)).map(String::as_str).collect()
    }

    /// How many live at an instant: created by then and not yet gone.
    pub fn live_at(&self, name: &str, second: i64) -> usize {
        let at = SimTime::from_secs(second);
        self.pods(name).iter().filter(|pod| pod.created <= at && pod.finished.is_none_or(|end| end > at)).count()
    }

    pub fn ready_at(&self, name: &str, second: i64) -> usize {
        let at = SimTime::from_secs(second);
        let is_ready = |pod: &&&PodRow| pod.ready.is_some_and(|ready| ready <= at);
        self.pods(name).iter().filter(is_ready).filter(|pod| pod.finished.is_none_or(|end| end > at)).count()
    }

    /// Zone of the node that each was bound to, by its order.
    pub fn zones(&self, name: &str) -> Vec<String> {
        let nodes = &self.run.outcome.nodes;
        self.pods(name).iter().filter_map(|pod| Some(nodes[pod.node? as usize].zone.to_string())).collect()
    }
}

pub fn seconds(at: SimTime) -> i64 {
    at.nanos() / 1_000_000_000
}
