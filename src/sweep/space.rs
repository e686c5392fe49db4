//! The space of a sweep: its dimensions, and the combinations that are taken from it.

use std::path::PathBuf;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rustc_hash::FxHashSet;
use serde_json::Value;

use super::constraint::Constraint;
use super::spec::{SampleMethod, SampleSpec, Scale};
use super::{SCENARIO, plain};
use crate::units::random::stream;
use crate::units::{SimDuration, written};

/// Draws for each sample that constraints or doubles may cost before a random sample is as large as it gets.
const TRIES: u64 = 200;

/// What combinations are made of, and which of them are left out.
#[derive(Clone, Debug, Default)]
pub struct Space {
    pub dimensions: Vec<Dimension>,
    pub constraints: Vec<Constraint>,
}

/// One choice: a variant, a parameter's value, or the values of parameters that go together.
#[derive(Clone, Debug)]
pub struct Dimension {
    pub points: Points,
}

/// What a dimension can take.
#[derive(Clone, Debug)]
pub enum Points {
    /// At least one.
    Listed(Vec<Point>),
    /// Anywhere between two ends: only a sample can take values of it.
    Between(Between),
}

/// What is set where this point is taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// In words.
    pub label: Option<String>,
    pub settings: Vec<(String, Value)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Between {
    pub path: String,
    /// For people.
    pub name: String,
    pub from: f64,
    pub to: f64,
    pub scale: Scale,
    pub kind: Number,
}

/// How numbers of a range are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Whole,
    Decimal,
    /// In nanoseconds.
    Duration,
}

/// One combination.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// In words: the variant's label, then short names with their values.
    pub label: String,
    /// In the order of the dimensions.
    pub settings: Vec<(String, Value)>,
    /// Which point of each dimension it has; 0 where a dimension lists none.
    pub place: Vec<usize>,
}

impl Configuration {
    /// The settings as `--set` takes them: `path=value`, the value as flow YAML.
    pub fn overrides(&self) -> impl Iterator<Item = String> {
        let within = self.settings.iter().filter(|(path, _)| path != SCENARIO);
        within.map(|(path, value)| format!("{path}={value}"))
    }

    /// The scenario file that a parameter called `scenario` picks, from the folder of the sweep file.
    pub fn scenario(&self) -> Option<PathBuf> {
        let (_, value) = self.settings.iter().find(|(path, _)| path == SCENARIO)?;
        Some(PathBuf::from(plain(value)))
    }

    /// What is set at `path`; `None` where its variant sets nothing there.
    pub fn value(&self, path: &str) -> Option<&Value> {
        self.settings.iter().find(|(other, _)| other == path).map(|(_, value)| value)
    }
}

impl Number {
    pub fn write(self, value: f64) -> Value {
        match self {
            Number::Duration => Value::from(written(SimDuration::from_nanos(value.round() as i64))),
            Number::Whole => Value::from(value.round() as i64),
            Number::Decimal => short_number(value),
        }
    }
}

/// `value` without the last digits that adding steps has blurred; whole numbers as integers.
pub fn short_number(value: f64) -> Value {
    let rounded = (value * 1e9).round() / 1e9;
    if rounded.fract() == 0.0 && rounded.abs() < 9e15 { Value::from(rounded as i64) } else { Value::from(rounded) }
}

impl Between {
    /// At `part` (0 to 1) of the way.
    fn at(&self, part: f64) -> Value {
        let Between { from, to, scale, kind, .. } = self;
        match (kind, scale) {
            // Every whole number has an equal share.
            (Number::Whole, Scale::Linear) => kind.write((from - 0.5 + part * (to - from + 1.0)).clamp(*from, *to)),
            (Number::Duration, Scale::Linear) => kind.write(whole_seconds(from + part * (to - from)).clamp(*from, *to)),
            (_, Scale::Linear) => Value::from(from + part * (to - from)),
            (Number::Decimal, Scale::Log) => Value::from(from * (to / from).powf(part)),
            (Number::Duration, Scale::Log) => {
                kind.write(whole_seconds(from * (to / from).powf(part)).clamp(*from, *to))
            }
            (Number::Whole, Scale::Log) => kind.write(from * (to / from).powf(part)),
        }
    }
}

fn whole_seconds(nanos: f64) -> f64 {
    if nanos < 1e9 { nanos } else { (nanos / 1e9).round() * 1e9 }
}

impl Dimension {
    /// How many points it lists; `None` of a range without steps.
    pub fn count(&self) -> Option<usize> {
        match &self.points {
            Points::Listed(points) => Some(points.len()),
            Points::Between(_) => None,
        }
    }

