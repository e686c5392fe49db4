//! Sizes and colours that all plots share, and the scale along the foot.

use super::axis::Axis;
use super::figure::{Across, Color};

pub(super) const WIDTH: f64 = 960.0;
pub(super) const LEFT: f64 = 64.0;
pub(super) const RIGHT: f64 = 24.0;
pub(super) const TEXT: f64 = 13.0;
pub(super) const INK: Color = Color(0x22, 0x22, 0x22);
pub(super) const FAINT_INK: Color = Color(0x66, 0x66, 0x66);
pub(super) const GRID: Color = Color(0xE4, 0xE4, 0xE4);
pub(super) const WHITE: Color = Color(0xFF, 0xFF, 0xFF);
/// The line below all that says what made the plot.
pub(super) const MADE_BY: f64 = 16.0;
/// A row of a legend of points.
pub(super) const KEY_ROW: f64 = 20.0;

/// The axis at the foot, and where the panels begin.
pub(super) struct Foot {
    pub across: Across,
    pub axis: Axis,
    pub left: f64,
}

impl Foot {
    pub fn x(&self, at: f64) -> f64 {
        let share = match self.across {
            Across::Durations => at.ln_1p() / self.axis.end.ln_1p(),
            Across::Time | Across::Usd | Across::GpuHours => at / self.axis.end,
        };
        self.left + share * (WIDTH - RIGHT - self.left)
    }
}
