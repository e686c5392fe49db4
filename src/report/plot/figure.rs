//! What is to be seen in a plot, without a word on pixels: a title and panels above one another over one time axis.

use crate::sim::Extent;

/// A plot over time.
#[derive(Clone, Debug)]
pub struct Figure {
    pub title: String,
    pub subtitle: String,
    /// What made it, in a line; small at the foot.
    pub made_by: String,
    /// Instants of all series' values: seconds from the start, ascending.
    pub seconds: Vec<f64>,
    /// With it the time axis shows dates and times of day (UTC), without it the time since the start.
    pub start_epoch_seconds: Option<i64>,
    pub panels: Vec<Panel>,
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
}

#[derive(Clone, Debug)]
pub struct Series {
    pub label: String,
    pub color: Color,
    pub shape: Shape,
    /// One a [`Figure::seconds`]; NaN leaves a gap.
    pub values: Vec<f64>,
    /// The lowest and highest value since the instant before, one a [`Figure::seconds`]; empty where they are not known.
    /// Drawn behind the line, so that no peak between two samples is hidden.
    pub envelope: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Holds its value until the next instant.
    Step,
    /// As `Step`, with the area below filled.
    Area,
    /// Changes evenly between instants.
    Line,
}

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

    /// For series without a meaning of their own.
    pub const CYCLE: [Color; 6] =
        [Color::BLUE, Color::VERMILLION, Color::GREEN, Color::PURPLE, Color::ORANGE, Color::SKY];
}

impl Panel {
    /// A panel of counts.
    pub fn whole(label: impl Into<String>, series: Vec<Series>) -> Panel {
        Panel { label: label.into(), whole: true, series }
    }

    pub fn new(label: impl Into<String>, series: Vec<Series>) -> Panel {
        Panel { label: label.into(), whole: false, series }
    }
}

impl Series {
    pub fn new(label: impl Into<String>, color: Color, shape: Shape, values: Vec<f64>) -> Series {
        Series { label: label.into(), color, shape, values, envelope: Vec::new() }
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
