//! What pages that list configurations share: their table's header, the facts beneath it, and how a page is kept within its
//! bound.

use super::MOST_BYTES;
use super::escape::escape;
use crate::report::plot::number;

pub(super) const SCRIPT: &str =
    concat!(include_str!("../../../assets/report/sweep.js"), include_str!("../../../assets/report/theme.js"));

/// The page with as many of its `rows` as [`MOST_BYTES`] leave room for.
pub(super) fn within_bounds(rows: usize, page_of: impl Fn(usize) -> String) -> String {
    let mut most = rows;
    loop {
        let text = page_of(most);
        if text.len() <= MOST_BYTES || most == 0 {
            return text;
        }
        most /= 2;
    }
}

/// The header: the number of the row, its mark, and the names of parameters and figures.
pub(super) fn header(mark: &str, parameters: &[String], figures: &[String]) -> String {
    let mut header = heading("#", " class=\"n\"") + &heading(mark, "");
    parameters.iter().for_each(|text| header += &heading(text, ""));
    figures.iter().for_each(|text| header += &heading(text, " class=\"n\""));
    header
}

/// A column's name, which sorts by it.
pub(super) fn heading(text: &str, class: &str) -> String {
    format!("<th scope=\"col\"{class}><button type=\"button\">{}</button></th>", escape(text))
}

/// What of `rows` did not find room.
pub(super) fn left_out(rows: usize, most: usize) -> String {
    match rows - most.min(rows) {
        0 => String::new(),
        more => format!(
            "<p class=\"note\">{} more configurations are left out to keep this page under 5 MB: see runs.csv.</p>",
            number(more as f64, 0)
        ),
    }
}

/// What the page was made from, as terms and their descriptions.
pub(super) fn facts(facts: &[(&'static str, String)]) -> String {
    facts.iter().map(|(fact, value)| format!("<dt>{fact}</dt><dd>{}</dd>", escape(value))).collect()
}
