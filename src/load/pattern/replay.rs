//! `replay`: demand as it was recorded.
//!
//! The series stands in the scenario (`points`) or in a file; whoever reads the scenario reads that file and hands
//! its points over with [`ReplaySpec::set_series`], for this room reads none.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Grid, LoadModel, stretch};
use crate::load::SignalError;
use crate::units::{Quantity, SimDuration, SimTime};

/// A recorded series: either `points`, or `file` and `column`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReplaySpec {
    /// A CSV file with a header, the JSON that a range query of Prometheus answers, or OpenMetrics text with timestamps;
    /// relative to the scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The column of the file that holds the demand; of Prometheus's files the series as PromQL names it
    /// (`name{label="value"}`), where those that match are summed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The column of the file that holds the time: seconds, Unix times or dates. Default: time_s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_column: Option<String>,
    /// The series itself, in ascending order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<ReplayPoint>,
    /// Multiplies every value. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// What holds between two points. Default: step.
    pub interpolation: Interpolation,
    /// Begin again after the last point (one interval after it, as long as the interval before it). Default: false,
    /// and the last value holds.
    #[serde(rename = "loop")]
    pub looped: bool,
    /// How far into the series the scenario starts. Default: 0s.
    pub offset: SimDuration,
    /// The file's points, once read.
    #[serde(skip)]
    series: Option<Arc<[SeriesPoint]>>,
}

/// One point of a series in a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayPoint {
    /// Time from the series' start.
    pub at: SimDuration,
    /// Demand.
    pub value: Quantity,
}

/// One point of a series as read from a file: `value` in whole units (cores, requests per second).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesPoint {
    pub at: SimTime,
    pub value: f64,
}

/// What holds between two points of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Interpolation {
    /// The earlier point's value.
    #[default]
    Step,
    /// A straight line between the two.
    Linear,
}

impl ReplaySpec {
    /// Whether a file is named and its series is not set yet.
    pub fn needs_series(&self) -> bool {
        self.file.is_some() && self.series.is_none()
    }

    /// The name of the file's time column.
    pub fn time_column(&self) -> &str {
        self.time_column.as_deref().unwrap_or("time_s")
    }

    /// Hands over what the file holds.
    pub fn set_series(&mut self, series: Vec<SeriesPoint>) {
        self.series = Some(series.into());
    }
}

#[derive(Debug)]
pub(super) struct Replay {
    times: Vec<SimTime>,
    milli: Vec<f64>,
    linear: bool,
    /// Length of one round where the series begins again.
    period: Option<SimDuration>,
    offset: SimDuration,
    grid: Grid,
}

impl Replay {
    pub fn compile(spec: &ReplaySpec, grid: Grid) -> Result<Replay, SignalError> {
        let refuse = |field: &str, problem: String| Err(SignalError::new(field, problem));
        let scale = spec.scale.unwrap_or(1.0);
        if !(scale.is_finite() && scale >= 0.0) {
            return refuse("replay.scale", format!("{scale} must be a number of zero or more"));
        }
        let inline: Vec<SeriesPoint>;
        let (points, place): (&[SeriesPoint], _) = match (&spec.file, &spec.series) {
            (Some(_), _) if spec.column.is_none() => {
                return refuse("replay.column", "the file's column that holds the demand is missing".to_owned());
            }
            (Some(_), _) if !spec.points.is_empty() => {
                return refuse("replay.points", "a replay has either points or a file, not both".to_owned());
            }
            (Some(file), None) => return refuse("replay.file", format!("{file} has not been read")),
            (Some(_), Some(series)) => (series, "replay.file: row "),
            (None, _) => {
                let value = |point: &ReplayPoint| point.value.milli_value() as f64 / 1000.0;
                inline =
                    spec.points.iter().map(|p| SeriesPoint { at: SimTime::ZERO + p.at, value: value(p) }).collect();
                (&inline, "replay.points")
            }
        };
        let Some((first, last)) = points.first().zip(points.last()) else {
            return refuse("replay", "a series is needed: points, or a file with at least one row".to_owned());
        };
        for (index, pair) in points.windows(2).enumerate() {
            if pair[1].at <= pair[0].at {
                let field = format!("{place}[{}].at", index + 1);
                return refuse(&field, format!("{} must be later than {}", pair[1].at, pair[0].at));
            }
        }
        if let Some(index) = points.iter().position(|point| !(point.value.is_finite() && point.value >= 0.0)) {
            return refuse(&format!("{place}[{index}].value"), "must be zero or more".to_owned());
        }
        let interval = match points {
            [.., before, last] => last.at.since(before.at),
            _ => SimDuration::from_secs(1),
        };
        Ok(Replay {
            period: spec.looped.then(|| last.at.since(first.at) + interval),
            times: points.iter().map(|point| point.at).collect(),
            milli: points.iter().map(|point| point.value * 1000.0 * scale).collect(),
            linear: spec.interpolation == Interpolation::Linear,
            offset: spec.offset,
            grid,
        })
    }

