//! Diagnostics on standard error, drawn; in colour on a terminal that wants it.

use std::io::{self, IsTerminal, Write};

use crate::scenario::diagnostic::Diagnostic;

/// Draws each, in their order.
pub fn show(diagnostics: &[Diagnostic]) {
    let mut out = io::stderr().lock();
    let is_styled = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in diagnostics {
        // Nothing can be done where standard error itself is gone.
        let _ = writeln!(out, "{}\n", diagnostic.draw(is_styled));
    }
}
