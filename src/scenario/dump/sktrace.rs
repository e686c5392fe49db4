//! A trace of SimKube (`.sktrace`): what was applied to a cluster and when, in MessagePack (or as its JSON), of the format's
//! versions 2 and 3.
//!
//! Objects of the first instant are the scenario's. A Deployment, StatefulSet or ReplicaSet that comes later has no
//! replicas until then; what is applied again becomes a change of its replicas or a patch; what is deleted has none from
//! then on. A Job that comes later arrives then, and so does a pod without an owner, as a Job of one pod. How long pods
//! ran, where the trace knows it, is what Jobs and CronJobs take.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::scenario::diagnostic::{Diagnostic, Place, Source};
use crate::scenario::live::{Told, Weight};
use crate::scenario::yaml::{Node, parse};

use super::msgpack;

/// What a trace holds.
pub struct Recording {
    pub objects: Vec<Node>,
    /// Seconds of the Unix epoch.
    pub start: i64,
    /// Seconds from the first event to the last.
    pub span: i64,
    pub timeline: Vec<Timed>,
}

/// Something that the scenario says of an object beside the object.
pub struct Timed {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// The list of the scenario's document that it belongs to, and what stands there beside the target.
    pub list: &'static str,
    pub fields: Value,
}

/// Kind, namespace and name.
type Key = (String, String, String);

/// One object's life.
struct Life {
    /// Seconds from the start; the object as it was applied then, or nothing where it was deleted.
    states: Vec<(i64, Option<Value>)>,
}

/// Reads a trace.
///
/// # Errors
/// A file that is none, with what was expected.
pub fn recording(bytes: &[u8], file: &str, told: &mut Told) -> Result<Recording, Box<Diagnostic>> {
    let refuse = |problem: String| Box::new(Diagnostic::without_text(file, problem));
    let root: Value = match bytes.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(bytes).map_err(|error| refuse(format!("it is no JSON: {error}")))?,
        _ => msgpack::read(bytes).map_err(|problem| refuse(format!("it is no SimKube trace: {problem}")))?,
    };
    let Some(events) = root.get("events").and_then(Value::as_array) else {
        return Err(refuse("it is no SimKube trace: no `events`".to_owned()));
    };
    match root.get("version").and_then(Value::as_u64) {
        Some(2 | 3) => {}
        version => {
            let found = version.map_or("none".to_owned(), |version| version.to_string());
            return Err(refuse(format!("the version of the trace's format is {found}; expected 2 or 3")));
        }
    }
    let time = |event: &Value| event.get("ts").and_then(Value::as_i64);
    if events.iter().any(|event| time(event).is_none()) {
        return Err(refuse("an event has no `ts`".to_owned()));
    }
    let times = || events.iter().filter_map(time);
    let (Some(start), Some(end)) = (times().min(), times().max()) else {
        return Err(refuse("it has no events".to_owned()));
    };
    let mut lives: BTreeMap<Key, Life> = BTreeMap::new();
    let mut order: Vec<&Value> = events.iter().collect();
    order.sort_by_key(|event| time(event));
    for event in order {
        let at = time(event).unwrap_or(start).saturating_sub(start);
        let listed = |list: &str| event.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for object in listed("applied_objs") {
            if let Some(key) = key(object) {
                lives.entry(key).or_insert_with(|| Life { states: Vec::new() }).states.push((at, Some(object.clone())));
            }
        }
        for object in listed("deleted_objs") {
            // What was there before the trace began and went is known by its end alone.
            if let Some(life) = key(object).and_then(|key| lives.get_mut(&key)) {
                life.states.push((at, None));
            }
        }
    }
    let lasted = lasted(&root);
    let mut recording = Recording { objects: Vec::new(), start, span: end.saturating_sub(start), timeline: Vec::new() };
    let mut objects = Vec::new();
    let place = Place::start_of(&std::sync::Arc::new(Source::new(file, "")));
    let mut lost = Lost { told, place: &place };
    for (key, life) in &lives {
        objects.extend(life.object(key, lasted.get(key), recording.span, &mut recording.timeline, &mut lost));
    }
    // The file is no text that a mistake could be shown in.
    let text = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let source = std::sync::Arc::new(Source::new(file, format!("{text:#}")));
    let read = super::text::objects(&source, |object| vec![object]);
    recording.objects = read.kept;
    if let Some(problem) = read.problems.into_iter().next() {
        return Err(Box::new(problem));
    }
    Ok(recording)
}

fn key(object: &Value) -> Option<Key> {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let namespace = text("/metadata/namespace").filter(|namespace| !namespace.is_empty()).unwrap_or("default");
    Some((text("/kind")?.to_owned(), namespace.to_owned(), text("/metadata/name")?.to_owned()))
}

