//! A model's measured profile: step times by placement, and how far a step gets at which batch size.
//!
//! Work is counted in steps at the base batch size. A larger batch gets farther with each step, by less than its size:
//! the gain follows from the noise of the gradients, which changes from epoch to epoch (statistical efficiency, as
//! Pollux has it: McCandlish et al. 2018).

use std::collections::BTreeMap;

use super::{Epochs, Pace, StepRate, StepTimes};
use crate::units::nearest;

/// Batch sizes that are tried for the best.
const SIZES: u32 = 50;

/// Which batch sizes a model takes, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// In which work is counted; also the smallest.
    pub base: u32,
    pub most: u32,
    /// The fewest and the most that one GPU takes in a micro-step.
    pub per_gpu: (u32, u32),
    /// The most GPUs that it can use.
    pub gpus: u32,
}

/// Signal and noise of the gradients in an epoch, and the steps done by its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gradient {
    pub steps: f64,
    pub sqr: f64,
    pub var: f64,
}

/// How a batch is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Samples of a GPU in a micro-step.
    pub samples: u32,
    /// Micro-steps before the one that exchanges gradients.
    pub extra: u32,
    /// All samples of a step: rounding may put it a little above what was asked for.
    pub batch: u32,
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelProfile {
    pub limits: BatchLimits,
    pub step_times: StepTimes,
    /// Steps at the base batch size by the end of each epoch.
    ends: Vec<f64>,
    /// By batch size, one an epoch.
    gradients: BTreeMap<u32, Vec<Gradient>>,
}

/// Profiles by the model's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiles(pub BTreeMap<String, ModelProfile>);

impl Profiles {
    /// # Errors
    /// Says what is known instead.
    pub fn get(&self, model: &str) -> Result<&ModelProfile, String> {
        self.0.get(model).ok_or_else(|| {
            let near = nearest(model, self.0.keys().map(String::as_str));
            let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            format!("model {model:?} was not measured{near}")
        })
    }
}

impl ModelProfile {
    /// `measured`: by batch size, for each epoch the progress at its end in steps at the base batch size, and the gradients
    /// in it.
    ///
    /// # Errors
    /// Where sizes have not the same epochs, or progress goes back.
    pub fn new(
        limits: BatchLimits,
        step_times: StepTimes,
        measured: BTreeMap<u32, Vec<(f64, Gradient)>>,
    ) -> Result<ModelProfile, String> {
        let epochs = measured.values().map(Vec::len).max().unwrap_or(0);
        if let Some((batch, of)) = measured.iter().find(|(_, of)| of.len() != epochs) {
            return Err(format!("batch size {batch} has {} epochs, another {epochs}", of.len()));
        }
        // An epoch is over where the quickest of the measured runs would have ended it.
        let end = |epoch: usize| measured.values().map(|of| of[epoch].0).fold(f64::INFINITY, f64::min);
        let ends: Vec<f64> = (0..epochs).map(end).collect();
        if ends.is_empty() || ends.windows(2).any(|pair| pair[0] > pair[1]) || ends[0] <= 0.0 {
            return Err("progress has to grow from epoch to epoch".to_owned());
        }
        let gradients =
            measured.into_iter().map(|(batch, of)| (batch, of.into_iter().map(|(_, gradient)| gradient).collect()));
        Ok(ModelProfile { limits, step_times, ends, gradients: gradients.collect() })
    }

    /// Its work, to the last epoch.
    pub fn epochs(&self) -> Epochs {
        let ends = self.ends.iter().map(|end| (end * 1e6).round() as i64).collect();
        Epochs::ending(ends).expect("ends ascend")
    }

    /// A batch shared out to GPUs: micro-steps are added where a GPU can't take its part at once.
    pub fn split(&self, gpus: u32, batch: u32) -> Split {
        let (gpus, most) = (gpus.max(1), self.limits.per_gpu.1.max(1));
        let each = batch.div_ceil(gpus);
        let mut extra = each.div_ceil(most).max(1) - 1;
        if gpus == 1 && batch > self.limits.base {
            // One GPU alone has no second gradient to tell the noise by.
            extra = extra.max(1);
        }
        let samples = each.div_ceil(extra + 1).min(self.limits.most / (gpus * (extra + 1))).max(1);
        Split { samples, extra, batch: gpus * samples * (extra + 1) }
    }

