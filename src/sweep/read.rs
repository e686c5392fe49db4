//! From the file as written to a checked [`Sweep`]; every mistake at once, each at its place.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use serde_json::Value;

use super::constraint::Constraint;
use super::plain;
use super::space::{Between, Configuration, Dimension, Number, Point, Points, Space};
use super::spec::{Bound, OptimizeSpec, ParameterSpec, PlotSpec, RangeSpec, Scale, SeedsSpec, SweepFile, ZippedSpec};
use crate::check::{Expectation, FigureNames, Subject};
use crate::scenario::diagnostic::{Diagnostic, Place, suggestion};
use crate::scenario::spec::ExpectationSpec;
use crate::scenario::{Document, names_results};
use crate::units::nearest;

/// More runs than these are taken for a mistake in the file.
pub const MOST_RUNS: usize = 100_000;

/// A checked sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    pub name: String,
    /// As written: relative to the sweep file's folder.
    pub scenario: PathBuf,
    pub space: Space,
    /// At least one.
    pub configurations: Vec<Configuration>,
    /// Its first dimension is of named variants.
    pub has_variants: bool,
    /// Combinations (or draws) that constraints took away.
    pub left_out: u128,
    /// `None`: the scenario's own.
    pub seeds: Option<Vec<u64>>,
    /// The configuration that others are held against.
    pub baseline: usize,
    pub plot: PlotSpec,
    pub objective: Option<Objective>,
}

/// Where a sweep's file sets `path`: the parameter's path, or the variants.
pub fn place_of<'d>(document: &'d Document, path: &str) -> Option<&'d Place> {
    let (file, _) = document.read::<SweepFile>();
    let spec = file?.spec;
    for (index, parameter) in spec.parameters.iter().enumerate() {
        if parameter.path.as_deref() == Some(path) {
            return Some(document.at(&format!("spec.parameters[{index}].path")));
        }
        let mut zipped = parameter.zip.iter().flatten();
        if let Some(at) = zipped.position(|zipped| zipped.path == path) {
            return Some(document.at(&format!("spec.parameters[{index}].zip[{at}].path")));
        }
    }
    let at = spec.variants.iter().position(|variant| variant.set.contains_key(path))?;
    Some(document.at(&format!("spec.variants[{at}].set")))
}

/// What an optimization looks for.
#[derive(Clone, Debug)]
pub struct Objective {
    /// A figure of the summary.
    pub metric: String,
    pub is_maximized: bool,
    /// On figures of the summary.
    pub conditions: Vec<Expectation>,
    /// Runs that it may take.
    pub budget: Option<u32>,
}

impl Sweep {
    /// Reads and checks the sweep file at `path`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn open(path: &Path) -> Result<Sweep, Vec<Diagnostic>> {
        Sweep::read(&Document::open(path)?)
    }

    /// Of a sweep file's text.
    ///
    /// # Errors
    /// As [`Sweep::open`].
    pub fn parse(text: &str) -> Result<Sweep, Vec<Diagnostic>> {
        Sweep::read(&Document::parse("sweep", text)?)
    }

    /// Of a document that was opened already.
    ///
    /// # Errors
    /// As [`Sweep::open`].
    pub fn read(document: &Document) -> Result<Sweep, Vec<Diagnostic>> {
        // Another kind of file, a scenario say, would otherwise be told that its fields are unknown.
        if let Some(kind) = document.kind().filter(|kind| *kind != "Sweep") {
            let diagnostic = Diagnostic::error(document.at("kind"), format!("kind is \"{kind}\"; this is no sweep"));
            let hint = match nearest(kind, ["Sweep"]) {
                Some(_) => "write `kind: Sweep`",
                None if kind == "Scenario" => "a scenario is run with `windtunnel run`",
                None => "a sweep has `kind: Sweep`",
            };
            return Err(vec![diagnostic.expected("`kind: Sweep`").hint(hint)]);
        }
        let (file, mistakes) = document.read::<SweepFile>();
        let mut reading = Reading { document, mistakes };
        let Some(file) = file else { return Err(reading.mistakes) };
        let sweep = reading.sweep(file);
        match sweep {
            Some(sweep) if reading.mistakes.is_empty() => Ok(sweep),
            _ => {
                reading.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
                Err(reading.mistakes)
            }
        }
    }

    /// Seeds of every configuration; `own` is its scenario's.
    pub fn seeds_or(&self, own: u64) -> Vec<u64> {
        self.seeds.clone().unwrap_or_else(|| vec![own])
    }

    /// The label of a configuration's variant; empty where the sweep has none.
    pub fn variant_label(&self, configuration: &Configuration) -> String {
        let first = self.space.dimensions.first().filter(|_| self.has_variants);
        match first.map(|dimension| &dimension.points) {
            Some(Points::Listed(points)) => points[configuration.place[0]].label.clone().unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The scenario file of a configuration, from the folder of the sweep file.
    pub fn scenario_of(&self, configuration: &Configuration) -> PathBuf {
        configuration.scenario().unwrap_or_else(|| self.scenario.clone())
    }
}

struct Reading<'d> {
    document: &'d Document,
    mistakes: Vec<Diagnostic>,
}

