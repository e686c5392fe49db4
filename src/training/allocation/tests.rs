//! Policies on small clusters, worked out by hand.

use super::*;
use crate::cluster::NodeId;

fn nodes(count: u32, gpus: i64) -> Vec<Node> {
    let free = [1_000_000, 1 << 50, 1_000, gpus];
    (0..count).map(|id| Node { id: NodeId(id), free, whole: free, kind: 0 }).collect()
}

fn gang(job: u32, workers: u32) -> Gang {
    let submitted = SimTime::from_secs(i64::from(job));
    let remaining = SimDuration::from_mins(10);
    Gang { job, workers, each: [1, 1, 1, 1], class: 0, submitted, priority: 0, remaining }
}

/// Decisions at whole minutes, each carried out at once.
struct Cluster {
    allocator: Allocator,
    nodes: Vec<Node>,
    gangs: Vec<Gang>,
    places: Vec<Places>,
    step_seconds: &'static [f64],
}

impl Cluster {
    fn new(allocation: Allocation, nodes: Vec<Node>) -> Cluster {
        Cluster {
            allocator: Allocator::new(allocation),
            nodes,
            gangs: Vec::new(),
            places: Vec::new(),
            step_seconds: &[1.0],
        }
    }

    fn comes(&mut self, workers: u32) {
        self.gangs.push(gang(self.gangs.len() as u32, workers));
        self.places.push(Vec::new());
    }

    fn at(&mut self, minute: i64) -> &[Places] {
        let eligible = vec![vec![true; self.nodes.len()]];
        let job = |(gang, places): (_, &Places)| Job {
            gang,
            places: places.clone(),
            steps_left: 1_000_000,
            rates: vec![StepRate::from_steps_per_second(1.0)],
            step_seconds: self.step_seconds,
            least: 1,
            profile: None,
            restarts: 0,
        };
        let jobs = self.gangs.iter().zip(&self.places).map(job).collect();
        let now = SimTime::ZERO + SimDuration::from_mins(minute);
        let snapshot = Snapshot { now, nodes: self.nodes.clone(), eligible, jobs, more_to_come: true, seed: 1 };
        for share in self.allocator.decide(&snapshot).shares {
            self.places[share.job as usize] = share.places;
        }
        &self.places
    }
}

/// Two jobs that gain by every GPU share the cluster; one job alone comes to all of it, never to more than twice what it had.
#[test]
fn pollux_grows_jobs_step_by_step_up_to_the_whole_cluster() {
    let options = PolluxOptions { population: 20, generations: 30, ..PolluxOptions::default() };
    let mut cluster = Cluster::new(Allocation::Pollux(options), nodes(2, 4));
    cluster.step_seconds = &[8.0, 4.0, 2.7, 2.0, 1.7, 1.5, 1.3, 1.1];
    let workers = |places: &Places| places.iter().map(|(_, workers)| workers).sum::<u32>();
    cluster.comes(1);
    let mut last = 0;
    for minute in 1..12 {
        let now = workers(&cluster.at(minute)[0]);
        assert!(now <= 8 && now <= (2 * last).max(1), "{now} after {last}");
        last = last.max(now);
    }
    assert_eq!(last, 8);
    cluster.comes(1);
    for minute in 60..90 {
        cluster.at(minute);
    }
    let shares: Vec<u32> = cluster.at(90).iter().map(workers).collect();
    assert!(shares.iter().all(|workers| (3..=5).contains(workers)) && shares.iter().sum::<u32>() == 8, "{shares:?}");
}

#[test]
fn tiresias_lets_smaller_jobs_pass_and_puts_those_that_had_enough_behind_the_others() {
    let threshold = SimDuration::from_mins(16);
    let allocation = Allocation::Tiresias(TiresiasOptions { threshold, ..TiresiasOptions::default() });
    let mut cluster = Cluster::new(allocation, nodes(2, 4));
    cluster.comes(6);
    cluster.comes(4);
    cluster.comes(2);
    // The second does not fit, the third does, from the node with most room.
    assert_eq!(cluster.at(1), [vec![(0, 4), (1, 2)], vec![], vec![(1, 2)]]);
    // After two minutes of 6 GPUs it has had 12 of 16 GPU minutes, after three 18: then the others come first.
    assert_eq!(cluster.at(3), [vec![(0, 4), (1, 2)], vec![], vec![(1, 2)]]);
    assert_eq!(cluster.at(4), [vec![], vec![(0, 4)], vec![(1, 2)]]);
    // All three are demoted in the end, and stand in the order in which they were.
    assert_eq!(cluster.at(9), [vec![(0, 4), (1, 2)], vec![], vec![(1, 2)]]);
}
