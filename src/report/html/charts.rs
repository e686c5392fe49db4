//! The plots of a page: the same figures as the files beside it, for uPlot.

use serde::Serialize;

use super::numbers::Numbers;
use crate::report::plot::{Across, Color, Figure, Panel, Series, Shape, number};

#[derive(Serialize)]
pub struct Charts<'a> {
    /// Seconds of the samples of all plots over time.
    at: Numbers,
    figures: Vec<Chart<'a>>,
    #[serde(skip)]
    samples: usize,
    #[serde(skip)]
    bucket: usize,
}

#[derive(Serialize)]
struct Chart<'a> {
    name: &'a str,
    title: &'a str,
    /// `time` or `durations`.
    across: &'static str,
    /// Where `across` is not time.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Numbers>,
    panels: Vec<ChartPanel<'a>>,
}

#[derive(Serialize)]
struct ChartPanel<'a> {
    label: &'a str,
    whole: bool,
    series: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    label: &'a str,
    color: String,
    shape: &'static str,
    values: Numbers,
    /// The lowest and highest since the value before; `null` where they are the value itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<Numbers>,
    /// What holds all along: the tolerance around a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    band: Option<[f64; 2]>,
}

impl<'a> Charts<'a> {
    /// Plots of rows (jobs, groups) are drawn otherwise and left out here.
    pub fn of(figures: &'a [(&'static str, Figure)], most_samples: usize) -> Charts<'a> {
        let has_lines = |figure: &Figure| figure.panels.iter().any(|panel| !panel.series.is_empty());
        let of_lines = figures.iter().filter(|(_, figure)| has_lines(figure));
        let is_of_time = |figure: &Figure| figure.across == Across::Time && !figure.at.is_empty();
        let of_time = figures.iter().find(|(_, figure)| is_of_time(figure) && has_lines(figure));
        let at: &[f64] = of_time.map_or(&[], |(_, figure)| &figure.at);
        let kept = kept(at.len(), most_samples);
        let charts = of_lines.map(|(name, figure)| {
            let is_of_time = figure.across == Across::Time;
            let all: Vec<usize> = (0..figure.at.len()).collect();
            let own = if is_of_time { &kept } else { &all };
            Chart {
                name,
                title: &figure.title,
                across: if is_of_time { "time" } else { "durations" },
                at: (!is_of_time).then(|| Numbers(figure.at.clone())),
                panels: figure.panels.iter().map(|panel| panel_of(panel, own)).collect(),
            }
        });
        Charts {
            figures: charts.collect(),
            at: Numbers(kept.iter().map(|index| at[*index]).collect()),
            samples: at.len(),
            bucket: at.len().div_ceil(most_samples.max(1)).max(1),
        }
    }

    /// What is left out.
    pub fn thinned(&self) -> Option<String> {
        let samples = number(self.samples as f64, 0);
        (self.bucket > 1).then(|| {
            format!(
                "Plots show one sample in {} of {samples}; the shaded bands hold the lowest and highest values between \
                 them. timeseries.csv has all.",
                self.bucket
            )
        })
    }
}

/// Indices of the samples that are shown: the first, then the last of each stretch of equal length.
fn kept(samples: usize, most: usize) -> Vec<usize> {
    let bucket = samples.div_ceil(most.max(1)).max(1);
    let ends = (1..samples).step_by(bucket).map(|first| (first + bucket - 1).min(samples - 1));
    std::iter::once(0).filter(|_| samples > 0).chain(ends).collect()
}

fn panel_of<'a>(panel: &'a Panel, kept: &[usize]) -> ChartPanel<'a> {
    ChartPanel {
        label: &panel.label,
        whole: panel.whole,
        series: panel.series.iter().map(|series| line(series, kept)).collect(),
    }
}

fn line<'a>(series: &'a Series, kept: &[usize]) -> Line<'a> {
    let values = Numbers(kept.iter().map(|index| series.values[*index]).collect());
    let is_limit = series.shape == Shape::Limit;
    let band = series.envelope.first().filter(|_| is_limit).map(|(low, high)| [*low, *high]);
    let is_thinned = kept.len() < series.values.len();
    let (low, high) =
        if !is_limit && (is_thinned || !series.envelope.is_empty()) { extremes(series, kept) } else { (None, None) };
    Line { label: &series.label, color: color(series.color), shape: shape(series.shape), values, low, high, band }
}

/// The lowest and highest of each stretch that ends at a kept sample, and `None` where no stretch hides any.
fn extremes(series: &Series, kept: &[usize]) -> (Option<Numbers>, Option<Numbers>) {
    let (mut low, mut high) = (vec![f64::NAN; kept.len()], vec![f64::NAN; kept.len()]);
    let mut hides = false;
    let mut first = 0;
    for (place, &last) in kept.iter().enumerate() {
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for index in first..=last {
            let value = series.values[index];
            let (min, max) = series.envelope.get(index).copied().unwrap_or((value, value));
            if value.is_finite() {
                lowest = lowest.min(min).min(value);
                highest = highest.max(max).max(value);
            }
        }
        if lowest < highest {
            (low[place], high[place], hides) = (lowest, highest, true);
        }
        first = last + 1;
    }
    if hides { (Some(Numbers(low)), Some(Numbers(high))) } else { (None, None) }
}

const fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Step => "step",
        Shape::Area => "area",
        Shape::Line => "line",
        Shape::Stack => "stack",
        Shape::Limit => "limit",
    }
}

/// The page's name of a colour: it has others in the dark.
fn color(color: Color) -> String {
    let named = [
        (Color::BLUE, "blue"),
        (Color::VERMILLION, "vermillion"),
        (Color::GREEN, "green"),
        (Color::PURPLE, "purple"),
        (Color::ORANGE, "orange"),
        (Color::SKY, "sky"),
        (Color::GRAY, "gray"),
        (Color::BLACK, "black"),
    ];
    let name = named.into_iter().find(|(other, _)| *other == color).map_or("gray", |(_, name)| name);
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_and_the_last_sample_are_kept() {
        assert_eq!(kept(0, 4), Vec::<usize>::new());
        assert_eq!(kept(1, 4), [0]);
        assert_eq!(kept(4, 4), [0, 1, 2, 3]);
        assert_eq!(kept(10, 4), [0, 3, 6, 9]);
        assert_eq!(kept(11, 4), [0, 3, 6, 9, 10]);
    }

    proptest! {
        #[test]
        fn thinning_keeps_every_extreme(values in proptest::collection::vec(0u32..1_000, 1..400), most in 1usize..60) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let (first, last) = (values[0], values[values.len() - 1]);
            let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let kept = kept(values.len(), most);
            prop_assert!(kept.len() <= most + 1);
            let series = Series::new("x", Color::BLUE, Shape::Step, values);
            let line = line(&series, &kept);
            let or_own = |of: &Option<Numbers>, index: usize| {
                of.as_ref().map(|of| of.0[index]).filter(|value| value.is_finite()).unwrap_or(line.values.0[index])
            };
            let shown = |of: &Option<Numbers>| (0..kept.len()).map(|index| or_own(of, index)).collect::<Vec<f64>>();
            prop_assert_eq!(shown(&line.low).into_iter().fold(f64::INFINITY, f64::min), lowest);
            prop_assert_eq!(shown(&line.high).into_iter().fold(f64::NEG_INFINITY, f64::max), highest);
            prop_assert_eq!((line.values.0[0], *line.values.0.last().unwrap()), (first, last));
        }
    }
}
