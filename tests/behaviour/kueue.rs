//! Kueue in a run, seen from outside: quotas are never broken, what was lent comes back, and nobody's pods start without
//! quota.

use proptest::collection::vec;
use proptest::prelude::*;

use super::written::{Written, written, written_with};
use crate::invariants::runs::config;

const NODES: &str = "  nodes: [{name: n, count: 8, instanceType: m6i.4xlarge}]\n";

/// A ClusterQueue with its LocalQueue of the same name in namespace `default`.
fn queue(name: &str, nominal: u32, limits: &str, preemption: &str) -> String {
    format!(
        "---\napiVersion: kueue.x-k8s.io/v1beta2\nkind: ClusterQueue\nmetadata: {{name: {name}}}\nspec:\n  cohortName: all\n  \
         namespaceSelector: {{}}\n  preemption: {{{preemption}}}\n  resourceGroups:\n  - coveredResources: [cpu]\n    \
         flavors:\n    - name: any\n      resources: [{{name: cpu, nominalQuota: {nominal}{limits}}}]\n---\napiVersion: \
         kueue.x-k8s.io/v1beta2\nkind: LocalQueue\nmetadata: {{name: {name}}}\nspec: {{clusterQueue: {name}}}\n"
    )
}

const FLAVOR: &str = "apiVersion: kueue.x-k8s.io/v1beta2\nkind: ResourceFlavor\nmetadata: {name: any}\n";

/// A Job of pods that ask for one core each.
fn job(name: &str, queue: &str, pods: u32) -> String {
    format!(
        "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, labels: {{kueue.x-k8s.io/queue-name: {queue}}}}}\nspec: \
         {{parallelism: {pods}, completions: {pods}, backoffLimit: 100, template: {{spec: {{restartPolicy: Never, containers: \
         [{{name: main, image: i, resources: {{requests: {{cpu: '1'}}}}}}]}}}}}}\n"
    )
}

fn setting(name: &str, arrival: u32, duration: u32) -> String {
    format!("    - {{target: {{kind: Job, name: {name}}}, arrival: {arrival}s, duration: {duration}s}}\n")
}

const RECLAIM: &str = "reclaimWithinCohort: Any, withinClusterQueue: LowerPriority";

fn two_queues(limits: &str) -> Written {
    let objects = [
        FLAVOR.to_owned(),
        queue("a", 4, limits, RECLAIM),
        queue("b", 4, limits, RECLAIM),
        job("greedy", "a", 4),
        job("more", "a", 4),
        job("own", "b", 2),
    ]
    .concat();
    let settings = [setting("greedy", 0, 1000), setting("more", 10, 1000), setting("own", 100, 50)].concat();
    written(&format!("  duration: 1h\n{NODES}  workloads:\n{settings}"), &objects)
}

#[test]
fn idle_quota_is_lent_and_comes_back_when_its_owner_asks() {
    let run = two_queues("");
    assert_eq!((run.created("greedy").len(), run.created("own")), (4, vec![100; 2]));
    // It borrowed, was told to end at 100, and came again when the owner's job had ended.
    let more = run.created("more");
    assert_eq!(more[..4], [10; 4]);
    assert!(more[4..].iter().all(|at| (150..160).contains(at)) && more.len() == 8, "{more:?}");
    assert_eq!(run.ended("more")[..4], [(100, "JobSuspended"); 4]);
    assert_eq!(run.decisions("InCohortReclamation for job/default/own").len(), 1, "{:?}", run.decisions("kueue"));
}

#[test]
fn with_a_borrowing_limit_of_zero_the_other_queues_quota_stays_idle() {
    let run = two_queues(", borrowingLimit: 0");
    assert_eq!(run.created("more"), [1001; 4]);
    assert_eq!(run.created("own"), [100; 2]);
}

