//! A sweep's cost against its pods' wait: one point a configuration, with the interval of its mean over the seeds.
//!
//! One parameter is told by colour and another by shape, as far as there are few values. Configurations that no other
//! beats in both are joined and ringed. Points carry numbers, explained below the plot, since parameter values are too
//! long to stand beside points.

use plotters::prelude::DrawingBackend;

use super::Color;
use super::axis::{Axis, close_axis};
use super::canvas::{self, Align, Canvas, Draw, PlotError, text_width};
use super::labels::Room;
use super::marks::{Mark, MarkEntry, MarkLegend};
use super::render::{header, made_by};
use super::sheet::{FAINT_INK, GRID, INK, KEY_ROW, LEFT, MADE_BY, RIGHT, TEXT, WHITE, WIDTH};

const TOP: f64 = 84.0;
const PLOT: f64 = 400.0;
const AXIS: f64 = 64.0;
/// Beside the plot, where there are points whose wait is not known.
const GUTTER: f64 = 76.0;
/// More configurations than these, and only the unbeaten ones are numbered.
const MOST_NUMBERED: usize = 40;

/// One point: a configuration's parameters and results.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub label: String,
    /// Names and values of the parameters, the same names in the same order in each.
    pub settings: Vec<(String, String)>,
    pub x: Range,
    pub y: Range,
    /// No other configuration is as good in both and better in one.
    pub unbeaten: bool,
    /// Its pods all found a node; one whose pods did not is crossed out.
    pub is_served: bool,
}

/// The mean over seeds, and the interval that holds the true mean at the stated level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub low: f64,
    pub mean: f64,
    pub high: f64,
}

/// A plot of points; less is better on both axes.
#[derive(Clone, Debug)]
pub struct Tradeoff {
    pub title: String,
    pub subtitle: String,
    /// What made it, in a line; small at the foot.
    pub made_by: String,
    pub x_label: String,
    pub y_label: String,
    /// A point whose `x` is not known stands beside the others, at the right; one without `y` is left out.
    pub configurations: Vec<Configuration>,
}

impl Tradeoff {
    /// The text of an SVG file.
    pub fn svg(&self) -> Result<String, PlotError> {
        canvas::svg(self)
    }

    /// The bytes of a PNG file.
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        canvas::png(self)
    }

    /// The configurations with a number in the plot and a line in the key, in the order of the sweep.
    fn numbered(&self) -> Vec<usize> {
        let all = self.configurations.len() <= MOST_NUMBERED;
        (0..self.configurations.len())
            .filter(|index| self.is_shown(*index) && (all || self.configurations[*index].unbeaten))
            .collect()
    }

    fn is_shown(&self, index: usize) -> bool {
        self.configurations[index].y.mean.is_finite()
    }

    /// Room at the right for points whose `x` is not known.
    fn gutter(&self) -> f64 {
        let lacks_x = |index: usize| self.is_shown(index) && !self.configurations[index].x.mean.is_finite();
        if (0..self.configurations.len()).any(lacks_x) { GUTTER } else { 0.0 }
    }

    fn key_entry(&self, index: usize) -> String {
        format!("{}  {}", index + 1, self.configurations[index].label)
    }

    /// Columns and rows of the key.
    fn key_grid(&self) -> (usize, usize) {
        let numbered = self.numbered();
        let widest = numbered.iter().map(|index| text_width(&self.key_entry(*index), TEXT)).fold(1.0, f64::max);
        let columns = (((WIDTH - LEFT - RIGHT) / (widest + 32.0)) as usize).clamp(1, 4);
        (columns, numbered.len().div_ceil(columns))
    }

    /// What colour and shape tell: a parameter each, of those with more than one value.
    fn legend(&self) -> MarkLegend {
        let names: Vec<&str> = self
            .configurations
            .first()
            .map_or(Vec::new(), |first| first.settings.iter().map(|(name, _)| name.as_str()).collect());
        let values = |parameter: usize| {
            let mut values: Vec<&str> = Vec::new();
            for configuration in &self.configurations {
                let value = configuration.settings.get(parameter).map_or("", |(_, value)| value);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            values
        };
        let told = |parameter: usize| (parameter, values(parameter));
        let mut wanted: Vec<(usize, Vec<&str>)> =
            (0..names.len()).map(told).filter(|(_, values)| values.len() > 1).collect();
        // One with more values than shapes can only be told by colours; of several, the one with most of them.
        let most = wanted.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let is_colored = |values: &[&str]| most <= Mark::ALL.len() || values.len() == most;
        let color = wanted.iter().position(|(_, values)| is_colored(values)).map(|place| wanted.remove(place));
        let shape = wanted.into_iter().find(|(_, values)| values.len() <= Mark::ALL.len());
        let entry = |(parameter, values): (usize, Vec<&str>)| MarkEntry {
            parameter,
            name: names[parameter].to_owned(),
            values: values.into_iter().map(str::to_owned).collect(),
        };
        MarkLegend { color: color.map(entry), shape: shape.map(entry) }
    }

    fn axes(&self) -> (Axis, Axis) {
        let axis = |range: fn(&Configuration) -> Range| {
            let ranges = || self.configurations.iter().map(range).filter(|range| range.mean.is_finite());
            let lowest = ranges().map(|range| range.low).fold(f64::INFINITY, f64::min);
            let highest = ranges().map(|range| range.high).fold(f64::NEG_INFINITY, f64::max);
            close_axis(lowest, highest, 8)
        };
        (axis(|point| point.x), axis(|point| point.y))
    }
}

