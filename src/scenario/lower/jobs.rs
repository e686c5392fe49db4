//! Training jobs: gangs of equal workers with measured speeds.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::replay::gpu_models;
use super::{Lowering, PodOrigin, shared};
use crate::cluster::{Container, Labels, PodSpec, PodSpecId, Resources, RestartPolicy, WorkloadId, resource};
use crate::load::training::{
    BeyondMeasured, Configuration, Epochs, Pace, Profiles, StepRate, Stretch, ThroughputTable, TrainingJobRow,
    TrainingOptions,
};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::import::{Options, Trace};
use crate::scenario::objects::Objects;
use crate::scenario::spec::{JobsFormat, JobsSpec, ScenarioSpec, UsageSpec};
use crate::scenario::{Training, TrainingJob};
use crate::units::{SimDuration, SimTime};

/// The workload that all jobs of a trace belong to.
const WORKLOAD: &str = "training-jobs";

/// Nanoseconds of a step of a job that is known by its duration.
pub(super) const STEP: u64 = 1_000_000;

/// Of [`stepScale` and `timeScale`](crate::scenario::spec::JobsSpec).
const MOST_SCALE: f64 = 1e9;
/// Of one job, as in a trace: millionths of steps are counted in 64 bits.
const MOST_STEPS: u64 = i64::MAX as u64 / 1_000_000;

