"""A model service and its HPA, as a Pulumi program: names are Pulumi's to make up."""

import pulumi
import pulumi_kubernetes as k8s

labels = {"app": "ai-model-training"}

deployment = k8s.apps.v1.Deployment(
    "ai-model-deployment",
    spec=k8s.apps.v1.DeploymentSpecArgs(
        replicas=2,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels),
            spec=k8s.core.v1.PodSpecArgs(
                containers=[
                    k8s.core.v1.ContainerArgs(
                        name="ai-model-training",
                        image="my-image:latest",
                        resources=k8s.core.v1.ResourceRequirementsArgs(
                            requests={"cpu": "500m", "memory": "512Mi"},
                            limits={"cpu": "1000m", "memory": "1024Mi"},
                        ),
                    )
                ]
            ),
        ),
    ),
)

hpa = k8s.autoscaling.v2.HorizontalPodAutoscaler(
    "ai-model-hpa",
    spec=k8s.autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
        scale_target_ref=k8s.autoscaling.v2.CrossVersionObjectReferenceArgs(
            api_version="apps/v1", kind="Deployment", name=deployment.metadata.name
        ),
        min_replicas=2,
        max_replicas=5,
        metrics=[
            k8s.autoscaling.v2.MetricSpecArgs(
                type="Resource",
                resource=k8s.autoscaling.v2.ResourceMetricSourceArgs(
                    name="cpu",
                    target=k8s.autoscaling.v2.MetricTargetArgs(type="Utilization", average_utilization=50),
                ),
            )
        ],
    ),
)

pulumi.export("deployment", deployment.metadata.name)
