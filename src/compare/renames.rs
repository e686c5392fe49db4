//! Node groups and workloads that go by another name on the other side: which are alike, and which have no like.
//!
//! Without this a renamed group would be all of the difference twice, once as money spent and once as money saved. All
//! that is known of a name are its figures, so that is what likeness goes by: what it costs, and how it is spelt.

use std::collections::BTreeSet;

use super::side::{Side, SideRun};
use crate::cost::IDLE;

/// Names of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kind {
    /// The variant's name, and the baseline's of what is like it.
    alike: Vec<(String, String)>,
    only_variant: Vec<String>,
    only_baseline: Vec<String>,
}

/// How the names of a variant stand to those of its baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Renames {
    groups: Kind,
    workloads: Kind,
}

const GROUPS: (&str, &str) = ("cost.by_node_group.", "");
const WORKLOADS: (&str, &str) = ("cost.by_workload.", ".totalCost");
/// Figures that have a workload's or a group's name between these.
const OF_WORKLOADS: [&str; 3] = ["cost.by_workload.", "services.", "explain.at_max_replicas_seconds."];
/// Two that cost more than so many times one another are not alike by what they cost.
const FARTHEST: f64 = 2.0;
/// Names at least so alike are taken for one.
const SPELT_ALIKE: f64 = 0.9;

impl Renames {
    pub fn between(variant: &Side, baseline: &Side) -> Renames {
        Renames {
            groups: Kind::between(variant, baseline, GROUPS),
            workloads: Kind::between(variant, baseline, WORKLOADS),
        }
    }

    /// A figure's name as the baseline has it.
    pub fn figure(&self, name: &str) -> String {
        if let Some(group) = name.strip_prefix(GROUPS.0) {
            return format!("{}{}", GROUPS.0, self.groups.of(group));
        }
        for start in OF_WORKLOADS {
            let Some(rest) = name.strip_prefix(start) else { continue };
            let known = self.workloads.alike.iter().find(|(own, _)| {
                rest.strip_prefix(own.as_str()).is_some_and(|after| after.is_empty() || after.starts_with('.'))
            });
            return known.map_or_else(|| name.to_owned(), |(own, like)| format!("{start}{like}{}", &rest[own.len()..]));
        }
        if name.starts_with("explain.")
            && let Some((reason, account)) = name.split_once(".by.")
        {
            let like = if account.contains('/') { self.workloads.of(account) } else { self.groups.of(account) };
            return format!("{reason}.by.{like}");
        }
        name.to_owned()
    }

    /// A kind of decision as the baseline has it: `cluster-autoscaler nodegroup/NAME up: …`.
    fn decision(&self, kind: &str) -> String {
        let mut words = kind.splitn(3, ' ');
        let (Some(controller), Some(object), Some(rest)) = (words.next(), words.next(), words.next()) else {
            return kind.to_owned();
        };
        let object = match object.split_once('/') {
            Some(("nodegroup", group)) => format!("nodegroup/{}", self.groups.of(group)),
            Some((what, key)) => format!("{what}/{}", self.workloads.of(key)),
            None => object.to_owned(),
        };
        format!("{controller} {object} {rest}")
    }

    /// The variant with the baseline's names for what is alike.
    pub fn in_words_of_the_baseline(&self, variant: &Side) -> Side {
        if self.groups.alike.is_empty() && self.workloads.alike.is_empty() {
            return variant.clone();
        }
        let run = |run: &SideRun| {
            let mut renamed = run.clone();
            renamed.figures.iter_mut().for_each(|figure| figure.name = self.figure(&figure.name));
            renamed.decisions = run.decisions.renamed(|kind| self.decision(kind));
            renamed
        };
        Side { name: variant.name.clone(), runs: variant.runs.iter().map(run).collect() }
    }

    /// What was taken for one, and what stands on one side alone.
    pub fn notes(&self, variant: &str, baseline: &str) -> Vec<String> {
        let mut notes = Vec::new();
        for (what, kind) in [("node group", &self.groups), ("workload", &self.workloads)] {
            for (own, like) in &kind.alike {
                notes.push(format!(
                    "{what} {own} of {variant} is held against {like} of {baseline}, which is most like it"
                ));
            }
            for (names, side, other) in
                [(&kind.only_variant, variant, baseline), (&kind.only_baseline, baseline, variant)]
            {
                if !names.is_empty() {
                    let many = if names.len() == 1 { what.to_owned() } else { format!("{what}s") };
                    notes.push(format!("{many} {}: of {side} only, and like none of {other}", shown(names)));
                }
            }
        }
        notes
    }
}

