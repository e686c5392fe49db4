//! Options of the controllers: the Cluster Autoscaler and the scheduler.

use super::Lowering;
use crate::scenario::objects::Objects;
use crate::scenario::spec::ScenarioSpec;
use crate::scheduler::Profile;
use crate::units::SimDuration;

impl Lowering<'_> {
    /// The Cluster Autoscaler runs where it is stated or where there is a group for it; with the flags of its own
    /// Deployment where it is not stated and that is among the objects.
    pub(super) fn cluster_autoscaler(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        let path = "autoscaling.clusterAutoscaler";
        let stated = spec.autoscaling.cluster_autoscaler.clone();
        if stated.is_some() && spec.node_groups.is_empty() {
            self.error(path, "the Cluster Autoscaler has no node group to scale").hint =
                Some("add a group under `nodeGroups:`".to_owned());
        }
        let options = stated.or_else(|| (!spec.node_groups.is_empty()).then(|| objects.scaling.options()));
        let options = options.map(|mut options| {
            if options.priorities.is_empty() {
                options.priorities.clone_from(&objects.scaling.priorities);
            }
            options
        });
        if let Some(options) = &options {
            for (field, problem) in options.problems() {
                self.error(&format!("{path}.{field}"), problem);
            }
            if options.scan_interval <= SimDuration::ZERO {
                self.error(&format!("{path}.scanInterval"), "the scan interval must be above 0s");
            }
        }
        self.scenario.cluster_autoscaler = options;
    }

    pub(super) fn scheduler(&mut self, spec: &ScenarioSpec) {
        if let Err(error) = Profile::new(spec.scheduler.clone()) {
            // The text starts with the path of the field.
            let text = error.to_string();
            let (field, problem) = text.split_once(": ").unwrap_or(("", &text));
            self.error(&format!("scheduler.{field}"), problem);
        }
    }
}