    /// The instant of the series that plays at `at`, and how far simulated time is ahead of it.
    fn series_time(&self, at: SimTime) -> (SimTime, SimDuration) {
        let moved = at + self.offset;
        let (first, into) = (self.times[0], moved.since(self.times[0]).nanos());
        let within = match self.period {
            Some(period) if into >= 0 => first + SimDuration::from_nanos(into.rem_euclid(period.nanos())),
            _ => moved,
        };
        (within, at.since(within))
    }
}

impl LoadModel for Replay {
    /// Before the first point its value holds.
    fn value_at(&self, at: SimTime) -> f64 {
        let at = if self.linear { self.grid.at_or_before(at) } else { at };
        let (at, _) = self.series_time(at);
        let begun = stretch(&self.times, at).0.max(1);
        let (before, value) = (begun - 1, self.milli[begun - 1]);
        // The last stretch of a round that begins again leads back to the first point.
        let (after, next) = match (self.times.get(begun), self.period) {
            (Some(time), _) => (*time, self.milli[begun]),
            (None, Some(period)) => (self.times[0] + period, self.milli[0]),
            (None, None) => return value,
        };
        if !self.linear || at < self.times[before] {
            return value;
        }
        let done = at.since(self.times[before]).as_secs_f64() / after.since(self.times[before]).as_secs_f64();
        value + (next - value) * done
    }

    fn next_change_after(&self, at: SimTime) -> SimTime {
        let (within, ahead) = self.series_time(at);
        let last = self.times[self.times.len() - 1];
        if self.linear && (self.period.is_some() || within < last) {
            return self.grid.after(at);
        }
        // A linear series takes its last value at the first grid instant after its end.
        if self.linear && self.grid.at_or_before(at) + self.offset < last {
            return self.grid.after(at);
        }
        match (stretch(&self.times, within).1, self.period) {
            (SimTime::MAX, None) => SimTime::MAX,
            (SimTime::MAX, Some(period)) => self.times[0] + period + ahead,
            (next, _) => next + ahead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(yaml: &str) -> Replay {
        let spec: ReplaySpec = serde_saphyr::from_str(yaml).unwrap();
        Replay::compile(&spec, Grid::new(SimDuration::from_secs(5))).unwrap()
    }

    fn milli(replay: &Replay, seconds: &[i64]) -> Vec<f64> {
        seconds.iter().map(|second| replay.value_at(SimTime::from_secs(*second))).collect()
    }

    const POINTS: &str = "points: [{at: 10s, value: 1}, {at: 20s, value: 3}, {at: 30s, value: 2}]";

    #[test]
    fn a_step_replay_holds_each_value_and_the_last_for_ever() {
        let replay = replay(&format!("{{{POINTS}, scale: 2}}"));
        assert_eq!(milli(&replay, &[0, 10, 19, 20, 30, 999]), [2000.0, 2000.0, 2000.0, 6000.0, 4000.0, 4000.0]);
        assert_eq!(replay.next_change_after(SimTime::from_secs(10)), SimTime::from_secs(20));
        assert_eq!(replay.next_change_after(SimTime::from_secs(30)), SimTime::MAX);
    }

    #[test]
    fn a_linear_replay_moves_on_the_grid() {
        let replay = replay(&format!("{{{POINTS}, interpolation: linear}}"));
        assert_eq!(
            milli(&replay, &[10, 14, 15, 20, 25, 30, 40]),
            [1000.0, 1000.0, 2000.0, 3000.0, 2500.0, 2000.0, 2000.0]
        );
    }

    #[test]
    fn a_looped_replay_begins_again_one_interval_after_its_end() {
        let replay = replay(&format!("{{{POINTS}, loop: true}}"));
        assert_eq!(
            milli(&replay, &[10, 20, 30, 39, 40, 50, 69, 70]),
            [1000.0, 3000.0, 2000.0, 2000.0, 1000.0, 3000.0, 2000.0, 1000.0]
        );
        assert_eq!(replay.next_change_after(SimTime::from_secs(35)), SimTime::from_secs(40));
        assert_eq!(replay.next_change_after(SimTime::from_secs(65)), SimTime::from_secs(70));
    }

    #[test]
    fn an_offset_starts_within_the_series() {
        let replay = replay(&format!("{{{POINTS}, offset: 15s}}"));
        assert_eq!(milli(&replay, &[0, 5, 15]), [1000.0, 3000.0, 2000.0]);
        assert_eq!(replay.next_change_after(SimTime::ZERO), SimTime::from_secs(5));
    }
}