impl Reading<'_> {
    fn error(&mut self, path: &str, message: impl Into<String>) -> &mut Diagnostic {
        self.mistakes.push(Diagnostic::error(self.document.at(path), message));
        self.mistakes.last_mut().expect("it was pushed just now")
    }

    fn hinted(&mut self, path: &str, message: impl Into<String>, hint: Option<String>) {
        self.error(path, message).hint = hint;
    }

    fn sweep(&mut self, file: SweepFile) -> Option<Sweep> {
        let (name, spec) = (file.metadata.name, file.spec);
        if !names_results(&name) {
            self.hinted(
                "metadata.name",
                format!("the name {name:?} can't name a folder"),
                Some("use letters, digits, dots, dashes and underscores".to_owned()),
            );
        }
        let mut space = Space::default();
        if !spec.variants.is_empty() {
            let mut points: Vec<Point> = Vec::new();
            for (index, variant) in spec.variants.iter().enumerate() {
                let place = format!("spec.variants[{index}].label");
                if points.iter().any(|point| point.label.as_deref() == Some(&variant.label)) {
                    self.error(&place, format!("the label {:?} stands twice", variant.label));
                }
                if variant.label.starts_with(['=', '+', '-', '@']) {
                    let problem = format!("the label {:?} would be a formula in a spreadsheet", variant.label);
                    self.hinted(&place, problem, Some("begin it with something else than =, +, - or @".to_owned()));
                }
                if variant.label.trim().is_empty() {
                    self.error(&place, "the label is empty");
                }
                let settings = variant.set.iter().map(|(path, value)| (path.clone(), value.clone())).collect();
                points.push(Point { label: Some(variant.label.clone()), settings });
            }
            space.dimensions.push(Dimension { points: Points::Listed(points) });
        }
        let is_sampled = spec.sample.is_some();
        for (index, parameter) in spec.parameters.iter().enumerate() {
            let place = format!("spec.parameters[{index}]");
            if let Some(dimension) = self.dimension(parameter, &place, is_sampled) {
                space.dimensions.push(dimension);
            }
        }
        if spec.variants.is_empty() && spec.parameters.is_empty() && self.mistakes.is_empty() {
            self.hinted(
                "spec",
                "the sweep changes nothing: it has no parameters and no variants",
                Some("add `parameters:` with a path and its values".to_owned()),
            );
        }
        self.doubles(&space);
        name_points(&mut space);
        let paths: Vec<String> = space.paths().into_iter().map(str::to_owned).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        for (index, text) in spec.constraints.iter().enumerate() {
            match Constraint::read(text, &paths) {
                Ok(constraint) => space.constraints.push(constraint),
                Err((problem, hint)) => self.hinted(&format!("spec.constraints[{index}]"), problem, hint),
            }
        }
        let seeds = spec.seeds.and_then(|seeds| self.seeds(seeds));
        for (axis, figure) in [("x", &spec.plot.x), ("y", &spec.plot.y)] {
            self.figure(&format!("spec.plot.{axis}"), figure);
        }
        let objective = spec.optimize.as_ref().map(|optimize| self.objective(optimize));
        if !self.mistakes.is_empty() {
            return None;
        }
        let seed_count = seeds.as_ref().map_or(1, Vec::len) as u128;
        let size = match &spec.sample {
            Some(sample) => u128::from(sample.count),
            None => space.size().unwrap_or(0),
        };
        if let Some(sample) = spec.sample.as_ref().filter(|sample| sample.count == 0) {
            self.error("spec.sample.count", format!("a sample of {} combinations", sample.count));
            return None;
        }
        let runs = size.saturating_mul(seed_count);
        if runs > MOST_RUNS as u128 {
            self.too_many("spec", runs);
            return None;
        }
        let configurations = match &spec.sample {
            Some(sample) => space.sample(sample),
            None => space.grid(),
        };
        let configurations = match configurations {
            Ok(configurations) => configurations,
            Err(problem) => {
                self.error("spec.constraints", problem);
                return None;
            }
        };
        if configurations.is_empty() {
            self.error("spec.constraints", "no combination meets the constraints");
            return None;
        }
        let baseline = match &spec.baseline {
            None => 0,
            Some(label) => match configurations.iter().position(|configuration| configuration.label == *label) {
                Some(index) => index,
                None => {
                    let known: Vec<&str> = configurations.iter().map(|one| one.label.as_str()).collect();
                    let hint = suggestion(label, &known);
                    self.hinted("spec.baseline", format!("no configuration is called {label:?}"), hint);
                    return None;
                }
            },
        };
        let left_out = size.min(space.size().unwrap_or(size)) - configurations.len() as u128;
        Some(Sweep {
            name,
            scenario: spec.scenario,
            space,
            configurations,
            has_variants: !spec.variants.is_empty(),
            left_out,
            seeds,
            baseline,
            plot: spec.plot,
            objective: objective.flatten(),
        })
    }

    fn dimension(&mut self, parameter: &ParameterSpec, place: &str, is_sampled: bool) -> Option<Dimension> {
        let ParameterSpec { path, values, range, zip } = parameter;
        if let Some(zipped) = zip {
            if path.is_some() || values.is_some() || range.is_some() {
                self.error(place, "a zip has parameters of its own; give it no path, values or range");
                return None;
            }
            return self.zip(zipped, &format!("{place}.zip"));
        }
        let Some(path) = path else {
            self.hinted(place, "the parameter has no path", Some("add `path:`, as `--set` takes it".to_owned()));
            return None;
        };
        match (values, range) {
            (Some(values), None) => self.listed(path, values, place),
            (None, Some(range)) => self.range(path, range, &format!("{place}.range"), is_sampled),
            (Some(_), Some(_)) => {
                self.error(place, format!("parameter {path}: give either values or range, not both"));
                None
            }
            (None, None) => {
                self.error(place, format!("parameter {path}: give either values or range"));
                None
            }
        }
    }

    fn listed(&mut self, path: &str, values: &[Value], place: &str) -> Option<Dimension> {
        let before = self.mistakes.len();
        if values.is_empty() {
            self.error(&format!("{place}.values"), format!("parameter {path}: its values are an empty list"));
        }
        let mut seen = FxHashSet::default();
        for (index, value) in values.iter().enumerate() {
            if !seen.insert(value.to_string()) {
                self.error(
                    &format!("{place}.values[{index}]"),
                    format!("parameter {path}: the value {value} stands twice"),
                );
            }
        }
        let point = |value: &Value| Point { label: None, settings: vec![(path.to_owned(), value.clone())] };
        let points = values.iter().map(point).collect();
        (self.mistakes.len() == before).then_some(Dimension { points: Points::Listed(points) })
    }

    fn zip(&mut self, zipped: &[ZippedSpec], place: &str) -> Option<Dimension> {
        let mut points: Vec<Point> = Vec::new();
        for (index, ZippedSpec { path, values, range }) in zipped.iter().enumerate() {
            let place = format!("{place}[{index}]");
            let listed = match (values, range) {
                // Values that go together may come twice.
                (Some(values), None) => values.clone(),
                (None, Some(range)) => match self.range(path, range, &format!("{place}.range"), false)?.points {
                    Points::Listed(points) => points.into_iter().map(|mut point| point.settings.remove(0).1).collect(),
                    Points::Between(_) => return None,
                },
                _ => {
                    self.error(&place, format!("parameter {path}: give either values or range"));
                    return None;
                }
            };
            if index == 0 {
                points = vec![Point::default(); listed.len()];
            }
            if listed.len() != points.len() || listed.is_empty() {
                let problem =
                    format!("parameter {path} has {} values, the first of the zip {}", listed.len(), points.len());
                self.hinted(&place, problem, Some("parameters that go together have lists of equal length".to_owned()));
                return None;
            }
            for (point, value) in points.iter_mut().zip(listed) {
                point.settings.push((path.clone(), value));
            }
        }
        if zipped.len() < 2 {
            self.error(place, "a zip needs two parameters at least");
            return None;
        }
        Some(Dimension { points: Points::Listed(points) })
    }

    fn range(&mut self, path: &str, range: &RangeSpec, place: &str, is_sampled: bool) -> Option<Dimension> {
        let number = |bound: &Bound| match bound {
            Bound::Number(number) => *number,
            Bound::Duration(duration) => duration.nanos() as f64,
        };
        let is_duration = matches!(range.from, Bound::Duration(_));
        let all = [Some(&range.from), Some(&range.to), range.step.as_ref()];
        if all.into_iter().flatten().any(|bound| matches!(bound, Bound::Duration(_)) != is_duration) {
            self.error(
                place,
                format!(
                    "parameter {path}: from, to and step must be numbers all three, or durations such as 5m all three"
                ),
            );
            return None;
        }
        let (from, to) = (number(&range.from), number(&range.to));
        if !from.is_finite() || !to.is_finite() {
            self.error(place, format!("parameter {path}: from and to must be finite"));
            return None;
        }
        let is_whole = from.fract() == 0.0 && to.fract() == 0.0;
        let kind = match is_duration {
            true => Number::Duration,
            false if is_whole => Number::Whole,
            false => Number::Decimal,
        };
        if range.scale == Scale::Log && (from <= 0.0 || to <= 0.0) {
            self.error(place, format!("parameter {path}: a log scale needs both ends above zero"));
            return None;
        }
        let values: Vec<Value> = match (&range.step, range.count) {
            (Some(_), Some(_)) => {
                self.error(place, format!("parameter {path}: give either step or count, not both"));
                return None;
            }
            (None, None) if is_sampled => {
                if from > to {
                    self.error(place, format!("parameter {path}: its range holds no value, for to is below from"));
                    return None;
                }
                let between =
                    Between { path: path.to_owned(), name: String::new(), from, to, scale: range.scale, kind };
                return Some(Dimension { points: Points::Between(between) });
            }
            (None, None) => {
                self.hinted(
                    place,
                    format!("parameter {path}: its range has neither step nor count"),
                    Some("a sweep of all combinations needs `step:` or `count:`; or add `sample:`".to_owned()),
                );
                return None;
            }
            (Some(step), None) => self.steps(path, [from, to, number(step)], range.scale, is_duration, place)?,
            (None, Some(count)) => {
                if count == 0 || count as usize > MOST_RUNS {
                    self.error(place, format!("parameter {path}: a count of {count}"));
                    return None;
                }
                let part = |index: u32| if count == 1 { 0.0 } else { f64::from(index) / f64::from(count - 1) };
                let at = |part: f64| match range.scale {
                    Scale::Linear => from + part * (to - from),
                    Scale::Log => from * (to / from).powf(part),
                };
                let kind = if is_duration { Number::Duration } else { Number::Decimal };
                let mut values: Vec<Value> = (0..count).map(|index| kind.write(at(part(index)))).collect();
                values.dedup();
                values
            }
        };
        let point = |value| Point { label: None, settings: vec![(path.to_owned(), value)] };
        Some(Dimension { points: Points::Listed(values.into_iter().map(point).collect()) })
    }

    fn steps(
        &mut self,
        path: &str,
        [from, to, step]: [f64; 3],
        scale: Scale,
        is_duration: bool,
        place: &str,
    ) -> Option<Vec<Value>> {
        if scale == Scale::Log {
            self.error(place, format!("parameter {path}: a log scale has no step; give count"));
            return None;
        }
        if step == 0.0 || !step.is_finite() {
            self.error(place, format!("parameter {path}: its range has a step of zero"));
            return None;
        }
        // A step such as 0.1 is no binary fraction: the last value may miss `to` by a hair.
        let steps = ((to - from) / step + 1e-9).floor();
        if steps.is_nan() || steps < 0.0 {
            self.error(place, format!("parameter {path}: its range holds no value, for step leads away from to"));
            return None;
        }
        if steps >= MOST_RUNS as f64 {
            self.too_many(place, (steps as u128).saturating_add(1));
            return None;
        }
        let kind = if is_duration { Number::Duration } else { Number::Decimal };
        Some((0..=steps as usize).map(|index| kind.write(from + index as f64 * step)).collect())
    }

    /// A path that two dimensions set would have two values.
    fn doubles(&mut self, space: &Space) {
        let mut seen: Vec<String> = Vec::new();
        for dimension in &space.dimensions {
            let one = Space { dimensions: vec![dimension.clone()], constraints: Vec::new() };
            for path in one.paths() {
                if seen.iter().any(|other| other == path) {
                    self.error("spec.parameters", format!("parameter {path} stands twice"));
                }
                seen.push(path.to_owned());
            }
        }
    }

    fn seeds(&mut self, seeds: SeedsSpec) -> Option<Vec<u64>> {
        let seeds: Vec<u64> = match seeds {
            SeedsSpec::List(seeds) => seeds,
            SeedsSpec::Counted(counted) if counted.count > MOST_RUNS as u64 => {
                self.too_many("spec.seeds.count", counted.count.into());
                return None;
            }
            SeedsSpec::Counted(counted) => (0..counted.count).map(|index| counted.from.wrapping_add(index)).collect(),
        };
        if seeds.is_empty() {
            self.hinted(
                "spec.seeds",
                "seeds are an empty list",
                Some("leave seeds out to use the scenario's own".to_owned()),
            );
            return None;
        }
        let mut seen = FxHashSet::default();
        for (index, seed) in seeds.iter().enumerate() {
            if !seen.insert(*seed) {
                self.error(
                    &format!("spec.seeds[{index}]"),
                    format!("seed {seed} stands twice, and equal seeds give equal runs"),
                );
                return None;
            }
        }
        Some(seeds)
    }

    fn too_many(&mut self, place: &str, runs: u128) {
        let runs = if runs < 1_000_000_000_000_000 { runs.to_string() } else { "more than 10^15".to_owned() };
        self.error(place, format!("the sweep has {runs} runs; at most {MOST_RUNS} are taken for meant"));
    }

    /// A name of a figure that no run can have would only show after the last run.
    fn figure(&mut self, place: &str, name: &str) -> Option<String> {
        let names = FigureNames::of_summary();
        if let Some(path) = names.path(name) {
            return Some(path.join("."));
        }
        let known: Vec<String> = names.all().collect();
        let hint = suggestion(name, &known.iter().map(String::as_str).collect::<Vec<_>>());
        self.hinted(place, format!("no figure of the summary is called {name:?}"), hint);
        None
    }

    fn objective(&mut self, spec: &OptimizeSpec) -> Option<Objective> {
        let (metric, is_maximized) = match (&spec.minimize, &spec.maximize) {
            (Some(metric), None) => (self.figure("spec.optimize.minimize", metric), false),
            (None, Some(metric)) => (self.figure("spec.optimize.maximize", metric), true),
            _ => {
                self.error("spec.optimize", "give either minimize or maximize: one figure of the summary");
                (None, false)
            }
        };
        let mut conditions = Vec::new();
        for (index, text) in spec.subject_to.iter().enumerate() {
            let place = format!("spec.optimize.subjectTo[{index}]");
            match Expectation::compile(&ExpectationSpec::Short(text.clone())) {
                Ok(condition) if matches!(condition.subject, Subject::Figure { .. }) => conditions.push(condition),
                Ok(_) => self.hinted(
                    &place,
                    format!("{text:?} is about a time series"),
                    Some("a condition of an optimization is about a figure of summary.json".to_owned()),
                ),
                Err(misread) => self.hinted(&place, misread.message, misread.hint),
            }
        }
        if spec.budget == Some(0) {
            self.error("spec.optimize.budget", "a budget of no runs");
        }
        Some(Objective { metric: metric?, is_maximized, conditions, budget: spec.budget })
    }
}

