//! Takes in what a run exposes and evaluates rules on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::asked::Asked;
use super::compiled::{ALERTS, Compiled, CompiledGroup, CompiledRule, millis, name_of};
use super::rule_run::{Evaluation, RuleRun, text_of};
use crate::promql::{self, AxisId, Context, LOOKBACK, NAME, Plan, STALE, Store};
use crate::record::metrics::{Series, SeriesId, Sink};
use crate::record::{AlertFigures, Episode, RuleFailure, Summary};
use crate::scenario::RuleKind;
use crate::sim::Outcome;
use crate::units::{SimDuration, SimTime};

/// Samples are forgotten so much later than they could last be asked for, milliseconds.
const SLACK: i64 = 300_000;

/// What became of the alerts of a run.
#[derive(Clone, Debug, Default)]
pub struct Alerts {
    /// In the order in which they were pending.
    pub episodes: Vec<Episode>,
    /// Every alerting rule by its name, those that never fired too.
    pub figures: BTreeMap<Arc<str>, AlertFigures>,
    pub failures: Vec<RuleFailure>,
}

impl Alerts {
    /// The summary of the run that they are of.
    pub fn summary(&self, outcome: &Outcome) -> Summary {
        let (alerts, rule_failures) = (self.figures.clone(), self.failures.clone());
        Summary { alerts, rule_failures, ..Summary::of(outcome) }
    }
}

/// See the module's description.
pub struct Monitor {
    store: Store,
    /// `None`: every expression is worked out anew every time, on every sample.
    plan: Option<Plan>,
    groups: Vec<GroupRun>,
    asked: Asked,
    /// Milliseconds since the Unix epoch at the run's zero.
    start: i64,
    now: i64,
    /// Times of the scrapes.
    scrapes: AxisId,
    /// By [`SeriesId`].
    series: Vec<Option<Watched>>,
    forgotten: i64,
    /// Step of subqueries without one.
    step: i64,
    /// Alerts that can't fire, with what no run has of what they ask for.
    hopeless: BTreeMap<String, BTreeSet<String>>,
}

/// A series of the run for which some rule asks.
struct Watched {
    id: promql::SeriesId,
    /// `None`: it is not there.
    value: Option<f64>,
}

struct GroupRun {
    group: CompiledGroup,
    next: i64,
    rules: Vec<RuleRun>,
}

impl Monitor {
    /// For a run whose zero is `start` seconds after the Unix epoch.
    pub fn new(compiled: Compiled, start: i64, evaluation_interval: SimDuration) -> Monitor {
        let Compiled { mut store, groups, hopeless } = compiled;
        let start = start * 1000;
        let mut asked = Asked::default();
        let offset = groups.iter().map(|group| millis(group.query_offset)).max().unwrap_or(0);
        for selected in groups.iter().flat_map(|group| &group.rules).flat_map(|rule| rule.query.selected()) {
            let mut selected = selected.clone();
            selected.reach = selected.reach.saturating_add(offset + LOOKBACK);
            asked.add(&selected);
        }
        for rule in groups.iter().flat_map(|group| &group.rules) {
            for text in rule.labels.iter().map(|(_, text)| text).chain(&rule.summary) {
                text.texts_of_queries().iter().for_each(|text| asked.add_text(text, offset + LOOKBACK));
            }
        }
        let asks_for_alerts = asked.is_for(&ALERTS);
        let mut plan = Plan::default();
        let groups = groups
            .into_iter()
            .map(|group| GroupRun {
                next: start,
                rules: group
                    .rules
                    .iter()
                    .map(|rule| RuleRun::new(plan.add(&rule.query, &mut store.labels), store.axis(), asks_for_alerts))
                    .collect(),
                group,
            })
            .collect();
        Monitor {
            scrapes: store.axis(),
            store,
            plan: Some(plan),
            groups,
            asked,
            start,
            now: start,
            series: Vec::new(),
            forgotten: start,
            step: millis(evaluation_interval),
            hopeless,
        }
    }

    /// Skips nothing and remembers nothing: a twin by which tests know that nothing is lost.
    pub fn plain(mut self) -> Monitor {
        self.plan = None;
        self
    }

    /// Evaluates what is due up to `until`, group by group at each instant.
    fn evaluate_until(&mut self, until: i64) {
        while let Some(next) = self.groups.iter().map(|group| group.next).min().filter(|next| *next <= until) {
            let Monitor { store, plan, groups, asked, step, .. } = self;
            for run in groups.iter_mut().filter(|run| run.next == next) {
                let GroupRun { group, rules, .. } = run;
                let offset = millis(group.query_offset);
                let context = Context { step: *step, ..Context::at(next - offset) };
                for (rule, run) in group.rules.iter_mut().zip(rules) {
                    let plan = plan.as_mut();
                    run.evaluate(rule, Evaluation { store, plan, asked, context, offset, limit: group.limit });
                }
                run.next = next + millis(run.group.interval).max(1);
            }
        }
    }

    /// Tells the series again that others tell of as well: those are not kept as changes.
    fn tell_again(&mut self) {
        for watched in self.series.iter().flatten() {
            if let Some(value) = watched.value {
                match self.plan {
                    Some(_) => self.store.step(watched.id, self.scrapes, value),
                    None => self.store.push(watched.id, self.now, value),
                }
            }
        }
    }

    fn told(&mut self, id: SeriesId, value: Option<f64>) {
        let Some(watched) = &mut self.series[id.index()] else { return };
        if watched.value.is_none() && value.is_none() {
            return;
        }
        watched.value = value;
        let value = value.unwrap_or(f64::from_bits(STALE));
        match self.plan {
            Some(_) => self.store.step(watched.id, self.scrapes, value),
            None => self.store.push(watched.id, self.now, value),
        }
    }