impl Draw for Tradeoff {
    fn title(&self) -> String {
        format!("{}: {}", self.title, self.subtitle)
    }

    fn size(&self) -> (u32, u32) {
        let top = TOP + self.legend().rows() as f64 * KEY_ROW;
        (WIDTH as u32, (top + PLOT + AXIS + self.key_grid().1 as f64 * KEY_ROW + 12.0 + MADE_BY) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), PlotError> {
        header(canvas, &self.title, &self.subtitle)?;
        let (x_axis, y_axis) = self.axes();
        let legend = self.legend();
        legend.draw(canvas)?;
        let top = TOP + legend.rows() as f64 * KEY_ROW;
        let (right, bottom) = (WIDTH - RIGHT - self.gutter(), top + PLOT);
        let place = |axis: &Axis, value: f64| (value - axis.start) / (axis.end - axis.start);
        let x = |value: f64| match value.is_finite() {
            true => LEFT + place(&x_axis, value) * (right - LEFT),
            false => right + GUTTER / 2.0,
        };
        let y = |value: f64| bottom - place(&y_axis, value) * PLOT;
        canvas.text(&self.y_label, (LEFT, top - 16.0), TEXT, INK, Align::Left)?;
        for tick in &x_axis.ticks {
            canvas.line(&[(x(tick.at), top), (x(tick.at), bottom)], GRID, 0.5)?;
            canvas.text(&tick.label, (x(tick.at), bottom + 16.0), TEXT, INK, Align::Center)?;
        }
        if self.gutter() > 0.0 {
            canvas.line(&[(right + GUTTER / 4.0, top), (right + GUTTER / 4.0, bottom)], GRID, 1.5)?;
            canvas.text("unknown", (right + GUTTER / 2.0 + 6.0, bottom + 16.0), TEXT, INK, Align::Center)?;
        }
        for tick in &y_axis.ticks {
            canvas.line(&[(LEFT, y(tick.at)), (WIDTH - RIGHT, y(tick.at))], GRID, 0.5)?;
            canvas.text(&tick.label, (LEFT - 8.0, y(tick.at)), TEXT, INK, Align::Right)?;
        }
        canvas.text(&self.x_label, ((LEFT + right) / 2.0, bottom + 38.0), TEXT, INK, Align::Center)?;

        let shown = || self.configurations.iter().enumerate().filter(|(index, _)| self.is_shown(*index));
        let mut front: Vec<(f64, f64)> =
            shown().filter(|(_, point)| point.unbeaten).map(|(_, point)| (x(point.x.mean), y(point.y.mean))).collect();
        front.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        canvas.line(&front, Color::BLUE, 1.0)?;
        // Those that are beaten first, so that they cover none that are not.
        for pass in [false, true] {
            for (_, point) in shown().filter(|(_, point)| point.unbeaten == pass) {
                let (color, mark) = (legend.color(&point.settings), legend.mark(&point.settings));
                let at = (x(point.x.mean), y(point.y.mean));
                let within = |value: f64, low: f64, high: f64| value.clamp(low, high);
                let x_ends = [point.x.low, point.x.high].map(|value| within(x(value), LEFT, WIDTH - RIGHT));
                let y_ends = [point.y.low, point.y.high].map(|value| within(y(value), top, bottom));
                if point.x.low < point.x.high {
                    canvas.line(&[(x_ends[0], at.1), (x_ends[1], at.1)], color, 0.75)?;
                }
                if point.y.low < point.y.high {
                    canvas.line(&[(at.0, y_ends[0]), (at.0, y_ends[1])], color, 0.75)?;
                }
                if point.unbeaten {
                    mark.draw(canvas, at, 6.5, INK, 1.0)?;
                    mark.draw(canvas, at, 5.0, WHITE, 1.0)?;
                }
                mark.draw(
                    canvas,
                    at,
                    if point.unbeaten { 4.0 } else { 4.5 },
                    color,
                    if point.unbeaten { 1.0 } else { 0.55 },
                )?;
                if !point.is_served {
                    for slope in [-1.0, 1.0] {
                        let arm = 6.0 * slope;
                        canvas.line(&[(at.0 - 6.0, at.1 - arm), (at.0 + 6.0, at.1 + arm)], INK, 1.5)?;
                    }
                }
            }
        }
        let mut room = Room::new((LEFT, top), (WIDTH - RIGHT, bottom));
        shown().for_each(|(_, point)| room.take((x(point.x.mean), y(point.y.mean)), 12.0, 12.0));
        // Points on one another share a label.
        let mut labels: Vec<((f64, f64), Vec<usize>)> = Vec::new();
        for index in self.numbered() {
            let point = &self.configurations[index];
            let at = (x(point.x.mean), y(point.y.mean));
            let is_near = |other: (f64, f64)| (at.0 - other.0).abs() < 5.0 && (at.1 - other.1).abs() < 5.0;
            match labels.iter_mut().find(|(other, _)| is_near(*other)) {
                Some((_, indices)) => indices.push(index),
                None => labels.push((at, vec![index])),
            }
        }
        for (point, indices) in labels {
            let text = numbers(&indices);
            let (width, height) = (text_width(&text, TEXT - 1.0) + 4.0, 13.0);
            // Where all is full the key alone has it.
            let Some((at, is_far)) = room.place(point, width, height) else { continue };
            if is_far {
                canvas.line(&[point, (at.0, at.1 + if at.1 < point.1 { 6.0 } else { -6.0 })], FAINT_INK, 0.5)?;
            }
            canvas.text(&text, at, TEXT - 1.0, INK, Align::Center)?;
        }
        self.draw_key(canvas, bottom + AXIS)?;
        made_by(canvas, &self.made_by, bottom + AXIS + self.key_grid().1 as f64 * KEY_ROW)
    }
}

impl Tradeoff {
    fn draw_key<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, top: f64) -> Result<(), PlotError> {
        let (columns, rows) = self.key_grid();
        let width = (WIDTH - LEFT - RIGHT) / columns as f64;
        for (place, index) in self.numbered().into_iter().enumerate() {
            let at = (LEFT + (place / rows) as f64 * width, top + (place % rows) as f64 * KEY_ROW);
            let color = if self.configurations[index].unbeaten { INK } else { FAINT_INK };
            canvas.text(&self.key_entry(index), at, TEXT, color, Align::Left)?;
        }
        Ok(())
    }
}

