//! `ramp`: demand that moves in a straight line from one level to another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Grid, LoadModel};
use crate::load::SignalError;
use crate::units::{Quantity, SimDuration, SimTime};

/// A line between two levels, held flat before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RampSpec {
    /// Level until `start`.
    pub from: Quantity,
    /// Level from `start` plus `duration` on.
    pub to: Quantity,
    /// When the ramp begins. Default: 0s.
    #[serde(default)]
    pub start: SimDuration,
    /// How long it takes; above 0s.
    pub duration: SimDuration,
}

#[derive(Debug)]
pub(super) struct Ramp {
    from: f64,
    to: f64,
    start: SimTime,
    duration: SimDuration,
    grid: Grid,
}

impl Ramp {
    pub fn compile(spec: &RampSpec, grid: Grid) -> Result<Ramp, SignalError> {
        if spec.duration <= SimDuration::ZERO {
            return Err(SignalError::new("ramp.duration", "must be above 0s; for a jump write step"));
        }
        Ok(Ramp {
            from: spec.from.milli_value() as f64,
            to: spec.to.milli_value() as f64,
            start: SimTime::ZERO + spec.start,
            duration: spec.duration,
            grid,
        })
    }

    fn end(&self) -> SimTime {
        self.start + self.duration
    }
}

impl LoadModel for Ramp {
    fn value_at(&self, at: SimTime) -> f64 {
        if at >= self.end() {
            return self.to;
        }
        let done = self.grid.at_or_before(at).since(self.start).as_secs_f64() / self.duration.as_secs_f64();
        self.from + (self.to - self.from) * done.max(0.0)
    }

    fn next_change_after(&self, at: SimTime) -> SimTime {
        if at >= self.end() {
            SimTime::MAX
        } else if at < self.start {
            self.grid.after(self.start).min(self.end())
        } else {
            self.grid.after(at).min(self.end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_flat_then_rises_on_the_grid_then_is_flat() {
        let spec: RampSpec = serde_saphyr::from_str("{from: 1, to: 3, start: 1m, duration: 100s}").unwrap();
        let ramp = Ramp::compile(&spec, Grid::new(SimDuration::from_secs(10))).unwrap();
        let at = SimTime::from_secs;
        for (second, milli) in
            [(0, 1000.0), (60, 1000.0), (69, 1000.0), (70, 1200.0), (110, 2000.0), (160, 3000.0), (999, 3000.0)]
        {
            assert_eq!(ramp.value_at(at(second)), milli, "at {second} s");
        }
        assert_eq!(ramp.next_change_after(at(0)), at(70));
        assert_eq!(ramp.next_change_after(at(155)), at(160));
        assert_eq!(ramp.next_change_after(at(160)), SimTime::MAX);
    }
}
