//! Takes in what a run exposes and evaluates rules on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::active::{Active, Alert};
use super::compile::{ALERTS, Compiled, CompiledGroup, CompiledRule, Text};
use super::template::Data;
use crate::promql::{self, Context, LOOKBACK, LabelTable, LabelsId, NAME, STALE, Store, Value, evaluate};
use crate::record::metrics::{Series, SeriesId, Sink};
use crate::record::{AlertFigures, Episode};
use crate::scenario::RuleKind;
use crate::units::{SimDuration, SimTime};

/// Samples are forgotten so much later than they could last be asked for, milliseconds.
const SLACK: i64 = 60_000;

/// A rule that failed in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub rule: String,
    /// File and line.
    pub place: String,
    pub times: u64,
    /// What it said first.
    pub message: String,
}

/// What became of the alerts of a run.
#[derive(Clone, Debug, Default)]
pub struct Alerts {
    /// In the order in which they were pending.
    pub episodes: Vec<Episode>,
    /// Every alerting rule by its name, those that never fired too.
    pub figures: BTreeMap<Arc<str>, AlertFigures>,
    pub failures: Vec<Failure>,
}

/// See the module's description.
pub struct Monitor {
    store: Store,
    groups: Vec<GroupRun>,
    /// Milliseconds since the Unix epoch at the run's zero.
    start: i64,
    now: i64,
    /// By [`SeriesId`]: the series of the store, where some rule asks for it.
    series: Vec<Option<promql::SeriesId>>,
    /// Series that are there, with their values.
    live: Live,
    /// How far back queries look, milliseconds.
    reach: i64,
    forgotten: i64,
    asks_for_alerts: bool,
    /// Step of subqueries without one.
    step: i64,
    ended: Vec<(usize, usize, LabelsId, Alert, Option<i64>)>,
    summaries: FxHashMap<(usize, usize, LabelsId, i64), String>,
}

/// Values of the series that are there, in a dense list.
#[derive(Debug, Default)]
struct Live {
    entries: Vec<(promql::SeriesId, f64)>,
    places: FxHashMap<promql::SeriesId, usize>,
}

impl Live {
    fn set(&mut self, id: promql::SeriesId, value: f64) {
        match self.places.get(&id) {
            Some(place) => self.entries[*place].1 = value,
            None => {
                self.places.insert(id, self.entries.len());
                self.entries.push((id, value));
            }
        }
    }

    fn remove(&mut self, id: promql::SeriesId) -> bool {
        let Some(place) = self.places.remove(&id) else { return false };
        self.entries.swap_remove(place);
        if let Some((moved, _)) = self.entries.get(place) {
            self.places.insert(*moved, place);
        }
        true
    }
}

struct GroupRun {
    group: CompiledGroup,
    next: i64,
    rules: Vec<RuleRun>,
}

#[derive(Default)]
struct RuleRun {
    active: Active,
    /// Series that its last evaluation wrote.
    wrote: BTreeSet<promql::SeriesId>,
    failures: u64,
    message: String,
    most_at_once: usize,
}

impl Monitor {
    /// For a run whose zero is `start` seconds after the Unix epoch.
    pub fn new(compiled: Compiled, start: i64, evaluation_interval: SimDuration) -> Monitor {
        let Compiled { store, groups } = compiled;
        let start = start * 1000;
        let queries = || groups.iter().flat_map(|group| &group.rules).map(|rule| &rule.query);
        let offset = groups.iter().map(|group| millis(group.query_offset)).max().unwrap_or(0);
        let reach = queries().map(promql::Query::reach).max().unwrap_or(0).saturating_add(offset);
        let asks_for_alerts = queries()
            .flat_map(|query| query.selected())
            .any(|selected| selected.name.as_deref().is_none_or(|name| ALERTS.contains(&name)));
        let groups = groups
            .into_iter()
            .map(|group| GroupRun {
                next: start,
                rules: group.rules.iter().map(|_| RuleRun::default()).collect(),
                group,
            })
            .collect();
        Monitor {
            store,
            groups,
            start,
            now: start,
            series: Vec::new(),
            live: Live::default(),
            reach,
            forgotten: start,
            asks_for_alerts,
            step: millis(evaluation_interval),
            ended: Vec::new(),
            summaries: FxHashMap::default(),
        }
    }

    /// Evaluates what is due up to `until`, group by group at each instant.
    fn evaluate_until(&mut self, until: i64) {
        while let Some(next) = self.groups.iter().map(|group| group.next).min().filter(|next| *next <= until) {
            for index in 0..self.groups.len() {
                if self.groups[index].next == next {
                    self.evaluate_group(index, next);
                    self.groups[index].next = next + millis(self.groups[index].group.interval).max(1);
                }
            }
        }
    }

    fn evaluate_group(&mut self, group: usize, at: i64) {
        let at = at - millis(self.groups[group].group.query_offset);
        for rule in 0..self.groups[group].rules.len() {
            if let Err(message) = self.evaluate_rule(group, rule, at) {
                let run = &mut self.groups[group].rules[rule];
                run.failures += 1;
                if run.message.is_empty() {
                    run.message = message;
                }
            }
        }
    }

