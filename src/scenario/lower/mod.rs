//! From what was written to what is simulated: the only bridge from `spec` and Kubernetes objects to [`Scenario`].
//!
//! Each part (nodes, workloads, load, …) is a file that adds to one [`Lowering`]. Nothing stops at the first mistake:
//! a part that can't be lowered is told and left out, and the others go on.

mod autoscalers;
mod batch;
mod billing;
mod controllers;
mod external_metrics;
mod fit;
mod held_back;
mod images;
mod instance_labels;
mod instance_types;
mod jobs;
mod keda;
mod keda_triggers;
mod kueue;
mod limits;
mod load;
mod monitoring;
mod names;
mod node_pools;
mod nodes;
mod patches;
mod release;
mod replay;
mod scalers;
mod settings;
mod standing;
mod stock_outs;
mod table;
mod training;
mod volumes;
mod workloads;

pub use names::FIXED;
pub use release::VERSIONED;

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::diagnostic::{Diagnostic, Place, suggestion};
use super::fields;
use super::live::{Scaling, Told, is_live, moment_of, settle};
use super::manifest::PriorityClasses;
use super::objects::{Objects, read_objects};
use super::spec::{ScenarioDocument, ScenarioSpec, TargetRef};
use super::tables::Tables;
use super::yaml::{Node, control_characters, read};
use super::{Scenario, TrainingJob};
use crate::cluster::{PodSpecId, WorkloadId};
use crate::cost::Catalogue;
use crate::units::{SimDuration, SimTime};

