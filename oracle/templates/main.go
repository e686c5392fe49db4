package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<20)
	lbls := map[string]string{"pod": "web-0", "cluster": "", "namespace": "shop", "instance": "node-1.example.com:9100"}
	query := func(_ context.Context, q string, _ time.Time) (promql.Vector, error) {
		one := func(i string, v float64) promql.Sample {
			return promql.Sample{Metric: labels.FromStrings("__name__", "up", "instance", i), F: v, T: 0}
		}
		switch q {
		case "up":
			return promql.Vector{one("b", 1), one("a", 2048)}, nil
		case "none":
			return promql.Vector{}, nil
		case "half":
			return promql.Vector{{Metric: labels.EmptyLabels(), F: 0.5}}, nil
		}
		return nil, fmt.Errorf("no %s", q)
	}
	defs := "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
	u, _ := url.Parse("")
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var text string
		if err := json.Unmarshal(in.Bytes(), &text); err != nil {
			panic(err)
		}
		smpl := promql.Sample{F: 0.123456}
		data := template.AlertTemplateData(lbls, map[string]string{}, "", smpl)
		e := template.NewTemplateExpander(context.Background(), defs+text, "__alert_A", data, model.Time(1772409600500), query, u, nil)
		row := map[string]any{"template": text}
		if err := e.ParseTest(); err != nil {
			row["refused"] = strings.TrimPrefix(err.Error(), "template: __alert_A:")
		} else if s, err := e.Expand(); err != nil {
			row["fails"] = err.Error()
		} else {
			row["text"] = s
		}
		out.Encode(row)
	}
}
