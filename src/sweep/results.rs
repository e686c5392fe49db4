//! What a sweep found: a row a run, and what can be said of a configuration over its seeds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{PlotSpec, Sweep, plain};
use crate::compare::{Better, better, count_of, percent_plain};
use crate::record::{Cells, Figure, SweepProvenance, value_of};

/// Part of a service's demand: who drops so much more than the best serves less, and is cheaper for that alone.
const MORE_DROPPED: f64 = 0.01;

/// All runs of a sweep, configuration by configuration, each under every seed.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Ascending by configuration.
    pub rows: Vec<Row>,
    /// Configurations that are no valid scenario, with what is wrong; they have no runs.
    pub errors: Vec<(usize, String)>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Row {
    /// Index of its configuration.
    pub configuration: usize,
    pub seed: u64,
    pub figures: Vec<Figure>,
}

/// What came of one run.
#[derive(Clone, Debug)]
pub enum Ran {
    Row(Row),
    /// It came to a limit in mid-run.
    Stopped {
        configuration: usize,
        what: String,
    },
}

/// A figure of one configuration over its seeds. NaN where any run has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averages {
    pub min: f64,
    pub mean: f64,
    pub max: f64,
}

impl Row {
    pub fn figure(&self, name: &str) -> f64 {
        value_of(&self.figures, name).unwrap_or(f64::NAN)
    }
}

impl Results {
    /// Of runs in their order, beside configurations that have none.
    pub fn of_runs(errors: Vec<(usize, String)>, runs: BTreeMap<usize, Ran>) -> Results {
        let mut results = Results { rows: Vec::with_capacity(runs.len()), errors };
        for ran in runs.into_values() {
            match ran {
                Ran::Row(row) => results.rows.push(row),
                Ran::Stopped { configuration, what } => results.errors.push((configuration, what)),
            }
        }
        results
    }

    /// The runs of configuration `index`, in the order of its seeds.
    pub fn of(&self, index: usize) -> &[Row] {
        let start = self.rows.partition_point(|row| row.configuration < index);
        let end = self.rows.partition_point(|row| row.configuration <= index);
        &self.rows[start..end]
    }

    /// What is wrong with a configuration that was not run.
    pub fn error(&self, index: usize) -> Option<&str> {
        self.errors.iter().find(|(other, _)| *other == index).map(|(_, error)| error.as_str())
    }

