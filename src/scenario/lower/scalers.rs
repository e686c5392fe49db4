//! Cron scalers.

use super::{Lowering, shared};
use crate::scenario::spec::ScenarioSpec;
use crate::scenario::{Scaler, ScalerPolicy};

impl Lowering<'_> {
    pub(super) fn cron_scalers(&mut self, spec: &ScenarioSpec) {
        for (index, cron) in spec.autoscaling.cron.iter().enumerate() {
            let path = format!("autoscaling.cron[{index}]");
            if cron.schedule.rules.is_empty() {
                self.error(&format!("{path}.schedule.rules"), "a schedule needs at least one rule");
            }
            if let Some(target) = self.replicated_target(&cron.target, &path) {
                let name = shared(cron.name.as_deref().unwrap_or(&cron.target.name));
                self.scenario.scalers.push(Scaler { name, target, policy: ScalerPolicy::Cron(cron.schedule.clone()) });
            }
        }
    }
}