impl Lowering<'_> {
    pub(super) fn jobs(&mut self, spec: &ScenarioSpec, objects: &Objects) {
        let Some(jobs) = &spec.jobs else { return self.training(None) };
        if let Err(error) = jobs.training.validate() {
            self.error(&format!("jobs.training.{}", error.field), error.problem);
            return;
        }
        for (field, scale) in [("stepScale", jobs.step_scale), ("timeScale", jobs.time_scale)] {
            if !(scale > 0.0 && scale <= MOST_SCALE) {
                let problem = format!("{scale} must be a number above 0 and up to {MOST_SCALE:e}");
                self.error(&format!("jobs.{field}"), problem);
                return;
            }
        }
        if !self.scheduling_is_sound(jobs) {
            return;
        }
        if jobs.training.spares > 0 && jobs.scheduling.is_some_and(|scheduling| scheduling.allocation.is_some()) {
            self.error("jobs.training.spares", "a policy that shares GPUs out anew leaves none to spare").hint =
                Some("leave this out, or jobs.scheduling.allocation".to_owned());
            return;
        }
        let trace = match &jobs.jobs {
            Some(list) => {
                let Some(trace) = self.listed(jobs, list) else { return };
                trace
            }
            None => {
                if !self.needs_no_list(jobs, objects) || jobs.templates.is_empty() {
                    return self.training(Some(jobs));
                }
                Arc::default()
            }
        };
        let taken = trace.jobs.iter().skip(jobs.skip).take(jobs.limit.unwrap_or(usize::MAX));
        let taken: Vec<TrainingJobRow> = taken.cloned().collect();
        let Some(drawn) = self.draw_templates(jobs, &taken) else { return };
        let rows = trace.throughputs.iter().chain(drawn.iter().flat_map(|drawn| &drawn.throughputs));
        let throughputs = match ThroughputTable::from_rows(rows.cloned()) {
            Ok(table) => table,
            Err(error) => {
                self.error("jobs.throughputs", error.to_string());
                return;
            }
        };
        let workload = self.trace_workload(shared(WORKLOAD), &jobs.namespace, &UsageSpec::default());
        let mut pods = WorkerPods { specs: FxHashMap::default(), jobs, workload };
        let first = taken.first().filter(|_| jobs.from_first).map_or(SimTime::ZERO, |row| row.arrival);
        for row in &taken {
            if let Some(mut job) = self.training_job(row, &throughputs, &trace.profiles, &mut pods) {
                let since = row.arrival.since(first);
                job.arrival =
                    SimTime::ZERO + if jobs.time_scale == 1.0 { since } else { since.mul_f64(jobs.time_scale) };
                self.scenario.training_jobs.push(job);
            }
        }
        for template in &drawn {
            for row in &template.rows {
                if let Some(mut job) = self.training_job(row, &throughputs, &Profiles::default(), &mut pods) {
                    job.flops_per_step = template.flops_per_gpu_step * f64::from(row.num_gpus);
                    job.local_queue = self.template_queue(jobs, row);
                    self.scenario.training_jobs.push(job);
                }
            }
        }
        if self.left_out > 0 {
            let message =
                format!("{} jobs of the list are left out: their number of GPUs was not measured", self.left_out);
            let warning = Diagnostic::warning(self.at("jobs.training.beyondMeasured"), message);
            self.push(warning);
        }
        self.training(Some(jobs));
        if let Some(training) = &mut self.scenario.training {
            training.throughputs = Arc::new(throughputs);
            training.profiles = Arc::new(trace.profiles.clone());
        }
    }

    /// What is for a list alone is told where there is none. False where there are no jobs at all.
    fn needs_no_list(&mut self, jobs: &JobsSpec, objects: &Objects) -> bool {
        let mut of_a_list =
            vec!["format", "throughputs", "convergence", "skip", "fromFirst", "limit", "stepScale", "timeScale"];
        if jobs.templates.is_empty() {
            of_a_list.extend(["queue", "image"]);
        }
        for field in of_a_list {
            let path = format!("jobs.{field}");
            if self.has(&path) {
                self.error(&path, "it is for a list of jobs, and there is none").hint =
                    Some("name it: jobs.jobs".to_owned());
            }
        }
        let some = !objects.training.is_empty() || !jobs.templates.is_empty();
        if !some {
            self.error("jobs", "there are no training jobs").hint = Some(
                "name a list (jobs.jobs), draw them (jobs.templates), or list manifests such as a PyTorchJob or JobSet"
                    .to_owned(),
            );
        }
        some
    }

    /// The list and its tables; `None` where something is wrong, which has been told.
    fn listed(&mut self, jobs: &JobsSpec, list: &str) -> Option<Arc<Trace>> {
        let format = self.jobs_format(jobs)?;
        if jobs.arrivals.is_some_and(|arrivals| arrivals.every <= SimDuration::ZERO) {
            self.error("jobs.arrivals.every", "must be above 0");
            return None;
        }
        if jobs.arrivals.is_some_and(|arrivals| arrivals.lasting.is_some()) {
            self.error(
                "jobs.arrivals.lasting",
                "jobs have their own work; only pods of a list can be given a duration",
            );
            return None;
        }
        let options = Options { skip_bad_rows: jobs.skip_bad_rows, arrivals: jobs.arrivals };
        let measured = [jobs.throughputs.as_deref(), jobs.convergence.as_deref()];
        match self.tables.jobs(format, list, measured, options) {
            Ok(trace) => {
                self.tell_notes(&trace.notes.0, "jobs.jobs");
                Some(trace)
            }
            Err(refused) => {
                self.refuse_table(&refused.error, &format!("jobs.{}", refused.input));
                None
            }
        }
    }

    /// A policy that shares GPUs out has its own order and places.
    fn scheduling_is_sound(&mut self, jobs: &JobsSpec) -> bool {
        let allocation = jobs.scheduling.and_then(|scheduling| scheduling.allocation);
        if let Some(elastic) = jobs.elastic {
            if let Err(error) = elastic.validate() {
                self.error(&format!("jobs.elastic.{}", error.field), error.problem);
                return false;
            }
            if !allocation.is_some_and(|allocation| allocation.is_elastic()) {
                self.error("jobs.elastic", "nothing chooses the number of workers").hint =
                    Some("name a policy that does: scheduling: {allocation: {optimus: {}}}".to_owned());
                return false;
            }
        }
        let Some(allocation) = allocation else { return true };
        if allocation.is_elastic() && jobs.queue.is_some() {
            self.error("jobs.queue", "quota is for a fixed number of workers, and an elastic policy changes it");
            return false;
        }
        let name = allocation.name();
        if let Err((option, problem)) = allocation.validate() {
            self.error(&format!("jobs.scheduling.allocation.{name}.{option}"), problem);
            return false;
        }
        for path in ["jobs.scheduling.order", "jobs.scheduling.passing", "jobs.placement"] {
            if self.has(path) {
                self.error(path, format!("{name} has its own order and places")).hint =
                    Some("leave this out, or jobs.scheduling.allocation".to_owned());
                return false;
            }
        }
        true
    }

    /// The format's name, where just the tables that it needs are named.
    fn jobs_format(&mut self, jobs: &JobsSpec) -> Option<&'static str> {
        let (name, speeds, convergence) = match jobs.format {
            JobsFormat::Gavel => ("gavel", true, false),
            JobsFormat::Philly => ("philly", false, false),
            JobsFormat::Pai => ("pai", false, false),
            JobsFormat::Pollux => ("pollux", true, true),
        };
        let tables = [
            ("throughputs", jobs.throughputs.is_some(), speeds, "measured speeds"),
            ("convergence", jobs.convergence.is_some(), convergence, "measured convergence"),
        ];
        for (field, given, needed, what) in tables {
            if given == needed {
                continue;
            }
            let path = format!("jobs.{field}");
            match (needed, jobs.format) {
                (true, JobsFormat::Gavel) => {
                    self.error(&path, format!("jobs of the format {name} need {what}")).hint =
                        Some("or give durations: format: philly".to_owned());
                }
                (true, _) => {
                    self.error(&path, format!("jobs of the format {name} need {what}"));
                }
                (false, JobsFormat::Philly | JobsFormat::Pai) => {
                    let problem = format!("jobs of the format {name} take their own duration wherever they run");
                    self.error(&path, problem);
                }
                (false, _) => {
                    self.error(&path, format!("jobs of the format {name} take no {what}")).hint =
                        Some("it is for format: pollux".to_owned());
                }
            }
            return None;
        }
        Some(name)
    }

    /// What all training jobs have in common; those of the manifests come among the others.
    fn training(&mut self, jobs: Option<&JobsSpec>) {
        self.scenario.training_jobs.append(&mut self.trained);
        self.scenario.training_jobs.sort_by_key(|job| job.arrival);
        if jobs.is_none() && self.scenario.training_jobs.is_empty() {
            return;
        }
        let end = SimTime::ZERO + self.scenario.duration;
        let late = self.scenario.training_jobs.iter().filter(|job| job.arrival > end).count();
        if late > 0 {
            let message = format!("{late} training jobs arrive after the run's end and are never seen");
            let warning = Diagnostic::warning(self.at("duration"), message);
            self.push(warning.hint("raise the duration, or set jobs.limit"));
        }
        self.scenario.training = Some(Training {
            options: Arc::new(jobs.map(|jobs| jobs.training.clone()).unwrap_or_default()),
            throughputs: Arc::default(),
            profiles: Arc::default(),
            placement: jobs.map(|jobs| jobs.placement).unwrap_or_default(),
            elastic: jobs.and_then(|jobs| jobs.elastic),
            discipline: jobs.and_then(|jobs| jobs.scheduling),
        });
    }

    fn training_job(
        &mut self,
        row: &TrainingJobRow,
        throughputs: &ThroughputTable,
        profiles: &Profiles,
        pods: &mut WorkerPods<'_>,
    ) -> Option<TrainingJob> {
        let options = &pods.jobs.training;
        let workers = match options.workers(row.num_gpus) {
            Ok(workers) => workers,
            Err(error) => {
                let message = format!("job {}: {}", row.name, error.problem);
                self.error(&format!("jobs.training.{}", error.field), message).hint =
                    Some("choose a gpusPerWorker that divides the GPUs of every job".to_owned());
                return None;
            }
        };
        let each = row.num_gpus / workers;
        let spares = options.spares;
        let spec = match pods.spec(self, row, workers, throughputs) {
            Ok(spec) => spec,
            Err(_) if options.beyond_measured == BeyondMeasured::LeaveOut => {
                self.left_out += 1;
                return None;
            }
            Err(problem) => {
                self.error("jobs.throughputs", format!("job {}: {problem}", row.name));
                return None;
            }
        };
        let total_steps = match row.duration {
            Some(takes) if pods.jobs.step_scale == 1.0 => takes.nanos() as u64 / STEP,
            Some(takes) => takes.mul_f64(pods.jobs.step_scale).nanos() as u64 / STEP,
            None => (row.total_steps as f64 * pods.jobs.step_scale).round() as u64,
        }
        .clamp(1, MOST_STEPS);
        let scale = pods.jobs.step_scale;
        let (epochs, course) = match profiles.0.get(&row.model) {
            Some(profile) => (profile.epochs().scaled(scale), None),
            None => match measured_course(row) {
                Some((epochs, pace)) => (epochs.scaled(scale), Some(pace)),
                None => (Epochs::steps(total_steps), None),
            },
        };
        let queue = match (row.queue.is_empty(), &pods.jobs.queue) {
            (true, Some(queue)) => queue,
            _ => &row.queue,
        };
        let by_itself = row.duration.map(|_| 1e9 / STEP as f64).or(course.as_ref().map(|_| 1.0));
        Some(TrainingJob {
            name: shared(&row.name),
            workload: pods.workload,
            arrival: row.arrival,
            spec,
            workers: workers + spares,
            num_gpus: row.num_gpus + each * spares,
            model: shared(&row.model),
            batch_size: row.batch_size,
            epochs,
            course,
            fixed_rate: by_itself.map(StepRate::from_steps_per_second),
            queue: shared(queue),
            team: if row.team.is_empty() { shared(queue) } else { shared(&row.team) },
            spares,
            flops_per_step: options.flops_per_step.get(&row.model).copied().unwrap_or(0.0),
            local_queue: self.training_queue.clone(),
            companions: Vec::new(),
        })
    }
}

