//! Measured training speed: which model and batch size runs how fast on how many of which GPU.
//!
//! The table is looked up when a gang gets its nodes. Nothing is smoothed: a measured point is returned as measured,
//! however uneven its neighbours are, and only a GPU count between two measured ones is interpolated.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::StepRate;
use crate::units::nearest;

/// One measured configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ThroughputRow {
    pub model: String,
    /// `None` where the model has one setting only.
    pub batch_size: Option<u32>,
    /// GPU model, such as `V100`.
    pub gpu: String,
    pub num_gpus: u32,
    /// Whether all GPUs were in one node.
    pub consolidated: bool,
    /// Over all workers; zero where the job does not run.
    pub steps_per_second: f64,
}

/// What to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration<'a> {
    pub model: &'a str,
    pub batch_size: Option<u32>,
    pub gpu: &'a str,
    pub num_gpus: u32,
    pub consolidated: bool,
}

/// What a GPU count below the smallest or above the largest measured one means. (In Gavel's jobs this is not rare:
/// three of its models were measured on one GPU only, and one job in six asks for more of them.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BeyondMeasured {
    /// Speed grows with the GPUs from the nearest measured count: an upper bound.
    #[default]
    Linear,
    /// Speed stays that of the nearest measured count: more GPUs are of no use.
    Hold,
    /// No answer.
    Refuse,
    /// No answer, and a list's jobs that were measured on no GPU model are left out and counted.
    LeaveOut,
}

/// Why a table of measured speeds is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThroughputError {
    #[error("no throughput is known for model {model:?}{}", nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    UnknownModel { model: String, nearest: Option<String> },
    #[error("{model} was not measured with {}; it was with {}", batch(*asked), list(known, |size| batch(*size)))]
    UnknownBatchSize { model: String, asked: Option<u32>, known: Vec<Option<u32>> },
    #[error("{model} was not measured on GPU {gpu:?} {}; it was on {}", placement(*consolidated), known.join(", "))]
    UnknownGpu { model: String, gpu: String, consolidated: bool, known: Vec<String> },
    #[error("{model} was not measured on {asked} {gpu} GPUs {}; the measurements go from {} to {}", placement(*consolidated), range.0, range.1)]
    OutOfRange { model: String, gpu: String, asked: u32, consolidated: bool, range: (u32, u32) },
    #[error("two different speeds are given for {0}")]
    Contradiction(String),
}

fn batch(size: Option<u32>) -> String {
    size.map_or("its one batch size (left empty)".to_owned(), |size| format!("batch size {size}"))
}

fn placement(consolidated: bool) -> &'static str {
    if consolidated { "in one node" } else { "spread over nodes" }
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

/// (batch size, GPU, consolidated) of one model.
type Setting = (Option<u32>, String, bool);

/// For each setting the measured points (GPUs, steps per second), by ascending GPUs.
type Settings = BTreeMap<Setting, Vec<(u32, f64)>>;

/// The measured speeds, by configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThroughputTable {
    models: BTreeMap<String, Settings>,
}

