//! Lines, areas and text on an SVG or PNG page: the only file that knows plotters and the font.
//!
//! Coordinates are logical pixels from the upper left, as fractions where wanted; the page is drawn at twice that size,
//! since plotters places everything on whole pixels.

use std::io;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::{
    BitMapBackend, Circle, DrawingArea, DrawingAreaErrorKind, DrawingBackend, IntoDrawingArea, IntoFont, PathElement,
    Polygon, RGBAColor, RGBColor, Rectangle, SVGBackend, ShapeStyle, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, register_font};
use thiserror::Error;

use super::Color;
use crate::record::writer::scratch::Scratch;

/// Device pixels a logical pixel.
const SCALE: f64 = 2.0;

/// In an SVG the reader's own program chooses among these; in a PNG it is the embedded Roboto.
const FONT: &str = "Roboto, Helvetica, Arial, sans-serif";
static FONT_FILE: &[u8] = include_bytes!("../../../assets/fonts/Roboto-Regular-latin.ttf");

/// Why a plot could not be drawn.
#[derive(Debug, Error)]
pub enum PlotError {
    #[error("can't draw the plot: {0}")]
    Draw(String),
    #[error("can't write the plot aside: {0}")]
    Aside(#[from] io::Error),
}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for PlotError {
    fn from(error: DrawingAreaErrorKind<E>) -> PlotError {
        PlotError::Draw(error.to_string())
    }
}

/// Where text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Center,
    Right,
}

/// A page to draw on; what a layout draws is the same for every format.
pub struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    /// plotters fills a thick line on a bitmap as one polygon, which leaves holes where the line turns sharply or
    /// crosses itself: there each stretch is drawn by itself.
    is_bitmap: bool,
}

/// A layout: draws a whole page.
pub trait Draw {
    /// What it shows, for those who do not see it.
    fn title(&self) -> String;

    /// Width and height of the page.
    fn size(&self) -> (u32, u32);

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), PlotError>;
}