/// Mean seconds that the pods of an owner ran, of those that ended.
fn lasted(root: &Value) -> BTreeMap<Key, f64> {
    let mut spans: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
    let mut add = |gvk: &str, name: &str, lives: &Value| {
        let kind = gvk.rsplit('.').next().unwrap_or(gvk);
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        let lists = lives.as_object().into_iter().flat_map(|of| of.values()).filter_map(Value::as_array).flatten();
        for life in lists {
            let life = life.get("lifecycle").unwrap_or(life);
            let finished = life.get("Finished").and_then(Value::as_array);
            if let Some([from, to]) = finished.map(Vec::as_slice)
                && let (Some(from), Some(to)) = (from.as_i64(), to.as_i64())
            {
                spans.entry(key.clone()).or_default().push(to.saturating_sub(from).max(0) as f64);
            }
        }
    };
    // Version 2: [kind, name] → hash → lives. Version 3: kind → name → time → lives.
    for (owner, lives) in root.get("pod_lifecycles").and_then(Value::as_object).into_iter().flatten() {
        if let Ok([gvk, name]) = serde_json::from_str::<[String; 2]>(owner) {
            add(&gvk, &name, lives);
        }
    }
    for (gvk, names) in root.get("index").and_then(Value::as_object).into_iter().flatten() {
        for (name, lives) in names.as_object().into_iter().flatten().filter(|(_, lives)| lives.is_object()) {
            add(gvk, name, lives);
        }
    }
    spans.into_iter().map(|(key, spans)| (key, spans.iter().sum::<f64>() / spans.len() as f64)).collect()
}

/// What a scenario can't say.
struct Lost<'t> {
    told: &'t mut Told,
    place: &'t Place,
}

impl Lost<'_> {
    fn add(&mut self, kind: &str, meaning: &str) {
        self.told.add(Weight::Changes, kind, meaning.to_owned(), self.place);
    }
}

impl Life {
    /// The object as the scenario has it from its start; what becomes of it later is added to the timeline.
    fn object(
        &self,
        key: &Key,
        lasted: Option<&f64>,
        end: i64,
        timeline: &mut Vec<Timed>,
        lost: &mut Lost<'_>,
    ) -> Option<Value> {
        let (kind, namespace, name) = key;
        let (first, mut object) = self.states.iter().find_map(|(at, state)| Some((*at, state.clone()?)))?;
        let later = |at: i64| format!("{at}s");
        let mut say = |kind: &str, list, fields: Value| {
            let (kind, namespace, name) = (kind.to_owned(), namespace.clone(), name.clone());
            timeline.push(Timed { kind, namespace, name, list, fields });
        };
        let duration = lasted.map(|seconds| format!("{}s", seconds.max(1.0)));
        match kind.as_str() {
            "Deployment" | "StatefulSet" | "ReplicaSet" => {
                let replicas = |object: &Value| object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
                let mut last = object.clone();
                let mut count = replicas(&object);
                if first > 0 {
                    say(kind, "replicaChanges", json!({"at": later(first), "replicas": count}));
                    object["spec"]["replicas"] = json!(0);
                }
                for (at, state) in self.states.iter().filter(|(at, _)| *at > first) {
                    let now = state.as_ref().map_or(0, &replicas);
                    if now != count {
                        say(kind, "replicaChanges", json!({"at": later(*at), "replicas": now}));
                        count = now;
                    }
                    let Some(state) = state else { continue };
                    let (before, after) = (last.pointer("/spec/template"), state.pointer("/spec/template"));
                    if let (true, Some(template)) = (before != after, after) {
                        if kind == "ReplicaSet" {
                            lost.add(
                                kind,
                                "its template changes, which no ReplicaSet here does: its pods stay as they are",
                            );
                        } else {
                            say(kind, "patches", json!({"at": later(*at), "patch": {"spec": {"template": template}}}));
                        }
                    }
                    last = state.clone();
                }
                Some(object)
            }
            "Job" => {
                let mut fields = json!({});
                if first > 0 {
                    fields["arrival"] = json!(later(first));
                }
                if let Some(duration) = duration {
                    fields["duration"] = json!(duration);
                }
                if fields != json!({}) {
                    say(kind, "workloads", fields);
                }
                Some(object)
            }
            // Pods of the manifests are there from the start; one that comes later, or ends, is a Job's.
            "Pod" => {
                let deleted = self.states.iter().find(|(at, state)| state.is_none() && *at > first).map(|(at, _)| *at);
                let duration = duration.or_else(|| deleted.map(|at| later((at - first).max(1))));
                if first == 0 && duration.is_none() {
                    return Some(object);
                }
                let mut spec = object.get("spec")?.clone();
                spec["restartPolicy"] = json!("Never");
                if let Some(spec) = spec.as_object_mut() {
                    spec.remove("nodeName");
                }
                let labels = object.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
                let runs = duration.unwrap_or_else(|| later((end - first).max(1)));
                say("Job", "workloads", json!({"arrival": later(first), "duration": runs}));
                Some(json!({
                    "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": namespace},
                    "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": spec}},
                }))
            }
            "CronJob" => {
                if let Some(duration) = duration {
                    say(kind, "workloads", json!({"duration": duration}));
                }
                if first > 0 {
                    lost.add(kind, "it comes in mid-trace; here it is there from the start");
                }
                if self.states.iter().any(|(at, state)| state.is_none() && *at < end) {
                    lost.add(kind, "it is deleted in mid-trace; here it goes on");
                }
                Some(object)
            }
            _ => {
                if first > 0 || self.states.iter().any(|(at, state)| state.is_none() && *at < end) {
                    lost.add(kind, "it comes or goes in mid-trace; here it is there all the time");
                }
                Some(object)
            }
        }
    }
}

