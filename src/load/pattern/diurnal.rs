//! `diurnal`: a smooth wave with the period of a day, lower at weekends if so wished.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Grid, LoadModel};
use crate::load::{SignalContext, SignalError, TimeOfDay, WallClock};
use crate::units::{Quantity, SimTime};

const DAY_NANOS: f64 = 86_400e9;

/// A sinusoid between `trough` and `peak`; the trough lies twelve hours from the peak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiurnalSpec {
    /// Lowest demand of the day.
    pub trough: Quantity,
    /// Highest demand of the day; at least the trough.
    pub peak: Quantity,
    /// Wall-clock time of the peak, such as "14:00".
    pub peak_at: TimeOfDay,
    /// Multiplies the wave on Saturdays and Sundays. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekend_factor: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Diurnal {
    trough: f64,
    peak: f64,
    peak_at: i64,
    weekend_factor: f64,
    start: WallClock,
    grid: Grid,
}

impl Diurnal {
    pub fn compile(spec: &DiurnalSpec, context: &SignalContext, grid: Grid) -> Result<Diurnal, SignalError> {
        if spec.peak < spec.trough {
            let problem = format!("{} must not be less than the trough, {}", spec.peak, spec.trough);
            return Err(SignalError::new("diurnal.peak", problem));
        }
        let weekend_factor = spec.weekend_factor.unwrap_or(1.0);
        if !(weekend_factor.is_finite() && weekend_factor >= 0.0) {
            return Err(SignalError::new("diurnal.weekendFactor", "must be a number of zero or more"));
        }
        Ok(Diurnal {
            trough: spec.trough.milli_value() as f64,
            peak: spec.peak.milli_value() as f64,
            peak_at: spec.peak_at.nanos(),
            weekend_factor,
            start: context.start,
            grid,
        })
    }
}

impl LoadModel for Diurnal {
    fn value_at(&self, at: SimTime) -> f64 {
        let at = self.grid.at_or_before(at);
        let from_peak = (self.start.nanos_of_day(at) - self.peak_at) as f64 / DAY_NANOS;
        let height = (1.0 + (from_peak * std::f64::consts::TAU).cos()) / 2.0;
        let value = self.trough + (self.peak - self.trough) * height;
        if self.start.is_weekend(at) { value * self.weekend_factor } else { value }
    }

    fn next_change_after(&self, at: SimTime) -> SimTime {
        self.grid.after(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SimDuration;

    fn diurnal(start: WallClock) -> Diurnal {
        let yaml = "{trough: 1, peak: 3, peakAt: \"14:00\", weekendFactor: 0.5}";
        let spec: DiurnalSpec = serde_saphyr::from_str(yaml).unwrap();
        let context = SignalContext { seed: 0, entity: 0, start, horizon: SimDuration::ZERO };
        Diurnal::compile(&spec, &context, Grid::new(SimDuration::from_secs(60))).unwrap()
    }

    #[test]
    fn the_wave_peaks_when_stated_whatever_the_start() {
        for start_hour in [0, 9, 23] {
            let wave = diurnal(WallClock::new(0, start_hour * 3600));
            let at_hour =
                |hour: i64| wave.value_at(SimTime::from_secs((hour - i64::from(start_hour)) * 3600).max(SimTime::ZERO));
            assert_eq!(at_hour(38), 3000.0);
            assert_eq!(at_hour(26), 1000.0);
            assert_eq!(at_hour(32).round(), 2000.0);
        }
    }

    #[test]
    fn saturdays_are_quieter() {
        assert_eq!(diurnal(WallClock::new(5, 14 * 3600)).value_at(SimTime::ZERO), 1500.0);
    }
}
