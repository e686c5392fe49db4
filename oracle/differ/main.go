// Command differ draws random inputs by seed, asks Windtunnel and an oracle the same, and compares what both answer.
//
// Usage: differ -windtunnel BINARY -oracle BINARY -version 1.37 [-controller hpa|schedule] [-seed 1] [-cases 20000] [-batch 500] [-out FOLDER]
// [-record FILE]. Each difference is shrunk and filed by its cause in the folder; -record writes inputs with the oracle's
// answers, one JSON object a line, compressed where the name ends in .gz. The last line that it prints is a row for
// docs/fidelity.md. It exits with 1 where there are differences.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

type object = map[string]any

var (
	windtunnel = flag.String("windtunnel", "", "the binary of Windtunnel")
	oracle     = flag.String("oracle", "", "the oracle of the controller, built for the version")
	controller = flag.String("controller", "hpa", "hpa or schedule")
	version    = flag.String("version", "1.37", "kubernetesVersion of every input")
	seed       = flag.Int64("seed", 1, "the first seed; each case has its own")
	cases      = flag.Int("cases", 20000, "how many")
	batch      = flag.Int("batch", 500, "cases a call")
	out        = flag.String("out", "", "folder for minimal inputs that differ")
	half       = flag.Bool("half", false, "sync half a second after the whole ones: for an oracle whose clock runs")
	why        = flag.Bool("why", false, "say why an input is refused")
	record     = flag.String("record", "", "file for inputs with the oracle's answers")
)

// kinds says of each controller how its inputs are drawn and its answers compared.
var kinds = map[string]struct {
	draw       func(*rand.Rand) object
	difference func(ours, theirs object) string
}{
	"hpa":      {draw, difference},
	"schedule": {drawSchedule, differenceOfChoices},
}

func main() {
	flag.Parse()
	if _, known := kinds[*controller]; *windtunnel == "" || *oracle == "" || !known {
		flag.Usage()
		os.Exit(2)
	}
	var recorder io.Writer = io.Discard
	if *record != "" {
		file, err := os.Create(*record)
		must(err)
		defer file.Close()
		recorder = file
		if strings.HasSuffix(*record, ".gz") {
			packed, err := gzip.NewWriterLevel(file, gzip.BestCompression)
			must(err)
			defer packed.Close()
			recorder = packed
		}
	}
	lines := bufio.NewWriter(recorder)
	defer lines.Flush()
	compared, refused := 0, 0
	causes := map[string]int{}
	for from := 0; from < *cases; from += *batch {
		count := min(*batch, *cases-from)
		inputs := make([]object, count)
		for i := range inputs {
			inputs[i] = kinds[*controller].draw(rand.New(rand.NewSource(*seed + int64(from+i))))
			inputs[i]["kubernetesVersion"] = *version
			if *half {
				inputs[i]["now"] = now.Add(500 * time.Millisecond).Format(time.RFC3339Nano)
			}
		}
		ours, theirs := ask(inputs)
		for i := range inputs {
			if ours[i]["error"] != nil || theirs[i]["error"] != nil {
				refused++
				if *why {
					fmt.Fprintln(os.Stderr, "windtunnel:", ours[i]["error"], " upstream:", theirs[i]["error"])
				}
				if theirs[i]["error"] != nil && ours[i]["error"] == nil {
					causes["only the oracle refuses"]++
				}
				continue
			}
			compared++
			line, err := json.Marshal(object{"input": inputs[i], "expect": theirs[i]})
			must(err)
			_, err = fmt.Fprintf(lines, "%s\n", line)
			must(err)
			if cause := kinds[*controller].difference(ours[i], theirs[i]); cause != "" {
				causes[cause]++
				if causes[cause] == 1 {
					file(cause, *seed+int64(from+i), shrink(inputs[i], cause))
				}
			}
		}
	}
	names := make([]string, 0, len(causes))
	total := 0
	for name, count := range causes {
		names = append(names, name)
		total += count
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("%6d  %s\n", causes[name], name)
	}
	fmt.Printf("| %s | %s | %d | %d | %d | %d |\n", *controller, *version, *seed, compared, refused, total)
	if total > 0 {
		lines.Flush()
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// ask gives the answers of both.
func ask(inputs []object) (ours, theirs []object) {
	folder, err := os.MkdirTemp("", "differ")
	must(err)
	defer os.RemoveAll(folder)
	question, answers := filepath.Join(folder, "inputs.json"), filepath.Join(folder, "answers.json")
	text, err := json.Marshal(inputs)
	must(err)
	must(os.WriteFile(question, text, 0o644))
	// A refused input makes it exit with 2; the others are answered.
	said, _ := exec.Command(*windtunnel, "decide", *controller, question).Output()
	must(json.Unmarshal(said, &ours))
	if told, err := exec.Command(*oracle, question, answers).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s\n", told)
		must(err)
	}
	text, err = os.ReadFile(answers)
	must(err)
	must(json.Unmarshal(text, &theirs))
	return ours, theirs
}

func file(cause string, seed int64, minimal object) {
	if *out == "" {
		return
	}
	ours, theirs := ask([]object{minimal})
	text, err := json.MarshalIndent(object{"cause": cause, "seed": seed, "input": minimal, "windtunnel": ours[0], "upstream": theirs[0]}, "", " ")
	must(err)
	name := strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' || r == ':' {
			return '-'
		}
		return r
	}, cause)
	must(os.MkdirAll(*out, 0o755))
	must(os.WriteFile(filepath.Join(*out, *version+"-"+name+".json"), text, 0o644))
}

