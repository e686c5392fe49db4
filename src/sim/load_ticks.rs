//! Ticks at which nothing but the demand of a service changed: the same pods share another amount.
//!
//! A full plan ([`World::plan_service`]) asks everything anew. Whenever a pod comes to serve or ceases to, one follows at
//! the same instant, so between two of them the pods, their nodes and their limits are what they were. A tick gives way
//! to a full plan where more than the amount could matter: requests in line, work that waits, dead endpoints, a node that
//! is short of CPU. It comes to the same plan, to the bit; a run with [`RunOptions::plain`](super::RunOptions) makes none
//! but full ones.

use super::bills::larger;
use super::event::Event;
use super::records::Usage;
use super::state::services::StandingPod;
use super::world::World;
use crate::cluster::ClusterView;
use crate::load::service::{PodClass, Work, share};
use crate::scenario::Demand;
use crate::units::{GpuMilli, Millicores, SimTime};

impl World<'_> {
    /// The same pods share the demand of this instant from now on. False, and nothing changed, where it takes a full plan.
    pub(super) fn demand_changes(&mut self, load: usize) -> bool {
        if self.plain || !self.know_standing_pods(load) {
            return false;
        }
        let run = &mut self.services[load];
        let Some(signal) = &run.signal else { return false };
        let (demand, next) = (signal.value_at(self.now), signal.next_change_after(self.now));
        let are_together = self.share_together(load, demand);
        if !are_together && !self.share_one_by_one(load, demand) {
            return false;
        }
        let run = &mut self.services[load];
        run.classes.clear();
        let offered = run.standing.pods.iter().map(|pod| pod.offered);
        if are_together {
            run.classes.push(PodClass { pods: 1, capacity: offered.fold(0, i64::saturating_add) });
        } else {
            run.classes.extend(offered.map(|capacity| PodClass { pods: 1, capacity }));
        }
        (run.demand, run.reaching, run.to_the_dead) = (demand, demand, 0.0);
        run.generation += 1;
        if next < SimTime::MAX {
            self.events.push(next, Event::LoadTick { load: load as u32, generation: run.generation });
        }
        if !are_together {
            self.take_together(load);
        }
        true
    }

    /// Each pod takes its part of the demand, as its node has room for it. False, and nothing changed, where it takes a
    /// full plan.
    fn share_one_by_one(&mut self, load: usize, demand: i64) -> bool {
        self.take_apart(load);
        let standing = &mut self.services[load].standing;
        let (mut pods, mut rates) = (std::mem::take(&mut standing.pods), std::mem::take(&mut standing.rates));
        let is_enough = self.offer_to_standing(&mut pods, demand) && share_among(&pods, demand, &mut rates);
        if is_enough {
            self.use_standing(&pods, &rates);
        }
        let standing = &mut self.services[load].standing;
        (standing.pods, standing.rates) = (pods, rates);
        standing.keep_up |= is_enough;
        is_enough
    }

    /// Whether the pods of the service are known and do plain CPU work, none of which waits.
    fn know_standing_pods(&mut self, load: usize) -> bool {
        let run = &self.services[load];
        if run.service.books().backlog > Work::ZERO {
            return false;
        }
        if run.standing.is_known {
            return true;
        }
        let is_plain = matches!(self.scenario.loads[load].demand, Demand::Cpu) && run.each.is_none();
        if !is_plain || run.pods.is_empty() || self.dead_endpoints(load) > 0 {
            return false;
        }
        let mut pods = std::mem::take(&mut self.services[load].standing.pods);
        pods.clear();
        for pod in &self.services[load].pods {
            let Some(node) = self.cluster.pod(*pod).node else { break };
            let Some(view) = self.cluster.node_view(node) else { break };
            let Usage { memory, gpu, .. } = self.modelled_use(*pod);
            pods.push(StandingPod {
                pod: *pod,
                instance: self.instance_of[node.index()],
                supply: view.shape.allocatable.cpu.get(),
                ceiling: self.cpu_ceiling(*pod),
                offered: 0,
                memory,
                gpu,
            });
        }
        let run = &mut self.services[load];
        run.standing.is_known = pods.len() == run.pods.len();
        run.standing.pods = pods;
        run.standing.is_known
    }

    /// What each pod can have of its node ([`World::offers`]). False where a node has not enough for its pod's even part,
    /// or all of them together not for the demand.
    fn offer_to_standing(&self, pods: &mut [StandingPod], demand: i64) -> bool {
        let even = demand / pods.len() as i64 + 1;
        let mut capacity = 0i64;
        for pod in pods {
            let own = self.pods[pod.pod.index()].cpu.wanted;
            let spare = pod.supply - (self.instances[pod.instance as usize].cpu.wanted - own);
            if spare < pod.ceiling.min(even) {
                return false;
            }
            pod.offered = spare.min(pod.ceiling);
            capacity = capacity.saturating_add(pod.offered);
        }
        capacity >= demand
    }

    /// Every pod wants what it is to do, and uses it ([`World::claim_cpu`], [`World::set_service_use`]).
    fn use_standing(&mut self, pods: &[StandingPod], rates: &[i64]) {
        let now = self.now;
        let mut more = 0;
        for (standing, rate) in pods.iter().zip(rates) {
            let run = &mut self.pods[standing.pod.index()];
            let instance = &mut self.instances[standing.instance as usize];
            let wanted = instance.cpu.wanted + rate - run.cpu.wanted;
            if run.cpu.wanted == *rate || wanted <= standing.supply && !instance.cpu.is_short {
                instance.cpu.wanted = wanted;
                run.cpu.wanted = *rate;
            } else {
                self.want_cpu(standing.pod, *rate);
            }
            let run = &mut self.pods[standing.pod.index()];
            run.cpu.granted = run.cpu.wanted.min(standing.offered);
            run.serving = *rate;
            let used = Usage { cpu: Millicores(*rate), memory: standing.memory, gpu: standing.gpu };
            if run.used == used {
                continue;
            }
            if (run.used.memory, run.used.gpu) != (used.memory, used.gpu) {
                self.set_used(standing.pod, used);
                continue;
            }
            run.cpu_counter = run.cpu_counter_at(now);
            if run.used.cpu.get() >= run.cpu_limit {
                run.throttled = run.throttled_at(now);
            }
            run.counted_at = now;
            let change = used.cpu - std::mem::replace(&mut run.used, used).cpu;
            run.holding.change(larger(run.requested, used), now);
            let instance = &mut self.instances[standing.instance as usize];
            instance.cpu_counter = instance.cpu_counter_at(now);
            instance.counted_at = now;
            instance.used.cpu += change;
            more += change.get();
        }
        let cpu = |cpu: i64| Usage { cpu: Millicores(cpu), gpu: GpuMilli(0), ..Usage::default() };
        self.cluster.change_used(cpu(0), cpu(more), now);
    }
}

