//! Services seen from outside a run: what they drop, how long they saturate, and what their requests feel.

mod accuracy;
mod each_request;
mod exact;
mod figures;

use std::fs;

use serde_json::Value;
use windtunnel::record::writer::json;
use windtunnel::record::{Recorder, Summary};
use windtunnel::{scenario, sim};

/// A scenario of one Deployment `web` on one node of 200 cores.
struct Case {
    /// Lines of the scenario's `spec`.
    spec: String,
    /// Fields of the Deployment's one container's `resources`.
    resources: String,
    replicas: u32,
    minutes: u32,
    /// More documents.
    objects: String,
}

impl Case {
    fn new(load: &str, resources: &str) -> Case {
        let spec = format!("  load:\n    - target: {{kind: Deployment, name: web}}\n{load}");
        Case { spec, resources: resources.to_owned(), replicas: 1, minutes: 60, objects: String::new() }
    }

    fn text(&self) -> String {
        let Case { spec, resources, replicas, minutes, objects } = self;
        format!(
            "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: case}}\nspec:\n  duration: {minutes}m\n  \
             nodes: [{{name: n, capacity: {{cpu: 200, memory: 100Gi, pods: 500}}}}]\n{spec}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec:\n      containers: [{{name: c, image: i, resources: {{{resources}}}}}]\n{objects}"
        )
    }

    fn summary(&self) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("case.yaml");
        fs::write(&path, self.text()).unwrap();
        let scenario = match scenario::load(&path, &[]) {
            Ok(loaded) => loaded.scenario,
            Err(mistakes) => panic!("{:?}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>()),
        };
        if self.minutes <= 60 {
            crate::golden::as_on_record(&scenario, scenario.seed);
        }
        let mut recorder = Recorder::new(&scenario, false);
        let outcome = sim::run(&scenario, scenario.seed, &mut recorder);
        serde_json::from_slice(&json::summary(&Summary::of(&outcome))).unwrap()
    }

    /// The figures of `web`.
    fn web(&self) -> Value {
        self.summary()["services"]["default/web"].clone()
    }
}

fn near(value: &Value, expected: f64, within: f64) {
    let number = value.as_f64().unwrap_or(f64::NAN);
    assert!((number - expected).abs() <= within * expected.abs(), "{number} is not near {expected}");
}
