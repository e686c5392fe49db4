//! Training jobs as users write them: which pods they make, when they run, and when they are over.

use super::written::{Written, written};

const NODES: &str = "  duration: 6h\n  nodes: [{name: gpu, count: 2, instanceType: p4d.24xlarge}, {name: cpu, instanceType: m6i.2xlarge}]\n";
const AT_ONCE: &str = "phases: {load: {duration: 0s}, checkpoint: {interval: 2h, duration: 0s}}";

fn run(settings: &str, objects: &str) -> Written {
    written(&format!("{NODES}  jobs: {{training: {{{AT_ONCE}}}}}\n{settings}"), objects)
}

fn hour(kind: &str, name: &str) -> String {
    format!("  workloads: [{{target: {{kind: {kind}, name: {name}}}, duration: 1h, arrival: 10m}}]\n")
}

fn template(container: &str, gpus: u32) -> String {
    let gpus = if gpus > 0 { format!(", nvidia.com/gpu: {gpus}") } else { String::new() };
    format!(
        "{{spec: {{containers: [{{name: {container}, image: i, resources: {{requests: {{cpu: \"2\"}}, limits: {{memory: 4Gi{gpus}}}}}}}]}}}}"
    )
}

fn pytorch(run_policy: &str) -> String {
    let pod = template("pytorch", 4);
    format!(
        "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {{name: bert}}\nspec:\n  {run_policy}\n  pytorchReplicaSpecs:\n    Master: {{replicas: 1, restartPolicy: OnFailure, template: {pod}}}\n    Worker: {{replicas: 3, template: {pod}}}\n"
    )
}

#[test]
fn a_pytorch_job_is_a_gang_of_its_master_and_workers() {
    let run = run(&hour("PyTorchJob", "bert"), &pytorch("nprocPerNode: auto"));
    assert_eq!(run.created("bert"), [600; 4]);
    let (ended, why): (Vec<i64>, Vec<&str>) = run.ended("bert").into_iter().unzip();
    assert_eq!(why, ["Completed"; 4]);
    assert!(ended.iter().all(|end| (4_200..4_260).contains(end)), "{ended:?}");
    let job = &run.run.outcome.training[0];
    assert_eq!((job.workers, job.gpus), (4, 16));
}

/// Three nodes would be needed; a job of which not all workers have room starts none.
#[test]
fn a_gang_that_does_not_fit_starts_nobody() {
    let objects = pytorch("nprocPerNode: auto").replace("replicas: 3", "replicas: 5");
    let run = run(&hour("PyTorchJob", "bert"), &objects);
    assert!(run.pods("bert").iter().all(|pod| pod.scheduled.is_none()));
    assert!(run.run.outcome.training[0].started.is_none());
}

#[test]
fn a_suspended_job_makes_no_pods_and_says_so() {
    let run = run("", &pytorch("runPolicy: {suspend: true}"));
    assert!(run.pods("bert").is_empty());
    assert!(run.warnings.iter().any(|warning| warning.contains("PyTorchJob bert is suspended")), "{:?}", run.warnings);
}

/// The launcher asks for no GPU: it is a pod of the job beside the gang, and ends with it.
#[test]
fn a_launcher_is_there_as_long_as_the_gang() {
    let (launcher, worker) = (template("launcher", 0), template("worker", 8));
    let objects = format!(
        "apiVersion: kubeflow.org/v2beta1\nkind: MPIJob\nmetadata: {{name: horovod}}\nspec:\n  slotsPerWorker: 8\n  mpiReplicaSpecs:\n    Launcher: {{replicas: 1, template: {launcher}}}\n    Worker: {{replicas: 2, template: {worker}}}\n"
    );
    let run = run(&hour("MPIJob", "horovod"), &objects);
    assert_eq!(run.created("horovod-worker").len(), 2);
    assert_eq!(run.created("horovod-launcher"), [600]);
    let last = run.ended("horovod").into_iter().map(|(end, _)| end).collect::<Vec<_>>();
    assert!(last.iter().all(|end| *end == last[0]), "{last:?}");
    assert_eq!(run.run.outcome.training[0].gpus, 16);
}

#[test]
fn a_job_set_has_replicas_times_parallelism_workers() {
    let objects = format!(
        "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {{name: llama}}\nspec:\n  failurePolicy: {{maxRestarts: 3}}\n  replicatedJobs:\n    - {{name: workers, replicas: 2, template: {{spec: {{parallelism: 4, completions: 4, template: {}}}}}}}\n",
        template("c", 2)
    );
    let run = run(&hour("JobSet", "llama"), &objects);
    assert_eq!(run.created("llama").len(), 8);
    assert_eq!((run.run.outcome.training[0].workers, run.run.outcome.training[0].gpus), (8, 16));
    let told = |part: &str| run.warnings.iter().any(|warning| warning.contains(part));
    assert!(told("spec.failurePolicy (1 object): not modelled"), "{:?}", run.warnings);
}

