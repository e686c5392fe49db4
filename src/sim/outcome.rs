//! What the observer gets to see: samples on the way, and the outcome at the end.

use std::sync::Arc;

use super::event::Event;
use super::ledger::offered_by;
use super::observer::{EngineFigures, Extent, NodeRow, Observer, Outcome, PodRow, ReplicaSample, Sample, WorkloadCost};
use super::world::World;
use crate::cluster::{PodId, QosClass, label};
use crate::scenario::WorkloadKind;
use crate::units::{SimTime, Usd};

const NANOS_PER_HOUR: f64 = 3_600e9;

impl World<'_> {
    /// Shows this instant, and plans the next sample where one is due before the end.
    pub(super) fn sample(&mut self, observer: &mut dyn Observer) {
        self.show(observer);
        let next = self.now + self.scenario.sample_interval;
        // The end has its own sample.
        if next < SimTime::ZERO + self.scenario.duration {
            self.events.push(next, Event::Sample);
        }
    }

    fn show(&mut self, observer: &mut dyn Observer) {
        self.cluster.advance(self.now);
        self.note_counts();
        let (now, gauges) = (self.now, &mut self.gauges);
        let extents = gauges.take(now);
        let group_extents: Vec<Extent> = gauges.groups.iter_mut().map(|gauge| gauge.take(now)).collect();
        let replicas: Vec<ReplicaSample> = self
            .scenario
            .workloads
            .iter()
            .filter(|workload| matches!(workload.kind, WorkloadKind::Replicated { .. }))
            .map(|workload| {
                let run = &self.workloads[workload.id.index()];
                ReplicaSample {
                    workload: Arc::clone(&self.workload_keys[workload.id.index()]),
                    desired: run.desired,
                    current: run.pods.len() as u32,
                    ready: run.ready,
                    extents: gauges.replicas[workload.id.index()].each_mut().map(|gauge| gauge.take(now)),
                }
            })
            .collect();
        let services = self.service_samples();
        let nodes_by_group: Vec<u32> = self.groups.iter().map(|group| group.registered).collect();
        observer.sample(&Sample {
            at: self.now,
            nodes: self.cluster.ledger().nodes,
            nodes_ready: self.cluster.ledger().nodes_ready,
            nodes_upcoming: self.cluster.ledger().nodes_upcoming,
            nodes_by_group: &nodes_by_group,
            pods: self.cluster.ledger().pods,
            training: self.scenario.training.as_ref().map(|_| self.training),
            extents,
            group_extents: &group_extents,
            allocatable: self.cluster.ledger().allocatable(),
            requested: self.cluster.ledger().requested(),
            used: self.cluster.ledger().used(),
            replicas: &replicas,
            services: &services,
            cost_rate: self.cluster.ledger().rate(),
            cost: self.cluster.ledger().cost(self.now),
            integrals: self.cluster.ledger().integrals(),
        });
    }

    /// Closes every bill, shows the last sample and gathers the rows.
    pub(super) fn finish(mut self, observer: &mut dyn Observer) -> Outcome {
        for index in 0..self.pods.len() {
            let pod = PodId::new(index);
            let info = self.cluster.pod(pod);
            if let (Some(node), false) = (info.node, info.is_terminal()) {
                let requested = self.requested(info.spec);
                self.bill_pod(pod, node, requested);
            }
        }
        let open: Vec<u32> = (0..self.instances.len() as u32)
            .filter(|instance| self.instances[*instance as usize].removed.is_none())
            .collect();
        self.show_before_closing(&open, observer);
        let (nodes, idle_cost) = self.node_rows();
        let pods = self.pod_rows();
        let cost: Usd = nodes.iter().map(|node| node.cost).sum();
        Outcome {
            scenario: self.scenario.name.clone(),
            seed: self.seed,
            start_epoch_seconds: self.scenario.start(),
            simulated: self.scenario.duration,
            cost_by_node_group: self.cost_by_node_group(),
            cost_by_workload: self.cost_by_workload(idle_cost),
            training: self.training_rows(),
            training_to_come: self.training_to_come(),
            services: self.service_rows(),
            pods,
            nodes,
            integrals: self.cluster.ledger().integrals(),
            cost,
            idle_cost,
            nodes_min: self.gauges.nodes_min.unwrap_or(0),
            nodes_peak: self.gauges.nodes_peak,
            scale_ups: self.counts.scale_ups,
            scale_downs: self.counts.scale_downs,
            nodes_added: self.counts.nodes_added,
            nodes_removed: self.counts.nodes_removed,
            hpa_changes: self.counts.hpa_changes,
            evicted: self.counts.evicted,
            preempted: self.counts.preempted,
            oom_kills: self.counts.oom_kills,
            restarts: self.counts.restarts,
            interruptions: self.counts.interruptions,
            figures: EngineFigures {
                events: self.counts.events,
                scheduling_attempts: self.counts.scheduling_attempts,
                autoscaler_loops: self.counts.autoscaler_loops,
                autoscaler_loops_skipped: self.counts.autoscaler_loops_skipped,
            },
        }
    }

    /// The last sample has the rates that held up to the end, and the cost of the closed bills.
    fn show_before_closing(&mut self, open: &[u32], observer: &mut dyn Observer) {
        self.cluster.advance(self.now);
        let rate = self.cluster.ledger().rate();
        for instance in open {
            self.close_bill(*instance);
            // Billing ends with the run, not the machine.
            self.instances[*instance as usize].removed = None;
        }
        self.cluster.end_at_rate(rate);
        self.show(observer);
    }

    fn node_rows(&self) -> (Vec<NodeRow>, Usd) {
        let gpu = self.cluster.specs.nvidia_gpu();
        let mut idle = Usd::ZERO;
        let rows = self
            .instances
            .iter()
            .map(|instance| {
                let shape = self.cluster.specs.shape(instance.shape);
                let idle_cost = instance.cost - instance.pods_cost;
                idle += idle_cost;
                NodeRow {
                    name: Arc::clone(&instance.name),
                    group: instance.group.map_or_else(
                        || Arc::from(""),
                        |group| Arc::clone(&self.scenario.node_groups[group as usize].name),
                    ),
                    instance_type: Arc::clone(&instance.instance_type),
                    zone: shape.labels.get(label::ZONE).map_or("", String::as_str).into(),
                    capacity_type: instance.capacity_type,
                    price: instance.price,
                    requested: instance.requested,
                    registered: instance.registered,
                    ready: instance.turned_ready.or(instance.ready),
                    removed: instance.removed,
                    reason: if instance.removed.is_some() { instance.reason } else { "" },
                    allocatable: offered_by(shape, gpu),
                    pods_run: instance.pods_run,
                    cost: instance.cost,
                    idle_cost,
                }
            })
            .collect();
        (rows, idle)
    }

    fn pod_rows(&mut self) -> Vec<PodRow> {
        let mut verdicts = self.verdicts().into_iter().peekable();
        let qos: Vec<&'static str> = self
            .cluster
            .specs
            .pods()
            .map(|spec| match spec.qos_class() {
                QosClass::Guaranteed => "Guaranteed",
                QosClass::Burstable => "Burstable",
                QosClass::BestEffort => "BestEffort",
            })
            .collect();
        self.cluster
            .pods()
            .iter()
            .zip(&self.pods)
            .enumerate()
            .map(|(index, (info, run))| {
                let workload = &self.scenario.workloads[run.workload.index()];
                let requested = self.requested(info.spec);
                PodRow {
                    name: Arc::clone(&info.name),
                    namespace: Arc::clone(&workload.namespace),
                    workload: Arc::clone(self.workload_key(run.workload)),
                    node: info.node.map(|node| self.instance_of[node.index()]),
                    phase: info.phase,
                    deleted: info.deleted,
                    unscheduled: match verdicts.peek() {
                        Some((of, _)) if of.index() == index => verdicts.next().map(|(_, verdict)| verdict),
                        _ => None,
                    },
                    reason: run.reason,
                    qos: qos[info.spec.index()],
                    priority: self.cluster.specs.pod(info.spec).priority,
                    created: info.created,
                    scheduled: run.scheduled,
                    started: run.first_started,
                    ready: run.ready_at,
                    finished: run.finished,
                    restarts: run.restarts,
                    cpu: requested.cpu,
                    memory: requested.memory,
                    gpu: requested.gpu,
                    cost: run.cost,
                }
            })
            .collect()
    }

    fn cost_by_node_group(&self) -> Vec<(Arc<str>, Usd)> {
        let mut costs: Vec<(Arc<str>, Usd)> =
            self.scenario.node_groups.iter().map(|group| (Arc::clone(&group.name), Usd::ZERO)).collect();
        let mut fixed = Usd::ZERO;
        for instance in &self.instances {
            match instance.group {
                Some(group) => costs[group as usize].1 += instance.cost,
                None => fixed += instance.cost,
            }
        }
        if !self.scenario.nodes.is_empty() {
            costs.push(("fixed".into(), fixed));
        }
        costs
    }

    fn cost_by_workload(&self, idle: Usd) -> Vec<WorkloadCost> {
        let hours = |total: i128| total as f64 / NANOS_PER_HOUR;
        let mut costs: Vec<WorkloadCost> = self
            .workload_keys
            .iter()
            .zip(&self.workloads)
            .map(|(key, run)| WorkloadCost {
                workload: Arc::clone(key),
                cost: run.cost,
                cpu_core_hours: hours(run.requested[0]) / 1000.0,
                ram_byte_hours: hours(run.requested[1]),
                gpu_hours: hours(run.requested[2]) / 1000.0,
            })
            .collect();
        costs.push(WorkloadCost {
            workload: crate::cost::Attribution::IDLE.into(),
            cost: idle,
            cpu_core_hours: 0.0,
            ram_byte_hours: 0.0,
            gpu_hours: 0.0,
        });
        costs.sort_by(|a, b| a.workload.cmp(&b.workload));
        costs
    }
}
