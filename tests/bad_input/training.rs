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

const DRAWN: &str = r#"apiVersion: windtunnel/v1
kind: Scenario
metadata: {name: case}
spec:
  duration: 1h
  nodes: [{name: n, count: 2, gpuModel: H100, capacity: {cpu: 8, memory: 64Gi, nvidia.com/gpu: 4}}]
  jobs:
    templates:
      - {name: a, arrivals: {constant: 2}, gpus: {1: 3, 2: 1}, duration: 10m, referenceGpu: H100, mfu: 0.4}
    training: {phases: {checkpoint: {interval: 5m}}}
"#;

#[track_caller]
fn bad_draw(old: &str, new: &str, parts: &[&str]) {
    assert!(DRAWN.contains(old), "{old}");
    refused(&folder(&DRAWN.replacen(old, new, 1), ""), &["s.yaml"], parts);
}

#[test]
fn templates_of_jobs() {
    bad_draw("name: a", "name: A_b", &["s.yaml:9:16", "no name for pods"]);
    bad_draw("{constant: 2}", "{constant: -2}", &["s.yaml:9:", "constant"]);
    bad_draw("{constant: 2}", "{constant: 2G}", &["s.yaml:9:", "more than 1000000 jobs", "jobs an hour"]);
    bad_draw("{constant: 2}", "{}", &["s.yaml:9:", "base pattern"]);
    bad_draw("gpus: {1: 3, 2: 1}", "gpus: {}", &["s.yaml:9:", "how likely", "{1: 6, 8: 3, 64: 1}"]);
    bad_draw("{1: 3, 2: 1}", "{0: 3}", &["s.yaml:9:", "0 GPUs: must be from 1"]);
    bad_draw("{1: 3, 2: 1}", "{1: 0}", &["s.yaml:9:", "the weight 0 must be above 0"]);
    bad_draw("mfu: 0.4", "mfu: 1.4", &["s.yaml:9:", "above 0 and up to 1"]);
    bad_draw("mfu: 0.4", "growth: 0", &["s.yaml:9:", "above 0 and up to 10"]);
    bad_draw("referenceGpu: H100, ", "", &["s.yaml:9:", "takes a referenceGpu"]);
    bad_draw("referenceGpu: H100", "referenceGpu: H10", &["s.yaml:9:", "a H10 makes at most is not known", "H100"]);
    bad_draw("gpuModel: H100", "gpuModel: X9", &["s.yaml:9:", "no node has GPUs", "peakFlops: {X9:"]);
    bad_draw("gpuModel: H100, ", "", &["s.yaml:9:", "no node has GPUs", "give nodes a gpuModel"]);
    bad_draw("mfu: 0.4", "queu: q", &["s.yaml:9:", "queu", "queue"]);
    bad_draw("    templates:", "    format: philly\n    templates:", &["s.yaml:8:", "there is none", "jobs.jobs"]);
    let twice = "mfu: 0.4}\n      - {name: a, arrivals: {constant: 2}, gpus: {1: 1}, duration: 1m}";
    bad_draw("mfu: 0.4}", twice, &["s.yaml:10:", "its job a-0 is called like another"]);
    let other = "mfu: 0.4}\n      - {name: b, model: a, arrivals: {constant: 2}, gpus: {1: 1}, duration: 1m, referenceGpu: A100}";
    bad_draw("mfu: 0.4}", other, &["s.yaml:10:", "another template has a on H100"]);
}

#[test]
fn copies_data_and_spares() {
    let checkpoint = |new: &str, parts: &[&str]| bad_draw("interval: 5m", new, parts);
    checkpoint("youngDaly: {nodeMttf: 0s}", &["s.yaml:10:", "at least 1s"]);
    checkpoint("duration: 0s, youngDaly: {nodeMttf: 9h}", &["s.yaml:10:", "costs nothing"]);
    checkpoint("tiers: {memory: {interval: 0s}}", &["s.yaml:10:", "at least 1s"]);
    checkpoint("tiers: {local: {interval: 1m, copies: 0}}", &["s.yaml:10:", "from 1 to 8"]);
    checkpoint("tiers: {disk: {interval: 1m}}", &["s.yaml:10:", "disk", "local"]);
    checkpoint("background: -1s", &["s.yaml:10:", "background"]);
    let phases = "{phases: {checkpoint: {interval: 5m}}}";
    let training = |new: &str, parts: &[&str]| bad_draw(phases, new, parts);
    training("{phases: {data: {readPerGpu: 1Gi}}}", &["s.yaml:10:", "nodeBandwidth"]);
    training("{phases: {data: {nodeBandwidth: 1Gi}}}", &["s.yaml:10:", "readPerGpu"]);
    training("{phases: {data: {readPerGpu: 1, nodeBandwidth: 0}}}", &["s.yaml:10:", "above 0"]);
    training("{spares: 2000}", &["s.yaml:10:", "from 0 to 1024"]);
    training("{flopsPerStep: {a: 0}}", &["s.yaml:10:", "above 0"]);
    training("{peakFlops: {H100: -1}}", &["s.yaml:10:", "above 0"]);
    let shared = "{spares: 1}\n    scheduling: {allocation: {tiresias: {}}}";
    training(shared, &["s.yaml:10:", "none to spare", "jobs.scheduling.allocation"]);
}