// shrink takes away parts while the difference keeps its cause, all parts of a round in one call.
func shrink(input object, cause string) object {
	for {
		smaller := without(input)
		if len(smaller) == 0 {
			return input
		}
		ours, theirs := ask(smaller)
		best := -1
		for i := range smaller {
			if ours[i]["error"] == nil && theirs[i]["error"] == nil && kinds[*controller].difference(ours[i], theirs[i]) == cause {
				best = i
				break
			}
		}
		if best < 0 {
			return input
		}
		input = smaller[best]
	}
}

// without gives every input that lacks one field or item, the largest parts first.
func without(input object) []object {
	var found []object
	var walk func(at []any, value any)
	walk = func(at []any, value any) {
		if len(at) > 0 {
			if copied := cut(input, at); copied != nil {
				found = append(found, copied)
			}
		}
		switch value := value.(type) {
		case object:
			names := make([]string, 0, len(value))
			for name := range value {
				names = append(names, name)
			}
			sort.Strings(names)
			for _, name := range names {
				walk(append(append([]any{}, at...), name), value[name])
			}
		case []any:
			for i := range value {
				walk(append(append([]any{}, at...), i), value[i])
			}
		}
	}
	walk(nil, input)
	sort.SliceStable(found, func(a, b int) bool { return size(found[a]) < size(found[b]) })
	return found
}

func size(value any) int {
	text, _ := json.Marshal(value)
	return len(text)
}

func cut(input object, at []any) object {
	last := at[len(at)-1]
	if at[0] == "now" || at[0] == "kubernetesVersion" || last == "status" || last == "type" || last == "phase" {
		return nil
	}
	copied := clone(input)
	parent := above(copied, at)
	switch last := at[len(at)-1].(type) {
	case string:
		delete(parent.(object), last)
		return copied
	case int:
		list := parent.([]any)
		kept := append(append([]any{}, list[:last]...), list[last+1:]...)
		return put(copied, at[:len(at)-1], kept)
	}
	return nil
}

// above is what holds the value that the path leads to.
func above(of object, at []any) any {
	var parent any = of
	for _, step := range at[:len(at)-1] {
		switch step := step.(type) {
		case string:
			parent = parent.(object)[step]
		case int:
			parent = parent.([]any)[step]
		}
	}
	return parent
}

func put(into object, at []any, value any) object {
	parent := above(into, at)
	switch last := at[len(at)-1].(type) {
	case string:
		parent.(object)[last] = value
	case int:
		parent.([]any)[last] = value
	}
	return into
}

func clone(value object) object {
	text, err := json.Marshal(value)
	must(err)
	var copied object
	must(json.Unmarshal(text, &copied))
	return copied
}
