//! The load patterns, one a file: each has a spec (what a scenario writes) and a model (its value at an instant).
//!
//! To add one: its file here, a field of [`SignalSpec`](super::SignalSpec), and one line in the table of `compile`.

mod bursts;
mod constant;
mod diurnal;
mod markov_modulated;
mod noise;
mod ramp;
mod replay;
mod step;

use std::fmt;

pub use bursts::BurstsSpec;
pub use diurnal::DiurnalSpec;
pub use markov_modulated::{MarkovModulatedSpec, MarkovState};
pub use noise::{NoiseSpec, OrnsteinUhlenbeckSpec};
pub use ramp::RampSpec;
pub use replay::{Interpolation, ReplayPoint, ReplaySpec, SeriesPoint};
pub use step::{StepChange, StepSpec};

use crate::units::{SimDuration, SimTime};

/// One pattern: a function of time that is constant between the changes it names.
pub trait LoadModel: fmt::Debug + Send + Sync {
    /// Thousandths of the demand's unit for a base pattern; a plain factor for a modifier.
    fn value_at(&self, at: SimTime) -> f64;

    /// The earliest instant after `at` where the value may differ; [`SimTime::MAX`] where it never does again.
    fn next_change_after(&self, at: SimTime) -> SimTime;
}

/// The table of patterns: which field of the spec becomes which model.
pub(super) mod compile {
    use std::sync::Arc;

    use super::super::{SignalContext, SignalError, SignalSpec};
    use super::*;

    /// The fields of [`SignalSpec`] that are base patterns.
    pub const BASES: [&str; 6] = ["constant", "step", "ramp", "diurnal", "markovModulated", "replay"];

    type Models = Vec<Arc<dyn LoadModel>>;

    pub fn bases(spec: &SignalSpec, context: &SignalContext, grid: Grid) -> Result<Models, SignalError> {
        let mut models = Models::new();
        push(&mut models, &spec.constant, |level| Ok(constant::Constant::new(*level)))?;
        push(&mut models, &spec.step, step::Step::compile)?;
        push(&mut models, &spec.ramp, |ramp| ramp::Ramp::compile(ramp, grid))?;
        push(&mut models, &spec.diurnal, |diurnal| diurnal::Diurnal::compile(diurnal, context, grid))?;
        push(&mut models, &spec.markov_modulated, |chain| markov_modulated::MarkovModulated::compile(chain, context))?;
        push(&mut models, &spec.replay, |replay| replay::Replay::compile(replay, grid))?;
        Ok(models)
    }

    pub fn modifiers(spec: &SignalSpec, context: &SignalContext, grid: Grid) -> Result<Models, SignalError> {
        let mut models = Models::new();
        push(&mut models, &spec.bursts, |bursts| bursts::Bursts::compile(bursts, context))?;
        push(&mut models, &spec.noise, |noise| noise::OrnsteinUhlenbeck::compile(noise, context, grid))?;
        Ok(models)
    }

    fn push<S, M: LoadModel + 'static>(
        models: &mut Models,
        spec: &Option<S>,
        compile: impl FnOnce(&S) -> Result<M, SignalError>,
    ) -> Result<(), SignalError> {
        if let Some(spec) = spec {
            models.push(Arc::new(compile(spec)?));
        }
        Ok(())
    }
}

/// The instants at which a smooth pattern takes a new value: multiples of one step from zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    step: SimDuration,
}

impl Grid {
    /// `step` must be above zero.
    pub fn new(step: SimDuration) -> Grid {
        Grid { step }
    }

    /// The last grid instant at or before `at`.
    fn at_or_before(self, at: SimTime) -> SimTime {
        SimTime::from_nanos(self.index(at) * self.step.nanos())
    }

    /// The first grid instant after `at`.
    fn after(self, at: SimTime) -> SimTime {
        SimTime::from_nanos((self.index(at) + 1).saturating_mul(self.step.nanos()))
    }

    /// Steps from zero to `at`, whole ones.
    fn index(self, at: SimTime) -> i64 {
        at.nanos().div_euclid(self.step.nanos())
    }
}

/// The stretch that `at` lies in: how many of the ascending `starts` are at or before it, and the next one.
fn stretch(starts: &[SimTime], at: SimTime) -> (usize, SimTime) {
    let begun = starts.partition_point(|start| *start <= at);
    (begun, starts.get(begun).copied().unwrap_or(SimTime::MAX))
}
