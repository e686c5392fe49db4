//! Suites as Markdown that fits into a comment on a pull request.

use super::tally::Suite;

/// One table a suite, failures first.
pub fn text(suites: &[Suite]) -> String {
    let failed: usize = suites.iter().map(Suite::failed).sum();
    let all: usize = suites.iter().map(|suite| suite.tallies.len()).sum();
    let mut text = match failed {
        0 => format!("### ✓ all {all} expectations hold\n"),
        _ => format!("### ✗ {failed} of {all} expectations failed\n"),
    };
    for suite in suites {
        text += &format!(
            "\n**{}**, {}\n\n| | expectation | result |\n|---|---|---|\n",
            cell(&suite.name),
            seeds(&suite.seeds)
        );
        let mut rows: Vec<_> = suite.tallies.iter().collect();
        rows.sort_by_key(|tally| tally.passed);
        for tally in rows {
            let mark = if tally.passed { "✓" } else { "✗" };
            let decision = tally.decision.as_deref().map(|decision| format!("<br>decision: {}", cell(decision)));
            let decision = decision.unwrap_or_default();
            text += &format!("| {mark} | `{}` | {}{decision} |\n", code(&tally.name), cell(&tally.detail));
        }
    }
    text
}

fn seeds(seeds: &[u64]) -> String {
    match seeds {
        [only] => format!("seed {only}"),
        [first, .., last] => format!("{} seeds ({first} to {last})", seeds.len()),
        [] => "no seed".to_owned(),
    }
}

/// Text that can't leave its cell or become markup.
pub fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' => safe.extend(['\\', character]),
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '&' => safe += "&amp;",
            '@' => safe += "&#64;",
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

/// Text between backticks within a table.
fn code(text: &str) -> String {
    text.chars().map(|c| if c == '`' || c.is_control() { '\'' } else { c }).collect::<String>().replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Needed, Tally};

    #[test]
    fn a_name_can_not_leave_its_cell() {
        let tally = Tally {
            name: "a|b`c".to_owned(),
            passed: false,
            detail: "got <script> | @team".to_owned(),
            decision: Some("1 h hpa/default/a|b 1 to 2: <i>".to_owned()),
            needed: Needed { holding: 0, asked: 1, of: 1 },
            is_unsettled: false,
            line: 0,
            file: String::new(),
        };
        let suite = Suite { name: "s".to_owned(), seeds: vec![1], simulated_seconds: 1.0, tallies: vec![tally] };
        let text = text(&[suite]);
        assert!(text.contains("| ✗ | `a\\|b'c` | got &lt;script&gt; \\| &#64;team<br>decision: 1 h hpa/default/a\\|b 1 to 2: &lt;i&gt; |"), "{text}");
        assert!(text.starts_with("### ✗ 1 of 1"));
    }
}
