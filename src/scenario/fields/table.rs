//! The kinds and their fields beside pods.

use super::Bearing::{Acts, Holds, Inert, Metadata, NotModelled};
use super::Field;
use super::pod::{SPEC, TEMPLATE};

/// Kind, API version (empty: the one there is), fields.
pub const KINDS: &[(&str, &str, &[Field])] = &[
    ("Deployment", "", DEPLOYMENT),
    ("ReplicaSet", "", REPLICA_SET),
    ("StatefulSet", "", STATEFUL_SET),
    ("DaemonSet", "", DAEMON_SET),
    ("Job", "", JOB),
    ("CronJob", "", CRON_JOB),
    ("Pod", "", POD),
    ("Node", "", NODE),
    ("HorizontalPodAutoscaler", "autoscaling/v2", AUTOSCALER),
    ("HorizontalPodAutoscaler", "autoscaling/v1", AUTOSCALER_V1),
    ("PodDisruptionBudget", "", BUDGET),
    ("PriorityClass", "", PRIORITY_CLASS),
    ("PersistentVolumeClaim", "", CLAIM),
    ("PersistentVolume", "", VOLUME),
    ("StorageClass", "", STORAGE_CLASS),
];

const DEPLOYMENT: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    (
        "spec",
        Holds(&[
            ("minReadySeconds", Acts),
            ("paused", Acts),
            ("progressDeadlineSeconds", Acts),
            ("replicas", Acts),
            ("revisionHistoryLimit", Inert),
            ("selector", Acts),
            (
                "strategy",
                Holds(&[("rollingUpdate", Holds(&[("maxSurge", Acts), ("maxUnavailable", Acts)])), ("type", Acts)]),
            ),
            ("template", Holds(TEMPLATE)),
        ]),
    ),
    ("status", Inert),
];

const REPLICA_SET: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    // What is available of a ReplicaSet by itself is only its status.
    (
        "spec",
        Holds(&[("minReadySeconds", Inert), ("replicas", Acts), ("selector", Acts), ("template", Holds(TEMPLATE))]),
    ),
    ("status", Inert),
];

const STATEFUL_SET: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    (
        "spec",
        Holds(&[
            ("minReadySeconds", Acts),
            ("ordinals", NotModelled("pods are numbered from 0")),
            ("persistentVolumeClaimRetentionPolicy", Holds(&[("whenDeleted", Inert), ("whenScaled", Acts)])),
            ("podManagementPolicy", Acts),
            ("replicas", Acts),
            ("revisionHistoryLimit", Inert),
            ("selector", Acts),
            ("serviceName", Inert),
            ("template", Holds(TEMPLATE)),
            (
                "updateStrategy",
                Holds(&[
                    (
                        "rollingUpdate",
                        Holds(&[
                            (
                                "maxUnavailable",
                                NotModelled(
                                    "pods are renewed one at a time, as without the feature MaxUnavailableStatefulSet",
                                ),
                            ),
                            ("partition", Acts),
                        ]),
                    ),
                    ("type", Acts),
                ]),
            ),
            (
                "volumeClaimTemplates",
                Holds(&[
                    ("apiVersion", Inert),
                    ("kind", Inert),
                    ("metadata", Metadata(&["name"])),
                    ("spec", Holds(CLAIM_TEMPLATE_SPEC)),
                    ("status", Inert),
                ]),
            ),
        ]),
    ),
    ("status", Inert),
];

const DAEMON_SET: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    // Its template does not change in a run, and its pods are told by their owner.
    (
        "spec",
        Holds(&[
            ("minReadySeconds", Inert),
            ("revisionHistoryLimit", Inert),
            ("selector", Inert),
            ("template", Holds(TEMPLATE)),
            ("updateStrategy", Inert),
        ]),
    ),
    ("status", Inert),
];

