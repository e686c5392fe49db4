//! Each pod once: what an owner makes is the owner's, what is over is over, and pods that run are told with their nodes.

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use super::rewrite::{self, part_of};
use super::told::{Told, Weight};
use crate::scenario::diagnostic::Place;
use crate::scenario::yaml::{Node, Value};

/// Kind, namespace and name.
pub type Key = (String, String, String);

/// A pod that runs on a node.
#[derive(Clone, Debug)]
pub struct RunningPod {
    /// Whose it is; a bare pod is its own.
    pub owner: Key,
    pub name: String,
    pub node: String,
    /// When it started, in seconds of the Unix epoch, where that is said.
    pub since: Option<i64>,
    pub ready: bool,
    pub place: Place,
}

/// What is left once owned objects are counted as their owner's.
pub struct Owned {
    pub objects: Vec<Node>,
    pub running: Vec<RunningPod>,
}

/// What becomes of an object.
enum Fate {
    Stays,
    /// Another object makes it.
    Owned,
    /// It has ended.
    Over,
    Runs(Box<RunningPod>),
    /// A pod of a kind that is not read, which runs.
    Stray(String, Box<RunningPod>),
    /// A node's own, from a file on it.
    Mirror,
}

pub fn once(objects: Vec<Node>, told: &mut Told) -> Owned {
    let index = Index::of(&objects);
    let fates: Vec<Fate> = objects.iter().map(|object| index.fate(object)).collect();
    let mut kept = Owned { objects: Vec::with_capacity(objects.len()), running: Vec::new() };
    let mut mirrors = Vec::new();
    for (mut object, fate) in objects.into_iter().zip(fates) {
        let kind = object.text_at(&["kind"]).unwrap_or_default().to_owned();
        match fate {
            Fate::Stays => {
                if kind == "Job" {
                    count_what_is_done(&mut object);
                }
                kept.objects.push(object);
            }
            Fate::Owned => told.add(Weight::Nothing, &kind, "counted once, as its owner's", rewrite::place_of(&object)),
            Fate::Over => told.add(Weight::Nothing, &kind, "over", rewrite::place_of(&object)),
            Fate::Runs(pod) => {
                if pod.owner.0 == "Pod" {
                    unbind(&mut object);
                    kept.objects.push(object);
                }
                kept.running.push(*pod);
            }
            Fate::Stray(owner, pod) => {
                let meaning = format!("of a {owner}, which is not read: taken as pods of their own");
                told.add(Weight::Differs, "Pod", meaning, rewrite::place_of(&object));
                unbind(&mut object);
                kept.objects.push(object);
                kept.running.push(*pod);
            }
            Fate::Mirror => mirrors.push(object),
        }
    }
    static_pods(mirrors, &mut kept.objects, told);
    kept
}

/// The pod is free to go elsewhere once it is evicted: its node is where it stands, not what it asks for.
fn unbind(pod: &mut Node) {
    if let Some(spec) = pod.get_mut("spec") {
        spec.take("nodeName");
    }
    if let Some(metadata) = pod.get_mut("metadata") {
        metadata.take("ownerReferences");
    }
}

/// Objects by their key.
struct Index {
    known: FxHashMap<Key, ()>,
}

fn key_of(object: &Node) -> Option<Key> {
    let namespace = object.text_at(&["metadata", "namespace"]).unwrap_or("default");
    Some((object.text_at(&["kind"])?.to_owned(), namespace.to_owned(), object.name()?.to_owned()))
}

/// Kind and name of the controller of an object.
fn owner_of(object: &Node) -> Option<(&str, &str)> {
    let owners = object.find(&["metadata", "ownerReferences"])?.items();
    let owner = owners.iter().find(|owner| owner.is_true_at(&["controller"])).or(owners.first())?;
    Some((owner.text_at(&["kind"])?, owner.text_at(&["name"])?))
}

impl Index {
    fn of(objects: &[Node]) -> Index {
        Index { known: objects.iter().filter_map(key_of).map(|key| (key, ())).collect() }
    }

