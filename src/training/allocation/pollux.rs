//! `pollux`: elastic, by goodput ("Pollux", OSDI 2021; petuum/adaptdl, branch `osdi21-artifact`,
//! `sched/adaptdl_sched/policy/pollux.py`).
//!
//! A genetic search over GPUs by job and node maximises the power mean (exponent -1) of the jobs' goodput relative to their
//! goodput at a fair share of the cluster. The batch is chosen for each placement and epoch. Where Pollux learns the step
//! times of a job from what it has seen, the measured ones are taken here.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decide, Decision, Job, Share, Snapshot};
use crate::load::training::{ModelProfile, Split};

use crate::training::room;
use crate::units::SimDuration;
use crate::units::random::stream;

/// A genetic search for the best goodput.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolluxOptions {
    /// How often it decides, counted from the start. Default: 1m.
    pub interval: SimDuration,
    /// Allocations that are kept from generation to generation; 2 to 1,000. Default: 100.
    pub population: u32,
    /// Generations of a decision; 1 to 1,000. Default: 100.
    pub generations: u32,
    /// What a restart costs a job, as the search sees it. Default: 30s.
    pub restart: SimDuration,
}

impl Default for PolluxOptions {
    fn default() -> PolluxOptions {
        let (interval, restart) = (SimDuration::from_mins(1), SimDuration::from_secs(30));
        PolluxOptions { interval, population: 100, generations: 100, restart }
    }
}

impl PolluxOptions {
    pub(super) fn validate(&self) -> Result<(), (&'static str, String)> {
        if !(2..=1_000).contains(&self.population) {
            return Err(("population", "must be from 2 to 1000".to_owned()));
        }
        if !(1..=1_000).contains(&self.generations) {
            return Err(("generations", "must be from 1 to 1000".to_owned()));
        }
        if self.restart.is_negative() || self.restart > SimDuration::from_mins(24 * 60) {
            return Err(("restart", "must be from 0s to 24h".to_owned()));
        }
        Ok(())
    }
}

/// Workers by job and node.
type Genome = Vec<Vec<u32>>;

/// Of a job without GPUs, relative to its fair share: not zero, so that the mean still tells the others apart.
const IDLE: f64 = 0.01;

/// The last population, and what jobs have used.
#[derive(Clone, Debug)]
pub struct Pollux {
    options: PolluxOptions,
    /// Rows by job.
    population: Vec<BTreeMap<u32, Vec<u32>>>,
    /// The most workers that a job has had.
    most_used: BTreeMap<u32, u32>,
    decisions: u64,
    goodputs: BTreeMap<String, Goodputs>,
}

/// What has been worked out of a model, by GPUs and nodes.
#[derive(Clone, Debug, Default)]
struct Goodputs {
    sizes: BTreeMap<(u32, u32), Vec<(Split, f64)>>,
    by_epoch: BTreeMap<(u32, u32, usize), f64>,
}

impl Goodputs {
    fn at(&mut self, profile: &ModelProfile, epoch: usize, gpus: u32, nodes: u32, on_a_node: u32) -> f64 {
        let Goodputs { sizes, by_epoch } = self;
        *by_epoch.entry((gpus, nodes, epoch)).or_insert_with(|| {
            let sizes = sizes.entry((gpus, nodes)).or_insert_with(|| profile.sizes(&on_nodes(gpus, nodes, on_a_node)));
            profile.best_of(sizes, epoch)
        })
    }
}

impl Pollux {
    pub(super) fn new(options: PolluxOptions) -> Pollux {
        Pollux { options, population: Vec::new(), most_used: BTreeMap::new(), decisions: 0, goodputs: BTreeMap::new() }
    }
}

/// One search.
struct Search<'s> {
    jobs: &'s [Job<'s>],
    /// Workers that each node has room for, by job: they may differ in size.
    rooms: Vec<Vec<u32>>,
    /// The most workers of each job.
    most: Vec<u32>,
    now: Vec<Vec<u32>>,
    /// What a change of its GPUs leaves of a job's goodput.
    kept: Vec<f64>,
    fair: f64,
    on_a_node: u32,
    /// Goodput relative to that at a fair share, by workers and nodes.
    known: Vec<BTreeMap<(u32, u32), f64>>,
    goodputs: BTreeMap<String, Goodputs>,
}