/// The outcome: a scenario where the document itself could be read, and everything that is wrong with it.
pub struct Lowered {
    pub scenario: Option<Scenario>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Lowers a scenario document and its objects. Where `is_complete` is false some manifest could not be read, and what
/// is not found may stand there.
pub fn lower(document: &Node, objects: Vec<Node>, is_complete: bool, tables: &Tables) -> Lowered {
    let mut diagnostics = Vec::new();
    let mut told = Told::default();
    let moment = objects.iter().filter_map(moment_of).max();
    let live: Vec<Place> = objects.iter().filter(|object| is_live(object)).map(|o| o.place.clone()).collect();
    let mut scaling = Scaling::default();
    objects.iter().for_each(|object| scaling.see(object, &mut told));
    let settled = settle(objects, &mut told);
    let omissions = fields::report(&settled.objects);
    let mut objects = read_objects(settled, &mut told, &mut diagnostics);
    (objects.moment, objects.scaling) = (moment, scaling);
    diagnostics.extend(told.diagnostics());
    diagnostics.extend(control_characters(document));
    let (read, mistakes) = read::<ScenarioDocument>(document);
    diagnostics.extend(mistakes);
    let Some(ScenarioDocument { metadata, spec, .. }) = read else { return Lowered { scenario: None, diagnostics } };
    let mut lowering = Lowering::new(document, tables, empty_scenario(metadata.name, &spec), diagnostics);
    lowering.objects_are_complete = is_complete;
    if !lowering.check_counts(&spec) {
        return Lowered { scenario: None, diagnostics: lowering.diagnostics };
    }
    lowering.settings(&spec);
    lowering.release(&spec);
    if spec.start.is_some() {
        objects.moment = objects.moment.max(Some(lowering.scenario.start_epoch_seconds));
    }
    lowering.check_names(&spec);
    lowering.priority_classes(&objects);
    lowering.own_instance_types(&spec);
    lowering.fixed_nodes(&spec);
    lowering.node_groups(&spec);
    lowering.node_pools(&spec, &objects);
    lowering.live_nodes(&objects);
    lowering.storage(&objects);
    lowering.commitments(&spec);
    lowering.workloads(&spec, &objects);
    lowering.standing_pods(&spec, &objects);
    lowering.kueue(&spec, &objects);
    lowering.budgets(&objects);
    lowering.scheduler(&spec);
    lowering.cluster_autoscaler(&spec, &objects);
    lowering.autoscalers(&spec, &objects);
    lowering.loads(&spec);
    lowering.external_metrics(&spec);
    lowering.check_custom_metrics(&objects);
    lowering.cron_scalers(&spec);
    lowering.scaled_objects(&spec, &objects);
    lowering.check_selectors(&objects);
    lowering.replica_changes(&spec);
    lowering.patches(&spec, &objects);
    lowering.check_outages(&spec);
    lowering.replay(&spec);
    lowering.jobs(&spec, &objects);
    lowering.monitoring(&spec);
    lowering.kueue_variants();
    lowering.check_node_names();
    lowering.diagnostics.extend(omissions);
    lowering.check_size();
    // A cluster holds what it holds: what of a live object can't be read is left out.
    leave_out_live(&live, &mut lowering.diagnostics);
    // With mistakes about, what can hold a pod is not known.
    if !lowering.diagnostics.iter().any(Diagnostic::is_error) {
        lowering.check_fit();
    }
    lowering.check_held_back();
    lowering.check_pod_level_requests();
    lowering.check_images(&spec);
    Lowered { scenario: Some(lowering.scenario), diagnostics: lowering.diagnostics }
}

fn leave_out_live(live: &[Place], diagnostics: &mut Vec<Diagnostic>) {
    for diagnostic in std::mem::take(diagnostics) {
        let is_in = |object: &Place, place: &Place| {
            Arc::ptr_eq(&object.source, &place.source)
                && object.span.start <= place.span.start
                && place.span.start < object.span.end
        };
        let is_live = diagnostic.place().is_some_and(|place| live.iter().any(|object| is_in(object, place)));
        diagnostics.push(if diagnostic.is_error() && is_live { diagnostic.left_out() } else { diagnostic });
    }
}

/// A workload by its kind, namespace and name.
struct Known {
    kind: &'static str,
    namespace: String,
    name: String,
    id: WorkloadId,
}

/// Where pods of a spec come from, for messages about them.
struct PodOrigin {
    spec: PodSpecId,
    /// Such as `Deployment default/web`, or a pod of a trace.
    what: String,
    place: Place,
}

struct Lowering<'a> {
    document: &'a Node,
    tables: &'a Tables,
    scenario: Scenario,
    diagnostics: Vec<Diagnostic>,
    priorities: PriorityClasses,
    known: Vec<Known>,
    /// Objects that exist but could not be lowered.
    broken: Vec<(String, String, String)>,
    origins: Vec<PodOrigin>,
    daemon_origins: Vec<PodOrigin>,
    storage: volumes::Storage,
    /// Where each node of the scenario was stated.
    node_places: FxHashMap<Arc<str>, Place>,
    /// Instance types with what the scenario says of them, and the names of those that are its own.
    catalogue: Arc<Catalogue>,
    own_types: BTreeSet<String>,
    /// What Karpenter could launch.
    launchable: Vec<node_pools::Launchable>,
    /// False where a manifest could not be read: what is not found may stand there.
    objects_are_complete: bool,
    /// `namespace/name` of the LocalQueue of the trace's training jobs.
    training_queue: Option<Arc<str>>,
    /// Training jobs of the manifests, by the order of the files.
    trained: Vec<TrainingJob>,
    /// Jobs of the list that were measured on too few GPUs, where such are left out.
    left_out: u32,
}

