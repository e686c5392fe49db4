//! HPAs at work: the snapshot of a sync from the arenas, and the scale that follows.

use super::event::Event;
use super::observer::Controller;
use super::world::World;
use crate::autoscaler::hpa::{
    self, ContainerRequest, Memory, MetricError, MetricSpec, PodRequests, PodState, Reading, ReadyCondition,
    ReadyStatus, Requests, Sample, SelectorState, Snapshot,
};
use crate::cluster::{PodId, PodSpec, WorkloadId, resource};
use crate::load::{PodMetric, ServiceMetric};
use crate::scenario::Hpa;
use crate::units::SimTime;

/// The buffers of one sync, kept so that a sync allocates nothing.
#[derive(Debug, Default)]
pub(super) struct HpaBuffers {
    pods: Vec<PodState>,
    /// One a metric.
    samples: Vec<Vec<Option<Sample>>>,
    values: Vec<Vec<i64>>,
}

impl World<'_> {
    /// As upstream's queue has it, an HPA is first synced one period after it was seen.
    pub(super) fn start_hpas(&mut self) {
        self.hpas = vec![Memory::default(); self.scenario.hpas.len()];
        for hpa in 0..self.scenario.hpas.len() {
            self.events.push(SimTime::ZERO + self.scenario.hpa_flags.sync_period, Event::HpaSync { hpa: hpa as u32 });
        }
    }

    pub(super) fn hpa_sync(&mut self, hpa: u32) {
        self.events.push(self.now + self.scenario.hpa_flags.sync_period, Event::HpaSync { hpa });
        let scenario = self.scenario;
        let spec = &scenario.hpas[hpa as usize];
        let mut memory = std::mem::take(&mut self.hpas[hpa as usize]);
        let mut buffers = std::mem::take(&mut self.hpa_buffers);
        let (decision, reasons) = self.sync(spec, &mut memory, &mut buffers);
        self.hpas[hpa as usize] = memory;
        self.hpa_buffers = buffers;
        let (from, to) = (decision.current_replicas, decision.desired_replicas);
        if decision.rescaled {
            self.counts.hpa_changes += 1;
            self.scale(spec.target, to.max(0) as u32);
        }
        if let Some(reasons) = reasons {
            self.decide(
                Controller::HorizontalPodAutoscaler,
                self.hpa_object(spec),
                from.to_string(),
                to.to_string(),
                reasons,
            );
        }
    }

    fn sync(&self, spec: &Hpa, memory: &mut Memory, buffers: &mut HpaBuffers) -> (hpa::Decision, Option<String>) {
        let run = &self.workloads[spec.target.index()];
        buffers.pods.clear();
        buffers.pods.extend(run.pods.iter().map(|pod| self.hpa_pod_state(*pod)));
        let metrics = &spec.spec.metrics;
        buffers.samples.resize_with(metrics.len().max(buffers.samples.len()), Vec::new);
        buffers.values.resize_with(metrics.len().max(buffers.values.len()), Vec::new);
        for (index, metric) in metrics.iter().enumerate() {
            self.read_metric(metric, spec.target, &mut buffers.samples[index], &mut buffers.values[index]);
        }
        let pod_spec = run.pods.first().map(|pod| self.cluster.specs.pod(self.cluster.pod(*pod).spec));
        let readings: smallvec::SmallVec<[Reading<'_>; 2]> = metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| match metric {
                MetricSpec::Object { .. } | MetricSpec::External { .. } if buffers.values[index].is_empty() => {
                    Reading::Failed(MetricError::Unavailable)
                }
                MetricSpec::Object { .. } | MetricSpec::External { .. } => Reading::Values(&buffers.values[index]),
                _ if buffers.samples[index].iter().all(Option::is_none) => Reading::Failed(MetricError::Unavailable),
                _ => Reading::PerPod {
                    samples: &buffers.samples[index],
                    foreign: &[],
                    requests: pod_spec.map_or(Requests::Each(0), |pod| requests_of(metric, pod)),
                },
            })
            .collect();
        let snapshot = Snapshot {
            now: self.now,
            spec_replicas: run.desired as i32,
            status_replicas: run.pods.len() as i32,
            selector: SelectorState::Valid,
            pods: &buffers.pods,
            readings: &readings,
        };
        let decision = hpa::sync(&snapshot, &spec.spec, &self.scenario.hpa_flags, memory);
        let reasons = (decision.rescaled || self.verbose)
            .then(|| decision.reasons(&spec.spec, &|index| self.pod_name(run.pods[index]).to_string()).join("; "));
        (decision, reasons)
    }

    fn hpa_pod_state(&self, pod: PodId) -> PodState {
        let info = self.cluster.pod(pod);
        let status = if info.ready { ReadyStatus::True } else { ReadyStatus::False };
        PodState {
            phase: info.phase,
            deleting: info.deletion.is_some(),
            // The kubelet writes the condition when it takes the pod up.
            ready: info.started.map(|started| ReadyCondition {
                status,
                last_transition: self.pods[pod.index()].ready_changed.unwrap_or(started),
            }),
            start: info.started,
        }
    }

    /// What the metrics APIs say of one metric: samples per pod, or values.
    fn read_metric(
        &self,
        metric: &MetricSpec,
        target: WorkloadId,
        samples: &mut Vec<Option<Sample>>,
        values: &mut Vec<i64>,
    ) {
        samples.clear();
        values.clear();
        let run = &self.workloads[target.index()];
        match metric {
            MetricSpec::Resource { resource, .. } => {
                samples.extend(run.pods.iter().map(|pod| self.resource_sample(*pod, resource)));
            }
            MetricSpec::ContainerResource { resource, container, .. } => {
                samples.extend(run.pods.iter().map(|pod| {
                    let spec = self.cluster.specs.pod(self.cluster.pod(*pod).spec);
                    let (part, whole) = share_of_container(spec, resource, container)?;
                    let sample = self.resource_sample(*pod, resource)?;
                    let value = i128::from(sample.value) * i128::from(part) / i128::from(whole);
                    Some(Sample { value: value as i64, ..sample })
                }));
            }
            MetricSpec::Pods { metric, .. } => {
                samples.extend(run.pods.iter().map(|pod| self.custom_sample(*pod, &metric.name)));
            }
            MetricSpec::Object { metric, .. } | MetricSpec::External { metric, .. } => {
                let named = metric.selector.labels().and_then(|selector| {
                    ["service", "workload", "deployment", "app"].iter().find_map(|key| selector.match_labels.get(*key))
                });
                values.extend(self.service_metric(target, named.map(String::as_str), &metric.name));
            }
            MetricSpec::Unknown { .. } => {}
        }
    }

    fn resource_sample(&self, pod: PodId, name: &str) -> Option<Sample> {
        let meter = self.scrapes.pods.get(&pod)?;
        let scraped = match name {
            resource::CPU => meter.cpu?,
            // As upstream, a pod has either all its resources in the API or none.
            resource::MEMORY => meter.cpu.map(|_| meter.memory)?,
            _ => return None,
        };
        Some(Sample { value: scraped.value, timestamp: scraped.at, window: scraped.window })
    }

    /// Custom metrics that a pod of a service exports.
    fn custom_sample(&self, pod: PodId, name: &str) -> Option<Sample> {
        let meter = self.scrapes.pods.get(&pod)?;
        let value = match PodMetric::named(name)? {
            PodMetric::RequestsPerSecond => meter.requests_per_second,
            PodMetric::GpuDutyCycle => meter.gpu_duty_cycle,
        };
        Some(Sample { value, timestamp: meter.memory.at, window: self.scenario.metrics.resolution })
    }

    /// Metrics of a whole service (`named`, or the HPA's own target), in thousandths.
    pub(super) fn service_metric(&self, target: WorkloadId, named: Option<&str>, name: &str) -> Option<i64> {
        let load = match named {
            Some(named) => self
                .scenario
                .loads
                .iter()
                .position(|load| *self.scenario.workloads[load.target.index()].name == *named)?,
            None => self.service_of[target.index()]? as usize,
        };
        let reading = self.scrapes.services.get(load)?;
        match ServiceMetric::named(name)? {
            ServiceMetric::RequestsPerSecond => Some(reading.demand),
            ServiceMetric::QueueLength => Some(reading.queue_length()),
            ServiceMetric::MeanLatency => Some(reading.latency?.mean.nanos() / 1_000_000),
            ServiceMetric::P95Latency => Some(reading.latency?.p95.nanos() / 1_000_000),
        }
    }
}

