//! What the applications themselves would export of the requests that they serve.

use super::series::Teller;
use super::table::Metric;
use crate::sim::Exposed;

/// Bounds of the latency histogram, seconds, with their text.
const BOUNDS: [(f64, &str); 12] = [
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1.0"),
    (2.5, "2.5"),
    (5.0, "5.0"),
    (10.0, "10.0"),
    (60.0, "60.0"),
];

/// Loads of plain CPU work have no requests.
pub(super) fn tell(tell: &mut Teller<'_, '_>, exposed: &Exposed<'_>) {
    for service in exposed.services().filter(|service| service.of_requests) {
        let (namespace, name) = (&*service.workload.namespace, &*service.workload.name);
        let base = [("job", name), ("namespace", namespace), ("service", name)];
        let with = |label, value| -> [(&str, &str); 4] { [base[0], base[1], base[2], (label, value)] };
        tell.put(Metric::HttpRequests, service.served, || with("code", "200"));
        tell.put(Metric::HttpRequests, service.dropped, || with("code", "503"));
        tell.put(Metric::HttpWaiting, service.waiting, || base);
        let Some(latencies) = service.latencies else { continue };
        let (counts, all, sum) = latencies.cumulative(&BOUNDS.map(|(bound, _)| bound));
        for ((_, bound), count) in BOUNDS.iter().zip(counts) {
            tell.put_as(Metric::HttpDuration, "http_request_duration_seconds_bucket", count, || with("le", bound));
        }
        tell.put_as(Metric::HttpDuration, "http_request_duration_seconds_bucket", all, || with("le", "+Inf"));
        tell.put_as(Metric::HttpDuration, "http_request_duration_seconds_sum", sum, || base);
        tell.put_as(Metric::HttpDuration, "http_request_duration_seconds_count", all, || base);
    }
}
