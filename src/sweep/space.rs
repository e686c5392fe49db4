//! The parameter space as written in a sweep file: `kind: Sweep`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::scenario::names_results;
use crate::units::SimDuration;

/// The parameter whose values are whole scenarios.
const SCENARIO: &str = "scenario";

/// More runs than these are taken for a mistake in the file.
const MOST_RUNS: usize = 100_000;

/// A sweep file.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SweepFile {
    /// `windtunnel/v1`
    pub api_version: String,
    /// `Sweep`
    pub kind: String,
    pub metadata: Metadata,
    pub spec: SweepSpec,
}

/// The one field that tells what a file is.
#[derive(Deserialize)]
struct Header {
    kind: String,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Names the sweep's results.
    pub name: String,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SweepSpec {
    /// Path of the scenario, from the folder of the sweep file. A parameter with the path `scenario` has such paths as
    /// its values and takes precedence.
    pub scenario: PathBuf,
    /// Each parameter's values are combined with all values of the others.
    #[serde(default)]
    pub parameters: Vec<ParameterSpec>,
    /// Every combination runs under each of these; default: the scenario's own seed.
    #[serde(default)]
    pub seeds: Option<SeedsSpec>,
    #[serde(default)]
    pub plot: PlotSpec,
}

/// One parameter: a path into the scenario, as `--set` takes it, and its values.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    pub path: String,
    /// Either these values,
    #[serde(default)]
    pub values: Option<Vec<Value>>,
    /// or these.
    #[serde(default)]
    pub range: Option<RangeSpec>,
}

/// Numbers, or durations such as `5m`: `from`, then `step` by `step` up to and including `to`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeSpec {
    pub from: Bound,
    pub to: Bound,
    pub step: Bound,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Bound {
    Number(f64),
    Duration(SimDuration),
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum SeedsSpec {
    List(Vec<u64>),
    Counted(CountedSeeds),
}

/// `count` seeds: `from`, `from` + 1, …
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountedSeeds {
    pub from: u64,
    pub count: u64,
}

/// Which figures of the summary the plot shows.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlotSpec {
    /// Default: `pod_wait_seconds.p99`.
    pub x: String,
    /// Default: `cost.total_usd`.
    pub y: String,
}

impl Default for PlotSpec {
    fn default() -> PlotSpec {
        PlotSpec { x: "pod_wait_seconds.p99".to_owned(), y: "cost.total_usd".to_owned() }
    }
}

#[derive(Debug, Error)]
pub enum SweepError {
    #[error("{0}")]
    Syntax(String),
    #[error("apiVersion is {0:?}; expected windtunnel/v1")]
    ApiVersion(String),
    #[error("kind is {0:?}; expected Sweep")]
    Kind(String),
    #[error("metadata.name {0:?} can't name a folder; use letters, digits, dots, dashes and underscores")]
    Name(String),
    #[error("spec.parameters is empty; give at least one parameter with its values")]
    NoParameters,
    #[error("parameter {path}: give either values or range{}", if *.both { ", not both" } else { "" })]
    NotOne { path: String, both: bool },
    #[error("parameter {0}: its values are an empty list")]
    NoValues(String),
    #[error("parameter {path}: the value {value} stands twice")]
    DoubleValue { path: String, value: String },
    #[error("parameter {0} stands twice")]
    DoubleParameter(String),
    #[error("parameter {0}: its range has a step of zero")]
    ZeroStep(String),
    #[error("parameter {0}: its range holds no value, for step leads away from to")]
    Backwards(String),
    #[error("parameter {0}: from, to and step must be numbers all three, or durations such as 5m all three")]
    MixedRange(String),
    #[error("seeds are an empty list; leave seeds out to use the scenario's own")]
    NoSeeds,
    #[error("seed {0} stands twice, and equal seeds give equal runs")]
    DoubleSeed(u64),
    #[error("the sweep has {0} runs; at most {MOST_RUNS} are taken for meant")]
    TooMany(u128),
}

