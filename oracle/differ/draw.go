package main

import (
	"fmt"
	"math/rand"
	"time"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// draw makes a sync: ordinary for the most part, odd in places, extreme now and then.
func draw(r *rand.Rand) object {
	replicas := r.Intn(9)
	if r.Intn(12) == 0 {
		replicas = r.Intn(200)
	}
	minimum, maximum := 1+r.Intn(3), 3+r.Intn(20)
	if maximum < minimum {
		maximum = minimum
	}
	spec := object{
		"scaleTargetRef": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
		"maxReplicas":    maximum,
	}
	metrics := drawMetrics(r)
	zero := r.Intn(4) == 0 && hasValues(metrics)
	if zero {
		minimum = 0
	}
	if r.Intn(5) > 0 || zero {
		spec["minReplicas"] = minimum
	}
	if len(metrics) > 0 {
		spec["metrics"] = metrics
	}
	if r.Intn(2) == 0 {
		spec["behavior"] = drawBehavior(r)
	}
	hpa := object{
		"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
		"metadata": object{"name": "h", "namespace": "ns"}, "spec": spec,
	}
	if status := drawStatus(r); status != nil {
		hpa["status"] = status
	}
	status := replicas
	if r.Intn(8) == 0 {
		status = r.Intn(10)
	}
	pods, usage, custom := drawPods(r, status)
	input := object{
		"now": now.Format(time.RFC3339), "hpa": hpa, "pods": pods,
		"scale":      object{"spec": object{"replicas": replicas}, "status": object{"replicas": status, "selector": pick(r, "app=x", "app=x", "app=x", "app=x", "app in (x)", "app", "app!=y", "", "app in (x,)", "a b")}},
		"podMetrics": usage, "customMetrics": custom, "externalMetrics": drawExternal(r),
	}
	if r.Intn(4) > 0 {
		input["history"] = drawHistory(r, replicas)
	}
	if r.Intn(5) == 0 {
		input["flags"] = drawFlags(r)
	}
	return input
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.Intn(len(of))] }

func ago(r *rand.Rand, most int) string {
	return now.Add(-time.Duration(r.Intn(most+1)) * time.Second).Format(time.RFC3339)
}

// amount is a quantity's text, of about the size of `base` thousandths.
func amount(r *rand.Rand, base int) string {
	switch r.Intn(40) {
	case 0:
		return pick(r, "1e16", "10000000000000000", "10P", "9223372036854775807", "1e18", "20E", "100E", "1e-9", "3.3333333333333333333", "k", "16Ei", "7Ei")
	case 1, 2:
		return pick(r, "0", "1e3", "1E2", "0.1", "1.5Gi", "100u", "1500n", ".5", "5.", "+3", "2k", "1Mi", "0.000820k")
	}
	milli := base/2 + r.Intn(base+1)
	if milli%1000 == 0 || r.Intn(3) == 0 {
		return fmt.Sprint(milli/1000 + 1)
	}
	return fmt.Sprintf("%dm", milli)
}

func drawMetrics(r *rand.Rand) []any {
	var metrics []any
	for range pick(r, 0, 1, 1, 1, 1, 2, 2, 3) {
		resource := pick(r, "cpu", "cpu", "memory", "example.com/thing")
		average := func() object { return object{"type": "AverageValue", "averageValue": positive(r)} }
		utilization := func() object {
			if r.Intn(4) == 0 {
				return average()
			}
			return object{"type": "Utilization", "averageUtilization": pick(r, 1, 30, 50, 50, 60, 80, 100, 120, 300)}
		}
		value := func() object {
			if r.Intn(2) == 0 {
				return average()
			}
			return object{"type": "Value", "value": positive(r)}
		}
		switch r.Intn(8) {
		case 0, 1, 2:
			metrics = append(metrics, object{"type": "Resource", "resource": object{"name": resource, "target": utilization()}})
		case 3:
			container := pick(r, "c0", "c0", "c1", "gone")
			metrics = append(metrics, object{"type": "ContainerResource", "containerResource": object{"name": resource, "container": container, "target": utilization()}})
		case 4:
			metrics = append(metrics, object{"type": "Pods", "pods": object{"metric": object{"name": "q"}, "target": average()}})
		case 5:
			metrics = append(metrics, object{"type": "Object", "object": object{"describedObject": object{"apiVersion": "v1", "kind": "Service", "name": pick(r, "s", "s", "s", "gone")}, "metric": object{"name": "q"}, "target": value()}})
		default:
			metric := object{"name": pick(r, "q", "q", "q", "p", "gone")}
			if r.Intn(3) == 0 {
				metric["selector"] = object{"matchLabels": object{"queue": pick(r, "a", "b", "a/b")}}
			}
			metrics = append(metrics, object{"type": "External", "external": object{"metric": metric, "target": value()}})
		}
	}
	return metrics
}

