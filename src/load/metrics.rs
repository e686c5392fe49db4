//! Metrics that a service reports to the custom and external metrics APIs, by the names that exporters give them.
//!
//! One table for whoever checks a name and for whoever answers it.

/// What each pod of a service exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodMetric {
    RequestsPerSecond,
    /// Percent of its GPUs.
    GpuDutyCycle,
}

/// What is known of a service as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceMetric {
    RequestsPerSecond,
    QueueLength,
    MeanLatency,
    P95Latency,
}

const POD_METRICS: [(&str, PodMetric); 4] = [
    ("http_requests_per_second", PodMetric::RequestsPerSecond),
    ("requests_per_second", PodMetric::RequestsPerSecond),
    ("DCGM_FI_DEV_GPU_UTIL", PodMetric::GpuDutyCycle),
    ("gpu_duty_cycle", PodMetric::GpuDutyCycle),
];

const SERVICE_METRICS: [(&str, ServiceMetric); 6] = [
    ("http_requests_per_second", ServiceMetric::RequestsPerSecond),
    ("requests_per_second", ServiceMetric::RequestsPerSecond),
    ("queue_length", ServiceMetric::QueueLength),
    ("latency_seconds", ServiceMetric::MeanLatency),
    ("latency_seconds_mean", ServiceMetric::MeanLatency),
    ("latency_seconds_p95", ServiceMetric::P95Latency),
];

impl PodMetric {
    pub const NAMES: [&str; POD_METRICS.len()] = names(&POD_METRICS);

    pub fn named(name: &str) -> Option<PodMetric> {
        named(&POD_METRICS, name)
    }

    /// What it counts, and in which unit.
    pub const fn about(self) -> &'static str {
        match self {
            PodMetric::RequestsPerSecond => "requests that the pod serves a second",
            PodMetric::GpuDutyCycle => "use of the pod's GPUs, percent",
        }
    }
}

impl ServiceMetric {
    pub const NAMES: [&str; SERVICE_METRICS.len()] = names(&SERVICE_METRICS);

    pub fn named(name: &str) -> Option<ServiceMetric> {
        named(&SERVICE_METRICS, name)
    }

    /// What it counts, and in which unit.
    pub const fn about(self) -> &'static str {
        match self {
            ServiceMetric::RequestsPerSecond => "requests that arrive at the service a second",
            ServiceMetric::QueueLength => "requests that wait",
            ServiceMetric::MeanLatency => "mean latency, seconds",
            ServiceMetric::P95Latency => "95th percentile of the latency, seconds",
        }
    }
}

const fn names<T, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = table[index].0;
        index += 1;
    }
    names
}

fn named<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(other, _)| *other == name).map(|(_, metric)| *metric)
}
