//! The file of a run's metrics: OpenMetrics text, compressed where its name says so.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::exit_code::Failure;
use crate::monitoring::{self, Alerts, Monitor};
use crate::record::metrics::openmetrics::{self, Packing, Tape};
use crate::record::writer::single::{self, FileTerms};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Monitoring, Scenario};
use crate::units::SimDuration;

/// How often a run is scraped: as the command says, else as the scenario does, else every 15 s.
pub fn interval_of(scenario: &Scenario, asked: Option<SimDuration>) -> SimDuration {
    let of_scenario = scenario.monitoring.as_ref().map(|monitoring| monitoring.scrape_interval);
    asked.or(of_scenario).unwrap_or_else(|| Monitoring::default().scrape_interval)
}

/// What evaluates the scenario's rules, where it has some.
pub fn monitor(scenario: &Scenario) -> Option<Monitor> {
    let monitoring = scenario.monitoring.as_ref().filter(|monitoring| !monitoring.groups.is_empty())?;
    let (compiled, _) = monitoring::compile(monitoring).ok()?;
    Some(Monitor::new(compiled, scenario.start_epoch_seconds, monitoring.evaluation_interval))
}

/// Rules that failed in the run, for people: told however quiet a command is, for no figure of theirs says anything.
pub fn failures(alerts: &Alerts) -> Vec<Diagnostic> {
    alerts.failures.iter().map(|failure| Diagnostic::note(failure.to_string())).collect()
}

/// Reads `--scrape-interval`.
pub fn interval(text: &str) -> Result<SimDuration, String> {
    let interval = SimDuration::parse_non_negative(text)?;
    if interval < SimDuration::from_secs(1) {
        return Err("a scrape interval is a second at least".to_owned());
    }
    Ok(interval)
}

/// Whether the file may be written: to be asked before the work is done.
pub fn may_write(path: &Path, terms: FileTerms<'_>) -> Result<(), Failure> {
    Ok(single::may_write(path, terms_of(path, terms))?)
}

/// Writes the tape of a run that began `start` seconds after the Unix epoch.
pub fn write(path: &Path, tape: &mut Tape, start: i64, terms: FileTerms<'_>) -> Result<(), Failure> {
    single::stream(path, terms_of(path, terms), |out| {
        let packing = if is_compressed(path) { Packing::Gzip } else { Packing::Plain };
        openmetrics::write(tape, start, packing, out)?;
        out.flush()
    })?;
    Ok(())
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// The format has no room for a mark: a file that begins as ours do is taken for ours.
fn terms_of<'a>(path: &Path, terms: FileTerms<'a>) -> FileTerms<'a> {
    FileTerms { force: terms.force || begins_as_ours(path), ..terms }
}

fn begins_as_ours(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return false;
    }
    let wanted = openmetrics::beginning();
    let mut found = Vec::new();
    let length = wanted.len() as u64;
    let read = if is_compressed(path) {
        MultiGzDecoder::new(file).take(length).read_to_end(&mut found)
    } else {
        file.take(length).read_to_end(&mut found)
    };
    read.is_ok() && found == wanted.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_metrics_is_replaced_and_another_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["m.txt", "m.txt.gz"] {
            let path = folder.path().join(name);
            let terms = FileTerms { inputs: &[], force: false };
            std::fs::write(&path, "my own\n").unwrap();
            assert!(may_write(&path, terms).is_err());
            write(&path, &mut Tape::default(), 0, FileTerms { force: true, ..terms }).unwrap();
            // A run that exposed nothing left nothing to know it by.
            assert!(may_write(&path, terms).is_err());
        }
    }
}
