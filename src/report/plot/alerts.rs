//! When each alert was pending and firing.

use std::collections::BTreeMap;

use super::{Bar, Color, Figure, Key, Look, Panel, Row, Run};
use crate::record::Episode;
use crate::units::{SimTime, spoken};

/// Rules shown; of more, those that fired first.
const SHOWN: usize = 40;

const PENDING: Look = Look { color: Color::ORANGE, hatched: true };
const FIRING: Look = Look { color: Color::VERMILLION, hatched: false };

/// `None` where no alert was ever pending.
pub fn figure(run: &Run<'_>) -> Option<Figure> {
    if run.alerts.is_empty() {
        return None;
    }
    let end = SimTime::ZERO + run.outcome.simulated;
    let spans = spans(run.alerts, end);
    let mut figure = run.figure("Alerts: pending and firing");
    if spans.len() > SHOWN {
        figure.subtitle += &format!(", the {SHOWN} rules of {} that fired first", spans.len());
    }
    // To the end, though nothing may fire there.
    figure.at = vec![0.0, end.as_secs_f64()];
    let key = vec![
        Key { label: "pending: it holds, and not long enough yet".to_owned(), look: PENDING },
        Key { label: "firing, for whichever labels".to_owned(), look: FIRING },
    ];
    let rows = spans.into_iter().take(SHOWN).map(row).collect();
    figure.panels = vec![Panel::of_rows("", rows, key)];
    Some(figure)
}

/// When the alerts of a rule were pending and firing, whatever their labels; seconds from the start.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    pub alert: String,
    /// Stretches that do not overlap, ascending.
    pub pending: Vec<(f64, f64)>,
    pub firing: Vec<(f64, f64)>,
    fired: usize,
    seconds: f64,
}

/// By rule: those that fired first come first, those that never fired last.
pub fn spans(episodes: &[Episode], end: SimTime) -> Vec<Spans> {
    let mut by_rule: BTreeMap<&str, Spans> = BTreeMap::new();
    for episode in episodes {
        let spans = by_rule.entry(&episode.alert).or_default();
        spans.alert = episode.alert.to_string();
        let until = episode.resolved.unwrap_or(end).as_secs_f64();
        let fired = episode.firing.map_or(until, SimTime::as_secs_f64);
        spans.pending.push((episode.pending.as_secs_f64(), fired));
        if episode.firing.is_some() {
            spans.firing.push((fired, until));
            spans.fired += 1;
            spans.seconds += until - fired;
        }
    }
    let mut all: Vec<Spans> = by_rule.into_values().collect();
    for spans in &mut all {
        spans.pending = merged(std::mem::take(&mut spans.pending));
        spans.firing = merged(std::mem::take(&mut spans.firing));
    }
    let first = |stretches: &[(f64, f64)]| stretches.first().map_or(f64::INFINITY, |(from, _)| *from);
    all.sort_by(|a, b| {
        let by_firing = first(&a.firing).total_cmp(&first(&b.firing));
        by_firing.then(first(&a.pending).total_cmp(&first(&b.pending))).then_with(|| a.alert.cmp(&b.alert))
    });
    all
}

fn merged(mut stretches: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    stretches.retain(|(from, to)| to > from);
    stretches.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut found: Vec<(f64, f64)> = Vec::new();
    for (from, to) in stretches {
        match found.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => found.push((from, to)),
        }
    }
    found
}

fn row(spans: Spans) -> Row {
    let bar = |look| move |(from, to): &(f64, f64)| Bar { from: *from, to: *to, look };
    // What fires lies on top of what is pending.
    let bars = spans.pending.iter().map(bar(PENDING)).chain(spans.firing.iter().map(bar(FIRING))).collect();
    let told = match spans.fired {
        0 => "never fired".to_owned(),
        fired => format!("fired {fired} times, {} in all", spoken(spans.seconds)),
    };
    Row { label: spans.alert, bars, told }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(alert: &str, pending: i64, firing: Option<i64>, resolved: Option<i64>) -> Episode {
        let at = SimTime::from_secs;
        let (firing, resolved) = (firing.map(at), resolved.map(at));
        let (labels, summary) = (String::new(), String::new());
        Episode { alert: alert.into(), labels, pending: at(pending), firing, resolved, value: 1.0, summary }
    }

    #[test]
    fn stretches_of_a_rule_are_one_where_they_meet() {
        let episodes = [
            episode("Late", 50, Some(60), None),
            episode("Early", 0, Some(10), Some(30)),
            episode("Early", 5, Some(20), Some(40)),
            episode("Never", 1, None, Some(2)),
        ];
        let spans = spans(&episodes, SimTime::from_secs(100));
        let names: Vec<&str> = spans.iter().map(|spans| &*spans.alert).collect();
        assert_eq!(names, ["Early", "Late", "Never"]);
        assert_eq!((&spans[0].pending[..], &spans[0].firing[..]), (&[(0.0, 20.0)][..], &[(10.0, 40.0)][..]));
        assert_eq!(spans[1].firing, [(60.0, 100.0)]);
    }
}
