//! From what an HPA is shown to its decision, one way for a live cluster's objects (`decide`) and for the simulation:
//! the pods that the target's selector matches, what they request, and what the metrics APIs answer
//! (`metrics/client.go` and the first half of `replica_calculator.go`).

use smallvec::SmallVec;

use super::condition::Conditions;
use super::flags::HpaFlags;
use super::metric_error::MetricError;
use super::requests::{RequestError, request_of};
use super::snapshot::{PodState, Reading, Requests, Sample, SelectorState, Snapshot};
use super::spec::{HpaSpec, MetricIdentifier, MetricSelector, MetricSpec, ObjectReference, ResourceTarget};
use super::sync::{Decision, Memory, sync, wakes};
use super::versions::VersionedBehaviour;
use crate::cluster::{PodSpec, ResourceNames};
use crate::units::SimTime;

/// The scale target and the metrics APIs, at the instant of a sync. Pods are named by their place in the list of those
/// that the target's selector matches in the HPA's namespace, ended and terminating ones included.
pub trait Observed {
    fn pods(&self) -> usize;

    /// How many pods, alike in all that is asked, a place of the list stands for.
    fn count(&self, _pod: usize) -> usize {
        1
    }

    fn state(&self, pod: usize) -> PodState;

    fn spec(&self, pod: usize) -> &PodSpec;

    /// Names of the extended resources in those specs.
    fn names(&self) -> &ResourceNames;

    /// The resource metrics API: usage of the pods, or of their containers of one name. Leaves `found` without a sample
    /// for pods that the API does not know, or not well enough.
    fn resource(&self, resource: &str, container: Option<&str>, found: &mut Samples) -> Result<(), MetricError>;

    /// The custom metrics API, of the pods.
    fn per_pod(&self, metric: &MetricIdentifier, found: &mut Samples) -> Result<(), MetricError>;

    /// The custom metrics API, of another object; `values` gets the one value.
    fn object(
        &self,
        object: &ObjectReference,
        metric: &MetricIdentifier,
        values: &mut Vec<i64>,
    ) -> Result<(), MetricError>;

    /// The external metrics API; `values` gets one value a series.
    fn external(&self, metric: &MetricIdentifier, values: &mut Vec<i64>) -> Result<(), MetricError>;
}

/// The scale subresource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    pub spec_replicas: i32,
    pub status_replicas: i32,
    pub selector: SelectorState,
}

impl Scale {
    /// Whether a sync looks at pods and metrics at all; it does not where scaling is disabled or the count is out of
    /// its bounds.
    pub fn looks_at_metrics(&self, spec: &HpaSpec, flags: &HpaFlags, conditions: &Conditions) -> bool {
        match self.spec_replicas {
            0 => wakes(spec, flags, conditions),
            current => (spec.min_replicas..=spec.max_replicas).contains(&current),
        }
    }
}

/// Samples of one metric, in thousandths.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// One per pod of the list.
    pub of_pods: Vec<Option<Sample>>,
    /// Values of samples whose pod is not in the list.
    pub foreign: Vec<i64>,
}

/// The buffers of a sync, kept between syncs so that one allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    pods: Vec<PodState>,
    counts: Vec<usize>,
    metrics: Vec<Gathered>,
}

#[derive(Clone, Debug, Default)]
struct Gathered {
    samples: Samples,
    values: Vec<i64>,
    /// One per pod, up to the first that can't be told.
    requests: Vec<i64>,
    request_error: Option<RequestError>,
    failure: Option<MetricError>,
}