/// A checked sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    pub name: String,
    /// As written: relative to the sweep file's folder.
    pub scenario: PathBuf,
    pub parameters: Vec<Parameter>,
    /// `None`: the scenario's own.
    pub seeds: Option<Vec<u64>>,
    pub plot: PlotSpec,
}

/// A path into the scenario and what is put there.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub path: String,
    /// At least one, all different.
    pub values: Vec<Value>,
}

/// One point of the grid: a value a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration<'a> {
    pub settings: Vec<(&'a str, &'a Value)>,
}

impl Sweep {
    /// Reads and checks a sweep file's text.
    pub fn parse(text: &str) -> Result<Sweep, SweepError> {
        // Another kind of file, a scenario say, would otherwise be told that its fields are unknown.
        let header: Result<Header, _> = serde_saphyr::from_str(text);
        if let Some(Header { kind }) = header.ok().filter(|header| header.kind != "Sweep") {
            return Err(SweepError::Kind(kind));
        }
        let file: SweepFile = serde_saphyr::from_str(text).map_err(|error| {
            let text = error.to_string();
            SweepError::Syntax(text.trim_start_matches("error: ").trim_end().to_owned())
        })?;
        if file.api_version != "windtunnel/v1" {
            return Err(SweepError::ApiVersion(file.api_version));
        }
        let name = file.metadata.name;
        if !names_results(&name) {
            return Err(SweepError::Name(name));
        }
        let spec = file.spec;
        let mut parameters: Vec<Parameter> = Vec::new();
        for parameter in spec.parameters {
            let parameter = parameter.check()?;
            if parameters.iter().any(|other| other.path == parameter.path) {
                return Err(SweepError::DoubleParameter(parameter.path));
            }
            parameters.push(parameter);
        }
        if parameters.is_empty() {
            return Err(SweepError::NoParameters);
        }
        let combinations = parameters.iter().map(|parameter| parameter.values.len() as u128);
        let combinations = combinations.fold(1u128, u128::saturating_mul);
        let seed_count = spec.seeds.as_ref().map_or(1, SeedsSpec::count);
        let runs = combinations.saturating_mul(seed_count);
        if runs > MOST_RUNS as u128 {
            return Err(SweepError::TooMany(runs));
        }
        let seeds = spec.seeds.map(SeedsSpec::check).transpose()?;
        Ok(Sweep { name, scenario: spec.scenario, parameters, seeds, plot: spec.plot })
    }

    /// For people: the last part of each parameter's path, or the whole path where two end alike.
    pub fn short_names(&self) -> Vec<&str> {
        let last = |path: &str| path.rfind(['.', '/']).map_or(0, |at| at + 1);
        let is_alone = |own: &str| {
            let same = self.parameters.iter().filter(|other| other.path[last(&other.path)..] == *own);
            same.count() == 1
        };
        self.parameters
            .iter()
            .map(|parameter| {
                let name = &parameter.path[last(&parameter.path)..];
                if is_alone(name) { name } else { &parameter.path }
            })
            .collect()
    }

    /// A configuration in words: the short names with its values.
    pub fn label(&self, configuration: &Configuration<'_>) -> String {
        let settings = self.short_names().into_iter().zip(&configuration.settings);
        settings.map(|(name, (_, value))| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
    }

    /// Every combination of values, the last parameter's changing fastest.
    pub fn configurations(&self) -> Vec<Configuration<'_>> {
        let mut configurations = vec![Configuration { settings: Vec::new() }];
        for parameter in &self.parameters {
            configurations = configurations
                .iter()
                .flat_map(|before| {
                    parameter.values.iter().map(|value| {
                        let mut settings = before.settings.clone();
                        settings.push((parameter.path.as_str(), value));
                        Configuration { settings }
                    })
                })
                .collect();
        }
        configurations
    }
}