impl Search<'_> {
    /// Of the job with so many workers on so many nodes.
    fn speedup(&mut self, index: usize, workers: u32, nodes: u32) -> f64 {
        if let Some(known) = self.known[index].get(&(workers, nodes)) {
            return *known;
        }
        let Search { jobs, goodputs, on_a_node, fair, .. } = self;
        let job = &jobs[index];
        let each = u32::try_from(job.gang.each[3]).unwrap_or(1).max(1);
        let mut goodput = |workers: u32, nodes: u32| match job.profile {
            Some((model, profile, epoch)) => {
                let of_model = goodputs.entry(model.to_owned()).or_default();
                of_model.at(profile, epoch, workers * each, nodes, *on_a_node * each)
            }
            None => job.step_seconds.get(workers as usize - 1).map_or(0.0, |seconds| 1.0 / seconds),
        };
        let share = (fair.round() as u32).clamp(1, jobs[index].step_seconds.len().max(1) as u32);
        let at_share = goodput(share, share.div_ceil(*on_a_node));
        let speedup = if at_share > 0.0 { goodput(workers, nodes) / at_share } else { 0.0 };
        self.known[index].insert((workers, nodes), speedup);
        speedup
    }

    fn fitness(&mut self, genome: &Genome) -> f64 {
        let mut sum = 0.0;
        for (index, row) in genome.iter().enumerate() {
            let (workers, nodes) = (row.iter().sum(), row.iter().filter(|workers| **workers > 0).count() as u32);
            let mut speedup = if workers == 0 { 0.0 } else { self.speedup(index, workers, nodes) };
            if *row != self.now[index] {
                speedup *= self.kept[index];
            }
            sum += 1.0 / speedup.max(IDLE);
        }
        genome.len() as f64 / sum
    }

    /// Cuts an allocation down to what there is: the most of each job, the room of each node, and one job over several nodes on
    /// each node.
    fn repair(&self, genome: &mut Genome, random: &mut Pcg64Mcg) {
        let nodes = self.rooms.first().map_or(0, Vec::len);
        for (row, most) in genome.iter_mut().zip(&self.most) {
            while row.iter().sum::<u32>() > *most {
                let node = random.random_range(0..nodes);
                row[node] = row[node].saturating_sub(1);
            }
        }
        let spread = |row: &[u32]| row.iter().filter(|workers| **workers > 0).count() > 1;
        for node in 0..nodes {
            let mut here: Vec<usize> = (0..genome.len()).filter(|job| genome[*job][node] > 0).collect();
            let over: Vec<usize> = here.iter().copied().filter(|job| spread(&genome[*job])).collect();
            if over.len() > 1 {
                let stays = over[random.random_range(0..over.len())];
                over.iter().filter(|job| **job != stays).for_each(|job| genome[*job][node] = 0);
                here.retain(|job| genome[*job][node] > 0);
            }
            // Room is counted in workers of the first that is there; jobs of one list are alike.
            while let Some(first) = here.first() {
                if here.iter().map(|job| genome[*job][node]).sum::<u32>() <= self.rooms[*first][node] {
                    break;
                }
                let at = random.random_range(0..here.len());
                genome[here[at]][node] -= 1;
                if genome[here[at]][node] == 0 {
                    here.swap_remove(at);
                }
            }
        }
    }

    fn child(&self, one: &Genome, other: &Genome, random: &mut Pcg64Mcg) -> Genome {
        let mut child: Genome =
            one.iter().zip(other).map(|(a, b)| if random.random_bool(0.5) { a.clone() } else { b.clone() }).collect();
        let jobs = child.len();
        for _ in 0..random.random_range(1..=2usize.max(jobs / 8)) {
            let job = random.random_range(0..jobs);
            let rooms = &self.rooms[job];
            let row = &mut child[job];
            match random.random_range(0..4) {
                // Anywhere else, whole.
                0 => {
                    let workers: u32 = row.iter().sum::<u32>().max(1);
                    row.iter_mut().for_each(|workers| *workers = 0);
                    let mut left = workers;
                    let from = random.random_range(0..rooms.len());
                    for step in 0..rooms.len() {
                        let node = (from + step) % rooms.len();
                        row[node] = left.min(rooms[node]);
                        left -= row[node];
                    }
                }
                1 => {
                    let node = random.random_range(0..rooms.len());
                    row[node] = rooms[node];
                }
                2 => {
                    let node = random.random_range(0..rooms.len());
                    row[node] = 0;
                }
                _ => {
                    let node = random.random_range(0..rooms.len());
                    row[node] = random.random_range(0..=rooms[node]);
                }
            }
        }
        self.repair(&mut child, random);
        child
    }
}

/// So many GPUs on so many nodes, the first as full as can be.
fn on_nodes(gpus: u32, nodes: u32, on_a_node: u32) -> Vec<u32> {
    let mut left = gpus;
    (0..nodes)
        .map(|node| {
            let here = left.saturating_sub(nodes - node - 1).clamp(1, on_a_node.max(1)).min(left.max(1));
            left = left.saturating_sub(here);
            here
        })
        .collect()
}

