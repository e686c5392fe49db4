//! Rows of bars along the axis at the foot: when jobs waited and ran, what groups cost.

use plotters::prelude::DrawingBackend;

use super::canvas::{Align, Canvas, PlotError, text_width};
use super::figure::{Look, Panel};
use super::sheet::{Foot, INK, LEFT, TEXT};

/// Names stand left of the bars, up to so many pixels.
const WIDEST_NAME: f64 = 220.0;
/// Pixels between the lines of a hatching.
const HATCH: f64 = 5.0;

/// Height of a row: lower where there are many.
fn row_height(panel: &Panel) -> f64 {
    match panel.rows.len() {
        0..=12 => 26.0,
        13..=40 => 17.0,
        _ => 11.0,
    }
}

fn text_size(panel: &Panel) -> f64 {
    (row_height(panel) - 1.0).min(TEXT)
}

pub fn height(panel: &Panel) -> f64 {
    panel.rows.len() as f64 * row_height(panel) + 6.0
}

/// Where panels begin: right of the longest name of a row.
pub fn left(panels: &[Panel]) -> f64 {
    let names = panels.iter().flat_map(|panel| panel.rows.iter().map(|row| text_width(&row.label, text_size(panel))));
    names.fold(LEFT - 16.0, f64::max).min(WIDEST_NAME) + 16.0
}

pub fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    panel: &Panel,
    foot: &Foot,
    top: f64,
) -> Result<(), PlotError> {
    let (step, size) = (row_height(panel), text_size(panel));
    for (index, row) in panel.rows.iter().enumerate() {
        let (from, to) = (top + 3.0 + index as f64 * step, top + 1.0 + (index + 1) as f64 * step);
        let middle = (from + to) / 2.0;
        canvas.text(&shortened(&row.label, size), (foot.left - 8.0, middle + 1.0), size, INK, Align::Right)?;
        for one in &row.bars {
            // A short one is seen too.
            let (left, right) = (foot.x(one.from), foot.x(one.to).max(foot.x(one.from) + 1.0));
            bar(canvas, (left, from), (right, to), one.look)?;
        }
    }
    Ok(())
}

/// A name that has room, cut in its middle.
fn shortened(name: &str, size: f64) -> String {
    let mut kept = name.chars().count();
    let mut text = name.to_owned();
    while text_width(&text, size) > WIDEST_NAME && kept > 4 {
        kept -= 2;
        let (head, tail) = (kept / 2, kept - kept / 2);
        let chars: Vec<char> = name.chars().collect();
        text = chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect();
    }
    text
}

/// Filled, or outlined and hatched.
pub fn bar<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    from: (f64, f64),
    to: (f64, f64),
    look: Look,
) -> Result<(), PlotError> {
    let color = look.color;
    if !look.hatched {
        canvas.rectangle(from, to, color, 0.45)?;
        return outline(canvas, from, to, look);
    }
    canvas.rectangle(from, to, color, 0.12)?;
    let (width, height) = (to.0 - from.0, to.1 - from.1);
    let mut start = HATCH / 2.0 - height;
    while start < width {
        // A rising line from the foot at `start`, cut at both sides.
        let (enters, leaves) = (start.max(0.0), (start + height).min(width));
        let y = |x: f64| to.1 - (x - start);
        canvas.line(&[(from.0 + enters, y(enters)), (from.0 + leaves, y(leaves))], color, 1.0)?;
        start += HATCH;
    }
    outline(canvas, from, to, look)
}

fn outline<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    from: (f64, f64),
    to: (f64, f64),
    look: Look,
) -> Result<(), PlotError> {
    let corners = [from, (to.0, from.1), to, (from.0, to.1), from];
    canvas.line(&corners, look.color, 0.75)
}
