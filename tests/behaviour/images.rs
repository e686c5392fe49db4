//! When an image is on a node, and whom a pull makes wait.

use super::{pod, run_files, run_yaml, secs};
use crate::watch::Watched;

fn scenario(kubelet: &str, pods: &[(&str, &str)]) -> String {
    let mut text = format!(
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: pull}}\nspec:\n  duration: 1h\n  \
         nodes: [{{name: n, capacity: {{cpu: 8, memory: 16Gi}}}}]\n  \
         kubelet: {{imagePullRate: 60M, imageSizes: {{\"x:1\": 6G, \"y:1\": 6G}}{kubelet}}}\n"
    );
    for (name, spec) in pods {
        text += &format!("---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n");
    }
    text
}

const X: &str = "containers: [{name: c, image: 'x:1', resources: {requests: {cpu: 1, memory: 1Gi}}}]";
const Y: &str = "containers: [{name: c, image: 'y:1', resources: {requests: {cpu: 1, memory: 1Gi}}}]";

/// Seconds at which the pods' containers start.
fn starts(run: &Watched, pods: &[&str]) -> Vec<Option<f64>> {
    pods.iter().map(|name| pod(run, name).started.map(|at| at.as_secs_f64())).collect()
}

/// 6 GB at 60 MB/s take 100 s, and a container 1 s to start.
#[test]
fn a_node_pulls_one_image_after_the_other_and_all_wait_for_the_one_that_they_need() {
    let (run, _) = run_yaml(&scenario("", &[("a", X), ("b", X), ("c", Y)]));
    assert_eq!(starts(&run, &["a", "b", "c"]), [Some(101.0), Some(101.0), Some(201.0)]);
}

#[test]
fn parallel_pulls_share_the_nodes_rate() {
    let options = ", serializeImagePulls: false, maxParallelImagePulls: 2";
    let (run, _) = run_yaml(&scenario(options, &[("a", X), ("c", Y)]));
    assert_eq!(starts(&run, &["a", "c"]), [Some(201.0), Some(201.0)]);
}

/// The init container's image comes first, and another pod's pull comes between a pod's two.
#[test]
fn a_pod_asks_for_its_second_image_when_it_has_its_first() {
    let both = format!("initContainers: [{{name: i, image: 'y:1'}}], {X}");
    let (run, _) = run_yaml(&scenario("", &[("a", &both), ("b", X)]));
    // y until 100 s, then x, which b asked for meanwhile.
    assert_eq!(starts(&run, &["a", "b"]), [Some(201.0), Some(201.0)]);
}

#[test]
fn an_image_that_the_node_object_has_is_not_pulled_again() {
    let node = "---\napiVersion: v1\nkind: Node\nmetadata: {name: m}\nstatus: {capacity: {cpu: 8, memory: 16Gi}, \
                images: [{names: ['x:1'], sizeBytes: 6000000000}]}\n";
    let on_m = format!("nodeName: m, {X}");
    let (run, _) = run_yaml(&(scenario("", &[("a", &on_m), ("b", X)]) + node));
    assert_eq!(starts(&run, &["a"]), [Some(1.0)]);
}

#[test]
fn a_size_that_no_container_asks_for_is_told() {
    let (_, warnings) = run_yaml(&scenario("", &[("a", X)]));
    assert!(warnings.iter().any(|warning| warning.contains("no container has the image y:1")), "{warnings:?}");
}

/// A job of two workers on one node: both wait for the same image, and the gang begins when it is there.
#[test]
fn training_workers_have_an_image_too() {
    let scenario = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: jobs}\nspec:\n  duration: 1h\n  \
        kubelet: {imagePullRate: 60M, imageSizes: {'torch:2': 6G}}\n  \
        jobs: {jobs: j.csv, throughputs: t.csv, image: 'torch:2', training: {gpusPerWorker: 1}}\n  \
        nodes: [{name: v, capacity: {cpu: 64, memory: 200Gi, nvidia.com/gpu: 2}, gpuModel: V100}]\n";
    let (run, _) = run_files(&[
        ("scenario.yaml", scenario),
        ("j.csv", "job,arrival_s,model,batch_size,num_gpus,total_steps\nm,0,M,,2,600\n"),
        ("t.csv", "model,batch_size,gpu,num_gpus,consolidated,steps_per_second\nM,,V100,2,true,1\n"),
    ]);
    assert_eq!(starts(&run, &["m-worker-0", "m-worker-1"]), [Some(101.0), Some(101.0)]);
    assert_eq!(run.outcome.training[0].started, Some(secs(101)));
}
