//! What made a result: the program's version, the inputs and the seed. Equal provenances give equal bytes.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::sim::Outcome;

/// What a run was made from; these keys stand first in its `summary.json` and `engine.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Provenance {
    pub windtunnel_version: String,
    pub scenario: String,
    /// Of every file that was read: the scenario, its manifests and tables. `None` for a scenario that a program built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario_hash: Option<String>,
    /// The `--set`s, as given and in their order.
    pub set: Vec<String>,
    /// The `--values` files, in their order; `scenario_hash` covers what they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    pub seed: u64,
}

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Provenance {
    /// Of a run whose inputs are not known.
    pub fn of(outcome: &Outcome) -> Provenance {
        Provenance { scenario: outcome.scenario.clone(), seed: outcome.seed, ..Provenance::here() }
    }

    /// With this program's version and nothing else.
    pub fn here() -> Provenance {
        Provenance { windtunnel_version: VERSION.to_owned(), ..Provenance::default() }
    }

    /// In a line, for people: version, the beginning of the hash, and what was set.
    pub fn line(&self) -> String {
        /// Characters of settings that are shown.
        const SHOWN: usize = 90;
        let hash = self.scenario_hash.as_deref().map_or_else(String::new, |hash| format!(", inputs {}", short(hash)));
        let mut line = format!("windtunnel {}{hash}", self.windtunnel_version);
        let mut shown = 0;
        for (index, set) in self.set.iter().enumerate() {
            shown += set.chars().count();
            if shown > SHOWN {
                let rest = self.set.len() - index;
                return format!("{line}, and {rest} more --set");
            }
            line += &format!(", --set {set}");
        }
        line
    }
}

/// What a sweep was made from; these keys stand in its `sweep.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepProvenance {
    pub windtunnel_version: String,
    pub sweep: String,
    /// Of the sweep's file and every file of its scenarios.
    pub sweep_hash: String,
}

impl SweepProvenance {
    /// `text` of the sweep's file; `scenarios` by their paths, with their hashes.
    pub fn new<'a>(name: &str, text: &str, scenarios: impl Iterator<Item = (&'a Path, String)>) -> SweepProvenance {
        let mut whole = Sha256::new();
        whole.update(text);
        for (path, hash) in scenarios {
            whole.update(path.to_string_lossy().as_bytes());
            whole.update(hash);
        }
        let digits: String = whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        SweepProvenance {
            windtunnel_version: VERSION.to_owned(),
            sweep: name.to_owned(),
            sweep_hash: format!("sha256:{digits}"),
        }
    }

    /// In a line, for people.
    pub fn line(&self) -> String {
        format!("windtunnel {}, inputs {}", self.windtunnel_version, short(&self.sweep_hash))
    }
}

/// Enough of a hash to tell it from others: its first twelve digits.
fn short(hash: &str) -> &str {
    let digits = hash.rsplit(':').next().unwrap_or(hash);
    digits.get(..12).unwrap_or(digits)
}

/// The first difference, in words, between what the results `found` (a whole `summary.json` or `sweep.json`) were made
/// from and what new ones would be.
pub fn difference(found: &Value, made_from: &impl Serialize) -> Option<String> {
    let made_from = serde_json::to_value(made_from).ok()?;
    let keys = made_from.as_object()?.iter().map(|(key, value)| (key, found.get(key).unwrap_or(&Value::Null), value));
    keys.into_iter().find(|(_, was, value)| was != value).map(|(key, was, value)| match key.as_str() {
        "scenario" | "sweep" => format!("of {}, not of the {key} {}", owner(found), plain(value)),
        "scenario_hash" | "sweep_hash" if was.is_null() => "that do not say which files they were made from".to_owned(),
        "scenario_hash" | "sweep_hash" => "from other input files, or from these before they changed".to_owned(),
        "set" => format!("with {}, not with {}", settings(was), settings(value)),
        "windtunnel_version" => format!("of windtunnel {}, not of {}", plain(was), plain(value)),
        _ => format!("with {key} {}, not {}", plain(was), plain(value)),
    })
}

fn owner(found: &Value) -> String {
    let named = ["scenario", "sweep"].into_iter().find_map(|key| Some((key, found.get(key)?.as_str()?)));
    named.map_or_else(|| "something else".to_owned(), |(key, name)| format!("the {key} {name}"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".to_owned(),
        other => other.to_string(),
    }
}

fn settings(value: &Value) -> String {
    match value.as_array() {
        Some(sets) if !sets.is_empty() => {
            sets.iter().map(|set| format!("--set {}", plain(set))).collect::<Vec<_>>().join(" ")
        }
        _ => "no --set".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(change: impl Fn(&mut Provenance)) -> Value {
        let mut provenance = Provenance {
            scenario: "web".to_owned(),
            scenario_hash: Some("sha256:0123456789abcdef".to_owned()),
            seed: 1,
            ..Provenance::here()
        };
        change(&mut provenance);
        serde_json::to_value(provenance).expect("it has only string keys")
    }

    #[test]
    fn a_result_is_told_from_one_made_otherwise_and_how() {
        let wanted = made(|_| ());
        let difference = |found: &Value| difference(found, &wanted);
        assert_eq!(difference(&made(|_| ())), None);
        for (found, told) in [
            (made(|p| p.seed = 2), "with seed 2, not 1"),
            (made(|p| p.scenario = "db".to_owned()), "of the scenario db, not of the scenario web"),
            (made(|p| p.set = vec!["a.b=3".to_owned()]), "with --set a.b=3, not with no --set"),
            (made(|p| p.scenario_hash = Some("sha256:00".to_owned())), "from other input files"),
            (made(|p| p.windtunnel_version = "0.0.1".to_owned()), "of windtunnel 0.0.1"),
        ] {
            assert!(difference(&found).is_some_and(|text| text.starts_with(told)), "{found}");
        }
        let of_an_earlier_version = serde_json::json!({"scenario": "web", "seed": 1});
        assert!(difference(&of_an_earlier_version).is_some_and(|text| text.contains("do not say")));
    }

    #[test]
    fn the_line_is_short_however_much_was_set() {
        let provenance: Provenance = serde_json::from_value(made(|p| p.set = vec!["k=v".repeat(20); 9])).unwrap();
        assert!(provenance.line().contains("inputs 0123456789ab, --set k=v"), "{}", provenance.line());
        assert!(provenance.line().ends_with("and 8 more --set") && provenance.line().len() < 160);
    }
}
