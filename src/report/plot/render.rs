//! Lays a [`Figure`] out: title, then panel under panel, each with its legend above it, and the time axis at the foot.

use plotters::prelude::DrawingBackend;

use super::axis::{Axis, durations_axis, time_axis, value_axis};
use super::canvas::{self, Align, Canvas, Draw, PlotError, text_width};
use super::figure::{Key, Look};
use super::sheet::{FAINT_INK, Foot, GRID, INK, LEFT, MADE_BY, RIGHT, TEXT, WHITE, WIDTH};
use super::thin::{bands, vertices};
use super::{Across, Color, Figure, Panel, Series, Shape, rows};

const HEADER: f64 = 64.0;
const LEGEND_ROW: f64 = 20.0;
/// Between the foot of a panel and the legend of the next.
const GAP: f64 = 26.0;
const FOOTER: f64 = 54.0;
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
    fn panel_height(&self, panel: &Panel) -> f64 {
        match self.panels.len() {
            _ if !panel.rows.is_empty() => rows::height(panel),
            0 | 1 => 300.0,
            2 => 210.0,
            3 => 160.0,
            _ => 130.0,
        }
    }

    /// The axis at the foot.
    fn foot(&self) -> Foot {
        let in_rows = self.panels.iter().flat_map(|panel| &panel.rows).flat_map(|row| &row.bars).map(|bar| bar.to);
        let end = in_rows.chain(self.at.last().copied()).fold(0.0, f64::max);
        let axis = match self.across {
            Across::Time => time_axis(end, self.start_epoch_seconds, 12),
            Across::Durations => durations_axis(end),
            Across::GpuHours => Axis { title: "GPU hours".to_owned(), ..value_axis(end, 8, false) },
            Across::Usd => Axis { title: "USD".to_owned(), ..value_axis(end, 8, false) },
        };
        Foot { across: self.across, axis, left: rows::left(&self.panels) }
    }
}

impl Draw for Figure {
    fn title(&self) -> String {
        format!("{}: {}", self.title, self.subtitle)
    }

