//! A whole iteration's input: Kubernetes objects to the snapshot that the simulation would give.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Node, Pod, ReplicationController};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::Value;

use super::super::fields::{self, Fields};
use super::super::release::{envelope, not_modelled};
use super::super::{Refusal, objects};
use super::flags;
use crate::autoscaler::cluster_autoscaler::{
    BackoffEntry, BackoffTimes, GroupOptions, NodeGroup, NodeRecord, Options, Owner, Owners, Removable, ScaleUpRequest,
    Snapshot, State,
};
use crate::cluster::{Controller, DisruptionBudget, NodeGroupId, PodId, PodSpecId, label};
use crate::scenario::manifest::{LoadedCluster, instant, live_node};
use crate::units::{SimDuration, SimTime, UsdPerHour};

const FIELDS: &[&str] = &[
    "now",
    "options",
    "nodeGroups",
    "nodes",
    "pods",
    "podDisruptionBudgets",
    "daemonSets",
    "replicaSets",
    "replicationControllers",
    "statefulSets",
    "jobs",
    "priorityClasses",
    "state",
];
const GROUP_FIELDS: &[&str] =
    &["id", "minSize", "maxSize", "targetSize", "template", "pricePerHour", "priority", "backoffUntil", "options"];
const STATE_FIELDS: &[&str] = &[
    "unneededSince",
    "unreadySince",
    "lastScaleUpTime",
    "lastScaleDownDeleteTime",
    "lastScaleDownFailTime",
    "upcoming",
];

/// An input, read.
pub struct Question {
    pub now: SimTime,
    pub options: Options,
    pub groups: Vec<NodeGroup>,
    pub cluster: LoadedCluster,
    pub(super) records: Vec<NodeRecord>,
    pending: Vec<PodId>,
    nominated: Vec<PodId>,
    pub(super) daemon_sets: Vec<PodSpecId>,
    pub(super) budgets: Vec<DisruptionBudget>,
    pub(super) owners: ListedOwners,
    pub(super) state: State,
    /// What was odd about the input.
    pub notes: Vec<String>,
}

impl Question {
    pub(super) fn read(input: &Value) -> Result<Question, Refusal> {
        let (envelope, release) = envelope(input, FIELDS)?;
        let Some(now) = envelope.instant("now")? else { return Err(Refusal::new("now", "an instant is required")) };
        let options = flags::options(envelope.get("options"))?;
        let priorities = objects::priority_classes(&envelope)?;
        let mut cluster = LoadedCluster::default();
        let raw_nodes = objects::nodes(&envelope, &mut cluster)?;
        for (path, pod) in fields::objects::<Pod>(&envelope, "pods")? {
            cluster.add_pod(&pod, &priorities).map_err(|error| error.within(path))?;
        }
        let (groups, backoffs) = read_groups(&envelope, &options, &mut cluster)?;
        let mut notes = not_modelled(&release);
        let records = settle_nodes(&mut cluster, &raw_nodes, &groups, &options, &mut notes);
        let (pending, nominated) = waiting_pods(&cluster);
        let daemon_sets = objects::daemon_sets(&envelope, &priorities, &mut cluster)?;
        let budgets = objects::disruption_budgets(&envelope)?;
        let owners = ListedOwners::read(&envelope)?;
        let mut state = read_state(envelope.get("state"), now, &options, &groups, &cluster)?;
        for (group, until) in backoffs {
            let duration = BackoffTimes::from(&options).initial;
            let entry = BackoffEntry { duration, until, last_failure: until - duration, error: "unknown".into() };
            state.backoff.set(group.index(), entry);
        }
        Ok(Question {
            now,
            options,
            groups,
            cluster,
            records,
            pending,
            nominated,
            daemon_sets,
            budgets,
            owners,
            state,
            notes,
        })
    }

    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            now: self.now,
            cluster: &self.cluster.state,
            nodes: &self.records,
            node_groups: &self.groups,
            pending: &self.pending,
            nominated: &self.nominated,
            daemon_sets: &self.daemon_sets,
            disruption_budgets: &self.budgets,
            owners: &self.owners,
        }
    }
}

