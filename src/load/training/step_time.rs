//! How long a step takes by where its GPUs are: as measured on that placement, and between what was measured.

use std::collections::BTreeMap;

use crate::units::linear_program::LinearProgram;

/// Seconds of one optimiser step without accumulation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepTime {
    pub step: f64,
    /// The part of it in which GPUs exchange gradients.
    pub sync: f64,
}

impl StepTime {
    /// With micro-steps whose gradients are kept before the last one exchanges them.
    pub fn with_extra(self, micro_steps: u32) -> f64 {
        self.step + f64::from(micro_steps) * (self.step - self.sync)
    }

    fn mix(parts: impl IntoIterator<Item = (f64, StepTime)>) -> StepTime {
        parts.into_iter().fold(StepTime::default(), |sum, (part, time)| StepTime {
            step: sum.step + part * time.step,
            sync: sum.sync + part * time.sync,
        })
    }
}

/// Nodes, GPUs, samples a GPU.
type Point = [u32; 3];

/// The measured step times of one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepTimes {
    /// By GPUs on each node, as the smallest rotation, the samples a GPU ascending.
    placements: BTreeMap<Vec<u32>, BTreeMap<u32, StepTime>>,
    /// All that was measured, placements of as many nodes and GPUs together.
    points: Vec<(Point, StepTime)>,
}

/// GPUs stand in a ring: 1-3 and 3-1 are one placement.
fn smallest_rotation(placement: &[u32]) -> Vec<u32> {
    let used: Vec<u32> = placement.iter().copied().filter(|gpus| *gpus > 0).collect();
    (0..used.len()).map(|from| [&used[from..], &used[..from]].concat()).min().unwrap_or_default()
}

impl StepTimes {
    /// Rows with GPUs by node, and rows of which only nodes and GPUs are known.
    pub fn new(
        placed: impl IntoIterator<Item = (Vec<u32>, u32, StepTime)>,
        counted: impl IntoIterator<Item = (u32, u32, u32, StepTime)>,
    ) -> StepTimes {
        let mut placements: BTreeMap<Vec<u32>, BTreeMap<u32, StepTime>> = BTreeMap::new();
        for (placement, samples, time) in placed {
            placements.entry(smallest_rotation(&placement)).or_default().insert(samples, time);
        }
        let mut alike: BTreeMap<Point, Vec<StepTime>> = BTreeMap::new();
        for (placement, by_samples) in &placements {
            for (samples, time) in by_samples {
                let point = [placement.len() as u32, placement.iter().sum(), *samples];
                alike.entry(point).or_default().push(*time);
            }
        }
        for (nodes, gpus, samples, time) in counted {
            alike.entry([nodes, gpus, samples]).or_default().push(time);
        }
        let mean = |times: &[StepTime]| StepTime::mix(times.iter().map(|time| (1.0 / times.len() as f64, *time)));
        let points = alike.into_iter().map(|(point, times)| (point, mean(&times))).collect();
        StepTimes { placements, points }
    }

    /// The fewest and the most samples a GPU of a measurement.
    pub fn samples(&self) -> (u32, u32) {
        let samples = || self.points.iter().map(|(point, _)| point[2]);
        (samples().min().unwrap_or(0), samples().max().unwrap_or(0))
    }

    /// A step on GPUs by node with so many samples each: linear between the measured sizes where the placement was
    /// measured, else linear between the nearest measurements over nodes, GPUs and samples.
    pub fn at(&self, placement: &[u32], samples: u32) -> StepTime {
        let placement = smallest_rotation(placement);
        if let Some(between) = self.placements.get(&placement).and_then(|measured| between(measured, samples)) {
            return between;
        }
        let point = [placement.len() as u32, placement.iter().sum(), samples];
        self.among(point).or_else(|| self.nearest(point)).unwrap_or_default()
    }