const CRON_JOB: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    (
        "spec",
        Holds(&[
            ("concurrencyPolicy", Acts),
            ("failedJobsHistoryLimit", NotModelled(FINISHED_STAY)),
            ("jobTemplate", Holds(&[("metadata", Metadata(&[])), ("spec", Holds(JOB_SPEC))])),
            ("schedule", Acts),
            ("startingDeadlineSeconds", Acts),
            ("successfulJobsHistoryLimit", NotModelled(FINISHED_STAY)),
            ("suspend", Acts),
            ("timeZone", Acts),
        ]),
    ),
    ("status", NotModelled("the CronJob starts anew: a Job that it missed or that is at work is not taken over")),
];

const FINISHED_STAY: &str =
    "a finished Job and its pods stay, which hold no room; only a selector that matches them can tell";

const JOB: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    ("spec", Holds(JOB_SPEC)),
    ("status", NotModelled("a Job goes on with the completions that it lacks; its pods begin their work anew")),
];

const JOB_SPEC: &[Field] = &[
    ("activeDeadlineSeconds", Acts),
    ("backoffLimit", Acts),
    ("backoffLimitPerIndex", Acts),
    ("completionMode", Acts),
    ("completions", Acts),
    ("managedBy", Acts),
    ("manualSelector", Inert),
    ("maxFailedIndexes", Acts),
    ("parallelism", Acts),
    (
        "podFailurePolicy",
        Holds(&[(
            "rules",
            Holds(&[
                ("action", Acts),
                ("onExitCodes", Holds(&[("containerName", Acts), ("operator", Acts), ("values", Acts)])),
                ("onPodConditions", Holds(&[("status", Acts), ("type", Acts)])),
            ]),
        )]),
    ),
    ("podReplacementPolicy", Acts),
    ("selector", Inert),
    ("successPolicy", Holds(&[("rules", Holds(&[("succeededCount", Acts), ("succeededIndexes", Acts)]))])),
    ("suspend", Acts),
    ("template", Holds(TEMPLATE)),
    ("ttlSecondsAfterFinished", NotModelled(FINISHED_STAY)),
];

const POD: &[Field] = &[
    ("metadata", Metadata(&["annotations", "labels", "name", "namespace"])),
    ("spec", Holds(SPEC)),
    // Where a live pod stands, and since when, is taken before its fields are read.
    ("status", Inert),
];

const NODE: &[Field] = &[
    ("metadata", Metadata(&["annotations", "labels", "name"])),
    (
        "spec",
        Holds(&[
            ("configSource", Inert),
            ("externalID", Inert),
            ("podCIDR", Inert),
            ("podCIDRs", Inert),
            ("providerID", Inert),
            ("taints", Holds(&[("effect", Acts), ("key", Acts), ("timeAdded", Inert), ("value", Acts)])),
            ("unschedulable", Acts),
        ]),
    ),
    (
        "status",
        Holds(&[
            ("addresses", Inert),
            ("allocatable", Acts),
            ("capacity", Acts),
            ("conditions", Acts),
            ("config", Inert),
            ("daemonEndpoints", Inert),
            ("features", Inert),
            ("images", Acts),
            ("nodeInfo", Inert),
            ("phase", Inert),
            ("runtimeHandlers", Inert),
            ("volumesAttached", Inert),
            ("volumesInUse", Inert),
        ]),
    ),
];

/// One reader takes an HPA whole, and refuses what it can't act on.
const AUTOSCALER: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    (
        "spec",
        Holds(&[
            ("behavior", Acts),
            ("maxReplicas", Acts),
            ("metrics", Acts),
            ("minReplicas", Acts),
            ("scaleTargetRef", Acts),
        ]),
    ),
    ("status", Inert),
];

const AUTOSCALER_V1: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    (
        "spec",
        Holds(&[
            ("maxReplicas", Acts),
            ("minReplicas", Acts),
            ("scaleTargetRef", Acts),
            ("targetCPUUtilizationPercentage", Acts),
        ]),
    ),
    ("status", Inert),
];