type Backoffs = Vec<(NodeGroupId, SimTime)>;

fn read_groups(
    envelope: &Fields<'_>,
    options: &Options,
    cluster: &mut LoadedCluster,
) -> Result<(Vec<NodeGroup>, Backoffs), Refusal> {
    let (mut groups, mut backoffs): (Vec<NodeGroup>, Backoffs) = Default::default();
    for (index, raw) in envelope.items::<Value>("nodeGroups")?.iter().enumerate() {
        let at = |mut error: Refusal| {
            error.path = format!("nodeGroups[{index}].{}", error.path);
            error
        };
        let (group, backoff) = read_group(raw, NodeGroupId::new(index), options, cluster).map_err(at)?;
        if groups.iter().any(|other| other.name == group.name) {
            return Err(at(Refusal::new("id", format!("a second group is called {}", group.name))));
        }
        backoffs.extend(backoff.map(|until| (group.id, until)));
        groups.push(group);
    }
    Ok((groups, backoffs))
}

fn read_group(
    raw: &Value,
    id: NodeGroupId,
    options: &Options,
    cluster: &mut LoadedCluster,
) -> Result<(NodeGroup, Option<SimTime>), Refusal> {
    let fields = Fields::new(raw, "", GROUP_FIELDS)?;
    let Some(name) = fields.optional::<String>("id")? else { return Err(Refusal::new("id", "a name is required")) };
    let size = |field: &str| -> Result<Option<i64>, Refusal> {
        match fields.optional::<i64>(field)? {
            Some(size) if size < 0 => Err(Refusal::new(field, format!("{size} is negative"))),
            size => Ok(size),
        }
    };
    let min_size = size("minSize")?.unwrap_or(0);
    let Some(max_size) = size("maxSize")? else { return Err(Refusal::new("maxSize", "a size is required")) };
    if min_size > max_size {
        return Err(Refusal::new("minSize", format!("the minimum {min_size} is above the maximum {max_size}")));
    }
    let Some(target_size) = size("targetSize")? else { return Err(Refusal::new("targetSize", "a size is required")) };
    let price = match fields.optional::<f64>("pricePerHour")? {
        None => None,
        Some(price) => {
            let read = UsdPerHour::from_f64(price);
            Some(read.ok_or_else(|| Refusal::new("pricePerHour", format!("{price} is not a price")))?)
        }
    };
    let template = match fields.optional::<Node>("template")? {
        None => None,
        Some(node) => Some(template_shape(node, &name, id, options, cluster)?),
    };
    let group = NodeGroup {
        id,
        name: name.into(),
        min_size,
        max_size,
        target_size,
        template,
        price,
        priority: fields.optional("priority")?,
        options: fields.optional::<GroupOptions>("options")?.unwrap_or_default(),
        unregistered: Vec::new(),
        keeps_min_size: false,
    };
    Ok((group, fields.instant("backoffUntil")?))
}

fn template_shape(
    mut node: Node,
    group: &str,
    id: NodeGroupId,
    options: &Options,
    cluster: &mut LoadedCluster,
) -> Result<crate::cluster::NodeShapeId, Refusal> {
    node.metadata.name.get_or_insert_with(|| format!("template-node-for-{group}"));
    let specs = &mut cluster.state.specs;
    let mut shape = live_node(&node, &mut specs.resources).map_err(|error| error.within("template"))?.shape;
    shape.taints.retain(|taint| !options.is_left_out_of_templates(&taint.key));
    shape.group = Some(id);
    label::add_deprecated_of_cloud(&mut shape.labels);
    Ok(specs.intern_shape(shape))
}

