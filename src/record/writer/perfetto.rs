//! Chrome's trace_event JSON, which Perfetto's UI opens: a track for each node with a slice for each of its pods.
//!
//! | of the format | is here |
//! |---|---|
//! | process 0 | the controllers and the cluster |
//! | thread of process 0 | a controller; its decisions are instants |
//! | counter of process 0 | a figure of the cluster over time |
//! | process | a node |
//! | thread 0 of a node | the machine: `starting` until it is Ready, then `ready` |
//! | other threads of a node | lanes for pods: slices of one track must not overlap, so a pod gets the first free lane |
//! | slice | a pod from its binding to its end, with `starting` inside until it is Ready |
//!
//! Times are microseconds from the run's start.

use std::io::{self, Write};

use serde_json::{Value, json};

/// Nanoseconds from the run's start.
pub type Nanos = i64;

/// A node's machine.
#[derive(Clone, Debug)]
pub struct NodeSpan {
    pub name: String,
    /// For people: group, instance type, zone.
    pub about: Value,
    pub requested: Nanos,
    pub ready: Option<Nanos>,
    pub end: Nanos,
}

/// A pod on a node.
#[derive(Clone, Debug)]
pub struct PodSpan {
    pub name: String,
    pub workload: String,
    /// By its place among the nodes.
    pub node: usize,
    pub bound: Nanos,
    pub ready: Option<Nanos>,
    pub end: Nanos,
    pub about: Value,
}

/// A decision of a controller.
#[derive(Clone, Debug)]
pub struct Decided {
    pub at: Nanos,
    pub controller: String,
    pub object: String,
    pub about: Value,
}

/// A figure over time.
#[derive(Clone, Debug)]
pub struct Counter {
    pub name: String,
    pub points: Vec<(Nanos, f64)>,
}

/// All that a trace shows.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub nodes: Vec<NodeSpan>,
    pub pods: Vec<PodSpan>,
    pub decisions: Vec<Decided>,
    pub counters: Vec<Counter>,
}

/// The process of the cluster as a whole; nodes follow.
const CLUSTER: usize = 0;

/// Writes an event a line, so that the file can be cut and looked at as text.
///
/// # Errors
/// What the output says.
pub fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let mut events = Events { out, is_first: true };
    events.out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    events.name("process_name", CLUSTER, 0, "cluster")?;
    let mut controllers: Vec<&str> = trace.decisions.iter().map(|decided| decided.controller.as_str()).collect();
    controllers.sort_unstable();
    controllers.dedup();
    for (thread, controller) in (1..).zip(&controllers) {
        events.name("thread_name", CLUSTER, thread, controller)?;
    }
    for decided in &trace.decisions {
        let thread = 1 + controllers.binary_search(&decided.controller.as_str()).unwrap_or(0);
        events.put(
            json!({"ph": "i", "s": "t", "name": decided.object, "cat": "decision", "pid": CLUSTER, "tid": thread,
            "args": decided.about}),
            Some(decided.at),
        )?;
    }
    for counter in &trace.counters {
        let mut last = None;
        for (at, value) in &counter.points {
            if last.replace(value) != Some(value) {
                let event = json!({"ph": "C", "name": counter.name, "pid": CLUSTER, "args": {"value": value}});
                events.put(event, Some(*at))?;
            }
        }
    }
    let mut of_node: Vec<Vec<&PodSpan>> = vec![Vec::new(); trace.nodes.len()];
    for pod in &trace.pods {
        if let Some(pods) = of_node.get_mut(pod.node) {
            pods.push(pod);
        }
    }
    for (index, (node, mut pods)) in trace.nodes.iter().zip(of_node).enumerate() {
        let process = index + 1;
        events.name("process_name", process, 0, &node.name)?;
        events.put(
            json!({"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}}),
            None,
        )?;
        events.name("thread_name", process, 0, "machine")?;
        let ready = node.ready.map_or(node.end, |ready| ready.min(node.end));
        if ready > node.requested {
            events.slice("starting", "node", process, 0, (node.requested, ready), &node.about)?;
        }
        if node.end > ready {
            events.slice("ready", "node", process, 0, (ready, node.end), &node.about)?;
        }
        pods.sort_by(|a, b| (a.bound, &a.name).cmp(&(b.bound, &b.name)));
        // When each lane is free again.
        let mut lanes: Vec<Nanos> = Vec::new();
        for pod in pods {
            let end = pod.end.max(pod.bound);
            let lane = match lanes.iter().position(|free| *free <= pod.bound) {
                Some(lane) => lane,
                None => {
                    lanes.push(0);
                    events.name("thread_name", process, lanes.len(), &format!("pods {}", lanes.len()))?;
                    lanes.len() - 1
                }
            };
            // A pod without length still fills its instant.
            lanes[lane] = end.max(pod.bound + 1);
            events.slice(&pod.name, &pod.workload, process, lane + 1, (pod.bound, end), &pod.about)?;
            let ready = pod.ready.map_or(end, |ready| ready.min(end));
            if ready > pod.bound {
                events.slice("starting", &pod.workload, process, lane + 1, (pod.bound, ready), &Value::Null)?;
            }
        }
    }
    events.out.write_all(b"\n]}\n")
}

struct Events<'o> {
    out: &'o mut dyn Write,
    is_first: bool,
}

