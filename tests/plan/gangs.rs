//! The training jobs of a drawn scenario.

use std::sync::Arc;

use windtunnel::load::training::{Elastic, Epochs, ThroughputRow, ThroughputTable, TrainingOptions};
use windtunnel::scenario::{Training, TrainingJob, WorkloadKind};
use windtunnel::units::SimTime;

use super::{AskPlan, Builder, GangPlan, Plan};

impl Builder {
    pub(super) fn gangs(&mut self, plan: &Plan) {
        let mut gangs: Vec<(usize, &GangPlan)> = plan.gangs.iter().enumerate().collect();
        gangs.sort_by_key(|(_, gang)| gang.arrival);
        // By the plan, so that the same is drawn again.
        let rich = plan.gangs.iter().map(|gang| gang.steps).sum::<u64>() % 2 == 1;
        let may_spare = rich && plan.gang_queue.is_none_or(|queue| queue.allocation.is_none());
        for (index, gang) in gangs {
            let name = format!("train-{index}");
            let spec = self.spec(&name, "Job", &AskPlan { gpu_milli: 1000, ..gang.ask.clone() });
            let workload = self.workload(&name, WorkloadKind::Replayed, gang.ask.memory_use);
            self.scenario.training_jobs.push(TrainingJob {
                name: name.into(),
                workload,
                arrival: SimTime::from_secs(gang.arrival),
                spec,
                workers: gang.workers,
                num_gpus: gang.workers,
                model: "ResNet-50".into(),
                batch_size: None,
                epochs: Epochs::steps(gang.steps),
                course: None,
                fixed_rate: None,
                queue: "".into(),
                team: "".into(),
                spares: u32::from(may_spare && gang.workers > 1),
                flops_per_step: 0.0,
                local_queue: None,
                companions: Vec::new(),
            });
        }
        if !plan.gangs.is_empty() {
            const PLAIN: &str =
                "{variability: {jitter: {sigma: 0.2, every: 30s}}, phases: {checkpoint: {interval: 2m, duration: 5s}}}";
            const RICH: &str = "{variability: {jitter: {sigma: 0.2, every: 30s}}, swap: 20s, phases: {data: {cpuPerGpu: 300m}, checkpoint: {
                interval: 4m, duration: 5s, background: 30s, tiers: {memory: {interval: 50s, duration: 1s, copies: 2, load: 3s},
                local: {interval: 110s, duration: 2s}}}}}";
            let options: TrainingOptions =
                serde_saphyr::from_str(if rich { RICH } else { PLAIN }).expect("options as the documentation has them");
            let row = |num_gpus: u32, consolidated| ThroughputRow {
                model: "ResNet-50".into(),
                batch_size: None,
                gpu: "V100".into(),
                num_gpus,
                consolidated,
                steps_per_second: f64::from(num_gpus) * if consolidated { 5.0 } else { 3.0 },
            };
            let rows = (1..=4).flat_map(|gpus| [row(gpus, true), row(gpus, false)]);
            let throughputs = ThroughputTable::from_rows(rows).expect("each setting stands once");
            self.scenario.training = Some(Training {
                options: Arc::new(options),
                throughputs: Arc::new(throughputs),
                profiles: Arc::default(),
                elastic: Some(Elastic { min_workers: 1, max_workers: 4 }),
                placement: Default::default(),
                discipline: plan.gang_queue,
            });
        }
    }
}