/// What each pod does ([`share`], each pod a class of its own). False where that is all that a pod has, and less than it
/// could use.
fn share_among(pods: &[StandingPod], demand: i64, rates: &mut Vec<i64>) -> bool {
    rates.clear();
    let first = pods[0].offered;
    if pods.iter().all(|pod| pod.offered == first) {
        // Equal parts; the last ones take what is left over.
        let count = pods.len() as i64;
        let (part, larger) = (demand / count, demand % count);
        rates.resize(pods.len() - larger as usize, part);
        rates.resize(pods.len(), part + 1);
    } else {
        let classes: Vec<PodClass> = pods.iter().map(|pod| PodClass { pods: 1, capacity: pod.offered }).collect();
        rates.extend(share(demand, &classes));
    }
    let is_held_down = |(pod, rate): (&StandingPod, &i64)| *rate == pod.offered && pod.offered < pod.ceiling;
    !pods.iter().zip(&*rates).any(is_held_down)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::PodId;
    use crate::units::Bytes;

    #[test]
    fn equal_pods_share_as_classes_of_one_pod_do() {
        for count in 1..9 {
            for demand in 0..=count * 5 {
                let pod = |index: usize| StandingPod {
                    pod: PodId::new(index),
                    instance: 0,
                    supply: 10,
                    ceiling: 5,
                    offered: 5,
                    memory: Bytes(0),
                    gpu: GpuMilli(0),
                };
                let pods: Vec<StandingPod> = (0..count as usize).map(pod).collect();
                let mut rates = Vec::new();
                assert!(share_among(&pods, demand, &mut rates));
                assert_eq!(rates, share(demand, &vec![PodClass { pods: 1, capacity: 5 }; count as usize]), "{demand}");
            }
        }
    }
}