impl Configuration<'_> {
    /// The settings as `--set` takes them: `path=value`, the value as flow YAML.
    pub fn overrides(&self) -> impl Iterator<Item = String> {
        let within = self.settings.iter().filter(|(path, _)| *path != SCENARIO);
        within.map(|(path, value)| format!("{path}={value}"))
    }

    /// The scenario file that a parameter called `scenario` picks, from the folder of the sweep file.
    pub fn scenario(&self) -> Option<PathBuf> {
        let (_, value) = self.settings.iter().find(|(path, _)| *path == SCENARIO)?;
        Some(PathBuf::from(plain(value)))
    }
}

/// A value without quotes around text.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl ParameterSpec {
    fn check(self) -> Result<Parameter, SweepError> {
        let path = self.path;
        let values = match (self.values, self.range) {
            (Some(values), None) => values,
            (None, Some(range)) => range.values(&path)?,
            (values, _) => return Err(SweepError::NotOne { path, both: values.is_some() }),
        };
        if values.is_empty() {
            return Err(SweepError::NoValues(path));
        }
        if values.len() > MOST_RUNS {
            return Err(SweepError::TooMany(values.len() as u128));
        }
        let mut texts: Vec<String> = values.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        if let Some(twice) = texts.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SweepError::DoubleValue { path, value: twice[0].clone() });
        }
        Ok(Parameter { path, values })
    }
}

impl RangeSpec {
    fn values(&self, path: &str) -> Result<Vec<Value>, SweepError> {
        let (from, to, step) = match (&self.from, &self.to, &self.step) {
            (Bound::Number(from), Bound::Number(to), Bound::Number(step)) => (*from, *to, *step),
            (Bound::Duration(from), Bound::Duration(to), Bound::Duration(step)) => {
                (from.nanos() as f64, to.nanos() as f64, step.nanos() as f64)
            }
            _ => return Err(SweepError::MixedRange(path.to_owned())),
        };
        if step == 0.0 {
            return Err(SweepError::ZeroStep(path.to_owned()));
        }
        // A step such as 0.1 is no binary fraction: the last value may miss `to` by a hair.
        let steps = ((to - from) / step + 1e-9).floor();
        if steps.is_nan() || steps < 0.0 {
            return Err(SweepError::Backwards(path.to_owned()));
        }
        if steps >= MOST_RUNS as f64 {
            return Err(SweepError::TooMany(steps as u128 + 1));
        }
        let value = |index: usize| from + index as f64 * step;
        let is_duration = matches!(self.from, Bound::Duration(_));
        let values = (0..=steps as usize).map(|index| match is_duration {
            true => Value::from(SimDuration::from_nanos(value(index).round() as i64).to_string()),
            false => short_number(value(index)),
        });
        Ok(values.collect())
    }
}

/// `value` without the last digits that adding steps has blurred; whole numbers as integers.
fn short_number(value: f64) -> Value {
    let rounded = (value * 1e9).round() / 1e9;
    if rounded.fract() == 0.0 && rounded.abs() < 9e15 { Value::from(rounded as i64) } else { Value::from(rounded) }
}

impl SeedsSpec {
    fn count(&self) -> u128 {
        match self {
            SeedsSpec::List(seeds) => seeds.len() as u128,
            SeedsSpec::Counted(seeds) => seeds.count.into(),
        }
    }