    fn evaluate_rule(&mut self, group: usize, rule: usize, at: i64) -> Result<(), String> {
        let GroupRun { group: compiled, rules, .. } = &mut self.groups[group];
        let CompiledRule { kind, query, labels, summary, .. } = &mut compiled.rules[rule];
        let run = &mut rules[rule];
        let store = &mut self.store;
        let context = Context { step: self.step, ..Context::at(at) };
        let found: Vec<(LabelsId, f64)> = match evaluate(query, store, context).map_err(|error| error.to_string())? {
            Value::Scalar(value) => vec![(LabelsId::NONE, value)],
            Value::Vector(samples) => samples.into_iter().map(|sample| (sample.labels, sample.value)).collect(),
            Value::Text(_) | Value::Matrix(_) => return Err("the expression is no instant vector".to_owned()),
        };
        if compiled.limit > 0 && found.len() > compiled.limit {
            return Err(format!("{} series are more than the group's limit of {}", found.len(), compiled.limit));
        }
        let is_alert = matches!(kind, RuleKind::Alert { .. });
        let mut named = Vec::with_capacity(found.len());
        let mut seen = FxHashSet::default();
        for (of, value) in found {
            let labelled = labelled(of, value, labels, kind, store);
            if !seen.insert(labelled) {
                let text = store.labels.display(labelled);
                return Err(format!("two series of the result would have the same labels, {text}"));
            }
            named.push((labelled, of, value));
        }
        let RuleKind::Alert { lasting, keep_firing, .. } = kind else {
            let values = named.iter().map(|(labels, _, value)| (*labels, *value));
            write(store, run, values, at);
            return Ok(());
        };
        debug_assert!(is_alert);
        let values: Vec<(LabelsId, f64)> = named.iter().map(|(labels, _, value)| (*labels, *value)).collect();
        let changes = run.active.evaluate(&values, at, millis(*lasting), millis(*keep_firing));
        for (labels, alert) in &changes.fired {
            let Some((_, of, value)) = named.iter().find(|(other, ..)| other == labels) else { continue };
            let text = summary.as_ref().map(|text| filled(text, *of, *value, &store.labels)).unwrap_or_default();
            self.summaries.insert((group, rule, *labels, alert.pending), text);
        }
        self.ended.extend(changes.ended.into_iter().map(|(labels, alert)| (group, rule, labels, alert, Some(at))));
        run.most_at_once = run.most_at_once.max(run.active.firing());
        if self.asks_for_alerts {
            let series: Vec<(LabelsId, f64)> = alert_series(&run.active, store);
            write(store, run, series.into_iter(), at);
        }
        Ok(())
    }

    /// Evaluates what is still due and closes the books of a run that lasted so long.
    pub fn finish(mut self, simulated: SimDuration) -> Alerts {
        self.evaluate_until(self.start + millis(simulated));
        let mut ended = std::mem::take(&mut self.ended);
        for (group, run) in self.groups.iter().enumerate() {
            for (rule, run) in run.rules.iter().enumerate() {
                ended.extend(run.active.iter().map(|(labels, alert)| (group, rule, labels, *alert, None)));
            }
        }
        let table = &self.store.labels;
        ended.sort_by(|a, b| {
            (a.3.pending, a.0, a.1).cmp(&(b.3.pending, b.0, b.1)).then_with(|| table.compare(a.2, b.2))
        });
        let mut alerts = Alerts::default();
        for run in &self.groups {
            for (compiled, rule) in run.group.rules.iter().zip(&run.rules) {
                if matches!(compiled.kind, RuleKind::Alert { .. }) {
                    let new = || AlertFigures { first_seconds: f64::NAN, ..AlertFigures::default() };
                    let figures = alerts.figures.entry(name_of(compiled).into()).or_insert_with(new);
                    figures.most_at_once = figures.most_at_once.max(rule.most_at_once as u64);
                }
                if rule.failures > 0 {
                    alerts.failures.push(Failure {
                        rule: name_of(compiled).to_owned(),
                        place: format!("group {}, {}", run.group.name, compiled.place),
                        times: rule.failures,
                        message: rule.message.clone(),
                    });
                }
            }
        }
        let end = SimTime::ZERO + simulated;
        let mut fired = FxHashSet::default();
        for (group, rule, labels, alert, resolved) in ended {
            let name = name_of(&self.groups[group].group.rules[rule]);
            let time = |at: i64| SimTime::from_nanos((at - self.start) * 1_000_000);
            let episode = Episode {
                alert: name.into(),
                labels: text_of(labels, table),
                pending: time(alert.pending),
                firing: alert.firing.map(time),
                resolved: resolved.map(time),
                value: alert.value,
                summary: self.summaries.remove(&(group, rule, labels, alert.pending)).unwrap_or_default(),
            };
            let figures = alerts.figures.entry(Arc::clone(&episode.alert)).or_default();
            match episode.firing {
                None if resolved.is_some() => figures.went_away += 1,
                None => {}
                Some(firing) => {
                    figures.fired += 1;
                    figures.firing_seconds += (episode.resolved.unwrap_or(end) - firing).as_secs_f64();
                    figures.first_seconds = figures.first_seconds.min(firing.as_secs_f64());
                    figures.flaps += u64::from(!fired.insert((group, rule, labels)));
                }
            }
            alerts.episodes.push(episode);
        }
        alerts
    }
}

