//! Memory beyond what a machine has.

use super::written::written;
use super::{pod, run_files, run_yaml, secs};

/// Eight workers of 12 GiB that use five times as much, on 200 GiB: it can never have run.
#[test]
fn training_workers_that_use_more_than_the_machine_has_are_killed() {
    let scenario = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: mem}\nspec:\n  duration: 1h\n  \
        jobs: {jobs: j.csv, throughputs: t.csv, training: {cpuPerGpu: 1, memoryPerGpu: 12Gi, \
        phases: {compute: {usage: {cpu: 0.5, memory: 5, gpu: 1}}}}}\n  \
        nodes: [{name: v, capacity: {cpu: 64, memory: 200Gi, nvidia.com/gpu: 8}, gpuModel: V100}]\n";
    let (run, _) = run_files(&[
        ("scenario.yaml", scenario),
        ("j.csv", "job,arrival_s,model,batch_size,num_gpus,total_steps\nm,0,M,,8,600\n"),
        ("t.csv", "model,batch_size,gpu,num_gpus,consolidated,steps_per_second\nM,,V100,8,true,1\n"),
    ]);
    assert_eq!(run.outcome.training[0].finished, None);
    assert_eq!(pod(&run, "m-worker-0").reason, "OOMKilled");
    let most = run.samples.iter().map(|sample| sample.used.memory.get()).max().expect("samples");
    assert!(most <= 200 << 30, "{most} bytes in use");
}

/// 1.5 GiB of requests use 6 GiB of a machine's 4: the kernel does not wait for the kubelet. Best effort goes before
/// burstable, and of those the one that uses most above its request; a guaranteed pod stays.
#[test]
fn the_kernel_kills_best_effort_first_and_guaranteed_last() {
    let pod_of = |name: &str, resources: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n  \
             selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
             spec: {{containers: [{{name: c, image: i, resources: {resources}}}]}}\n"
        )
    };
    let scenario = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: oom}\nspec:\n  duration: 5s\n  \
        nodes: [{name: n, capacity: {cpu: 8, memory: 4Gi}}]\n  workloads:\n    \
        - {target: {kind: Deployment, name: calm}, usage: {memory: 2}}\n    \
        - {target: {kind: Deployment, name: greedy}, usage: {memory: 5}}\n    \
        - {target: {kind: Deployment, name: sure}, usage: {memory: 1}}\n"
        .to_owned()
        + &pod_of("calm", "{requests: {cpu: 1, memory: 512Mi}}")
        + &pod_of("greedy", "{requests: {cpu: 1, memory: 512Mi}}")
        + &pod_of("sure", "{requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}}");
    let (run, _) = run_yaml(&scenario);
    let killed: Vec<&String> = run.decisions.iter().filter(|line| line.contains("OOMKilled")).collect();
    assert!(killed[0].starts_with(&format!("{} kubelet pod/default/greedy-0:", secs(1))), "{killed:#?}");
    assert!(killed.iter().all(|line| line.contains("greedy")), "{killed:#?}");
    assert_eq!(pod(&run, "sure-0").restarts + pod(&run, "calm-0").restarts, 0);
}

/// Limits are those of what runs: sidecars have theirs, an init container is over before the pod works, and overhead is
/// nobody's use.
#[test]
fn a_pod_uses_parts_of_what_runs_in_it_and_its_limits_are_theirs() {
    let both = "requests: {memory: 1Gi, cpu: 100m}, limits: {memory: 1Gi}";
    let app = format!("{{name: app, image: i, resources: {{{both}}}}}");
    let beside = format!("initContainers: [{{name: mesh, image: i, restartPolicy: Always, resources: {{{both}}}}}]");
    let before = "initContainers: [{name: fetch, image: i, resources: {requests: {memory: 4Gi, cpu: 2}}}]";
    for (more, used) in [("", 922), (beside.as_str(), 1843), (before, 922), ("overhead: {memory: 1Gi}", 922)] {
        let comma = if more.is_empty() { "" } else { ", " };
        let objects =
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{app}]{comma}{more}}}\n");
        let settings = "  duration: 1h\n  nodes: [{name: n, instanceType: m6i.2xlarge}]\n  workloads: [{target: {kind: Pod, name: p}, usage: \
                        {memory: 0.9}}]\n";
        let run = written(settings, &objects);
        let pod = &run.pods("p")[0];
        assert_eq!(pod.restarts, 0, "{more}: {:#?}", run.run.decisions);
        let last = run.run.samples.last().expect("it is sampled");
        assert_eq!((last.used.memory.get() + (1 << 19)) >> 20, used, "{more}");
    }
}
