package main

import (
	"fmt"
	"math/rand"
	"time"
)

// drawSchedule makes one choice of the scheduler: a few nodes with pods on them, and a pod that wants a place.
func drawSchedule(r *rand.Rand) object {
	nodes := make([]any, 1+r.Intn(7))
	for i := range nodes {
		nodes[i] = drawNode(r, i)
	}
	scheduled := []any{}
	for i := range r.Intn(14) {
		pod := drawTask(r, fmt.Sprintf("s%d", i), r.Intn(3) == 0)
		spec := pod["spec"].(object)
		status := object{"startTime": ago(r, 3*86400), "phase": "Running"}
		on := fmt.Sprintf("n%d", r.Intn(len(nodes)))
		if r.Intn(9) == 0 {
			status = object{"nominatedNodeName": on, "phase": "Pending"}
		} else {
			spec["nodeName"] = on
		}
		if r.Intn(12) == 0 {
			pod["metadata"].(object)["deletionTimestamp"] = ago(r, 30)
			if r.Intn(2) == 0 {
				status["conditions"] = []any{object{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}}
			}
		}
		pod["status"] = status
		scheduled = append(scheduled, pod)
	}
	pending := drawTask(r, "p", true)
	if r.Intn(10) == 0 {
		pending["status"] = object{"nominatedNodeName": fmt.Sprintf("n%d", r.Intn(len(nodes))), "phase": "Pending"}
	}
	if r.Intn(15) == 0 {
		pending["spec"].(object)["nodeName"] = ""
		pending["spec"].(object)["nodeSelector"] = object{"kubernetes.io/hostname": fmt.Sprintf("n%d", r.Intn(len(nodes)+1))}
	}
	if r.Intn(12) == 0 {
		pending["spec"].(object)["preemptionPolicy"] = "Never"
	}
	input := object{"now": now.Format(time.RFC3339), "pods": []any{pending}, "nodes": nodes, "scheduled": scheduled}
	if r.Intn(3) == 0 {
		input["podDisruptionBudgets"] = drawBudgets(r)
	}
	if r.Intn(4) == 0 {
		input["configuration"] = drawProfile(r)
	}
	return input
}

func drawNode(r *rand.Rand, index int) object {
	name := fmt.Sprintf("n%d", index)
	labels := object{"kubernetes.io/hostname": name}
	if r.Intn(8) > 0 {
		labels["topology.kubernetes.io/zone"] = pick(r, "a", "b", "c")
	}
	if r.Intn(2) == 0 {
		labels["disk"] = pick(r, "ssd", "hdd", "")
	}
	if r.Intn(3) == 0 {
		labels["gen"] = pick(r, "1", "2", "10", "x")
	}
	cpu, memory := pick(r, 1, 2, 4, 8, 16, 3), pick(r, 1, 2, 4, 8, 32, 5)
	amounts := object{
		"cpu": fmt.Sprintf("%d", cpu), "memory": fmt.Sprintf("%dGi", memory),
		"pods": fmt.Sprintf("%d", pick(r, 110, 110, 110, 3, 2, 1)), "ephemeral-storage": pick(r, "20Gi", "1Gi", "100Gi"),
	}
	if r.Intn(4) == 0 {
		amounts["example.com/chip"] = fmt.Sprintf("%d", r.Intn(9))
	}
	if r.Intn(8) == 0 {
		amounts["hugepages-2Mi"] = "256Mi"
	}
	status := object{"capacity": amounts, "allocatable": amounts}
	if r.Intn(3) == 0 {
		images := []any{}
		names := []string{"i:1", "i:2", "registry.example/j@sha256:abc", "i:latest"}
		for _, at := range r.Perm(len(names))[:1+r.Intn(3)] {
			images = append(images, object{"names": []any{names[at]}, "sizeBytes": pick(r, 10, 50, 300, 2000) * 1024 * 1024})
		}
		status["images"] = images
	}
	spec := object{}
	if r.Intn(10) == 0 {
		spec["unschedulable"] = true
	}
	if r.Intn(3) == 0 {
		taints := []any{}
		for range 1 + r.Intn(2) {
			taint := object{"key": pick(r, "dedicated", "gpu", "node.kubernetes.io/unreachable"), "effect": pick(r, "NoSchedule", "PreferNoSchedule", "NoExecute")}
			if r.Intn(2) == 0 {
				taint["value"] = pick(r, "ml", "5", "")
			}
			taints = append(taints, taint)
		}
		spec["taints"] = taints
	}
	return object{"metadata": object{"name": name, "labels": labels}, "spec": spec, "status": status}
}

