//! `jobs.csv` and `attempts.csv`: a row a training job, and a row a start of one.

use super::columns::{Column, Unit, column};
use crate::sim::{Attempt, JobTimes, Outcome, TrainingRow};
use crate::units::{SimDuration, SimTime};

impl TrainingRow {
    /// Its end, or the run's.
    pub fn until(&self, outcome: &Outcome) -> SimTime {
        self.finished.unwrap_or(SimTime::ZERO + outcome.simulated)
    }

    /// `Completed`, `Running`, `Starting` or `Waiting`; `Interrupted` while it waits again.
    pub fn state(&self) -> &'static str {
        match (self.finished, self.attempts.last()) {
            (Some(_), _) => "Completed",
            (None, Some(attempt)) if attempt.ended.is_some() => "Interrupted",
            (None, Some(attempt)) if attempt.started.is_some() => "Running",
            (None, Some(_)) => "Starting",
            (None, None) => "Waiting",
        }
    }

    /// From the arrival to the first placement, or for how long it waits already.
    pub fn queue_time(&self, outcome: &Outcome) -> SimDuration {
        let placed = self.attempts.first().map(|attempt| attempt.placed);
        placed.unwrap_or_else(|| self.until(outcome)).since(self.arrival)
    }

    /// Completion time over what it would take alone at its best speed; `None` while it is not over.
    pub fn slowdown(&self) -> Option<f64> {
        let took = self.finished?.since(self.arrival).as_secs_f64();
        (self.ideal > SimDuration::ZERO).then(|| took / self.ideal.as_secs_f64())
    }

    /// Effective training time ratio: kept compute over the time since the first placement; `None` before it.
    pub fn ettr(&self, outcome: &Outcome) -> Option<f64> {
        let placed = self.attempts.first()?.placed;
        let span = self.until(outcome).since(placed).as_secs_f64();
        (span > 0.0).then(|| self.times.goodput.as_secs_f64() / span)
    }

    /// GPU hours that it held and that made nothing that was kept.
    pub fn lost_gpu_hours(&self) -> f64 {
        let JobTimes { load, checkpoint, lost, detect, straggler, turn, .. } = self.times;
        self.gpus_held * (load + checkpoint + lost + detect + straggler + turn).as_secs_f64() / 3600.0
    }

    /// GPU hours of compute that was kept.
    pub fn useful_gpu_hours(&self) -> f64 {
        self.gpus_held * self.times.goodput.as_secs_f64() / 3600.0
    }
}

/// How large a job is: a number to sort by, and its GPUs.
pub fn size_class(gpus: u32) -> (u32, &'static str) {
    match gpus {
        0 | 1 => (0, "1"),
        2..=4 => (1, "2 to 4"),
        5..=8 => (2, "5 to 8"),
        9..=64 => (3, "9 to 64"),
        65..=512 => (4, "65 to 512"),
        _ => (5, "over 512"),
    }
}