#[test]
fn a_train_job_takes_its_pods_from_its_runtime() {
    let objects = format!(
        "apiVersion: trainer.kubeflow.org/v1alpha1\nkind: ClusterTrainingRuntime\nmetadata: {{name: torch-distributed}}\nspec:\n  mlPolicy: {{numNodes: 1, torch: {{numProcPerNode: auto}}}}\n  template: {{spec: {{replicatedJobs: [{{name: node, template: {{metadata: {{labels: {{trainer.kubeflow.org/trainjob-ancestor-step: trainer}}}}, spec: {{template: {}}}}}}}]}}}}\n---\napiVersion: trainer.kubeflow.org/v1alpha1\nkind: TrainJob\nmetadata: {{name: tune}}\nspec:\n  runtimeRef: {{name: torch-distributed}}\n  trainer: {{numNodes: 2, resourcesPerNode: {{requests: {{cpu: \"8\", nvidia.com/gpu: 8}}}}}}\n",
        template("node", 0)
    );
    let run = run(&hour("TrainJob", "tune"), &objects);
    assert_eq!(run.created("tune").len(), 2);
    assert_eq!(run.run.outcome.training[0].gpus, 16);
}

const RAY: &str = "rayVersion: 2.9.0, headGroupSpec: {rayStartParams: {}, template: HEAD}, workerGroupSpecs: [{groupName: gpu, replicas: 2, minReplicas: 1, maxReplicas: 4, rayStartParams: {}, template: WORKER}]";

fn ray() -> String {
    RAY.replace("HEAD", &template("head", 0)).replace("WORKER", &template("worker", 1))
}

/// A cluster serves until it is deleted; a job's cluster ends with it.
#[test]
fn a_ray_cluster_stays_and_the_cluster_of_a_ray_job_ends() {
    let cluster = format!("apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {{name: ray}}\nspec: {{{}}}\n", ray());
    let stays = written(NODES, &cluster);
    assert_eq!((stays.live_at("ray-head", 20_000), stays.live_at("ray-gpu", 20_000)), (1, 2));
    let job = format!(
        "apiVersion: ray.io/v1\nkind: RayJob\nmetadata: {{name: tune}}\nspec: {{entrypoint: python x.py, rayClusterSpec: {{{}}}}}\n",
        ray()
    );
    let ends = run(&hour("RayJob", "tune"), &job);
    assert_eq!((ends.live_at("tune", 700), ends.live_at("tune", 4_400)), (3, 0));
    assert_eq!(ends.run.outcome.training[0].workers, 2);
}

/// A RayCluster's groups are counted as a RayJob's are: within their bounds, and none where they are suspended.
#[test]
fn groups_of_a_ray_cluster_keep_to_their_bounds() {
    let template = "template: {spec: {containers: [{name: c, image: ray, resources: {requests: {cpu: 100m}}}]}}";
    let group = |name: &str, fields: &str| format!("{{groupName: {name}, {fields}, {template}}}");
    let groups = [
        group("many", "replicas: 9, maxReplicas: 3"),
        group("few", "replicas: 1, minReplicas: 2, numOfHosts: 2"),
        group("unset", "minReplicas: 1"),
        group("off", "replicas: 2, suspend: true"),
        group("typo", "replicas: 1, maxReplica: 0"),
    ];
    let spec = format!("headGroupSpec: {{{template}}}, workerGroupSpecs: [{}]", groups.join(", "));
    let cluster = |more: &str| {
        format!("apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {{name: ray}}\nspec: {{{spec}{more}}}\n")
    };
    let run = written(NODES, &cluster(""));
    let live = ["head", "many", "few", "unset", "off", "typo"].map(|group| run.live_at(&format!("ray-{group}"), 600));
    assert_eq!(live, [1, 3, 4, 1, 0, 1]);
    let told = run.warnings.iter().any(|warning| warning.contains("no field maxReplica; did you mean maxReplicas?"));
    assert!(told, "{:?}", run.warnings);
    let suspended = written(NODES, &cluster(", suspend: true"));
    assert_eq!(suspended.live_at("ray-head", 600), 0);
}

#[test]
fn how_long_a_job_trains_is_asked_for() {
    let run = run("", &pytorch("nprocPerNode: auto"));
    let told = run.warnings.iter().any(|warning| warning.contains("how long it trains is not known; 10m"));
    assert!(told, "{:?}", run.warnings);
}

#[test]
fn a_job_that_is_over_is_not_run_again() {
    let over = "status: {conditions: [{type: Created, status: \"True\"}, {type: Succeeded, status: \"True\"}]}\n";
    let run = run("", &(pytorch("nprocPerNode: auto") + over));
    assert!(run.pods("bert").is_empty());
}
