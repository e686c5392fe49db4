//! One rule in a run: what it gives, evaluation by evaluation, and what becomes of that.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::active::{Active, Alert};
use super::asked::Asked;
use super::compiled::{ALERTS, CompiledRule, Text, millis};
use super::template::{Data, Labels, Sample};
use crate::promql::{
    AxisId, Context, LabelTable, LabelsId, NAME, Plan, PlanId, Query, STALE, SeriesId, Shape, Store, Value, evaluate,
};
use crate::scenario::RuleKind;

/// What an evaluation works with.
pub(super) struct Evaluation<'a> {
    pub store: &'a mut Store,
    /// `None`: everything is worked out anew.
    pub plan: Option<&'a mut Plan>,
    pub asked: &'a Asked,
    pub context: Context,
    /// From the instant that is looked at to that of the evaluation, milliseconds: the group's `query_offset`.
    pub offset: i64,
    /// Most series that a rule may give; 0: any number.
    pub limit: usize,
}

/// See the module's description.
pub(super) struct RuleRun {
    query: PlanId,
    /// Times at which it gave something.
    axis: AxisId,
    pub active: Active,
    /// Those that are over, with when that was.
    pub ended: Vec<(LabelsId, Alert, i64)>,
    /// By labels and when the alert was pending.
    pub summaries: FxHashMap<(LabelsId, i64), String>,
    pub evaluations: u64,
    pub failures: u64,
    /// What it said when it first failed.
    pub message: String,
    pub most_at_once: usize,
    /// Its alerts are series that some rule asks for.
    tells_alerts: bool,
    /// The state of what it last gave, where giving the same again changes nothing.
    settled: Option<u64>,
    named: Option<Named>,
    /// Series that its last evaluation wrote.
    wrote: Vec<SeriesId>,
}

/// What the results of a rule are called.
struct Named {
    of: Shape,
    labels: Vec<LabelsId>,
    /// Of a recording rule: series for which somebody asks.
    series: Vec<Option<SeriesId>>,
}

/// What an expression came to.
struct Found {
    labels: Shape,
    values: Vec<f64>,
    stamp: Option<u64>,
}

impl RuleRun {
    pub fn new(query: PlanId, axis: AxisId, tells_alerts: bool) -> RuleRun {
        RuleRun {
            query,
            axis,
            active: Active::default(),
            ended: Vec::new(),
            summaries: FxHashMap::default(),
            evaluations: 0,
            failures: 0,
            message: String::new(),
            most_at_once: 0,
            tells_alerts,
            settled: None,
            named: None,
            wrote: Vec::new(),
        }
    }

    pub fn evaluate(&mut self, rule: &mut CompiledRule, with: Evaluation<'_>) {
        self.evaluations += 1;
        if let Err(message) = self.try_evaluate(rule, with) {
            self.settled = None;
            self.failures += 1;
            if self.message.is_empty() {
                self.message = message;
            }
        }
    }

    fn try_evaluate(&mut self, rule: &mut CompiledRule, with: Evaluation<'_>) -> Result<(), String> {
        let Evaluation { store, mut plan, asked, context, offset, limit } = with;
        let at = context.at;
        let found = match plan.as_deref_mut() {
            Some(plan) => {
                let found = plan.evaluate(self.query, store, context).map_err(|error| error.to_string())?;
                if self.settled == Some(found.stamp) && store.conversions() == 0 {
                    store.advance(self.axis, at);
                    return Ok(());
                }
                Found { labels: Arc::clone(found.labels), values: found.values.to_vec(), stamp: Some(found.stamp) }
            }
            None => match evaluate(&mut rule.query, store, context).map_err(|error| error.to_string())? {
                Value::Scalar(value) => Found { labels: [LabelsId::NONE].into(), values: vec![value], stamp: None },
                Value::Vector(samples) => Found {
                    labels: samples.iter().map(|sample| sample.labels).collect(),
                    values: samples.iter().map(|sample| sample.value).collect(),
                    stamp: None,
                },
                Value::Text(_) | Value::Matrix(_) => return Err("the expression is no instant vector".to_owned()),
            },
        };
        if limit > 0 && found.values.len() > limit {
            return Err(format!("{} series are more than the group's limit of {limit}", found.values.len()));
        }
        self.name(rule, &found, asked, store, context)?;
        let is_planned = plan.is_some();
        if is_planned {
            store.advance(self.axis, at);
        }
        let is_settled = match &rule.kind {
            RuleKind::Record(_) => {
                self.record(&found.values, is_planned, store, at);
                true
            }
            RuleKind::Alert { lasting, keep_firing, .. } => {
                self.alert(rule, &found, (millis(*lasting), millis(*keep_firing)), store, (context, offset));
                if self.tells_alerts {
                    self.tell_alerts(is_planned, asked, store, at);
                }
                self.active.is_settled()
            }
        };
        self.settled = found.stamp.filter(|_| is_settled && !rule.labels_ask);
        Ok(())
    }

