//! The Cluster Autoscaler as the objects of a cluster tell of it: the flags of its Deployment, and the sizes of groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::fill_in::pod_spec_path;
use super::told::{Told, Weight};
use crate::autoscaler::cluster_autoscaler::Options;
use crate::scenario::diagnostic::Source;
use crate::scenario::yaml::{Node, parse};

/// What its objects say.
#[derive(Debug, Default)]
pub struct Scaling {
    /// It is there.
    pub is_there: bool,
    /// Options that differ from the defaults, by their names in a scenario.
    pub options: Vec<(String, Json)>,
    /// Of the priority expander's ConfigMap.
    pub priorities: BTreeMap<i32, Vec<String>>,
    /// `--nodes=MIN:MAX:NAME`.
    nodes: Vec<(i64, i64, String)>,
}

/// The priority expander's ConfigMap.
const PRIORITIES: &str = "cluster-autoscaler-priority-expander";

impl Scaling {
    /// What another object says too.
    pub fn join(&mut self, other: Scaling) {
        self.is_there |= other.is_there;
        self.options.extend(other.options);
        self.nodes.extend(other.nodes);
        self.priorities.extend(other.priorities);
    }

    /// Whether an object that is not read otherwise is one of its own.
    pub fn is_of_it(object: &Node) -> bool {
        object.text_at(&["kind"]) == Some("ConfigMap") && object.name() == Some(PRIORITIES)
    }

    /// Looks at an object while its commands are still there.
    pub fn see(&mut self, object: &Node, told: &mut Told) {
        let kind = object.text_at(&["kind"]).unwrap_or_default();
        if kind == "ConfigMap" {
            // The Cluster Autoscaler's own, also where the cloud runs it out of sight.
            self.is_there |= object.name() == Some("cluster-autoscaler-status");
            if object.name() == Some(PRIORITIES) {
                self.read_priorities(object, told);
            }
            return;
        }
        if kind != "Deployment" {
            return;
        }
        let Some(spec) = pod_spec_path(object).and_then(|path| object.find(path)) else { return };
        for container in spec.get("containers").map(Node::items).unwrap_or_default() {
            let image = container.text_at(&["image"]).unwrap_or_default();
            let is_it = |text: &str| text.rsplit('/').next().is_some_and(|name| name.starts_with("cluster-autoscaler"));
            let words: Vec<&str> = ["command", "args"]
                .iter()
                .flat_map(|list| container.get(list).map(Node::items).unwrap_or_default())
                .filter_map(Node::as_str)
                .collect();
            let runs_it = words.first().is_some_and(|first| is_it(first.split([' ', ':']).next().unwrap_or_default()));
            let named = is_it(image.split(['@', ':']).next().unwrap_or_default());
            if (named || runs_it) && words.iter().any(|word| word.starts_with("--")) {
                self.is_there = true;
                self.read(&words, object, told);
            }
        }
    }