func hasValues(metrics []any) bool {
	for _, metric := range metrics {
		if kind := metric.(object)["type"]; kind == "Object" || kind == "External" {
			return true
		}
	}
	return false
}

// positive is an amount above zero, for targets.
func positive(r *rand.Rand) string {
	for {
		text := amount(r, pick(r, 500, 5000, 50000))
		if text != "0" && text != "k" {
			return text
		}
	}
}

func drawBehavior(r *rand.Rand) object {
	rules := func(window int) object {
		rule := object{}
		if r.Intn(2) == 0 {
			rule["stabilizationWindowSeconds"] = pick(r, 0, 0, 15, 60, 300, window)
		}
		if r.Intn(3) == 0 {
			rule["selectPolicy"] = pick(r, "Max", "Min", "Disabled")
		}
		if r.Intn(3) == 0 {
			rule["tolerance"] = pick(r, "0", "0.1", "50m", "0.05", "0.3", "700e-3", "1")
		}
		var policies []any
		for range pick(r, 0, 1, 1, 2, 3) {
			policies = append(policies, object{"type": pick(r, "Pods", "Percent"), "value": pick(r, 1, 2, 4, 10, 50, 100, 1000), "periodSeconds": pick(r, 1, 15, 60, 300, 1800)})
		}
		if len(policies) > 0 {
			rule["policies"] = policies
		}
		return rule
	}
	behavior := object{}
	if r.Intn(4) > 0 {
		behavior["scaleUp"] = rules(600)
	}
	if r.Intn(4) > 0 {
		behavior["scaleDown"] = rules(3600)
	}
	return behavior
}

func drawStatus(r *rand.Rand) object {
	if r.Intn(2) == 0 {
		return nil
	}
	var conditions []any
	add := func(kind, status, reason string) {
		conditions = append(conditions, object{"type": kind, "status": status, "reason": reason, "lastTransitionTime": ago(r, 3600)})
	}
	if r.Intn(2) == 0 {
		add("AbleToScale", "True", "ReadyForNewScale")
	}
	if r.Intn(2) == 0 {
		add("ScaledToZero", pick(r, "True", "True", "False"), "ScaledToZero")
	}
	if r.Intn(2) == 0 {
		add("ScalingActive", pick(r, "True", "False"), "ValidMetricFound")
	}
	if r.Intn(3) == 0 {
		add("ScalingLimited", "False", "DesiredWithinRange")
	}
	if r.Intn(8) == 0 {
		add("Somebody", "Unknown", "Elses")
	}
	return object{"currentReplicas": r.Intn(5), "desiredReplicas": r.Intn(5), "conditions": conditions}
}