impl Kind {
    fn between(variant: &Side, baseline: &Side, around: (&str, &str)) -> Kind {
        let (own, other) = (names(variant, around), names(baseline, around));
        let mut only_variant: Vec<&String> = own.difference(&other).collect();
        let mut only_baseline: Vec<&String> = other.difference(&own).collect();
        let figure = |side: &Side, name: &str| side.mean(&format!("{}{name}{}", around.0, around.1));
        // The most alike first; each stands for one.
        let mut scores: Vec<(f64, &String, &String)> = Vec::new();
        for name in &only_variant {
            for like in &only_baseline {
                let ratio = ratio(figure(variant, name), figure(baseline, like));
                let spelt = strsim::jaro_winkler(last(name), last(like));
                if ratio >= 1.0 / FARTHEST || spelt >= SPELT_ALIKE {
                    scores.push((ratio + spelt, name, like));
                }
            }
        }
        scores.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)).then(a.2.cmp(b.2)));
        let mut alike: Vec<(String, String)> = Vec::new();
        for (_, name, like) in scores {
            if only_variant.contains(&name) && only_baseline.contains(&like) {
                alike.push((name.clone(), like.clone()));
                only_variant.retain(|other| *other != name);
                only_baseline.retain(|other| *other != like);
            }
        }
        alike.sort();
        let owned = |names: Vec<&String>| names.into_iter().cloned().collect();
        Kind { alike, only_variant: owned(only_variant), only_baseline: owned(only_baseline) }
    }

    fn of<'n>(&'n self, name: &'n str) -> &'n str {
        self.alike.iter().find(|(own, _)| own == name).map_or(name, |(_, like)| like)
    }
}

/// Names between `around.0` and `around.1` that some run has a figure of that is not zero.
fn names(side: &Side, (start, end): (&str, &str)) -> BTreeSet<String> {
    let figures = side.runs.iter().flat_map(|run| &run.figures).filter(|figure| figure.value != 0.0);
    let names = figures.filter_map(|figure| figure.name.strip_prefix(start)?.strip_suffix(end));
    names.filter(|name| *name != IDLE && !name.starts_with("__") && *name != "fixed").map(str::to_owned).collect()
}

/// The smaller over the larger; 0 where either is none.
fn ratio(a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    if low > 0.0 && high.is_finite() { low / high } else { 0.0 }
}

/// Without the namespace.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The first few.
fn shown(names: &[String]) -> String {
    const MOST: usize = 4;
    let first = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{first} and {} more", names.len() - MOST) } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Figure;

    fn side(figures: &[(&str, f64)]) -> Side {
        let figure = |(name, value): &(&str, f64)| Figure { name: (*name).to_owned(), value: *value, is_whole: false };
        let mut run = SideRun { seed: 1, figures: figures.iter().map(figure).collect(), ..SideRun::default() };
        run.decisions.add("cluster-autoscaler", "nodegroup/workers", "1", "2", "1 pods unschedulable");
        run.decisions.add("horizontal-pod-autoscaler", "hpa/default/shop", "1", "2", "Resource cpu: 9 %");
        Side { name: "side".to_owned(), runs: vec![run] }
    }

    #[test]
    fn what_was_renamed_is_held_against_its_like_by_what_it_costs() {
        let before = side(&[
            ("cost.by_node_group.general", 4.0),
            ("cost.by_node_group.gpu", 90.0),
            ("cost.by_workload.__idle__.totalCost", 1.0),
            ("cost.by_workload.default/web.totalCost", 2.0),
        ]);
        let after = side(&[
            ("cost.by_node_group.accelerated", 80.0),
            ("cost.by_node_group.workers", 4.2),
            ("cost.by_workload.__idle__.totalCost", 1.5),
            ("cost.by_workload.default/shop.totalCost", 2.1),
            ("explain.idle.min_size.by.workers", 0.5),
            ("services.default/shop.dropped_fraction", 0.1),
        ]);
        let renames = Renames::between(&after, &before);
        assert_eq!(renames.figure("cost.by_node_group.workers"), "cost.by_node_group.general");
        assert_eq!(renames.figure("explain.idle.min_size.by.workers"), "explain.idle.min_size.by.general");
        assert_eq!(renames.figure("services.default/shop.dropped_fraction"), "services.default/web.dropped_fraction");
        assert_eq!(renames.figure("nodes.peak"), "nodes.peak");
        let alike = renames.in_words_of_the_baseline(&after);
        assert_eq!(alike.mean("cost.by_node_group.gpu"), 80.0);
        assert_eq!(alike.mean("cost.by_workload.default/web.totalCost"), 2.1);
        let kinds: Vec<&str> = alike.runs[0].decisions.kinds().collect();
        assert!(kinds[0].starts_with("cluster-autoscaler nodegroup/general up"), "{kinds:?}");
        assert!(kinds[1].starts_with("horizontal-pod-autoscaler hpa/default/web up"), "{kinds:?}");
        let notes = renames.notes("after", "before");
        assert!(
            notes[0] == "node group accelerated of after is held against gpu of before, which is most like it",
            "{notes:?}"
        );
    }

    #[test]
    fn what_is_like_nothing_is_said_to_be_so() {
        let before = side(&[("cost.by_node_group.general", 4.0)]);
        let after = side(&[("cost.by_node_group.gpu", 400.0)]);
        let renames = Renames::between(&after, &before);
        assert_eq!(renames.figure("cost.by_node_group.gpu"), "cost.by_node_group.gpu");
        assert_eq!(
            renames.notes("b", "a"),
            ["node group gpu: of b only, and like none of a", "node group general: of a only, and like none of b"]
        );
        assert_eq!(Renames::between(&before, &before), Renames::default());
    }
}
