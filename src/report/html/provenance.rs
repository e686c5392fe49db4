//! What made the page's figures: equal ones give equal figures.

use std::fmt::Write;

use super::Page;
use super::escape::{escape, name};
use crate::report::plot::number;

/// Version, inputs, seed, settings, and up to `most_text` bytes of the scenario's own file.
pub fn section(page: &Page<'_>, most_text: usize) -> String {
    let made_from = page.run.provenance;
    let mut rows = String::new();
    let mut row = |name: &str, value: String| {
        let _ = write!(rows, "<dt>{name}</dt><dd>{value}</dd>");
    };
    row("scenario", name(&made_from.scenario));
    row("seed", made_from.seed.to_string());
    row("windtunnel", escape(&made_from.windtunnel_version).into_owned());
    if let Some(hash) = &made_from.scenario_hash {
        row("hash of all inputs", format!("<code>{}</code>", escape(hash)));
    }
    let set: Vec<String> = made_from.set.iter().map(|set| format!("<code>--set {}</code>", escape(set))).collect();
    row("changed", if set.is_empty() { "nothing: the scenario as it stands".to_owned() } else { set.join("<br>") });
    if let Some(start) = &page.summary.start {
        row("starts at", escape(start).into_owned());
    } else {
        row("starts at", "no date: the scenario states none, times count from the start".to_owned());
    }
    let mut text = format!("<dl class=\"facts\">{rows}</dl>");
    if let Some(scenario) = page.scenario {
        let mut end = most_text.min(scenario.len());
        while !scenario.is_char_boundary(end) {
            end -= 1;
        }
        let left_out = scenario.len() - end;
        let cut = if left_out > 0 {
            format!("\n… {} more bytes are left out", number(left_out as f64, 0))
        } else {
            String::new()
        };
        let _ = write!(
            text,
            "<details><summary>The scenario file</summary><pre tabindex=\"0\">{}{cut}</pre></details>",
            escape(&scenario[..end])
        );
    }
    text
}
