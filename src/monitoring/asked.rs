//! Which series rules ask for, and how far back.

use rustc_hash::FxHashMap;

use crate::promql::{NAME, Selected};

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
