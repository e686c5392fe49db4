//! The envelope: options and the objects that a cluster prints.

use std::sync::Arc;

use serde_json::Value;

use super::super::Refusal;
use super::super::fields::{Fields, object};
use crate::scenario::manifest::kueue as manifest;
use crate::training::admission::kueue::cache::Cache;
use crate::training::admission::kueue::controller::Kueue;
use crate::training::admission::kueue::names::Names;
use crate::training::admission::kueue::objects::{
    AdmissionCheck, Gates, Objects, Options, RequeuingTimestamp, Strategy,
};
use crate::training::admission::kueue::tree::NodeId;
use crate::training::admission::kueue::workload::{Workload, WorkloadId};
use crate::units::{SimTime, did_you_mean, not_one_of};

const KINDS: [&str; 9] = [
    "Namespace",
    "ResourceFlavor",
    "Cohort",
    "ClusterQueue",
    "LocalQueue",
    "Workload",
    "WorkloadPriorityClass",
    "AdmissionCheck",
    "Topology",
];

/// What is asked about.
pub struct Question {
    pub kueue: Kueue,
    pub now: SimTime,
}

impl Question {
    pub fn read(fields: &Fields<'_>) -> Result<Question, Refusal> {
        let now = fields.instant("now")?.ok_or_else(|| Refusal::new(fields.at("now"), "missing"))?;
        let options = options(fields)?;
        let mut objects = Objects::default();
        let mut names = Names::default();
        let mut workloads = Vec::new();
        for (path, value) in fields.list("objects")? {
            read_object(value, &path, &mut objects, &mut names, &mut workloads)?;
        }
        assume_checks(&mut objects);
        let mut kueue = Kueue::new(Cache::new(&objects, names), options);
        for workload in workloads {
            kueue.add(workload, now);
        }
        Ok(Question { kueue, now })
    }

    /// A workload by `namespace/name`.
    pub fn workload(&self, fields: &Fields<'_>, name: &str) -> Result<WorkloadId, Refusal> {
        let key = fields.required_text(name)?;
        self.find(key).ok_or_else(|| {
            let keys = self.kueue.workloads().iter().map(|workload| &*workload.key);
            Refusal::new(fields.at(name), format!("there is no workload {key}{}", did_you_mean(key, keys)))
        })
    }

    pub fn find(&self, key: &str) -> Option<WorkloadId> {
        self.kueue.ids().find(|id| &*self.kueue.workload(*id).key == key)
    }

    pub fn cluster_queue(&self, fields: &Fields<'_>, name: &str) -> Result<NodeId, Refusal> {
        self.queue_named(&fields.at(name), fields.required_text(name)?)
    }

    pub fn queue_named(&self, path: &str, name: &str) -> Result<NodeId, Refusal> {
        self.kueue.cache.queue_named(name).ok_or_else(|| {
            let names = self.kueue.cache.queues().map(|(_, state)| &*state.name);
            Refusal::new(path, format!("there is no ClusterQueue {name}{}", did_you_mean(name, names)))
        })
    }

    /// The ClusterQueue that a workload waits in.
    pub fn queue_of(&self, id: WorkloadId) -> Result<NodeId, Refusal> {
        let workload = self.kueue.workload(id);
        let queue = workload.local_queue.as_ref().and_then(|local| self.kueue.cache.queue_of(local));
        queue.ok_or_else(|| Refusal::new("objects", format!("the queue of {} leads to no ClusterQueue", workload.key)))
    }

    /// The first workload, of which there should be one.
    pub fn only_workload(&self) -> Result<&Workload, Refusal> {
        self.kueue.workloads().first().ok_or_else(|| Refusal::new("objects", "a Workload is missing"))
    }
}

