//! Pods that nobody in a run will schedule, said once: those behind scheduling gates and those of other schedulers.

use std::collections::BTreeMap;

use super::{Lowering, PodOrigin};
use crate::scenario::diagnostic::Diagnostic;

impl Lowering<'_> {
    /// One warning a scheduler that is not modelled, and one a set of gates, at the first place that has it.
    pub(super) fn check_held_back(&mut self) {
        let mut by_cause: BTreeMap<(bool, String), Vec<&PodOrigin>> = BTreeMap::new();
        for origin in self.origins.iter().chain(&self.daemon_origins) {
            let pod = self.scenario.specs.pod(origin.spec);
            if let Some(name) = &pod.scheduler_name {
                by_cause.entry((true, name.clone())).or_default().push(origin);
            } else if !pod.scheduling_gates.is_empty() {
                by_cause.entry((false, pod.scheduling_gates.join(", "))).or_default().push(origin);
            }
        }
        let warnings: Vec<Diagnostic> = by_cause
            .into_iter()
            .map(|((is_scheduler, cause), origins)| {
                let more = match origins.len() - 1 {
                    0 => String::new(),
                    more => format!(" and of {more} more"),
                };
                let what = &origins[0].what;
                let (message, hint) = match is_scheduler {
                    true => (
                        format!("the scheduler {cause} is not modelled: pods of {what}{more} that name it stay pending"),
                        "leave schedulerName out to have them scheduled by default-scheduler",
                    ),
                    false => (
                        format!("pods of {what}{more} wait for their scheduling gates ({cause}), which nobody lifts in a run"),
                        "leave schedulingGates out to have them scheduled; no autoscaler acts for a gated pod",
                    ),
                };
                Diagnostic::warning(&origins[0].place, message).hint(hint)
            })
            .collect();
        self.diagnostics.extend(warnings);
    }
}
