//! What is to be seen in a plot, without a word on pixels: a title and panels above one another over one axis.

use crate::sim::Extent;

/// A plot, nearly always over time.
#[derive(Clone, Debug)]
pub struct Figure {
    pub title: String,
    pub subtitle: String,
    /// What made it, in a line; small at the foot.
    pub made_by: String,
    /// What the axis at the foot shows.
    pub across: Across,
    /// Where on that axis the series' values stand, ascending: seconds from the start where it is time.
    pub at: Vec<f64>,
    /// With it the time axis shows dates and times of day (UTC), without it the time since the start.
    pub start_epoch_seconds: Option<i64>,
    pub panels: Vec<Panel>,
}

/// What the horizontal axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Across {
    /// Since the start of the run.
    Time,
    /// Durations, on a scale that gives a second and a day room.
    Durations,
    Usd,
    /// GPUs times hours.
    GpuHours,
}

/// One y axis, from zero.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What the axis shows and in which unit.
    pub label: String,
    /// True where only whole numbers make sense.
    pub whole: bool,
    /// Drawn in this order, the last on top.
    pub series: Vec<Series>,
    /// In place of series: rows of bars along the axis at the foot.
    pub rows: Vec<Row>,
    /// What colours and hatching of `rows` mean.
    pub key: Vec<Key>,
}

/// Bars behind one another, with a name.
#[derive(Clone, Debug)]
pub struct Row {
    pub label: String,
    pub bars: Vec<Bar>,
    /// What the row says, in words.
    pub told: String,
}

/// A stretch that is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    pub from: f64,
    pub to: f64,
    pub look: Look,
}

/// How an area is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub color: Color,
    pub hatched: bool,
}

/// An entry of the key.
#[derive(Clone, Debug)]
pub struct Key {
    pub label: String,
    pub look: Look,
}

/// One series of a plot.
#[derive(Clone, Debug)]
pub struct Series {
    pub label: String,
    pub color: Color,
    pub shape: Shape,
    /// One a [`Figure::at`]; NaN leaves a gap.
    pub values: Vec<f64>,
    /// The lowest and highest value since the instant before, one a [`Figure::at`]; empty where they are not known.
    /// Drawn behind the line, so that no peak between two samples is hidden.
    pub envelope: Vec<(f64, f64)>,
    /// One a [`Figure::at`]: true where the value is not worth a line, for another series shows it. Empty: none.
    pub hidden: Vec<bool>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Holds its value until the next instant.
    Step,
    /// As `Step`, with the area below filled.
    Area,
    /// Changes evenly between instants.
    Line,
    /// As `Area`, on top of the `Stack` before it in the panel.
    Stack,
    /// What others are held to: dashed. Where it lies far above them, the axis does not reach it.
    Limit,
}

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// Okabe and Ito's colours, which people with any colour vision can tell apart. Their yellow is left out: too faint for
/// a line on white.
impl Color {
    pub const BLUE: Color = Color(0x00, 0x72, 0xB2);
    pub const VERMILLION: Color = Color(0xD5, 0x5E, 0x00);
    pub const GREEN: Color = Color(0x00, 0x9E, 0x73);
    pub const PURPLE: Color = Color(0xCC, 0x79, 0xA7);
    pub const ORANGE: Color = Color(0xE6, 0x9F, 0x00);
    pub const SKY: Color = Color(0x56, 0xB4, 0xE9);
    /// For what forms the background of a panel: the room there is, the sum of all.
    pub const GRAY: Color = Color(0x8C, 0x8C, 0x8C);

    pub const BLACK: Color = Color(0, 0, 0);

    /// For series without a meaning of their own.
    pub const CYCLE: [Color; 6] =
        [Color::BLUE, Color::VERMILLION, Color::GREEN, Color::PURPLE, Color::ORANGE, Color::SKY];
}

impl Panel {
    /// A panel of counts.
    pub fn whole(label: impl Into<String>, series: Vec<Series>) -> Panel {
        Panel { whole: true, ..Panel::new(label, series) }
    }

    pub fn new(label: impl Into<String>, series: Vec<Series>) -> Panel {
        Panel { label: label.into(), whole: false, series, rows: Vec::new(), key: Vec::new() }
    }

    /// Bars in rows.
    pub fn of_rows(label: impl Into<String>, rows: Vec<Row>, key: Vec<Key>) -> Panel {
        Panel { rows, key, ..Panel::new(label, Vec::new()) }
    }

