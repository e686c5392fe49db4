//! `fifoPerf`: in order of arrival, each job on the GPU model on which it is fastest among those with room; the first that
//! fits nowhere holds up the others (Gavel's `fifo_perf`).

use super::rounds::{Competition, Rule, gpus};

#[derive(Clone, Debug, Default)]
pub struct FifoPerf;

impl Rule for FifoPerf {
    const STRICT: bool = true;

    fn shares(&mut self, of: &Competition<'_>) -> Vec<Vec<f64>> {
        let mut left = of.capacity.clone();
        let mut shares = vec![vec![0.0; left.len()]; of.jobs.len()];
        for (job, shares) in of.jobs.iter().zip(&mut shares) {
            let fits = (0..left.len()).filter(|kind| of.rate(job, *kind) > 0.0 && gpus(job) <= left[*kind]);
            let best = fits.max_by(|a, b| of.rate(job, *a).total_cmp(&of.rate(job, *b)).then(b.cmp(a)));
            let Some(best) = best else { break };
            left[best] -= gpus(job);
            shares[best] = 1.0;
        }
        shares
    }
}
