//! `price`: what the nodes cost against what their pods are worth, with a penalty for nodes that do not suit the
//! cluster (`expander/price`).

use super::{Candidate, Context, Expander};
use crate::autoscaler::cluster_autoscaler::facts;
use crate::cluster::{PodSpec, Specs};

/// Unfitness of any node with a GPU.
const GPU_UNFITNESS: f64 = 1000.0;
/// Penalty of a group that would have to be created.
const NOT_EXISTING: f64 = 2.0;

/// What pods are worth for one hour.
pub trait PodPrices {
    /// `None` drops every option that holds the pod.
    fn price(&self, pod: &PodSpec, specs: &Specs) -> Option<f64>;

    /// The price of half a core and 500 MiB, which steadies the ratio; upstream goes on with zero where there is none.
    fn stabilization(&self) -> f64;
}

pub struct Price;

impl Expander for Price {
    fn name(&self) -> &'static str {
        "price"
    }

    fn cost(&self, option: &Candidate<'_>, context: &Context<'_>) -> Option<f64> {
        let shape = option.template?;
        let nodes = option.node_price? * option.node_count as f64;
        let mut pods = 0.0;
        for pod in &option.pods {
            pods += context.pod_prices.price(pod, context.specs)?;
        }
        let stabilization = context.pod_prices.stabilization();
        let ratio = (nodes + stabilization) / (pods + stabilization);
        let (preferred, cpu) = (context.preferred_cpu as f64, shape.capacity.cpu.get() as f64);
        let unfitness = (preferred / cpu).max(cpu / preferred);
        let suppressed = if facts::has_gpu(context.specs, shape) {
            GPU_UNFITNESS
        } else {
            (unfitness - 1.0) * (1.0 - ((option.node_count - 1) as f64 / 15.0).tanh()) + 1.0
        };
        let score = suppressed * ratio;
        Some(if option.exists { score } else { score * NOT_EXISTING })
    }
}

/// Cores (in thousandths) of the node that suits a cluster of this many nodes.
pub fn preferred_cores(nodes: usize) -> i64 {
    match nodes {
        0..=2 => 1000,
        3..=6 => 2000,
        7..=20 => 4000,
        21..=60 => 8000,
        61..=200 => 16_000,
        _ => 32_000,
    }
}