impl Decide for Pollux {
    fn decide(&mut self, snapshot: &Snapshot<'_>) -> Decision {
        let nodes = snapshot.nodes.len();
        if snapshot.jobs.is_empty() || nodes == 0 {
            return Decision::default();
        }
        let mut random = stream(snapshot.seed, "pollux", self.decisions);
        self.decisions += 1;
        let mut search = self.search(snapshot);
        let row = |of: &BTreeMap<u32, Vec<u32>>, job: &Job<'_>| {
            of.get(&job.gang.job).filter(|row| row.len() == nodes).cloned().unwrap_or_else(|| vec![0; nodes])
        };
        let mut seeds: Vec<Genome> = vec![search.now.clone()];
        for known in &self.population {
            let mut genome: Genome = snapshot.jobs.iter().map(|job| row(known, job)).collect();
            search.repair(&mut genome, &mut random);
            seeds.push(genome);
        }
        let mut population: Vec<(f64, Genome)> =
            seeds.into_iter().map(|genome| (search.fitness(&genome), genome)).collect();
        let size = self.options.population as usize;
        for _ in 0..self.options.generations {
            let children: Vec<Genome> = (0..size)
                .map(|_| {
                    // The better of two drawn, twice.
                    let mut pick = || {
                        let (a, b) =
                            (random.random_range(0..population.len()), random.random_range(0..population.len()));
                        if population[a].0 >= population[b].0 { a } else { b }
                    };
                    let (one, other) = (pick(), pick());
                    search.child(&population[one].1, &population[other].1, &mut random)
                })
                .collect();
            for child in children {
                let fitness = search.fitness(&child);
                population.push((fitness, child));
            }
            population.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            population.dedup_by(|a, b| a.1 == b.1);
            population.truncate(size);
        }
        self.goodputs = std::mem::take(&mut search.goodputs);
        let by_job =
            |genome: &Genome| snapshot.jobs.iter().map(|job| job.gang.job).zip(genome.iter().cloned()).collect();
        self.population = population.iter().map(|(_, genome)| by_job(genome)).collect();
        let (fitness, best) = population.swap_remove(0);
        let share = |(job, row): (&Job<'_>, &Vec<u32>)| {
            let places: Vec<(usize, u32)> =
                row.iter().copied().enumerate().filter(|(_, workers)| *workers > 0).collect();
            let workers: u32 = row.iter().sum();
            let reason = format!("{workers} workers; the mean goodput is {fitness:.2} of that at fair shares");
            Share { job: job.gang.job, places, steps: None, reason }
        };
        Decision { shares: snapshot.jobs.iter().zip(&best).map(share).collect() }
    }
}

impl Pollux {
    fn search<'s>(&mut self, snapshot: &'s Snapshot<'s>) -> Search<'s> {
        let nodes = snapshot.nodes.len();
        let mut most_used = BTreeMap::new();
        let (mut rooms, mut most, mut now, mut kept) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let restart = self.options.restart.as_secs_f64();
        for job in &snapshot.jobs {
            let eligible = snapshot.eligible.get(job.gang.class);
            let may = |index: usize| eligible.is_some_and(|eligible| eligible.get(index) == Some(&true));
            let of = |index: usize| if may(index) { room(&snapshot.nodes[index].free, &job.gang.each) } else { 0 };
            rooms.push((0..nodes).map(of).collect::<Vec<u32>>());
            let mut row = vec![0; nodes];
            job.places.iter().for_each(|(node, workers)| row[*node] = *workers);
            let used = self.most_used.get(&job.gang.job).copied().unwrap_or(0).max(row.iter().sum());
            most_used.insert(job.gang.job, used);
            most.push((2 * used).max(1).min(job.step_seconds.len().max(1) as u32));
            now.push(row);
            let age = snapshot.now.since(job.gang.submitted).as_secs_f64();
            kept.push((age - restart * f64::from(job.restarts)).max(0.0) / (age + restart).max(1e-9));
        }
        self.most_used = most_used;
        let on_a_node = rooms.iter().flatten().copied().max().unwrap_or(1).max(1);
        let all: u32 = (0..nodes).map(|node| rooms.iter().map(|rooms| rooms[node]).max().unwrap_or(0)).sum();
        let fair = f64::from(all) / snapshot.jobs.len() as f64;
        let known = vec![BTreeMap::new(); snapshot.jobs.len()];
        let goodputs = std::mem::take(&mut self.goodputs);
        Search { jobs: &snapshot.jobs, rooms, most, now, kept, fair, on_a_node, known, goodputs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_counted_out_to_nodes() {
        assert_eq!(on_nodes(6, 2, 4), [4, 2]);
        assert_eq!(on_nodes(3, 3, 4), [1, 1, 1]);
        assert_eq!(on_nodes(9, 3, 4), [4, 4, 1]);
        assert_eq!(on_nodes(1, 1, 4), [1]);
    }
}
