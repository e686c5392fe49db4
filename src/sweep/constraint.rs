//! A condition between parameters: `general.maxSize + 2 * gpu.maxSize <= 40`.

use serde_json::Value;

use crate::scenario::diagnostic::suggestion;
use crate::units::{Quantity, SimDuration};

/// A condition that a combination of values must meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    pub text: String,
    left: Sum,
    right: Sum,
    comparison: Comparison,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equal,
    Unequal,
}

/// Products, added up.
type Sum = Vec<(f64, Vec<Factor>)>;

#[derive(Clone, Debug, PartialEq)]
enum Factor {
    Number(f64),
    /// A text as a value to compare with, or a parameter by its index.
    Parameter(usize),
    Text(String),
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Below),
    (">", Comparison::Above),
];

impl Constraint {
    /// Reads `text`; parameters are named by their paths or by what ends them. Operators stand between blanks, for paths
    /// may hold dashes.
    ///
    /// # Errors
    /// What is wrong with it, and a hint.
    pub fn read(text: &str, paths: &[&str]) -> Result<Constraint, (String, Option<String>)> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_comparison = |word: &&str| COMPARISONS.iter().any(|(sign, _)| sign == word);
        let form = || Some("write it as `a + 2 * b <= 40`, with blanks around the signs".to_owned());
        let mut at = words.iter().enumerate().filter(|(_, word)| is_comparison(word)).map(|(at, _)| at);
        let (Some(at), None) = (at.next(), at.next()) else {
            return Err((format!("{text:?} is no condition with one comparison (<, <=, >, >=, ==, !=)"), form()));
        };
        let comparison = COMPARISONS.iter().find(|(sign, _)| *sign == words[at]).map(|(_, comparison)| *comparison);
        let side = |words: &[&str]| sum(words, paths).map_err(|(problem, hint)| (problem, hint.or_else(form)));
        let (left, right) = (side(&words[..at])?, side(&words[at + 1..])?);
        let comparison = comparison.ok_or_else(|| (format!("{text:?} has no comparison"), form()))?;
        let is_about = |sum: &Sum| {
            sum.iter().flat_map(|(_, factors)| factors).any(|factor| matches!(factor, Factor::Parameter(_)))
        };
        if !is_about(&left) && !is_about(&right) {
            return Err((format!("{text:?} names no parameter"), form()));
        }
        Ok(Constraint { text: text.to_owned(), left, right, comparison })
    }

    /// Whether it holds for these values, by parameter; a parameter without a value (of another variant) breaks nothing.
    ///
    /// # Errors
    /// A value that is no number where one is needed.
    pub fn holds(&self, values: &[Option<&Value>]) -> Result<bool, String> {
        if let (Some(left), Some(right)) = (alone(&self.left, values), alone(&self.right, values))
            && (left.parse::<f64>().is_err() || right.parse::<f64>().is_err())
            && matches!(self.comparison, Comparison::Equal | Comparison::Unequal)
        {
            return Ok((left == right) == (self.comparison == Comparison::Equal));
        }
        let (Some(left), Some(right)) = (total(&self.left, values)?, total(&self.right, values)?) else {
            return Ok(true);
        };
        // 0.1 + 0.2 is 0.3 here.
        let slack = 1e-9 * left.abs().max(right.abs());
        Ok(match self.comparison {
            Comparison::Below => left < right - slack,
            Comparison::AtMost => left <= right + slack,
            Comparison::Above => left > right + slack,
            Comparison::AtLeast => left >= right - slack,
            Comparison::Equal => (left - right).abs() <= slack,
            Comparison::Unequal => (left - right).abs() > slack,
        })
    }
}

fn sum(words: &[&str], paths: &[&str]) -> Result<Sum, (String, Option<String>)> {
    let mut sum: Sum = Vec::new();
    let mut sign = 1.0;
    let mut factors: Vec<Factor> = Vec::new();
    let mut wants_factor = true;
    for word in words {
        match (*word, wants_factor) {
            ("+" | "-", false) => {
                sum.push((sign, std::mem::take(&mut factors)));
                sign = if *word == "-" { -1.0 } else { 1.0 };
                wants_factor = true;
            }
            ("*", false) => wants_factor = true,
            ("+" | "-" | "*", true) => {
                return Err((format!("`{word}` stands where a parameter or a number should"), None));
            }
            (word, true) => {
                factors.push(factor(word, paths)?);
                wants_factor = false;
            }
            (word, false) => return Err((format!("`{word}` follows a value without a sign between them"), None)),
        }
    }
    if wants_factor {
        return Err(("a side of the condition ends without a value".to_owned(), None));
    }
    sum.push((sign, factors));
    Ok(sum)
}