pub fn options(fields: &Fields<'_>) -> Result<Options, Refusal> {
    let mut options = Options::default();
    let mut gates = Vec::new();
    gates.extend(fields.get("featureGates").map(|value| (fields.at("featureGates"), value)));
    if let Some(value) = fields.get("options") {
        let known = ["fairSharing", "preemptionStrategies", "requeuingTimestamp", "featureGates", "quotaCheckStrategy"];
        let own = Fields::new(value, fields.at("options"), &known)?;
        let strategies = own.list("preemptionStrategies")?;
        if own.flag("fairSharing")?.unwrap_or(false) {
            let read = |(path, value): (String, &Value)| match value.as_str() {
                Some("LessThanOrEqualToFinalShare") => Ok(Strategy::LessThanOrEqualToFinalShare),
                Some("LessThanInitialShare") => Ok(Strategy::LessThanInitialShare),
                other => {
                    let known = ["LessThanOrEqualToFinalShare", "LessThanInitialShare"];
                    Err(Refusal::new(path, not_one_of(other.unwrap_or_default(), &known)))
                }
            };
            let strategies = strategies.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let strategies = if strategies.is_empty() { Options::STRATEGIES.to_vec() } else { strategies };
            options.fair_sharing = Some(strategies);
        }
        options.requeuing_timestamp = match own.text("requeuingTimestamp")? {
            None | Some("Eviction") => RequeuingTimestamp::Eviction,
            Some("Creation") => RequeuingTimestamp::Creation,
            Some(other) => {
                let problem = not_one_of(other, &["Eviction", "Creation"]);
                return Err(Refusal::new(own.at("requeuingTimestamp"), problem));
            }
        };
        options.ignore_undeclared = match own.text("quotaCheckStrategy")? {
            None | Some("BlockUndeclared") => false,
            Some("IgnoreUndeclared") => true,
            Some(other) => {
                let problem = not_one_of(other, &["BlockUndeclared", "IgnoreUndeclared"]);
                return Err(Refusal::new(own.at("quotaCheckStrategy"), problem));
            }
        };
        gates.extend(own.get("featureGates").map(|value| (own.at("featureGates"), value)));
    }
    for (path, value) in gates {
        let set = Fields::open(value, path)?;
        for (name, value) in value.as_object().into_iter().flatten() {
            let Some(on) = value.as_bool() else {
                return Err(Refusal::new(set.at(name), "expected true or false"));
            };
            if !options.gates.set(name, on) && !Gates::WITHOUT_EFFECT.contains(&name.as_str()) {
                let hint = did_you_mean(name, Gates::NAMES.iter().copied());
                return Err(Refusal::new(set.at(name), format!("a feature gate that is not modelled{hint}")));
            }
        }
    }
    Ok(options)
}

fn read_object(
    value: &Value,
    path: &str,
    objects: &mut Objects,
    names: &mut Names,
    workloads: &mut Vec<Workload>,
) -> Result<(), Refusal> {
    let within = |error: crate::scenario::manifest::ManifestError| Refusal::from(error.within(path));
    let kind = Fields::open(value, path)?.required_text("kind")?;
    match kind {
        "Namespace" => objects.namespaces.push(manifest::namespace(&object(value, path)?).map_err(within)?),
        "ResourceFlavor" => objects.flavors.push(manifest::flavor(&object(value, path)?).map_err(within)?),
        "Cohort" => objects.cohorts.push(manifest::cohort(&object(value, path)?).map_err(within)?),
        "ClusterQueue" => objects.cluster_queues.push(manifest::cluster_queue(&object(value, path)?).map_err(within)?),
        "LocalQueue" => objects.local_queues.push(manifest::local_queue(&object(value, path)?).map_err(within)?),
        "WorkloadPriorityClass" => {
            objects.priority_classes.push(manifest::priority_class(&object(value, path)?).map_err(within)?);
        }
        "AdmissionCheck" => objects.checks.push(manifest::admission_check(&object(value, path)?).map_err(within)?),
        "Topology" => objects.topologies.push(manifest::topology(&object(value, path)?).map_err(within)?),
        "Workload" => workloads.push(manifest::workload(&object(value, path)?, names).map_err(within)?),
        other => return Err(Refusal::new(format!("{path}.kind"), not_one_of(other, &KINDS))),
    }
    Ok(())
}

/// A check that a ClusterQueue names is taken to be there and active, though its object was not given.
fn assume_checks(objects: &mut Objects) {
    let named: Vec<Arc<str>> = objects
        .cluster_queues
        .iter()
        .flat_map(|queue| queue.checks.iter().map(|rule| Arc::clone(&rule.name)))
        .collect();
    for name in named {
        if !objects.checks.iter().any(|check| check.name == name) {
            objects.checks.push(AdmissionCheck { name, controller: String::new(), active: true });
        }
    }
}