var apps = []string{"web", "db", "x"}

func drawTask(r *rand.Rand, name string, rich bool) object {
	labels := object{}
	if r.Intn(6) > 0 {
		labels["app"] = apps[r.Intn(len(apps))]
	}
	if r.Intn(4) == 0 {
		labels["version"] = pick(r, "1", "2")
	}
	meta := object{"name": name, "namespace": pick(r, "default", "default", "default", "other"), "labels": labels, "uid": "u-" + name}
	spec := object{"priority": pick(r, 0, 0, 0, 10, 100, -5, 1000), "containers": drawContainers(r, 1+r.Intn(2))}
	if r.Intn(6) == 0 {
		inits := drawContainers(r, 1+r.Intn(2))
		for i, one := range inits {
			one.(object)["name"] = fmt.Sprintf("i%d", i)
			if r.Intn(2) == 0 {
				one.(object)["restartPolicy"] = "Always"
			}
		}
		spec["initContainers"] = inits
	}
	if r.Intn(10) == 0 {
		spec["overhead"] = object{"cpu": "250m", "memory": "64Mi"}
	}
	if r.Intn(12) == 0 {
		spec["resources"] = object{"requests": object{"cpu": pick(r, "9", "16"), "memory": pick(r, "10Gi", "20Gi")}}
	}
	if !rich {
		return object{"metadata": meta, "spec": spec}
	}
	if r.Intn(6) == 0 {
		spec["nodeSelector"] = object{"disk": pick(r, "ssd", "hdd")}
	}
	affinity := object{}
	if r.Intn(4) == 0 {
		affinity["nodeAffinity"] = drawNodeAffinity(r)
	}
	if r.Intn(4) == 0 {
		affinity["podAffinity"] = drawPodAffinity(r)
	}
	if r.Intn(3) == 0 {
		affinity["podAntiAffinity"] = drawPodAffinity(r)
	}
	if len(affinity) > 0 {
		spec["affinity"] = affinity
	}
	if r.Intn(3) == 0 {
		spec["topologySpreadConstraints"] = drawSpread(r)
	}
	if r.Intn(3) == 0 {
		tolerations := []any{}
		for range 1 + r.Intn(2) {
			one := object{}
			if r.Intn(6) > 0 {
				one["key"] = pick(r, "dedicated", "gpu", "node.kubernetes.io/unschedulable")
				one["operator"] = pick(r, "Exists", "Equal")
				if one["operator"] == "Equal" {
					one["value"] = pick(r, "ml", "5", "")
				}
			} else {
				one["operator"] = "Exists"
			}
			if r.Intn(2) == 0 {
				one["effect"] = pick(r, "NoSchedule", "PreferNoSchedule", "NoExecute")
			}
			tolerations = append(tolerations, one)
		}
		spec["tolerations"] = tolerations
	}
	return object{"metadata": meta, "spec": spec}
}

func drawContainers(r *rand.Rand, count int) []any {
	containers := []any{}
	for i := range count {
		requests := object{}
		if r.Intn(8) > 0 {
			requests["cpu"] = pick(r, "100m", "250m", "500m", "1", "1500m", "2", "0.1", "4")
		}
		if r.Intn(8) > 0 {
			requests["memory"] = pick(r, "64Mi", "256Mi", "1Gi", "2Gi", "1e9", "500M", "4Gi")
		}
		if r.Intn(8) == 0 {
			requests["ephemeral-storage"] = pick(r, "1Gi", "10Gi", "500Mi")
		}
		resources := object{"requests": requests}
		if r.Intn(9) == 0 {
			chips := fmt.Sprintf("%d", 1+r.Intn(4))
			requests["example.com/chip"] = chips
			resources["limits"] = object{"example.com/chip": chips}
		}
		one := object{"name": fmt.Sprintf("c%d", i), "image": pick(r, "i:1", "i:2", "registry.example/j@sha256:abc", "i", "k"), "resources": resources}
		if r.Intn(9) == 0 {
			port := object{"containerPort": 80, "hostPort": pick(r, 80, 443, 8080)}
			if r.Intn(3) == 0 {
				port["protocol"] = pick(r, "UDP", "TCP")
			}
			if r.Intn(3) == 0 {
				port["hostIP"] = pick(r, "127.0.0.1", "0.0.0.0", "10.0.0.1")
			}
			one["ports"] = []any{port}
		}
		containers = append(containers, one)
	}
	return containers
}

