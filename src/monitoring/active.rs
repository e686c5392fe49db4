//! The life of an alert: pending, firing, resolved (`rules/alerting.go`, `AlertingRule.Eval`, 3.14).

use std::collections::BTreeMap;

use crate::promql::LabelsId;

/// Alerts of one rule that are pending or firing; times are milliseconds.
#[derive(Debug, Default)]
pub(super) struct Active {
    alerts: BTreeMap<LabelsId, Alert>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Alert {
    pub pending: i64,
    pub firing: Option<i64>,
    pub value: f64,
    /// Since when only `keep_firing_for` has kept it.
    kept: Option<i64>,
}

/// What one evaluation changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// They began to fire.
    pub fired: Vec<(LabelsId, Alert)>,
    /// They are gone, whether they fired or not.
    pub ended: Vec<(LabelsId, Alert)>,
}

impl Active {
    /// `found`: the labels and values that the expression gave at `now`.
    pub fn evaluate(&mut self, found: &[(LabelsId, f64)], now: i64, lasting: i64, keep_firing: i64) -> Changes {
        let mut changes = Changes::default();
        for (labels, value) in found {
            let new = Alert { pending: now, firing: None, value: *value, kept: None };
            let alert = self.alerts.entry(*labels).or_insert(new);
            alert.value = *value;
        }
        let mut there: Vec<LabelsId> = found.iter().map(|(labels, _)| *labels).collect();
        there.sort_unstable();
        self.alerts.retain(|labels, alert| {
            if there.binary_search(labels).is_ok() {
                alert.kept = None;
                if alert.firing.is_none() && now - alert.pending >= lasting {
                    alert.firing = Some(now);
                    changes.fired.push((*labels, *alert));
                }
                return true;
            }
            if alert.firing.is_some() && keep_firing > 0 {
                let since = *alert.kept.get_or_insert(now);
                if now - since < keep_firing {
                    return true;
                }
            }
            changes.ended.push((*labels, *alert));
            false
        });
        changes
    }

    pub fn iter(&self) -> impl Iterator<Item = (LabelsId, &Alert)> {
        self.alerts.iter().map(|(labels, alert)| (*labels, alert))
    }

    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// Evaluating the same again would change nothing.
    pub fn is_settled(&self) -> bool {
        self.alerts.values().all(|alert| alert.firing.is_some() && alert.kept.is_none())
    }

    /// Those that fire.
    pub fn firing(&self) -> usize {
        self.alerts.values().filter(|alert| alert.firing.is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [(LabelsId, f64); 1] = [(LabelsId::NONE, 1.0)];

    #[test]
    fn an_alert_fires_once_it_has_lasted() {
        let mut active = Active::default();
        assert!(active.evaluate(&A, 0, 60, 0).fired.is_empty());
        assert!(active.evaluate(&A, 30, 60, 0).fired.is_empty());
        let fired = active.evaluate(&A, 60, 60, 0).fired;
        assert_eq!((fired[0].1.pending, fired[0].1.firing), (0, Some(60)));
        let ended = active.evaluate(&[], 90, 60, 0).ended;
        assert_eq!(ended.len(), 1);
        assert_eq!(active.firing(), 0);
        // Anew, from pending.
        assert!(active.evaluate(&A, 120, 60, 0).fired.is_empty());
        assert!(active.evaluate(&[], 150, 60, 0).ended[0].1.firing.is_none());
    }

    #[test]
    fn an_alert_is_kept_for_as_long_as_it_says() {
        let mut active = Active::default();
        active.evaluate(&A, 0, 0, 100);
        assert_eq!(active.firing(), 1);
        assert!(active.evaluate(&[], 30, 0, 100).ended.is_empty());
        // It came back, so the time starts anew.
        active.evaluate(&A, 60, 0, 100);
        assert!(active.evaluate(&[], 90, 0, 100).ended.is_empty());
        assert!(active.evaluate(&[], 180, 0, 100).ended.is_empty());
        assert_eq!(active.evaluate(&[], 190, 0, 100).ended.len(), 1);
    }
}
