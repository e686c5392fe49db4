//! Fields of training jobs' kinds: Kubeflow, JobSet, Trainer, Ray.

use super::Bearing::{Acts, ActsPartly, Holds, Inert, Metadata, NotModelled};
use super::Field;
use super::pod::TEMPLATE;

/// The kinds and their fields; tests/behaviour/training_kinds.rs shows those that act.
pub const KINDS: &[(&str, &[Field])] = &[
    ("PyTorchJob", KUBEFLOW),
    ("TFJob", KUBEFLOW),
    ("MPIJob", KUBEFLOW),
    ("XGBoostJob", KUBEFLOW),
    ("PaddleJob", KUBEFLOW),
    ("JAXJob", KUBEFLOW),
    ("JobSet", JOB_SET),
    ("TrainJob", TRAIN_JOB),
    ("TrainingRuntime", TRAINING_RUNTIME),
    ("ClusterTrainingRuntime", TRAINING_RUNTIME),
    ("RayJob", RAY_JOB),
];

const META: Field = ("metadata", Metadata(&["name", "namespace", "labels"]));
const STATUS: Field = ("status", Acts);
const WORK: &str = "a job ends when its work is done, and its workers do not fail by themselves";
const MANAGED: &str = "it runs as if its own controller managed it";

const REPLICAS: &[Field] = &[("replicas", Acts), ("restartPolicy", Inert), ("template", Holds(TEMPLATE))];

const ROLES: &[Field] = &[
    ("Chief", Holds(REPLICAS)),
    ("Evaluator", Holds(REPLICAS)),
    ("Launcher", Holds(REPLICAS)),
    ("Master", Holds(REPLICAS)),
    ("PS", Holds(REPLICAS)),
    ("Worker", Holds(REPLICAS)),
];

const RUN_POLICY: &[Field] = &[
    ("activeDeadlineSeconds", NotModelled("a job takes as long as its work")),
    ("backoffLimit", NotModelled(WORK)),
    ("cleanPodPolicy", ActsPartly("all pods end with the job")),
    ("managedBy", NotModelled(MANAGED)),
    (
        "schedulingPolicy",
        NotModelled(
            "all workers start together, by kube-scheduler's queue or jobs.scheduling; none of it is looked at",
        ),
    ),
    ("suspend", Acts),
    ("ttlSecondsAfterFinished", Inert),
];

const KUBEFLOW: &[Field] = &[
    META,
    (
        "spec",
        Holds(&[
            ("cleanPodPolicy", ActsPartly("all pods end with the job")),
            ("elasticPolicy", NotModelled("the job runs with its replicas")),
            ("enableDynamicWorker", NotModelled("the job runs with its replicas")),
            ("jaxReplicaSpecs", Holds(ROLES)),
            ("launcherCreationPolicy", NotModelled("the launcher starts with the workers")),
            ("mainContainer", Inert),
            ("mpiImplementation", Inert),
            ("mpiReplicaSpecs", Holds(ROLES)),
            ("nprocPerNode", Inert),
            ("paddleReplicaSpecs", Holds(ROLES)),
            ("pytorchReplicaSpecs", Holds(ROLES)),
            ("runPolicy", Holds(RUN_POLICY)),
            ("slotsPerWorker", Inert),
            ("sshAuthMountPath", Inert),
            ("successPolicy", NotModelled("a job ends when all its work is done")),
            ("tfReplicaSpecs", Holds(ROLES)),
            ("xgbReplicaSpecs", Holds(ROLES)),
        ]),
    ),
    STATUS,
];

const JOB: &[Field] = &[
    ("activeDeadlineSeconds", NotModelled("a job takes as long as its work")),
    // Workers do not fail by themselves here, and the usual limit is 0: nothing to tell.
    ("backoffLimit", Inert),
    ("completionMode", Inert),
    ("completions", Acts),
    ("parallelism", Acts),
    ("podFailurePolicy", NotModelled(WORK)),
    ("suspend", Inert),
    ("template", Holds(TEMPLATE)),
    ("ttlSecondsAfterFinished", Inert),
];

const JOB_SET_SPEC: &[Field] = &[
    ("coordinator", Inert),
    ("failurePolicy", ActsPartly("a lost worker restarts the whole gang, without a limit")),
    ("managedBy", NotModelled(MANAGED)),
    ("network", Inert),
    (
        "replicatedJobs",
        Holds(&[
            ("dependsOn", NotModelled("all its Jobs start together")),
            ("groupName", Inert),
            ("name", Acts),
            ("replicas", Acts),
            ("template", Holds(&[("metadata", Metadata(&["labels"])), ("spec", Holds(JOB))])),
        ]),
    ),
    ("startupPolicy", NotModelled("all its Jobs start together")),
    ("successPolicy", NotModelled("it ends when all its work is done")),
    ("suspend", Acts),
    ("ttlSecondsAfterFinished", Inert),
    ("volumeClaimPolicies", NotModelled("volumes tie no pod to a zone")),
];

