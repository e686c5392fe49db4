//! An observer of one's own: it is told every decision and every sample while the run goes on, and keeps what it likes.
//!
//! This one prints each scale-up with its reason, and the hour in which most pods waited.
//!
//! ```text
//! cargo run --example observer
//! ```

use std::path::Path;

use windtunnel::scenario;
use windtunnel::sim::{self, DecisionRecord, Observer, Sample};
use windtunnel::units::SimTime;

/// What it keeps.
#[derive(Debug, Default)]
struct Watcher {
    scale_ups: Vec<String>,
    /// Most pods that were pending at a sample, and when.
    worst: (u32, SimTime),
}

impl Observer for Watcher {
    fn decision(&mut self, decision: &DecisionRecord<'_>) {
        if decision.object.starts_with("nodegroup/") {
            let DecisionRecord { at, object, from, to, reason, .. } = decision;
            self.scale_ups.push(format!("{at}: {object} from {from} to {to}: {reason}"));
        }
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        let pending = sample.pods.pending;
        if pending > self.worst.0 {
            self.worst = (pending, sample.at);
        }
    }
}

fn watched() -> Watcher {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/ai-model-training.yaml");
    let loaded = scenario::load(&path, &[]).expect("the reference scenario is valid");
    let mut watcher = Watcher::default();
    sim::run(&loaded.scenario, loaded.scenario.seed, &mut watcher);
    watcher
}

fn main() {
    let watcher = watched();
    watcher.scale_ups.iter().for_each(|line| println!("{line}"));
    println!("{} pods were pending at {}", watcher.worst.0, watcher.worst.1);
}

#[test]
fn decisions_are_told_with_their_reasons() {
    let watcher = watched();
    assert!(watcher.scale_ups.iter().any(|line| line.contains("general")), "{watcher:?}");
}