func drawRequirement(r *rand.Rand) object {
	switch r.Intn(7) {
	case 0:
		return object{"key": pick(r, "disk", "gen", "nope"), "operator": pick(r, "Exists", "DoesNotExist")}
	case 1:
		return object{"key": "gen", "operator": pick(r, "Gt", "Lt"), "values": []any{pick(r, "1", "2", "5")}}
	case 2:
		return object{"key": "topology.kubernetes.io/zone", "operator": pick(r, "In", "NotIn"), "values": []any{pick(r, "a", "b"), "c"}}
	default:
		return object{"key": pick(r, "disk", "gen"), "operator": pick(r, "In", "NotIn"), "values": []any{pick(r, "ssd", "hdd", "1", "2")}}
	}
}

func drawTerm(r *rand.Rand) object {
	if r.Intn(8) == 0 {
		return object{"matchFields": []any{object{"key": "metadata.name", "operator": pick(r, "In", "In", "NotIn"), "values": []any{fmt.Sprintf("n%d", r.Intn(4))}}}}
	}
	expressions := []any{}
	for range 1 + r.Intn(2) {
		expressions = append(expressions, drawRequirement(r))
	}
	return object{"matchExpressions": expressions}
}

func drawNodeAffinity(r *rand.Rand) object {
	found := object{}
	if r.Intn(2) == 0 {
		terms := []any{}
		for range 1 + r.Intn(2) {
			terms = append(terms, drawTerm(r))
		}
		found["requiredDuringSchedulingIgnoredDuringExecution"] = object{"nodeSelectorTerms": terms}
	}
	if r.Intn(3) > 0 {
		terms := []any{}
		for range 1 + r.Intn(3) {
			term := drawTerm(r)
			delete(term, "matchFields")
			if len(term) == 0 {
				term = object{"matchExpressions": []any{drawRequirement(r)}}
			}
			terms = append(terms, object{"weight": 1 + r.Intn(100), "preference": term})
		}
		found["preferredDuringSchedulingIgnoredDuringExecution"] = terms
	}
	return found
}

func drawSelector(r *rand.Rand) object {
	switch r.Intn(6) {
	case 0:
		return object{"matchExpressions": []any{object{"key": "app", "operator": pick(r, "In", "NotIn"), "values": []any{apps[r.Intn(3)]}}}}
	case 1:
		return object{"matchExpressions": []any{object{"key": pick(r, "app", "version"), "operator": pick(r, "Exists", "DoesNotExist")}}}
	case 2:
		return object{}
	default:
		return object{"matchLabels": object{"app": apps[r.Intn(3)]}}
	}
}

func topologyKey(r *rand.Rand) string {
	return pick(r, "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/zone", "disk")
}

func drawPodTerm(r *rand.Rand) object {
	term := object{"topologyKey": topologyKey(r)}
	if r.Intn(12) > 0 {
		term["labelSelector"] = drawSelector(r)
	}
	switch r.Intn(8) {
	case 0:
		term["namespaces"] = []any{pick(r, "other", "default")}
	case 1:
		term["namespaceSelector"] = object{}
	case 2:
		term["namespaceSelector"] = object{"matchLabels": object{"kubernetes.io/metadata.name": "other"}}
	}
	return term
}

func drawPodAffinity(r *rand.Rand) object {
	found := object{}
	if r.Intn(2) == 0 {
		terms := []any{}
		for range 1 + r.Intn(2) {
			terms = append(terms, drawPodTerm(r))
		}
		found["requiredDuringSchedulingIgnoredDuringExecution"] = terms
	}
	if r.Intn(2) == 0 {
		terms := []any{}
		for range 1 + r.Intn(2) {
			terms = append(terms, object{"weight": 1 + r.Intn(100), "podAffinityTerm": drawPodTerm(r)})
		}
		found["preferredDuringSchedulingIgnoredDuringExecution"] = terms
	}
	return found
}