impl Sink for Monitor {
    fn begin(&mut self, at: SimTime) {
        let at = self.start + at.nanos() / 1_000_000;
        self.evaluate_until(at - 1);
        self.now = at;
    }

    fn opened(&mut self, id: SeriesId, series: &Series<'_>) {
        debug_assert_eq!(id.index(), self.series.len());
        let is_wanted = self
            .groups
            .iter()
            .flat_map(|run| &run.group.rules)
            .flat_map(|rule| rule.query.selected())
            .any(|selected| selected.matches(series.name, series.labels));
        let stored = is_wanted.then(|| {
            let name = std::iter::once((NAME, series.name));
            let labels = self.store.labels.set_of(series.labels.iter().copied().chain(name));
            self.store.series(labels)
        });
        self.series.push(stored);
    }

    fn set(&mut self, id: SeriesId, value: f64) {
        if let Some(stored) = self.series[id.index()] {
            self.live.set(stored, value);
        }
    }

    fn absent(&mut self, id: SeriesId) {
        if let Some(stored) = self.series[id.index()]
            && self.live.remove(stored)
        {
            self.store.push(stored, self.now, f64::from_bits(STALE));
        }
    }

    fn end(&mut self) {
        for (id, value) in &self.live.entries {
            self.store.push(*id, self.now, *value);
        }
        self.evaluate_until(self.now);
        let until = self.now - self.reach.saturating_add(LOOKBACK + SLACK).min(self.now);
        if until - self.forgotten > SLACK {
            self.store.forget_until(until);
            self.forgotten = until;
        }
    }
}

fn millis(duration: SimDuration) -> i64 {
    duration.nanos() / 1_000_000
}

fn name_of(rule: &CompiledRule) -> &str {
    match &rule.kind {
        RuleKind::Record(name) | RuleKind::Alert { name, .. } => name,
    }
}

/// The labels of a result, with the rule's own.
fn labelled(of: LabelsId, value: f64, labels: &[(String, Text)], kind: &RuleKind, store: &mut Store) -> LabelsId {
    let mut made = store.labels.drop(of, &[LabelTable::NAME]);
    for (name, text) in labels {
        let text = filled(text, of, value, &store.labels);
        let (name, text) = (store.labels.symbol(name), store.labels.symbol(&text));
        made = store.labels.with(made, name, text);
    }
    let (label, name) = match kind {
        RuleKind::Record(name) => (NAME, name),
        RuleKind::Alert { name, .. } => ("alertname", name),
    };
    let (label, name) = (store.labels.symbol(label), store.labels.symbol(name));
    store.labels.with(made, label, name)
}

fn filled(text: &Text, of: LabelsId, value: f64, table: &LabelTable) -> String {
    match text {
        Text::Plain(text) => text.clone(),
        Text::Template(template) => template.fill(&Data { labels: table.sorted(of).into_iter().collect(), value }),
    }
}

/// Writes what a rule gave; what it gave before and not now is stale.
fn write(store: &mut Store, run: &mut RuleRun, values: impl Iterator<Item = (LabelsId, f64)>, at: i64) {
    let mut wrote = BTreeSet::new();
    for (labels, value) in values {
        let id = store.series(labels);
        store.push(id, at, value);
        wrote.insert(id);
    }
    for gone in run.wrote.difference(&wrote) {
        store.push(*gone, at, f64::from_bits(STALE));
    }
    run.wrote = wrote;
}

/// `ALERTS` and `ALERTS_FOR_STATE`.
fn alert_series(active: &Active, store: &mut Store) -> Vec<(LabelsId, f64)> {
    let table = &mut store.labels;
    let [alerts, for_state] = ALERTS.map(|name| table.symbol(name));
    let state = table.symbol("alertstate");
    let [pending, firing] = ["pending", "firing"].map(|state| table.symbol(state));
    let mut series = Vec::new();
    for (labels, alert) in active.iter() {
        let of_state = table.with(labels, LabelTable::NAME, for_state);
        series.push((of_state, alert.pending as f64 / 1000.0));
        let named = table.with(labels, LabelTable::NAME, alerts);
        let is = if alert.firing.is_some() { firing } else { pending };
        series.push((table.with(named, state, is), 1.0));
    }
    series
}

fn text_of(labels: LabelsId, table: &LabelTable) -> String {
    let pairs = table.sorted(labels).into_iter().filter(|(label, _)| *label != "alertname");
    pairs.map(|(label, value)| format!("{label}={value:?}")).collect::<Vec<_>>().join(",")
}