    /// Up to where its axis has to reach: limits count where they are not far above the rest.
    pub fn top(&self) -> f64 {
        let is_limit = |series: &&Series| series.shape == Shape::Limit;
        let others = self.series.iter().filter(|series| !is_limit(series));
        let alone = others.filter(|series| series.shape != Shape::Stack).map(Series::max).fold(0.0, f64::max);
        let top = self.stacked().last().map_or(0.0, |sums| sums.iter().copied().fold(0.0, f64::max)).max(alone);
        let reach = if top > 0.0 { FARTHEST_LIMIT * top } else { f64::INFINITY };
        self.series.iter().filter(is_limit).map(Series::max).filter(|limit| *limit <= reach).fold(top, f64::max)
    }

    /// The upper edges of the stacked series, in their order.
    pub fn stacked(&self) -> Vec<Vec<f64>> {
        let mut sums: Vec<Vec<f64>> = Vec::new();
        for series in self.series.iter().filter(|series| series.shape == Shape::Stack) {
            let below = sums.last();
            let sum =
                series.values.iter().enumerate().map(|(index, value)| below.map_or(0.0, |sums| sums[index]) + value);
            sums.push(sum.collect());
        }
        sums
    }
}

/// A limit more than so many times above all else would leave no room to see the rest.
const FARTHEST_LIMIT: f64 = 2.0;

impl Series {
    pub fn new(label: impl Into<String>, color: Color, shape: Shape, values: Vec<f64>) -> Series {
        Series { label: label.into(), color, shape, values, envelope: Vec::new(), hidden: Vec::new() }
    }

    /// A limit that stays the same over `count` instants.
    pub fn limit(label: impl Into<String>, color: Color, value: f64, count: usize) -> Series {
        Series::new(label, color, Shape::Limit, vec![value; count])
    }

    /// Drawn only where it differs from `other`.
    pub fn unlike(self, other: &Series) -> Series {
        let hidden = self.values.iter().zip(&other.values).map(|(own, other)| own == other).collect();
        Series { hidden, ..self }
    }

    /// The values that are drawn.
    pub fn shown(&self) -> Vec<f64> {
        let is_hidden = |index: usize| self.hidden.get(index).copied().unwrap_or(false);
        let shown = |(index, value): (usize, &f64)| if is_hidden(index) { f64::NAN } else { *value };
        self.values.iter().enumerate().map(shown).collect()
    }

    /// With what the count was between the samples.
    pub fn within(self, extents: impl Iterator<Item = Extent>) -> Series {
        Series { envelope: extents.map(|extent| (extent.min.into(), extent.max.into())).collect(), ..self }
    }

    /// The largest value; zero where there is none.
    pub fn max(&self) -> f64 {
        let highest = self.envelope.iter().map(|(_, highest)| *highest);
        self.values.iter().copied().chain(highest).fold(0.0, f64::max)
    }
}

/// Gives each of `named` a colour of its own. Where there are more of them than colours, those with
/// the lowest peaks become one grey sum, so that no two lines look alike.
///
/// The sum has no envelope: its parts' peaks need not fall together.
pub(super) fn colored(mut series: Vec<Series>) -> Vec<Series> {
    let mut others = Vec::new();
    if series.len() > Color::CYCLE.len() {
        let mut peaks: Vec<f64> = series.iter().map(Series::max).collect();
        peaks.sort_by(|a, b| b.total_cmp(a));
        let lowest_kept = peaks[Color::CYCLE.len() - 1];
        // Of equal peaks at the limit, the first come first.
        let mut ties = Color::CYCLE.len() - peaks.iter().filter(|peak| **peak > lowest_kept).count();
        (series, others) = series.into_iter().partition(|series| {
            let tie = series.max() == lowest_kept && ties > 0;
            ties -= usize::from(tie);
            tie || series.max() > lowest_kept
        });
    }
    for (series, color) in series.iter_mut().zip(Color::CYCLE) {
        series.color = color;
    }
    if !others.is_empty() {
        let sum = |index: usize| others.iter().map(|series| series.values[index]).sum();
        let values = (0..others[0].values.len()).map(sum).collect();
        let shape = others[0].shape;
        series.insert(0, Series::new(format!("{} others, sum", others.len()), Color::GRAY, shape, values));
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_series_than_colours_end_in_one_sum_of_the_lowest() {
        let of = |index: u32, values: &[f64]| {
            Series::new(format!("group-{index}"), Color::GRAY, Shape::Step, values.to_vec())
        };
        let series = colored((0..9).map(|index| of(index, &[f64::from(index), 1.0])).collect());
        assert_eq!(series.len(), 7);
        assert_eq!((series[0].label.as_str(), series[0].values.as_slice()), ("3 others, sum", &[3.0, 3.0][..]));
        assert_eq!(series[1].label, "group-3");
        assert_eq!(colored((0..8).map(|index| of(index, &[1.0])).collect())[6].label, "group-5");
    }
}