fn factor(word: &str, paths: &[&str]) -> Result<Factor, (String, Option<String>)> {
    let ends = |path: &str| path == word || path.strip_suffix(word).is_some_and(|before| before.ends_with(['.', '/']));
    let named: Vec<usize> = (0..paths.len()).filter(|index| ends(paths[*index])).collect();
    match (&named[..], number(word)) {
        (_, Some(number)) => Ok(Factor::Number(number)),
        ([one], None) => Ok(Factor::Parameter(*one)),
        ([], None) if word.starts_with(['"', '\'']) => Ok(Factor::Text(word.trim_matches(['"', '\'']).to_owned())),
        ([], None) => Err((format!("no parameter is called `{word}`"), suggestion(word, paths))),
        (several, None) => {
            let names: Vec<&str> = several.iter().map(|index| paths[*index]).collect();
            Err((format!("`{word}` may be {}", names.join(" or ")), Some("write more of its path".to_owned())))
        }
    }
}

/// A number, a duration in seconds or a quantity.
fn number(text: &str) -> Option<f64> {
    let finite = text.parse::<f64>().ok().filter(|number| number.is_finite());
    finite
        .or_else(|| text.parse::<SimDuration>().ok().map(SimDuration::as_secs_f64))
        .or_else(|| text.parse::<Quantity>().ok().map(Quantity::as_f64))
}

/// The text of a side that is one value.
fn alone<'v>(sum: &'v Sum, values: &[Option<&'v Value>]) -> Option<String> {
    let [(_, factors)] = &sum[..] else { return None };
    match &factors[..] {
        [Factor::Parameter(index)] => values[*index].map(super::plain),
        [Factor::Text(text)] => Some(text.clone()),
        _ => None,
    }
}

fn total(sum: &Sum, values: &[Option<&Value>]) -> Result<Option<f64>, String> {
    let mut total = 0.0;
    for (sign, factors) in sum {
        let mut product = *sign;
        for factor in factors {
            product *= match factor {
                Factor::Number(number) => *number,
                Factor::Text(text) => return Err(format!("{text:?} is no number")),
                Factor::Parameter(index) => {
                    let Some(value) = values[*index] else { return Ok(None) };
                    number(&super::plain(value))
                        .ok_or_else(|| format!("its value {value} is no number, duration or quantity"))?
                }
            };
        }
        total += product;
    }
    Ok(Some(total))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PATHS: [&str; 3] = ["nodeGroups.spot-a.maxSize", "nodeGroups.od.maxSize", "wait"];

    fn holds(text: &str, values: [Value; 3]) -> bool {
        let constraint = Constraint::read(text, &PATHS).unwrap();
        constraint.holds(&values.each_ref().map(Some)).unwrap()
    }

    #[test]
    fn sums_of_parameters_numbers_and_durations_are_compared() {
        let values = || [json!(3), json!(4), json!("5m")];
        assert!(holds("spot-a.maxSize + 2 * od.maxSize <= 11", values()));
        assert!(!holds("spot-a.maxSize + 2 * od.maxSize < 11", values()));
        assert!(holds("wait > 200", values()) && holds("wait == 300s", values()));
        assert!(holds("nodeGroups.spot-a.maxSize != nodeGroups.od.maxSize", values()));
        assert!(holds("wait == 'Never'", [json!(1), json!(1), json!("Never")]));
    }

    #[test]
    fn what_it_can_not_read_it_tells() {
        for (text, part) in [
            ("spot-a.maxSize", "no condition"),
            ("a < b < c", "no condition"),
            ("maxSize < 3", "may be nodeGroups.spot-a.maxSize or nodeGroups.od.maxSize"),
            ("wat < 3", "no parameter is called `wat`"),
            ("1 < 3", "names no parameter"),
            ("wait + < 3", "ends without a value"),
            ("wait 3 < 3", "without a sign"),
        ] {
            let (problem, hint) = Constraint::read(text, &PATHS).unwrap_err();
            assert!(problem.contains(part) && hint.is_some(), "{text}: {problem}");
        }
        let text = Constraint::read("wait < 3", &PATHS).unwrap();
        assert!(text.holds(&[None, None, Some(&json!("fast"))]).is_err());
        assert_eq!(text.holds(&[None, None, None]), Ok(true));
    }
}
