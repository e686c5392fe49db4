//! Training jobs: the summary by what `jobs.csv` and `attempts.csv` say, row by row.

use std::collections::BTreeMap;

use serde_json::Value;

use super::table::{Row, Table};

const CAUSES: [&str; 10] =
    ["queue", "provision", "image", "load", "checkpoint", "lost", "detect", "straggler", "turn", "data"];

fn near(what: &str, told: &Value, worked_out: f64) {
    let told = told.as_f64().unwrap_or(f64::NAN);
    let agrees = (told - worked_out).abs() <= 1e-6 * worked_out.abs().max(1.0);
    assert!(
        agrees || (told.is_nan() && !worked_out.is_finite()),
        "{what}: {told} in the summary, {worked_out} by the tables"
    );
}

/// Seconds from submission to its end, or the run's.
fn lives(job: &Row<'_>, end: i128) -> i128 {
    job.nanos("finished_time").unwrap_or(end) - job.nanos("submitted_time").expect("submitted")
}

fn parts(job: &Row<'_>) -> i128 {
    let badput =
        CAUSES.iter().map(|cause| job.nanos(&format!("badput_{cause}_seconds")).expect("a time")).sum::<i128>();
    badput + job.nanos("goodput_seconds").expect("a time")
}

pub fn judge(summary: &Value, jobs: &Table, attempts: &Table) {
    let training = &summary["training"];
    if jobs.rows().next().is_none() {
        assert!(training.is_null(), "a summary of jobs that are not there");
        return;
    }
    let end = (summary["simulated_seconds"].as_f64().expect("a time") * 1e9).round() as i128;
    let mut placed: BTreeMap<&str, i128> = BTreeMap::new();
    let mut last: BTreeMap<&str, i128> = BTreeMap::new();
    for attempt in attempts.rows() {
        let (job, at) = (attempt.text("job"), attempt.nanos("placed_time").expect("placed"));
        assert!(attempt.nanos("queued_time").expect("queued") <= at, "{job} is placed before it is queued");
        assert!(last.get(job).is_none_or(|before| *before <= at), "attempts of {job} overlap");
        last.insert(job, attempt.nanos("ended_time").unwrap_or(end));
        placed.entry(job).or_insert(at);
    }
    let sum = |column: &str| jobs.rows().map(|job| job.get(column)).sum::<f64>();
    for job in jobs.rows() {
        let name = job.text("job");
        // An end that was rounded to a whole second may lie a little before what a pod saw.
        assert_eq!(parts(&job), lives(&job, end), "where the time of {name} went");
        let waited = placed.get(name).copied().unwrap_or_else(|| job.nanos("finished_time").unwrap_or(end));
        assert_eq!(
            job.nanos("queue_time_seconds"),
            Some(waited - job.nanos("submitted_time").expect("submitted")),
            "{name}"
        );
        let jct = job.nanos("finished_time").map(|_| lives(&job, end));
        assert_eq!(job.nanos("jct_seconds"), jct, "{name}");
    }
    let completed = jobs.rows().filter(|job| job.text("state") == "Completed").count();
    assert_eq!(training["jobs"], jobs.rows().count());
    assert_eq!(training["completed"], completed);
    near("goodput_seconds", &training["goodput_seconds"], sum("goodput_seconds"));
    for cause in CAUSES {
        near(cause, &training["badput_seconds"][cause], sum(&format!("badput_{cause}_seconds")));
    }
    near("lost_gpu_hours", &training["lost_gpu_hours"], sum("lost_gpu_hours"));
    near("cost_usd", &training["cost_usd"], sum("cost_usd"));
    near("interruptions", &training["interruptions"], sum("interruptions"));
    let since_placed = jobs.rows().filter_map(|job| {
        Some((job.nanos("finished_time").unwrap_or(end) - placed.get(job.text("job"))?) as f64 / 1e9)
    });
    near("ettr", &training["ettr"], sum("goodput_seconds") / since_placed.sum::<f64>());
    for (column, groups) in [("queue", "by_queue"), ("team", "by_team"), ("model", "by_model")] {
        let mut counts: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        for job in jobs.rows().filter(|job| !job.text(column).is_empty()) {
            let of = counts.entry(job.text(column)).or_default();
            *of = (of.0 + 1, of.1 + job.get("goodput_seconds"));
        }
        let told = training[groups].as_object().expect("groups");
        assert_eq!(told.len(), counts.len(), "{groups}");
        for (name, (count, goodput)) in counts {
            assert_eq!(told[name]["jobs"], count, "{groups} {name}");
            near(name, &told[name]["goodput_seconds"], goodput);
        }
    }
    let of_sizes: u64 =
        training["by_size"].as_object().expect("sizes").values().filter_map(|of| of["jobs"].as_u64()).sum();
    assert_eq!(of_sizes as usize, jobs.rows().count());
}