/// The quota of a Job that failed is free in the same moment.
#[test]
fn a_job_that_fails_gives_its_quota_back() {
    let failing = job("first", "a", 4).replace("backoffLimit: 100", "backoffLimit: 0");
    let objects = [FLAVOR.to_owned(), queue("a", 4, "", RECLAIM), failing, job("second", "a", 4)].concat();
    let first = setting("first", 0, 100).replace("duration: 100s", "duration: 100s, failures: {probability: 1}");
    let settings = [first, setting("second", 10, 50)].concat();
    let run = written(&format!("  duration: 1h\n{NODES}  workloads:\n{settings}"), &objects);
    assert_eq!(run.ended("first").len(), 4);
    let second = run.created("second");
    assert!(second.len() == 4 && second.iter().all(|at| (100..=102).contains(at)), "{second:?}");
}

#[test]
fn a_job_of_a_queue_without_quota_for_it_never_starts_and_it_is_said_why() {
    let objects = [FLAVOR.to_owned(), queue("a", 4, "", ""), job("big", "a", 5)].concat();
    let run = written(&format!("  duration: 1h\n{NODES}"), &objects);
    assert!(run.created("big").is_empty());
    assert_eq!(run.decisions("ExceedsMaxQuota").len(), 1);
}

#[test]
fn pods_that_are_not_ready_in_time_give_their_quota_back_and_wait_longer_each_time() {
    let objects = [FLAVOR.to_owned(), queue("a", 4, "", ""), job("stuck", "a", 2)].concat();
    // No node is there for them.
    let spec = "  duration: 20m\n  kueue: {waitForPodsReady: {timeout: 2m, backoffBase: 60s}}\n  nodes: [{name: n, instanceType: \
                m6i.large, taints: [{key: no, effect: NoSchedule}]}]\n";
    let run = written(spec, &objects);
    let starts = run.created("stuck");
    assert_eq!(starts, [0, 0, 180, 180, 420, 420, 780, 780], "120 s each, after waits of 60, 120 and 240 s");
}

#[test]
fn a_job_that_may_shrink_starts_with_what_there_is() {
    let shrinking = job("shrinks", "a", 6).replace(
        "metadata: {name: shrinks,",
        "metadata: {name: shrinks, annotations: {kueue.x-k8s.io/job-min-parallelism: '2'},",
    );
    let objects = [FLAVOR.to_owned(), queue("a", 4, "", ""), shrinking].concat();
    let settings = setting("shrinks", 0, 100);
    let run = written(&format!("  duration: 1h\n{NODES}  workloads:\n{settings}"), &objects);
    assert_eq!(run.live_at("shrinks", 50), 4);
    assert_eq!(run.pods("shrinks").len(), 6, "the rest follows as pods succeed");
}

#[derive(Clone, Debug)]
struct Plan {
    /// Nominal quota, borrowing limit, what it may preempt.
    queues: Vec<(u32, Option<u32>, usize)>,
    /// Queue, pods, arrival, duration.
    jobs: Vec<(usize, u32, u32, u32)>,
}

const PREEMPTION: [&str; 3] = ["", RECLAIM, "reclaimWithinCohort: LowerPriority"];

fn plans() -> impl Strategy<Value = Plan> {
    let queue = (0..9u32, proptest::option::of(0..5u32), 0..PREEMPTION.len());
    let job = (0..3usize, 1..7u32, 0..600u32, 20..400u32);
    (vec(queue, 3), vec(job, 1..12)).prop_map(|(queues, jobs)| Plan { queues, jobs })
}

fn run(plan: &Plan) -> Written {
    let mut objects = FLAVOR.to_owned();
    let mut settings = String::new();
    for (index, (nominal, limit, preemption)) in plan.queues.iter().enumerate() {
        let limits = limit.map_or(String::new(), |limit| format!(", borrowingLimit: {limit}"));
        objects += &queue(&format!("q{index}"), *nominal, &limits, PREEMPTION[*preemption]);
    }
    for (index, (queue, pods, arrival, duration)) in plan.jobs.iter().enumerate() {
        let name = format!("q{queue}-j{index}x");
        objects += &job(&name, &format!("q{queue}"), *pods);
        settings += &setting(&name, *arrival, *duration);
    }
    let spec =
        format!("  duration: 4h\n  kubelet: {{containerStart: 0s, termination: 5s}}\n{NODES}  workloads:\n{settings}");
    written_with(7, &spec, &objects)
}

