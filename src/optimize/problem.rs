//! What is searched, and what a run of it says.

use crate::check::{Bound, Comparison, Expectation, Subject};
use crate::sweep::{Points, Sweep, plain, short_name};
use crate::units::{Quantity, SimDuration};

/// A condition on a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// As written.
    pub text: String,
    pub metric: String,
    bounds: Vec<Bound>,
}

/// A space with what is wanted of it.
#[derive(Clone, Debug)]
pub struct Problem {
    pub metric: String,
    pub is_maximized: bool,
    pub conditions: Vec<Condition>,
    /// By configuration: its label,
    pub labels: Vec<String>,
    /// its point of each dimension,
    pub places: Vec<Vec<usize>>,
    /// and where it stands, for distances: numbers by their rank (0 to 1), anything else by a coordinate a value.
    pub coordinates: Vec<Vec<f64>>,
    /// By dimension.
    pub parameters: Vec<Parameter>,
    /// Those that were given; the best may run under more ([`Problem::seed`]).
    pub seeds: Vec<u64>,
}

/// A dimension of the space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameter {
    /// Of a zip, the first one's.
    pub name: String,
    /// In words, in the order of its points.
    pub values: Vec<String>,
    /// Numbers in order, whose neighbours are alike.
    pub is_ordered: bool,
}

impl Parameter {
    /// The end of its range that a point is at: `lowest` or `highest`; `None` within it, and where values have no order
    /// or there is but one. Nothing lies below zero.
    pub fn end(&self, point: usize) -> Option<&'static str> {
        let numbers: Vec<f64> = self.values.iter().filter_map(|value| number(value)).collect();
        let own = *numbers.get(point).filter(|_| self.is_ordered && numbers.len() == self.values.len())?;
        let (low, high) = (numbers.iter().any(|other| *other < own), numbers.iter().any(|other| *other > own));
        match (low, high) {
            (true, false) => Some("highest"),
            (false, true) if own > 0.0 => Some("lowest"),
            _ => None,
        }
    }
}

/// A run that is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    pub configuration: usize,
    pub seed: u64,
    /// Which part of the scenario's time is simulated.
    pub horizon: f64,
}

/// What a run gave: the objective, and the figure of each condition. NaN is `null`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    pub objective: f64,
    pub figures: Vec<f64>,
}

impl Condition {
    /// Of an expectation on a figure of the summary; `None` of any other.
    pub fn of(expectation: &Expectation) -> Option<Condition> {
        let Subject::Figure { path, .. } = &expectation.subject else { return None };
        Some(Condition { text: expectation.name.clone(), metric: path.join("."), bounds: expectation.bounds.clone() })
    }

    /// A figure that is not known breaks it.
    pub fn holds(&self, value: f64) -> bool {
        value.is_finite() && self.bounds.iter().all(|bound| bound.holds(value))
    }

    /// How far within its tightest bound a value is, as a part of the bound; below zero where it is broken.
    pub fn slack(&self, value: f64) -> f64 {
        /// Of a figure that is not known: far outside.
        const UNKNOWN: f64 = -10.0;
        /// Of an equality that holds: there is no more or less within it.
        const EQUAL: f64 = 0.5;
        if !value.is_finite() {
            return UNKNOWN;
        }
        let slack = |bound: &Bound| {
            let scale = if bound.value == 0.0 { 1.0 } else { bound.value.abs() };
            match bound.comparison {
                Comparison::Below | Comparison::AtMost => (bound.value - value) / scale,
                Comparison::Above | Comparison::AtLeast => (value - bound.value) / scale,
                Comparison::Equals if bound.holds(value) => EQUAL,
                Comparison::Equals => (bound.slack - (value - bound.value).abs()) / scale,
            }
        };
        self.bounds.iter().map(slack).fold(f64::INFINITY, f64::min)
    }
}

