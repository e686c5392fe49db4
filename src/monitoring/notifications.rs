//! How noisy alerts are: what an Alertmanager would have sent, by groups and without what others inhibit.
//!
//! Alertmanager 0.28: a group is looked at `group_wait` after its first alert and every `group_interval` from then on, until
//! all its alerts were told to be over (`dispatch/dispatch.go`). At a look it is told where an alert fires that was not told, where
//! one that was told is over, or where more than `repeat_interval` has passed since it was told (`notify/notify.go`,
//! `needsUpdate`: what was told is stamped a moment after the look, so that an interval of whole looks ends at the next). A
//! receiver that is told of no ends (`send_resolved`) hears nothing where one alert of several is over, nor of the last.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::alerts::Episode;
use crate::scenario::import;
use crate::scenario::{Alertmanager, LabelMatch};
use crate::units::SimTime;

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notifications {
    /// Of these, sent again without a change.
    pub repeated: u64,
    /// In all, those included that say that all is over.
    pub sent: u64,
    /// That say that all of a group is over.
    pub resolved: u64,
    /// Groups that fired.
    pub groups: u64,
    /// Alerts that were never told, for another inhibited them as long as they fired.
    pub inhibited: u64,
}

/// An alert that fired.
struct Fired {
    /// The first of those with these labels: who fires again is the same alert.
    same_as: usize,
    labels: BTreeMap<String, String>,
    from: SimTime,
    /// The end of the run where it still fires.
    until: SimTime,
    is_over: bool,
}

impl Fired {
    fn of(episode: &Episode, end: SimTime) -> Option<Fired> {
        let mut labels = labels_of(&episode.labels);
        labels.insert("alertname".to_owned(), episode.alert.to_string());
        let until = episode.resolved.unwrap_or(end);
        Some(Fired { same_as: 0, labels, from: episode.firing?, until, is_over: episode.resolved.is_some() })
    }

    fn fires_at(&self, at: SimTime) -> bool {
        self.from <= at && (at < self.until || !self.is_over)
    }

    fn label(&self, label: &str) -> &str {
        self.labels.get(label).map_or("", String::as_str)
    }

    fn is_like(&self, matches: &[LabelMatch]) -> bool {
        matches.iter().all(|one| one.holds(self.label(&one.label)))
    }
}

/// What is sent of the alerts of a run that ends at `end`.
pub fn notifications(episodes: &[Episode], alertmanager: &Alertmanager, end: SimTime) -> Notifications {
    let mut fired: Vec<Fired> = episodes.iter().filter_map(|episode| Fired::of(episode, end)).collect();
    let mut first_of: BTreeMap<BTreeMap<String, String>, usize> = BTreeMap::new();
    for (index, alert) in fired.iter_mut().enumerate() {
        alert.same_as = *first_of.entry(alert.labels.clone()).or_insert(index);
    }
    let mut groups: BTreeMap<Vec<(String, String)>, Vec<usize>> = BTreeMap::new();
    for (index, alert) in fired.iter().enumerate() {
        let key = match &alertmanager.group_by {
            None => alert.labels.clone().into_iter().collect(),
            Some(labels) => labels.iter().map(|label| (label.clone(), alert.label(label).to_owned())).collect(),
        };
        groups.entry(key).or_default().push(index);
    }
    let inhibitors = inhibitors(&fired, alertmanager);
    let is_muted = |alert: usize, at: SimTime| inhibitors[alert].iter().any(|source| fired[*source].fires_at(at));
    let mut sum = Notifications { groups: groups.len() as u64, ..Notifications::default() };
    let mut told = BTreeSet::new();
    for alerts in groups.values() {
        send(alerts, &fired, &is_muted, alertmanager, end, &mut sum, &mut told);
    }
    let never = |alert: &usize| !told.contains(alert) && is_muted(*alert, fired[*alert].from);
    sum.inhibited = (0..fired.len()).filter(never).count() as u64;
    sum
}

/// By alert, those that keep it from being told while they fire.
fn inhibitors(fired: &[Fired], alertmanager: &Alertmanager) -> Vec<Vec<usize>> {
    let mut of: Vec<Vec<usize>> = vec![Vec::new(); fired.len()];
    for rule in &alertmanager.inhibit {
        let sources: Vec<usize> = (0..fired.len()).filter(|index| fired[*index].is_like(&rule.source)).collect();
        for (index, target) in fired.iter().enumerate().filter(|(_, alert)| alert.is_like(&rule.target)) {
            // One that is like both is not inhibited by another such.
            let is_both = target.is_like(&rule.source);
            let inhibits = |source: &&usize| {
                let source = &fired[**source];
                !(is_both && source.is_like(&rule.target))
                    && rule.equal.iter().all(|label| source.label(label) == target.label(label))
            };
            of[index].extend(sources.iter().filter(inhibits));
        }
    }
    of
}

