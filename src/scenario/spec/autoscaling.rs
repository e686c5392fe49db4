//! The autoscalers' options, each as its room defines them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KedaSpec, TargetRef};
use crate::autoscaler::cron::CronScaler;
use crate::autoscaler::hpa::HpaFlags;
use crate::autoscaler::{cluster_autoscaler, karpenter};

/// Options of the autoscalers; a controller that is left out runs with upstream's defaults where it has work.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AutoscalingSpec {
    /// kube-controller-manager's flags of the HPA.
    pub horizontal_pod_autoscaler: HpaFlags,
    /// The Cluster Autoscaler. Default: upstream's options where the scenario has node groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_autoscaler: Option<cluster_autoscaler::Options>,
    /// Karpenter. Default: upstream's settings where the manifests hold a NodePool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub karpenter: Option<karpenter::Options>,
    /// Replica counts by schedule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cron: Vec<CronSpec>,
    /// Event-driven scaling between zero and many, as KEDA does it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keda: Vec<KedaSpec>,
}

/// A cron-like scaler of one workload.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronSpec {
    /// Default: the target's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub target: TargetRef,
    pub schedule: CronScaler,
}
