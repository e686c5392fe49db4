//! What a search found, and how sure that is.

use serde::Serialize;

use super::known::Known;
use super::problem::Tried;
use crate::check::Unit;

/// Configurations that are told beside the best.
const MOST_TOLD: usize = 10;

/// The outcome; its serialized form is what `--format json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// In one sentence.
    pub answer: String,
    pub metric: String,
    /// `null` where no configuration that was run holds all conditions.
    pub best: Option<Entrant>,
    pub runner_up: Option<RunnerUp>,
    /// What keeps the best from being better still; `null` where no condition does.
    pub binding: Option<Binding>,
    /// Parameters of which the best has the first or last value: a wider range may hold a better one.
    pub at_ends: Vec<AtEnd>,
    /// Those that hold the conditions, the best first; where none does, the nearest.
    pub ranking: Vec<Entrant>,
    /// Of all that were run: no other is as good in the objective and as far within the tightest condition.
    pub front: Vec<Entrant>,
    pub configurations: usize,
    pub configurations_run: usize,
    /// Configurations that are no valid scenarios, as far as they were tried.
    pub invalid: usize,
    /// Runs made, those over a short horizon included.
    pub runs: usize,
    /// In runs over the whole horizon.
    pub runs_equivalent: f64,
    /// What trying all would take.
    pub runs_of_all: usize,
    /// Everything was tried.
    pub is_exhaustive: bool,
    /// All that were run over the whole horizon, the best first.
    #[serde(skip)]
    pub all: Vec<Entrant>,
}

/// A configuration with what its runs gave: the figures of conditions as means over its seeds, the objective as it
/// would be under all seeds that were used (which is its mean where it ran under all of them).
#[derive(Clone, Debug, Serialize)]
pub struct Entrant {
    pub configuration: usize,
    pub label: String,
    pub seeds: usize,
    pub objective: Option<f64>,
    pub holds: bool,
    /// In the order of the conditions.
    pub figures: Vec<ConditionFigure>,
}

/// The figure of a condition.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionFigure {
    pub condition: String,
    /// `null` where a run could not tell it, which breaks the condition.
    pub mean: Option<f64>,
    pub holds: bool,
    /// Of the seeds that were run, those in which it holds.
    pub holding_seeds: usize,
}

/// The next best, against the best, seed by seed.
#[derive(Clone, Debug, Serialize)]
pub struct RunnerUp {
    pub label: String,
    pub pairs: usize,
    /// Runner-up less best.
    pub difference: f64,
    pub interval: [Option<f64>; 2],
    pub relative: Option<f64>,
    /// The interval does not hold zero.
    pub is_real: bool,
    /// In every seed that both ran under.
    pub is_same: bool,
}

/// A parameter that the best has at an end of its range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AtEnd {
    pub parameter: String,
    pub value: String,
    /// `lowest` or `highest`.
    pub end: &'static str,
}

/// A condition that the best only just holds, or that something better breaks.
#[derive(Clone, Debug, Serialize)]
pub struct Binding {
    pub condition: String,
    /// The figure of the best.
    pub mean: Option<f64>,
    /// What would be best without it, of those that were run.
    pub without: Option<Entrant>,
}

impl Found {
    pub(super) fn of(known: &Known<'_>, is_exhaustive: bool) -> Found {
        let problem = known.problem;
        let ranked = known.ranked();
        let entrants: Vec<Entrant> = ranked.iter().map(|index| entrant(known, *index)).collect();
        let feasible = entrants.iter().filter(|entrant| entrant.holds).count();
        let best = entrants.first().filter(|entrant| entrant.holds).cloned();
        let runner_up = best.as_ref().and_then(|best| runner_up(known, best, &ranked, feasible));
        let binding = best.as_ref().and_then(|best| binding(known, best, &entrants));
        let at_ends = best.as_ref().map_or_else(Vec::new, |best| at_ends(known, best.configuration));
        let mut found = Found {
            answer: String::new(),
            metric: problem.metric.clone(),
            runner_up,
            binding,
            at_ends,
            front: front(known, &entrants),
            ranking: entrants
                .iter()
                .take(if feasible == 0 { MOST_TOLD } else { feasible.min(MOST_TOLD) })
                .cloned()
                .collect(),
            best,
            configurations: problem.labels.len(),
            configurations_run: entrants.len(),
            invalid: known.invalid.len(),
            runs: known.made,
            runs_equivalent: known.spent,
            runs_of_all: problem.labels.len() * problem.seeds.len(),
            is_exhaustive,
            all: entrants,
        };
        found.answer = found.sentence(problem.is_maximized);
        found
    }