impl<'a> Lowering<'a> {
    fn new(document: &'a Node, tables: &'a Tables, scenario: Scenario, diagnostics: Vec<Diagnostic>) -> Lowering<'a> {
        Lowering {
            document,
            tables,
            scenario,
            diagnostics,
            priorities: PriorityClasses::default(),
            known: Vec::new(),
            broken: Vec::new(),
            origins: Vec::new(),
            daemon_origins: Vec::new(),
            storage: volumes::Storage::default(),
            node_places: FxHashMap::default(),
            catalogue: Arc::clone(Catalogue::builtin()),
            own_types: BTreeSet::new(),
            launchable: Vec::new(),
            objects_are_complete: true,
            training_queue: None,
            trained: Vec::new(),
            left_out: 0,
        }
    }

    /// The place of a path below `spec`.
    fn at(&self, path: &str) -> &'a Place {
        self.document.at(&format!("spec.{path}"))
    }

    /// Whether the document holds a path below `spec`, be it with a mistake.
    fn has(&self, path: &str) -> bool {
        let spec = self.document.get("spec");
        spec.is_some_and(|spec| path.split('.').try_fold(spec, |node, key| node.get(key)).is_some())
    }

    /// Tells an error at a path below `spec`; `expected` and `hint` may follow.
    fn error(&mut self, path: &str, message: impl Into<String>) -> &mut Diagnostic {
        let diagnostic = Diagnostic::error(self.at(path), message);
        self.push(diagnostic)
    }

    fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.diagnostics.push(diagnostic);
        self.diagnostics.last_mut().expect("it was pushed just now")
    }

    /// Resolves a target; a miss is told at `path`.
    fn target(&mut self, target: &TargetRef, path: &str) -> Option<WorkloadId> {
        let kind = target.kind.name().to_owned();
        let found = self
            .known
            .iter()
            .find(|known| known.kind == kind && known.namespace == target.namespace && known.name == target.name);
        if let Some(known) = found {
            return Some(known.id);
        }
        let key = (kind, target.namespace.clone(), target.name.clone());
        if self.objects_are_complete && !self.broken.contains(&key) {
            let hint = self.nearest_workload(&target.to_string());
            let message = format!("there is no {target} in the manifests");
            self.error(&format!("{path}.name"), message).hint = hint;
        }
        None
    }

    fn nearest_workload(&self, name: &str) -> Option<String> {
        // Beyond the mistakes that are shown nobody reads a hint, and each looks at all names.
        const MOST_HINTS: usize = 50;
        if self.diagnostics.len() > MOST_HINTS {
            return None;
        }
        let names: Vec<String> =
            self.known.iter().map(|known| format!("{} {}/{}", known.kind, known.namespace, known.name)).collect();
        suggestion(name, &names.iter().map(String::as_str).collect::<Vec<_>>())
            .or_else(|| Some("the scenario has no workload; list its manifests under `manifests:`".to_owned()))
    }

    fn priority_classes(&mut self, objects: &Objects) {
        self.broken.extend(objects.broken.iter().cloned());
        let raw: Vec<_> = objects.priority_classes.iter().map(|class| class.value.clone()).collect();
        match PriorityClasses::new(&raw) {
            Ok(classes) => self.priorities = classes,
            Err(error) => {
                // The path starts with the index of the class.
                let (index, path) = error.path.trim_start_matches('[').split_once("].").unwrap_or(("0", &error.path));
                let class = index.parse::<usize>().ok().and_then(|index| objects.priority_classes.get(index));
                if let Some(class) = class {
                    self.diagnostics.push(Diagnostic::error(class.at(path), format!("{path}: {}", error.problem)));
                }
            }
        }
    }
}

/// Stands in for a duration that is missing or wrong, which is an error: it only lets the other checks go on.
const PLACEHOLDER_DURATION: SimDuration = SimDuration::from_secs(3600);

fn empty_scenario(name: String, spec: &ScenarioSpec) -> Scenario {
    Scenario {
        name,
        seed: spec.seed,
        duration: spec.duration.unwrap_or(PLACEHOLDER_DURATION),
        sample_interval: spec.sample_interval,
        max_pods: spec.max_pods,
        hpa_flags: spec.autoscaling.horizontal_pod_autoscaler,
        scheduler: spec.scheduler.clone(),
        kubelet: settings::kubelet(&spec.kubelet),
        metrics: super::MetricsOptions { resolution: spec.metrics.resolution },
        attribution_prices: spec.cost.attribution,
        billing: spec.cost.billing,
        ..Scenario::default()
    }
}

/// An instant of the run from a time since its start.
fn instant(since_start: SimDuration) -> SimTime {
    SimTime::ZERO + since_start
}

fn shared(text: &str) -> Arc<str> {
    Arc::from(text)
}
