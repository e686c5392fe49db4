//! The short form of an expectation, `SUBJECT COMPARISON AMOUNT [at TIME] [for TIME]`, taken apart.

use crate::scenario::spec::{Amount, LongExpectation};
use crate::units::SimDuration;

const COMPARISONS: [&str; 6] = ["<=", ">=", "==", "<", ">", "="];

/// Reads `pod_wait_seconds.p99 < 3m` into the long form.
///
/// # Errors
/// What is wrong with it, for people.
pub fn read(text: &str) -> Result<LongExpectation, String> {
    let (condition, lasting) = clause(text, " for ")?;
    let (condition, at) = clause(condition, " at ")?;
    let Some((subject, comparison, amount)) = split(condition) else {
        return Err(format!("{text:?} is no condition such as `pod_wait_seconds.p99 < 3m`"));
    };
    if subject.is_empty() || amount.is_empty() {
        let missing = if subject.is_empty() { "name" } else { "bound" };
        return Err(format!("the condition {text:?} has no {missing}"));
    }
    if amount.starts_with(['<', '>', '=', '!', '~']) {
        return Err(format!("unknown comparison in {text:?}; write one of <, <=, >, >=, =="));
    }
    let amount = Some(match amount.parse::<f64>() {
        Ok(number) => Amount::Number(number),
        Err(_) => Amount::Text(amount.to_owned()),
    });
    let mut read = LongExpectation { metric: Some(subject.to_owned()), at, lasting, ..LongExpectation::default() };
    *match comparison {
        "<" => &mut read.below,
        "<=" => &mut read.max,
        ">" => &mut read.above,
        ">=" => &mut read.min,
        _ => &mut read.equals,
    } = amount;
    Ok(read)
}

/// Cuts a trailing `WORD DURATION` off.
fn clause<'a>(text: &'a str, word: &str) -> Result<(&'a str, Option<SimDuration>), String> {
    let Some((before, after)) = text.rsplit_once(word) else { return Ok((text, None)) };
    let duration = after.trim();
    match duration.parse() {
        Ok(duration) => Ok((before, Some(duration))),
        Err(_) => Err(format!("{duration:?} after{word}is no duration such as 10m")),
    }
}

/// At the first comparison outside quotes and brackets.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (mut is_quoted, mut depth) = (false, 0u32);
    for (at, character) in text.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth = depth.saturating_sub(1),
            _ if is_quoted || depth > 0 => {}
            _ => {
                if let Some(found) = COMPARISONS.iter().find(|comparison| text[at..].starts_with(**comparison)) {
                    return Some((text[..at].trim(), found, text[at + found.len()..].trim()));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_taken_apart_with_or_without_spaces() {
        for text in ["pod_wait_seconds.p99 < 3m", "pod_wait_seconds.p99<3m"] {
            let read = read(text).unwrap();
            assert_eq!(read.metric.as_deref(), Some("pod_wait_seconds.p99"));
            assert_eq!(read.below, Some(Amount::Text("3m".to_owned())));
        }
        let read = read("max_over_time(pods_pending) <= 50 at 6h for 10m").unwrap();
        assert_eq!((read.max, read.at), (Some(Amount::Number(50.0)), Some(SimDuration::from_mins(360))));
        assert_eq!(read.lasting, Some(SimDuration::from_mins(10)));
    }

    #[test]
    fn quotes_hide_what_looks_like_a_comparison() {
        let read = read("services.\"default/a<b\".dropped == 0").unwrap();
        assert_eq!(read.metric.as_deref(), Some("services.\"default/a<b\".dropped"));
        assert_eq!(read.equals, Some(Amount::Number(0.0)));
    }

    #[test]
    fn what_is_no_condition_says_so() {
        for (text, part) in [
            ("nodes.peak", "no condition"),
            ("< 3", "no name"),
            ("nodes.peak <", "no bound"),
            ("nodes.peak =~ 3", "unknown comparison"),
            ("nodes < 3 for ever", "no duration"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