    fn check(self) -> Result<Vec<u64>, SweepError> {
        let seeds: Vec<u64> = match self {
            SeedsSpec::List(seeds) => seeds,
            SeedsSpec::Counted(CountedSeeds { from, count }) => {
                (0..count).map(|index| from.wrapping_add(index)).collect()
            }
        };
        let mut sorted = seeds.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            _ if seeds.is_empty() => Err(SweepError::NoSeeds),
            Some(twice) => Err(SweepError::DoubleSeed(twice[0])),
            None => Ok(seeds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(spec: &str) -> Result<Sweep, SweepError> {
        Sweep::parse(&format!(
            "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {{name: grid}}\nspec:\n  scenario: ../a.yaml\n  {spec}\n"
        ))
    }

    #[test]
    fn the_grid_combines_every_value_with_every_other_in_a_fixed_order() {
        let sweep = sweep(
            "parameters: [{path: a.b, values: [1, fast]}, {path: t, range: {from: 5m, to: 15m, step: 5m}}]\n  seeds: {from: 3, count: 2}",
        )
        .unwrap();
        let labels: Vec<String> = sweep.configurations().iter().map(|point| sweep.label(point)).collect();
        assert_eq!(
            labels,
            ["b 1, t 5m0s", "b 1, t 10m0s", "b 1, t 15m0s", "b fast, t 5m0s", "b fast, t 10m0s", "b fast, t 15m0s"]
        );
        let overrides: Vec<String> = sweep.configurations()[3].overrides().collect();
        assert_eq!(overrides, ["a.b=\"fast\"", "t=\"5m0s\""]);
        assert_eq!(sweep.seeds, Some(vec![3, 4]));
        assert_eq!(sweep.plot.y, "cost.total_usd");
    }

    #[test]
    fn parameters_whose_paths_end_alike_keep_their_whole_path() {
        let sweep =
            sweep("parameters: [{path: a.max, values: [1]}, {path: b.max, values: [1]}, {path: x.min, values: [1]}]");
        assert_eq!(sweep.unwrap().short_names(), ["a.max", "b.max", "min"]);
    }

    #[test]
    fn a_range_of_decimals_reaches_its_end_without_blurred_digits() {
        let sweep = sweep("parameters: [{path: x, range: {from: 0.1, to: 0.7, step: 0.2}}]").unwrap();
        assert_eq!(sweep.parameters[0].values, [0.1, 0.3, 0.5, 0.7].map(Value::from));
        assert_eq!(sweep.seeds, None);
    }

    #[test]
    fn a_scenario_given_as_a_sweep_is_told_its_kind() {
        let error = Sweep::parse("kind: Scenario\nspec: {duration: 24h}").unwrap_err().to_string();
        assert_eq!(error, "kind is \"Scenario\"; expected Sweep");
    }

    #[test]
    fn a_mistake_in_a_sweep_says_what_to_change() {
        for (spec, part) in [
            ("parameters: []", "spec.parameters is empty"),
            ("parameters: [{path: x, values: []}]", "empty list"),
            ("parameters: [{path: x}]", "either values or range"),
            ("parameters: [{path: x, values: [1], range: {from: 1, to: 2, step: 1}}]", "not both"),
            ("parameters: [{path: x, values: [1, 2, 1]}]", "stands twice"),
            ("parameters: [{path: x, values: [1]}, {path: x, values: [2]}]", "parameter x stands twice"),
            ("parameters: [{path: x, range: {from: 1, to: 2, step: 0}}]", "step of zero"),
            ("parameters: [{path: x, range: {from: 1, to: 2, step: -1}}]", "leads away"),
            ("parameters: [{path: x, range: {from: 1, to: 2m, step: 1}}]", "all three"),
            ("parameters: [{path: x, range: {from: 0, to: 1, step: 0.000001}}]", "1000001 runs"),
            ("parameters: [{path: x, values: [1]}]\n  seeds: []", "seeds are an empty list"),
            ("parameters: [{path: x, values: [1]}]\n  seeds: [4, 4]", "seed 4 stands twice"),
            ("parameters: [{path: x, values: [1]}]\n  seeds: {from: 1, count: 99999999999}", "99999999999 runs"),
            ("paramters: [{path: x, values: [1]}]", "paramters"),
        ] {
            let error = sweep(spec).unwrap_err().to_string();
            assert!(error.contains(part), "{spec}: {error}");
        }
    }
}
