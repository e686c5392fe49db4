//! Results in other tools' forms: Perfetto's by an independent reader, and by its own trace processor where that can be had.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::shell::Workshop;

fn exported(shop: &Workshop, scenario: &str) -> Value {
    let line = format!("windtunnel run {scenario} --out r --no-plots && windtunnel export perfetto r -o t.json");
    let said = shop.run(&line);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    serde_json::from_slice(&fs::read(shop.path().join("t.json")).expect("a trace")).expect("JSON")
}

fn rows(shop: &Workshop, table: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(shop.path().join("r").join(table)).expect("a table");
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

#[test]
fn the_trace_has_every_pod_on_its_node_and_every_decision() {
    let shop = Workshop::with_scenarios();
    let trace = exported(&shop, "scenarios/ai-model-training.yaml");
    let events = trace["traceEvents"].as_array().expect("events");
    let of_kind = |kind: &str| events.iter().filter(|event| event["ph"] == kind).collect::<Vec<_>>();
    let named: BTreeMap<u64, &str> = of_kind("M")
        .into_iter()
        .filter(|event| event["name"] == "process_name")
        .map(|event| (event["pid"].as_u64().expect("a number"), event["args"]["name"].as_str().expect("a name")))
        .collect();
    let nodes = rows(&shop, "nodes.csv");
    assert_eq!(named.len(), nodes.len() + 1);
    let slices = of_kind("X");
    for pod in rows(&shop, "pods.csv").iter().filter(|pod| !pod["scheduled_time"].is_empty()) {
        let name = format!("{}/{}", pod["namespace"], pod["pod"]);
        let slice: Vec<&&Value> = slices.iter().filter(|event| event["name"] == name).collect();
        assert_eq!(slice.len(), 1, "{name}");
        assert_eq!(named[&slice[0]["pid"].as_u64().expect("a number")], pod["node"], "{name}");
        let began = pod["scheduled_time"].parse::<f64>().expect("seconds") * 1e6;
        assert!((slice[0]["ts"].as_f64().expect("a time") - began).abs() < 0.01, "{name}");
    }
    assert_eq!(of_kind("i").len(), rows(&shop, "decisions.csv").len());
    // The track of a decision is named after its controller.
    let tracks: BTreeMap<(u64, u64), &str> = of_kind("M")
        .into_iter()
        .filter(|event| event["name"] == "thread_name")
        .map(|event| {
            let number = |field: &str| event[field].as_u64().expect("a number");
            ((number("pid"), number("tid")), event["args"]["name"].as_str().expect("a name"))
        })
        .collect();
    for (event, row) in of_kind("i").into_iter().zip(rows(&shop, "decisions.csv")) {
        let number = |field: &str| event[field].as_u64().expect("a number");
        assert_eq!(tracks[&(number("pid"), number("tid"))], row["controller"]);
    }
    let bytes = fs::read(shop.path().join("t.json")).expect("a trace");
    insta::assert_snapshot!("perfetto", crate::golden::line("t.json", &bytes));
    assert!(of_kind("C").len() > 10);
    // Slices of one track lie apart or within one another.
    let mut tracks: BTreeMap<(u64, u64), Vec<(f64, f64)>> = BTreeMap::new();
    for event in slices {
        let number = |field: &str| event[field].as_f64().expect("a number");
        let track = (number("pid") as u64, number("tid") as u64);
        tracks.entry(track).or_default().push((number("ts"), number("ts") + number("dur")));
    }
    for (track, mut slices) in tracks {
        slices.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let mut open: Vec<f64> = Vec::new();
        for (from, to) in slices {
            open.retain(|end| *end > from + 0.01);
            assert!(open.iter().all(|end| to <= *end + 0.01), "{track:?} {from} {to}");
            open.push(to);
        }
    }
}

#[test]
fn a_part_of_a_run_and_mistakes() {
    let shop = Workshop::with_scenarios();
    let whole = exported(&shop, "scenarios/hpa/flapping.yaml")["traceEvents"].as_array().expect("events").len();
    let cut = shop.run("windtunnel export perfetto r -o part.json.gz --from 10m --to 20m");
    assert_eq!(cut.code, 0, "{}", cut.err);
    let packed = fs::File::open(shop.path().join("part.json.gz")).expect("a file");
    let part: Value = serde_json::from_reader(flate2::read::GzDecoder::new(packed)).expect("JSON");
    assert!(part["traceEvents"].as_array().expect("events").len() < whole);
    for (line, part) in [
        ("windtunnel export perfetto nowhere -o x.json", "summary.json can't be read"),
        ("windtunnel export perfetto r -o t.json", "t.json exists"),
        ("windtunnel export perfetto r -o r/pods.csv --force", "is an input"),
        ("windtunnel export perfetto r -o x.json --from 90d", "is not before the end"),
    ] {
        let said = shop.run(line);
        assert_eq!(said.code, 2, "{line}");
        assert!(said.err.contains(part), "{line}: {}", said.err);
    }
}

#[test]
fn the_tidy_table_has_a_row_a_figure() {
    let shop = Workshop::with_scenarios();
    let said = shop.run("windtunnel run scenarios/hpa/flapping.yaml --out r --no-plots --tidy");
    assert_eq!(said.code, 0, "{}", said.err);
    let (wide, long) = (rows(&shop, "timeseries.csv"), rows(&shop, "timeseries_tidy.csv"));
    let mut figures: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for row in &wide {
        for (name, cell) in
            row.iter().filter(|(name, cell)| !cell.is_empty() && *name != "time" && *name != "timestamp")
        {
            figures.insert((&row["time"], name.clone()), cell);
        }
    }
    assert_eq!(figures.len(), long.len());
    for row in &long {
        let of = &row["object"];
        let name = if of.is_empty() { row["metric"].clone() } else { format!("{}.{of}", row["metric"]) };
        assert_eq!(figures.get(&(&*row["time"], name.clone())), Some(&&*row["value"]), "{name}");
    }
}

/// With `WINDTUNNEL_PERFETTO=python3` (an interpreter that has the package `perfetto`) by Perfetto's trace processor.
#[test]
fn perfettos_trace_processor_opens_it() {
    let Ok(python) = std::env::var("WINDTUNNEL_PERFETTO") else {
        println!("skipped: WINDTUNNEL_PERFETTO names no Python with the package perfetto");
        return;
    };
    let shop = Workshop::with_scenarios();
    exported(&shop, "scenarios/ai-model-training.yaml");
    let script = "from perfetto.trace_processor import TraceProcessor\nt = TraceProcessor(trace='t.json')\n\
        one = lambda q: next(iter(t.query(q))).n\n\
        print(one(\"select count(*) n from slice where category like 'default/%' and name != 'starting'\"),\n\
        one('select count(*) n from counter'), one(\"select count(*) n from stats where severity = 'error' and value > 0\"))\n";
    fs::write(shop.path().join("read.py"), script).expect("a file");
    let said = shop.run(&format!("{python} read.py"));
    if ["URLError", "HTTPError", "getaddrinfo", "'curl'"].iter().any(|reason| said.err.contains(reason)) {
        println!("skipped: the trace processor's binary, which the package fetches, can't be had here");
        return;
    }
    assert_eq!(said.code, 0, "{}", said.err);
    let bound = rows(&shop, "pods.csv").iter().filter(|pod| !pod["scheduled_time"].is_empty()).count();
    let found: Vec<usize> = said.out.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    assert_eq!(found[0], bound);
    assert!(found[1] > 10);
    assert_eq!(found[2], 0, "{}", said.out);
}
