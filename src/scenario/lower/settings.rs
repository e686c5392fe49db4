//! The run's own settings: when it starts, how long it lasts, kubelet, metrics, outages, expectations.

use rustc_hash::FxHashSet;

use super::{Lowering, instant, shared};
use crate::cluster::{image_with_tag, label};
use crate::load::WallClock;

use crate::scenario::diagnostic::{Diagnostic, suggestion};
use crate::scenario::names::names_results;
use crate::scenario::spec::{ExpectationSpec, KubeletSpec, ScenarioSpec};
use crate::scenario::{Expected, KubeletOptions, Outage, Test};
use crate::units::SimDuration;

/// 2026-01-05T00:00:00Z, a Monday.
const DEFAULT_START: i64 = 1_767_571_200;

/// Of one scenario: each is the scenario read anew.
const MOST_TESTS: usize = 200;
/// Of all tests under their seeds.
const MOST_RUNS: u64 = 100_000;

/// Rows of `timeseries.csv` that a run may write at most.
const MOST_SAMPLES: i64 = 5_000_000;

pub(super) fn kubelet(spec: &KubeletSpec) -> KubeletOptions {
    KubeletOptions {
        container_start: spec.container_start,
        image_pull_rate: spec.image_pull_rate,
        parallel_pulls: match spec.serialize_image_pulls {
            true => 1,
            false => spec.max_parallel_image_pulls.unwrap_or(u32::MAX),
        },
        image_sizes: spec.image_sizes.iter().map(|(name, size)| (shared(&image_with_tag(name)), *size)).collect(),
        termination: spec.termination,
        shutdown_grace_period: spec.shutdown_grace_period,
        shutdown_grace_period_critical_pods: spec.shutdown_grace_period_critical_pods,
    }
}