impl ThroughputTable {
    /// # Errors
    /// [`ThroughputError::Contradiction`] where two rows differ in nothing but their speed.
    pub fn from_rows(rows: impl IntoIterator<Item = ThroughputRow>) -> Result<ThroughputTable, ThroughputError> {
        let mut table = ThroughputTable::default();
        for row in rows {
            let setting = (row.batch_size, row.gpu.clone(), row.consolidated);
            let points = table.models.entry(row.model.clone()).or_default().entry(setting).or_default();
            match points.binary_search_by_key(&row.num_gpus, |point| point.0) {
                Ok(found) if points[found].1 != row.steps_per_second => {
                    let (size, place) = (batch(row.batch_size), placement(row.consolidated));
                    let name = format!("{} with {size} on {} {} {place}", row.model, row.num_gpus, row.gpu);
                    return Err(ThroughputError::Contradiction(name));
                }
                Ok(_) => {}
                Err(place) => points.insert(place, (row.num_gpus, row.steps_per_second)),
            }
        }
        Ok(table)
    }

    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// The speed of a job in this configuration, or `None` where it was measured not to run there.
    ///
    /// Between two measured GPU counts the speed is interpolated on logarithmic scales (a power law through the two
    /// points); where one of the two is zero the job does not run. Outside the measured counts `beyond` decides. A job
    /// on one GPU is neither consolidated nor spread: the figure for one node is taken.
    pub fn step_rate(
        &self,
        asked: &Configuration<'_>,
        beyond: BeyondMeasured,
    ) -> Result<Option<StepRate>, ThroughputError> {
        let model = asked.model.to_owned();
        let settings = self.settings(asked.model, asked.batch_size)?;
        let consolidated = asked.consolidated || asked.num_gpus == 1;
        let gpu = asked.gpu.to_owned();
        let Some(points) = settings.get(&(asked.batch_size, gpu.clone(), consolidated)) else {
            let alike = settings.keys().filter(|setting| setting.0 == asked.batch_size && setting.2 == consolidated);
            let known = alike.map(|setting| setting.1.clone()).collect();
            return Err(ThroughputError::UnknownGpu { model, gpu, consolidated, known });
        };
        let rate = match points.binary_search_by_key(&asked.num_gpus, |point| point.0) {
            Ok(found) => points[found].1,
            Err(place) if place > 0 && place < points.len() => {
                between(points[place - 1], points[place], asked.num_gpus)
            }
            Err(place) => {
                let nearest = points[place.min(points.len() - 1)];
                match beyond {
                    BeyondMeasured::Linear => nearest.1 * f64::from(asked.num_gpus) / f64::from(nearest.0),
                    BeyondMeasured::Hold => nearest.1,
                    BeyondMeasured::Refuse | BeyondMeasured::LeaveOut => {
                        let range = (points[0].0, points[points.len() - 1].0);
                        let asked = asked.num_gpus;
                        return Err(ThroughputError::OutOfRange { model, gpu, asked, consolidated, range });
                    }
                }
            }
        };
        Ok((rate > 0.0).then(|| StepRate::from_steps_per_second(rate)))
    }

    /// Whether this model was measured with this batch size, on whatever GPU.
    ///
    /// # Errors
    /// Says what was measured instead.
    pub fn knows(&self, model: &str, batch_size: Option<u32>) -> Result<(), ThroughputError> {
        self.settings(model, batch_size).map(|_| ())
    }

    /// All settings of `model`, at least one of which has this batch size.
    fn settings(&self, model: &str, batch_size: Option<u32>) -> Result<&Settings, ThroughputError> {
        let Some(settings) = self.models.get(model) else {
            let nearest = nearest(model, self.models.keys().map(String::as_str)).map(str::to_owned);
            return Err(ThroughputError::UnknownModel { model: model.to_owned(), nearest });
        };
        if !settings.keys().any(|setting| setting.0 == batch_size) {
            let mut known: Vec<Option<u32>> = settings.keys().map(|setting| setting.0).collect();
            known.dedup();
            return Err(ThroughputError::UnknownBatchSize { model: model.to_owned(), asked: batch_size, known });
        }
        Ok(settings)
    }

    /// The GPU models that a job was measured on, at any count, in ascending order of name.
    pub fn gpus_of(&self, model: &str, batch_size: Option<u32>) -> Vec<&str> {
        let settings = self.models.get(model).into_iter().flat_map(BTreeMap::keys);
        let mut gpus: Vec<&str> = settings.filter(|s| s.0 == batch_size).map(|s| s.1.as_str()).collect();
        gpus.sort_unstable();
        gpus.dedup();
        gpus
    }
}

