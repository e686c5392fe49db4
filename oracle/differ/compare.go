package main

import (
	"fmt"
	"time"
)

// difference names the first thing in which two answers differ, or nothing.
func difference(ours, theirs object) string {
	for _, field := range []string{"desiredReplicas", "rescaled"} {
		if ours[field] != theirs[field] {
			return field
		}
	}
	if cause := lists("conditions", ours, theirs, "type", "status", "reason"); cause != "" {
		return cause
	}
	our, their := items(ours["metrics"]), items(theirs["metrics"])
	// Upstream's status is empty where the sync did not come to metrics.
	if len(our) != len(their) {
		return fmt.Sprintf("metrics: %d for %d", len(our), len(their))
	}
	for i := range our {
		if (our[i]["error"] == nil) != (their[i]["error"] == nil) {
			return "metrics: error"
		}
		for _, field := range []string{"type", "proposedReplicas", "currentAverageUtilization", "currentAverageValue", "currentValue"} {
			if our[i][field] != their[i][field] {
				return "metrics: " + field
			}
		}
	}
	our1, _ := ours["history"].(object)
	their1, _ := theirs["history"].(object)
	for _, field := range []string{"recommendations", "scaleUpEvents", "scaleDownEvents"} {
		if cause := lists(field, our1, their1, "time", "replicas", "replicaChange"); cause != "" {
			return "history: " + cause
		}
	}
	return ""
}

func items(value any) []object {
	list, _ := value.([]any)
	found := make([]object, 0, len(list))
	for _, item := range list {
		if item, ok := item.(object); ok {
			found = append(found, item)
		}
	}
	return found
}

func lists(field string, ours, theirs object, of ...string) string {
	our, their := items(ours[field]), items(theirs[field])
	if len(our) != len(their) {
		return field + ": number"
	}
	for i := range our {
		for _, name := range of {
			if !same(our[i][name], their[i][name]) {
				return field + ": " + name
			}
		}
	}
	return ""
}

func same(a, b any) bool {
	if a == b || a == nil && b == false || a == false && b == nil {
		return true
	}
	one, ok := a.(string)
	other, too := b.(string)
	if !ok || !too {
		return false
	}
	at, err := time.Parse(time.RFC3339, one)
	then, wrong := time.Parse(time.RFC3339, other)
	// Where the oracle's clock runs, it has moved on a little since the sync began.
	return err == nil && wrong == nil && at.Sub(then).Abs() < 400*time.Millisecond
}
