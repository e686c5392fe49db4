// Package answers is what every oracle does around its judging: inputs from a file, answers into another.
package answers

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/klog/v2"
)

// Main reads the JSON array of the first argument, gives each input to the judge, and writes the answers to the second. An
// input that can't be read, or at which upstream panics, has an error in its place.
func Main[Input any](name string, judge func(*Input) any) {
	if len(os.Args) != 3 {
		fmt.Fprintf(os.Stderr, "usage: %s INPUTS ANSWERS\n", name)
		os.Exit(2)
	}
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	text, err := os.ReadFile(os.Args[1])
	Must(err)
	var raw []json.RawMessage
	Must(json.Unmarshal(text, &raw))
	answers := make([]any, 0, len(raw))
	for _, one := range raw {
		var in Input
		if err := json.Unmarshal(one, &in); err != nil {
			answers = append(answers, map[string]string{"error": err.Error()})
			continue
		}
		answers = append(answers, judged(&in, judge))
	}
	out, err := json.Marshal(answers)
	Must(err)
	Must(os.WriteFile(os.Args[2], out, 0o644))
}

func judged[Input any](in *Input, judge func(*Input) any) (answer any) {
	defer func() {
		if broken := recover(); broken != nil {
			answer = map[string]string{"error": fmt.Sprint("upstream panics: ", broken)}
		}
	}()
	return judge(in)
}

// Must ends the program where something went wrong that is no input's fault.
func Must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
