//! A dump of a cluster, or a folder of manifests, made into a scenario: `windtunnel import cluster`.
//!
//! Texts are read one object at a time and thinned to what a run acts on ([`text`], [`prune`]); owners are settled
//! ([`live`](super::live)); nodes become groups ([`machines`]). What is left is lowered as a scenario would be, and what is
//! refused then is left out and told. Nothing stops the rest.

mod demand;
mod document;
mod machines;
mod prune;
mod scaling;
mod text;

use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::diagnostic::{Diagnostic, Source};
use super::live::{RunningPod, Settled, Told, Weight, moment_of, settle};
use super::lower::lower;
use super::tables::Tables;
use super::yaml::{Node, Value, emit, parse};
use crate::units::SimDuration;
use scaling::Scaling;

/// What the scenario is to be beside its objects.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the scenario.
    pub name: String,
    pub duration: SimDuration,
}

impl Settings {
    fn has_usage_of(&self, _kind: &str, _namespace: &str, _name: &str) -> bool {
        false
    }
}

/// What is told of a kind of objects.
#[derive(Clone, Debug)]
pub struct Report {
    pub kind: String,
    pub count: u64,
    pub meaning: String,
    /// Of the first: `file:line`.
    pub place: String,
    /// It would change the outcome.
    pub changes: bool,
    /// It has no part in a simulation.
    pub is_nothing: bool,
}

/// The scenario, and what is to be said of it.
pub struct Imported {
    pub text: String,
    /// What is in the scenario, by kind.
    pub counts: Vec<(String, usize)>,
    pub running: usize,
    /// What would change the outcome first.
    pub reports: Vec<Report>,
    /// Objects and documents that could not be read, a line for each of a kind.
    pub broken: Vec<Diagnostic>,
    /// Beyond those that `broken` shows.
    pub more_broken: usize,
}

/// The most mistakes of one wording that are shown.
const SHOWN: usize = 3;
/// Times that what is refused is left out and the rest lowered again.
const ROUNDS: usize = 20;

/// Reads texts by their names.
///
/// # Errors
/// Nothing that could be simulated.
pub fn import(sources: Vec<Source>, settings: &Settings) -> Imported {
    let mut told = Told::default();
    let mut broken = Broken::default();
    let mut scaling = Scaling::default();
    let mut objects = Vec::new();
    let mut moment = None;
    for source in sources {
        let source = Arc::new(source);
        let read = text::objects(&source, |mut object| {
            let moment = moment_of(&object);
            let mut seen = (Scaling::default(), Told::default());
            seen.0.see(&object, &mut seen.1);
            prune::as_read(&mut object);
            vec![(object, moment, seen)]
        });
        for (object, at, (seen, says)) in read.kept {
            moment = moment.max(at);
            scaling.join(seen);
            told.join(says);
            objects.push(object);
        }
        broken.add(read.problems);
        if read.strangers > 0 {
            let place = super::diagnostic::Place::start_of(&source);
            let meaning = "no Kubernetes objects (no kind and apiVersion)";
            told.add_some(Weight::Nothing, "YAML documents", meaning, &place, read.strangers as u64);
        }
    }
    let Settled { objects, running } = settle(objects, &mut told);
    finish(objects, running, moment, &scaling, settings, told, broken)
}

fn finish(
    mut objects: Vec<Node>,
    running: Vec<RunningPod>,
    moment: Option<i64>,
    scaling: &Scaling,
    settings: &Settings,
    mut told: Told,
    mut broken: Broken,
) -> Imported {
    let demands = demand::of_autoscalers(&objects, settings, &mut told);
    objects.retain(|object| is_read(object, &mut told));
    objects.iter_mut().for_each(prune::as_written);
    let (groups, zones) = machines::groups(&mut objects, scaling, &mut told);
    if !groups.is_empty() && !scaling.is_there {
        let place = groups[0].place.clone();
        let meaning = "no Cluster Autoscaler is among the objects: node groups stay at their size; set minSize and maxSize to let them scale";
        told.add_some(Weight::Differs, "Node groups", meaning, &place, groups.len() as u64);
    } else if !groups.is_empty() && !scaling.knows_sizes() {
        let place = groups[0].place.clone();
        let meaning = "their limits are not among the objects: minSize 1 and maxSize of twice their size (at least 10) are guesses";
        told.add_some(Weight::Differs, "Node groups", meaning, &place, groups.len() as u64);
    }
    let parts = document::Parts { settings, moment, groups, zones, scaling, demands: &demands, running: &running };
    let mut document = document::scenario(&parts, &objects);
    for _ in 0..ROUNDS {
        let refused = refused_by_lowering(&document, &objects);
        if refused.is_empty() {
            break;
        }
        if !leave_out(&mut objects, refused, &mut told, &mut broken) {
            break;
        }
        document = document::scenario(&parts, &objects);
    }
    let mut text = emit(&document);
    for object in &objects {
        text.push_str("---\n");
        text.push_str(&emit(object));
    }
    let mut counts: Vec<(String, usize)> = Vec::new();
    for kind in objects.iter().filter_map(|object| object.text_at(&["kind"])) {
        match counts.iter_mut().find(|known| known.0 == kind) {
            Some(known) => known.1 += 1,
            None => counts.push((kind.to_owned(), 1)),
        }
    }
    let reports = told.lines().into_iter().map(|line| {
        let (at, _) = line.place.line_and_column();
        Report {
            kind: line.kind.to_owned(),
            count: line.count,
            meaning: line.meaning.to_owned(),
            place: format!("{}:{at}", line.place.source.name),
            changes: line.weight == Weight::Changes,
            is_nothing: line.weight == Weight::Nothing,
        }
    });
    let (broken, more_broken) = broken.shown();
    Imported { text, counts, running: running.len(), reports: reports.collect(), broken, more_broken }
}

