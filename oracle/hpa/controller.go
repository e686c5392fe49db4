package main

import (
	"context"
	"reflect"
	"time"
	"unsafe"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-base/featuregate"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// What upstream does not export is reached by name; the memory of a controller by its fields' names.

//go:linkname reconcileAutoscaler k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).reconcileAutoscaler
func reconcileAutoscaler(c *podautoscaler.HorizontalController, ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, key string) error

//go:linkname enqueueHPA k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).enqueueHPA
func enqueueHPA(c *podautoscaler.HorizontalController, hpa any)

//go:linkname computeReplicasForMetric k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).computeReplicasForMetric
func computeReplicasForMetric(c *podautoscaler.HorizontalController, ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, spec autoscalingv2.MetricSpec, specReplicas, statusReplicas int32, selector labels.Selector, status *autoscalingv2.MetricStatus) (int32, string, time.Time, autoscalingv2.HorizontalPodAutoscalerCondition, error)

type flags struct {
	downscale         time.Duration
	tolerance         float64
	cpuInitialization time.Duration
	readiness         time.Duration
}

// controller is upstream's with what it is shown.
type controller struct {
	inner *podautoscaler.HorizontalController
	world *world
	pods  *podLister
}

var controllers = map[flags]*controller{}

// controllerFor makes one controller for each set of flags, for each starts goroutines of its own.
func controllerFor(flags flags) *controller {
	if known, ok := controllers[flags]; ok {
		return known
	}
	made := &controller{pods: newPodLister()}
	ask := func() *world { return made.world }
	metrics := metricsclient.NewRESTMetricsClient(resourceMetrics{ask}, customMetrics{ask}, externalMetrics{ask})
	made.inner = podautoscaler.NewHorizontalController(
		context.Background(), events{}, scales{ask}, statuses{ask}, mapper{}, metrics, newHpaInformer(), made.pods,
		15*time.Second, flags.downscale, flags.tolerance, flags.cpuInitialization, flags.readiness,
	)
	controllers[flags] = made
	return made
}

func (c *controller) show(world *world) {
	c.world = world
	c.pods.show(world.in.Pods)
	world.replicas = world.in.Scale.Spec.Replicas
}

// field is an unexported field of the controller, to be read and written.
func (c *controller) field(name string) reflect.Value {
	field := reflect.ValueOf(c.inner).Elem().FieldByName(name)
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}

func set(record reflect.Value, name string, value any) {
	field := record.FieldByName(name)
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(value))
}

func get[T any](record reflect.Value, name string) T {
	field := record.FieldByName(name)
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface().(T)
}

// remember fills the memory of one autoscaler. Without recommendations it was never synced.
func (c *controller) remember(key string, history *history) {
	for _, name := range []string{"recommendations", "scaleUpEvents", "scaleDownEvents"} {
		c.field(name).SetMapIndex(reflect.ValueOf(key), reflect.Value{})
	}
	if history == nil {
		return
	}
	if history.Recommendations != nil {
		memory := c.field("recommendations")
		records := reflect.MakeSlice(memory.Type().Elem(), len(history.Recommendations), len(history.Recommendations))
		for i, one := range history.Recommendations {
			set(records.Index(i), "recommendation", one.Replicas)
			set(records.Index(i), "timestamp", one.Time)
		}
		memory.SetMapIndex(reflect.ValueOf(key), records)
	}
	for name, events := range map[string][]scaleEvent{"scaleUpEvents": history.ScaleUpEvents, "scaleDownEvents": history.ScaleDownEvents} {
		if len(events) == 0 {
			continue
		}
		memory := c.field(name)
		records := reflect.MakeSlice(memory.Type().Elem(), len(events), len(events))
		for i, one := range events {
			set(records.Index(i), "replicaChange", one.ReplicaChange)
			set(records.Index(i), "timestamp", one.Time)
			set(records.Index(i), "outdated", one.Outdated)
		}
		memory.SetMapIndex(reflect.ValueOf(key), records)
	}
}

// forget takes the memory out, in the input's time.
func (c *controller) forget(key string, moved time.Duration) history {
	out := history{Recommendations: []recommendation{}, ScaleUpEvents: []scaleEvent{}, ScaleDownEvents: []scaleEvent{}}
	back := func(at time.Time) time.Time { return at.Add(-moved).UTC() }
	take := func(name string, each func(reflect.Value)) {
		memory := c.field(name)
		records := memory.MapIndex(reflect.ValueOf(key))
		if records.IsValid() {
			copied := reflect.New(records.Type()).Elem()
			copied.Set(records)
			for i := 0; i < copied.Len(); i++ {
				each(copied.Index(i))
			}
		}
		memory.SetMapIndex(reflect.ValueOf(key), reflect.Value{})
	}
	take("recommendations", func(record reflect.Value) {
		one := recommendation{back(get[time.Time](record, "timestamp")), get[int32](record, "recommendation")}
		out.Recommendations = append(out.Recommendations, one)
	})
	for name, events := range map[string]*[]scaleEvent{"scaleUpEvents": &out.ScaleUpEvents, "scaleDownEvents": &out.ScaleDownEvents} {
		take(name, func(record reflect.Value) {
			one := scaleEvent{back(get[time.Time](record, "timestamp")), get[int32](record, "replicaChange"), get[bool](record, "outdated")}
			*events = append(*events, one)
		})
	}
	return out
}

// milli prints an amount in decimal form, as Windtunnel does; upstream prints memory in binary form since 1.34.
func milli(amount *resource.Quantity) string {
	return resource.NewMilliQuantity(amount.MilliValue(), resource.DecimalSI).String()
}

func enabled(gates featuregate.FeatureGate, name string) bool {
	return gates.Enabled(featuregate.Feature(name))
}
