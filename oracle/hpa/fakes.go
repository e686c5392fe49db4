package main

import (
	"context"
	"errors"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	v1core "k8s.io/client-go/kubernetes/typed/core/v1"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	custommetrics "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalmetricsapi "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	podmetrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	resourceclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	customclient "k8s.io/metrics/pkg/client/custom_metrics"
	externalclient "k8s.io/metrics/pkg/client/external_metrics"
)

// world is what the API servers of one input say, and what they were told.
type world struct {
	in *input
	// What the scale had when the sync began.
	replicas int32
	// Whether a metrics API was asked.
	looked   bool
	scaledTo *int32
	status   *autoscalingv2.HorizontalPodAutoscalerStatus
}

var errUnavailable = errors.New("the metrics API has nothing for it")

// Events go nowhere.
type events struct{}

func (events) Events(string) v1core.EventInterface { return noEvents{} }

type noEvents struct{ v1core.EventInterface }

func (noEvents) CreateWithEventNamespace(e *v1.Event) (*v1.Event, error) { return e, nil }
func (noEvents) UpdateWithEventNamespace(e *v1.Event) (*v1.Event, error) { return e, nil }
func (noEvents) PatchWithEventNamespace(e *v1.Event, _ []byte) (*v1.Event, error) {
	return e, nil
}
func (noEvents) CreateWithEventNamespaceWithContext(_ context.Context, e *v1.Event) (*v1.Event, error) {
	return e, nil
}
func (noEvents) UpdateWithEventNamespaceWithContext(_ context.Context, e *v1.Event) (*v1.Event, error) {
	return e, nil
}
func (noEvents) PatchWithEventNamespaceWithContext(_ context.Context, e *v1.Event, _ []byte) (*v1.Event, error) {
	return e, nil
}

// The scale subresource.
type scales struct{ world func() *world }

func (s scales) Scales(string) scaleclient.ScaleInterface { return scaleOf{s.world} }

type scaleOf struct{ world func() *world }

func (s scaleOf) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	return s.world().in.Scale.DeepCopy(), nil
}

func (s scaleOf) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	replicas := scale.Spec.Replicas
	s.world().scaledTo = &replicas
	return scale, nil
}

func (s scaleOf) Patch(context.Context, schema.GroupVersionResource, string, types.PatchType, []byte, metav1.PatchOptions) (*autoscalingv1.Scale, error) {
	return nil, errors.New("not used")
}

// The status of the autoscaler.
type statuses struct{ world func() *world }

func (s statuses) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return statusOf{world: s.world}
}

type statusOf struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	world func() *world
}

func (s statusOf) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	s.world().status = hpa.Status.DeepCopy()
	return hpa, nil
}

// Every kind has a scale.
type mapper struct{ meta.RESTMapper }

func (mapper) RESTMappings(kind schema.GroupKind, _ ...string) ([]*meta.RESTMapping, error) {
	resource := schema.GroupVersionResource{Group: kind.Group, Version: "v1", Resource: kind.Kind}
	return []*meta.RESTMapping{{Resource: resource, GroupVersionKind: kind.WithVersion("v1"), Scope: meta.RESTScopeNamespace}}, nil
}

// Informers that are never started, over stores that are filled by hand.
func informer(of runtime.Object) cache.SharedIndexInformer {
	indexers := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	return cache.NewSharedIndexInformer(&cache.ListWatch{}, of, 0, indexers)
}

type hpaInformer struct{ inner cache.SharedIndexInformer }

func newHpaInformer() hpaInformer {
	return hpaInformer{informer(&autoscalingv2.HorizontalPodAutoscaler{})}
}

func (i hpaInformer) Informer() cache.SharedIndexInformer { return i.inner }
func (i hpaInformer) Lister() autoscalinglisters.HorizontalPodAutoscalerLister {
	return autoscalinglisters.NewHorizontalPodAutoscalerLister(i.inner.GetIndexer())
}

type podLister struct {
	inner cache.SharedIndexInformer
	shown []*v1.Pod
}

func newPodLister() *podLister { return &podLister{inner: informer(&v1.Pod{})} }

