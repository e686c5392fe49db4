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
    if let Some(read) = alert(condition) {
        return match (at, lasting) {
            (None, None) => read,
            _ => Err(format!("{text:?}: alerts are counted over the whole run, without `at` and `for`")),
        };
    }
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

/// `alert(NAME) fires 0`, `alert(NAME) fires <= 2`, `alert(NAME) fires`, where the name may have matchers in braces behind
/// it; `None` where it is none of these.
fn alert(condition: &str) -> Option<Result<LongExpectation, String>> {
    let (name, rest) = called(condition.trim())?;
    let count = rest.trim().strip_prefix("fires")?.trim();
    let figure =
        if name.contains('{') { format!("alert({})", name.trim()) } else { format!("alerts.{}.fired", name.trim()) };
    let bound = match count.split_once(char::is_whitespace) {
        _ if count.is_empty() => ">= 1".to_owned(),
        _ if count.starts_with(['<', '>', '=']) => count.to_owned(),
        Some((number, "times" | "time")) => format!("== {number}"),
        _ => format!("== {count}"),
    };
    let is_number = bound.trim_start_matches(['<', '>', '=']).trim().parse::<f64>().is_ok();
    Some(match is_number {
        true => read(&format!("{figure} {bound}")),
        false => Err(format!("{count:?} after `fires` is no count such as 0, <= 2, or nothing for once at least")),
    })
}

/// Of `alert(NAME{…}) rest` the name with its matchers and the rest; brackets in quotes close nothing.
pub(super) fn called(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("alert(")?;
    let mut is_quoted = false;
    let end = inner.char_indices().find(|(_, letter)| {
        is_quoted ^= *letter == '"';
        *letter == ')' && !is_quoted
    });
    end.map(|(at, _)| (&inner[..at], &inner[at + 1..]))
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
    fn alerts_are_counted() {
        let of = |text: &str| read(text).unwrap();
        assert_eq!(of("alert(KubeHpaMaxedOut) fires 0").metric.as_deref(), Some("alerts.KubeHpaMaxedOut.fired"));
        assert_eq!(of("alert(A) fires 0").equals, Some(Amount::Number(0.0)));
        assert_eq!(of("alert(A) fires <= 2").max, Some(Amount::Number(2.0)));
        assert_eq!(of("alert(A) fires").min, Some(Amount::Number(1.0)));
        assert_eq!(of("alert(A) fires 2 times").equals, Some(Amount::Number(2.0)));
        let labelled = of("alert(A{namespace=\"a\", pod=~\"(b|c)\"}) fires <= 2");
        assert_eq!(labelled.metric.as_deref(), Some("alert(A{namespace=\"a\", pod=~\"(b|c)\"})"));
        assert_eq!(labelled.max, Some(Amount::Number(2.0)));
        assert!(read("alert(A) fires often").unwrap_err().contains("no count"));
        assert!(read("alert(A) fires 0 for 10m").unwrap_err().contains("whole run"));
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
