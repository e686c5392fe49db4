//! What a sweep found: a row a run, and what can be said of a configuration over its seeds.

use serde_json::Value;

use super::Sweep;
use super::space::plain;
use crate::record::{Cells, Figure};

/// All runs of a sweep, configuration by configuration, each under every seed.
#[derive(Clone, Debug)]
pub struct Results {
    pub rows: Vec<Row>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Row {
    /// Index of its configuration.
    pub configuration: usize,
    pub seed: u64,
    pub figures: Vec<Figure>,
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
        self.figures.iter().find(|figure| figure.name == name).map_or(f64::NAN, |figure| figure.value)
    }
}

impl Results {
    /// The figure `name` of configuration `index`, over its seeds in their order.
    pub fn averages(&self, index: usize, name: &str) -> Averages {
        let runs = self.rows.iter().filter(|row| row.configuration == index);
        let values: Vec<f64> = runs.map(|row| row.figure(name)).collect();
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            return Averages { min: f64::NAN, mean: f64::NAN, max: f64::NAN };
        }
        Averages {
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// Names of all figures, in the order of the first summary; those that only later runs have stand at the end.
    pub fn figure_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        for figure in self.rows.iter().flat_map(|row| &row.figures) {
            if known.insert(figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
        names
    }

    /// `runs.csv`: the parameters, the seed, then every figure of the summary.
    pub fn csv(&self, sweep: &Sweep) -> Vec<u8> {
        let names = self.figure_names();
        let mut out = Cells::with_capacity((self.rows.len() + 1) * (names.len() + 4) * 10);
        sweep.parameters.iter().for_each(|parameter| out.dotted(["param", &parameter.path]));
        out.text("seed");
        names.iter().for_each(|name| out.text(name));
        out.end_row();
        let configurations = sweep.configurations();
        for row in &self.rows {
            let settings: &[(&str, &Value)] = &configurations[row.configuration].settings;
            settings.iter().for_each(|(_, value)| out.text(&plain(value)));
            out.integer(row.seed);
            // Nearly every run has the same figures in the same order.
            let mut next = 0;
            for name in &names {
                match row.figures.get(next).filter(|figure| figure.name == *name) {
                    Some(figure) => {
                        next += 1;
                        out.float(figure.value);
                    }
                    None => out.float(row.figure(name)),
                }
            }
            out.end_row();
        }
        out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, value: f64) -> Figure {
        Figure { name: name.to_owned(), value }
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
        (sweep, Results { rows })
    }

    #[test]
    fn a_run_has_its_parameters_its_seed_and_an_empty_cell_for_what_it_lacks() {
        let (sweep, results) = results();
        let text = String::from_utf8(results.csv(&sweep)).unwrap();
        assert_eq!(text, "param.hpa.target,seed,cost,wait,by.new\n50,1,4,10,\n50,2,6,30,1.5\n80,1,3,,\n80,2,3,1,\n");
    }

    #[test]
    fn averages_are_over_the_seeds_and_not_a_number_where_a_run_has_none() {
        let (_, results) = results();
        assert_eq!(results.averages(0, "cost"), Averages { min: 4.0, mean: 5.0, max: 6.0 });
        assert!(results.averages(1, "wait").mean.is_nan());
    }
}