proptest! {
    #![proptest_config(config(24))]

    /// Counted from the pods alone: the cohort never uses more than all quotas together, no queue more than it may
    /// borrow; and a job that fits its queue's own quota, which all others may be made to give back, does run.
    #[test]
    fn quotas_are_never_broken_and_no_job_that_fits_is_left_behind(plan in plans()) {
        let run = run(&plan);
        let all: u32 = plan.queues.iter().map(|(nominal, ..)| nominal).sum();
        let instants: Vec<i64> = run.created("q");
        for second in instants {
            prop_assert!(run.live_at("q", second) as u32 <= all, "at {second}");
            for (index, (nominal, limit, _)) in plan.queues.iter().enumerate() {
                let most = limit.map_or(all, |limit| (nominal + limit).min(all));
                let used = run.live_at(&format!("q{index}-"), second) as u32;
                prop_assert!(used <= most, "q{index} uses {used} of {most} at {second}");
            }
        }
        for (index, (queue, pods, ..)) in plan.jobs.iter().enumerate() {
            let (nominal, limit, _) = plan.queues[*queue];
            let most = limit.map_or(all, |limit| (nominal + limit).min(all));
            let started = !run.created(&format!("q{queue}-j{index}x")).is_empty();
            prop_assert!(started == (*pods <= most), "job {index} of {pods} pods, of which {most} may run: {started}");
        }
    }
}

/// Training jobs of a trace wait for their queue, and a gang whose quota is taken back stops and comes again.
#[test]
fn a_gang_gives_borrowed_quota_back_and_comes_again() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/data/gavel");
    let gpus = |name: &str, nominal: u32| {
        queue(name, nominal, "", RECLAIM)
            .replace("coveredResources: [cpu]", "coveredResources: [nvidia.com/gpu]")
            .replace("{name: cpu,", "{name: nvidia.com/gpu,")
    };
    let own = job("own", "b", 1)
        .replace("requests: {cpu: '1'}", "requests: {nvidia.com/gpu: 4}, limits: {nvidia.com/gpu: 4}");
    let objects = [FLAVOR.to_owned(), gpus("a", 0), gpus("b", 8), own].concat();
    let ignore_undeclared = objects.replace("[nvidia.com/gpu]", "[nvidia.com/gpu, cpu, memory]").replace(
        "{name: nvidia.com/gpu, nominalQuota: 0}",
        "{name: nvidia.com/gpu, nominalQuota: 0}, {name: cpu, nominalQuota: 900}, {name: memory, nominalQuota: 9Ti}",
    );
    let all = ignore_undeclared.replace(
        "{name: nvidia.com/gpu, nominalQuota: 8}",
        "{name: nvidia.com/gpu, nominalQuota: 8}, {name: cpu, nominalQuota: 900}, {name: memory, nominalQuota: 9Ti}",
    );
    let spec = format!(
        "  duration: 3d\n  nodes: [{{name: n, count: 1, instanceType: p3.16xlarge}}]\n  jobs: {{jobs: {data}/jobs-0e4a51.csv, \
         throughputs: {data}/throughputs.csv, limit: 12, timeScale: 0.01, queue: a}}\n  workloads:\n{}",
        setting("own", 20_000, 3_000)
    );
    let run = written(&spec, &all);
    assert_eq!(run.created("own"), [20_000]);
    let evicted = run.decisions("InCohortReclamation for job/default/own");
    assert!(!evicted.is_empty(), "{:?}", run.decisions("kueue"));
    let again = run.decisions("trainingjob").len();
    assert!(again > evicted.len(), "those evicted are admitted again");
    for gang in evicted {
        let name =
            gang.split("trainingjob/default/").nth(1).and_then(|rest| rest.split([',', ' ', '"']).next()).unwrap_or("");
        let starts = run
            .decisions(name)
            .iter()
            .filter(|line| line.contains("Admitted") && line.contains("ClusterQueue a"))
            .count();
        assert!(starts >= 2, "{name}: {:?}", run.decisions(name));
    }
}