/// The notifications of one group.
fn send(
    alerts: &[usize],
    fired: &[Fired],
    is_muted: &dyn Fn(usize, SimTime) -> bool,
    alertmanager: &Alertmanager,
    end: SimTime,
    sum: &mut Notifications,
    all_told: &mut BTreeSet<usize>,
) {
    let mut waiting: Vec<usize> = alerts.to_vec();
    waiting.sort_by_key(|alert| std::cmp::Reverse(fired[*alert].from));
    let mut here: Vec<usize> = Vec::new();
    // What the last notification said, and when it was.
    let mut told: Option<(BTreeSet<usize>, SimTime)> = None;
    while let Some(first) = waiting.last() {
        let mut look = fired[*first].from + alertmanager.group_wait;
        while look <= end {
            while waiting.last().is_some_and(|next| fired[*next].from <= look) {
                here.extend(waiting.pop());
            }
            let fires: Vec<usize> = here.iter().copied().filter(|alert| fired[*alert].fires_at(look)).collect();
            let told_now: Vec<usize> = fires.iter().copied().filter(|alert| !is_muted(*alert, look)).collect();
            let same = |alerts: &[usize]| alerts.iter().map(|alert| fired[*alert].same_as).collect::<BTreeSet<usize>>();
            let (firing, all) = (same(&told_now), same(&fires));
            let (before, since) = told.clone().unwrap_or((BTreeSet::new(), look));
            let is_new = !firing.is_subset(&before);
            // That all is over is noted whether it is told or not.
            let is_less = !before.is_subset(&all) && (alertmanager.sends_resolved || firing.is_empty());
            let is_again = !firing.is_empty() && !is_new && look - since > alertmanager.repeat_interval;
            if is_new || is_less || is_again {
                let is_told = alertmanager.sends_resolved || !firing.is_empty();
                sum.sent += u64::from(is_told);
                sum.resolved += u64::from(is_told && firing.is_empty());
                sum.repeated += u64::from(is_again && !is_less);
                all_told.extend(&told_now);
                told = Some((firing, look));
            }
            here.retain(|alert| fired[*alert].fires_at(look));
            if here.is_empty() {
                break;
            }
            look += alertmanager.group_interval;
        }
        if look > end {
            return;
        }
    }
}

