//! Differences with their intervals around zero, a row each (a forest plot).

use plotters::prelude::DrawingBackend;

use super::Color;
use super::axis::{number, value_axis};
use super::canvas::{self, Align, Canvas, Draw, PlotError, text_width};
use super::render::{header, made_by};
use super::sheet::{FAINT_INK, GRID, INK, MADE_BY, RIGHT, TEXT, WIDTH};

const TOP: f64 = 72.0;
const ROW: f64 = 24.0;
const FOOT: f64 = 52.0;
const WIDEST_NAME: f64 = 330.0;
/// Differences beyond so many times the baseline are drawn as an arrow's end at the edge.
const FARTHEST: f64 = 2.0;

/// A plot of differences as parts of a baseline.
#[derive(Clone, Debug)]
pub struct Intervals {
    pub title: String,
    pub subtitle: String,
    /// What made it, in a line; small at the foot.
    pub made_by: String,
    pub rows: Vec<Difference>,
}

/// Parts of the baseline: -0.1 is a tenth less.
#[derive(Clone, Debug)]
pub struct Difference {
    pub label: String,
    pub low: f64,
    pub mean: f64,
    pub high: f64,
    pub color: Color,
}

impl Intervals {
    /// The text of an SVG file.
    pub fn svg(&self) -> Result<String, PlotError> {
        canvas::svg(self)
    }

    /// How far the axis reaches to both sides.
    fn reach(&self) -> f64 {
        let ends = self.rows.iter().flat_map(|row| [row.low.abs(), row.high.abs(), row.mean.abs()]);
        ends.filter(|end| end.is_finite()).fold(0.01, f64::max).min(FARTHEST)
    }
}

impl Draw for Intervals {
    fn title(&self) -> String {
        format!("{}: {}", self.title, self.subtitle)
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + self.rows.len() as f64 * ROW + FOOT + MADE_BY) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), PlotError> {
        header(canvas, &self.title, &self.subtitle)?;
        let names = self.rows.iter().map(|row| text_width(&row.label, TEXT)).fold(60.0, f64::max).min(WIDEST_NAME);
        let (left, right) = (names + 28.0, WIDTH - RIGHT - 24.0);
        let axis = value_axis(100.0 * self.reach(), 4, false);
        let reach = axis.end / 100.0;
        let x = |part: f64| (left + right) / 2.0 + part.clamp(-reach, reach) / reach * (right - left) / 2.0;
        let bottom = TOP + self.rows.len() as f64 * ROW;
        for tick in &axis.ticks {
            let signs: &[f64] = if tick.at == 0.0 { &[1.0] } else { &[-1.0, 1.0] };
            for &sign in signs {
                let at = x(sign * tick.at / 100.0);
                canvas.line(&[(at, TOP), (at, bottom)], if tick.at == 0.0 { FAINT_INK } else { GRID }, 0.75)?;
                let mark = if tick.at == 0.0 {
                    ""
                } else if sign < 0.0 {
                    "-"
                } else {
                    "+"
                };
                canvas.text(&format!("{mark}{} %", tick.label), (at, bottom + 15.0), TEXT, INK, Align::Center)?;
            }
        }
        canvas.text(
            "difference from the baseline",
            ((left + right) / 2.0, bottom + 36.0),
            TEXT,
            FAINT_INK,
            Align::Center,
        )?;
        for (index, row) in self.rows.iter().enumerate() {
            let y = TOP + (index as f64 + 0.5) * ROW;
            canvas.text(&row.label, (left - 14.0, y), TEXT, INK, Align::Right)?;
            if !row.mean.is_finite() {
                canvas.text("unknown", (x(0.0) + 8.0, y), TEXT, FAINT_INK, Align::Left)?;
                continue;
            }
            if row.low.is_finite() && row.high.is_finite() {
                canvas.line(&[(x(row.low), y), (x(row.high), y)], row.color, 2.5)?;
                for end in [row.low, row.high].into_iter().filter(|end| end.abs() <= reach) {
                    canvas.line(&[(x(end), y - 4.0), (x(end), y + 4.0)], row.color, 1.5)?;
                }
            }
            canvas.disc((x(row.mean), y), 4.0, row.color, 1.0)?;
            if row.mean.abs() > reach {
                let far = format!("{} %", number(100.0 * row.mean, 0));
                let (at, align) = if row.mean > 0.0 { (-10.0, Align::Right) } else { (10.0, Align::Left) };
                canvas.text(&far, (x(row.mean) + at, y), TEXT, INK, align)?;
            }
        }
        made_by(canvas, &self.made_by, bottom + FOOT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_named_and_what_is_not_known_is_said() {
        let row = |label: &str, mean: f64| Difference {
            label: label.to_owned(),
            low: mean - 0.02,
            mean,
            high: mean + 0.02,
            color: Color::GREEN,
        };
        let rows = vec![row("cost", -0.1), row("wait <p99>", f64::NAN), row("nodes", 9.0)];
        let plot =
            Intervals { title: "Differences".to_owned(), subtitle: "a".to_owned(), made_by: String::new(), rows };
        let svg = plot.svg().unwrap();
        for text in ["cost", "wait &lt;p99&gt;", "unknown", "900 %", "-100 %", "difference from the baseline"] {
            assert!(svg.contains(text), "no {text:?}");
        }
        assert!(!svg.contains("NaN"));
    }
}
