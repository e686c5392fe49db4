//! A dump of a cluster, or a folder of manifests, made into a scenario: `windtunnel import cluster`.
//!
//! Texts are read one object at a time and thinned to what a run acts on (`text`, `prune`); owners are settled
//! (`live`); nodes become groups (`machines`). What is left is lowered as a scenario would be, and what is
//! refused then is left out and told. Nothing stops the rest.

mod demand;
mod document;
mod machines;
mod msgpack;
mod priorities;
mod prune;
mod pulumi;
mod sktrace;
mod text;
mod usage;

use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use thiserror::Error;

use super::diagnostic::{Diagnostic, Source};
use super::live::{RunningPod, Scaling, Settled, Told, Weight, moment_of, settle};
use super::lower::lower;
use super::tables::Tables;
use super::yaml::{Node, Value, emit, parse};
use crate::cost::{Catalogue, CatalogueError};
use crate::units::SimDuration;
use priorities::Classes;

pub use usage::Usage;

/// What the scenario is to be beside its objects.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the scenario.
    name: String,
    duration: SimDuration,
    /// Instance types of groups that scale from zero.
    autoscale: Vec<String>,
}

/// Settings that no scenario can have.
#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("--duration must be above 0s")]
    NoDuration,
    #[error("--autoscale: {0}")]
    UnknownType(#[from] CatalogueError),
}