/// Puts nodes into their groups, moves taints that come and go out of their shapes, and reads readiness as upstream.
fn settle_nodes(
    cluster: &mut LoadedCluster,
    raw_nodes: &[Node],
    groups: &[NodeGroup],
    options: &Options,
    notes: &mut Vec<String>,
) -> Vec<NodeRecord> {
    let mut records = Vec::new();
    for ((id, live), raw) in cluster.nodes.iter().zip(raw_nodes) {
        let mut shape = live.shape.clone();
        if let Some(name) = shape.labels.get(label::NODE_GROUP) {
            shape.group = groups.iter().find(|group| *group.name == **name).map(|group| group.id);
            if shape.group.is_none() {
                notes.push(format!("node {}: its group {name} is not in nodeGroups, so nobody scales it", live.name));
            }
        }
        let (lasting, passing) =
            shape.taints.into_iter().partition(|taint| !options.is_left_out_of_templates(&taint.key));
        shape.taints = lasting;
        let shape = cluster.state.specs.intern_shape(shape);
        let readiness = Readiness::of(raw);
        if readiness.is_untold {
            notes.push(format!("node {}: it has no Ready condition and counts as not ready", live.name));
        }
        let state = cluster.state.node_mut(*id).expect("the node was loaded");
        state.shape = shape;
        let passing: Vec<crate::cluster::Taint> = passing;
        state.extra_taints.extend(passing);
        state.ready = readiness.ready;
        let ready_transition = readiness.transition.unwrap_or(SimTime::MIN);
        records.push(NodeRecord { created: live.created, ready_transition, instance_gone: false });
    }
    records
}

/// Upstream's `GetNodeReadiness`, conditions only: pressure on the disk and a missing network count as well.
struct Readiness {
    ready: bool,
    is_untold: bool,
    transition: Option<SimTime>,
}

impl Readiness {
    fn of(node: &Node) -> Readiness {
        let mut readiness = Readiness { ready: true, is_untold: true, transition: None };
        for condition in node.status.iter().flat_map(|status| status.conditions.iter().flatten()) {
            let speaks_against = match condition.type_.as_str() {
                "Ready" => {
                    readiness.is_untold = false;
                    condition.status != "True"
                }
                "DiskPressure" | "NetworkUnavailable" => condition.status == "True",
                _ => continue,
            };
            readiness.ready &= !speaks_against;
            readiness.transition = readiness.transition.max(condition.last_transition_time.as_ref().map(instant));
        }
        readiness.ready &= !readiness.is_untold;
        readiness
    }
}

/// Pods that the scheduler calls unschedulable, and those that it has nominated.
fn waiting_pods(cluster: &LoadedCluster) -> (Vec<PodId>, Vec<PodId>) {
    let (mut pending, mut nominated) = (Vec::new(), Vec::new());
    for (id, live) in &cluster.pods {
        let waits = live.node_name.is_none() && live.deletion.is_none() && !cluster.state.pod(*id).is_terminal();
        if !waits {
            continue;
        }
        if live.nominated_node_name.is_some() {
            nominated.push(*id);
        } else if live.unschedulable_since.is_some() {
            pending.push(*id);
        }
    }
    (pending, nominated)
}