    /// Linear on the simplex of Delaunay's triangulation around the point: of all measurements whose mean it is, those
    /// with the least mean square of the distance. Where several are as near, as on a grid, that in which the measurement
    /// with more nodes says how time changes with the samples.
    fn among(&self, point: Point) -> Option<StepTime> {
        let coordinate = |axis: usize| self.points.iter().map(move |(of, _)| f64::from(of[axis])).collect::<Vec<f64>>();
        let off = |of: &Point, axis: usize| f64::from(of[axis]) - f64::from(point[axis]);
        let distance = |of: &Point| (0..3).map(|axis| off(of, axis).powi(2)).sum();
        let program = LinearProgram {
            rows: vec![coordinate(0), coordinate(1), coordinate(2), vec![1.0; self.points.len()]],
            right: point.iter().map(|value| f64::from(*value)).chain([1.0]).collect(),
            objectives: vec![
                self.points.iter().map(|(of, _)| distance(of)).collect(),
                self.points.iter().map(|(of, _)| -f64::from(of[0]) * off(of, 2).powi(2)).collect(),
            ],
        };
        let parts = program.solve()?;
        Some(StepTime::mix(parts.into_iter().zip(self.points.iter().map(|(_, time)| *time))))
    }

    /// Outside of all that was measured: as the nearest measurement.
    fn nearest(&self, point: Point) -> Option<StepTime> {
        let far =
            |of: &Point| -> i64 { (0..3).map(|axis| (i64::from(of[axis]) - i64::from(point[axis])).pow(2)).sum() };
        self.points.iter().min_by_key(|(of, _)| far(of)).map(|(_, time)| *time)
    }
}

/// `None` outside of the measured sizes.
fn between(measured: &BTreeMap<u32, StepTime>, samples: u32) -> Option<StepTime> {
    let (low, below) = measured.range(..=samples).next_back()?;
    let (high, above) = measured.range(samples..).next()?;
    if low == high {
        return Some(*below);
    }
    let part = f64::from(samples - low) / f64::from(high - low);
    Some(StepTime::mix([(1.0 - part, *below), (part, *above)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(step: f64) -> StepTime {
        StepTime { step, sync: step / 2.0 }
    }

    #[test]
    fn a_ring_can_be_told_from_any_of_its_nodes() {
        assert_eq!(smallest_rotation(&[3, 0, 1, 2]), [1, 2, 3]);
        assert_eq!(smallest_rotation(&[2, 1, 3]), [1, 3, 2]);
        assert_eq!(smallest_rotation(&[0, 4]), [4]);
    }

    #[test]
    fn measured_points_are_as_measured_and_sizes_between_them_on_the_line() {
        let times = StepTimes::new([(vec![2, 1], 8, time(1.0)), (vec![1, 2], 16, time(2.0))], []);
        assert_eq!(times.at(&[1, 2], 8), time(1.0));
        assert_eq!(times.at(&[2, 1], 12), time(1.5));
        // Beyond what was measured: the nearest.
        assert_eq!(times.at(&[1, 2], 99), time(2.0));
        assert_eq!(times.at(&[1, 2], 12).with_extra(2), 1.5 + 2.0 * 0.75);
    }

    #[test]
    fn between_placements_the_nearest_measurements_around_count() {
        // A plane over nodes, GPUs and samples: whatever simplex is taken, the answer lies on it.
        let plane = |nodes: u32, gpus: u32, samples: u32| {
            time(1.0 + 0.5 * f64::from(nodes) + 0.1 * f64::from(gpus) + 0.01 * f64::from(samples))
        };
        let mut counted = Vec::new();
        for nodes in [4, 6, 8] {
            for gpus in [8, 12, 16] {
                for samples in [115, 163] {
                    counted.push((nodes, gpus, samples, plane(nodes, gpus, samples)));
                }
            }
        }
        let times = StepTimes::new([], counted);
        for (nodes, gpus, samples) in [(5, 10, 134), (6, 12, 115), (7, 13, 150)] {
            let mut placement = vec![1; nodes as usize];
            placement[0] = gpus - (nodes - 1);
            let (found, expected) = (times.at(&placement, samples), plane(nodes, gpus, samples));
            assert!((found.step - expected.step).abs() < 1e-9, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn among_equally_near_ones_the_measurement_with_more_nodes_has_both_sizes() {
        let counted = [(4, 8, 0, 0.0), (4, 8, 10, 1.0), (6, 8, 0, 2.0), (6, 8, 10, 7.0)];
        let times = StepTimes::new([], counted.map(|(nodes, gpus, samples, step)| (nodes, gpus, samples, time(step))));
        // Half of (4, 8, 10), 0.3 of (6, 8, 10), 0.2 of (6, 8, 0).
        let found = times.at(&[1, 1, 1, 1, 4], 8).step;
        assert!((found - (0.5 + 0.3 * 7.0 + 0.2 * 2.0)).abs() < 1e-9, "{found}");
    }
}
