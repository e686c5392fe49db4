//! `explain` of `summary.json`: where idle money is and why pods waited, by reason.
//!
//! A reason that did not occur is left out of the file, and counts as zero wherever a figure is asked for by its name
//! ([`value_of`](super::value_of)): an expectation may ask for any of them, and runs compare line by line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::sim::{Explanation, IdleReason, IdleRow, Mechanism, WaitReason, WaitRow};
use crate::units::SimTime;

const NANOS_PER_SECOND: f64 = 1e9;

/// Why money was idle and pods waited.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Explain {
    /// By reason, those that occurred; `usd` sums to `cost.idle_usd`.
    pub idle: ByReason<IdleReason, IdleFigures>,
    /// By reason, those that occurred; `pod_seconds` sums to the waits of all pods (`pod_wait_seconds`), those that are not over included.
    /// What comes after a pod has its node (image pulls, its start) is no wait.
    pub wait: ByReason<Mechanism, WaitFigures>,
    /// By workload with an HPA: how long it was asked to have the HPA's `maxReplicas`.
    pub at_max_replicas_seconds: BTreeMap<Arc<str>, f64>,
}

/// Idle money for one reason.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct IdleFigures {
    /// The part of machines' bills that no pod owes. Below zero where pods used more than was left of what they requested.
    pub usd: f64,
    /// Time for which machines were billed while this was the reason, whatever part of them was idle.
    pub node_seconds: f64,
    /// Of `usd`, by the workload (`namespace/name`) whose pod holds the node, else by the node group.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<Arc<str>, f64>,
}

/// Waits for one reason.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct WaitFigures {
    pub pod_seconds: f64,
    /// Pods that waited for this at some time; one may wait for several reasons, one after the other.
    pub pods: u64,
    /// When the first such wait began.
    pub since_seconds: Option<f64>,
    /// Of `pod_seconds`, by the node group or NodePool that is in the way, else by the workload of the pods that wait.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<Arc<str>, f64>,
}

/// Figures that may be of a reason that did not occur.
pub trait Occurrence {
    fn is_nothing(&self) -> bool;
}

impl Occurrence for IdleFigures {
    fn is_nothing(&self) -> bool {
        self.usd == 0.0 && self.node_seconds == 0.0 && self.by.values().all(|usd| *usd == 0.0)
    }
}

impl Occurrence for WaitFigures {
    fn is_nothing(&self) -> bool {
        self.pods == 0 && self.pod_seconds == 0.0 && self.since_seconds.is_none()
    }
}

/// A closed list of reasons, each with its identifier and words.
pub trait Reason: Copy + 'static {
    const ALL: &'static [Self];
    const NAME: &'static str;
    fn id(self) -> &'static str;
    fn words(self) -> &'static str;
}

impl Reason for IdleReason {
    const ALL: &'static [IdleReason] = IdleReason::ALL;
    const NAME: &'static str = "IdleByReason";

    fn id(self) -> &'static str {
        self.id()
    }

    fn words(self) -> &'static str {
        self.words()
    }
}

impl Reason for Mechanism {
    const ALL: &'static [Mechanism] = Mechanism::ALL;
    const NAME: &'static str = "WaitByReason";

    fn id(self) -> &'static str {
        self.id()
    }

    fn words(self) -> &'static str {
        self.words()
    }
}

/// Figures of every reason, in the order of their table.
#[derive(Clone, Debug)]
pub struct ByReason<R, T> {
    figures: Vec<T>,
    reasons: PhantomData<R>,
}

impl<R: Reason, T: Default + Clone> ByReason<R, T> {
    fn new() -> ByReason<R, T> {
        ByReason { figures: vec![T::default(); R::ALL.len()], reasons: PhantomData }
    }
}

impl<R: Reason, T> ByReason<R, T> {
    /// Every reason with its figures.
    pub fn iter(&self) -> impl Iterator<Item = (R, &T)> {
        R::ALL.iter().copied().zip(&self.figures)
    }
}

impl<R: Reason, T: Serialize + Occurrence> Serialize for ByReason<R, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (reason, figures) in self.iter().filter(|(_, figures)| !figures.is_nothing()) {
            map.serialize_entry(reason.id(), figures)?;
        }
        map.end()
    }
}

impl<R: Reason, T: JsonSchema> JsonSchema for ByReason<R, T> {
    fn schema_name() -> Cow<'static, str> {
        R::NAME.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let properties = R::ALL.iter().map(|reason| {
            let mut of = generator.subschema_for::<T>();
            of.insert("description".to_owned(), reason.words().into());
            (reason.id().to_owned(), of.to_value())
        });
        let properties: serde_json::Map<String, serde_json::Value> = properties.collect();
        json_schema!({"type": "object", "properties": properties})
    }
}

/// The figures of a run's explanation.
pub fn explain(explanation: &Explanation) -> Explain {
    let mut idle = ByReason::<IdleReason, IdleFigures>::new();
    for IdleRow { reason, by, cost, node_time } in &explanation.idle {
        let figures = &mut idle.figures[*reason as usize];
        *figures.by.entry(Arc::clone(by)).or_default() += cost.as_f64();
        figures.node_seconds += *node_time as f64 / NANOS_PER_SECOND;
    }
    // Integers are added, not what they were rounded to.
    for (reason, figures) in IdleReason::ALL.iter().zip(&mut idle.figures) {
        let rows = explanation.idle.iter().filter(|row| row.reason == *reason);
        figures.usd = rows.map(|row| row.cost).sum::<crate::units::Usd>().as_f64();
    }
    let mut wait = ByReason::<Mechanism, WaitFigures>::new();
    let mut times = vec![0i128; Mechanism::ALL.len()];
    for WaitRow { reason, by, pod_time } in &explanation.waits {
        times[*reason as usize] += pod_time;
        let figures = &mut wait.figures[*reason as usize];
        *figures.by.entry(Arc::clone(by)).or_default() += *pod_time as f64 / NANOS_PER_SECOND;
    }
    for (figures, time) in wait.figures.iter_mut().zip(times) {
        figures.pod_seconds = time as f64 / NANOS_PER_SECOND;
    }
    for WaitReason { reason, pods, first } in &explanation.wait_reasons {
        let figures = &mut wait.figures[*reason as usize];
        figures.pods = *pods;
        figures.since_seconds = Some(first.since(SimTime::ZERO).as_secs_f64());
    }
    let at_max = explanation.at_max_replicas.iter();
    let at_max = at_max.map(|(workload, time)| (Arc::clone(workload), time.as_secs_f64()));
    Explain { idle, wait, at_max_replicas_seconds: at_max.collect() }
}