    /// Seconds of one optimiser step.
    pub fn step_seconds(&self, placement: &[u32], split: Split) -> f64 {
        self.step_times.at(placement, split.samples).with_extra(split.extra)
    }

    /// Steps at the base batch size that one step at this size is worth.
    pub fn gain(&self, batch: u32, epoch: usize) -> f64 {
        let Gradient { sqr, var, .. } = self.gradient(batch, epoch);
        let scale = f64::from(batch) / f64::from(self.limits.base);
        (var + sqr) / (var / scale + sqr)
    }

    /// Signal and noise at a batch size, on the line between the measured ones.
    pub fn gradient(&self, batch: u32, epoch: usize) -> Gradient {
        self.between(batch, |of| of[epoch.min(of.len() - 1)])
    }

    /// Steps at this batch size from one epoch to the last: as many as were measured.
    pub fn steps_left(&self, batch: u32, epoch: usize) -> f64 {
        let last = self.ends.len() - 1;
        let left = self.gradient(batch, last).steps - self.gradient(batch, epoch).steps;
        if left > 0.0 { left } else { 1.0 }
    }

    fn between(&self, batch: u32, of: impl Fn(&[Gradient]) -> Gradient) -> Gradient {
        let below = self.gradients.range(..=batch).next_back();
        let above = self.gradients.range(batch..).next();
        match (below, above) {
            (Some((low, below)), Some((high, above))) if low < high => {
                let part = f64::from(batch - low) / f64::from(high - low);
                let (below, above) = (of(below), of(above));
                let line = |below: f64, above: f64| below + part * (above - below);
                Gradient {
                    steps: line(below.steps, above.steps),
                    sqr: line(below.sqr, above.sqr),
                    var: line(below.var, above.var),
                }
            }
            (Some((_, one)), _) | (None, Some((_, one))) => of(one),
            (None, None) => Gradient::default(),
        }
    }

    /// Progress a second on a placement, by epoch.
    pub fn pace(&self, placement: &[u32], batch: u32) -> Pace {
        let split = self.split(placement.iter().sum(), batch);
        let seconds = self.step_seconds(placement, split);
        let rate = |epoch| if seconds > 0.0 { self.gain(split.batch, epoch) / seconds } else { 0.0 };
        Pace::by_epoch((0..self.ends.len()).map(|epoch| StepRate::from_steps_per_second(rate(epoch))))
    }

    /// Batch sizes from the smallest to the largest, each so many times the one before, as they are shared out on a placement,
    /// and the seconds of a step.
    pub fn sizes(&self, placement: &[u32]) -> Vec<(Split, f64)> {
        let gpus: u32 = placement.iter().sum();
        let (base, most) = (f64::from(self.limits.base), f64::from(self.limits.most));
        let size = |index: u32| (base * (most / base).powf(f64::from(index) / f64::from(SIZES - 1))).round() as u32;
        let mut splits: Vec<Split> = (0..SIZES).map(|index| self.split(gpus, size(index).max(gpus))).collect();
        splits.dedup();
        splits.into_iter().map(|split| (split, self.step_seconds(placement, split))).collect()
    }

    /// The most progress a second in an epoch at any of these sizes.
    pub fn best_of(&self, sizes: &[(Split, f64)], epoch: usize) -> f64 {
        let goodput = |(split, seconds): &(Split, f64)| self.gain(split.batch, epoch) / seconds;
        sizes.iter().filter(|(_, seconds)| *seconds > 0.0).map(goodput).fold(0.0, f64::max)
    }

    /// As [`pace`](Self::pace), at the best batch of each epoch.
    pub fn best_pace(&self, placement: &[u32]) -> Pace {
        let sizes = self.sizes(placement);
        let rate = |epoch| StepRate::from_steps_per_second(self.best_of(&sizes, epoch));
        Pace::by_epoch((0..self.ends.len()).map(rate))
    }