    /// Gives the results their labels.
    fn name(
        &mut self,
        rule: &CompiledRule,
        found: &Found,
        asked: &Asked,
        store: &mut Store,
        context: Context,
    ) -> Result<(), String> {
        let is_plain = rule.labels.iter().all(|(_, text)| matches!(text, Text::Plain(_)));
        if is_plain && self.named.as_ref().is_some_and(|named| Arc::ptr_eq(&named.of, &found.labels)) {
            return Ok(());
        }
        let labels: Vec<LabelsId> = found
            .labels
            .iter()
            .zip(&found.values)
            .map(|(of, value)| labelled((*of, *value), rule, store, context))
            .collect();
        let mut seen = FxHashSet::default();
        if let Some(twice) = labels.iter().find(|labels| !seen.insert(**labels)) {
            let text = store.labels.display(*twice);
            self.named = None;
            return Err(format!("two series of the result would have the same labels, {text}"));
        }
        let series = match &rule.kind {
            RuleKind::Record(_) => labels.iter().map(|labels| asked_series(*labels, asked, store)).collect(),
            RuleKind::Alert { .. } => Vec::new(),
        };
        self.named = Some(Named { of: Arc::clone(&found.labels), labels, series });
        Ok(())
    }

    fn record(&mut self, values: &[f64], is_planned: bool, store: &mut Store, at: i64) {
        let Some(named) = &self.named else { return };
        let told = named.series.iter().zip(values).filter_map(|(id, value)| Some(((*id)?, *value)));
        write(store, &mut self.wrote, told, is_planned.then_some(self.axis), at);
    }

    fn alert(
        &mut self,
        rule: &CompiledRule,
        found: &Found,
        (lasting, keep_firing): (i64, i64),
        store: &mut Store,
        (context, offset): (Context, i64),
    ) {
        // Alerts are of the instant of the evaluation, whatever instant it looks at (`rules/alerting.go`, `Eval`).
        let at = context.at + offset;
        let Some(named) = &self.named else { return };
        if found.values.is_empty() && self.active.is_empty() {
            return;
        }
        let values: Vec<(LabelsId, f64)> = named.labels.iter().copied().zip(found.values.iter().copied()).collect();
        let changes = self.active.evaluate(&values, at, lasting, keep_firing);
        for (labels, alert) in &changes.fired {
            let Some(place) = named.labels.iter().position(|other| other == labels) else { continue };
            let (of, value) = (found.labels[place], found.values[place]);
            let text = rule.summary.as_ref().map(|text| filled(text, (of, value), store, context));
            self.summaries.insert((*labels, alert.pending), text.unwrap_or_default());
        }
        self.ended.extend(changes.ended.into_iter().map(|(labels, alert)| (labels, alert, at)));
        self.most_at_once = self.most_at_once.max(self.active.firing());
    }

