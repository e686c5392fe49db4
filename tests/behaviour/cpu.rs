//! CPU as nodes divide it: by shares under contention, and to whoever wants it where there is more than enough.

use super::{run_files, run_yaml};
use crate::watch::Watched;

fn deployment(name: &str, node: &str, replicas: u32, resources: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{nodeSelector: {{a: '{node}'}}, containers: [{{name: c, image: i, resources: {resources}}}]}}\n"
    )
}

fn scenario(spec: &str, deployments: &[String]) -> String {
    let head = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: cpu}\nspec:\n  duration: 10m\n";
    head.to_owned() + spec + &deployments.concat()
}

const TWO_CORES: &str = "  nodes: [{name: m, capacity: {cpu: 2, memory: 16Gi}, labels: {a: '1'}}]\n";

/// (served, backlog of the last minute) of each service at the last sample, in millicores.
fn served(run: &Watched) -> Vec<(i64, i64)> {
    let (last, before) = (&run.samples[run.samples.len() - 1], &run.samples[run.samples.len() - 2]);
    last.services.iter().zip(&before.services).map(|(now, then)| (now.1, now.2 - then.2)).collect()
}

fn load(entries: &[(&str, &str)]) -> String {
    let line =
        |(name, cpu): &(&str, &str)| format!("    - {{target: {{kind: Deployment, name: {name}}}, cpu: {cpu}}}\n");
    "  load:\n".to_owned() + &entries.iter().map(line).collect::<String>()
}

#[test]
fn a_limit_caps_though_the_node_is_idle() {
    let nodes = "  nodes: [{name: n, capacity: {cpu: 8, memory: 16Gi}, labels: {a: '1'}}]\n";
    let spec = nodes.to_owned() + &load(&[("w", "{constant: 3}")]);
    let pods = deployment("w", "1", 2, "{requests: {cpu: 100m, memory: 1Gi}, limits: {cpu: 500m}}");
    let (run, _) = run_yaml(&scenario(&spec, &[pods]));
    assert_eq!(served(&run), [(1000, 120_000)]);
}

#[test]
fn under_contention_requests_decide() {
    let spec = TWO_CORES.to_owned() + &load(&[("u", "{constant: 5}"), ("v", "{constant: 5}")]);
    let small = deployment("u", "1", 1, "{requests: {cpu: 250m, memory: 1Gi}}");
    let large = deployment("v", "1", 1, "{requests: {cpu: 750m, memory: 1Gi}}");
    let (run, _) = run_yaml(&scenario(&spec, &[small, large]));
    assert_eq!(served(&run).iter().map(|service| service.0).collect::<Vec<_>>(), [500, 1500]);
    assert_eq!(run.samples.last().expect("samples").used.cpu.get(), 2000);
}

/// The neighbour is busy for five minutes and idle then: what it leaves is used, and what it takes back is not.
#[test]
fn what_a_neighbour_leaves_can_be_used() {
    let burst = "{step: {initial: 0.1, steps: [{at: 5m, to: 4}]}}";
    let spec = TWO_CORES.to_owned() + &load(&[("u", "{constant: 5}"), ("v", burst)]);
    let small = deployment("u", "1", 1, "{requests: {cpu: 250m, memory: 1Gi}}");
    let large = deployment("v", "1", 1, "{requests: {cpu: 750m, memory: 1Gi}}");
    let (run, _) = run_yaml(&scenario(&spec, &[small, large]));
    let at = |minute: usize| run.samples[minute].services.iter().map(|service| service.1).collect::<Vec<_>>();
    assert_eq!(at(4), [1900, 100]);
    assert_eq!(at(9), [500, 1500]);
}

/// A pod whose share is not asked for by anybody else is no bottleneck of its service: the others' demand is.
#[test]
fn a_service_turns_to_its_pods_on_nodes_with_room() {
    let nodes = "  nodes:\n    - {name: m, capacity: {cpu: 2, memory: 16Gi}, labels: {a: '1', b: x}}\n    \
                 - {name: o, capacity: {cpu: 8, memory: 16Gi}, labels: {a: '1', b: y}}\n";
    let spec = nodes.to_owned() + &load(&[("u", "{constant: 4}"), ("v", "{constant: 9}")]);
    let anti = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: b, whenUnsatisfiable: DoNotSchedule, \
                labelSelector: {matchLabels: {app: u}}}]";
    let spread = deployment("u", "1", 2, "{requests: {cpu: 500m, memory: 1Gi}}")
        .replace("nodeSelector", &format!("{anti}, nodeSelector"));
    let hog = deployment("v", "1", 1, "{requests: {cpu: 1500m, memory: 1Gi}}").replace("a: '1'", "b: x");
    let (run, _) = run_yaml(&scenario(&spec, &[spread, hog]));
    // 0.5 cores beside the hog, and the other 3.5 on the free node.
    assert_eq!(served(&run), [(4000, 0), (1500, 450_000)]);
}

/// A pod without a request yields to one that has one, and takes the rest.
#[test]
fn modelled_use_is_held_down_by_limits_and_neighbours() {
    let usage = "  workloads:\n    - {target: {kind: Deployment, name: busy}, usage: {cpu: 3}}\n    \
                 - {target: {kind: Deployment, name: capped}, usage: {cpu: 2}}\n";
    let busy = deployment("busy", "1", 1, "{requests: {cpu: 1, memory: 1Gi}}");
    let capped = deployment("capped", "1", 1, "{requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: 600m}}");
    let (run, _) = run_yaml(&scenario(&(TWO_CORES.to_owned() + usage), &[busy, capped]));
    // 3 + 0.6 wanted of 2: 0.6 is below a third of the shares, and 1.4 are left.
    assert_eq!(run.samples.last().expect("samples").used.cpu.get(), 2000);
    let alone = deployment("capped", "1", 1, "{requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: 600m}}");
    let usage = "  workloads: [{target: {kind: Deployment, name: capped}, usage: {cpu: 2}}]\n";
    let (run, _) = run_yaml(&scenario(&(TWO_CORES.to_owned() + usage), &[alone]));
    assert_eq!(run.samples.last().expect("samples").used.cpu.get(), 600);
}

#[test]
fn training_workers_use_no_more_cpu_than_there_is() {
    let spec = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: jobs}\nspec:\n  duration: 10m\n  \
        jobs: {jobs: j.csv, throughputs: t.csv, training: {cpuPerGpu: 4, \
        phases: {load: {duration: 1s}, compute: {usage: {cpu: 2.5, memory: 0.5, gpu: 1}}}}}\n  \
        nodes: [{name: v, capacity: {cpu: 16, memory: 200Gi, nvidia.com/gpu: 2}, gpuModel: V100}]\n";
    let (run, _) = run_files(&[
        ("scenario.yaml", spec),
        ("j.csv", "job,arrival_s,model,batch_size,num_gpus,total_steps\nm,0,M,,2,6000\n"),
        ("t.csv", "model,batch_size,gpu,num_gpus,consolidated,steps_per_second\nM,,V100,2,true,1\n"),
    ]);
    // Two workers of 4 cores want 10 each.
    assert_eq!(run.samples.last().expect("samples").used.cpu.get(), 16_000);
}
