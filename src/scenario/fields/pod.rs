//! Pods and their templates.

use super::Bearing::{Acts, ActsPartly, Holds, Inert, Metadata, NotModelled};
use super::Field;

const NOT_TIED: &str = "the pod is not tied to where that disk is";
const MANAGED: &str = "it is taken for the kubelet to serve, which costs nothing here";

pub const TEMPLATE: &[Field] = &[("metadata", Metadata(&["annotations", "labels"])), ("spec", Holds(SPEC))];

pub const SPEC: &[Field] = &[
    ("activeDeadlineSeconds", Acts),
    ("affinity", Holds(AFFINITY)),
    ("automountServiceAccountToken", Inert),
    ("containers", Holds(CONTAINER)),
    ("dnsConfig", Inert),
    ("dnsPolicy", Inert),
    ("enableServiceLinks", Inert),
    ("ephemeralContainers", Inert),
    ("hostAliases", Inert),
    ("hostIPC", Inert),
    ("hostNetwork", Acts),
    ("hostPID", Inert),
    ("hostUsers", Inert),
    ("hostname", Inert),
    ("imagePullSecrets", Inert),
    ("initContainers", Holds(INIT_CONTAINER)),
    ("nodeName", Acts),
    ("nodeSelector", Acts),
    // The scheduler asks nobody's operating system either.
    ("os", Inert),
    ("overhead", Acts),
    ("preemptionPolicy", Acts),
    ("priority", Acts),
    ("priorityClassName", Acts),
    ("readinessGates", NotModelled("pods are ready without them")),
    (
        "resourceClaims",
        ActsPartly(
            "no DRA driver offers devices here, so that its pods stay pending; ask for an extended resource such as nvidia.com/gpu to have them scheduled",
        ),
    ),
    ("resources", Holds(POD_RESOURCES)),
    ("restartPolicy", Acts),
    (
        "runtimeClassName",
        NotModelled("the class's overhead, node selector and tolerations are not added; state them on the pod"),
    ),
    ("schedulerName", Acts),
    ("schedulingGates", Acts),
    ("securityContext", Inert),
    ("serviceAccount", Inert),
    ("serviceAccountName", Inert),
    ("setHostnameAsFQDN", Inert),
    ("shareProcessNamespace", Inert),
    ("subdomain", Inert),
    ("terminationGracePeriodSeconds", Acts),
    ("tolerations", Holds(TOLERATION)),
    ("topologySpreadConstraints", Holds(SPREAD)),
    ("volumes", Holds(VOLUME)),
];

const TOLERATION: &[Field] =
    &[("effect", Acts), ("key", Acts), ("operator", Acts), ("tolerationSeconds", Acts), ("value", Acts)];

const POD_RESOURCES: &[Field] = &[("claims", Inert), ("limits", Acts), ("requests", Acts)];

const SPREAD: &[Field] = &[
    ("labelSelector", Acts),
    ("matchLabelKeys", Acts),
    ("maxSkew", Acts),
    ("minDomains", Acts),
    ("nodeAffinityPolicy", Acts),
    ("nodeTaintsPolicy", Acts),
    ("topologyKey", Acts),
    ("whenUnsatisfiable", Acts),
];

const AFFINITY: &[Field] = &[
    ("nodeAffinity", Holds(NODE_AFFINITY)),
    ("podAffinity", Holds(POD_AFFINITY)),
    ("podAntiAffinity", Holds(POD_AFFINITY)),
];

const NODE_AFFINITY: &[Field] = &[
    ("preferredDuringSchedulingIgnoredDuringExecution", Acts),
    ("requiredDuringSchedulingIgnoredDuringExecution", Acts),
];

const POD_AFFINITY: &[Field] = &[
    ("preferredDuringSchedulingIgnoredDuringExecution", Holds(WEIGHTED_TERM)),
    ("requiredDuringSchedulingIgnoredDuringExecution", Holds(AFFINITY_TERM)),
];

const WEIGHTED_TERM: &[Field] = &[("podAffinityTerm", Holds(AFFINITY_TERM)), ("weight", Acts)];

const AFFINITY_TERM: &[Field] = &[
    ("labelSelector", Acts),
    ("matchLabelKeys", Acts),
    ("mismatchLabelKeys", Acts),
    (
        "namespaceSelector",
        ActsPartly(
            "namespaces have no labels here: an empty selector is every namespace, another matches by the name alone",
        ),
    ),
    ("namespaces", Acts),
    ("topologyKey", Acts),
];

