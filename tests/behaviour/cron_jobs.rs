//! batch/v1 CronJobs: when they make Jobs, and what becomes of the Job before.

use super::written::{Written, written};

const NODE: &str =
    "  start: \"2026-03-02T00:00:00Z\"\n  duration: 3h\n  nodes: [{name: n, instanceType: m6i.4xlarge}]\n";

/// Each pod works so long.
fn run(spec: &str, work: &str) -> Written {
    run_with(spec, "{}", work)
}

fn run_with(spec: &str, job: &str, work: &str) -> Written {
    let settings = format!("  workloads: [{{target: {{kind: CronJob, name: tick}}, duration: {work}}}]\n");
    let job = job.trim_matches(['{', '}']);
    let comma = if job.is_empty() { "" } else { "," };
    let cron = format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: tick}}\nspec: {{{spec}, jobTemplate: {{spec: {{{job}{comma} template: {{spec: \
         {{restartPolicy: Never, containers: [{{name: main, image: i, resources: {{requests: {{cpu: 100m}}}}}}]}}}}}}}}}}"
    );
    written(&format!("{NODE}{settings}"), &cron)
}

#[test]
fn each_scheduled_time_makes_a_job_whatever_the_one_before_does() {
    let run = run_with("schedule: \"0 * * * *\"", "{parallelism: 2, completions: 2}", "90m");
    assert_eq!(run.created("tick"), [3600, 3600, 7200, 7200]);
    assert_eq!(run.ended("tick"), [(9000, "Completed"), (9000, "Completed")]);
}

/// Half past one in Berlin's winter is half past twelve; `@hourly` is a word for five fields.
#[test]
fn a_schedule_is_read_in_its_time_zone() {
    assert_eq!(run("schedule: 30 2 * * *, timeZone: Europe/Berlin", "1m").created("tick"), [5400]);
    assert_eq!(run("schedule: \"@hourly\"", "1m").created("tick"), [3600, 7200]);
}

/// Of the starts that were missed the last is made up for as soon as the Job is over; not where that is too late.
#[test]
fn forbid_waits_for_the_end_of_the_job_before() {
    let forbid = "schedule: \"*/30 * * * *\", concurrencyPolicy: Forbid";
    let run_late = run(forbid, "40m");
    // From 30 m to 70 m; a second later, when the end is seen, again for the start of 60 m; and so on.
    let seconds = run_late.created("tick");
    assert_eq!(seconds, [1800, 4201, 6602, 9003]);
    assert!(!run_late.decisions("JobAlreadyActive").is_empty());
    let strict = run(&format!("{forbid}, startingDeadlineSeconds: 60"), "40m");
    assert_eq!(strict.created("tick"), [1800, 5400, 9000]);
}

#[test]
fn replace_ends_the_job_before() {
    let run = run("schedule: \"0 * * * *\", concurrencyPolicy: Replace", "90m");
    assert_eq!(run.created("tick"), [3600, 7200]);
    assert!(
        run.ended("tick").iter().all(|(at, reason)| (*at, *reason) == (7200, "JobReplaced")),
        "{:?}",
        run.ended("tick")
    );
    assert_eq!(run.ended("tick").len(), 1);
}

#[test]
fn a_suspended_cron_job_makes_none_and_says_so() {
    let run = run("schedule: \"0 * * * *\", suspend: true", "1m");
    assert!(run.created("tick").is_empty());
    assert!(run.warnings.iter().any(|warning| warning.contains("CronJob tick is suspended")), "{:?}", run.warnings);
}

/// One instant, written with two offsets: schedules go by the instant. 9 h in Berlin are 8 h UTC in March's first days.
#[test]
fn a_start_with_an_offset_is_the_instant_that_it_is() {
    let run = |start: &str| {
        let spec = format!("  start: \"{start}\"\n  duration: 4h\n  nodes: [{{name: n, instanceType: m6i.4xlarge}}]\n");
        let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: tick}\nspec: {schedule: \"0 9 * * *\", timeZone: Europe/Berlin, \
                    jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: i}]}}}}}";
        let run = written(&spec, cron);
        (run.created("tick"), run.run.outcome.start_epoch_seconds)
    };
    let expected = (vec![7200], Some(1_772_431_200));
    assert_eq!(run("2026-03-02T06:00:00Z"), expected);
    assert_eq!(run("2026-03-02T07:00:00+01:00"), expected);
    assert_eq!(run("2026-03-02T00:30:00-05:30"), expected);
}

/// A Job that failed is over like any other: the next may start.
#[test]
fn forbid_goes_on_after_a_job_that_failed() {
    let settings = "  workloads: [{target: {kind: CronJob, name: tick}, duration: 10s, failures: {probability: 1}}]\n";
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: tick}\nspec: {schedule: \"0 * * * *\", concurrencyPolicy: Forbid, \
                jobTemplate: {spec: {backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [{name: main, image: i}]}}}}}";
    let run = written(&format!("{NODE}{settings}"), cron);
    assert_eq!(run.created("tick"), [3600, 7200]);
    assert_eq!(run.decisions("BackoffLimitExceeded").len(), 2);
}