    fn sentence(&self, is_maximized: bool) -> String {
        let unit = Unit::of(&self.metric);
        let Some(best) = &self.best else {
            let nearest = self.ranking.first();
            let broken = nearest.and_then(|one| {
                let figure = one.figures.iter().find(|figure| !figure.holds)?;
                let condition = &figure.condition;
                let got = figure.mean.map_or("null".to_owned(), |mean| mean_of(condition, mean));
                Some(format!("; {} comes nearest and breaks {condition} (got {got})", one.label))
            });
            let of = if self.is_exhaustive { "all" } else { "of those that were run, all" };
            return format!(
                "No configuration holds the conditions: {of} {} break one{}.",
                self.configurations_run,
                broken.unwrap_or_default()
            );
        };
        let objective = best.objective.map_or("unknown".to_owned(), |objective| unit.show(objective));
        let seeds = seeds_of(best.seeds);
        let sure = match &self.runner_up {
            None => "nothing else that was run holds the conditions".to_owned(),
            Some(RunnerUp { label, is_same: true, pairs, .. }) => {
                format!("the next, {label}, comes to the same ({})", seeds_of(*pairs))
            }
            Some(RunnerUp { label, relative, interval, is_real, pairs, .. }) => {
                let by = relative.map(|relative| format!("{:+.1} %", 100.0 * relative)).unwrap_or_default();
                match (interval, is_real) {
                    ([None, _] | [_, None], _) => {
                        format!("the next, {label}, is at {by}, which {} can't tell from chance", seeds_of(*pairs))
                    }
                    ([Some(low), Some(high)], _) if low == high => {
                        format!("the next, {label}, is at {by} in every seed")
                    }
                    (_, true) => format!("the next, {label}, is at {by}, a real difference over {}", seeds_of(*pairs)),
                    (_, false) => format!("it can't be told from the next, {label} ({by}, {})", seeds_of(*pairs)),
                }
            }
        };
        let most = if is_maximized { "highest" } else { "lowest" };
        format!(
            "{} has the {most} {} that holds the conditions: {objective} ({seeds}); {sure}.",
            best.label, self.metric
        )
    }
}

/// "1 seed", "10 seeds".
pub fn seeds_of(seeds: usize) -> String {
    format!("{seeds} seed{}", if seeds == 1 { "" } else { "s" })
}

/// Ends of ranges at which the best stands, but for those where the step inwards is known to change nothing.
fn at_ends(known: &Known<'_>, best: usize) -> Vec<AtEnd> {
    let problem = known.problem;
    let own = &problem.places[best];
    let mean = |index: usize| known.objective(index);
    let mut found = Vec::new();
    for (dimension, parameter) in problem.parameters.iter().enumerate() {
        let Some(end) = parameter.end(own[dimension]) else { continue };
        let differs_here_alone =
            |other: &[usize]| (0..own.len()).all(|index| (own[index] == other[index]) == (index != dimension));
        let beside = known.runs.keys().filter(|index| differs_here_alone(&problem.places[**index]));
        let mut beside = beside.filter_map(|index| Some((mean(*index)?, mean(best)?))).peekable();
        let is_of_no_matter = beside.peek().is_some() && beside.all(|(other, best)| other == best);
        if !is_of_no_matter {
            let (parameter, value) = (parameter.name.clone(), parameter.values[own[dimension]].clone());
            found.push(AtEnd { parameter, value, end });
        }
    }
    found
}

fn mean_of(condition: &str, mean: f64) -> String {
    Unit::of(condition).show(mean)
}