const CONTAINER: &[Field] = &[
    ("args", Inert),
    ("command", Inert),
    ("env", Inert),
    ("envFrom", Inert),
    ("image", Acts),
    ("imagePullPolicy", Inert),
    (
        "lifecycle",
        NotModelled("hooks take no time: a container ends within kubelet.termination, whatever preStop waits for"),
    ),
    ("livenessProbe", NotModelled("no container is restarted by its probe")),
    ("name", Acts),
    ("ports", Holds(PORT)),
    ("readinessProbe", Holds(PROBE)),
    ("resizePolicy", Inert),
    ("resources", Holds(POD_RESOURCES)),
    ("restartPolicy", Inert),
    ("securityContext", Inert),
    ("startupProbe", Holds(PROBE)),
    ("stdin", Inert),
    ("stdinOnce", Inert),
    ("terminationMessagePath", Inert),
    ("terminationMessagePolicy", Inert),
    ("tty", Inert),
    ("volumeDevices", Inert),
    ("volumeMounts", Inert),
    ("workingDir", Inert),
];

const NO_TIME: &str = "init containers take no time, and sidecars are ready with their pod";

const INIT_CONTAINER: &[Field] = &[
    ("args", Inert),
    ("command", Inert),
    ("env", Inert),
    ("envFrom", Inert),
    ("image", Acts),
    ("imagePullPolicy", Inert),
    ("lifecycle", NotModelled(NO_TIME)),
    ("livenessProbe", NotModelled(NO_TIME)),
    ("name", Acts),
    ("ports", Holds(PORT)),
    ("readinessProbe", NotModelled(NO_TIME)),
    ("resizePolicy", Inert),
    ("resources", Holds(POD_RESOURCES)),
    ("restartPolicy", Acts),
    ("securityContext", Inert),
    ("startupProbe", NotModelled(NO_TIME)),
    ("stdin", Inert),
    ("stdinOnce", Inert),
    ("terminationMessagePath", Inert),
    ("terminationMessagePolicy", Inert),
    ("tty", Inert),
    ("volumeDevices", Inert),
    ("volumeMounts", Inert),
    ("workingDir", Inert),
];

/// A port counts where it is the host's.
const PORT: &[Field] =
    &[("containerPort", Acts), ("hostIP", Acts), ("hostPort", Acts), ("name", Inert), ("protocol", Acts)];

const READY: &str = "a pod is ready after the probe's initialDelaySeconds, or after workloads[].startup";

const PROBE: &[Field] = &[
    ("exec", Inert),
    ("failureThreshold", NotModelled(READY)),
    ("grpc", Inert),
    ("httpGet", Inert),
    ("initialDelaySeconds", Acts),
    ("periodSeconds", NotModelled(READY)),
    ("successThreshold", NotModelled(READY)),
    ("tcpSocket", Inert),
    ("terminationGracePeriodSeconds", Inert),
    ("timeoutSeconds", Inert),
];

const VOLUME: &[Field] = &[
    ("awsElasticBlockStore", NotModelled(NOT_TIED)),
    ("azureDisk", NotModelled(NOT_TIED)),
    ("azureFile", Inert),
    ("cephfs", Inert),
    ("cinder", NotModelled(NOT_TIED)),
    ("configMap", Inert),
    ("csi", NotModelled(MANAGED)),
    ("downwardAPI", Inert),
    ("emptyDir", Holds(EMPTY_DIR)),
    // It is made and goes with its pod, which is tied to nothing by it.
    ("ephemeral", Inert),
    ("fc", Inert),
    ("flexVolume", NotModelled(MANAGED)),
    ("flocker", Inert),
    ("gcePersistentDisk", NotModelled(NOT_TIED)),
    ("gitRepo", Inert),
    ("glusterfs", Inert),
    ("hostPath", Acts),
    ("image", NotModelled("the image of a volume is not pulled")),
    ("iscsi", Inert),
    ("name", Acts),
    ("nfs", Inert),
    ("persistentVolumeClaim", Holds(&[("claimName", Acts), ("readOnly", Inert)])),
    ("photonPersistentDisk", NotModelled(NOT_TIED)),
    ("portworxVolume", Inert),
    ("projected", Inert),
    ("quobyte", Inert),
    ("rbd", Inert),
    ("scaleIO", Inert),
    ("secret", Inert),
    ("storageos", Inert),
    ("vsphereVolume", NotModelled(NOT_TIED)),
];

const EMPTY_DIR: &[Field] =
    &[("medium", Acts), ("sizeLimit", NotModelled("nothing is written to it, and no pod is evicted over it"))];
