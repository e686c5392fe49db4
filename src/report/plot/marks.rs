//! Points of a plot whose colour and shape tell a parameter each.

use plotters::prelude::DrawingBackend;

use super::Color;
use super::canvas::{Align, Canvas, PlotError, text_width};
use super::sheet::{INK, KEY_ROW, LEFT, RIGHT, TEXT, WIDTH};

/// Where the first row of the legend stands.
const TOP: f64 = 70.0;

/// From the first value to the last of a parameter with many: dark blue by way of green to yellow, apart for any colour
/// vision, since they grow lighter.
const RAMP: [Color; 4] =
    [Color(0x2B, 0x1A, 0x6B), Color(0x1F, 0x77, 0x9E), Color(0x3C, 0xA8, 0x6B), Color(0xE3, 0xB5, 0x05)];

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Disc,
    Square,
    Triangle,
    Diamond,
    Plus,
}

impl Mark {
    pub const ALL: [Mark; 5] = [Mark::Disc, Mark::Square, Mark::Triangle, Mark::Diamond, Mark::Plus];

    /// `size` is half of its width.
    pub fn draw<DB: DrawingBackend>(
        self,
        canvas: &Canvas<'_, DB>,
        (x, y): (f64, f64),
        size: f64,
        color: Color,
        opacity: f64,
    ) -> Result<(), PlotError> {
        let corners: Vec<(f64, f64)> = match self {
            Mark::Disc => return canvas.disc((x, y), size, color, opacity),
            Mark::Square => vec![(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Mark::Triangle => vec![(0.0, -1.15), (1.1, 0.8), (-1.1, 0.8)],
            Mark::Diamond => vec![(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
            Mark::Plus => {
                let (arm, half) = (1.2, 0.42);
                let quarter = [(half, -arm), (half, -half), (arm, -half)];
                let turned = |turn: usize, (x, y): (f64, f64)| (0..turn).fold((x, y), |(x, y), _| (-y, x));
                (0..4).flat_map(|turn| quarter.map(|corner| turned(turn, corner))).collect()
            }
        };
        let corners: Vec<(f64, f64)> = corners.into_iter().map(|(dx, dy)| (x + size * dx, y + size * dy)).collect();
        canvas.polygon(&corners, color, opacity)
    }
}

/// What colours and shapes mean.
#[derive(Clone, Debug)]
pub struct MarkLegend {
    pub color: Option<MarkEntry>,
    pub shape: Option<MarkEntry>,
}

/// A parameter with the values that it has, in the order of colours or shapes.
#[derive(Clone, Debug)]
pub struct MarkEntry {
    /// Index of the configurations' settings.
    pub parameter: usize,
    pub name: String,
    pub values: Vec<String>,
}

impl MarkEntry {
    fn place(&self, settings: &[(String, String)]) -> usize {
        let value = settings.get(self.parameter).map_or("", |(_, value)| value);
        self.values.iter().position(|other| other == value).unwrap_or(0)
    }

    /// Of many values, those that stand side by side have colours that are near.
    fn color(&self, place: usize) -> Color {
        if self.values.len() <= Color::CYCLE.len() {
            return Color::CYCLE[place];
        }
        let along = place as f64 / (self.values.len() - 1) as f64 * (RAMP.len() - 1) as f64;
        let (first, share) =
            ((along as usize).min(RAMP.len() - 2), along - (along as usize).min(RAMP.len() - 2) as f64);
        let mixed = |from: u8, to: u8| (f64::from(from) + share * (f64::from(to) - f64::from(from))).round() as u8;
        let (from, to) = (RAMP[first], RAMP[first + 1]);
        Color(mixed(from.0, to.0), mixed(from.1, to.1), mixed(from.2, to.2))
    }
}

impl MarkLegend {
    pub fn rows(&self) -> usize {
        usize::from(self.color.is_some()) + usize::from(self.shape.is_some())
    }

    pub fn color(&self, settings: &[(String, String)]) -> Color {
        self.color.as_ref().map_or(Color::BLUE, |entry| entry.color(entry.place(settings)))
    }

    pub fn mark(&self, settings: &[(String, String)]) -> Mark {
        self.shape.as_ref().map_or(Mark::Disc, |entry| Mark::ALL[entry.place(settings) % Mark::ALL.len()])
    }

    /// A row a parameter.
    pub fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), PlotError> {
        let color = self.color.iter().map(|entry| (entry, true));
        let shape = self.shape.iter().map(|entry| (entry, false));
        for (row, (entry, is_color)) in color.chain(shape).enumerate() {
            let y = TOP + row as f64 * KEY_ROW;
            canvas.text(&entry.name, (LEFT, y), TEXT, INK, Align::Left)?;
            let mut x = LEFT + text_width(&entry.name, TEXT) + 22.0;
            for (place, value) in entry.values.iter().enumerate() {
                let width = text_width(value, TEXT);
                if x + width > WIDTH - RIGHT {
                    canvas.text("…", (x, y), TEXT, INK, Align::Left)?;
                    break;
                }
                let (mark, color) =
                    if is_color { (Mark::Disc, entry.color(place)) } else { (Mark::ALL[place], Color::GRAY) };
                mark.draw(canvas, (x, y), 5.0, color, 1.0)?;
                canvas.text(value, (x + 10.0, y), TEXT, INK, Align::Left)?;
                x += width + 34.0;
            }
        }
        Ok(())
    }
}