fn entrant(known: &Known<'_>, configuration: usize) -> Entrant {
    let problem = known.problem;
    let runs: Vec<&Tried> = known.runs[&configuration].values().collect();
    let count = runs.len() as f64;
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let mean = |value: &dyn Fn(&Tried) -> f64| runs.iter().map(|tried| value(tried)).sum::<f64>() / count;
    let merit = known.merit(configuration);
    let figures = problem.conditions.iter().enumerate().map(|(index, condition)| {
        let mean = mean(&|tried| tried.figures[index]);
        ConditionFigure {
            condition: condition.text.clone(),
            mean: finite(mean),
            holds: condition.holds(mean),
            holding_seeds: runs.iter().filter(|tried| condition.holds(tried.figures[index])).count(),
        }
    });
    Entrant {
        configuration,
        label: problem.labels[configuration].clone(),
        seeds: runs.len(),
        objective: known.objective(configuration).and_then(finite),
        holds: merit.is_some_and(|merit| merit.is_feasible),
        figures: figures.collect(),
    }
}

/// The next that holds the conditions, of those with as many seeds as any beside the best.
fn runner_up(known: &Known<'_>, best: &Entrant, ranked: &[usize], feasible: usize) -> Option<RunnerUp> {
    let problem = known.problem;
    let others = &ranked[1..feasible.max(1)];
    let next = *others.first()?;
    let (judged, pairs) = known.against(best.configuration, next)?;
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    Some(RunnerUp {
        label: problem.labels[next].clone(),
        pairs,
        difference: judged.difference,
        interval: [finite(judged.low), finite(judged.high)],
        relative: finite(judged.difference / judged.baseline_mean.abs()),
        is_real: judged.is_real,
        is_same: judged.is_same,
    })
}

/// The condition without which the most better configuration would be allowed; else, where one is nearly used up, that.
fn binding(known: &Known<'_>, best: &Entrant, entrants: &[Entrant]) -> Option<Binding> {
    /// Slack of a condition that is as good as used up.
    const NEARLY: f64 = 0.1;
    let problem = known.problem;
    let signed = |entrant: &Entrant| entrant.objective.map_or(f64::INFINITY, |objective| problem.signed(objective));
    let only_breaks = |entrant: &&Entrant, index: usize| {
        entrant.figures.iter().enumerate().all(|(other, figure)| figure.holds == (other != index))
    };
    let mut most: Option<(f64, usize, &Entrant)> = None;
    for index in 0..problem.conditions.len() {
        let better = entrants.iter().filter(|entrant| only_breaks(entrant, index) && signed(entrant) < signed(best));
        let Some(without) = better.min_by(|a, b| signed(a).total_cmp(&signed(b))) else { continue };
        if most.is_none_or(|(objective, ..)| signed(without) < objective) {
            most = Some((signed(without), index, without));
        }
    }
    if let Some((_, index, without)) = most {
        let figure = &best.figures[index];
        return Some(Binding {
            condition: figure.condition.clone(),
            mean: figure.mean,
            without: Some(without.clone()),
        });
    }
    let merit = known.merit(best.configuration)?;
    let (index, slack) = merit.slacks.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
    let figure = &best.figures[index];
    (*slack < NEARLY).then(|| Binding { condition: figure.condition.clone(), mean: figure.mean, without: None })
}

/// Objective against the slack of the tightest condition.
fn front(known: &Known<'_>, entrants: &[Entrant]) -> Vec<Entrant> {
    let tightness = |entrant: &Entrant| {
        let merit = known.merit(entrant.configuration)?;
        let slack = merit.slacks.iter().copied().fold(f64::INFINITY, f64::min);
        merit.objective.is_finite().then_some((merit.objective, slack))
    };
    let points: Vec<Option<(f64, f64)>> = entrants.iter().map(tightness).collect();
    let is_beaten = |own: (f64, f64)| {
        points
            .iter()
            .flatten()
            .any(|other| other.0 <= own.0 && other.1 >= own.1 && (other.0 < own.0 || other.1 > own.1))
    };
    let mut front: Vec<(f64, Entrant)> = entrants
        .iter()
        .zip(&points)
        .filter_map(|(entrant, point)| point.filter(|point| !is_beaten(*point)).map(|point| (point.0, entrant.clone())))
        .collect();
    front.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.configuration.cmp(&b.1.configuration)));
    front.dedup_by(|a, b| a.0 == b.0 && a.1.figures.iter().zip(&b.1.figures).all(|(a, b)| a.mean == b.mean));
    front.into_iter().map(|(_, entrant)| entrant).collect()
}