    /// The figure `name` of configuration `index`, over its seeds in their order.
    pub fn averages(&self, index: usize, name: &str) -> Averages {
        let values: Vec<f64> = self.of(index).iter().map(|row| row.figure(name)).collect();
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            return Averages { min: f64::NAN, mean: f64::NAN, max: f64::NAN };
        }
        Averages {
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// The most pods that configuration `index` left unserved under any seed (`pods.unserved`).
    pub fn unserved(&self, index: usize) -> u64 {
        // A NaN becomes zero: figures of a program's own may lack it.
        self.of(index).iter().map(|row| row.figure("pods.unserved") as u64).max().unwrap_or(0)
    }

    /// The part of its demand that the worst served service of configuration `index` was left with, on average over the
    /// seeds (`services.*.dropped_fraction`).
    pub fn dropped(&self, index: usize) -> f64 {
        let rows = self.of(index);
        let of_row = |row: &Row| {
            let dropped = row
                .figures
                .iter()
                .filter(|figure| figure.name.starts_with("services.") && figure.name.ends_with(".dropped_fraction"));
            dropped.map(|figure| figure.value).fold(0.0, f64::max)
        };
        rows.iter().map(of_row).sum::<f64>() / rows.len().max(1) as f64
    }

    /// By configuration, what it leaves undone, in words, where that keeps it from being compared by cost: pods, or more of
    /// a service's demand than the least of all configurations and one in a hundred.
    pub fn left_undone(&self, configurations: usize) -> Vec<Option<String>> {
        let work: Vec<(u64, f64)> = (0..configurations).map(|at| (self.unserved(at), self.dropped(at))).collect();
        let serves = |at: &usize| !self.of(*at).is_empty() && work[*at].0 == 0;
        let least = (0..configurations).filter(serves).map(|at| work[at].1).fold(f64::INFINITY, f64::min);
        let words = |(pods, dropped): (u64, f64)| match pods {
            0 if dropped > least + MORE_DROPPED => Some(format!("{} of the demand unserved", percent_plain(dropped))),
            0 => None,
            pods => Some(format!("{} unserved", count_of(pods, "pod"))),
        };
        work.iter().copied().map(words).collect()
    }

    /// The configurations that no other beats: none is as good in both figures and better in one. Less is better, but for
    /// figures of which more is; means over the seeds count. A configuration without one of the figures takes no part, nor does one that leaves
    /// work undone ([`Results::left_undone`]): work that was not done costs nothing and waits for nothing. In the order of the
    /// grid.
    pub fn unbeaten(&self, configurations: usize, x: &str, y: &str) -> Vec<usize> {
        let left_undone = self.left_undone(configurations);
        let mean = |index: usize, name: &str| match left_undone[index] {
            None => sign(name) * self.averages(index, name).mean,
            Some(_) => f64::NAN,
        };
        let means: Vec<(f64, f64)> = (0..configurations).map(|index| (mean(index, x), mean(index, y))).collect();
        let beats = |other: &(f64, f64), own: &(f64, f64)| {
            other.0 <= own.0 && other.1 <= own.1 && (other.0 < own.0 || other.1 < own.1)
        };
        (0..configurations)
            .filter(|index| {
                let own = means[*index];
                own.0.is_finite() && own.1.is_finite() && !means.iter().any(|other| beats(other, &own))
            })
            .collect()
    }

    /// `sweep.json`: what it was made from, and every configuration with its parameters, the two plotted figures over its
    /// seeds and how they stand against the baseline's.
    pub fn summary(&self, sweep: &Sweep, made_from: &SweepProvenance) -> Value {
        let PlotSpec { x, y } = &sweep.plot;
        let front = self.front(sweep);
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let entries = sweep.configurations.iter().enumerate().map(|(index, configuration)| {
            let parameters: Map<String, Value> =
                configuration.settings.iter().map(|(path, value)| (path.clone(), value.clone())).collect();
            let mut entry = Map::new();
            entry.insert("label".to_owned(), configuration.label.clone().into());
            entry.insert("parameters".to_owned(), parameters.into());
            entry.insert("runs".to_owned(), self.of(index).len().into());
            if let Some(error) = self.error(index) {
                entry.insert("error".to_owned(), error.into());
            }
            entry.insert("unbeaten".to_owned(), front.contains(&index).into());
            entry.insert("unserved_pods".to_owned(), self.unserved(index).into());
            entry.insert("dropped_fraction".to_owned(), self.dropped(index).into());
            let mut against_baseline = Map::new();
            for name in [x, y] {
                let Averages { min, mean, max } = self.averages(index, name);
                entry.insert(name.clone(), json!({"min": min, "mean": mean, "max": max}));
                if let Some(against) = self.against(sweep, index, sweep.baseline, name) {
                    let judged = against.judged;
                    let row = json!({
                        "difference": judged.difference,
                        "interval": [finite(judged.low), finite(judged.high)],
                        "relative": finite(judged.difference / judged.baseline_mean.abs()),
                        "verdict": against.verdict.words(),
                    });
                    against_baseline.insert(name.clone(), row);
                }
            }
            entry.insert("against_baseline".to_owned(), against_baseline.into());
            Value::from(entry)
        });
        let mut summary = serde_json::to_value(made_from).expect("it has only string keys");
        summary["runs"] = self.rows.len().into();
        summary["baseline"] = sweep.configurations[sweep.baseline].label.clone().into();
        summary["interval_level"] = self.terms(sweep).interval_level().into();
        summary["configurations"] = entries.collect();
        summary
    }

    /// Names of all figures, in the order of the first summary; those that only later runs have stand at the end, among
    /// them the reasons of `explain` that did not occur in the first.
    pub fn figure_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let mut known = BTreeSet::new();
        for figure in self.rows.iter().flat_map(|row| &row.figures) {
            if known.insert(figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
        names
    }

    /// `runs.csv`: the parameters, the seed, then every figure of the summary. Counts are integers; any other number has
    /// a decimal point in every row, so that readers guess one type for a column. A sweep with variants begins with their
    /// labels; a configuration that is no valid scenario has one row, without a seed, and what is wrong at its end.
    pub fn csv(&self, sweep: &Sweep) -> Vec<u8> {
        let names = self.figure_names();
        let figures = self.rows.iter().flat_map(|row| &row.figures);
        let with_decimals: BTreeSet<&str> =
            figures.filter(|figure| !figure.is_whole).map(|figure| figure.name.as_str()).collect();
        let is_whole: Vec<bool> = names.iter().map(|name| !with_decimals.contains(name)).collect();
        let mut out = Cells::with_capacity((self.rows.len() + 1) * (names.len() + 4) * 10);
        let paths = sweep.space.paths();
        let is_decimal: Vec<bool> = paths.iter().map(|path| is_of_decimals(sweep, path)).collect();
        if sweep.has_variants {
            out.text("label");
        }
        paths.iter().for_each(|path| out.dotted(["param", path]));
        out.text("seed");
        names.iter().for_each(|name| out.text(name));
        if !self.errors.is_empty() {
            out.text("error");
        }
        out.end_row();
        for (index, configuration) in sweep.configurations.iter().enumerate() {
            let settings = |out: &mut Cells| {
                if sweep.has_variants {
                    out.text(&configuration.label);
                }
                for (path, is_decimal) in paths.iter().zip(&is_decimal) {
                    match configuration.value(path) {
                        Some(value) if *is_decimal => out.float(value.as_f64().unwrap_or(f64::NAN)),
                        Some(value) => out.text(&plain(value)),
                        None => out.empty(),
                    }
                }
            };
            for row in self.of(index) {
                settings(&mut out);
                out.integer(row.seed);
                row_figures(&mut out, row, &names, &is_whole);
                if !self.errors.is_empty() {
                    out.empty();
                }
                out.end_row();
            }
            if let Some(error) = self.error(index) {
                settings(&mut out);
                (0..=names.len()).for_each(|_| out.empty());
                out.text(error);
                out.end_row();
            }
        }
        out.into_bytes()
    }
}

/// The figures of a run in the order of `names`.
fn row_figures(out: &mut Cells, row: &Row, names: &[&str], is_whole: &[bool]) {
    // Nearly every run has the same figures in the same order.
    let mut next = 0;
    for (name, is_whole) in names.iter().zip(is_whole) {
        let value = match row.figures.get(next).filter(|figure| figure.name == *name) {
            Some(figure) => {
                next += 1;
                figure.value
            }
            None => row.figure(name),
        };
        if *is_whole && value.is_finite() {
            out.integer(value as i64);
        } else {
            out.float(value);
        }
    }
}

/// Numbers, not all of them whole.
fn is_of_decimals(sweep: &Sweep, path: &str) -> bool {
    let values = || sweep.configurations.iter().filter_map(|configuration| configuration.value(path));
    values().all(Value::is_number) && values().any(|value| !value.is_i64() && !value.is_u64())
}

/// Minus one where more is better.
pub fn sign(name: &str) -> f64 {
    if better(name) == Some(Better::Higher) { -1.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, value: f64) -> Figure {
        Figure { name: name.to_owned(), value, is_whole: false }
    }

    fn results() -> (Sweep, Results) {
        let sweep = Sweep::parse(
            "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: s}\nspec: {scenario: a.yaml, parameters: [{path: hpa.target, values: [50, 80]}], seeds: [1, 2]}",
        )
        .unwrap();
        let row = |configuration, seed, figures| Row { configuration, seed, figures };
        let rows = vec![
            row(0, 1, vec![figure("cost", 4.0), figure("wait", 10.0)]),
            row(0, 2, vec![figure("cost", 6.0), figure("by.new", 1.5), figure("wait", 30.0)]),
            row(1, 1, vec![figure("cost", 3.0), figure("wait", f64::NAN)]),
            row(1, 2, vec![figure("cost", 3.0), figure("wait", 1.0)]),
        ];
        (sweep, Results { rows, errors: Vec::new() })
    }

    #[test]
    fn a_run_has_its_parameters_its_seed_and_an_empty_cell_for_what_it_lacks() {
        let (sweep, results) = results();
        let text = String::from_utf8(results.csv(&sweep)).unwrap();
        assert_eq!(
            text,
            "param.hpa.target,seed,cost,wait,by.new\n50,1,4.0,10.0,\n50,2,6.0,30.0,1.5\n80,1,3.0,,\n80,2,3.0,1.0,\n"
        );
    }

    #[test]
    fn counts_are_integers_and_a_parameter_with_one_decimal_has_them_all() {
        let sweep = Sweep::parse(
            "apiVersion: windtunnel/v1\nkind: Sweep\nmetadata: {name: s}\nspec: {scenario: a.yaml, parameters: [{path: x, values: [1, 2.5]}, {path: y, values: [3, 4m]}], seeds: [1]}",
        )
        .unwrap();
        let count = |value| Figure { is_whole: true, ..figure("pods", value) };
        let rows = (0..4).map(|index| Row { configuration: index, seed: 1, figures: vec![count(7.0)] }).collect();
        let text = String::from_utf8(Results { rows, errors: Vec::new() }.csv(&sweep)).unwrap();
        assert_eq!(text, "param.x,param.y,seed,pods\n1.0,3,1,7\n1.0,4m,1,7\n2.5,3,1,7\n2.5,4m,1,7\n");
    }

    #[test]
    fn a_configuration_is_unbeaten_unless_another_is_cheaper_and_faster() {
        let row = |configuration, (x, y)| Row { configuration, seed: 1, figures: vec![figure("x", x), figure("y", y)] };
        let points = [(1.0, 9.0), (2.0, 5.0), (3.0, 6.0), (2.0, 5.0), (0.0, f64::NAN)];
        let results = Results {
            rows: points.into_iter().enumerate().map(|(index, point)| row(index, point)).collect(),
            errors: Vec::new(),
        };
        assert_eq!(results.unbeaten(5, "x", "y"), [0, 1, 3]);
    }

    #[test]
    fn a_configuration_that_leaves_pods_unserved_under_one_seed_neither_wins_nor_beats() {
        let row = |configuration, seed, y, unserved| Row {
            configuration,
            seed,
            figures: vec![figure("x", 1.0), figure("y", y), figure("pods.unserved", unserved)],
        };
        let rows = vec![row(0, 1, 1.0, 0.0), row(0, 2, 1.0, 8.0), row(1, 1, 5.0, 0.0), row(1, 2, 5.0, 0.0)];
        let results = Results { rows, errors: Vec::new() };
        assert_eq!(results.unbeaten(2, "x", "y"), [1]);
        assert_eq!((results.unserved(0), results.unserved(1)), (8, 0));
    }

    #[test]
    fn a_configuration_that_drops_more_of_its_demand_neither_wins_nor_beats() {
        let row = |configuration, y, dropped| Row {
            configuration,
            seed: 1,
            figures: vec![
                figure("x", 1.0),
                figure("y", y),
                figure("pods.unserved", 0.0),
                figure("services.\"default/web\".dropped_fraction", dropped),
            ],
        };
        // The cheapest drops two thirds; the others differ by less than one in a hundred.
        let results =
            Results { rows: vec![row(0, 1.0, 0.666), row(1, 5.0, 0.018), row(2, 6.0, 0.014)], errors: Vec::new() };
        assert_eq!(results.unbeaten(3, "x", "y"), [1]);
        assert_eq!(results.left_undone(3), [Some("66.6 % of the demand unserved".to_owned()), None, None]);
    }

    #[test]
    fn the_summary_of_a_sweep_names_parameters_and_ranges() {
        let (mut sweep, results) = results();
        sweep.plot = PlotSpec { x: "wait".to_owned(), y: "cost".to_owned() };
        let summary = results.summary(&sweep, &SweepProvenance::default());
        assert_eq!(summary["configurations"][0]["parameters"]["hpa.target"], 50);
        assert_eq!(summary["configurations"][0]["wait"], json!({"min": 10.0, "mean": 20.0, "max": 30.0}));
        assert!(summary["configurations"][1]["wait"]["mean"].is_null());
    }

    #[test]
    fn averages_are_over_the_seeds_and_not_a_number_where_a_run_has_none() {
        let (_, results) = results();
        assert_eq!(results.averages(0, "cost"), Averages { min: 4.0, mean: 5.0, max: 6.0 });
        assert!(results.averages(1, "wait").mean.is_nan());
    }
}
