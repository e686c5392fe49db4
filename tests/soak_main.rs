//! The soak: 72 simulated years of the reference scenario in one run, then ten thousand drawn scenarios, in one process.
//! Memory must end where it was after the first thousand. `cargo run --release --example soak [YEARS] [SCENARIOS]`.

mod plan;

mod invariants {
    pub mod draw;
}

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Instant;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use windtunnel::scenario::{self, Override};
use windtunnel::sim::{self, RunOptions};

use invariants::draw;

/// Bytes of resident memory; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MB", bytes >> 20))
}

fn years(count: u64) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/ai-model-training.yaml");
    let settings = [format!("duration={}h", count * 8766), "sampleInterval=24h".to_owned()];
    let settings: Vec<Override> = settings.iter().map(|text| Override::parse(text).expect("a setting")).collect();
    let scenario = scenario::load(&path, &settings).expect("the reference scenario is valid").scenario;
    let started = Instant::now();
    let outcome = sim::run(&scenario, 1, &mut ());
    println!(
        "{count} years: {:.1} s, {} events, {} pods, {:.0} USD, {} resident",
        started.elapsed().as_secs_f64(),
        outcome.figures.events,
        outcome.pods.len(),
        outcome.cost.as_f64(),
        megabytes(resident())
    );
    assert!(outcome.stopped.is_none());
}

fn scenarios(count: u64) {
    let mut runner = TestRunner::deterministic();
    let (started, mut events, mut after_warming) = (Instant::now(), 0, None);
    for index in 0..count {
        let plan = match index % 2 {
            0 => draw::fixed_cluster().new_tree(&mut runner).expect("a plan can be drawn").current(),
            _ => draw::autoscaled_cluster().new_tree(&mut runner).expect("a plan can be drawn").current(),
        };
        let options = RunOptions { audit_every: 50, ..RunOptions::default() };
        let run = || sim::run_with(&plan.scenario(), index, options, &mut ()).figures.events;
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(of_run) => events += of_run,
            Err(panic) => {
                eprintln!("scenario {index}, under the seed of its number: {plan:#?}");
                resume_unwind(panic);
            }
        }
        if (index + 1).is_multiple_of(1_000) {
            let seconds = started.elapsed().as_secs_f64();
            println!("{} scenarios: {seconds:.1} s, {events} events, {} resident", index + 1, megabytes(resident()));
            after_warming = after_warming.or_else(resident);
        }
    }
    if let (Some(warm), Some(end)) = (after_warming, resident()) {
        assert!(end <= warm + warm / 10 + (16 << 20), "memory grew from {warm} to {end} bytes");
        println!("memory is flat");
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a whole number"));
    let (of_years, of_scenarios) = (arguments.next().unwrap_or(72), arguments.next().unwrap_or(10_000));
    scenarios(of_scenarios);
    years(of_years);
}