    fn holds(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.known.contains_key(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    fn fate(&self, object: &Node) -> Fate {
        let Some((kind, namespace, name)) = key_of(object) else { return Fate::Stays };
        match kind.as_str() {
            "Pod" => return self.fate_of_pod(object, namespace, name),
            "Job" if has_finished(object) => return Fate::Over,
            // A Job of a CronJob that is at work goes on; the CronJob makes the next.
            "Job" => return Fate::Stays,
            _ => {}
        }
        let Some((owner, owner_name)) = owner_of(object) else { return Fate::Stays };
        let (owner, owner_name) = match part_of(owner, owner_name, None) {
            Some((owner, name)) => (owner, name),
            None => (owner, owner_name.to_owned()),
        };
        let is_there = self.holds(owner, &namespace, &owner_name);
        match (kind.as_str(), owner) {
            ("ReplicaSet", "Deployment") if is_there || object.integer_at(&["spec", "replicas"]) == Some(0) => {
                Fate::Owned
            }
            ("HorizontalPodAutoscaler", "ScaledObject") | ("ReplicaSet", "ReplicaSet") if is_there => Fate::Owned,
            ("StatefulSet", "StatefulSet" | "Pod") => Fate::Owned,
            _ => Fate::Stays,
        }
    }

    fn fate_of_pod(&self, pod: &Node, namespace: String, name: String) -> Fate {
        let phase = pod.text_at(&["status", "phase"]).unwrap_or_default();
        if matches!(phase, "Succeeded" | "Failed") {
            return Fate::Over;
        }
        let node = pod.text_at(&["spec", "nodeName"]).filter(|node| !node.is_empty());
        let is_leaving = pod.text_at(&["metadata", "deletionTimestamp"]).is_some();
        let runs = |owner: Key| {
            let node = node.filter(|_| phase == "Running" || (phase.is_empty() && pod.get("status").is_some()))?;
            Some(Box::new(RunningPod {
                owner,
                name: name.clone(),
                node: node.to_owned(),
                since: instant_at(pod, &["status", "startTime"])
                    .or(instant_at(pod, &["metadata", "creationTimestamp"])),
                ready: is_ready(pod),
                place: pod.place.clone(),
            }))
        };
        let own: Key = ("Pod".to_owned(), namespace.clone(), name.clone());
        let Some((kind, owner_name)) = owner_of(pod) else {
            return runs(own).map_or(Fate::Stays, Fate::Runs);
        };
        if kind == "Node" {
            return Fate::Mirror;
        }
        if is_leaving {
            return Fate::Owned;
        }
        match self.maker(pod, kind, owner_name, &namespace) {
            // Its node gets one of its own.
            Some((kind, ..)) if kind == "DaemonSet" => Fate::Owned,
            Some(owner) => runs(owner).map_or(Fate::Owned, Fate::Runs),
            None => match runs(own) {
                Some(pod) => Fate::Stray(kind.to_owned(), pod),
                None => Fate::Stays,
            },
        }
    }

    /// What makes a pod, up to the object that stays.
    fn maker(&self, pod: &Node, kind: &str, name: &str, namespace: &str) -> Option<Key> {
        let found = |kind: &str, name: &str| {
            self.holds(kind, namespace, name).then(|| (kind.to_owned(), namespace.to_owned(), name.to_owned()))
        };
        let labels = pod.find(&["metadata", "labels"]);
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Node::as_str);
        if let Some(set) = label("leaderworkerset.sigs.k8s.io/name") {
            let is_leader = matches!(label("leaderworkerset.sigs.k8s.io/worker-index"), None | Some("0"));
            let called = if is_leader { set.to_owned() } else { format!("{set}-workers") };
            return found("StatefulSet", &called);
        }
        if kind == "ReplicaSet"
            && let Some(deployment) = name.rsplit_once('-').map(|(deployment, _)| deployment)
            && let Some(owner) = found("Deployment", deployment)
        {
            return Some(owner);
        }
        if kind == "ReplicationController"
            && let Some(config) = name.rsplit_once('-').map(|(config, _)| config)
            && let Some(owner) = found("Deployment", config)
        {
            return Some(owner);
        }
        match part_of(kind, name, labels) {
            Some((kind, name)) => found(kind, &name),
            None => found(kind, name),
        }
    }
}

fn is_ready(pod: &Node) -> bool {
    let conditions = pod.find(&["status", "conditions"]).map(Node::items).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.text_at(&["type"]) == Some("Ready"));
    ready.is_none_or(|condition| condition.text_at(&["status"]) != Some("False"))
}

fn has_finished(job: &Node) -> bool {
    let conditions = job.find(&["status", "conditions"]).map(Node::items).unwrap_or_default();
    conditions.iter().any(|condition| {
        matches!(condition.text_at(&["type"]), Some("Complete" | "Failed"))
            && condition.text_at(&["status"]) == Some("True")
    })
}

