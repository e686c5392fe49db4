//! Diagnostics on standard error, drawn; in colour on a terminal that wants it.

use std::io::{self, IsTerminal, Write};

use crate::monitoring;
use crate::scenario::Scenario;
use crate::scenario::diagnostic::{Diagnostic, Place};

/// Errors and warnings of one reading that are drawn; the rest are counted.
const MOST_SHOWN: usize = 50;

/// Reads a scenario's rules; warnings are shown.
///
/// # Errors
/// Every rule that can't be evaluated.
pub fn of_rules(scenario: &Scenario, quiet: bool) -> Result<(), Vec<Diagnostic>> {
    let warnings = monitoring::check(scenario)?;
    if !quiet {
        show(&warnings);
    }
    Ok(())
}

/// Draws them in their order: the first [`MOST_SHOWN`] errors and as many warnings, and how many more there are.
pub fn show(diagnostics: &[Diagnostic]) {
    let mut out = io::stderr().lock();
    let is_styled = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (mut errors, mut warnings) = (0, 0);
    for diagnostic in diagnostics {
        let count = if diagnostic.is_error() { &mut errors } else { &mut warnings };
        *count += 1;
        if *count <= MOST_SHOWN {
            // Nothing can be done where standard error itself is gone.
            let _ = writeln!(out, "{}\n", diagnostic.draw(is_styled));
        }
    }
    let more =
        [(errors, "error"), (warnings, "warning")].map(|(count, what)| (count.max(MOST_SHOWN) - MOST_SHOWN, what));
    let more = more.iter().filter(|(count, _)| *count > 0);
    let more: Vec<String> =
        more.map(|(count, what)| format!("{count} more {what}{}", if *count == 1 { "" } else { "s" })).collect();
    if !more.is_empty() {
        let _ = writeln!(out, "… and {}\n", more.join(" and "));
    }
}

/// A mistake in one of these settings (`path=value`), told where `place` finds its path; any other as it is.
pub fn located<'p>(mistake: Diagnostic, settings: &[String], place: impl Fn(&str) -> Option<&'p Place>) -> Diagnostic {
    let Some(text) = mistake.text().filter(|text| settings.iter().any(|setting| setting == text)) else {
        return mistake;
    };
    let message = format!("{} (in {text})", mistake.message.trim_start_matches("--set "));
    match place(text.split('=').next().unwrap_or_default()) {
        Some(place) => mistake.moved(place, message),
        None => mistake,
    }
}
