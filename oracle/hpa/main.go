// Command hpa answers `windtunnel decide hpa` by upstream's own controller: a whole reconcileAutoscaler of
// kube-controller-manager's HorizontalController, made by its exported constructor over fakes.
//
// Usage: hpa INPUTS ANSWERS, two files of JSON arrays. It is built with the tag `faketime`, by which the clock of a Go program
// stands still; the times of an input are moved to it, and back in the answer.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	autoscalingdefaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	custommetrics "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalmetrics "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	podmetrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"windtunnel/oracle/answers"
)

// input is the envelope of `decide hpa`.
type input struct {
	Now               time.Time                              `json:"now"`
	KubernetesVersion string                                 `json:"kubernetesVersion"`
	FeatureGates      map[string]bool                        `json:"featureGates"`
	Hpa               *autoscalingv2.HorizontalPodAutoscaler `json:"hpa"`
	Scale             autoscalingv1.Scale                    `json:"scale"`
	Pods              []v1.Pod                               `json:"pods"`
	PodMetrics        []podmetrics.PodMetrics                `json:"podMetrics"`
	CustomMetrics     []custommetrics.MetricValue            `json:"customMetrics"`
	ExternalMetrics   []externalmetrics.ExternalMetricValue  `json:"externalMetrics"`
	History           *history                               `json:"history"`
	Flags             map[string]json.RawMessage             `json:"flags"`
}

type history struct {
	Recommendations []recommendation `json:"recommendations"`
	ScaleUpEvents   []scaleEvent     `json:"scaleUpEvents"`
	ScaleDownEvents []scaleEvent     `json:"scaleDownEvents"`
}

type recommendation struct {
	Time     time.Time `json:"time"`
	Replicas int32     `json:"replicas"`
}

type scaleEvent struct {
	Time          time.Time `json:"time"`
	ReplicaChange int32     `json:"replicaChange"`
	Outdated      bool      `json:"outdated,omitempty"`
}