fn read_state(
    raw: Option<&Value>,
    now: SimTime,
    options: &Options,
    groups: &[NodeGroup],
    cluster: &LoadedCluster,
) -> Result<State, Refusal> {
    let mut state = State::new(options, now);
    let Some(raw) = raw else { return Ok(state) };
    let at = |mut error: Refusal| {
        error.path = format!("state.{}", error.path);
        error
    };
    let fields = Fields::new(raw, "", STATE_FIELDS).map_err(at)?;
    let stamp = |field: &str, default: SimTime| fields.instant(field).map_err(at).map(|at| at.unwrap_or(default));
    state.stamps.last_scale_up = stamp("lastScaleUpTime", state.stamps.last_scale_up)?;
    state.stamps.last_scale_down_delete = stamp("lastScaleDownDeleteTime", state.stamps.last_scale_down_delete)?;
    state.stamps.last_scale_down_fail = stamp("lastScaleDownFailTime", state.stamps.last_scale_down_fail)?;

    let mut since: BTreeMap<String, Time> = fields.optional("unreadySince").map_err(at)?.unwrap_or_default();
    since.extend(fields.optional::<BTreeMap<String, Time>>("unneededSince").map_err(at)?.unwrap_or_default());
    for (node, since) in since {
        // A node that is gone is forgotten.
        let Some(id) = cluster.node_ids.get(&node) else { continue };
        let removable =
            Removable { node: *id, ready: true, pods: Vec::new(), has_on_completion_pods: false, is_risky: false };
        state.unneeded.restore(removable, instant(&since), SimDuration::ZERO);
    }
    let upcoming: BTreeMap<String, i64> = fields.optional("upcoming").map_err(at)?.unwrap_or_default();
    for (name, count) in upcoming {
        let path = format!("state.upcoming.{name}");
        let Some(group) = groups.iter().find(|group| *group.name == *name) else {
            return Err(Refusal::new(path, "there is no such group in nodeGroups"));
        };
        if count < 0 {
            return Err(Refusal::new(path, format!("{count} is negative")));
        }
        if count > 0 {
            let provision = options.for_group(&group.options).max_node_provision_time;
            // The request is as old as the last scale-up, but said to be still awaited.
            let asked = state.stamps.last_scale_up;
            let time = if asked + provision < now { now } else { asked };
            let request = ScaleUpRequest { increase: count, time, expected_add_time: time + provision };
            state.requests.insert(group.id, request);
        }
    }
    Ok(state)
}

/// Controllers of the lists that were given. A kind whose list was left out has all the controllers that pods name.
#[derive(Default)]
pub(super) struct ListedOwners {
    listed: BTreeSet<&'static str>,
    found: BTreeMap<(&'static str, String, String), Option<i32>>,
}

impl ListedOwners {
    fn read(envelope: &Fields<'_>) -> Result<ListedOwners, Refusal> {
        let mut owners = ListedOwners::default();
        for raw in envelope.items::<ReplicaSet>("replicaSets")? {
            owners.add("ReplicaSet", &raw.metadata, raw.spec.and_then(|spec| spec.replicas));
        }
        for raw in envelope.items::<ReplicationController>("replicationControllers")? {
            owners.add("ReplicationController", &raw.metadata, raw.spec.and_then(|spec| spec.replicas));
        }
        for raw in envelope.items::<StatefulSet>("statefulSets")? {
            owners.add("StatefulSet", &raw.metadata, None);
        }
        for raw in envelope.items::<Job>("jobs")? {
            owners.add("Job", &raw.metadata, None);
        }
        for raw in envelope.items::<DaemonSet>("daemonSets")? {
            owners.add("DaemonSet", &raw.metadata, None);
        }
        let lists = [
            ("replicaSets", "ReplicaSet"),
            ("replicationControllers", "ReplicationController"),
            ("statefulSets", "StatefulSet"),
            ("jobs", "Job"),
            ("daemonSets", "DaemonSet"),
        ];
        owners.listed = lists.iter().filter(|(list, _)| envelope.get(list).is_some()).map(|(_, kind)| *kind).collect();
        Ok(owners)
    }

    fn add(&mut self, kind: &'static str, metadata: &ObjectMeta, replicas: Option<i32>) {
        let namespace = metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
        self.found.insert((kind, namespace, metadata.name.clone().unwrap_or_default()), replicas);
    }
}

impl Owners for ListedOwners {
    fn find(&self, namespace: &str, controller: &Controller) -> Owner {
        let Some(kind) = self.listed.get(controller.kind.as_str()) else { return Owner::Found { replicas: None } };
        match self.found.get(&(*kind, namespace.to_owned(), controller.name.clone())) {
            Some(replicas) => Owner::Found { replicas: *replicas },
            None => Owner::Missing,
        }
    }
}