    /// GPUs on as few nodes of a size as can be.
    pub fn packed(gpus: u32, on_a_node: u32) -> Vec<u32> {
        let on_a_node = on_a_node.max(1);
        let mut placement = vec![on_a_node; (gpus / on_a_node) as usize];
        placement.extend(Some(gpus % on_a_node).filter(|rest| *rest > 0));
        placement
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::training::StepTime;

    fn profile() -> ModelProfile {
        let limits = BatchLimits { base: 128, most: 4096, per_gpu: (32, 1024), gpus: 64 };
        let times = StepTimes::new([(vec![4], 512, StepTime { step: 2.0, sync: 0.5 })], []);
        let gradient = |steps, var| Gradient { steps, sqr: 1.0, var };
        let measured = BTreeMap::from([
            (128, vec![(100.0, gradient(100.0, 1.0)), (200.0, gradient(200.0, 3.0))]),
            (256, vec![(101.0, gradient(60.0, 1.0)), (199.0, gradient(120.0, 3.0))]),
        ]);
        ModelProfile::new(limits, times, measured).unwrap()
    }

    #[test]
    fn a_batch_is_shared_out_in_micro_steps_that_fit() {
        let split = |gpus, batch| {
            let Split { samples, extra, batch } = profile().split(gpus, batch);
            (samples, extra, batch)
        };
        assert_eq!(split(4, 2048), (512, 0, 2048));
        assert_eq!(split(6, 2048), (342, 0, 2052));
        assert_eq!(split(1, 128), (128, 0, 128));
        // One GPU always keeps a gradient beyond the base size.
        assert_eq!(split(1, 256), (128, 1, 256));
        assert_eq!(split(1, 4096), (1024, 3, 4096));
        assert_eq!(split(3, 4096), (682, 1, 4092));
    }

    #[test]
    fn a_larger_batch_gets_farther_and_by_less_than_its_size() {
        let profile = profile();
        assert_eq!(profile.gain(128, 0), 1.0);
        assert_eq!(profile.gain(256, 0), 2.0 / 1.5);
        assert_eq!(profile.gain(256, 1), 4.0 / 2.5);
        assert_eq!(profile.epochs(), Epochs::ending(vec![100_000_000, 199_000_000]).unwrap());
        assert_eq!(
            (profile.steps_left(128, 0), profile.steps_left(192, 0), profile.steps_left(256, 1)),
            (100.0, 80.0, 1.0)
        );
        let pace = profile.pace(&[4], 2048);
        assert_eq!(pace.at(0), StepRate::from_steps_per_second(profile.gain(2048, 0) / 2.0));
    }

    #[test]
    fn the_best_batch_is_small_where_gradients_tell_much_and_large_where_they_are_noisy() {
        let profile = profile();
        let sizes = profile.sizes(&[4]);
        assert_eq!((sizes[0].0.batch, sizes.last().map(|(split, _)| split.batch)), (128, Some(4096)));
        // A step takes 2 s whatever the size up to 512 a GPU, and 1.5 s more for each micro-step beyond.
        assert_eq!(profile.best_of(&sizes[..1], 0), 0.5);
        assert!(profile.best_of(&sizes, 1) > profile.best_of(&sizes, 0));
        assert_eq!(profile.best_pace(&[4]).at(1), StepRate::from_steps_per_second(profile.best_of(&sizes, 1)));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let of = |measured| ModelProfile::new(profile().limits, StepTimes::default(), measured);
        let row = (1.0, Gradient::default());
        assert!(of(BTreeMap::from([(1, vec![row]), (2, vec![row, row])])).unwrap_err().contains("epochs"));
        assert!(of(BTreeMap::from([(1, vec![(2.0, row.1), row])])).unwrap_err().contains("grow"));
        let known = Profiles(BTreeMap::from([("bert".to_owned(), profile())]));
        assert!(known.get("brt").unwrap_err().contains("did you mean \"bert\""));
    }
}
