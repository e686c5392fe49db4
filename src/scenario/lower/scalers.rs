//! Cron and KEDA scalers, and the HPA that KEDA makes for each of its objects.

use super::{Lowering, shared};
use crate::load::ServiceMetric;
use crate::scenario::diagnostic::suggestion;
use crate::scenario::spec::ScenarioSpec;
use crate::scenario::{Hpa, Scaler, ScalerPolicy};

impl Lowering<'_> {
    /// Comes after the HPAs of the manifests, and after the loads.
    pub(super) fn scalers(&mut self, spec: &ScenarioSpec) {
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
        for (index, keda) in spec.autoscaling.keda.iter().enumerate() {
            let path = format!("autoscaling.keda[{index}]");
            if let Err(error) = keda.scaled_object.validate() {
                self.error(&format!("{path}.scaledObject"), error.to_string());
                continue;
            }
            for (at, trigger) in keda.scaled_object.triggers.iter().enumerate() {
                if ServiceMetric::named(&trigger.name).is_none() {
                    let message = format!("no service reports a metric `{}`", trigger.name);
                    let hint = suggestion(&trigger.name, &ServiceMetric::NAMES);
                    self.error(&format!("{path}.scaledObject.triggers[{at}].name"), message).hint = hint;
                }
            }
            let Some(target) = self.replicated_target(&keda.target, &path) else { continue };
            if !self.scenario.loads.iter().any(|load| load.target == target) {
                let message = format!("{} has no load, so its triggers never report anything", keda.target);
                self.error(&format!("{path}.target"), message).hint = Some("add an entry under `load:`".to_owned());
                continue;
            }
            if let Some(other) = self.scenario.hpas.iter().find(|hpa| hpa.target == target) {
                let message = format!("HorizontalPodAutoscaler {} scales {} already", other.name, keda.target);
                self.error(&format!("{path}.target"), message).hint =
                    Some("KEDA makes an HPA of its own; remove the other".to_owned());
                continue;
            }
            let name = shared(keda.name.as_deref().unwrap_or(&keda.target.name));
            let hpa =
                Hpa { name: shared(&format!("keda-hpa-{name}")), target, spec: keda.scaled_object.hpa_spec(None) };
            self.scenario.hpas.push(hpa);
            let policy = ScalerPolicy::Keda(keda.scaled_object.clone());
            self.scenario.scalers.push(Scaler { name, target, policy });
        }
    }
}