const JOB_SET: &[Field] = &[META, ("spec", Holds(JOB_SET_SPEC)), STATUS];

const TRAIN_JOB: &[Field] = &[
    META,
    (
        "spec",
        Holds(&[
            ("annotations", Inert),
            (
                "initializer",
                NotModelled("models and data are there when it starts; jobs.training has phases for loading"),
            ),
            ("labels", NotModelled("pods keep their template's labels")),
            ("managedBy", NotModelled(MANAGED)),
            ("podSpecOverrides", NotModelled("pods are as the runtime has them")),
            ("podTemplateOverrides", NotModelled("pods are as the runtime has them")),
            ("runtimeRef", Acts),
            ("suspend", Acts),
            (
                "trainer",
                Holds(&[
                    ("args", Inert),
                    ("command", Inert),
                    ("env", Inert),
                    ("image", Acts),
                    ("numNodes", Acts),
                    ("numProcPerNode", Inert),
                    ("resourcesPerNode", Acts),
                ]),
            ),
        ]),
    ),
    STATUS,
];

const TRAINING_RUNTIME: &[Field] = &[
    META,
    (
        "spec",
        Holds(&[
            ("mlPolicy", Holds(&[("mpi", Inert), ("numNodes", Acts), ("torch", Inert)])),
            ("podGroupPolicy", NotModelled("all workers start together, by kube-scheduler's queue or jobs.scheduling")),
            ("template", Holds(&[("metadata", Inert), ("spec", Holds(JOB_SET_SPEC))])),
        ]),
    ),
    STATUS,
];

const RAY_CLUSTER_SPEC: &[Field] = &[
    ("authOptions", Inert),
    ("autoscalerOptions", NotModelled("groups keep their replicas")),
    ("enableInTreeAutoscaling", NotModelled("groups keep their replicas")),
    ("gcsFaultToleranceOptions", Inert),
    (
        "headGroupSpec",
        Holds(&[
            ("enableIngress", Inert),
            ("headService", Inert),
            ("labels", Inert),
            ("rayStartParams", Inert),
            ("resources", Inert),
            ("serviceType", Inert),
            ("template", Holds(TEMPLATE)),
        ]),
    ),
    ("headServiceAnnotations", Inert),
    ("managedBy", NotModelled(MANAGED)),
    ("rayVersion", Inert),
    ("suspend", Acts),
    ("upgradeStrategy", Inert),
    (
        "workerGroupSpecs",
        Holds(&[
            ("groupName", Acts),
            ("idleTimeoutSeconds", NotModelled("groups keep their replicas")),
            ("labels", Inert),
            ("maxReplicas", Acts),
            ("minReplicas", Acts),
            ("numOfHosts", Acts),
            ("rayStartParams", Inert),
            ("replicas", Acts),
            ("resources", Inert),
            ("scaleStrategy", NotModelled("groups keep their replicas")),
            ("suspend", Acts),
            ("template", Holds(TEMPLATE)),
        ]),
    ),
];

const RAY_JOB: &[Field] = &[
    META,
    (
        "spec",
        Holds(&[
            ("activeDeadlineSeconds", NotModelled("a job takes as long as its work")),
            ("backoffLimit", NotModelled(WORK)),
            ("clusterSelector", NotModelled("it takes a cluster of its own")),
            ("deletionPolicy", ActsPartly("all pods end with the job")),
            ("deletionStrategy", ActsPartly("all pods end with the job")),
            ("entrypoint", Inert),
            ("entrypointNumCpus", Inert),
            ("entrypointNumGpus", Inert),
            ("entrypointResources", Inert),
            ("jobId", Inert),
            ("managedBy", NotModelled(MANAGED)),
            ("metadata", Inert),
            ("rayClusterSpec", Holds(RAY_CLUSTER_SPEC)),
            ("runtimeEnvYAML", Inert),
            ("shutdownAfterJobFinishes", Acts),
            ("submissionMode", NotModelled("no pod submits it")),
            ("submitterConfig", Inert),
            ("submitterPodTemplate", NotModelled("no pod submits it")),
            ("suspend", Acts),
            ("ttlSecondsAfterFinished", Inert),
        ]),
    ),
    STATUS,
];