type condition struct {
	Type   string `json:"type"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

type metric struct {
	Type                      string  `json:"type"`
	ProposedReplicas          *int32  `json:"proposedReplicas,omitempty"`
	CurrentAverageUtilization *int32  `json:"currentAverageUtilization,omitempty"`
	CurrentAverageValue       *string `json:"currentAverageValue,omitempty"`
	CurrentValue              *string `json:"currentValue,omitempty"`
	Error                     string  `json:"error,omitempty"`
}

type answer struct {
	DesiredReplicas int32       `json:"desiredReplicas"`
	Rescaled        bool        `json:"rescaled"`
	Metrics         []metric    `json:"metrics"`
	Conditions      []condition `json:"conditions"`
	History         history     `json:"history"`
	// Upstream's own, for people.
	Failure string `json:"failure,omitempty"`
}

func main() {
	answers.Main("hpa", judge)
}

func judge(in *input) any {
	if in.Hpa == nil {
		return map[string]string{"error": "hpa: missing"}
	}
	restore, err := setGates(in.FeatureGates)
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	defer restore()
	flags, err := readFlags(in.Flags)
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	move := time.Now().Sub(in.Now)
	moveInput(in, move)
	hpa := in.Hpa
	autoscalingdefaults.SetObjectDefaults_HorizontalPodAutoscaler(hpa)
	world := &world{in: in}
	key := hpa.Namespace + "/" + hpa.Name
	controller := controllerFor(flags)
	controller.show(world)
	controller.remember(key, in.History)
	enqueueHPA(controller.inner, hpa)
	ctx := context.Background()
	failure := reconcileAutoscaler(controller.inner, ctx, hpa, key)

	status := hpa.Status
	if world.status != nil {
		status = *world.status
	}
	out := answer{DesiredReplicas: in.Scale.Spec.Replicas, Metrics: []metric{}, Conditions: []condition{}}
	if world.scaledTo != nil {
		out.DesiredReplicas, out.Rescaled = *world.scaledTo, true
	}
	for _, one := range status.Conditions {
		out.Conditions = append(out.Conditions, condition{string(one.Type), string(one.Status), one.Reason})
	}
	if world.looked || failure != nil && strings.Contains(failure.Error(), "invalid metrics") {
		out.Metrics = controller.metrics(ctx, hpa.DeepCopy(), world.replicas, in.Scale.Status.Replicas, in.Scale.Status.Selector)
	}
	out.History = controller.forget(key, move)
	if failure != nil {
		out.Failure = failure.Error()
	}
	return out
}

// metrics asks for each metric by itself, for a status does not tell what it proposed.
func (c *controller) metrics(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, spec, status int32, text string) []metric {
	found := []metric{}
	selector, err := labels.Parse(text)
	if err != nil || text == "" {
		return found
	}
	for _, source := range hpa.Spec.Metrics {
		one := metric{Type: string(source.Type)}
		var of autoscalingv2.MetricStatus
		proposed, _, _, _, err := computeReplicasForMetric(c.inner, ctx, hpa, source, spec, status, selector, &of)
		if err != nil {
			one.Error = err.Error()
			found = append(found, one)
			continue
		}
		one.ProposedReplicas = &proposed
		var current *autoscalingv2.MetricValueStatus
		switch {
		case of.Resource != nil:
			current = &of.Resource.Current
		case of.ContainerResource != nil:
			current = &of.ContainerResource.Current
		case of.Pods != nil:
			current = &of.Pods.Current
		case of.Object != nil:
			current = &of.Object.Current
		case of.External != nil:
			current = &of.External.Current
		}
		if current != nil {
			one.CurrentAverageUtilization = current.AverageUtilization
			if current.AverageValue != nil {
				text := milli(current.AverageValue)
				one.CurrentAverageValue = &text
			}
			if current.Value != nil {
				text := milli(current.Value)
				one.CurrentValue = &text
			}
		}
		found = append(found, one)
	}
	return found
}

// readFlags has kube-controller-manager's defaults.
func readFlags(raw map[string]json.RawMessage) (flags, error) {
	read := flags{
		downscale: 5 * time.Minute, tolerance: 0.1, cpuInitialization: 5 * time.Minute, readiness: 30 * time.Second,
	}
	for name, value := range raw {
		var text string
		isText := json.Unmarshal(value, &text) == nil
		var err error
		duration := func(into *time.Duration) {
			if !isText {
				err = fmt.Errorf("flags.%s: not a duration", name)
				return
			}
			*into, err = time.ParseDuration(text)
		}
		switch name {
		case "horizontal-pod-autoscaler-sync-period":
		case "horizontal-pod-autoscaler-tolerance":
			err = json.Unmarshal(value, &read.tolerance)
		case "horizontal-pod-autoscaler-cpu-initialization-period":
			duration(&read.cpuInitialization)
		case "horizontal-pod-autoscaler-initial-readiness-delay":
			duration(&read.readiness)
		case "horizontal-pod-autoscaler-downscale-stabilization":
			duration(&read.downscale)
		default:
			err = fmt.Errorf("flags.%s: unknown", name)
		}
		if err != nil {
			return read, err
		}
	}
	return read, nil
}

// setGates sets gates for one input.
func setGates(gates map[string]bool) (func(), error) {
	if len(gates) == 0 {
		return func() {}, nil
	}
	mutable := utilfeature.DefaultMutableFeatureGate
	before := mutable.DeepCopy()
	names := map[string]bool{}
	for name := range gates {
		names[name] = true
	}
	old := map[string]bool{}
	for name := range names {
		old[name] = enabled(before, name)
	}
	if err := mutable.SetFromMap(gates); err != nil {
		return nil, err
	}
	return func() { _ = mutable.SetFromMap(old) }, nil
}

func moveInput(in *input, by time.Duration) {
	at := func(t *metav1.Time) {
		if t != nil && !t.IsZero() {
			*t = metav1.NewTime(t.Add(by))
		}
	}
	at(in.Hpa.Status.LastScaleTime)
	for i := range in.Hpa.Status.Conditions {
		at(&in.Hpa.Status.Conditions[i].LastTransitionTime)
	}
	for i := range in.Pods {
		pod := &in.Pods[i]
		at(pod.DeletionTimestamp)
		at(pod.Status.StartTime)
		for j := range pod.Status.Conditions {
			at(&pod.Status.Conditions[j].LastTransitionTime)
		}
	}
	for i := range in.PodMetrics {
		at(&in.PodMetrics[i].Timestamp)
	}
	for i := range in.CustomMetrics {
		at(&in.CustomMetrics[i].Timestamp)
	}
	for i := range in.ExternalMetrics {
		at(&in.ExternalMetrics[i].Timestamp)
	}
	if in.History != nil {
		for i := range in.History.Recommendations {
			in.History.Recommendations[i].Time = in.History.Recommendations[i].Time.Add(by)
		}
		for _, events := range [][]scaleEvent{in.History.ScaleUpEvents, in.History.ScaleDownEvents} {
			for i := range events {
				events[i].Time = events[i].Time.Add(by)
			}
		}
	}
}