/// Numbers of the configurations at these ascending indices: `3, 5-7`.
fn numbers(indices: &[usize]) -> String {
    let runs = indices.chunk_by(|before, next| before + 1 == *next);
    let texts = runs.map(|run| match run {
        [first, .., last] => format!("{}-{}", first + 1, last + 1),
        _ => (run[0] + 1).to_string(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(count: u32) -> Tradeoff {
        let range = |mean| Range { low: mean * 0.9, mean, high: mean * 1.1 };
        let point = |index: u32| Configuration {
            label: format!("target {index}"),
            settings: vec![
                ("expander".to_owned(), ["least-waste", "price"][index as usize % 2].to_owned()),
                ("size".to_owned(), (index % 3).to_string()),
                ("target".to_owned(), index.to_string()),
            ],
            x: range(f64::from(index)),
            y: range(if index == 3 { f64::NAN } else { f64::from(count - index) }),
            unbeaten: index.is_multiple_of(10),
            is_served: true,
        };
        Tradeoff {
            title: "Cost against wait".to_owned(),
            subtitle: "grid".to_owned(),
            made_by: String::new(),
            x_label: "wait (s)".to_owned(),
            y_label: "cost (USD)".to_owned(),
            configurations: (0..count).map(point).collect(),
        }
    }

    #[test]
    fn every_point_with_numbers_is_in_the_key() {
        let svg = plot(20).svg().unwrap();
        assert!(svg.contains("20  target 19") && svg.contains("cost (USD)") && svg.contains("wait (s)"));
        assert!(!svg.contains("target 3\n") && !svg.contains("NaN"));
        assert_eq!(plot(20).numbered().len(), 19);
    }

    #[test]
    fn a_configuration_whose_wait_is_not_known_stands_at_the_right_and_is_crossed_out() {
        let mut plot = plot(4);
        assert!(!plot.svg().unwrap().contains("unknown"));
        plot.configurations[1].x = Range { low: f64::NAN, mean: f64::NAN, high: f64::NAN };
        plot.configurations[1].is_served = false;
        let svg = plot.svg().unwrap();
        assert!(svg.contains("unknown") && svg.contains("2  target 1") && !svg.contains("NaN"));
    }

    #[test]
    fn colour_and_shape_tell_a_parameter_each() {
        let plot = plot(20);
        let legend = plot.legend();
        assert_eq!(legend.color.as_ref().unwrap().name, "target");
        assert_eq!(legend.shape.as_ref().unwrap().values, ["least-waste", "price"]);
        let mut few = plot.clone();
        few.configurations.iter_mut().for_each(|point| point.settings.truncate(2));
        assert_eq!(few.legend().color.unwrap().values, ["least-waste", "price"]);
        assert_eq!(few.legend().shape.unwrap().values, ["0", "1", "2"]);
        let first = &plot.configurations[0];
        let other = plot.configurations.iter().find(|other| other.settings[0] != first.settings[0]).unwrap();
        assert!(legend.color(&first.settings) != legend.color(&other.settings));
        let svg = plot.svg().unwrap();
        assert!(
            ["expander", "least-waste", "target", "<title>Cost against wait: grid"]
                .iter()
                .all(|text| svg.contains(text))
        );
    }

    #[test]
    fn neighbours_in_number_are_written_as_a_range() {
        assert_eq!(numbers(&[0]), "1");
        assert_eq!(numbers(&[2, 4, 5, 6, 9]), "3, 5-7, 10");
    }

    #[test]
    fn of_many_configurations_only_the_unbeaten_ones_are_numbered() {
        assert_eq!(plot(100).numbered(), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
    }
}