impl Lowering<'_> {
    pub(super) fn settings(&mut self, spec: &ScenarioSpec) {
        let (instant, ahead) = match spec.start.as_deref().map(start) {
            None => (DEFAULT_START, 0),
            Some(Some(instant)) => instant,
            Some(None) => {
                let text = spec.start.as_deref().unwrap_or_default();
                let error = self.error("start", format!("{text:?} is not a date or an RFC 3339 time"));
                error.expected = Some("a date such as 2026-03-02, or a time such as 2026-03-02T06:00:00+01:00".into());
                (DEFAULT_START, 0)
            }
        };
        self.scenario.start_epoch_seconds = instant;
        self.scenario.wall_clock = WallClock::from_unix_seconds(instant + ahead);
        self.check_name();
        let duration = self.scenario.duration;
        match spec.duration {
            Some(duration) if duration <= SimDuration::ZERO => {
                self.error("duration", "a run needs a duration above 0s");
            }
            None if !self.has("duration") => {
                self.error("", "missing field `duration`").hint = Some("add `duration:` under `spec:`".to_owned());
            }
            _ => {}
        }
        if spec.sample_interval <= SimDuration::ZERO {
            self.error("sampleInterval", "the interval of samples must be above 0s");
        } else if duration.nanos() / spec.sample_interval.nanos() > MOST_SAMPLES {
            let message = format!("{} gives over {MOST_SAMPLES} samples in {duration}", spec.sample_interval);
            self.error("sampleInterval", message).hint = Some("sample less often".to_owned());
        }
        if spec.metrics.resolution <= SimDuration::ZERO {
            self.error("metrics.resolution", "the interval of scrapes must be above 0s");
        }
        if spec.kubelet.image_pull_rate.get() == 0 {
            self.error("kubelet.imagePullRate", "a node that pulls nothing never starts a pod").hint =
                Some("give bytes a second, such as 60M".to_owned());
        }
        let kubelet = &spec.kubelet;
        if kubelet.shutdown_grace_period_critical_pods > kubelet.shutdown_grace_period {
            let message = "the part for critical pods is above shutdownGracePeriod, of which it is taken";
            self.error("kubelet.shutdownGracePeriodCriticalPods", message);
        }
        for (field, problem) in spec.node_lifecycle.problems() {
            self.error(&format!("nodeLifecycle.{field}"), problem);
        }
        self.scenario.node_lifecycle = spec.node_lifecycle;
        match spec.kubelet.max_parallel_image_pulls {
            Some(0) => {
                self.error("kubelet.maxParallelImagePulls", "a node that pulls nothing never starts a pod");
            }
            Some(2..) if spec.kubelet.serialize_image_pulls => {
                let message = "more than one image at a time contradicts `serializeImagePulls`, which is true";
                self.error("kubelet.maxParallelImagePulls", message).hint =
                    Some("add `serializeImagePulls: false`".to_owned());
            }
            _ => {}
        }
        self.outages(spec);
        self.expectations(spec);
    }

    /// The name becomes a folder.
    fn check_name(&mut self) {
        let name = self.scenario.name.clone();
        if !names_results(&name) {
            let place = self.document.at("metadata.name");
            let diagnostic = crate::scenario::diagnostic::Diagnostic::error(
                place,
                format!("{name:?} can't name a scenario, for its results go to a folder of that name"),
            );
            self.push(diagnostic.expected("letters, digits, `-`, `_` and `.`, and neither `-` nor `.` at its start"));
        }
    }

    fn outages(&mut self, spec: &ScenarioSpec) {
        for (index, outage) in spec.outages.iter().enumerate() {
            if outage.zone.is_some() == outage.node.is_some() {
                self.error(&format!("outages[{index}]"), "an outage has a zone or a node, and not both");
                continue;
            }
            if outage.at > self.scenario.duration {
                let end = self.scenario.duration;
                let message = format!("the outage at {} comes after the run's end ({end})", outage.at);
                self.error(&format!("outages[{index}].at"), message);
            }
            self.scenario.outages.push(Outage {
                at: instant(outage.at),
                zone: outage.zone.as_deref().map(shared),
                node: outage.node.as_deref().map(shared),
            });
        }
        self.scenario.outages.sort_by_key(|outage| outage.at);
    }

    /// Tells of what is planned for a time that the run does not come to.
    pub(super) fn happens(&mut self, path: &str, at: SimDuration) {
        let end = self.scenario.duration;
        if at >= end {
            let warning = Diagnostic::warning(self.at(path), format!("this never happens: the run ends after {end}"));
            self.push(warning.hint("a longer `duration:`"));
        }
    }

    /// Comes after the nodes.
    pub(super) fn check_outages(&mut self, spec: &ScenarioSpec) {
        let specs = &self.scenario.specs;
        let fixed = self.scenario.nodes.iter().map(|node| node.shape);
        let shapes = fixed.chain(self.scenario.node_groups.iter().flat_map(|group| group.shapes.iter().copied()));
        let mut zones: Vec<String> =
            shapes.filter_map(|shape| specs.shape(shape).labels.get(label::ZONE).cloned()).collect();
        zones.extend(self.launchable.iter().filter_map(|node| node.shape.labels.get(label::ZONE).cloned()));
        zones.sort_unstable();
        zones.dedup();
        let known: Vec<&str> = zones.iter().map(String::as_str).collect();
        for (index, outage) in spec.outages.iter().enumerate() {
            if let Some(node) = outage.node.as_deref().filter(|node| !self.may_be_node(node)) {
                let names: Vec<&str> = self.scenario.nodes.iter().map(|node| &*node.name).collect();
                let hint = suggestion(node, &names);
                let message = format!("no node will be called {node}");
                let error = self.error(&format!("outages[{index}].node"), message);
                error.hint = hint;
                error.expected =
                    Some("a node of the scenario, or one of a group or NodePool, such as general-0".to_owned());
            }
            if let Some(zone) = outage.zone.as_deref().filter(|zone| !known.contains(zone)) {
                let hint = suggestion(zone, &known);
                self.error(&format!("outages[{index}].zone"), format!("no node is in zone {zone}")).hint = hint;
            }
        }
    }

    /// Nodes of groups and NodePools are numbered from 0 as they come.
    fn may_be_node(&self, name: &str) -> bool {
        let of_group = name.rsplit_once('-').filter(|(_, number)| number.bytes().all(|digit| digit.is_ascii_digit()));
        self.scenario.nodes.iter().any(|node| &*node.name == name)
            || of_group.is_some_and(|(group, _)| self.scenario.node_groups.iter().any(|known| &*known.name == group))
    }

    /// Expectations with their places; what they mean is `check`'s to say.
    fn expectations(&mut self, spec: &ScenarioSpec) {
        self.scenario.expectations = self.expected("expect", &spec.expect);
        let runs: u64 = spec.tests.iter().map(|test| u64::from(test.seeds.unwrap_or(1))).sum();
        if spec.tests.len() > MOST_TESTS || runs > MOST_RUNS {
            let message =
                format!("{} tests with {runs} runs; {MOST_TESTS} tests and {MOST_RUNS} runs at most", spec.tests.len());
            self.error("tests", message).hint = Some("a sweep runs a scenario under many settings".to_owned());
            return;
        }
        let mut names = FxHashSet::default();
        for (index, test) in spec.tests.iter().enumerate() {
            let path = format!("tests[{index}]");
            if !names.insert(&test.name) {
                self.error(&format!("{path}.name"), format!("a second test is called {:?}", test.name));
            }
            if test.seeds == Some(0) {
                self.error(&format!("{path}.seeds"), "a test needs at least one seed");
            }
            let expectations = self.expected(&format!("{path}.expect"), &test.expect);
            let place = self.at(&format!("{path}.set")).clone();
            self.scenario.tests.push(Test { spec: test.clone(), place, expectations });
        }
    }

    fn expected(&self, path: &str, specs: &[ExpectationSpec]) -> Vec<Expected> {
        let expected = |(index, spec): (usize, &ExpectationSpec)| Expected {
            spec: spec.clone(),
            place: self.at(&format!("{path}[{index}]")).clone(),
        };
        specs.iter().enumerate().map(expected).collect()
    }
}

/// Seconds since the Unix epoch, and how many the clock on the wall is ahead of UTC: patterns of a day follow the time as
/// written, all else the instant.
fn start(text: &str) -> Option<(i64, i64)> {
    let Some(time) = text.find(['T', 't', ' ']) else {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        return Some((wall_seconds(date.to_datetime(jiff::civil::Time::midnight())), 0));
    };
    let instant = text.parse::<jiff::Timestamp>().ok()?.as_second();
    // With the offset checked, what stands before it is what the wall shows.
    let end = text[time..].find(['Z', 'z', '+', '-']).map_or(text.len(), |at| time + at);
    let wall = wall_seconds(text[..end].parse().ok()?);
    Some((instant, wall - instant))
}

fn wall_seconds(datetime: jiff::civil::DateTime) -> i64 {
    datetime.to_zoned(jiff::tz::TimeZone::UTC).map_or(DEFAULT_START, |zoned| zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_what_the_clock_on_the_wall_shows() {
        assert_eq!(start("2026-01-05"), Some((DEFAULT_START, 0)));
        assert_eq!(start("2026-01-05T00:00:00Z"), Some((DEFAULT_START, 0)));
        assert_eq!(start("2026-01-05T06:00:00+06:00"), Some((DEFAULT_START, 6 * 3600)));
        assert_eq!(start("2026-01-04T19:00:00-05:00"), Some((DEFAULT_START, -5 * 3600)));
        assert_eq!(start("2026-13-05"), None);
        assert_eq!(start("monday"), None);
    }
}