func drawPods(r *rand.Rand, count int) (pods, usage, custom []any) {
	pods, usage, custom = []any{}, []any{}, []any{}
	if count > 30 {
		count = 30
	}
	count += pick(r, 0, 0, 0, 0, 1, 2, -1)
	load := pick(r, 100, 300, 600, 900, 2000)
	for i := 0; i < count; i++ {
		name := fmt.Sprintf("p%d", i)
		labels := object{"app": pick(r, "x", "x", "x", "x", "x", "x", "x", "x", "y")}
		var containers, init, used []any
		for c := 0; c < pick(r, 1, 1, 1, 2, 3); c++ {
			container := object{"name": fmt.Sprintf("c%d", c), "image": "i"}
			requests := object{}
			if r.Intn(12) > 0 {
				requests["cpu"] = amount(r, 1000)
			}
			if r.Intn(4) > 0 {
				requests["memory"] = pick(r, "512Mi", "1Gi", "256M", amount(r, 900000))
			}
			if r.Intn(4) == 0 {
				requests["example.com/thing"] = pick(r, "1", "2")
			}
			if r.Intn(20) > 0 {
				container["resources"] = object{"requests": requests}
			}
			containers = append(containers, container)
			of := object{}
			if r.Intn(20) > 0 {
				of["cpu"] = amount(r, load)
			}
			if r.Intn(3) > 0 {
				of["memory"] = pick(r, "400Mi", "900Mi", amount(r, 900000))
			}
			if r.Intn(3) == 0 {
				of["example.com/thing"] = "1"
			}
			if r.Intn(25) > 0 {
				used = append(used, object{"name": fmt.Sprintf("c%d", c), "usage": of})
			}
		}
		if r.Intn(10) == 0 {
			init = append(init, object{"name": "c1", "image": "i", "restartPolicy": "Always", "resources": object{"requests": object{"cpu": "100m", "memory": "64Mi"}}})
		}
		spec := object{"containers": containers}
		if len(init) > 0 && len(containers) == 1 {
			spec["initContainers"] = init
		}
		start := r.Intn(7200)
		if r.Intn(3) == 0 {
			start = r.Intn(400)
		}
		status := object{"phase": pick(r, "Running", "Running", "Running", "Running", "Running", "Running", "Running", "Pending", "Failed", "Succeeded", "Unknown")}
		if r.Intn(25) > 0 {
			status["startTime"] = now.Add(-time.Duration(start) * time.Second).Format(time.RFC3339)
		}
		if r.Intn(15) > 0 {
			changed := start - r.Intn(60)
			if r.Intn(3) == 0 || changed < 0 {
				changed = r.Intn(start + 1)
			}
			status["conditions"] = []any{object{"type": "Ready", "status": pick(r, "True", "True", "True", "True", "False", "Unknown"), "lastTransitionTime": now.Add(-time.Duration(changed) * time.Second).Format(time.RFC3339)}}
		}
		metadata := object{"name": name, "namespace": "ns", "labels": labels}
		if r.Intn(20) == 0 {
			metadata["deletionTimestamp"] = ago(r, 30)
		}
		pods = append(pods, object{"metadata": metadata, "spec": spec, "status": status})
		if r.Intn(10) > 0 {
			usage = append(usage, object{"metadata": object{"name": name, "namespace": "ns", "labels": labels}, "timestamp": ago(r, 90), "window": pick(r, "15s", "30s", "1m0s", "14.321s"), "containers": used})
		}
		if r.Intn(6) > 0 {
			custom = append(custom, object{"describedObject": object{"kind": "Pod", "name": name, "namespace": "ns"}, "metric": object{"name": "q"}, "timestamp": ago(r, 60), "value": amount(r, 10000)})
		}
	}
	if r.Intn(12) == 0 {
		usage = append(usage, object{"metadata": object{"name": "stranger", "namespace": "ns", "labels": object{"app": "x"}}, "timestamp": ago(r, 60), "window": "30s", "containers": []any{object{"name": "c0", "usage": object{"cpu": amount(r, load), "memory": "1Gi"}}}})
	}
	if r.Intn(8) > 0 {
		custom = append(custom, object{"describedObject": object{"apiVersion": "v1", "kind": "Service", "name": "s", "namespace": "ns"}, "metric": object{"name": "q"}, "timestamp": ago(r, 60), "value": amount(r, 30000)})
	}
	return pods, usage, custom
}

func drawExternal(r *rand.Rand) []any {
	found := []any{}
	for range r.Intn(4) {
		value := amount(r, pick(r, 1000, 30000, 300000))
		if r.Intn(15) == 0 {
			value = "-" + value
		}
		found = append(found, object{"metricName": pick(r, "q", "q", "p"), "timestamp": ago(r, 60), "value": value, "metricLabels": object{"queue": pick(r, "a", "b")}})
	}
	return found
}

func drawHistory(r *rand.Rand, replicas int) object {
	recommendations := []any{}
	for range r.Intn(6) {
		recommendations = append(recommendations, object{"time": ago(r, pick(r, 60, 400, 4000)), "replicas": max(0, replicas+r.Intn(9)-4)})
	}
	events := func() []any {
		found := []any{}
		for range pick(r, 0, 0, 1, 2, 4) {
			found = append(found, object{"time": ago(r, pick(r, 20, 400, 2000)), "replicaChange": 1 + r.Intn(6)})
		}
		return found
	}
	return object{"recommendations": recommendations, "scaleUpEvents": events(), "scaleDownEvents": events()}
}

func drawFlags(r *rand.Rand) object {
	flags := object{}
	if r.Intn(2) == 0 {
		flags["horizontal-pod-autoscaler-tolerance"] = pick(r, 0.0, 0.05, 0.2)
	}
	if r.Intn(2) == 0 {
		flags["horizontal-pod-autoscaler-cpu-initialization-period"] = pick(r, "0s", "1m", "10m")
	}
	if r.Intn(2) == 0 {
		flags["horizontal-pod-autoscaler-initial-readiness-delay"] = pick(r, "0s", "10s", "2m")
	}
	if r.Intn(2) == 0 {
		flags["horizontal-pod-autoscaler-downscale-stabilization"] = pick(r, "0s", "1m", "10m")
	}
	return flags
}