impl JobTimes {
    /// By cause, in the order of a job's life. `data` (waiting for data) is not modelled and not among them.
    pub fn badput(&self) -> [(&'static str, SimDuration); 9] {
        [
            ("queue", self.queue),
            ("provision", self.provision),
            ("image", self.image),
            ("load", self.load),
            ("checkpoint", self.checkpoint),
            ("lost", self.lost),
            ("detect", self.detect),
            ("straggler", self.straggler),
            ("turn", self.turn),
        ]
    }
}

/// `jobs.csv`.
#[rustfmt::skip]
pub const JOB: &[Column<TrainingRow, Outcome>] = &[
    column("job", Unit::Text, "", "name", |row, _, out| out.text(&row.name)),
    column("queue", Unit::Text, "", "its queue or virtual cluster as the list has it, else jobs.queue; empty where there is neither", |row, _, out| out.text(&row.queue)),
    column("team", Unit::Text, "", "the same: lists know no other", |row, _, out| out.text(&row.queue)),
    column("model", Unit::Text, "", "what it trains; empty where the list does not say", |row, _, out| out.text(&row.model)),
    column("gpus", Unit::Gpus, "", "of all its workers", |row, _, out| out.integer(row.gpus)),
    column("workers", Unit::Count, "", "pods of its gang", |row, _, out| out.integer(row.workers)),
    column("nodes", Unit::Count, "", "that its last attempt ran on; empty if there was none", |row, _, out| match row.attempts.last() {
        Some(attempt) => out.integer(attempt.nodes.len()),
        None => out.empty(),
    }),
    column("state", Unit::Text, "", "at the end of the run: Waiting, Starting, Running, Interrupted (waits again) or Completed", |row, _, out| out.text(row.state())),
    column("submitted_time", Unit::Seconds, "", "", |row, _, out| out.time(row.arrival)),
    column("submitted_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(Some(row.arrival))),
    column("started_time", Unit::Seconds, "", "all its workers ran for the first time", |row, _, out| out.maybe_time(row.started)),
    column("started_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.started)),
    column("finished_time", Unit::Seconds, "", "its work was done", |row, _, out| out.maybe_time(row.finished)),
    column("finished_timestamp", Unit::Timestamp, "", "the same as a date", |row, _, out| out.timestamp(row.finished)),
    column("queue_time_seconds", Unit::Seconds, "", "from submission to its first placement; of a job without one, so far", |row, outcome, out| seconds(out, row.queue_time(outcome))),
    column("jct_seconds", Unit::Seconds, "", "from submission to its end; empty while it is not over", |row, _, out| match row.finished {
        Some(finished) => seconds(out, finished.since(row.arrival)),
        None => out.empty(),
    }),
    column("slowdown", Unit::Ratio, "", "completion time over what it would take at once at its best measured speed", |row, _, out| maybe(out, row.slowdown())),
    column("ettr", Unit::Ratio, "", "effective training time ratio: goodput over the time since its first placement", |row, outcome, out| maybe(out, row.ettr(outcome))),
    column("goodput_seconds", Unit::Seconds, "", "computing steps that were kept; with all badput columns it adds up to the time from submission to the end, or the run's", |row, _, out| seconds(out, row.times.goodput)),
    column("badput_queue_seconds", Unit::Seconds, "", "without nodes, and none on its way", |row, _, out| seconds(out, row.times.queue)),
    column("badput_provision_seconds", Unit::Seconds, "", "without nodes, while one for it was on its way", |row, _, out| seconds(out, row.times.provision)),
    column("badput_image_seconds", Unit::Seconds, "", "from placement until all containers ran: images, start", |row, _, out| seconds(out, row.times.image)),
    column("badput_load_seconds", Unit::Seconds, "", "loading model, data or checkpoint", |row, _, out| seconds(out, row.times.load)),
    column("badput_checkpoint_seconds", Unit::Seconds, "", "saving", |row, _, out| seconds(out, row.times.checkpoint)),
    column("badput_lost_seconds", Unit::Seconds, "", "computing what an interruption then lost", |row, _, out| seconds(out, row.times.lost)),
    column("badput_detect_seconds", Unit::Seconds, "", "waiting for a worker that had gone silent", |row, _, out| seconds(out, row.times.detect)),
    column("badput_straggler_seconds", Unit::Seconds, "", "lost to stragglers and jitter while computing", |row, _, out| seconds(out, row.times.straggler)),
    column("badput_turn_seconds", Unit::Seconds, "", "holding its GPUs after its turn in a round was over", |row, _, out| seconds(out, row.times.turn)),
    column("interruptions", Unit::Count, "", "", |row, _, out| out.integer(row.interruptions)),
    column("lost_gpu_hours", Unit::GpuHours, "", "held, and nothing came of it: load, checkpoint, lost, detect, straggler, turn", |row, _, out| out.float(row.lost_gpu_hours())),
    column("cost_usd", Unit::Usd, "", "what its workers owe", |row, _, out| out.usd(row.cost)),
];

/// A start of a job: which job of the outcome, and which of its attempts.
pub type Start = (usize, usize);

/// All starts, by job and in order.
pub fn starts(outcome: &Outcome) -> Vec<Start> {
    let of = |(index, job): (usize, &TrainingRow)| (0..job.attempts.len()).map(move |attempt| (index, attempt));
    outcome.training.iter().enumerate().flat_map(of).collect()
}

fn job<'o>(start: &Start, outcome: &'o Outcome) -> &'o TrainingRow {
    &outcome.training[start.0]
}

fn attempt<'o>(start: &Start, outcome: &'o Outcome) -> &'o Attempt {
    &job(start, outcome).attempts[start.1]
}

/// `attempts.csv`.
#[rustfmt::skip]
pub const ATTEMPT: &[Column<Start, Outcome>] = &[
    column("job", Unit::Text, "", "name", |row, outcome, out| out.text(&job(row, outcome).name)),
    column("attempt", Unit::Count, "", "from 1 on", |row, _, out| out.integer(row.1 + 1)),
    column("gpus", Unit::Gpus, "", "of all its workers", |row, outcome, out| out.integer(attempt(row, outcome).gpus)),
    column("nodes", Unit::Text, "", "that it was placed on, a blank between", |row, outcome, out| {
        let names = attempt(row, outcome).nodes.iter().filter_map(|node| outcome.nodes.get(*node as usize)).map(|node| &*node.name);
        out.text(&names.collect::<Vec<_>>().join(" "));
    }),
    column("queued_time", Unit::Seconds, "", "since when it had no nodes", |row, outcome, out| out.time(attempt(row, outcome).queued)),
    column("placed_time", Unit::Seconds, "", "its gang got nodes", |row, outcome, out| out.time(attempt(row, outcome).placed)),
    column("started_time", Unit::Seconds, "", "all its workers ran; empty if that never was", |row, outcome, out| out.maybe_time(attempt(row, outcome).started)),
    column("ended_time", Unit::Seconds, "", "empty at the end of the run", |row, outcome, out| out.maybe_time(attempt(row, outcome).ended)),
    column("reason", Unit::Text, "", "Completed, Interrupted, or Running at the end of the run", |row, outcome, out| out.text(attempt(row, outcome).reason)),
];

fn seconds(out: &mut super::Cells, span: SimDuration) {
    out.decimal::<9>(span.nanos());
}

fn maybe(out: &mut super::Cells, value: Option<f64>) {
    match value {
        Some(value) => out.float(value),
        None => out.empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn classes_end_at_whole_nodes_of_eight() {
        let order = |gpus| size_class(gpus).0;
        assert_eq!([1, 2, 4, 5, 8, 9, 64, 65, 512, 513].map(order), [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
        assert_eq!(
            [1, 4, 8, 64, 512, 513].map(|gpus| size_class(gpus).1).concat(),
            "12 to 45 to 89 to 6465 to 512over 512"
        );
    }
}
