//! HPAs at work: what a sync is shown, from the arenas, and the scale that follows.

use super::event::Event;
use super::records::{Controller, HpaMetricSample};
use super::state::hpa::{Failures, HpaRun};
use super::state::metrics_server::Scraped;
use super::together::{duty_cycle, thousandths};
use super::world::World;
use crate::autoscaler::hpa::{
    ConditionStatus, ConditionType, Decision, MetricError, MetricIdentifier, ObjectReference, Observed, PodState,
    ReadyCondition, ReadyStatus, Sample, Samples, Scale, SelectorState,
};
use crate::cluster::{Container, PodId, PodSpec, ResourceNames, WorkloadId, resource};
use crate::load::{PodMetric, ServiceMetric};
use crate::scenario::{ExternalMetric, Hpa, Owner, WorkloadKind};
use crate::units::SimTime;

use smallvec::SmallVec;

impl World<'_> {
    /// As upstream's queue has it, an HPA is first synced one period after it was seen.
    pub(super) fn start_hpas(&mut self) {
        self.hpas.resize_with(self.scenario.hpas.len(), HpaRun::default);
        for (run, hpa) in self.hpas.iter_mut().zip(&self.scenario.hpas) {
            run.read.resize(hpa.spec.metrics.len(), HpaMetricSample::default());
            if hpa.scaled_to_zero {
                run.memory.conditions.set(ConditionType::ScaledToZero, ConditionStatus::True, "ScaledToZero");
            }
        }
        self.start_maxima();
        for hpa in 0..self.scenario.hpas.len() {
            self.events.push(SimTime::ZERO + self.scenario.hpa_flags.sync_period, Event::HpaSync { hpa: hpa as u32 });
        }
    }

    pub(super) fn hpa_sync(&mut self, hpa: u32) {
        self.events.push(self.now + self.scenario.hpa_flags.sync_period, Event::HpaSync { hpa });
        let (decision, reasons) = self.hpa_decision(hpa);
        self.apply(&self.scenario.hpas[hpa as usize], &decision, reasons);
    }

    /// One sync, and its reasons where somebody is to be told.
    fn hpa_decision(&mut self, hpa: u32) -> (Decision, Option<String>) {
        let scenario = self.scenario;
        let spec = &scenario.hpas[hpa as usize];
        let mut scale = self.scale_of(spec.target);
        if scale.looks_at_metrics(&spec.spec, &scenario.hpa_flags, &self.hpas[hpa as usize].memory.conditions) {
            self.selections.register(hpa);
            if self.selections.is_ambiguous(hpa, &self.cluster) {
                scale.selector = SelectorState::Ambiguous;
            }
        }
        if let Some(load) = self.together_of_hpa(hpa) {
            self.find_others(load, hpa);
        }
        let mut hpas = std::mem::take(&mut self.hpas);
        let run = &mut hpas[hpa as usize];
        let mut observer = std::mem::take(&mut self.hpa_observer);
        let shown = Shown::of(self, hpa);
        let decision = observer.sync(self.now, &scale, &shown, &spec.spec, &scenario.hpa_flags, &mut run.memory);
        let failures = Failures::of(&decision, scale.selector, run.fails_for_good(&decision, self.now));
        let tells_failures = !failures.is_empty() && failures != run.told;
        let reasons = (decision.rescaled || tells_failures || self.verbose).then(|| {
            let pod_name = |index: usize| self.pod_name(shown.at(index)).to_string();
            decision.reasons(&spec.spec, &pod_name).join("; ")
        });
        let reasons = match failures.reason(&spec.spec).filter(|_| tells_failures) {
            Some(reason) => reasons.map(|reasons| format!("{reason}: {reasons}")),
            None => reasons,
        };
        run.told = failures;
        run.note(&decision);
        self.hpas = hpas;
        self.hpa_observer = observer;
        (decision, reasons)
    }

    /// What the HPAs read since the last call.
    pub(super) fn hpa_metric_samples(&mut self) -> Vec<HpaMetricSample> {
        let take = |sample: &mut HpaMetricSample| {
            let last = sample.last;
            std::mem::replace(sample, HpaMetricSample { last, range: None })
        };
        self.hpas.iter_mut().flat_map(|run| run.read.iter_mut().map(take)).collect()
    }

    fn apply(&mut self, spec: &Hpa, decision: &Decision, reasons: Option<String>) {
        let (from, to) = (decision.current_replicas, decision.desired_replicas);
        if decision.rescaled {
            self.counts.hpa_changes += 1;
            self.scale(spec.target, to.max(0) as u32);
        }
        if let Some(reasons) = reasons {
            let object = self.hpa_object(spec);
            self.decide(Controller::HorizontalPodAutoscaler, object, from.to_string(), to.to_string(), reasons);
        }
    }

    /// A sync with what the controller remembers: what it decides and remembers then.
    #[cfg(test)]
    pub(super) fn sync_with(
        &mut self,
        hpa: u32,
        memory: crate::autoscaler::hpa::Memory,
    ) -> (Decision, crate::autoscaler::hpa::Memory) {
        self.hpas.resize_with(self.scenario.hpas.len(), HpaRun::default);
        self.hpas[hpa as usize].memory = memory;
        let (decision, _) = self.hpa_decision(hpa);
        (decision, std::mem::take(&mut self.hpas[hpa as usize].memory))
    }

    /// The scale subresource. A StatefulSet counts its terminating pods, for it makes no others in their place.
    fn scale_of(&self, target: WorkloadId) -> Scale {
        let run = &self.workloads[target.index()];
        let counts_leaving = matches!(
            &self.scenario.workloads[target.index()].kind,
            WorkloadKind::Replicated { owner: Owner::StatefulSet, .. }
        );
        let pods = run.pods.len() + if counts_leaving { run.leaving.len() } else { 0 };
        Scale { spec_replicas: run.desired as i32, status_replicas: pods as i32, selector: SelectorState::Valid }
    }

    pub(super) fn hpa_pod_state(&self, pod: PodId) -> PodState {
        let info = self.cluster.pod(pod);
        let run = &self.pods[pod.index()];
        let spec = self.cluster.specs.pod(info.spec);
        // A terminating pod serves nobody, but its condition stays true until its containers stop.
        let was_ready = |deletion: SimTime| run.ready_changed == Some(deletion - spec.termination_grace_period);
        let is_ready = info.ready || !info.is_terminal() && info.deletion.is_some_and(was_ready);
        let status = if is_ready { ReadyStatus::True } else { ReadyStatus::False };
        PodState {
            phase: Some(info.phase),
            deleting: info.deletion.is_some(),
            // The kubelet writes the condition when it takes the pod up.
            ready: info
                .started
                .map(|started| ReadyCondition { status, last_transition: run.ready_changed.unwrap_or(started) }),
            start: info.started,
        }
    }

    /// Metrics of a whole service (`named`, or the HPA's own target), in thousandths.
    pub(super) fn service_reading_of(
        &self,
        target: WorkloadId,
        named: Option<&str>,
        metric: ServiceMetric,
    ) -> Option<i64> {
        let load = match named {
            Some(named) => self
                .scenario
                .loads
                .iter()
                .position(|load| *self.scenario.workloads[load.target.index()].name == *named)?,
            None => self.service_of[target.index()]? as usize,
        };
        let reading = self.scrapes.services.get(load)?;
        match metric {
            ServiceMetric::RequestsPerSecond => Some(reading.demand),
            ServiceMetric::QueueLength => Some(reading.queue_length()),
            ServiceMetric::MeanLatency => Some(reading.latency?.mean.nanos() / 1_000_000),
            ServiceMetric::P95Latency => Some(reading.latency?.p95.nanos() / 1_000_000),
        }
    }
}

