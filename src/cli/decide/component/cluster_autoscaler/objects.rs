//! The compact objects of component cases: pods and nodes in plain numbers, with the units in their names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::super::Refusal;
use super::super::super::fields::object;
use crate::autoscaler::cluster_autoscaler::{AllOwnersExist, NodeGroup, NodeRecord, Options, Snapshot, Template};
use crate::cluster::{
    ClusterState, Container, Controller, HostPort, InitContainer, LabelSelector, NodeGroupId, NodeId, NodeShape,
    NodeShapeId, PodId, PodInfo, PodPhase, PodSpec, PodSpecId, Resources, SpreadPolicy, Taint, TaintEffect, Toleration,
    TolerationOperator, TopologySpreadConstraint, WhenUnsatisfiable, label, resource,
};
use crate::units::{Bytes, Millicores, SimDuration, SimTime, not_one_of};

/// The label by which a case's pods are told apart: the name of their group.
pub const NAME_LABEL: &str = "name";
/// Pod slots of a node that states none.
const DEFAULT_PODS: i64 = 100;
/// Any accelerator label will do.
const GPU_LABEL: &str = "cloud.google.com/gke-accelerator";

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CasePod {
    pub name: String,
    pub cpu_milli: Option<i64>,
    pub memory_bytes: Option<i64>,
    pub gpu: Option<i64>,
    pub tolerates: Vec<String>,
    pub node: Option<String>,
    pub daemonset: bool,
    pub mirror: bool,
    pub deletion_timestamp_s: Option<i64>,
    pub termination_grace_s: Option<i64>,
    pub host_port: Option<i32>,
    pub topology_spread: Option<CaseSpread>,
    pub init_containers: Vec<CaseInitContainer>,
    /// In estimates: so many pods of this kind.
    pub count: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseSpread {
    pub max_skew: i32,
    pub topology_key: String,
    #[serde(default)]
    pub min_domains: Option<i32>,
    #[serde(default)]
    pub when_unsatisfiable: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseInitContainer {
    pub cpu_milli: Option<i64>,
    pub memory_bytes: Option<i64>,
    pub restart_always: bool,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseNode {
    pub name: String,
    pub group: Option<String>,
    pub cpu_milli: Option<i64>,
    pub memory_bytes: Option<i64>,
    pub gpu: Option<i64>,
    pub pods: Option<i64>,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<CaseTaint>,
    pub ready: bool,
    pub gpu_label: bool,
    pub scale_down_disabled: bool,
    pub to_be_deleted_taint_age_s: Option<i64>,
}

impl Default for CaseNode {
    fn default() -> CaseNode {
        CaseNode {
            name: String::new(),
            group: None,
            cpu_milli: None,
            memory_bytes: None,
            gpu: None,
            pods: None,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            ready: true,
            gpu_label: false,
            scale_down_disabled: false,
            to_be_deleted_taint_age_s: None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseTaint {
    pub key: String,
    pub value: String,
    pub effect: String,
}

/// Reads a case's input; what is wrong is named by its path.
pub fn read<T: DeserializeOwned>(input: &Value) -> Result<T, Refusal> {
    object(input, "")
}

/// A cluster made of compact objects.
#[derive(Default)]
pub struct CaseCluster {
    pub state: ClusterState,
    pub records: Vec<NodeRecord>,
    pub groups: Vec<NodeGroup>,
    pub nodes: BTreeMap<String, NodeId>,
    pub now: SimTime,
}

impl CaseCluster {
    pub fn at(now: SimTime) -> CaseCluster {
        CaseCluster { now, ..CaseCluster::default() }
    }

    pub fn add_group(&mut self, name: &str, min: i64, max: i64, target: i64) -> NodeGroupId {
        let id = NodeGroupId::new(self.groups.len());
        self.groups.push(NodeGroup {
            id,
            name: name.into(),
            min_size: min,
            max_size: max,
            target_size: target,
            template: None,
            price: None,
            priority: None,
            options: Default::default(),
            unregistered: Vec::new(),
            keeps_min_size: false,
        });
        id
    }

    pub fn group(&self, name: &str) -> Result<NodeGroupId, Refusal> {
        let found = self.groups.iter().find(|group| *group.name == *name);
        found.map(|group| group.id).ok_or_else(|| Refusal::new("node_groups", format!("there is no group {name:?}")))
    }

    pub fn shape(&mut self, node: &CaseNode) -> Result<NodeShapeId, Refusal> {
        let group = node.group.as_deref().map(|name| self.group(name)).transpose()?;
        let mut capacity =
            Resources::new(Millicores(node.cpu_milli.unwrap_or(0)), Bytes(node.memory_bytes.unwrap_or(0)));
        if let Some(gpus) = node.gpu {
            capacity.set_extended(self.state.specs.resources.intern(resource::NVIDIA_GPU), gpus);
        }
        let mut labels = node.labels.clone();
        labels.remove(label::HOSTNAME);
        if node.gpu_label {
            labels.insert(GPU_LABEL.to_owned(), "nvidia-tesla-t4".to_owned());
        }
        let mut annotations = BTreeMap::new();
        if node.scale_down_disabled {
            annotations.insert("cluster-autoscaler.kubernetes.io/scale-down-disabled".to_owned(), "true".to_owned());
        }
        let shape = NodeShape {
            labels,
            annotations,
            taints: node.taints.iter().map(taint).collect::<Result<Vec<_>, _>>()?,
            allocatable: capacity.clone(),
            capacity,
            max_pods: node.pods.unwrap_or(DEFAULT_PODS),
            group,
            ..NodeShape::default()
        };
        Ok(self.state.specs.intern_shape(shape))
    }

    /// Nodes have been ready for an hour.
    pub fn add_node(&mut self, node: &CaseNode) -> Result<NodeId, Refusal> {
        let shape = self.shape(node)?;
        let id = self.state.add_node(node.name.as_str().into(), shape);
        let state = self.state.node_mut(id).expect("the node was just added");
        state.ready = node.ready;
        if let Some(age) = node.to_be_deleted_taint_age_s {
            let set = (self.now - SimDuration::from_secs(age)).nanos().div_euclid(1_000_000_000);
            state.extra_taints.push(Taint {
                key: crate::autoscaler::cluster_autoscaler::TO_BE_DELETED_TAINT.to_owned(),
                value: set.to_string(),
                effect: TaintEffect::NoSchedule,
            });
        }
        let hour_ago = self.now - SimDuration::from_secs(3600);
        self.records.push(NodeRecord { created: hour_ago, ready_transition: hour_ago, instance_gone: false });
        self.nodes.insert(node.name.clone(), id);
        Ok(id)
    }

    pub fn spec(&mut self, pod: &CasePod) -> Result<PodSpecId, Refusal> {
        let spec = self.pod_spec(pod)?;
        Ok(self.state.specs.intern_pod(spec))
    }

    pub fn pod_spec(&mut self, pod: &CasePod) -> Result<PodSpec, Refusal> {
        let mut main = container(pod.cpu_milli, pod.memory_bytes);
        if let Some(gpus) = pod.gpu.filter(|gpus| *gpus != 0) {
            main.requests.set_extended(self.state.specs.resources.intern(resource::NVIDIA_GPU), gpus);
        }
        let port = pod.host_port.map(|port| HostPort { ip: "0.0.0.0".into(), protocol: "TCP".into(), port });
        main.host_ports.extend(port);
        let init_containers = pod.init_containers.iter().map(|init| InitContainer {
            container: container(init.cpu_milli, init.memory_bytes),
            restart_always: init.restart_always,
        });
        let owner = pod.daemonset.then(|| Controller {
            kind: "DaemonSet".into(),
            name: pod.name.clone(),
            uid: format!("DaemonSet/{}", pod.name),
        });
        let mut spec = PodSpec {
            namespace: "default".into(),
            labels: BTreeMap::from([(NAME_LABEL.to_owned(), pod.name.clone())]),
            containers: vec![main],
            init_containers: init_containers.collect(),
            tolerations: pod.tolerates.iter().map(|key| tolerates(key)).collect(),
            termination_grace_period: SimDuration::from_secs(pod.termination_grace_s.unwrap_or(30)),
            controller: owner,
            ..PodSpec::default()
        };
        if pod.mirror {
            spec.annotations.insert("kubernetes.io/config.mirror".into(), "mirror".into());
        }
        if let Some(spread) = &pod.topology_spread {
            spec.topology_spread_constraints.push(constraint(spread, &pod.name)?);
        }
        Ok(spec)
    }

    /// Bound where it names a node.
    pub fn add_pod(&mut self, pod: &CasePod) -> Result<PodId, Refusal> {
        let spec = self.spec(pod)?;
        let mut info = PodInfo::new(pod.name.as_str().into(), spec, self.now - SimDuration::from_secs(3600));
        info.deletion = pod.deletion_timestamp_s.map(SimTime::from_secs);
        let node = match &pod.node {
            None => None,
            Some(name) => {
                Some(*self.nodes.get(name).ok_or_else(|| Refusal::new("pods", format!("there is no node {name:?}")))?)
            }
        };
        info.phase = if node.is_some() { PodPhase::Running } else { PodPhase::Pending };
        let id = self.state.add_pod(info);
        if let Some(node) = node {
            self.state.bind(id, node);
        }
        Ok(id)
    }

    pub fn snapshot<'a>(&'a self, pending: &'a [PodId]) -> Snapshot<'a> {
        Snapshot {
            now: self.now,
            cluster: &self.state,
            nodes: &self.records,
            node_groups: &self.groups,
            pending,
            nominated: &[],
            daemon_sets: &[],
            disruption_budgets: &[],
            owners: &AllOwnersExist,
        }
    }

    pub fn node_name(&self, id: NodeId) -> &str {
        let found = self.nodes.iter().find(|(_, other)| **other == id);
        found.map_or("", |(name, _)| name.as_str())
    }
}

/// An empty node of this shape.
pub fn template(shape: NodeShapeId) -> Template {
    Template { shape, pods: Vec::new(), unschedulable: false, extra_taints: Vec::new() }
}

/// Options of cases, where what is absent is zero, false or empty.
pub fn bare_options() -> Options {
    Options {
        max_nodes_per_scaleup: 0,
        ok_total_unready_count: 0,
        max_total_unready_percentage: 0.0,
        memory_difference_ratio: 0.0,
        max_allocatable_difference_ratio: 0.0,
        max_free_difference_ratio: 0.0,
        ..Options::default()
    }
}

fn container(cpu: Option<i64>, memory: Option<i64>) -> Container {
    Container {
        requests: Resources::new(Millicores(cpu.unwrap_or(0)), Bytes(memory.unwrap_or(0))),
        has_request: (cpu.is_some(), memory.is_some()),
        ..Container::default()
    }
}

fn tolerates(key: &str) -> Toleration {
    Toleration {
        key: key.to_owned(),
        operator: TolerationOperator::Exists,
        value: String::new(),
        effect: None,
        toleration_seconds: None,
    }
}

fn taint(taint: &CaseTaint) -> Result<Taint, Refusal> {
    Taint::read(&taint.key, &taint.value, &taint.effect)
        .map_err(|error| Refusal::new(format!("taints.{}", error.field), error.problem))
}

fn constraint(spread: &CaseSpread, name: &str) -> Result<TopologySpreadConstraint, Refusal> {
    let when_unsatisfiable = match spread.when_unsatisfiable.as_deref() {
        None | Some("DoNotSchedule") => WhenUnsatisfiable::DoNotSchedule,
        Some("ScheduleAnyway") => WhenUnsatisfiable::ScheduleAnyway,
        Some(other) => {
            let problem = not_one_of(other, &["DoNotSchedule", "ScheduleAnyway"]);
            return Err(Refusal::new("topology_spread.when_unsatisfiable", problem));
        }
    };
    Ok(TopologySpreadConstraint {
        max_skew: spread.max_skew,
        topology_key: spread.topology_key.clone(),
        when_unsatisfiable,
        selector: Some(LabelSelector {
            match_labels: BTreeMap::from([(NAME_LABEL.to_owned(), name.to_owned())]),
            ..LabelSelector::default()
        }),
        min_domains: spread.min_domains,
        node_affinity_policy: SpreadPolicy::Honor,
        node_taints_policy: SpreadPolicy::Ignore,
    })
}
