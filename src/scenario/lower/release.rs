//! Which Kubernetes the scenario's controllers are.

use super::Lowering;
use crate::autoscaler::hpa;
use crate::release::{Change, Release};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::spec::ScenarioSpec;
use crate::scheduler;

/// What changes from version to version of Kubernetes: the table of each controller.
pub const VERSIONED: &[&[Change]] = &[hpa::VersionedBehaviour::CHANGES, scheduler::VersionedBehaviour::CHANGES];

impl Lowering<'_> {
    pub(super) fn release(&mut self, spec: &ScenarioSpec) {
        let version = spec.kubernetes_version.as_ref().map(|version| version.0.as_str());
        let release = match Release::new(version, &spec.feature_gates) {
            Ok(release) => release,
            Err(error) => {
                let diagnostic = self.error(&error.field, error.problem);
                diagnostic.hint = Some(error.hint).filter(|hint| !hint.is_empty());
                return;
            }
        };
        for gate in release.not_modelled(VERSIONED) {
            let place = self.at(&format!("featureGates.{gate}")).clone();
            let message = format!("feature gate {gate} is not modelled: nothing here follows it");
            self.push(Diagnostic::warning(&place, message));
        }
        self.scenario.hpa_flags.versioned = hpa::VersionedBehaviour::of(&release);
        self.scenario.scheduler.versioned = scheduler::VersionedBehaviour::of(&release);
        self.scenario.release = release;
    }

    /// An API server without the gate drops `spec.resources`; here they act.
    pub(super) fn check_pod_level_requests(&mut self) {
        const GATE: &str = "PodLevelResources";
        if self.scenario.release.gate(GATE) || !self.scenario.specs.pods().any(|pod| pod.pod_requests.is_some()) {
            return;
        }
        let place = self.at("kubernetesVersion").clone();
        let message = format!(
            "the feature gate {GATE} is off: a cluster drops the resources of whole pods (`spec.resources`), here the scheduler and the kubelet go by them"
        );
        let hint = format!("set featureGates: {{{GATE}: true}}, or take 1.34 or later");
        self.push(Diagnostic::warning(&place, message).hint(hint));
    }
}