/// A part of the scenario's document.
pub fn node(value: &Value, place: &Place) -> Node {
    let source = std::sync::Arc::new(Source::new("", value.to_string()));
    let read = parse(&source).ok().and_then(|documents| documents.into_iter().next());
    read.unwrap_or_else(|| Node::mapping(place, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(replicas: i64, image: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
    }

    fn read(trace: &Value) -> Result<(Recording, Told), String> {
        let mut told = Told::default();
        let read = recording(trace.to_string().as_bytes(), "t.sktrace", &mut told);
        read.map(|recording| (recording, told)).map_err(|problem| problem.message)
    }

    fn event(ts: i64, applied: &[Value], deleted: &[Value]) -> Value {
        json!({"ts": ts, "applied_objs": applied, "deleted_objs": deleted})
    }

    #[test]
    fn what_happens_to_a_deployment_becomes_changes_of_it() {
        let (web, more, new) = (deployment(2, "a:1"), deployment(5, "a:1"), deployment(5, "a:2"));
        let events = [
            event(1000, std::slice::from_ref(&web), &[]),
            event(1060, &[more], &[]),
            event(1090, &[new], &[]),
            event(1100, &[], &[web]),
        ];
        let (recording, _) = read(&json!({"version": 2, "events": events})).unwrap();
        assert_eq!((recording.start, recording.span, recording.objects.len()), (1000, 100, 1));
        let said: Vec<(&str, String)> = recording
            .timeline
            .iter()
            .map(|timed| (timed.list, timed.fields["at"].as_str().unwrap().to_owned()))
            .collect();
        let of = |list: &'static str, at: &str| (list, at.to_owned());
        assert_eq!(said, [of("replicaChanges", "60s"), of("patches", "90s"), of("replicaChanges", "100s")]);
        assert_eq!(recording.timeline[2].fields["replicas"], 0);
    }

    #[test]
    fn pods_and_jobs_come_when_they_came_and_last_as_long() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "x"},
            "spec": {"nodeName": "gone", "containers": [{"name": "c", "image": "i"}]}});
        let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": {}});
        for index in [
            json!({"index": {}, "pod_lifecycles": {"[\"v1.Pod\",\"x/p\"]": {"77": [{"Finished": [20, 50]}]},
                "[\"batch/v1.CronJob\",\"default/c\"]": {"1": [{"Finished": [0, 10]}, {"Finished": [0, 20]}, {"Running": 5}]}}}),
            json!({"index": {"v1.Pod": {"x/p": {"15": [{"lifecycle": {"Finished": [20, 50]}}]}},
                "batch/v1.CronJob": {"default/c": {"10": [{"lifecycle": {"Finished": [0, 15]}}]}}}}),
        ] {
            let mut trace = index;
            trace["version"] = json!(if trace.get("pod_lifecycles").is_some() { 2 } else { 3 });
            trace["events"] =
                json!([event(10, std::slice::from_ref(&cron), &[]), event(15, std::slice::from_ref(&pod), &[])]);
            let (recording, _) = read(&trace).unwrap();
            let said: Vec<String> =
                recording.timeline.iter().map(|t| format!("{} {} {}", t.kind, t.name, t.fields)).collect();
            assert_eq!(said, [r#"CronJob c {"duration":"15s"}"#, r#"Job p {"arrival":"5s","duration":"30s"}"#]);
        }
    }

    #[test]
    fn what_is_no_trace_says_what_it_lacks() {
        for (trace, what) in [
            (json!({"version": 2}), "no `events`"),
            (json!({"version": 1, "events": []}), "expected 2 or 3"),
            (json!({"events": []}), "is none"),
            (json!({"version": 2, "events": []}), "no events"),
            (json!({"version": 2, "events": [{}]}), "no `ts`"),
        ] {
            let error = read(&trace).err().unwrap();
            assert!(error.contains(what), "{error}");
        }
        let error = recording(b"\xdd\xff", "t", &mut Told::default()).err().unwrap();
        assert!(error.message.contains("breaks off"), "{}", error.message);
    }
}
