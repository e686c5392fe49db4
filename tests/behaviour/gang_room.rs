//! A gang that can never run is told, for the nodes that are bought for some of its workers stand to the end.

use super::run_files;
use crate::watch::Watched;

/// One job of so many GPUs, a worker each 8; the group has 8 GPUs a node.
fn gang(gpus: u32, nodes: &str) -> Watched {
    let scenario = format!(
        "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {{name: gangscale}}\nspec:\n  duration: 2h\n  \
         jobs: {{jobs: j.csv, throughputs: t.csv}}\n  {nodes}\n"
    );
    let job = format!("job,arrival_s,model,batch_size,num_gpus,total_steps\nbig,0,M,,{gpus},3600\n");
    let speed = format!("model,batch_size,gpu,num_gpus,consolidated,steps_per_second\nM,,V100,{gpus},false,1\n");
    run_files(&[("scenario.yaml", &scenario), ("j.csv", &job), ("t.csv", &speed)]).0
}

fn verdicts(run: &Watched) -> Vec<String> {
    let pods = run.outcome.pods.iter().filter_map(|pod| pod.unscheduled.as_ref());
    let mut told: Vec<String> = pods.map(|verdict| verdict.reason.clone()).collect();
    told.dedup();
    told
}

#[test]
fn a_gang_beyond_its_groups_maximum_buys_nodes_in_vain_and_says_so() {
    let run = gang(32, "nodeGroups: [{name: g, instanceType: p3.16xlarge, maxSize: 3}]");
    let expected = "its gang can never run: it has 32 workers, and all nodes at their most can hold 24; nodes that are \
                    added for it are in vain";
    assert_eq!(verdicts(&run), [expected]);
    // As the real autoscaler: three nodes for those workers that would fit, kept to the end.
    assert_eq!(run.samples.last().expect("samples").nodes, 3);
}

#[test]
fn a_quota_and_fixed_nodes_count() {
    let fixed = "nodes: [{name: v, count: 2, instanceType: p3.16xlarge}]";
    let run = gang(32, fixed);
    assert_eq!(verdicts(&run), ["its gang can never run: it has 32 workers, and all nodes at their most can hold 16"]);
    let run = gang(32, "nodeGroups: [{name: g, instanceType: p3.16xlarge, maxSize: 9, quota: 1}]");
    assert!(verdicts(&run)[0].contains("can hold 8; nodes"), "{:?}", verdicts(&run));
}

#[test]
fn a_gang_that_fits_runs() {
    let run = gang(24, "nodeGroups: [{name: g, instanceType: p3.16xlarge, maxSize: 3}]");
    assert!(run.outcome.training[0].finished.is_some());
}

/// Two gangs that each take all there is: the second waits its turn, and it is not said that it never comes.
#[test]
fn a_gang_that_takes_all_there_is_only_waits() {
    let scenario = "apiVersion: windtunnel/v1\nkind: Scenario\nmetadata: {name: turns}\nspec:\n  duration: 30m\n  \
         jobs: {jobs: j.csv, throughputs: t.csv}\n  nodes: [{name: v, count: 2, instanceType: p3.16xlarge}]\n";
    let jobs = "job,arrival_s,model,batch_size,num_gpus,total_steps\nfirst,0,M,,16,36000\nsecond,60,M,,16,60\n";
    let speed = "model,batch_size,gpu,num_gpus,consolidated,steps_per_second\nM,,V100,16,false,1\n";
    let (run, _) = run_files(&[("scenario.yaml", scenario), ("j.csv", jobs), ("t.csv", speed)]);
    let told = verdicts(&run);
    assert!(!told.is_empty() && told.iter().all(|reason| !reason.contains("never")), "{told:?}");
}
