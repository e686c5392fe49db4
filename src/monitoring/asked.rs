//! Which series rules ask for, and how far back.

use std::sync::LazyLock;

use regex::Regex;
use rustc_hash::FxHashMap;

use crate::promql::{NAME, Selected};
use crate::scenario::unit_millis;

static DURATION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(\d+)(ms|[smhdwy])").expect("the pattern is fixed"));
static METRIC: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[a-zA-Z_:][a-zA-Z0-9_:]*").expect("the pattern is fixed"));

/// Selectors of all rules, by the metric that they want.
#[derive(Debug, Default)]
pub(super) struct Asked {
    by_name: FxHashMap<String, Vec<Selected>>,
    nameless: Vec<Selected>,
}

impl Asked {
    pub fn add(&mut self, selected: &Selected) {
        let list = match &selected.name {
            Some(name) => self.by_name.entry(name.clone()).or_default(),
            None => &mut self.nameless,
        };
        list.push(selected.clone());
    }

    /// What a query of a template may ask for, of which only parts are known before it is filled in: every metric that its
    /// text names, as far back as all its durations together.
    pub fn add_text(&mut self, text: &str, more: i64) {
        let mut reach = more;
        for found in DURATION.captures_iter(text) {
            let of = unit_millis(&found[2]).unwrap_or(0);
            reach = found[1].parse::<i64>().unwrap_or(0).saturating_mul(of).saturating_add(reach);
        }
        for name in METRIC.find_iter(text) {
            self.add(&Selected::of_metric(name.as_str(), reach));
        }
    }

    /// How far back some rule looks at the series, milliseconds; `None` where nobody asks for it.
    pub fn reach(&self, name: &str, labels: &[(&str, &str)]) -> Option<i64> {
        let named = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let all = named.iter().chain(&self.nameless);
        all.filter(|selected| selected.matches(name, labels)).map(|selected| selected.reach).max()
    }

    /// As [`Asked::reach`], of labels with the metric's name.
    pub fn reach_of(&self, labels: &[(&str, &str)]) -> Option<i64> {
        let name = labels.iter().find(|(label, _)| *label == NAME).map_or("", |(_, name)| name);
        self.reach(name, labels)
    }

    /// Some rule asks for one of these metrics.
    pub fn is_for(&self, names: &[&str]) -> bool {
        !self.nameless.is_empty() || names.iter().any(|name| self.by_name.contains_key(*name))
    }
}
