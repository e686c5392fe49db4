//! Diagnostics on standard error, drawn; in colour on a terminal that wants it.

use std::io::{self, IsTerminal, Write};

use crate::scenario::diagnostic::{Diagnostic, Place};

/// Draws each, in their order.
pub fn show(diagnostics: &[Diagnostic]) {
    let mut out = io::stderr().lock();
    let is_styled = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in diagnostics {
        // Nothing can be done where standard error itself is gone.
        let _ = writeln!(out, "{}\n", diagnostic.draw(is_styled));
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