/// What one HPA is shown of the world: pods that are taken together as one or two, then the others one by one.
struct Shown<'a, 's> {
    world: &'a World<'s>,
    hpa: &'a Hpa,
    parts: SmallVec<[Part; 2]>,
    others: &'a [PodId],
    ended: &'a [PodId],
}

/// Equal pods with equal samples. All were ready before the window of these began, so any of them stands for all.
struct Part {
    any: PodId,
    count: usize,
    cpu: Scraped,
    memory: Scraped,
}

impl<'a, 's> Shown<'a, 's> {
    fn of(world: &'a World<'s>, hpa: u32) -> Shown<'a, 's> {
        let selected = world.selections.of(hpa);
        let (mut parts, mut others) = (SmallVec::new(), &selected.live[..]);
        if let Some(standing) = world.together_of_hpa(hpa).map(|load| &world.services[load].standing)
            && let Some(scraped) = &standing.together.scraped
            && let Some(sample) = &scraped.sample
        {
            let (any, memory) = (standing.pods[0].pod, thousandths(standing.pods[0].memory));
            let taken = |value| Scraped { value, at: scraped.at, window: sample.window };
            for (count, cpu) in [(standing.pods.len() - sample.more, sample.value), (sample.more, sample.value + 1)] {
                if count > 0 {
                    parts.push(Part { any, count, cpu: taken(cpu), memory: taken(memory) });
                }
            }
            others = &standing.together.others;
        }
        Shown { world, hpa: &world.scenario.hpas[hpa as usize], parts, others, ended: &selected.ended }
    }

    /// The pod at a place of the list.
    fn at(&self, place: usize) -> PodId {
        let Some(place) = place.checked_sub(self.parts.len()) else { return self.parts[place].any };
        self.others.get(place).copied().unwrap_or_else(|| self.ended[place - self.others.len()])
    }

