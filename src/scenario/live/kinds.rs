//! Kinds that a run does not read: those that say nothing which a simulated cluster could answer to, and those that would
//! change what it does.
//!
//! A cluster holds 30 to 130 kinds. One that stands in neither list is not known, and told as such.

/// What a kind that is not read would do in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// Nothing: pods run where, as many, for as long and at the price that they would without it.
    None,
    /// It would change that: what a run does instead.
    NotModelled(&'static str),
}

const RENDER: &str =
    "what it renders is not in it; give the output of `helm template`, `kustomize build` or `kubectl get`";
const TRAINING: &str = "the pods that it makes are not simulated; those that run are taken as they are";
const WORKFLOW: &str = "the pods of its steps are not simulated; those that run are taken as they are";
const DEVICES: &str = "no DRA driver offers devices, so that pods with resource claims stay pending";
const SERVERLESS: &str = "no revision of it is scaled; the Deployments that it made are read like any other";
const MACHINES: &str = "it makes no nodes; Node objects and nodeGroups are the machines";
const RULES: &str = "the objects that it would change or refuse are taken as they are";

/// Kind, a part of its API group (empty: any), what it would do.
const KINDS: &[(&str, &str, Bearing)] = &[
    // What would change a run.
    ("VerticalPodAutoscaler", "", Bearing::NotModelled("requests stay as they are")),
    ("VerticalPodAutoscalerCheckpoint", "", Bearing::None),
    ("MultidimPodAutoscaler", "", Bearing::NotModelled("requests and replicas stay as they are")),
    ("ResourceQuota", "", Bearing::NotModelled("no pod is refused for a quota")),
    ("ScaledJob", "keda.sh", Bearing::NotModelled("no Jobs are made for its triggers")),
    ("LimitRange", "", Bearing::None),
    ("RuntimeClass", "", Bearing::None),
    (
        "Provisioner",
        "karpenter.sh",
        Bearing::NotModelled("its nodes are not made; write it as a karpenter.sh/v1 NodePool"),
    ),
    (
        "NodeOverlay",
        "karpenter.sh",
        Bearing::NotModelled("instance types keep the prices and capacities of the catalogue"),
    ),
    ("CapacityBuffer", "", Bearing::NotModelled("no room is held ready")),
    ("ProvisioningRequest", "", Bearing::NotModelled("no capacity is asked for ahead of pods")),
    ("PodGroup", "", Bearing::NotModelled("its pods are scheduled one by one, not all or none")),
    ("ElasticQuota", "", Bearing::NotModelled("no pod waits for it")),
    ("Queue", "", Bearing::NotModelled("pods do not wait for its quota")),
    ("Descheduler", "", Bearing::NotModelled("no pod is moved")),
    ("DeschedulerPolicy", "", Bearing::NotModelled("no pod is moved")),
    ("ResourceClaim", "resource.k8s.io", Bearing::NotModelled(DEVICES)),
    ("ResourceClaimTemplate", "resource.k8s.io", Bearing::NotModelled(DEVICES)),
    ("ResourceSlice", "resource.k8s.io", Bearing::NotModelled(DEVICES)),
    ("DeviceClass", "resource.k8s.io", Bearing::NotModelled(DEVICES)),
    ("KubeSchedulerConfiguration", "", Bearing::NotModelled("give it to the scenario as `scheduler:`")),
    // What makes pods.
    ("AppWrapper", "", Bearing::NotModelled(TRAINING)),
    ("SparkApplication", "", Bearing::NotModelled(TRAINING)),
    ("FlinkDeployment", "", Bearing::NotModelled(TRAINING)),
    ("Workflow", "", Bearing::NotModelled(WORKFLOW)),
    ("CronWorkflow", "", Bearing::NotModelled(WORKFLOW)),
    ("WorkflowTemplate", "", Bearing::None),
    ("ClusterWorkflowTemplate", "", Bearing::None),
    ("PipelineRun", "", Bearing::NotModelled(WORKFLOW)),
    ("TaskRun", "", Bearing::NotModelled(WORKFLOW)),
    ("Service", "serving.knative.dev", Bearing::NotModelled(SERVERLESS)),
    ("Configuration", "serving.knative.dev", Bearing::NotModelled(SERVERLESS)),
    ("Revision", "serving.knative.dev", Bearing::NotModelled(SERVERLESS)),
    ("PodAutoscaler", "knative.dev", Bearing::NotModelled(SERVERLESS)),
    ("InferenceService", "", Bearing::NotModelled(SERVERLESS)),
    ("SidecarSet", "", Bearing::NotModelled("no container is added to pods")),
    ("PodPreset", "", Bearing::NotModelled("nothing is added to pods")),
    ("ClusterPolicy", "kyverno.io", Bearing::NotModelled(RULES)),
    ("Policy", "kyverno.io", Bearing::NotModelled(RULES)),
    // What stands for machines.
    ("MachineDeployment", "", Bearing::NotModelled(MACHINES)),
    ("MachineSet", "", Bearing::NotModelled(MACHINES)),
    ("MachinePool", "", Bearing::NotModelled(MACHINES)),
    ("MachineAutoscaler", "", Bearing::NotModelled(MACHINES)),
    (
        "ClusterAutoscaler",
        "autoscaling.openshift.io",
        Bearing::NotModelled("state its options in autoscaling.clusterAutoscaler"),
    ),
    ("InstanceGroup", "kops.k8s.io", Bearing::NotModelled(MACHINES)),
    ("ClusterConfig", "eksctl.io", Bearing::NotModelled(MACHINES)),
    ("Machine", "", Bearing::None),
    ("NodeClaim", "karpenter.sh", Bearing::None),
    // What stands for objects that are made of it.
    ("Kustomization", "", Bearing::NotModelled(RENDER)),
    ("Component", "kustomize.config.k8s.io", Bearing::NotModelled(RENDER)),
    ("HelmRelease", "", Bearing::NotModelled(RENDER)),
    ("HelmChart", "", Bearing::NotModelled(RENDER)),
    ("HelmChartConfig", "", Bearing::NotModelled(RENDER)),
    ("Application", "argoproj.io", Bearing::NotModelled(RENDER)),
    ("ApplicationSet", "argoproj.io", Bearing::NotModelled(RENDER)),
    ("Template", "template.openshift.io", Bearing::NotModelled(RENDER)),
    // What has no part.
    ("APIService", "", Bearing::None),
    ("AdmissionPolicy", "", Bearing::None),
    ("AlertmanagerConfig", "", Bearing::None),
    ("Alertmanager", "", Bearing::None),
    ("AnalysisRun", "", Bearing::None),
    ("AnalysisTemplate", "", Bearing::None),
    ("AppProject", "", Bearing::None),
    ("AuthorizationPolicy", "", Bearing::None),
    ("BackendConfig", "", Bearing::None),
    ("Binding", "", Bearing::None),
    ("CSIDriver", "", Bearing::None),
    ("CSINode", "", Bearing::None),
    ("CSIStorageCapacity", "", Bearing::None),
    ("Certificate", "", Bearing::None),
    ("CertificateRequest", "", Bearing::None),
    ("CertificateSigningRequest", "", Bearing::None),
    ("ClusterIssuer", "", Bearing::None),
    ("ClusterRole", "", Bearing::None),
    ("ClusterRoleBinding", "", Bearing::None),
    ("ClusterSecretStore", "", Bearing::None),
    ("ClusterTriggerAuthentication", "", Bearing::None),
    ("ComponentStatus", "", Bearing::None),
    ("ConfigMap", "", Bearing::None),
    ("ControllerRevision", "", Bearing::None),
    ("CustomResourceDefinition", "", Bearing::None),
    ("DestinationRule", "", Bearing::None),
    ("EC2NodeClass", "", Bearing::None),
    ("AKSNodeClass", "", Bearing::None),
    ("AWSNodeTemplate", "", Bearing::None),
    ("GCENodeClass", "", Bearing::None),
    ("NodeClass", "", Bearing::None),
    ("Endpoints", "", Bearing::None),
    ("EndpointSlice", "", Bearing::None),
    ("Event", "", Bearing::None),
    ("ExternalSecret", "", Bearing::None),
    ("FlowSchema", "", Bearing::None),
    ("GRPCRoute", "", Bearing::None),
    ("Gateway", "", Bearing::None),
    ("GatewayClass", "", Bearing::None),
    ("GitRepository", "", Bearing::None),
    ("HTTPRoute", "", Bearing::None),
    ("HelmRepository", "", Bearing::None),
    ("IPAddress", "", Bearing::None),
    ("Ingress", "", Bearing::None),
    ("IngressClass", "", Bearing::None),
    ("Issuer", "", Bearing::None),
    ("Lease", "", Bearing::None),
    ("LocalSubjectAccessReview", "", Bearing::None),
    ("ManagedCertificate", "", Bearing::None),
    ("MutatingWebhookConfiguration", "", Bearing::None),
    ("NetworkPolicy", "", Bearing::None),
    ("NodeMetrics", "", Bearing::None),
    ("PeerAuthentication", "", Bearing::None),
    ("PodMetrics", "", Bearing::None),
    ("PodMonitor", "", Bearing::None),
    ("PodMonitoring", "", Bearing::None),
    ("PodSecurityPolicy", "", Bearing::None),
    ("PodTemplate", "", Bearing::None),
    ("PriorityLevelConfiguration", "", Bearing::None),
    ("Probe", "", Bearing::None),
    ("Prometheus", "", Bearing::None),
    ("PrometheusRule", "", Bearing::None),
    ("ReferenceGrant", "", Bearing::None),
    ("Role", "", Bearing::None),
    ("RoleBinding", "", Bearing::None),
    ("Route", "", Bearing::None),
    ("SealedSecret", "", Bearing::None),
    ("Secret", "", Bearing::None),
    ("SecretProviderClass", "", Bearing::None),
    ("SecretStore", "", Bearing::None),
    ("SecurityContextConstraints", "", Bearing::None),
    ("Service", "", Bearing::None),
    ("ServiceAccount", "", Bearing::None),
    ("ServiceCIDR", "", Bearing::None),
    ("ServiceEntry", "", Bearing::None),
    ("ServiceMonitor", "", Bearing::None),
    ("Sidecar", "", Bearing::None),
    ("StorageVersion", "", Bearing::None),
    ("TCPRoute", "", Bearing::None),
    ("TLSRoute", "", Bearing::None),
    ("TriggerAuthentication", "", Bearing::None),
    ("ValidatingAdmissionPolicy", "", Bearing::None),
    ("ValidatingAdmissionPolicyBinding", "", Bearing::None),
    ("ValidatingWebhookConfiguration", "", Bearing::None),
    ("VirtualService", "", Bearing::None),
    ("VolumeAttachment", "", Bearing::None),
    ("VolumeAttributesClass", "", Bearing::None),
    ("VolumeSnapshot", "", Bearing::None),
    ("VolumeSnapshotClass", "", Bearing::None),
    ("VolumeSnapshotContent", "", Bearing::None),
    ("Workload", "kueue.x-k8s.io", Bearing::None),
];

/// What a kind of this API version would do; `None`: it is not known here.
pub fn bearing(kind: &str, version: &str) -> Option<Bearing> {
    let group = version.split_once('/').map_or("", |(group, _)| group);
    KINDS.iter().find(|(known, of, _)| *known == kind && (of.is_empty() || group.ends_with(of))).map(|known| known.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_goes_by_its_group_where_that_tells_two_apart() {
        assert_eq!(bearing("Service", "v1"), Some(Bearing::None));
        assert_eq!(bearing("Service", "serving.knative.dev/v1"), Some(Bearing::NotModelled(SERVERLESS)));
        assert_eq!(bearing("Frobnicator", "example.com/v1"), None);
    }

    #[test]
    fn no_kind_stands_twice() {
        for (index, (kind, group, _)) in KINDS.iter().enumerate() {
            assert!(KINDS[..index].iter().all(|other| (other.0, other.1) != (*kind, *group)), "{kind}");
        }
    }
}