/// A pod's use is modelled as a whole; a container has its part of it by requests (or an even one, where nobody states
/// any). `None`: there is no such container.
fn share_of_container(pod: &PodSpec, name: &str, container: &str) -> Option<(i64, i64)> {
    let request = |container: &crate::cluster::Container| match name {
        resource::CPU => container.requests.cpu.get(),
        _ => container.requests.memory.get(),
    };
    let wanted = pod.containers.iter().find(|other| other.name == container)?;
    match pod.containers.iter().map(request).sum() {
        0 => Some((1, pod.containers.len() as i64)),
        whole => Some((request(wanted), whole)),
    }
}

/// What each pod of the workload requests of the metric's resource: they share one spec.
fn requests_of(metric: &MetricSpec, pod: &PodSpec) -> Requests<'static> {
    let (name, container) = match metric {
        MetricSpec::Resource { resource, .. } => (resource.as_str(), None),
        MetricSpec::ContainerResource { resource, container, .. } => (resource.as_str(), Some(container.as_str())),
        _ => return Requests::Each(0),
    };
    let request = |container: &crate::cluster::Container| match name {
        resource::CPU => container.has_request.0.then(|| container.requests.cpu.get()),
        resource::MEMORY => container.has_request.1.then(|| container.requests.memory.get().saturating_mul(1000)),
        _ => None,
    };
    fn listed<'a>(
        containers: impl Iterator<Item = &'a crate::cluster::Container>,
        request: impl Fn(&crate::cluster::Container) -> Option<i64>,
    ) -> Vec<ContainerRequest<'a>> {
        containers.map(|c| ContainerRequest { name: &c.name, request: request(c) }).collect()
    }
    let containers = listed(pod.containers.iter(), request);
    let sidecars = listed(pod.sidecars(), request);
    let pod_level = pod.pod_requests.as_ref().map(|level| match name {
        resource::CPU => level.cpu.map(|cpu| cpu.get()),
        resource::MEMORY => level.memory.map(|memory| memory.get().saturating_mul(1000)),
        _ => None,
    });
    let requests = PodRequests { containers: &containers, sidecars: &sidecars, pod_level };
    match hpa::pod_request(&requests, container) {
        Ok(request) => Requests::Each(request),
        Err(error) => Requests::Failed(error),
    }
}
