//! `jobs.templates`: training jobs that are drawn.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand_distr::{Distribution as _, Exp1};
use rand_pcg::Pcg64Mcg;

use super::jobs::STEP;
use super::{Lowering, shared};
use crate::cluster::label;
use crate::load::training::{Peaks, ThroughputRow, TrainingJobRow};
use crate::load::{Signal, SignalContext};
use crate::scenario::diagnostic::suggestion;
use crate::scenario::names::Form;
use crate::scenario::spec::{JobTemplateSpec, JobsSpec};
use crate::units::random::{entity_of_name, stream};
use crate::units::{SimDuration, SimTime};

/// Of one template: more is a slip of a unit.
const MOST_JOBS: usize = 1_000_000;
/// Of one job, as in lists.
const MOST_GPUS: u32 = 1_000_000;
/// Of [`JobTemplateSpec::growth`].
const MOST_GROWTH: f64 = 10.0;
const DAY: f64 = 86_400.0;

/// The jobs of a template, and the speeds that follow from its reference GPU.
pub(super) struct Drawn {
    pub rows: Vec<TrainingJobRow>,
    pub throughputs: Vec<ThroughputRow>,
    /// Operations of a step, for each GPU of the job.
    pub flops_per_gpu_step: f64,
}

impl Lowering<'_> {
    /// `None` where something is wrong, which has been told.
    pub(super) fn draw_templates(&mut self, jobs: &JobsSpec, taken: &[TrainingJobRow]) -> Option<Vec<Drawn>> {
        let mut names: BTreeSet<String> = taken.iter().map(|row| row.name.clone()).collect();
        let mut references: BTreeMap<&str, &str> = BTreeMap::new();
        let mut all = Vec::with_capacity(jobs.templates.len());
        for (index, template) in jobs.templates.iter().enumerate() {
            let path = format!("jobs.templates[{index}]");
            let mut drawn = self.draw_template(jobs, template, &path)?;
            if let Some(gpu) = &template.reference_gpu {
                let model = template.model.as_ref().unwrap_or(&template.name);
                match references.insert(model, gpu) {
                    // The speeds are those of the other.
                    Some(before) if before == gpu => {
                        let known = |row: &ThroughputRow| {
                            all.iter().any(|other: &Drawn| other.throughputs.iter().any(|same| same == row))
                        };
                        drawn.throughputs.retain(|row| !known(row));
                    }
                    Some(before) => {
                        let message = format!("another template has {model} on {before}");
                        self.error(&format!("{path}.referenceGpu"), message).hint =
                            Some("give one of them another model".to_owned());
                        return None;
                    }
                    None => {}
                }
            }
            if let Some(twice) = drawn.rows.iter().find(|row| !names.insert(row.name.clone())) {
                let message = format!("its job {} is called like another", twice.name);
                self.error(&format!("{path}.name"), message);
                return None;
            }
            all.push(drawn);
        }
        Some(all)
    }

    fn draw_template(&mut self, jobs: &JobsSpec, template: &JobTemplateSpec, path: &str) -> Option<Drawn> {
        if !self.template_is_sound(jobs, template, path) {
            return None;
        }
        let signal = self.signal(template.arrivals.clone(), &format!("{path}.arrivals"), &template.name)?;
        let context = SignalContext {
            seed: template.seed,
            entity: entity_of_name(&template.name),
            start: self.scenario.wall_clock,
            horizon: self.scenario.duration,
        };
        let signal = signal.compile(&context).ok()?;
        let peaks = Peaks::with(&jobs.training.peak_flops);
        let model = template.model.as_ref().unwrap_or(&template.name);
        // What was measured on a reference has a model of its own in the table of speeds.
        let measured = template.reference_gpu.as_ref().map(|_| model.clone());
        let mut arrivals = Arrivals::of(template);
        let mut rows = Vec::new();
        let end = SimTime::ZERO + self.scenario.duration;
        while let Some(arrival) = arrivals.next(&signal, end) {
            if rows.len() >= MOST_JOBS {
                let message = format!("it makes more than {MOST_JOBS} jobs; arrivals are jobs an hour");
                self.error(&format!("{path}.arrivals"), message).hint =
                    Some("lower the rate, or set a limit".to_owned());
                return None;
            }
            if template.limit.is_some_and(|limit| rows.len() >= limit as usize) {
                break;
            }
            let entity = entity_of_name(&template.name) ^ rows.len() as u64;
            let mut draws = stream(template.seed, "job-template", entity);
            let num_gpus = draw_gpus(template, &mut draws);
            let takes = template.duration.sample(&mut draws).max(SimDuration::from_nanos(STEP as i64));
            rows.push(TrainingJobRow {
                name: format!("{}-{}", template.name, rows.len()),
                arrival,
                model: model.clone(),
                batch_size: None,
                num_gpus,
                total_steps: takes.nanos() as u64 / STEP,
                duration: measured.is_none().then_some(takes),
                course: Vec::new(),
                queue: template.queue.clone().unwrap_or_default(),
                team: template.team.clone().unwrap_or_default(),
                priority: template.priority,
            });
        }
        let reference = template.reference_gpu.as_ref().and_then(|gpu| peaks.of(gpu));
        let here = self.gpus_of_nodes();
        if reference.is_some() && !peaks.gpus().any(|(gpu, _)| here.contains(gpu)) {
            let known: Vec<&str> = here.iter().map(String::as_str).collect();
            let message = "no node has GPUs of which it is known how many operations a second they make at most";
            self.error(&format!("{path}.referenceGpu"), message).hint = match known.first() {
                Some(gpu) => Some(format!("say it: jobs.training.peakFlops: {{{gpu}: 312e12}}")),
                None => Some("give nodes a gpuModel, or leave this out".to_owned()),
            };
            return None;
        }
        let mut throughputs = Vec::new();
        for num_gpus in rows.iter().map(|row| row.num_gpus).collect::<BTreeSet<u32>>() {
            for (gpu, peak) in peaks.gpus().filter(|(gpu, _)| reference.is_some() && here.contains(*gpu)) {
                let steps_per_second = 1e9 / STEP as f64 * peak / reference.unwrap_or(peak);
                for consolidated in [true, false] {
                    let (model, gpu) = (model.clone(), gpu.to_owned());
                    throughputs.push(ThroughputRow {
                        model,
                        batch_size: None,
                        gpu,
                        num_gpus,
                        consolidated,
                        steps_per_second,
                    });
                }
            }
        }
        let flops = template.mfu.zip(reference).map_or(0.0, |(mfu, peak)| mfu * peak * STEP as f64 / 1e9);
        Some(Drawn { rows, throughputs, flops_per_gpu_step: flops })
    }

    /// The GPU models of all nodes that there are or can be.
    fn gpus_of_nodes(&self) -> BTreeSet<String> {
        let shapes = self.scenario.specs.shapes();
        shapes.filter_map(|shape| shape.labels.get(label::GPU_PRODUCT).cloned()).collect()
    }

    fn template_is_sound(&mut self, jobs: &JobsSpec, template: &JobTemplateSpec, path: &str) -> bool {
        let before = self.diagnostics.len();
        if !Form::Label.holds(&template.name) {
            let message = format!("{:?} is no name for pods: lower-case letters, digits and -", template.name);
            self.error(&format!("{path}.name"), message);
        }
        if !(template.growth > 0.0 && template.growth <= MOST_GROWTH) {
            self.error(
                &format!("{path}.growth"),
                format!("{} must be above 0 and up to {MOST_GROWTH}", template.growth),
            );
        }
        if template.gpus.is_empty() {
            self.error(&format!("{path}.gpus"), "says of no number of GPUs how likely it is").hint =
                Some("for example {1: 6, 8: 3, 64: 1}".to_owned());
        }
        for (gpus, weight) in &template.gpus {
            if !(1..=MOST_GPUS).contains(gpus) {
                self.error(&format!("{path}.gpus"), format!("{gpus} GPUs: must be from 1 to {MOST_GPUS}"));
            } else if !(weight.is_finite() && *weight > 0.0) {
                self.error(&format!("{path}.gpus"), format!("{gpus} GPUs: the weight {weight} must be above 0"));
            }
        }
        if let Err(error) = template.duration.validate() {
            self.error(&format!("{path}.duration"), error.to_string());
        }
        let peaks = Peaks::with(&jobs.training.peak_flops);
        match (&template.reference_gpu, template.mfu) {
            (None, Some(_)) => {
                self.error(&format!("{path}.mfu"), "takes a referenceGpu: of what is it a part?");
            }
            (Some(gpu), _) if peaks.of(gpu).is_none() => {
                let known: Vec<&str> = peaks.gpus().map(|(gpu, _)| gpu).collect();
                let near = suggestion(gpu, &known);
                let message = format!("how many operations a second a {gpu} makes at most is not known");
                self.error(&format!("{path}.referenceGpu"), message).hint =
                    near.or_else(|| Some(format!("say it: jobs.training.peakFlops: {{{gpu}: 312e12}}")));
            }
            (_, Some(mfu)) if !(mfu > 0.0 && mfu <= 1.0) => {
                self.error(&format!("{path}.mfu"), format!("{mfu} must be above 0 and up to 1"));
            }
            _ => {}
        }
        if let (Some(queue), Some(kueue)) = (&template.queue, &self.scenario.kueue) {
            let key = format!("{}/{queue}", jobs.namespace);
            if !kueue.objects.local_queues.iter().any(|other| *other.key == *key) {
                let known: Vec<&str> = kueue.objects.local_queues.iter().map(|other| &*other.key).collect();
                let hint = suggestion(&key, &known);
                self.error(&format!("{path}.queue"), format!("there is no LocalQueue {key}")).hint = hint;
            }
        }
        self.diagnostics.len() == before
    }

    /// The LocalQueue that admits a template's jobs.
    pub(super) fn template_queue(&self, jobs: &JobsSpec, row: &TrainingJobRow) -> Option<std::sync::Arc<str>> {
        let own = Some(&row.queue).filter(|queue| !queue.is_empty() && self.scenario.kueue.is_some());
        own.map(|queue| shared(&format!("{}/{queue}", jobs.namespace))).or_else(|| self.training_queue.clone())
    }
}