    /// The point at `part` (0 to 1) of the way, and its index.
    fn at(&self, part: f64) -> (usize, Point) {
        match &self.points {
            Points::Listed(points) => {
                let index = ((part * points.len() as f64) as usize).min(points.len() - 1);
                (index, points[index].clone())
            }
            Points::Between(between) => {
                let value = between.at(part);
                let label = Some(format!("{} {}", between.name, plain(&value)));
                (0, Point { label, settings: vec![(between.path.clone(), value)] })
            }
        }
    }
}

impl Space {
    /// Every path that some combination sets, in the order of the dimensions.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = Vec::new();
        for dimension in &self.dimensions {
            let own: Vec<&str> = match &dimension.points {
                Points::Listed(points) => {
                    points.iter().flat_map(|point| &point.settings).map(|(path, _)| path.as_str()).collect()
                }
                Points::Between(between) => vec![&between.path],
            };
            for path in own {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        paths
    }

    /// How many combinations there are before constraints; `None` where a range has no steps.
    pub fn size(&self) -> Option<u128> {
        self.dimensions.iter().try_fold(1u128, |size, dimension| Some(size.saturating_mul(dimension.count()? as u128)))
    }

    /// Every combination that meets the constraints, the last dimension's points changing fastest. All dimensions list
    /// their points.
    ///
    /// # Errors
    /// A constraint that can't be judged.
    pub fn grid(&self) -> Result<Vec<Configuration>, String> {
        let mut places: Vec<Vec<usize>> = vec![Vec::new()];
        for dimension in &self.dimensions {
            let count = dimension.count().unwrap_or(0);
            places =
                places.iter().flat_map(|before| (0..count).map(|index| [&before[..], &[index]].concat())).collect();
        }
        let mut grid = Vec::new();
        for place in places {
            let points = place.iter().zip(&self.dimensions).filter_map(|(index, dimension)| match &dimension.points {
                Points::Listed(points) => points.get(*index).cloned(),
                Points::Between(_) => None,
            });
            grid.extend(self.allowed(place.clone(), points.collect())?);
        }
        Ok(grid)
    }

    /// Some combinations, none twice, in the order in which they were drawn; fewer than asked for where there are not so
    /// many, or where constraints take them (of a Latin hypercube those are not drawn anew).
    ///
    /// # Errors
    /// A constraint that can't be judged.
    pub fn sample(&self, sample: &SampleSpec) -> Result<Vec<Configuration>, String> {
        let wanted = sample.count as usize;
        if self.size().is_some_and(|size| size <= wanted as u128) {
            return self.grid();
        }
        let mut streams: Vec<Pcg64Mcg> =
            (0..self.dimensions.len()).map(|index| stream(sample.seed, "sweep-sample", index as u64)).collect();
        let mut taken: Vec<Configuration> = Vec::new();
        let mut known: FxHashSet<String> = FxHashSet::default();
        let mut take = |parts: Vec<f64>, taken: &mut Vec<Configuration>| -> Result<(), String> {
            let (place, points) =
                parts.iter().zip(&self.dimensions).map(|(part, dimension)| dimension.at(*part)).unzip();
            if let Some(configuration) = self.allowed(place, points)?
                && known.insert(format!("{:?}", configuration.settings))
            {
                taken.push(configuration);
            }
            Ok(())
        };
        match sample.method {
            SampleMethod::Random => {
                for _ in 0..TRIES.saturating_mul(wanted as u64) {
                    if taken.len() == wanted {
                        break;
                    }
                    let parts = streams.iter_mut().map(|stream| stream.random::<f64>()).collect();
                    take(parts, &mut taken)?;
                }
            }
            SampleMethod::LatinHypercube => {
                let strips: Vec<Vec<f64>> = streams
                    .iter_mut()
                    .map(|stream| {
                        let mut strips: Vec<usize> = (0..wanted).collect();
                        strips.shuffle(stream);
                        strips
                            .into_iter()
                            .map(|strip| (strip as f64 + stream.random::<f64>()) / wanted as f64)
                            .collect()
                    })
                    .collect();
                for index in 0..wanted {
                    take(strips.iter().map(|parts| parts[index]).collect(), &mut taken)?;
                }
            }
        }
        Ok(taken)
    }

    /// The combination of these points; `None` where a constraint does not hold.
    fn allowed(&self, place: Vec<usize>, points: Vec<Point>) -> Result<Option<Configuration>, String> {
        let mut label: Vec<String> = Vec::new();
        let mut settings: Vec<(String, Value)> = Vec::new();
        for point in points {
            label.extend(point.label);
            settings.extend(point.settings);
        }
        let configuration = Configuration { label: label.join(", "), settings, place };
        let paths = self.paths();
        let values: Vec<Option<&Value>> = paths.iter().map(|path| configuration.value(path)).collect();
        for constraint in &self.constraints {
            if !constraint.holds(&values).map_err(|problem| format!("constraint {:?}: {problem}", constraint.text))? {
                return Ok(None);
            }
        }
        Ok(Some(configuration))
    }
}