    /// Those that are shown one by one.
    fn singles(&self) -> impl Iterator<Item = PodId> + '_ {
        self.others.iter().chain(self.ended).copied()
    }

    fn service_value(&self, metric: &MetricIdentifier, values: &mut Vec<i64>) -> Result<(), MetricError> {
        let named = metric.selector.labels().and_then(|selector| {
            ["service", "workload", "deployment", "app"].iter().find_map(|key| selector.match_labels.get(*key))
        });
        let reported = ServiceMetric::named(&metric.name).ok_or(MetricError::Unavailable)?;
        values.extend(self.world.service_reading_of(self.hpa.target, named.map(String::as_str), reported));
        if values.is_empty() { Err(MetricError::Unavailable) } else { Ok(()) }
    }
}

impl Observed for Shown<'_, '_> {
    fn pods(&self) -> usize {
        self.parts.len() + self.others.len() + self.ended.len()
    }

    fn count(&self, pod: usize) -> usize {
        self.parts.get(pod).map_or(1, |part| part.count)
    }

    fn state(&self, pod: usize) -> PodState {
        self.world.hpa_pod_state(self.at(pod))
    }

    fn spec(&self, pod: usize) -> &PodSpec {
        self.world.cluster.specs.pod(self.world.cluster.pod(self.at(pod)).spec)
    }

    fn names(&self) -> &ResourceNames {
        &self.world.cluster.specs.resources
    }

    /// As upstream's metrics-server, a pod has either all its resources in the API or none.
    fn resource(&self, name: &str, container: Option<&str>, found: &mut Samples) -> Result<(), MetricError> {
        let mut any = !self.parts.is_empty();
        let together = self.parts.iter().map(|part| Some((part.cpu, part.memory)));
        let singles = self.singles().map(|pod| {
            let meter = self.world.meter_of(pod)?;
            Some((meter.cpu?, meter.memory))
        });
        for (index, known) in together.chain(singles).enumerate() {
            any |= known.is_some();
            found.of_pods.push(known.and_then(|(cpu, memory)| {
                let scraped = match name {
                    resource::CPU => cpu,
                    resource::MEMORY => memory,
                    _ => return None,
                };
                let value = match container {
                    None => scraped.value,
                    Some(container) => {
                        let (part, whole) = share_of_container(self.spec(index), name, container)?;
                        (i128::from(scraped.value) * i128::from(part) / i128::from(whole)) as i64
                    }
                };
                Some(Sample { value, timestamp: scraped.at, window: scraped.window })
            }));
        }
        if any { Ok(()) } else { Err(MetricError::Unavailable) }
    }

    /// Custom metrics that a pod of a service exports.
    fn per_pod(&self, metric: &MetricIdentifier, found: &mut Samples) -> Result<(), MetricError> {
        let exported = PodMetric::named(&metric.name).ok_or(MetricError::Unavailable)?;
        let window = self.world.scenario.metrics.resolution;
        // Pods that are taken together serve no requests; their meters say no more of their GPUs than they use.
        found.of_pods.extend(self.parts.iter().map(|part| {
            let run = &self.world.pods[part.any.index()];
            let value = match exported {
                PodMetric::RequestsPerSecond => None,
                PodMetric::GpuDutyCycle => duty_cycle(run.used.gpu, run.requested.gpu),
            };
            Some(Sample { value: value?, timestamp: part.memory.at, window })
        }));
        found.of_pods.extend(self.singles().map(|pod| {
            let meter = self.world.meter_of(pod)?;
            let value = match exported {
                PodMetric::RequestsPerSecond => meter.requests_per_second,
                PodMetric::GpuDutyCycle => meter.gpu_duty_cycle,
            };
            Some(Sample { value: value?, timestamp: meter.memory.at, window })
        }));
        if found.of_pods.iter().all(Option::is_none) { Err(MetricError::Unavailable) } else { Ok(()) }
    }

    fn object(
        &self,
        object: &ObjectReference,
        metric: &MetricIdentifier,
        values: &mut Vec<i64>,
    ) -> Result<(), MetricError> {
        let described = |series: &ExternalMetric| series.object.is_some() && *series.name == *metric.name;
        match self.world.scenario.external_metrics.iter().any(described) {
            true => self.world.object_value(object, metric, values),
            false => self.service_value(metric, values),
        }
    }

    fn external(&self, metric: &MetricIdentifier, values: &mut Vec<i64>) -> Result<(), MetricError> {
        match self.world.scenario.external_metrics.iter().any(|series| *series.name == *metric.name) {
            true => self.world.external_values(metric, values),
            false => self.service_value(metric, values),
        }
    }
}

/// A pod's use is modelled as a whole; a container has its part of it by requests (or an even one, where nobody states
/// any). `None`: there is no such container.
fn share_of_container(pod: &PodSpec, name: &str, container: &str) -> Option<(i64, i64)> {
    let request = |container: &Container| match name {
        resource::CPU => container.requests.cpu.get(),
        _ => container.requests.memory.get(),
    };
    let running = || pod.running();
    let wanted = running().find(|other| other.name == container)?;
    match running().map(request).sum() {
        0 => Some((1, running().count() as i64)),
        whole => Some((request(wanted), whole)),
    }
}