const BUDGET: &[Field] = &[
    ("metadata", Metadata(&["name", "namespace"])),
    (
        "spec",
        Holds(&[
            ("maxUnavailable", Acts),
            ("minAvailable", Acts),
            ("selector", Acts),
            (
                "unhealthyPodEvictionPolicy",
                NotModelled("pods that are not ready are evicted as under IfHealthyBudget, the default"),
            ),
        ]),
    ),
    ("status", Inert),
];

const PRIORITY_CLASS: &[Field] = &[
    ("description", Inert),
    ("globalDefault", Acts),
    ("metadata", Metadata(&["name"])),
    ("preemptionPolicy", Acts),
    ("value", Acts),
];

const CLAIM: &[Field] =
    &[("metadata", Metadata(&["name", "namespace"])), ("spec", Holds(CLAIM_SPEC)), ("status", Inert)];

/// Claims of a template get volumes of their own.
const CLAIM_TEMPLATE_SPEC: &[Field] = &[
    ("accessModes", Acts),
    ("dataSource", Inert),
    ("dataSourceRef", Inert),
    ("resources", Inert),
    ("selector", Inert),
    ("storageClassName", Acts),
    ("volumeAttributesClassName", Inert),
    ("volumeMode", Inert),
    ("volumeName", Inert),
];

const CLAIM_SPEC: &[Field] = &[
    ("accessModes", Acts),
    ("dataSource", Inert),
    ("dataSourceRef", Inert),
    ("resources", Inert),
    ("selector", NotModelled("a claim gets the volume that it names or that names it, or a new one")),
    ("storageClassName", Acts),
    ("volumeAttributesClassName", Inert),
    ("volumeMode", Inert),
    ("volumeName", Acts),
];

const VOLUME: &[Field] = &[
    ("metadata", Metadata(&["labels", "name"])),
    (
        "spec",
        Holds(&[
            ("accessModes", Inert),
            ("awsElasticBlockStore", Inert),
            ("azureDisk", Inert),
            ("azureFile", Inert),
            ("capacity", Inert),
            ("cephfs", Inert),
            ("cinder", Inert),
            ("claimRef", Acts),
            ("csi", Inert),
            ("fc", Inert),
            ("flexVolume", Inert),
            ("flocker", Inert),
            ("gcePersistentDisk", Inert),
            ("glusterfs", Inert),
            ("hostPath", Inert),
            ("iscsi", Inert),
            ("local", Inert),
            ("mountOptions", Inert),
            ("nfs", Inert),
            ("nodeAffinity", Acts),
            ("persistentVolumeReclaimPolicy", Inert),
            ("photonPersistentDisk", Inert),
            ("portworxVolume", Inert),
            ("quobyte", Inert),
            ("rbd", Inert),
            ("scaleIO", Inert),
            (
                "storageClassName",
                NotModelled(
                    "a volume is bound to the claim that it names (claimRef) or that names it (volumeName), and to no other",
                ),
            ),
            ("storageos", Inert),
            ("volumeAttributesClassName", Inert),
            ("volumeMode", Inert),
            ("vsphereVolume", Inert),
        ]),
    ),
    ("status", Inert),
];

const STORAGE_CLASS: &[Field] = &[
    ("allowVolumeExpansion", Inert),
    ("allowedTopologies", NotModelled("a volume is made where its first pod goes, whatever the class allows")),
    ("metadata", Holds(STORAGE_CLASS_METADATA)),
    ("mountOptions", Inert),
    ("parameters", Inert),
    ("provisioner", Acts),
    ("reclaimPolicy", Inert),
    ("volumeBindingMode", Acts),
];

/// An annotation names the default class.
const STORAGE_CLASS_METADATA: &[Field] = &[
    ("annotations", Acts),
    ("creationTimestamp", Inert),
    ("deletionGracePeriodSeconds", Inert),
    ("deletionTimestamp", Inert),
    ("finalizers", Inert),
    ("generateName", Inert),
    ("generation", Inert),
    ("labels", Inert),
    ("managedFields", Inert),
    ("name", Acts),
    ("namespace", Inert),
    ("ownerReferences", Inert),
    ("resourceVersion", Inert),
    ("selfLink", Inert),
    ("uid", Inert),
];
