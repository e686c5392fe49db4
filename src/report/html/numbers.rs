//! Numbers of a page: compact in its JSON, as bars in its tables.

use std::fmt::Write;

use serde::{Serialize, Serializer};

/// Values of a line: whole ones as integers, others with six digits, `null` where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers(pub Vec<f64>);

/// Whole numbers up to here are written as such.
const WHOLE: f64 = 1e15;

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut out = serializer.serialize_seq(Some(self.0.len()))?;
        for value in &self.0 {
            if !value.is_finite() {
                out.serialize_element(&None::<i64>)?;
            } else if *value == value.trunc() && value.abs() < WHOLE {
                out.serialize_element(&(*value as i64))?;
            } else {
                out.serialize_element(&rounded(*value))?;
            }
        }
        out.end()
    }
}

/// With six digits: more than a plot shows.
pub fn rounded(value: f64) -> f64 {
    let scale = 10f64.powf(5.0 - value.abs().log10().floor());
    if scale.is_finite() && scale > 0.0 { (value * scale).round() / scale } else { value }
}

/// A class for each width of a bar, so that the page needs no style attributes.
pub fn bar_widths() -> String {
    let mut css = String::new();
    for percent in 0..=100 {
        let _ = write!(css, ".w{percent}{{width:{percent}%}}");
    }
    css
}

/// A bar: two parts of `whole`, the second hatched.
pub fn bar(held: f64, idle: f64, whole: f64) -> String {
    let percent = |part: f64| if whole > 0.0 { (100.0 * part / whole).round().clamp(0.0, 100.0) as u32 } else { 0 };
    let (all, held) = (percent(held.max(0.0) + idle.max(0.0)), percent(held.max(0.0)));
    format!(
        "<span class=\"bar\" aria-hidden=\"true\"><i class=\"w{held}\"></i><i class=\"idle w{}\"></i></span>",
        all.saturating_sub(held)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_short_and_a_gap_is_null() {
        let numbers = Numbers(vec![3.0, 0.123_456_789, f64::NAN, -2.5, 123_456.789, 0.0]);
        assert_eq!(serde_json::to_string(&numbers).unwrap(), "[3,0.123457,null,-2.5,123457.0,0]");
    }

    #[test]
    fn the_parts_of_a_bar_never_leave_it() {
        assert!(bar(3.0, 1.0, 4.0).contains("w75\"></i><i class=\"idle w25\""));
        assert!(bar(-1.0, 9.0, 4.0).contains("w0\"></i><i class=\"idle w100\""));
        assert!(bar(1.0, 1.0, 0.0).contains("w0\"></i><i class=\"idle w0\""));
    }
}