fn draw_gpus(template: &JobTemplateSpec, draws: &mut Pcg64Mcg) -> u32 {
    let all: f64 = template.gpus.values().sum();
    let mut left = draws.random::<f64>() * all;
    for (gpus, weight) in &template.gpus {
        left -= weight;
        if left < 0.0 {
            return *gpus;
        }
    }
    template.gpus.keys().next_back().copied().unwrap_or(1)
}

/// A Poisson process whose rate changes: the expected number of jobs between two of them is exponential.
struct Arrivals {
    gaps: Pcg64Mcg,
    /// Of the rate a day, its logarithm.
    growth: f64,
    at: SimTime,
}

impl Arrivals {
    fn of(template: &JobTemplateSpec) -> Arrivals {
        let gaps = stream(template.seed, "job-template-arrivals", entity_of_name(&template.name));
        Arrivals { gaps, growth: template.growth.ln() / DAY, at: SimTime::ZERO }
    }

    /// `None` when none comes before the end.
    fn next(&mut self, signal: &Signal, end: SimTime) -> Option<SimTime> {
        let mut left: f64 = Exp1.sample(&mut self.gaps);
        while self.at < end {
            let until = signal.next_change_after(self.at).min(end);
            // Jobs a second at the stretch's beginning.
            let rate = signal.value_at(self.at) as f64 / 1e3 / 3600.0 * (self.growth * self.at.as_secs_f64()).exp();
            let span = until.since(self.at).as_secs_f64();
            let expected =
                if self.growth == 0.0 { rate * span } else { rate * (self.growth * span).exp_m1() / self.growth };
            if left >= expected {
                left -= expected;
                self.at = until;
                continue;
            }
            let after =
                if self.growth == 0.0 { left / rate } else { (left * self.growth / rate).ln_1p() / self.growth };
            self.at += SimDuration::from_secs_f64(after);
            return Some(self.at).filter(|at| *at <= end);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{SignalSpec, WallClock};

    fn arrivals(yaml: &str, growth: f64, days: i64) -> Vec<f64> {
        let spec: SignalSpec = serde_saphyr::from_str(yaml).unwrap();
        let horizon = SimDuration::from_secs(86_400 * days);
        let context = SignalContext { seed: 1, entity: 1, start: WallClock::default(), horizon };
        let signal = spec.compile(&context).unwrap();
        let gaps = stream(7, "job-template-arrivals", 3);
        let mut drawn = Arrivals { gaps, growth: growth.ln() / DAY, at: SimTime::ZERO };
        std::iter::from_fn(|| drawn.next(&signal, SimTime::ZERO + horizon)).map(|at| at.as_secs_f64() / DAY).collect()
    }

    /// Within four standard deviations of a Poisson count.
    fn near(count: usize, expected: f64) {
        assert!((count as f64 - expected).abs() < 4.0 * expected.sqrt(), "{count} in place of {expected}");
    }

    #[test]
    fn jobs_come_at_the_signals_rate() {
        near(arrivals("{constant: 50}", 1.0, 20).len(), 24_000.0);
        let stepped = arrivals("{step: {initial: 10, steps: [{at: 24h, to: 100}, {at: 48h, to: 0}]}}", 1.0, 4);
        near(stepped.iter().filter(|day| **day < 1.0).count(), 240.0);
        near(stepped.iter().filter(|day| **day >= 1.0).count(), 2_400.0);
        assert!(stepped.iter().all(|day| *day < 2.0) && stepped.is_sorted());
    }

    #[test]
    fn growth_multiplies_the_rate_from_day_to_day() {
        let grown = arrivals("{constant: 20}", 1.2, 10);
        let of_day = |day: f64| grown.iter().filter(|at| **at >= day && **at < day + 1.0).count();
        // A day's rate in the mean: 480 x (1.2 - 1) / ln 1.2 = 526.5 on the first, 1.2^9 times as much on the tenth.
        near(of_day(0.0), 526.5);
        near(of_day(9.0), 526.5 * 1.2f64.powi(9));
    }

    #[test]
    fn gaps_are_exponential() {
        let days = arrivals("{constant: 100}", 1.0, 30);
        let gaps: Vec<f64> = days.windows(2).map(|pair| (pair[1] - pair[0]) * 2400.0).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let square = gaps.iter().map(|gap| gap * gap).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02 && (square - 2.0).abs() < 0.1, "{mean} {square}");
    }
}
