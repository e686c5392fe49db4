//! `priority`: groups of the highest priority that a user gave them, by regular expressions or directly.

use std::collections::BTreeMap;

use regex::Regex;

use super::{Candidate, Context, Expander};

/// Regular expressions of group names, by priority.
#[derive(Clone, Debug, Default)]
pub struct Priorities {
    expressions: Vec<(i32, Vec<Regex>)>,
}

impl Priorities {
    pub fn new(config: &BTreeMap<i32, Vec<String>>) -> Result<Priorities, regex::Error> {
        let compile = |(priority, list): (&i32, &Vec<String>)| {
            let list = list.iter().map(|expression| Regex::new(expression)).collect::<Result<Vec<_>, _>>()?;
            Ok((*priority, list))
        };
        Ok(Priorities { expressions: config.iter().map(compile).collect::<Result<Vec<_>, _>>()? })
    }

    fn of(&self, group: &str) -> Option<i32> {
        let matching = self.expressions.iter().filter(|(_, list)| list.iter().any(|regex| regex.is_match(group)));
        matching.map(|(priority, _)| *priority).max()
    }
}

pub struct Priority;

impl Expander for Priority {
    fn name(&self) -> &'static str {
        "priority"
    }

    /// Priorities below -1 never win, as upstream starts its search at -1.
    fn cost(&self, option: &Candidate<'_>, context: &Context<'_>) -> Option<f64> {
        let priority = option.priority.or_else(|| context.priorities?.of(option.group))?;
        (priority >= -1).then_some(-f64::from(priority))
    }

    fn keeps_all_when_none_is_left(&self) -> bool {
        true
    }
}