func drawSpread(r *rand.Rand) []any {
	constraints := []any{}
	used := map[string]bool{}
	for range 1 + r.Intn(2) {
		one := object{"maxSkew": 1 + r.Intn(3), "topologyKey": topologyKey(r), "whenUnsatisfiable": pick(r, "DoNotSchedule", "ScheduleAnyway"), "labelSelector": drawSelector(r)}
		key := fmt.Sprint(one["topologyKey"], one["whenUnsatisfiable"])
		if used[key] {
			continue
		}
		used[key] = true
		if one["whenUnsatisfiable"] == "DoNotSchedule" && r.Intn(4) == 0 {
			one["minDomains"] = 1 + r.Intn(4)
		}
		if r.Intn(5) == 0 {
			one["nodeAffinityPolicy"] = pick(r, "Honor", "Ignore")
		}
		if r.Intn(5) == 0 {
			one["nodeTaintsPolicy"] = pick(r, "Honor", "Ignore")
		}
		if r.Intn(6) == 0 {
			one["matchLabelKeys"] = []any{"version"}
		}
		constraints = append(constraints, one)
	}
	return constraints
}

func drawBudgets(r *rand.Rand) []any {
	budgets := []any{}
	for i := range 1 + r.Intn(2) {
		budgets = append(budgets, object{
			"metadata": object{"name": fmt.Sprintf("b%d", i), "namespace": pick(r, "default", "default", "other")},
			"spec":     object{"selector": drawSelector(r), "maxUnavailable": 1},
			"status":   object{"disruptionsAllowed": r.Intn(3)},
		})
	}
	return budgets
}

func drawProfile(r *rand.Rand) object {
	profile := object{"schedulerName": "default-scheduler"}
	resources := []any{object{"name": "cpu", "weight": 1 + r.Intn(5)}, object{"name": "memory", "weight": 1 + r.Intn(5)}}
	if r.Intn(3) == 0 {
		resources = append(resources, object{"name": "example.com/chip", "weight": 1 + r.Intn(9)})
	}
	configured := []any{}
	switch r.Intn(4) {
	case 0:
		configured = append(configured, object{"name": "NodeResourcesFit", "args": object{"scoringStrategy": object{"type": pick(r, "LeastAllocated", "MostAllocated"), "resources": resources}}})
	case 1:
		shape := []any{object{"utilization": 0, "score": r.Intn(11)}, object{"utilization": 40 + r.Intn(20), "score": r.Intn(11)}, object{"utilization": 100, "score": r.Intn(11)}}
		configured = append(configured, object{"name": "NodeResourcesFit", "args": object{"scoringStrategy": object{
			"type": "RequestedToCapacityRatio", "resources": resources, "requestedToCapacityRatio": object{"shape": shape}}}})
	case 2:
		configured = append(configured, object{"name": "NodeResourcesBalancedAllocation", "args": object{"resources": []any{object{"name": "cpu", "weight": 1}, object{"name": pick(r, "memory", "example.com/chip", "ephemeral-storage"), "weight": 1}}}})
	}
	if r.Intn(2) == 0 {
		configured = append(configured, object{"name": "InterPodAffinity", "args": object{"hardPodAffinityWeight": r.Intn(101), "ignorePreferredTermsOfExistingPods": r.Intn(2) == 0}})
	}
	if len(configured) > 0 {
		profile["pluginConfig"] = configured
	}
	if r.Intn(2) == 0 {
		name := pick(r, "NodeResourcesFit", "ImageLocality", "TaintToleration", "NodeAffinity", "PodTopologySpread", "InterPodAffinity", "NodeResourcesBalancedAllocation")
		score := object{"disabled": []any{object{"name": name}}}
		if r.Intn(2) == 0 {
			score["enabled"] = []any{object{"name": name, "weight": 1 + r.Intn(9)}}
		}
		profile["plugins"] = object{"score": score}
	}
	return profile
}