/// A Job goes on with what is left of it.
fn count_what_is_done(job: &mut Node) {
    let done = job.integer_at(&["status", "succeeded"]).unwrap_or(0);
    let all = job.integer_at(&["spec", "completions"]);
    if let Some(left) = all.map(|all| all - done).filter(|left| done > 0 && *left > 0)
        && job.text_at(&["spec", "completionMode"]) != Some("Indexed")
        && let Some(spec) = job.get_mut("spec")
    {
        let place = spec.place.clone();
        spec.put("completions", Node::integer(&place, left));
    }
}

/// Pods of a node's own files: a set that stands on nearly every node is one of new nodes too; the others are bare pods of
/// their node.
fn static_pods(mirrors: Vec<Node>, objects: &mut Vec<Node>, told: &mut Told) {
    let nodes = objects.iter().filter(|object| object.text_at(&["kind"]) == Some("Node")).count();
    let mut sets: Vec<((String, String), Vec<Node>)> = Vec::new();
    for pod in mirrors {
        let (name, node) = (pod.name().unwrap_or_default(), pod.text_at(&["spec", "nodeName"]).unwrap_or_default());
        let called = name.strip_suffix(node).map_or(name, |stem| stem.trim_end_matches('-')).to_owned();
        let key = (pod.text_at(&["metadata", "namespace"]).unwrap_or("default").to_owned(), called);
        match sets.iter_mut().find(|set| set.0 == key) {
            Some(set) => set.1.push(pod),
            None => sets.push((key, vec![pod])),
        }
    }
    for ((namespace, called), pods) in sets {
        if pods.len() < 2 || pods.len() * 5 < nodes * 4 {
            objects.extend(pods.into_iter().map(|mut pod| {
                if let Some(metadata) = pod.get_mut("metadata") {
                    metadata.take("ownerReferences");
                }
                pod
            }));
            continue;
        }
        let meaning = format!("static pods {called} on nearly every node: read as a DaemonSet");
        told.add_some(Weight::Nothing, "Pod", meaning, rewrite::place_of(&pods[0]), pods.len() as u64);
        let place = &pods[0].place;
        let mut spec = pods[0].get("spec").cloned().unwrap_or_else(|| Node::mapping(place, Vec::new()));
        spec.retain(|key| {
            matches!(key, "containers" | "initContainers" | "priorityClassName" | "priority" | "hostNetwork")
        });
        let everywhere = Node::mapping(place, vec![("operator", Node::text(place, "Exists"))]);
        spec.put("tolerations", Node::sequence(place, vec![everywhere]));
        let labels = || Node::mapping(place, vec![("windtunnel/static-pod", Node::text(place, called.clone()))]);
        let metadata = vec![("name", Node::text(place, called.clone())), ("namespace", Node::text(place, namespace))];
        let template = vec![("metadata", Node::mapping(place, vec![("labels", labels())])), ("spec", spec)];
        let of_set = vec![
            ("selector", Node::mapping(place, vec![("matchLabels", labels())])),
            ("template", Node::mapping(place, template)),
        ];
        let set = vec![
            ("apiVersion", Node::text(place, "apps/v1")),
            ("kind", Node::text(place, "DaemonSet")),
            ("metadata", Node::mapping(place, metadata)),
            ("spec", Node::mapping(place, of_set)),
        ];
        objects.push(Node::mapping(place, set));
    }
}

fn instant_at(object: &Node, path: &[&str]) -> Option<i64> {
    object.text_at(path)?.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// The latest instant that an object tells of, in seconds of the Unix epoch: what was printed was printed after it.
pub fn moment_of(object: &Node) -> Option<i64> {
    let mut latest = instant_at(object, &["metadata", "creationTimestamp"]);
    let mut see = |instant: Option<i64>| latest = latest.max(instant);
    see(instant_at(object, &["status", "startTime"]));
    see(instant_at(object, &["spec", "renewTime"]));
    for condition in object.find(&["status", "conditions"]).map(Node::items).unwrap_or_default() {
        see(instant_at(condition, &["lastHeartbeatTime"]));
        see(instant_at(condition, &["lastTransitionTime"]));
    }
    latest
}

/// Whether it is one object of a live cluster rather than a manifest.
pub fn is_live(object: &Node) -> bool {
    let has = |key: &str| object.find(&["metadata", key]).is_some_and(|node| matches!(node.value, Value::Scalar(..)));
    has("uid") || has("resourceVersion") || object.find(&["status", "phase"]).is_some()
}
