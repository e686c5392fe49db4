//! Wrong options of training jobs.

use std::fs;

use super::scenario::{folder, refused};

const SCENARIO: &str = r#"apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: case}
spec:
  duration: 1h
  nodes: [{name: n, count: 2, capacity: {cpu: 8, memory: 64Gi, nvidia.com/gpu: 4}}]
  jobs:
    format: pollux
    jobs: j.csv
    throughputs: t.csv
    convergence: c.csv
    elastic: {minWorkers: 1, maxWorkers: 4}
    scheduling: {allocation: {optimus: {}}}
    training: {epochRounding: 1s}
"#;

/// The scenario with `old` replaced.
#[track_caller]
fn bad(old: &str, new: &str, parts: &[&str]) {
    assert!(SCENARIO.contains(old), "{old}");
    let folder = folder(&SCENARIO.replacen(old, new, 1), "");
    let tables = [
        ("j.csv", "job,arrival_s,model,num_gpus,batch_size\na,0,m,1,4\n"),
        ("t.csv", "model,placement,nodes,gpus,batch_per_gpu,step_seconds,sync_seconds\nm,1,1,1,4,0.5,0.1\n"),
        ("c.csv", "model,batch_size,epoch,iteration,progress,grad_sqr,grad_var\nm,4,1,10,10,1,1\n"),
        ("p.csv", "worker,gpu_percent,time,batch_time_norm\n0,25,1,100\n"),
    ];
    for (name, text) in tables {
        fs::write(folder.path().join(name), text).expect("it can be written");
    }
    refused(&folder, &["s.yaml"], parts);
}

#[test]
fn tables_that_a_format_needs_or_does_not_take() {
    bad("    convergence: c.csv\n", "", &["format pollux need measured convergence", "s.yaml:8:5"]);
    bad("    throughputs: t.csv\n", "", &["format pollux need measured speeds"]);
    bad(
        "format: pollux\n    jobs: j.csv",
        "format: pai\n    jobs: p.csv",
        &["format pai take their own duration", "s.yaml:10:"],
    );
    bad(
        "format: pollux",
        "format: gavel",
        &["format gavel take no measured convergence", "s.yaml:11:", "format: pollux"],
    );
    bad("format: pollux", "format: polux", &["s.yaml:8:13", "pollux"]);
}

#[test]
fn policies_and_their_options() {
    bad("{optimus: {}}", "{optimuss: {}}", &["s.yaml:13:", "optimus"]);
    bad("{optimus: {}}", "{optimus: {interval: 0s}}", &["s.yaml:13:", "from 1s to 24h"]);
    bad("{optimus: {}}", "{optimus: {every: 1m}}", &["s.yaml:13:", "every"]);
    let rigid = "    scheduling: {allocation: {tiresias: {threshold: 0s}}}\n";
    bad(
        "    elastic: {minWorkers: 1, maxWorkers: 4}\n    scheduling: {allocation: {optimus: {}}}\n",
        rigid,
        &["threshold", "more than 0s"],
    );
    let rounds = "    scheduling: {allocation: {fifoPerf: {recompute: 25h}}}\n";
    bad(
        "    elastic: {minWorkers: 1, maxWorkers: 4}\n    scheduling: {allocation: {optimus: {}}}\n",
        rounds,
        &["recompute", "from 0s to 24h"],
    );
    bad("{optimus: {}}", "{pollux: {population: 1}}", &["population", "from 2 to 1000"]);
    bad("{optimus: {}}", "{pollux: {generations: 0}}", &["generations", "from 1 to 1000"]);
    bad("{allocation:", "{order: priority, allocation:", &["s.yaml:13:25", "optimus has its own order and places"]);
    bad("    elastic:", "    placement: fill\n    elastic:", &["optimus has its own order and places"]);
}

#[test]
fn elastic_bounds_and_rounding() {
    bad("minWorkers: 1", "minWorkers: 0", &["s.yaml:12:", "1 or more"]);
    bad("maxWorkers: 4", "maxWorkers: 2000", &["s.yaml:12:", "to 1024"]);
    bad("minWorkers: 1, maxWorkers: 4", "minWorkers: 5, maxWorkers: 4", &["s.yaml:12:", "from minWorkers (5)"]);
    bad("minWorkers: 1, maxWorkers: 4", "minWorkers: 1", &["maxWorkers"]);
    bad("    scheduling: {allocation: {optimus: {}}}\n", "", &["nothing chooses the number of workers", "optimus"]);
    bad("    elastic:", "    queue: q\n    elastic:", &["s.yaml:12:12", "quota is for a fixed number of workers"]);
    bad("epochRounding: 1s", "epochRounding: 2m", &["s.yaml:14:", "from 0s to 1m"]);
}