/// Work and speed of a job that was measured from beginning to end, where a step a second is its speed without stragglers.
fn measured_course(row: &TrainingJobRow) -> Option<(Epochs, Pace)> {
    let mut done = 0.0;
    let mut end = |stretch: &Stretch| {
        done += stretch.seconds * stretch.speed;
        (done * 1e6).round() as i64
    };
    let epochs = Epochs::ending(row.course.iter().map(&mut end).collect())?;
    let rates = row.course.iter().map(|stretch| StepRate::from_steps_per_second(stretch.speed));
    Some((epochs, Pace::by_epoch(rates).hindered(StepRate::from_steps_per_second(1.0))))
}

/// Pod specs by what tells jobs' workers apart.
struct WorkerPods<'a> {
    specs: FxHashMap<(String, Option<u32>, u32, i32), PodSpecId>,
    jobs: &'a JobsSpec,
    workload: WorkloadId,
}

impl WorkerPods<'_> {
    /// The spec of a job's workers; they go to GPU models on which the job was measured.
    fn spec(
        &mut self,
        lowering: &mut Lowering<'_>,
        row: &TrainingJobRow,
        workers: u32,
        throughputs: &ThroughputTable,
    ) -> Result<PodSpecId, String> {
        // By duration, or by profile: whatever GPUs the nodes have.
        let is_in_table = || throughputs.knows(&row.model, row.batch_size).is_ok();
        let by_itself = matches!(self.jobs.format, JobsFormat::Pai | JobsFormat::Pollux) && !is_in_table();
        if row.duration.is_some() || by_itself {
            let key = (String::new(), None, row.num_gpus / workers, row.priority);
            if let Some(known) = self.specs.get(&key) {
                return Ok(*known);
            }
            let pod = PodSpec { priority: row.priority, ..worker(self.jobs, row.num_gpus / workers, None, lowering) };
            let spec = self.intern(lowering, pod, row);
            self.specs.insert(key, spec);
            return Ok(spec);
        }
        let key = (row.model.clone(), row.batch_size, row.num_gpus, row.priority);
        if let Some(known) = self.specs.get(&key) {
            return Ok(*known);
        }
        let runs_on = |gpu: &&str| {
            // Spread matters only where the workers can be spread.
            [true, false].iter().take(if workers > 1 { 2 } else { 1 }).any(|consolidated| {
                let (model, batch_size, num_gpus) = (row.model.as_str(), row.batch_size, row.num_gpus);
                let asked = Configuration { model, batch_size, gpu, num_gpus, consolidated: *consolidated };
                matches!(throughputs.step_rate(&asked, self.jobs.training.beyond_measured), Ok(Some(_)))
            })
        };
        throughputs.knows(&row.model, row.batch_size).map_err(|error| error.to_string())?;
        let gpus: Vec<String> =
            throughputs.gpus_of(&row.model, row.batch_size).into_iter().filter(runs_on).map(str::to_owned).collect();
        if gpus.is_empty() {
            return Err(format!("{} was measured on {} GPUs of no model", row.model, row.num_gpus));
        }
        let pod = PodSpec { priority: row.priority, ..worker(self.jobs, row.num_gpus / workers, Some(gpus), lowering) };
        let spec = self.intern(lowering, pod, row);
        self.specs.insert(key, spec);
        Ok(spec)
    }

    fn intern(&self, lowering: &mut Lowering<'_>, pod: PodSpec, row: &TrainingJobRow) -> PodSpecId {
        let spec = lowering.scenario.specs.intern_pod(pod);
        let place = lowering.at("jobs.jobs").clone();
        lowering.origins.push(PodOrigin { spec, what: format!("training job {}", row.name), place });
        spec
    }
}

/// A pod of so many GPUs, on these models.
fn worker(jobs: &JobsSpec, count: u32, gpus: Option<Vec<String>>, lowering: &mut Lowering<'_>) -> PodSpec {
    let options: &TrainingOptions = &jobs.training;
    let count = i64::from(count);
    let mut requests = Resources::new(options.cpu_per_gpu * count, options.memory_per_gpu * count);
    requests.set_extended(lowering.scenario.specs.resources.intern(resource::NVIDIA_GPU), count);
    let container = Container {
        name: "worker".to_owned(),
        image: jobs.image.clone().unwrap_or_default(),
        has_request: (true, true),
        requests,
        ..Container::default()
    };
    PodSpec {
        namespace: jobs.namespace.clone(),
        labels: Labels::from([("app".to_owned(), WORKLOAD.to_owned())]),
        containers: vec![container],
        affinity: gpu_models(gpus.into_iter().flatten()),
        preempts: true,
        restart_policy: RestartPolicy::Never,
        termination_grace_period: options.termination_grace_period,
        ..PodSpec::default()
    }
}
