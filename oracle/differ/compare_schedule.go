package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// differenceOfChoices names the first thing in which two answers of `decide schedule` differ.
func differenceOfChoices(ours, theirs object) string {
	filtered, _ := ours["filtered"].(object)
	refused, _ := theirs["filtered"].(object)
	for _, node := range names(filtered, refused) {
		our, their := plugin(filtered[node]), plugin(refused[node])
		if our != their {
			return fmt.Sprintf("filtered: %s for %s", our, their)
		}
	}
	scores, _ := ours["scores"].(object)
	scored, _ := theirs["scores"].(object)
	for _, node := range names(scores, scored) {
		our, _ := scores[node].(object)
		their, _ := scored[node].(object)
		for _, part := range names(our, their) {
			// Plugins that have nothing to say are left out there, and score 0 here.
			if part != "total" && number(our[part]) != number(their[part]) {
				return "scores: " + part
			}
		}
		if number(our["total"]) != number(their["total"]) {
			return "scores: total"
		}
	}
	if fmt.Sprint(texts(ours["candidates"])) != fmt.Sprint(texts(theirs["candidates"])) {
		return "candidates"
	}
	our, _ := ours["preemption"].(object)
	their := items(theirs["preemptions"])
	if (our != nil) != (len(their) > 0) {
		return fmt.Sprintf("preemption: %v for %v", our != nil, len(their) > 0)
	}
	for _, one := range their {
		if one["node"] == our["node"] && victims(one, nil) == victims(our, texts(theirs["leaving"])) {
			return ""
		}
	}
	if our != nil {
		return "preemption: node or victims"
	}
	return ""
}

func victims(of object, leaving []string) string {
	var found []string
	for _, name := range texts(of["victims"]) {
		name = name[strings.LastIndex(name, "/")+1:]
		if !slices.Contains(leaving, name) {
			found = append(found, name)
		}
	}
	sort.Strings(found)
	return fmt.Sprint(found)
}

func plugin(refusal any) string {
	of, _ := refusal.(object)
	name, _ := of["plugin"].(string)
	if name == "" {
		return "nothing"
	}
	return name
}

func number(value any) float64 {
	found, _ := value.(float64)
	return found
}

func texts(value any) []string {
	list, _ := value.([]any)
	found := make([]string, 0, len(list))
	for _, item := range list {
		found = append(found, fmt.Sprint(item))
	}
	return found
}

func names(of ...object) []string {
	seen := map[string]bool{}
	var found []string
	for _, one := range of {
		for name := range one {
			if !seen[name] {
				seen[name] = true
				found = append(found, name)
			}
		}
	}
	sort.Strings(found)
	return found
}
