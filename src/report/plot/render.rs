//! Lays a [`Figure`] out: title, then panel under panel, each with its legend above it, and the time axis at the foot.

use plotters::prelude::DrawingBackend;

use super::axis::{Axis, time_axis, value_axis};
use super::canvas::{self, Align, Canvas, Draw, PlotError, text_width};
use super::thin::{bands, vertices};
use super::{Color, Figure, Panel, Series, Shape};

pub(super) const WIDTH: f64 = 960.0;
pub(super) const LEFT: f64 = 64.0;
pub(super) const RIGHT: f64 = 24.0;
pub(super) const TEXT: f64 = 13.0;
pub(super) const INK: Color = Color(0x22, 0x22, 0x22);
pub(super) const FAINT_INK: Color = Color(0x66, 0x66, 0x66);
pub(super) const GRID: Color = Color(0xE4, 0xE4, 0xE4);
const WHITE: Color = Color(0xFF, 0xFF, 0xFF);

const HEADER: f64 = 64.0;
const LEGEND_ROW: f64 = 20.0;
/// Between the foot of a panel and the legend of the next.
const GAP: f64 = 26.0;
const FOOTER: f64 = 54.0;
/// The line below all that says what made the plot.
pub(super) const MADE_BY: f64 = 16.0;
/// A swatch of colour and the space around it.
const SWATCH: f64 = 26.0;

impl Figure {
    /// The text of an SVG file.
    pub fn svg(&self) -> Result<String, PlotError> {
        canvas::svg(self)
    }

    /// The bytes of a PNG file.
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        canvas::png(self)
    }

    /// Height of a panel's plot area: lower where there are many.
    fn panel_height(&self) -> f64 {
        match self.panels.len() {
            0 | 1 => 300.0,
            2 => 210.0,
            3 => 160.0,
            _ => 130.0,
        }
    }

    fn time_axis(&self) -> Axis {
        time_axis(self.seconds.last().copied().unwrap_or(0.0), self.start_epoch_seconds, 12)
    }
}

impl Draw for Figure {
    fn size(&self) -> (u32, u32) {
        let legends: usize = self.panels.iter().map(|panel| legend(panel).rows).sum();
        let panels = self.panels.len() as f64 * (self.panel_height() + GAP) - GAP;
        (WIDTH as u32, (HEADER + panels + legends as f64 * LEGEND_ROW + FOOTER + MADE_BY).ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), PlotError> {
        header(canvas, &self.title, &self.subtitle)?;
        let axis = self.time_axis();
        let x: Vec<f64> = self.seconds.iter().map(|at| LEFT + at / axis.end * (WIDTH - LEFT - RIGHT)).collect();
        let mut top = HEADER;
        for panel in &self.panels {
            let legend = legend(panel);
            legend.draw(canvas, panel, top)?;
            top += legend.rows as f64 * LEGEND_ROW;
            let bottom = top + self.panel_height();
            draw_panel(canvas, panel, &axis, &x, top, bottom)?;
            top = bottom + GAP;
        }
        let foot = top - GAP;
        for tick in &axis.ticks {
            let x = LEFT + tick.at / axis.end * (WIDTH - LEFT - RIGHT);
            canvas.text(&tick.label, (x, foot + 16.0), TEXT, INK, Align::Center)?;
        }
        canvas.text(&axis.title, ((LEFT + WIDTH - RIGHT) / 2.0, foot + 38.0), TEXT, FAINT_INK, Align::Center)?;
        made_by(canvas, &self.made_by, foot + FOOTER)
    }
}

/// White page, title and subtitle.
pub(super) fn header<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    title: &str,
    subtitle: &str,
) -> Result<(), PlotError> {
    canvas.background(WHITE)?;
    canvas.text(title, (LEFT, 22.0), 21.0, INK, Align::Left)?;
    canvas.text(subtitle, (LEFT, 44.0), TEXT, FAINT_INK, Align::Left)
}

/// What made the plot, small, on the line at `y`.
pub(super) fn made_by<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, text: &str, y: f64) -> Result<(), PlotError> {
    canvas.text(text, (LEFT, y), TEXT - 2.0, FAINT_INK, Align::Left)
}