/// Whether a run reads the kind; what it does not is told.
fn is_read(object: &Node, told: &mut Told) -> bool {
    let mut refused = Vec::new();
    let is_read = super::objects::is_read(object, told, &mut refused);
    is_read || !refused.is_empty()
}

/// What lowering refuses of the objects and of the document.
fn refused_by_lowering(document: &Node, objects: &[Node]) -> Vec<Diagnostic> {
    let source = Arc::new(Source::new("the scenario", emit(document)));
    let Ok(parsed) = parse(&source) else { return Vec::new() };
    let Some(parsed) = parsed.first() else { return Vec::new() };
    let tables = Tables::new(Path::new("").to_owned(), Arc::default());
    let lowered = lower(parsed, objects.to_vec(), false, &tables);
    lowered.diagnostics.into_iter().filter(Diagnostic::is_error).collect()
}

/// Takes unknown fields out of objects, and out of the rest those objects that mistakes are in. False where none is.
fn leave_out(objects: &mut Vec<Node>, refused: Vec<Diagnostic>, told: &mut Told, broken: &mut Broken) -> bool {
    let mut is_any = false;
    let mut gone: FxHashSet<usize> = FxHashSet::default();
    for mistake in refused {
        let Some(place) = mistake.place() else { continue };
        let holds = |object: &Node| {
            Arc::ptr_eq(&object.place.source, &place.source)
                && object.place.span.start <= place.span.start
                && place.span.end <= object.place.span.end.max(object.place.span.start + 1)
        };
        // What stands for another object has its place; all of that goes.
        for at in (0..objects.len()).filter(|at| holds(&objects[*at])).collect::<Vec<_>>() {
            let kind = objects[at].text_at(&["kind"]).unwrap_or_default().to_owned();
            if mistake.message.starts_with("unknown field") && drop_key_at(&mut objects[at], place.span.start) {
                told.add(Weight::Differs, &kind, format!("{} is passed over", mistake.message), place);
            } else if gone.insert(at) {
                broken.add(vec![mistake.clone()]);
            }
            is_any = true;
        }
    }
    let mut at = 0;
    objects.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    is_any
}

/// Takes out the entry whose key stands there.
fn drop_key_at(node: &mut Node, start: usize) -> bool {
    match &mut node.value {
        Value::Mapping(entries) => {
            if let Some(at) = entries.iter().position(|entry| entry.key_place.span.start == start) {
                entries.remove(at);
                return true;
            }
            entries.iter_mut().any(|entry| drop_key_at(&mut entry.value, start))
        }
        Value::Sequence(items) => items.iter_mut().any(|item| drop_key_at(item, start)),
        Value::Scalar(..) => false,
    }
}

/// Mistakes, of which the first few of a wording are shown.
#[derive(Default)]
struct Broken {
    all: Vec<Diagnostic>,
}

impl Broken {
    fn add(&mut self, mistakes: Vec<Diagnostic>) {
        self.all.extend(mistakes);
    }

    fn shown(self) -> (Vec<Diagnostic>, usize) {
        let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        let before = self.all.len();
        // Names and numbers apart, a wording is a kind of mistake.
        let wording =
            |mistake: &Diagnostic| mistake.message.split([' ', '`', '"']).take(4).collect::<Vec<_>>().join(" ");
        let shown: Vec<Diagnostic> = self
            .all
            .into_iter()
            .filter(|mistake| {
                let count = seen.entry(wording(mistake)).or_default();
                *count += 1;
                *count <= SHOWN
            })
            .collect();
        let more = before - shown.len();
        (shown, more)
    }
}