impl Problem {
    /// Of a sweep with an objective, under these seeds. All its dimensions list their points.
    pub fn of(sweep: &Sweep, metric: &str, is_maximized: bool, conditions: Vec<Condition>, seeds: Vec<u64>) -> Problem {
        let dimensions = &sweep.space.dimensions;
        // The values that a dimension's points set first, in words.
        let values: Vec<Vec<String>> = dimensions
            .iter()
            .map(|dimension| match &dimension.points {
                Points::Listed(points) => points
                    .iter()
                    .map(|point| match &point.settings[..] {
                        [(_, value), ..] => plain(value),
                        [] => String::new(),
                    })
                    .collect(),
                Points::Between(_) => Vec::new(),
            })
            .collect();
        let is_first_named = |index: usize| index == 0 && sweep.has_variants;
        let paths: Vec<String> = sweep.space.paths().into_iter().map(str::to_owned).collect();
        let name = |index: usize| match &dimensions[index].points {
            _ if is_first_named(index) => "variant".to_owned(),
            Points::Listed(points) => {
                let path = points.first().and_then(|point| point.settings.first()).map(|(path, _)| path.as_str());
                path.map_or_else(String::new, |path| short_name(path, &paths).to_owned())
            }
            Points::Between(between) => between.name.clone(),
        };
        let parameters: Vec<Parameter> = values
            .iter()
            .enumerate()
            .map(|(index, values)| Parameter {
                name: name(index),
                is_ordered: !is_first_named(index) && values.iter().all(|value| number(value).is_some()),
                values: values.clone(),
            })
            .collect();
        let ranks: Vec<Vec<f64>> = values.iter().map(|values| ranks(values)).collect();
        let coordinates = sweep.configurations.iter().map(|configuration| {
            let mut coordinates = Vec::new();
            for (dimension, point) in configuration.place.iter().enumerate() {
                match parameters[dimension].is_ordered {
                    true => coordinates.push(ranks[dimension].get(*point).copied().unwrap_or(0.0)),
                    false => coordinates
                        .extend((0..values[dimension].len()).map(|other| if other == *point { 0.7 } else { 0.0 })),
                }
            }
            coordinates
        });
        Problem {
            metric: metric.to_owned(),
            is_maximized,
            conditions,
            labels: sweep.configurations.iter().map(|configuration| configuration.label.clone()).collect(),
            places: sweep.configurations.iter().map(|configuration| configuration.place.clone()).collect(),
            coordinates: coordinates.collect(),
            parameters,
            seeds,
        }
    }

    /// Configurations that differ in one dimension from this one: by a step where its values are in order.
    pub fn neighbours(&self, of: usize) -> Vec<usize> {
        let own = &self.places[of];
        let is_near = |other: &[usize]| {
            let differing: Vec<usize> =
                (0..own.len()).filter(|dimension| own[*dimension] != other[*dimension]).collect();
            match differing[..] {
                [one] => !self.parameters[one].is_ordered || own[one].abs_diff(other[one]) == 1,
                // Two steps that cancel out: one more of this for one less of that.
                [a, b] => [a, b].iter().all(|dimension| {
                    self.parameters[*dimension].is_ordered && own[*dimension].abs_diff(other[*dimension]) == 1
                }),
                _ => false,
            }
        };
        (0..self.places.len()).filter(|index| is_near(&self.places[*index])).collect()
    }

    /// Seed number `index`: those that were given, then on from the last.
    pub fn seed(&self, index: usize) -> u64 {
        let last = self.seeds.len() - 1;
        match self.seeds.get(index) {
            Some(seed) => *seed,
            None => {
                let after = (1..).map(|step| self.seeds[last].wrapping_add(step));
                let mut new = after.filter(|seed| !self.seeds.contains(seed));
                new.nth(index - last - 1).expect("there is no end of seeds")
            }
        }
    }

    /// Less is better.
    pub fn signed(&self, objective: f64) -> f64 {
        if self.is_maximized { -objective } else { objective }
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.parse::<f64>().ok();
    plain
        .or_else(|| text.parse::<SimDuration>().ok().map(SimDuration::as_secs_f64))
        .or_else(|| text.parse::<Quantity>().ok().map(Quantity::as_f64))
}

/// Where each value stands among all, from 0 to 1.
fn ranks(values: &[String]) -> Vec<f64> {
    let numbers: Vec<f64> = values.iter().map(|value| number(value).unwrap_or(0.0)).collect();
    let most = values.len().saturating_sub(1).max(1) as f64;
    let below = |own: f64| numbers.iter().filter(|other| **other < own).count() as f64;
    numbers.iter().map(|own| below(*own) / most).collect()
}