fn between(low: (u32, f64), high: (u32, f64), gpus: u32) -> f64 {
    if low.1 <= 0.0 || high.1 <= 0.0 {
        return 0.0;
    }
    let log = |count: u32| f64::from(count).ln();
    let part = (log(gpus) - log(low.0)) / (log(high.0) - log(low.0));
    (low.1.ln() + part * (high.1.ln() - low.1.ln())).exp()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(num_gpus: u32, consolidated: bool, steps_per_second: f64) -> ThroughputRow {
        let model = "LM".to_owned();
        ThroughputRow { model, batch_size: Some(20), gpu: "V100".to_owned(), num_gpus, consolidated, steps_per_second }
    }

    fn table() -> ThroughputTable {
        let mut rows = vec![row(1, true, 64.7), row(2, true, 132.0), row(4, true, 111.0), row(8, true, 497.0)];
        rows.extend([row(1, false, 64.7), row(2, false, 30.4), row(4, false, 0.0)]);
        ThroughputTable::from_rows(rows).unwrap()
    }

    fn asked(num_gpus: u32, consolidated: bool) -> Configuration<'static> {
        Configuration { model: "LM", batch_size: Some(20), gpu: "V100", num_gpus, consolidated }
    }

    #[test]
    fn measured_points_are_returned_as_measured() {
        for (gpus, consolidated, rate) in [(1, true, 64.7), (4, true, 111.0), (8, true, 497.0), (2, false, 30.4)] {
            let found = table().step_rate(&asked(gpus, consolidated), BeyondMeasured::Refuse).unwrap().unwrap();
            assert_eq!(found.as_f64(), rate);
        }
    }

    #[test]
    fn a_zero_row_means_that_the_job_does_not_run_there() {
        assert_eq!(table().step_rate(&asked(4, false), BeyondMeasured::Refuse), Ok(None));
        assert_eq!(table().step_rate(&asked(3, false), BeyondMeasured::Refuse), Ok(None));
    }

    #[test]
    fn beyond_the_measured_counts_speed_grows_or_holds_as_asked() {
        let speed = |gpus, beyond| table().step_rate(&asked(gpus, true), beyond).unwrap().unwrap().as_f64();
        assert_eq!(speed(16, BeyondMeasured::Linear), 994.0);
        assert_eq!(speed(16, BeyondMeasured::Hold), 497.0);
        assert_eq!(table().step_rate(&asked(8, false), BeyondMeasured::Linear), Ok(None));
    }

    #[test]
    fn what_was_not_measured_is_an_error_that_says_what_was() {
        let message =
            |configuration| table().step_rate(&configuration, BeyondMeasured::Refuse).unwrap_err().to_string();
        let known = asked(1, true);
        assert!(message(Configuration { model: "lm", ..known }).contains("did you mean \"LM\""));
        assert!(message(Configuration { batch_size: None, ..known }).contains("it was with batch size 20"));
        assert!(message(Configuration { gpu: "A100", ..known }).contains("it was on V100"));
        assert!(message(asked(16, true)).contains("from 1 to 8"));
        assert!(ThroughputTable::from_rows([row(1, true, 1.0), row(1, true, 2.0)]).is_err());
    }

    proptest! {
        #[test]
        fn between_two_points_the_speed_moves_steadily_from_one_to_the_other(low in 0.1..1e4f64, high in 0.1..1e4f64) {
            let table = ThroughputTable::from_rows([row(2, true, low), row(64, true, high)]).unwrap();
            let rates: Vec<f64> = (2..=64)
                .map(|gpus| table.step_rate(&asked(gpus, true), BeyondMeasured::Refuse).unwrap().unwrap().as_f64())
                .collect();
            let steady = rates.windows(2).all(|w| if low <= high { w[0] <= w[1] } else { w[0] >= w[1] });
            prop_assert!(steady, "{rates:?}");
            prop_assert_eq!(rates[0], StepRate::from_steps_per_second(low).as_f64());
            prop_assert_eq!(rates[62], StepRate::from_steps_per_second(high).as_f64());
        }
    }
}
