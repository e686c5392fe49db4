//! What the observer gets to see: samples on the way, and the outcome at the end.

use std::sync::Arc;

use super::entities::Instance;
use super::event::Event;
use super::explanation::Explanation;
use super::ledger::offered_by;
use super::observer::Observer;
use super::records::{EngineFigures, Extent, NodeRow, Outcome, PodRow, ReplicaSample, Sample, WorkloadCost};
use super::world::World;
use crate::cluster::{PodId, QosClass, label};
use crate::cost::{COMMITMENTS, CapacityType, IDLE};
use crate::scenario::{FIXED, NodeGroup, WorkloadKind};
use crate::units::{SimTime, Usd, UsdPerHour};

const NANOS_PER_HOUR: f64 = 3_600e9;

/// So many pods' books; giving memory back costs a call of the system.
const GIVEN_BACK_AT_ONCE: usize = 1 << 16;

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
        if !observer.wants_samples() {
            // Whether anybody looks makes no difference to what happens.
            (0..self.services.len()).for_each(|load| self.settle_service(load));
            self.bills.adjustment(now);
            return;
        }
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
        let hpa_metrics = self.hpa_metric_samples();
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
            hpa_metrics: &hpa_metrics,
            cost_rate: self.cluster.ledger().rate(),
            cost: self.cluster.ledger().cost(self.now) + self.bills.adjustment(self.now),
            integrals: self.cluster.ledger().integrals(),
        });
    }

    /// Closes every bill, shows the last sample and gathers the rows.
    pub(super) fn finish(mut self, observer: &mut dyn Observer) -> Outcome {
        self.make_up_all_books();
        for index in 0..self.pods.len() {
            let pod = PodId::new(index);
            if !self.cluster.pod(pod).is_terminal() {
                self.settle_pod(pod);
            }
        }
        self.show_before_closing(observer);
        let adjustment = self.bills.adjustment(self.now);
        let (waits, wait_reasons) = self.wait_rows();
        let at_max_replicas = self.times_at_maximum();
        let explanation = Explanation { idle: self.idle_rows(), waits, wait_reasons, at_max_replicas };
        let nodes = self.node_rows();
        let (training, services) = (self.training_rows(), self.service_rows());
        let pods = self.pod_rows();
        let reserved_unused: Usd = (0..self.groups.len()).map(|group| self.bills.unused(group)).sum();
        let idle_cost = nodes.iter().map(|node| node.idle_cost).sum::<Usd>() + reserved_unused;
        let cost = nodes.iter().map(|node| node.cost).sum::<Usd>() + reserved_unused + adjustment;
        Outcome {
            scenario: self.scenario.name.clone(),
            seed: self.seed,
            start_epoch_seconds: self.scenario.start(),
            simulated: self.scenario.duration,
            cost_by_node_group: self.cost_by_node_group(adjustment),
            cost_by_workload: self.cost_by_workload(&nodes, adjustment),
            cost_by_capacity_type: self.cost_by_capacity_type(),
            explanation,
            reserved_unused,
            commitments: self.bills.commitments(),
            training,
            training_to_come: self.training_to_come(),
            services,
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
            stopped: None,
            figures: EngineFigures {
                events: self.counts.events,
                events_by_kind: self.counts.by_kind,
                scheduling_attempts: self.counts.scheduling_attempts,
                autoscaler_loops: self.counts.autoscaler_loops,
                autoscaler_loops_skipped: self.counts.autoscaler_loops_skipped,
            },
        }
    }

    /// The last sample has the rates that held up to the end, and the cost of the closed bills.
    fn show_before_closing(&mut self, observer: &mut dyn Observer) {
        self.cluster.advance(self.now);
        let rate = self.cluster.ledger().rate();
        self.end_bills();
        self.cluster.end_at_rate(rate);
        self.show(observer);
    }

    fn node_rows(&self) -> Vec<NodeRow> {
        let gpu = self.cluster.specs.nvidia_gpu();
        let row = |instance: &Instance| {
            let shape = self.cluster.specs.shape(instance.shape);
            let group = instance.group.map(|group| Arc::clone(&self.scenario.node_groups[group as usize].name));
            let idle_costs = std::array::from_fn(|index| instance.costs[index] - instance.pods_costs[index]);
            NodeRow {
                name: Arc::clone(&instance.name),
                group: group.unwrap_or_else(|| Arc::from("")),
                instance_type: Arc::clone(&instance.instance_type),
                zone: shape.labels.get(label::ZONE).map_or("", String::as_str).into(),
                capacity_type: instance.capacity_type,
                price: instance.price,
                requested: instance.requested,
                registered: instance.registered,
                ready: instance.turned_ready.or(instance.ready),
                deleted: instance.deleted,
                removed: instance.removed,
                reason: if instance.removed.or(instance.stopped).is_some() { instance.reason } else { "" },
                allocatable: offered_by(shape, gpu),
                pods_run: instance.pods_run,
                cost: instance.cost,
                idle_costs,
                idle_cost: idle_costs.into_iter().sum(),
            }
        };
        self.instances.iter().map(row).collect()
    }

    /// Takes the pods' books: they are given back to the system as rows come in their place, the last first.
    fn pod_rows(&mut self) -> Vec<PodRow> {
        let mut verdicts = self.verdicts().into_iter().rev().peekable();
        let mut books = std::mem::take(&mut self.pods);
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
        let mut rows = Vec::with_capacity(books.len());
        while let Some(run) = books.pop() {
            let index = books.len();
            if index.is_multiple_of(GIVEN_BACK_AT_ONCE) {
                books.shrink_to_fit();
            }
            let info = self.cluster.pod(PodId::new(index));
            let workload = &self.scenario.workloads[run.workload.index()];
            let requested = self.requested(info.spec);
            rows.push(PodRow {
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
                costs: run.costs,
                cost: run.costs.into_iter().sum(),
            });
        }
        rows.reverse();
        rows
    }

    fn cost_by_node_group(&self, adjustment: Usd) -> Vec<(Arc<str>, Usd)> {
        let groups = self.scenario.node_groups.iter().enumerate();
        let mut costs: Vec<(Arc<str>, Usd)> =
            groups.map(|(index, group)| (Arc::clone(&group.name), self.bills.unused(index))).collect();
        let mut fixed = Usd::ZERO;
        for instance in &self.instances {
            match instance.group {
                Some(group) => costs[group as usize].1 += instance.cost,
                None => fixed += instance.cost,
            }
        }
        if !self.scenario.nodes.is_empty() {
            costs.push((FIXED.into(), fixed));
        }
        if !self.scenario.commitments.is_empty() {
            costs.push((COMMITMENTS.into(), adjustment));
        }
        costs
    }

    /// On demand is what commitments did not cover.
    fn cost_by_capacity_type(&self) -> Vec<(&'static str, Usd)> {
        let commitments = self.bills.commitments();
        let covered: Usd = commitments.iter().map(|row| row.covered).sum();
        let mut costs = vec![
            (CapacityType::OnDemand.name(), self.bills.on_demand - covered),
            (CapacityType::Reserved.name(), self.bills.reserved()),
            (CapacityType::Spot.name(), self.bills.spot),
        ];
        if !commitments.is_empty() {
            costs.push(("commitment", commitments.iter().map(|row| row.paid).sum()));
        }
        costs
    }

    fn cost_by_workload(&self, nodes: &[NodeRow], adjustment: Usd) -> Vec<WorkloadCost> {
        let hours = |total: i128| total as f64 / NANOS_PER_HOUR;
        let mut costs: Vec<WorkloadCost> = self
            .workload_keys
            .iter()
            .zip(&self.workloads)
            .map(|(key, run)| WorkloadCost {
                workload: Arc::clone(key),
                cost: run.costs.into_iter().sum(),
                costs: run.costs,
                cpu_core_hours: hours(run.held[0]) / 1000.0,
                ram_byte_hours: hours(run.held[1]),
                gpu_hours: hours(run.held[2]) / 1000.0,
            })
            .collect();
        let mut idle = [Usd::ZERO; 3];
        for (sum, part) in nodes.iter().flat_map(|node| node.idle_costs).enumerate() {
            idle[sum % 3] += part;
        }
        for group in &self.scenario.node_groups {
            for (sum, part) in idle.iter_mut().zip(self.unused_parts(group)) {
                *sum += part;
            }
        }
        let workload = IDLE.into();
        costs.push(WorkloadCost { workload, cost: idle.into_iter().sum(), costs: idle, ..WorkloadCost::default() });
        if !self.scenario.commitments.is_empty() {
            costs.push(WorkloadCost { workload: COMMITMENTS.into(), cost: adjustment, ..WorkloadCost::default() });
        }
        costs.sort_by(|a, b| a.workload.cmp(&b.workload));
        costs
    }

    /// Unused reserved capacity, split as its machines' price is.
    fn unused_parts(&self, group: &NodeGroup) -> [Usd; 3] {
        let unused = self.bills.unused(group.id.index());
        let Some(shape) = group.shapes.first().filter(|_| unused > Usd::ZERO) else {
            return [unused, Usd::ZERO, Usd::ZERO];
        };
        let price = UsdPerHour::from_nanos(unused.nanos());
        let parts = self.scenario.attribution_prices.split(price, &self.node_capacity(*shape));
        parts.map(|part| Usd::from_nanos(part.nanos()))
    }
}