func (p *podLister) Informer() cache.SharedIndexInformer { return p.inner }
func (p *podLister) Lister() corelisters.PodLister {
	return corelisters.NewPodLister(p.inner.GetIndexer())
}

func (p *podLister) show(pods []v1.Pod) {
	for _, pod := range p.shown {
		_ = p.inner.GetIndexer().Delete(pod)
	}
	p.shown = p.shown[:0]
	for i := range pods {
		_ = p.inner.GetIndexer().Add(&pods[i])
		p.shown = append(p.shown, &pods[i])
	}
}

// The resource metrics API.
type resourceMetrics struct{ world func() *world }

func (m resourceMetrics) PodMetricses(namespace string) resourceclient.PodMetricsInterface {
	return podMetricsOf{world: m.world, namespace: namespace}
}

type podMetricsOf struct {
	resourceclient.PodMetricsInterface
	world     func() *world
	namespace string
}

func (m podMetricsOf) List(_ context.Context, options metav1.ListOptions) (*podmetrics.PodMetricsList, error) {
	world := m.world()
	world.looked = true
	selector, err := labels.Parse(options.LabelSelector)
	if err != nil {
		return nil, err
	}
	list := &podmetrics.PodMetricsList{}
	for _, one := range world.in.PodMetrics {
		if one.Namespace == m.namespace && selector.Matches(labels.Set(one.Labels)) {
			list.Items = append(list.Items, one)
		}
	}
	return list, nil
}

// The custom metrics API.
type customMetrics struct{ world func() *world }

func (m customMetrics) RootScopedMetrics() customclient.MetricsInterface {
	return customOf{m.world, ""}
}
func (m customMetrics) NamespacedMetrics(namespace string) customclient.MetricsInterface {
	return customOf{m.world, namespace}
}

type customOf struct {
	world     func() *world
	namespace string
}

func (m customOf) GetForObject(kind schema.GroupKind, name string, metric string, _ labels.Selector) (*custommetrics.MetricValue, error) {
	world := m.world()
	world.looked = true
	for i, value := range world.in.CustomMetrics {
		object := value.DescribedObject
		if object.Kind == kind.Kind && object.Name == name && object.Namespace == m.namespace && value.Metric.Name == metric {
			return &world.in.CustomMetrics[i], nil
		}
	}
	return nil, errUnavailable
}

func (m customOf) GetForObjects(_ schema.GroupKind, selector labels.Selector, metric string, _ labels.Selector) (*custommetrics.MetricValueList, error) {
	world := m.world()
	world.looked = true
	chosen := map[string]bool{}
	known := map[string]bool{}
	for _, pod := range world.in.Pods {
		known[pod.Name] = true
		chosen[pod.Name] = pod.Namespace == m.namespace && selector.Matches(labels.Set(pod.Labels))
	}
	list := &custommetrics.MetricValueList{}
	for _, value := range world.in.CustomMetrics {
		object := value.DescribedObject
		mine := chosen[object.Name] || !known[object.Name]
		if object.Kind == "Pod" && object.Namespace == m.namespace && value.Metric.Name == metric && mine {
			list.Items = append(list.Items, value)
		}
	}
	if len(list.Items) == 0 {
		return nil, errUnavailable
	}
	return list, nil
}

// The external metrics API.
type externalMetrics struct{ world func() *world }

func (m externalMetrics) NamespacedMetrics(string) externalclient.MetricsInterface {
	return externalOf{m.world}
}

type externalOf struct{ world func() *world }

func (m externalOf) List(metric string, selector labels.Selector) (*externalmetricsapi.ExternalMetricValueList, error) {
	world := m.world()
	world.looked = true
	// What goes over the wire is the text, and a selector of nothing has none.
	selector, err := labels.Parse(selector.String())
	if err != nil {
		return nil, err
	}
	list := &externalmetricsapi.ExternalMetricValueList{}
	for _, value := range world.in.ExternalMetrics {
		if value.MetricName == metric && selector.Matches(labels.Set(value.MetricLabels)) {
			list.Items = append(list.Items, value)
		}
	}
	return list, nil
}