impl Settings {
    /// # Errors
    /// No time, or an instance type that is not in the catalogue.
    pub fn new(name: String, duration: SimDuration, autoscale: &[String]) -> Result<Settings, SettingsError> {
        if duration <= SimDuration::ZERO {
            return Err(SettingsError::NoDuration);
        }
        for name in autoscale {
            Catalogue::builtin().get(name)?;
        }
        Ok(Settings { name, duration, autoscale: autoscale.to_vec() })
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
    /// HPAs that do nothing, or the same as others, as in the cluster.
    pub as_they_are: Vec<Diagnostic>,
    /// Objects and documents that could not be read, a line for each of a kind.
    pub broken: Vec<Diagnostic>,
    /// Beyond those that `broken` shows.
    pub more_broken: usize,
}

/// The most mistakes of one wording that are shown.
const SHOWN: usize = 3;
/// The most mistakes that are shown at all.
const MOST_SHOWN: usize = 12;
/// Times that what is refused is left out and the rest lowered again.
const ROUNDS: usize = 20;

/// Reads texts by their names. Without `usage`, PodMetrics among the objects are it.
pub fn import(sources: Vec<Source>, usage: Usage, settings: &Settings) -> Imported {
    let mut told = Told::default();
    let mut broken = Broken::default();
    let mut scaling = Scaling::default();
    let mut objects = Vec::new();
    let mut classes = Classes::new();
    let mut moment = None;
    for source in sources {
        let source = Arc::new(source);
        let read = text::objects(&source, |mut object| {
            let moment = moment_of(&object);
            let mut seen = (Scaling::default(), Told::default());
            seen.0.see(&object, &mut seen.1);
            let class = priorities::class_of(&object);
            prune::as_read(&mut object);
            vec![(object, moment, seen, class)]
        });
        for (object, at, (seen, says), class) in read.kept {
            classes.extend(class);
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
    let Settled { mut objects, running } = settle(objects, &mut told);
    priorities::add_missing(&mut objects, &classes, &mut told);
    let (groups, timeline) = (Vec::new(), Vec::new());
    Found { objects, running, moment, scaling, groups, timeline, usage, told, broken }.finish(settings)
}

/// Reads a trace of SimKube; without a duration it lasts as long as the trace, and a tenth more.
///
/// # Errors
/// A file that is none.
pub fn import_sktrace(
    bytes: &[u8],
    file: &str,
    usage: Usage,
    settings: &Settings,
) -> Result<Imported, Box<Diagnostic>> {
    let mut told = Told::default();
    let sktrace::Recording { mut objects, start, span, timeline } = sktrace::recording(bytes, file, &mut told)?;
    let mut settings = settings.clone();
    if settings.duration == SimDuration::MAX {
        let minutes = (span.clamp(0, 1 << 40) + span / 10).div_euclid(60) + 1;
        settings.duration = SimDuration::from_mins(minutes);
    }
    let mut scaling = Scaling::default();
    objects.iter().for_each(|object| scaling.see(object, &mut told));
    objects.iter_mut().for_each(prune::as_read);
    let Settled { mut objects, running } = settle(objects, &mut told);
    priorities::add_missing(&mut objects, &Classes::new(), &mut told);
    let (moment, groups, broken) = (Some(start), Vec::new(), Broken::default());
    Ok(Found { objects, running, moment, scaling, groups, timeline, usage, told, broken }.finish(&settings))
}

/// Reads what `pulumi stack export` or `pulumi preview --json` prints.
///
/// # Errors
/// A text that is neither.
pub fn import_pulumi(source: Source, usage: Usage, settings: &Settings) -> Result<Imported, Vec<Diagnostic>> {
    let source = Arc::new(source);
    let mut told = Told::default();
    let Some(root) = parse(&source)?.into_iter().next() else {
        return Err(vec![Diagnostic::error(&super::diagnostic::Place::start_of(&source), "the file is empty")]);
    };
    let pulumi::Stack { objects, groups } = pulumi::stack(root, &mut told).map_err(|mistake| vec![*mistake])?;
    let moment = objects.iter().filter_map(moment_of).max();
    let mut scaling = Scaling::default();
    objects.iter().for_each(|object| scaling.see(object, &mut told));
    let mut objects = objects;
    objects.iter_mut().for_each(prune::as_read);
    let Settled { mut objects, running } = settle(objects, &mut told);
    priorities::add_missing(&mut objects, &Classes::new(), &mut told);
    let (timeline, broken) = (Vec::new(), Broken::default());
    Ok(Found { objects, running, moment, scaling, groups, timeline, usage, told, broken }.finish(settings))
}

/// Everything that was read.
struct Found {
    objects: Vec<Node>,
    running: Vec<RunningPod>,
    moment: Option<i64>,
    scaling: Scaling,
    /// Node groups that are stated as such.
    groups: Vec<Node>,
    /// What happens later.
    timeline: Vec<sktrace::Timed>,
    usage: Usage,
    told: Told,
    broken: Broken,
}

impl Found {
    fn finish(self, settings: &Settings) -> Imported {
        let Found { mut objects, running, moment, scaling, groups: stated, timeline, mut usage, mut told, mut broken } =
            self;
        let scaling = &scaling;

        if usage.is_empty() {
            objects.iter().for_each(|object| usage.add_pod_metrics(object));
        }
        let (mut demands, shares) = usage.of_workloads(&objects, &running, &mut told);
        demand::of_autoscalers(&objects, &mut demands, &mut told);
        let start = usage.start().or(moment);
        objects.retain(|object| is_read(object, &mut told));
        objects.iter_mut().for_each(prune::as_written);
        let (mut groups, zones) = machines::groups(&mut objects, scaling, &mut told);
        if !groups.is_empty() && !scaling.is_there {
            let place = groups[0].place.clone();
            let meaning = "no Cluster Autoscaler is among the objects: node groups stay at their size; set minSize and maxSize to let them scale";
            told.add_some(Weight::Differs, "Node groups", meaning, &place, groups.len() as u64);
        } else if !groups.is_empty() && !scaling.knows_sizes() {
            let place = groups[0].place.clone();
            let meaning = "their limits are not among the objects: minSize 1 and maxSize of twice their size (at least 10) are guesses";
            told.add_some(Weight::Differs, "Node groups", meaning, &place, groups.len() as u64);
        }
        groups.extend(stated);
        groups.extend(settings.autoscale.iter().map(|name| machines::from_zero(name)));
        tell_without_nodes(&objects, &groups, &mut told);
        let parts = document::Parts {
            settings,
            start,
            moment,
            groups,
            zones,
            scaling,
            demands: &demands,
            shares: &shares,
            running: &running,
            timeline: &timeline,
        };
        let mut document = document::scenario(&parts, &objects);
        let mut as_they_are = Vec::new();
        for _ in 0..ROUNDS {
            let (refused, warnings) = refused_by_lowering(&document, &objects);
            as_they_are = warnings;
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
        Imported { text, counts, running: running.len(), as_they_are, reports: reports.collect(), broken, more_broken }
    }
}

/// Pods need nodes.
fn tell_without_nodes(objects: &[Node], groups: &[Node], told: &mut Told) {
    let is_of = |kinds: &[&str]| {
        objects.iter().any(|object| object.text_at(&["kind"]).is_some_and(|kind| kinds.contains(&kind)))
    };
    if let Some(first) = objects.first().filter(|_| groups.is_empty() && !is_of(&["Node", "NodePool"])) {
        let meaning =
            "none are among the objects, and pods wait for them for ever: give --autoscale TYPE, or print nodes too";
        told.add(Weight::Changes, "Node", meaning, &first.place);
    }
}

/// Whether a run reads the kind; what it does not is told.
fn is_read(object: &Node, told: &mut Told) -> bool {
    let mut refused = Vec::new();
    let is_read = super::objects::is_read(object, told, &mut refused);
    is_read || !refused.is_empty()
}

/// What lowering refuses of the objects and of the document, and what it says of autoscalers.
fn refused_by_lowering(document: &Node, objects: &[Node]) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let source = Arc::new(Source::new("the scenario", emit(document)));
    let Some(parsed) = parse(&source).ok().and_then(|documents| documents.into_iter().next()) else {
        return (Vec::new(), Vec::new());
    };
    let tables = Tables::new(Path::new("").to_owned(), Arc::default());
    let lowered = lower(&parsed, objects.to_vec(), true, &tables);
    let (refused, mut warnings): (Vec<Diagnostic>, Vec<Diagnostic>) =
        lowered.diagnostics.into_iter().partition(Diagnostic::is_error);
    warnings.retain(|warning| warning.message.contains("HorizontalPodAutoscaler"));
    (refused, warnings)
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
        let mut left = MOST_SHOWN;
        // Names and numbers apart, a wording is a kind of mistake.
        let wording =
            |mistake: &Diagnostic| mistake.message.split([' ', '`', '"']).take(4).collect::<Vec<_>>().join(" ");
        let shown: Vec<Diagnostic> = self
            .all
            .into_iter()
            .filter(|mistake| {
                let count = seen.entry(wording(mistake)).or_default();
                *count += 1;
                let is_shown = *count <= SHOWN && left > 0;
                left -= usize::from(is_shown);
                is_shown
            })
            .collect();
        let more = before - shown.len();
        (shown, more)
    }
}