    fn size(&self) -> (u32, u32) {
        let left = self.foot().left;
        let legends: usize = self.panels.iter().map(|panel| legend(panel, left).rows).sum();
        let panels: f64 = self.panels.iter().map(|panel| self.panel_height(panel) + GAP).sum();
        (WIDTH as u32, (HEADER + panels - GAP + legends as f64 * LEGEND_ROW + FOOTER + MADE_BY).ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), PlotError> {
        let foot = self.foot();
        header(canvas, &self.title, &self.subtitle)?;
        let x: Vec<f64> = self.at.iter().map(|at| foot.x(*at)).collect();
        let mut top = HEADER;
        for panel in &self.panels {
            let legend = legend(panel, foot.left);
            legend.draw(canvas, panel, top)?;
            top += legend.rows as f64 * LEGEND_ROW;
            let bottom = top + self.panel_height(panel);
            for tick in &foot.axis.ticks {
                canvas.line(&[(foot.x(tick.at), top), (foot.x(tick.at), bottom)], GRID, 0.5)?;
            }
            if panel.rows.is_empty() {
                draw_panel(canvas, panel, &foot, &x, top, bottom)?;
            } else {
                rows::draw(canvas, panel, &foot, top)?;
            }
            canvas.line(&[(foot.left, bottom), (WIDTH - RIGHT, bottom)], FAINT_INK, 1.0)?;
            top = bottom + GAP;
        }
        let bottom = top - GAP;
        for tick in &foot.axis.ticks {
            canvas.text(&tick.label, (foot.x(tick.at), bottom + 16.0), TEXT, INK, Align::Center)?;
        }
        let middle = (foot.left + WIDTH - RIGHT) / 2.0;
        canvas.text(&foot.axis.title, (middle, bottom + 38.0), TEXT, FAINT_INK, Align::Center)?;
        made_by(canvas, &self.made_by, bottom + FOOTER)
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
    foot: &Foot,
    x: &[f64],
    top: f64,
    bottom: f64,
) -> Result<(), PlotError> {
    let wanted = ((bottom - top) / 45.0).round() as usize;
    let axis = value_axis(panel.top(), wanted, panel.whole);
    let y = |value: f64| bottom - value.clamp(0.0, axis.end) / axis.end * (bottom - top);
    let (left, right) = (foot.left, WIDTH - RIGHT);
    for tick in &axis.ticks {
        canvas.line(&[(left, y(tick.at)), (right, y(tick.at))], GRID, 0.5)?;
        canvas.text(&tick.label, (left - 8.0, y(tick.at)), TEXT, INK, Align::Right)?;
    }
    for series in &panel.series {
        for band in bands(x, &series.envelope) {
            let band: Vec<(f64, f64)> = band.iter().map(|(x, value)| (*x, y(*value))).collect();
            let opacity = if series.shape == Shape::Limit { 0.12 } else { 0.3 };
            canvas.polygon(&band, series.color, opacity)?;
            if series.shape != Shape::Limit {
                canvas.line(&band, series.color, 0.75)?;
            }
        }
    }
    // The highest of a stack first: each covers what lies below it.
    let sums = panel.stacked();
    let stack: Vec<&Series> = panel.series.iter().filter(|series| series.shape == Shape::Stack).collect();
    for (index, series) in stack.iter().enumerate().rev() {
        for run in vertices(x, &sums[index], true) {
            let line: Vec<(f64, f64)> = run.iter().map(|(x, value)| (*x, y(*value))).collect();
            let mut area = line.clone();
            area.extend([(line[line.len() - 1].0, bottom), (line[0].0, bottom)]);
            canvas.polygon(&area, WHITE, 1.0)?;
            canvas.polygon(&area, series.color, 0.45)?;
            canvas.line(&line, series.color, 1.25)?;
        }
    }
    for (index, series) in panel.series.iter().enumerate() {
        if series.shape == Shape::Stack {
            continue;
        }
        // Where lines lie on one another, the lower ones show at the edges of the upper one.
        let on_top = |other: &&Series| !matches!(other.shape, Shape::Area | Shape::Limit);
        let above = panel.series[index + 1..].iter().filter(on_top).count().min(2);
        let width = if series.shape == Shape::Area { 1.5 } else { 1.5 + 0.75 * above as f64 };
        for run in vertices(x, &series.shown(), series.shape != Shape::Line) {
            if series.shape == Shape::Limit {
                // What the axis does not reach is told in the legend.
                for pair in run.windows(2).filter(|pair| pair.iter().all(|(_, value)| *value <= axis.end)) {
                    canvas.dashed((pair[0].0, y(pair[0].1)), (pair[1].0, y(pair[1].1)), series.color, 1.5)?;
                }
                continue;
            }
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
    Ok(())
}

/// Where the entries of a panel's legend stand: after the panel's label, on as many rows as they need.
struct Legend {
    label_at: f64,
    entries: Vec<Entry>,
    rows: usize,
}

/// One entry: its left edge and row, and what it says.
struct Entry {
    at: (f64, usize),
    text: String,
    swatch: Swatch,
}

#[derive(Clone, Copy)]
enum Swatch {
    Line(Color),
    Dashes(Color),
    Area(Color),
    Box(Look),
}

fn legend(panel: &Panel, left: f64) -> Legend {
    let top = panel.top();
    let is_beyond = |series: &&Series| series.shape == Shape::Limit && series.max() > top;
    let of_series = |series: &Series| {
        let swatch = match series.shape {
            Shape::Area => Swatch::Area(series.color),
            Shape::Stack => Swatch::Box(Look { color: series.color, hatched: false }),
            Shape::Limit => Swatch::Dashes(series.color),
            Shape::Step | Shape::Line => Swatch::Line(series.color),
        };
        let label =
            if series.hidden.is_empty() { series.label.clone() } else { format!("{}, where it differs", series.label) };
        (label, swatch)
    };
    let beyond: Vec<&str> = panel.series.iter().filter(is_beyond).map(|series| series.label.as_str()).collect();
    let beyond = (!beyond.is_empty()).then(|| (too_high(&beyond), Swatch::Dashes(Color::GRAY)));
    let of_key = |key: &Key| (key.label.clone(), Swatch::Box(key.look));
    let start = left + text_width(&panel.label, TEXT + 1.0) + 24.0;
    let (mut x, mut row) = (start, 0);
    let shown = panel.series.iter().filter(|series| !is_beyond(series)).map(of_series);
    let wanted = shown.chain(beyond).chain(panel.key.iter().map(of_key));
    let entries = wanted.map(|(text, swatch)| {
        let width = SWATCH + text_width(&text, TEXT) + 18.0;
        if x + width > WIDTH - RIGHT + 18.0 && x > start {
            (x, row) = (start, row + 1);
        }
        let at = (x, row);
        x += width;
        Entry { at, text, swatch }
    });
    let entries = entries.collect();
    Legend { label_at: left, entries, rows: row + 1 }
}

/// Limits that the axis does not reach, in an entry.
fn too_high(labels: &[&str]) -> String {
    const SHOWN: usize = 4;
    let more = labels.len().saturating_sub(SHOWN);
    let mut shown = labels[..labels.len().min(SHOWN)].join(", ");
    if more > 0 {
        shown += &format!(" and {more} more");
    }
    format!("{shown}: too high to show")
}

impl Legend {
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, panel: &Panel, top: f64) -> Result<(), PlotError> {
        let middle = |row: usize| top + row as f64 * LEGEND_ROW + 6.0;
        canvas.text(&panel.label, (self.label_at, middle(0)), TEXT + 1.0, INK, Align::Left)?;
        for entry in &self.entries {
            let (x, y) = (entry.at.0, middle(entry.at.1));
            match entry.swatch {
                Swatch::Area(color) => {
                    canvas.rectangle((x, y - 5.0), (x + 18.0, y + 5.0), color, 0.18)?;
                    canvas.line(&[(x, y - 5.0), (x + 18.0, y - 5.0)], color, 1.5)?;
                }
                Swatch::Box(look) => rows::bar(canvas, (x, y - 5.0), (x + 18.0, y + 5.0), look)?,
                Swatch::Dashes(color) => canvas.dashed((x, y), (x + 18.0, y), color, 1.5)?,
                Swatch::Line(color) => canvas.line(&[(x, y), (x + 18.0, y)], color, 2.5)?,
            }
            canvas.text(&entry.text, (x + SWATCH, y), TEXT, INK, Align::Left)?;
        }
        Ok(())
    }
}