    fn read(&mut self, words: &[&str], object: &Node, told: &mut Told) {
        let mut words = words.iter().copied().peekable();
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
            let (flag, value) = match flag.split_once('=') {
                Some((flag, value)) => (flag, value.to_owned()),
                None => match words.peek().filter(|next| !next.starts_with('-')) {
                    Some(next) if !is_switch(flag) => {
                        let value = (*next).to_owned();
                        words.next();
                        (flag, value)
                    }
                    _ => (flag, "true".to_owned()),
                },
            };
            let value = value.trim_matches(['"', '\'']).to_owned();
            if flag == "nodes" {
                let mut parts = value.splitn(3, ':');
                let number = |part: Option<&str>| part.and_then(|part| part.parse().ok());
                if let (Some(min), Some(max), Some(name)) = (number(parts.next()), number(parts.next()), parts.next()) {
                    self.nodes.push((min, max, name.to_owned()));
                }
                continue;
            }
            self.option(flag, value, object, told);
        }
    }

    fn option(&mut self, flag: &str, value: String, object: &Node, told: &mut Told) {
        let flag = if flag == "max-empty-bulk-delete" { "max-scale-down-parallelism" } else { flag };
        let field = camel_case(flag);
        let Ok(Json::Object(defaults)) = serde_json::to_value(Options::default()) else { return };
        let Some(default) = defaults.get(&field) else { return };
        let typed = match default {
            Json::Bool(_) | Json::Number(_) => serde_json::from_str(&value).ok(),
            Json::Array(_) => Some(serde_json::json!([value])),
            _ => Some(Json::String(value.clone())),
        };
        let alone = typed.clone().map(|typed| Json::Object([(field.clone(), typed)].into_iter().collect()));
        let read = alone.and_then(|alone| serde_json::from_value::<Options>(alone).ok());
        match (read, typed) {
            (Some(options), Some(typed)) if options.problems().is_empty() => {
                let changes = serde_json::to_value(&options).ok();
                if changes.as_ref().and_then(|all| all.get(&field)) == Some(default) {
                    return;
                }
                match (self.options.iter_mut().find(|known| known.0 == field), typed) {
                    // Flags that stand several times, each with one value.
                    (Some((_, Json::Array(all))), Json::Array(more)) => all.extend(more),
                    (Some((_, known)), typed) => *known = typed,
                    (None, typed) => self.options.push((field, typed)),
                }
            }
            _ => {
                let meaning = format!("the Cluster Autoscaler's --{flag}={value} can't be read: its default stands");
                told.add(Weight::Changes, "Deployment", meaning, &object.place);
            }
        }
    }

    /// Fewest and most nodes of a group of which so many stand.
    pub fn sizes(&self, group: &str, count: i64) -> (i64, i64) {
        let stated = self.nodes.iter().find(|(.., name)| name == group || name.contains(group));
        match stated {
            Some((min, max, _)) => (*min, *max),
            None if self.is_there => (count.min(1), (2 * count).max(10)),
            None => (count, count),
        }
    }

    /// Whether every size was told.
    pub fn knows_sizes(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The options that its objects give it, and upstream's others.
    pub fn options(&self) -> Options {
        let Ok(Json::Object(mut fields)) = serde_json::to_value(Options::default()) else { return Options::default() };
        fields.extend(self.options.iter().cloned());
        let mut options: Options = serde_json::from_value(Json::Object(fields)).unwrap_or_default();
        options.priorities = self.priorities.clone();
        options
    }

    /// `data.priorities`: lists of regular expressions by priority (`expander/priority/priority.go`, release 1.37).
    fn read_priorities(&mut self, object: &Node, told: &mut Told) {
        let Some(data) = object.find(&["data", "priorities"]).filter(|data| data.as_str().is_some()) else { return };
        let source = Arc::new(Source::new(data.place.source.name.clone(), data.as_str().unwrap_or_default()));
        let parsed = parse(&source).ok().and_then(|documents| documents.into_iter().next());
        let mut read = BTreeMap::new();
        for entry in parsed.as_ref().map(Node::entries).unwrap_or_default() {
            let expressions: Vec<String> =
                entry.value.items().iter().filter_map(Node::as_str).map(str::to_owned).collect();
            match entry.key.parse::<i32>() {
                Ok(priority) if expressions.len() == entry.value.items().len() => {
                    read.insert(priority, expressions);
                }
                _ => {
                    let meaning = format!("{PRIORITIES}: the priority {} can't be read", entry.key);
                    told.add(Weight::Changes, "ConfigMap", meaning, &data.place);
                }
            }
        }
        self.priorities = read;
    }
}

/// A flag that stands without a value.
fn is_switch(flag: &str) -> bool {
    let Ok(Json::Object(defaults)) = serde_json::to_value(Options::default()) else { return false };
    matches!(defaults.get(&camel_case(flag)), Some(Json::Bool(_)))
}

fn camel_case(flag: &str) -> String {
    let mut words = flag.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut field, word| {
        let mut letters = word.chars();
        field.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        field.extend(letters);
        field
    })
}
