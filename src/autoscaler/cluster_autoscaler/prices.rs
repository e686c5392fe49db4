//! What pods are worth to the price expander: upstream asks the cloud provider; these are the prices per resource that
//! upstream's provider for Google Cloud falls back to.

use super::expander::PodPrices;
use super::facts;
use crate::cluster::{PodSpec, Specs};

const CORE_PER_HOUR: f64 = 0.033_174;
const GIB_PER_HOUR: f64 = 0.004_446;
const GPU_PER_HOUR: f64 = 0.700;

/// Prices by requested resources alone.
pub struct ResourcePrices;

impl PodPrices for ResourcePrices {
    fn price(&self, pod: &PodSpec, specs: &Specs) -> Option<f64> {
        Some(of(pod.requests.cpu.get(), pod.requests.memory.get()) + facts::requested_gpus(specs, pod) * GPU_PER_HOUR)
    }

    fn stabilization(&self) -> f64 {
        of(500, 500 << 20)
    }
}

fn of(milli_cores: i64, bytes: i64) -> f64 {
    milli_cores as f64 / 1000.0 * CORE_PER_HOUR + bytes as f64 / (1u64 << 30) as f64 * GIB_PER_HOUR
}