fn draw_panel<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    panel: &Panel,
    time: &Axis,
    x: &[f64],
    top: f64,
    bottom: f64,
) -> Result<(), PlotError> {
    let wanted = ((bottom - top) / 45.0).round() as usize;
    let axis = value_axis(panel.series.iter().map(Series::max).fold(0.0, f64::max), wanted, panel.whole);
    let y = |value: f64| bottom - value.max(0.0) / axis.end * (bottom - top);
    let right = WIDTH - RIGHT;
    for tick in &time.ticks {
        let x = LEFT + tick.at / time.end * (right - LEFT);
        canvas.line(&[(x, top), (x, bottom)], GRID, 0.5)?;
    }
    for tick in &axis.ticks {
        canvas.line(&[(LEFT, y(tick.at)), (right, y(tick.at))], GRID, 0.5)?;
        canvas.text(&tick.label, (LEFT - 8.0, y(tick.at)), TEXT, INK, Align::Right)?;
    }
    for series in &panel.series {
        for band in bands(x, &series.envelope) {
            let band: Vec<(f64, f64)> = band.iter().map(|(x, value)| (*x, y(*value))).collect();
            canvas.polygon(&band, series.color, 0.3)?;
            canvas.line(&band, series.color, 0.75)?;
        }
    }
    for (index, series) in panel.series.iter().enumerate() {
        // Where lines lie on one another, the lower ones show at the edges of the upper one.
        let above = panel.series[index + 1..].iter().filter(|other| other.shape != Shape::Area).count().min(2);
        let width = if series.shape == Shape::Area { 1.5 } else { 1.5 + 0.75 * above as f64 };
        for run in vertices(x, &series.values, series.shape != Shape::Line) {
            let line: Vec<(f64, f64)> = run.iter().map(|(x, value)| (*x, y(*value))).collect();
            if series.shape == Shape::Area {
                let mut area = line.clone();
                area.push((line[line.len() - 1].0, bottom));
                area.push((line[0].0, bottom));
                canvas.polygon(&area, series.color, 0.18)?;
            }
            canvas.line(&line, series.color, width)?;
        }
    }
    canvas.line(&[(LEFT, bottom), (right, bottom)], FAINT_INK, 1.0)
}

/// Where the entries of a panel's legend stand: after the panel's label, on as many rows as they need.
struct Legend {
    /// Left edge and row of each series' entry.
    places: Vec<(f64, usize)>,
    rows: usize,
}

fn legend(panel: &Panel) -> Legend {
    let start = LEFT + text_width(&panel.label, TEXT + 1.0) + 24.0;
    let (mut x, mut row) = (start, 0);
    let places = panel
        .series
        .iter()
        .map(|series| {
            let width = SWATCH + text_width(&series.label, TEXT) + 18.0;
            if x + width > WIDTH - RIGHT + 18.0 && x > start {
                (x, row) = (start, row + 1);
            }
            let place = (x, row);
            x += width;
            place
        })
        .collect();
    Legend { places, rows: row + 1 }
}

impl Legend {
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, panel: &Panel, top: f64) -> Result<(), PlotError> {
        let middle = |row: usize| top + row as f64 * LEGEND_ROW + 6.0;
        canvas.text(&panel.label, (LEFT, middle(0)), TEXT + 1.0, INK, Align::Left)?;
        for (series, &(x, row)) in panel.series.iter().zip(&self.places) {
            let y = middle(row);
            if series.shape == Shape::Area {
                canvas.rectangle((x, y - 5.0), (x + 18.0, y + 5.0), series.color, 0.18)?;
                canvas.line(&[(x, y - 5.0), (x + 18.0, y - 5.0)], series.color, 1.5)?;
            } else {
                canvas.line(&[(x, y), (x + 18.0, y)], series.color, 2.5)?;
            }
            canvas.text(&series.label, (x + SWATCH, y), TEXT, INK, Align::Left)?;
        }
        Ok(())
    }
}