impl Observer {
    /// Gathers what the HPA is shown and syncs it.
    pub fn sync(
        &mut self,
        now: SimTime,
        scale: &Scale,
        observed: &impl Observed,
        spec: &HpaSpec,
        flags: &HpaFlags,
        memory: &mut Memory,
    ) -> Decision {
        self.pods.clear();
        self.counts.clear();
        let mut readings: SmallVec<[Reading<'_>; 2]> = SmallVec::new();
        if scale.looks_at_metrics(spec, flags, &memory.conditions) && scale.selector == SelectorState::Valid {
            self.pods.extend((0..observed.pods()).map(|pod| observed.state(pod)));
            self.counts.extend((0..observed.pods()).map(|pod| observed.count(pod)));
            if self.metrics.len() < spec.metrics.len() {
                self.metrics.resize_with(spec.metrics.len(), Gathered::default);
            }
            for (gathered, metric) in self.metrics.iter_mut().zip(&spec.metrics) {
                gathered.gather(metric, observed, &flags.versioned);
            }
            readings.extend(self.metrics.iter().zip(&spec.metrics).map(|(gathered, metric)| gathered.reading(metric)));
        }
        let snapshot = Snapshot {
            now,
            spec_replicas: scale.spec_replicas,
            status_replicas: scale.status_replicas,
            selector: scale.selector,
            pods: &self.pods,
            counts: &self.counts,
            readings: &readings,
        };
        sync(&snapshot, spec, flags, memory)
    }
}

impl Gathered {
    fn gather(&mut self, metric: &MetricSpec, observed: &impl Observed, versioned: &VersionedBehaviour) {
        self.samples.of_pods.clear();
        self.samples.foreign.clear();
        self.values.clear();
        self.requests.clear();
        self.request_error = None;
        self.failure = self.ask(metric, observed, versioned).err();
    }

    fn ask(
        &mut self,
        metric: &MetricSpec,
        observed: &impl Observed,
        versioned: &VersionedBehaviour,
    ) -> Result<(), MetricError> {
        if metric.identifier().is_some_and(|metric| metric.selector == MetricSelector::Malformed) {
            return Err(MetricError::InvalidSelector);
        }
        match metric {
            MetricSpec::Resource { resource, target } => {
                observed.resource(resource, None, &mut self.samples)?;
                self.look_up_requests(resource, None, *target, observed, versioned);
            }
            MetricSpec::ContainerResource { resource, container, target } => {
                observed.resource(resource, Some(container), &mut self.samples)?;
                self.look_up_requests(resource, Some(container), *target, observed, versioned);
            }
            MetricSpec::Pods { metric, .. } => observed.per_pod(metric, &mut self.samples)?,
            MetricSpec::Object { metric, described_object, .. } => {
                observed.object(described_object, metric, &mut self.values)?;
            }
            MetricSpec::External { metric, .. } => observed.external(metric, &mut self.values)?,
            MetricSpec::Unknown { .. } => return Err(MetricError::InvalidType),
        }
        Ok(())
    }

    /// Every pod's request; the first pod without one fails them all, as upstream has it, be it one that is ignored.
    fn look_up_requests(
        &mut self,
        resource: &str,
        container: Option<&str>,
        target: ResourceTarget,
        observed: &impl Observed,
        versioned: &VersionedBehaviour,
    ) {
        if !matches!(target, ResourceTarget::Utilization(_)) {
            return;
        }
        let mut before: Option<(&PodSpec, i64)> = None;
        for pod in 0..observed.pods() {
            let spec = observed.spec(pod);
            // Replicas share one spec, and so one request.
            let request = match before {
                Some((other, request)) if std::ptr::eq(other, spec) => Ok(request),
                _ => request_of(spec, observed.names(), resource, container, versioned),
            };
            match request {
                Ok(request) => {
                    self.requests.push(request);
                    before = Some((spec, request));
                }
                Err(error) => {
                    self.request_error = Some(error.of_pod(pod));
                    return;
                }
            }
        }
    }

    fn reading(&self, metric: &MetricSpec) -> Reading<'_> {
        if let Some(error) = self.failure {
            return Reading::Failed(error);
        }
        match metric {
            MetricSpec::Object { .. } | MetricSpec::External { .. } => Reading::Values(&self.values),
            _ => Reading::PerPod {
                samples: &self.samples.of_pods,
                foreign: &self.samples.foreign,
                requests: match self.request_error {
                    Some(error) => Requests::Failed(error),
                    None => Requests::PerPod(&self.requests),
                },
            },
        }
    }
}