    /// Evaluates what is still due and closes the books of a run that lasted so long.
    pub fn finish(mut self, simulated: SimDuration) -> Alerts {
        self.evaluate_until(self.start + millis(simulated));
        let mut ended = Vec::new();
        for (group, run) in self.groups.iter_mut().enumerate() {
            for (rule, run) in run.rules.iter_mut().enumerate() {
                let over = run.ended.drain(..).map(|(labels, alert, at)| (group, rule, labels, alert, Some(at)));
                ended.extend(over);
                ended.extend(run.active.iter().map(|(labels, alert)| (group, rule, labels, *alert, None)));
            }
        }
        let table = &self.store.labels;
        ended.sort_by(|a, b| {
            (a.3.pending, a.0, a.1).cmp(&(b.3.pending, b.0, b.1)).then_with(|| table.compare(a.2, b.2))
        });
        let mut alerts = Alerts::default();
        let groups: Vec<&CompiledGroup> = self.groups.iter().map(|run| &run.group).collect();
        for run in &self.groups {
            for (compiled, rule) in run.group.rules.iter().zip(&run.rules) {
                if matches!(compiled.kind, RuleKind::Alert { .. }) {
                    let new = || AlertFigures { first_seconds: f64::NAN, ..AlertFigures::default() };
                    let figures = alerts.figures.entry(name_of(compiled).into()).or_insert_with(new);
                    figures.most_at_once = figures.most_at_once.max(rule.most_at_once as u64);
                }
                if rule.failures > 0 {
                    alerts.failures.push(RuleFailure {
                        rule: name_of(compiled).to_owned(),
                        place: format!("group {}, {}", run.group.name, compiled.place),
                        times: rule.failures,
                        evaluations: rule.evaluations,
                        message: rule.message.clone(),
                        alerts: alerts_on(compiled, &groups),
                    });
                }
            }
        }
        for (name, figures) in &mut alerts.figures {
            let of_it = alerts.failures.iter().filter(|failure| failure.alerts.contains(name));
            figures.failed = of_it.map(|failure| failure.times).sum();
            let lacking = self.hopeless.get(&**name);
            figures.cannot_fire_without = lacking.into_iter().flatten().cloned().collect();
        }
        let end = SimTime::ZERO + simulated;
        let mut fired = FxHashSet::default();
        let mut names: FxHashMap<(usize, usize), Arc<str>> = FxHashMap::default();
        for (group, rule, labels, alert, resolved) in ended {
            let run = &mut self.groups[group];
            let name = names.entry((group, rule)).or_insert_with(|| name_of(&run.group.rules[rule]).into());
            let time = |at: i64| SimTime::from_nanos((at - self.start) * 1_000_000);
            let episode = Episode {
                alert: Arc::clone(name),
                labels: text_of(labels, table),
                pending: time(alert.pending),
                firing: alert.firing.map(time),
                resolved: resolved.map(time),
                value: alert.value,
                summary: run.rules[rule].summaries.remove(&(labels, alert.pending)).unwrap_or_default(),
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

/// The alerting rules whose answers hang on a rule: it itself, and those that ask for what it records.
fn alerts_on(rule: &CompiledRule, groups: &[&CompiledGroup]) -> Vec<Arc<str>> {
    let all = || groups.iter().flat_map(|group| &group.rules);
    let mut names = BTreeSet::from([name_of(rule)]);
    let asks = |rule: &CompiledRule, names: &BTreeSet<&str>| {
        let names_it = |selected: &promql::Selected| selected.name.as_deref().is_some_and(|name| names.contains(name));
        rule.query.selected().iter().any(names_it)
    };
    if matches!(rule.kind, RuleKind::Alert { .. }) {
        return vec![name_of(rule).into()];
    }
    loop {
        let known = names.len();
        let recording = all().filter(|rule| matches!(rule.kind, RuleKind::Record(_)));
        let more: Vec<&str> = recording.filter(|rule| asks(rule, &names)).map(name_of).collect();
        names.extend(more);
        if names.len() == known {
            break;
        }
    }
    let alerting = all().filter(|rule| matches!(rule.kind, RuleKind::Alert { .. }) && asks(rule, &names));
    alerting.map(name_of).collect::<BTreeSet<&str>>().into_iter().map(Arc::from).collect()
}

impl Sink for Monitor {
    fn begin(&mut self, at: SimTime) {
        let at = self.start + at.nanos() / 1_000_000;
        self.evaluate_until(at - 1);
        self.now = at;
        self.store.advance(self.scrapes, at);
    }

    fn opened(&mut self, id: SeriesId, series: &Series<'_>) {
        debug_assert_eq!(id.index(), self.series.len());
        let watched = self.asked.reach(series.name, series.labels).map(|reach| {
            let name = std::iter::once((NAME, series.name));
            let labels = self.store.labels.set_of(series.labels.iter().copied().chain(name));
            let id = self.store.series(labels);
            self.store.set_reach(id, reach);
            Watched { id, value: None }
        });
        self.series.push(watched);
    }

    fn set(&mut self, id: SeriesId, value: f64) {
        self.told(id, Some(value));
    }

    fn absent(&mut self, id: SeriesId) {
        self.told(id, None);
    }

    fn end(&mut self) {
        if self.plan.is_none() || self.store.conversions() > 0 {
            self.tell_again();
        }
        self.evaluate_until(self.now);
        if self.now - self.forgotten > SLACK {
            self.store.forget(self.now, SLACK);
            self.forgotten = self.now;
        }
    }
}