impl Events<'_> {
    fn name(&mut self, what: &str, process: usize, thread: usize, name: &str) -> io::Result<()> {
        self.put(json!({"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}), None)
    }

    fn slice(
        &mut self,
        name: &str,
        category: &str,
        process: usize,
        thread: usize,
        (from, to): (Nanos, Nanos),
        about: &Value,
    ) -> io::Result<()> {
        let mut event = json!({"ph": "X", "name": name, "cat": category, "pid": process, "tid": thread,
            "dur": micros(to - from)});
        if !about.is_null() {
            event["args"] = about.clone();
        }
        self.put(event, Some(from))
    }

    fn put(&mut self, mut event: Value, at: Option<Nanos>) -> io::Result<()> {
        if let Some(at) = at {
            event["ts"] = micros(at);
        }
        if !std::mem::take(&mut self.is_first) {
            self.out.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut *self.out, &event).map_err(io::Error::from)
    }
}

/// Microseconds, with the part of one where there is any.
fn micros(nanos: Nanos) -> Value {
    if nanos % 1000 == 0 { json!(nanos / 1000) } else { json!(nanos as f64 / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_that_overlap_get_lanes_of_their_own() {
        let pod = |name: &str, bound: Nanos, end: Nanos| PodSpan {
            name: name.to_owned(),
            workload: "default/w".to_owned(),
            node: 0,
            bound,
            ready: Some(bound + 1_000),
            end,
            about: json!({"phase": "Running"}),
        };
        let node =
            NodeSpan { name: "n".to_owned(), about: Value::Null, requested: 0, ready: Some(2_500), end: 100_000 };
        let pods =
            vec![pod("b", 6_000, 50_000), pod("a", 5_000, 20_000), pod("c", 20_000, 30_000), pod("d", 60_000, 60_000)];
        let trace = Trace { nodes: vec![node], pods, ..Trace::default() };
        let mut out = Vec::new();
        write(&trace, &mut out).unwrap();
        let read: Value = serde_json::from_slice(&out).unwrap();
        let lane = |name: &str| {
            let events = read["traceEvents"].as_array().unwrap();
            events.iter().find(|event| event["name"] == name).map(|event| event["tid"].as_u64().unwrap()).unwrap()
        };
        assert_eq!([lane("a"), lane("b"), lane("c"), lane("d")], [1, 2, 1, 1]);
        let starting: Vec<&Value> =
            read["traceEvents"].as_array().unwrap().iter().filter(|event| event["name"] == "starting").collect();
        assert_eq!((starting[0]["ts"].clone(), starting[0]["dur"].clone()), (json!(0), json!(2.5)));
    }
}