/// The page as the text of an SVG file.
pub fn svg(page: &impl Draw) -> Result<String, PlotError> {
    register_once();
    let (width, height) = page.size();
    let device = (width * SCALE as u32, height * SCALE as u32);
    let mut text = String::with_capacity(1 << 16);
    {
        let area = SVGBackend::with_string(&mut text, device).into_drawing_area();
        page.draw(&Canvas { area: &area, is_bitmap: false })?;
        area.present()?;
    }
    // The page's own size is the logical one; its view box keeps the finer grid.
    let fine = format!(r#"width="{}" height="{}""#, device.0, device.1);
    let mut text = text.replacen(&fine, &format!(r#"width="{width}" height="{height}" role="img""#), 1);
    if let Some(end) = text.find('>') {
        text.insert_str(end + 1, &format!("<title>{}</title>", escaped(&page.title())));
    }
    // XML takes no control characters, not even escaped.
    text.retain(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    Ok(text)
}

/// The page as the bytes of a PNG file, twice as many pixels as the logical size.
pub fn png(page: &impl Draw) -> Result<Vec<u8>, PlotError> {
    register_once();
    let (width, height) = page.size();
    // plotters encodes into files only.
    let file = tempfile::Builder::new().suffix(".png").tempfile()?;
    let _scratch = Scratch::file(file.path());
    {
        let device = (width * SCALE as u32, height * SCALE as u32);
        let area = BitMapBackend::new(file.path(), device).into_drawing_area();
        page.draw(&Canvas { area: &area, is_bitmap: true })?;
        area.present()?;
    }
    Ok(std::fs::read(file.path())?)
}

/// As text of an XML element; what XML has no place for is left out.
fn escaped(text: &str) -> String {
    let kept = text.chars().filter(|char| !char.is_control());
    kept.collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn register_once() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let registered = register_font(FONT, FontStyle::Normal, FONT_FILE);
        assert!(registered.is_ok(), "the embedded font is a font");
    });
}

/// Width of `text` at `size`, in logical pixels.
pub fn text_width(text: &str, size: f64) -> f64 {
    register_once();
    (FONT, size * SCALE).into_font().box_size(text).map_or(0.0, |(width, _)| f64::from(width) / SCALE)
}

fn device((x, y): (f64, f64)) -> (i32, i32) {
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

fn rgba(color: Color, opacity: f64) -> RGBAColor {
    RGBColor(color.0, color.1, color.2).mix(opacity)
}

fn stroke(color: Color, width: f64) -> ShapeStyle {
    ShapeStyle { color: rgba(color, 1.0), filled: false, stroke_width: (width * SCALE).round().max(1.0) as u32 }
}

fn fill(color: Color, opacity: f64) -> ShapeStyle {
    ShapeStyle { color: rgba(color, opacity), filled: true, stroke_width: 0 }
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    pub fn background(&self, color: Color) -> Result<(), PlotError> {
        Ok(self.area.fill(&rgba(color, 1.0))?)
    }

    pub fn line(&self, points: &[(f64, f64)], color: Color, width: f64) -> Result<(), PlotError> {
        let points: Vec<_> = points.iter().copied().map(device).collect();
        let stroke = stroke(color, width);
        if !self.is_bitmap {
            return Ok(self.area.draw(&PathElement::new(points, stroke))?);
        }
        for pair in points.windows(2) {
            let [from, to] = [pair[0], pair[1]];
            if from.0 == to.0 || from.1 == to.1 {
                // Longer by half its width at both ends, so that corners are square.
                let thickness = stroke.stroke_width as i32;
                // A filled rectangle ends before its lower right corner.
                let (before, after) = (thickness / 2, thickness - thickness / 2);
                let upper_left = (from.0.min(to.0) - before, from.1.min(to.1) - before);
                let lower_right = (from.0.max(to.0) + after, from.1.max(to.1) + after);
                self.area.draw(&Rectangle::new([upper_left, lower_right], fill(color, 1.0)))?;
            } else {
                self.area.draw(&PathElement::new(vec![from, to], stroke))?;
            }
        }
        Ok(())
    }

    /// From one point to another, level or not.
    pub fn dashed(&self, from: (f64, f64), to: (f64, f64), color: Color, width: f64) -> Result<(), PlotError> {
        const DASH: f64 = 6.0;
        const PERIOD: f64 = 10.0;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        let at = |along: f64| (from.0 + dx * along / length, from.1 + dy * along / length);
        let mut begun = 0.0;
        while begun < length {
            self.line(&[at(begun), at((begun + DASH).min(length))], color, width)?;
            begun += PERIOD;
        }
        Ok(())
    }

    pub fn polygon(&self, points: &[(f64, f64)], color: Color, opacity: f64) -> Result<(), PlotError> {
        let points: Vec<_> = points.iter().copied().map(device).collect();
        Ok(self.area.draw(&Polygon::new(points, fill(color, opacity)))?)
    }

    pub fn rectangle(&self, from: (f64, f64), to: (f64, f64), color: Color, opacity: f64) -> Result<(), PlotError> {
        Ok(self.area.draw(&Rectangle::new([device(from), device(to)], fill(color, opacity)))?)
    }

    pub fn disc(&self, center: (f64, f64), radius: f64, color: Color, opacity: f64) -> Result<(), PlotError> {
        Ok(self.area.draw(&Circle::new(device(center), (radius * SCALE) as i32, fill(color, opacity)))?)
    }

    /// `at` is the text's left, middle or right at half of its capitals' height.
    pub fn text(&self, text: &str, at: (f64, f64), size: f64, color: Color, align: Align) -> Result<(), PlotError> {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        let color = rgba(color, 1.0);
        let style =
            TextStyle::from((FONT, size * SCALE).into_font()).color(&color).pos(Pos::new(horizontal, VPos::Center));
        // plotters centers the height of small letters.
        Ok(self.area.draw(&Text::new(text, device((at.0, at.1 + 0.12 * size)), style))?)
    }
}