    /// `ALERTS` and `ALERTS_FOR_STATE`.
    fn tell_alerts(&mut self, is_planned: bool, asked: &Asked, store: &mut Store, at: i64) {
        let table = &mut store.labels;
        let [alerts, for_state] = ALERTS.map(|name| table.symbol(name));
        let state = table.symbol("alertstate");
        let [pending, firing] = ["pending", "firing"].map(|state| table.symbol(state));
        let mut series = Vec::new();
        for (labels, alert) in self.active.iter() {
            let of_state = table.with(labels, LabelTable::NAME, for_state);
            series.push((of_state, alert.pending as f64 / 1000.0));
            let named = table.with(labels, LabelTable::NAME, alerts);
            let is = if alert.firing.is_some() { firing } else { pending };
            series.push((table.with(named, state, is), 1.0));
        }
        let told: Vec<(SeriesId, f64)> = series
            .into_iter()
            .filter_map(|(labels, value)| Some((asked_series(labels, asked, store)?, value)))
            .collect();
        write(store, &mut self.wrote, told.into_iter(), is_planned.then_some(self.axis), at);
    }
}

/// The series of these labels, where some rule asks for it.
fn asked_series(labels: LabelsId, asked: &Asked, store: &mut Store) -> Option<SeriesId> {
    let reach = asked.reach_of(&store.labels.sorted(labels))?;
    let id = store.series(labels);
    store.set_reach(id, reach);
    Some(id)
}

/// Writes what a rule gave; what it gave before and not now is stale. Without an axis by single samples.
fn write(
    store: &mut Store,
    wrote: &mut Vec<SeriesId>,
    told: impl Iterator<Item = (SeriesId, f64)>,
    axis: Option<AxisId>,
    at: i64,
) {
    let put = |store: &mut Store, id: SeriesId, value: f64| match axis {
        Some(axis) => store.step(id, axis, value),
        None => store.push(id, at, value),
    };
    let mut now = Vec::with_capacity(wrote.len());
    for (id, value) in told {
        put(store, id, value);
        now.push(id);
    }
    if now != *wrote {
        let there: FxHashSet<SeriesId> = now.iter().copied().collect();
        for gone in wrote.iter().filter(|id| !there.contains(id)) {
            put(store, *gone, f64::from_bits(STALE));
        }
        *wrote = now;
    }
}

/// The labels of a result, with the rule's own.
fn labelled((of, value): (LabelsId, f64), rule: &CompiledRule, store: &mut Store, context: Context) -> LabelsId {
    let mut made = store.labels.without_name(of);
    for (name, text) in &rule.labels {
        let text = filled(text, (of, value), store, context);
        let (name, text) = (store.labels.symbol(name), store.labels.symbol(&text));
        made = store.labels.with(made, name, text);
    }
    let (label, name) = match &rule.kind {
        RuleKind::Record(name) => (NAME, name),
        RuleKind::Alert { name, .. } => ("alertname", name),
    };
    let (label, name) = (store.labels.symbol(label), store.labels.symbol(name));
    store.labels.with(made, label, name)
}

fn filled(text: &Text, (of, value): (LabelsId, f64), store: &mut Store, context: Context) -> String {
    let template = match text {
        Text::Plain(text) => return text.clone(),
        Text::Template(template) => template,
    };
    let pairs = store.labels.sorted(of).into_iter();
    let labels = Rc::new(pairs.map(|(label, value)| (label.to_owned(), value.to_owned())).collect());
    let store = RefCell::new(store);
    let ask = |expr: &str| {
        let store = &mut **store.borrow_mut();
        let mut query = Query::parse(expr, &mut store.labels).map_err(|problem| problem.to_string())?;
        let found = evaluate(&mut query, store, context).map_err(|problem| problem.to_string())?;
        match found {
            Value::Scalar(value) => Ok(vec![Sample { labels: Labels::default(), value }]),
            Value::Vector(samples) => Ok(samples
                .iter()
                .map(|sample| {
                    let labels = store.labels.sorted(sample.labels).into_iter();
                    let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
                    Sample { labels: Rc::new(labels), value: sample.value }
                })
                .collect()),
            Value::Text(_) | Value::Matrix(_) => Err("query result is not a vector or scalar".to_owned()),
        }
    };
    template.fill(&Data { labels, value, now_millis: context.at, ask: &ask })
}

pub(super) fn text_of(labels: LabelsId, table: &LabelTable) -> String {
    let pairs = table.sorted(labels).into_iter().filter(|(label, _)| *label != "alertname");
    pairs.map(|(label, value)| format!("{label}={value:?}")).collect::<Vec<_>>().join(",")
}
