//! A program that runs scenarios itself: reads one, changes it, runs it under some seeds and prints what it cost.
//!
//! ```text
//! cargo run --example embed -- scenarios/ai-model-training.yaml nodeGroups.general.maxSize=5
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use windtunnel::record::Summary;
use windtunnel::scenario::diagnostic::Diagnostic;
use windtunnel::scenario::{Loaded, Override, ScenarioFiles};
use windtunnel::sim;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().map_or_else(reference, PathBuf::from);
    match run(path, &arguments.collect::<Vec<_>>()) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("{}", mistake.draw(false)));
            ExitCode::FAILURE
        }
    }
}

fn reference() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios/ai-model-training.yaml")
}

/// A line a seed.
fn run(path: PathBuf, settings: &[String]) -> Result<Vec<String>, Vec<Diagnostic>> {
    let files = ScenarioFiles::open(&path)?;
    let overrides = settings.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>()?;
    // A loaded scenario is valid: a run can't fail. It may be shared between threads.
    let Loaded { scenario, warnings } = files.load(&overrides)?;
    warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let line = |seed| {
        // `()` watches nothing; see the example `observer` for one that does.
        let outcome = sim::run(&scenario, seed, &mut ());
        let summary = Summary::of(&outcome);
        let (cost, nodes) = (summary.cost.total_usd, summary.nodes.peak);
        format!("seed {seed}: {cost:.2} USD, at most {nodes} nodes, {} pods", outcome.pods.len())
    };
    Ok((1..=3).map(line).collect())
}

#[test]
fn a_setting_changes_what_a_run_costs() {
    let all = run(reference(), &[]).unwrap();
    let short = run(reference(), &["duration=2h".to_owned()]).unwrap();
    assert_eq!(all.len(), 3);
    assert_ne!(all, short);
    assert!(run(reference(), &["duration=-1h".to_owned()]).is_err());
}