/// Of `pod="web-0",severity="warning"`, as an episode has them.
fn labels_of(text: &str) -> BTreeMap<String, String> {
    import::labels_of(&format!("{{{text}}}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Inhibition;
    use crate::units::SimDuration;

    fn alertmanager() -> Alertmanager {
        Alertmanager {
            group_by: Some(vec!["namespace".to_owned()]),
            group_wait: SimDuration::from_secs(30),
            group_interval: SimDuration::from_mins(5),
            repeat_interval: SimDuration::from_mins(60),
            inhibit: Vec::new(),
            routes: 0,
            sends_resolved: true,
        }
    }

    /// Fires from one second to another.
    fn episode(alert: &str, labels: &str, from: i64, until: Option<i64>) -> Episode {
        Episode {
            alert: alert.into(),
            labels: labels.to_owned(),
            pending: SimTime::from_secs(from),
            firing: Some(SimTime::from_secs(from)),
            resolved: until.map(SimTime::from_secs),
            value: 1.0,
            summary: String::new(),
        }
    }

    fn sent(episodes: &[Episode], alertmanager: &Alertmanager) -> (u64, u64, u64, u64) {
        let told = notifications(episodes, alertmanager, SimTime::from_secs(4 * 3_600));
        (told.sent, told.resolved, told.repeated, told.inhibited)
    }

    #[test]
    fn alerts_of_one_group_come_in_one_notification() {
        let of = |name: &str, until| episode(name, "namespace=\"a\"", 100, Some(until));
        // One at 130 s, one at 430 s that the first is over, one at 730 s that all is.
        assert_eq!(sent(&[of("X", 300), of("Y", 700)], &alertmanager()), (3, 1, 0, 0));
        let other = episode("X", "namespace=\"b\"", 100, Some(300));
        assert_eq!(sent(&[of("X", 300), other], &alertmanager()), (4, 2, 0, 0));
        // Each by itself.
        let each = Alertmanager { group_by: None, ..alertmanager() };
        assert_eq!(sent(&[of("X", 300), of("Y", 700)], &each), (4, 2, 0, 0));
    }

    #[test]
    fn one_that_is_over_before_the_first_look_is_never_told() {
        assert_eq!(sent(&[episode("X", "", 100, Some(120))], &alertmanager()), (0, 0, 0, 0));
    }

    /// It fires for four hours: told at 30 s, and again at the first look after more than an hour.
    #[test]
    fn what_does_not_end_is_told_again() {
        assert_eq!(sent(&[episode("X", "", 0, None)], &alertmanager()), (4, 0, 3, 0));
        // An interval of one look is over at the second: 24 times within four hours.
        let often = Alertmanager { repeat_interval: SimDuration::from_mins(5), ..alertmanager() };
        assert_eq!(sent(&[episode("X", "", 0, None)], &often), (24, 0, 23, 0));
        let seldom = Alertmanager { repeat_interval: SimDuration::from_mins(7), ..alertmanager() };
        assert_eq!(sent(&[episode("X", "", 0, None)], &seldom), (24, 0, 23, 0));
    }

    #[test]
    fn a_receiver_that_is_told_of_no_ends_hears_less() {
        let of = |name: &str, until| episode(name, "namespace=\"a\"", 100, Some(until));
        let quiet = Alertmanager { sends_resolved: false, ..alertmanager() };
        assert_eq!(sent(&[of("X", 300), of("Y", 700)], &quiet), (1, 0, 0, 0));
        // It fires again after its end: that is told anew.
        let again = episode("X", "namespace=\"a\"", 5_000, Some(6_000));
        assert_eq!(sent(&[of("X", 300), again], &quiet), (2, 0, 0, 0));
    }

    #[test]
    fn a_flapping_alert_is_as_noisy_as_the_looks_at_its_group() {
        // A minute on and a minute off for an hour: at each look, five minutes apart, it is either.
        let flaps: Vec<Episode> = (0..30).map(|at| episode("X", "", 120 * at, Some(120 * at + 60))).collect();
        let each: Vec<Episode> = flaps[..1].to_vec();
        assert_eq!(sent(&each, &alertmanager()).0, 2);
        // Told half a minute after it fires; five minutes later it is off, and fires again a minute after that.
        assert_eq!(sent(&flaps, &alertmanager()), (20, 10, 0, 0));
        // Where it is on at the look it is still the alert that was told.
        let on: Vec<Episode> = (0..2).map(|at| episode("X", "", 300 * at, Some(300 * at + 200))).collect();
        assert_eq!(sent(&on, &alertmanager()), (2, 1, 0, 0));
    }

    #[test]
    fn an_inhibited_alert_is_told_only_while_its_source_is_quiet() {
        let rule = |label: &str| crate::scenario::LabelMatch {
            label: "severity".to_owned(),
            value: regex::Regex::new(&format!("^{label}$")).expect("a pattern"),
            is_negated: false,
        };
        let inhibit = Inhibition {
            source: vec![rule("critical")],
            target: vec![rule("warning")],
            equal: vec!["namespace".to_owned()],
        };
        let with = Alertmanager { inhibit: vec![inhibit], group_by: None, ..alertmanager() };
        let critical = |namespace: &str, until| {
            episode("Down", &format!("namespace=\"{namespace}\",severity=\"critical\""), 0, Some(until))
        };
        let warning = episode("Slow", "namespace=\"a\",severity=\"warning\"", 10, Some(2_000));
        assert_eq!(sent(&[critical("a", 3_000), warning.clone()], &with), (2, 1, 0, 1));
        assert_eq!(sent(&[critical("b", 3_000), warning.clone()], &with), (4, 2, 0, 0));
        // Later it is told after all.
        assert_eq!(sent(&[critical("a", 600), warning], &with), (4, 2, 0, 0));
    }

    #[test]
    fn labels_are_read_as_they_are_written() {
        let labels = labels_of("a=\"x,\\\"y\\\"=\\\\\",b=\"\\n\"");
        assert_eq!(
            labels.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "x,\"y\"=\\".to_owned()), ("b".to_owned(), "\n".to_owned())]
        );
    }
}