/// Labels every listed point: short names with values; a variant has its own.
fn name_points(space: &mut Space) {
    let paths: Vec<String> = space.paths().into_iter().map(str::to_owned).collect();
    for dimension in &mut space.dimensions {
        let points = match &mut dimension.points {
            Points::Listed(points) => points,
            Points::Between(between) => {
                between.name = short_name(&between.path, &paths).to_owned();
                continue;
            }
        };
        for point in points.iter_mut().filter(|point| point.label.is_none()) {
            let words =
                point.settings.iter().map(|(path, value)| format!("{} {}", short_name(path, &paths), plain(value)));
            point.label = Some(words.collect::<Vec<_>>().join(", "));
        }
    }
}

/// For people: as much of the end of a path as no other of `paths` has.
pub fn short_name<'p>(path: &'p str, paths: &[String]) -> &'p str {
    let mut ends = path.rmatch_indices(['.', '/']).map(|(at, _)| &path[at + 1..]);
    let is_its_own = |end: &&str| {
        let has_it = |other: &&String| {
            let before = other.strip_suffix(*end);
            before.is_some_and(|before| before.is_empty() || before.ends_with(['.', '/']))
        };
        paths.iter().filter(has_it).count() <= 1
    };
    ends.find(is_its_own).unwrap_or(path)
}
