//! Services whose equal pods are taken together: a tick, a scrape and a sync cost next to nothing a pod.
//!
//! Between two plans the pods of a service stand still (see [`load_ticks`](super::load_ticks)). Where each has more CPU
//! than its even part, none is at its limit and all are of one spec, a tick changes one amount for all of them. Their own
//! books ([`PodRun`](super::entities::PodRun), and those of their machines) are then behind, and are made up where
//! somebody looks at them or a pod comes or goes. What a node's pods want of its CPU is kept up at each tick, for services
//! share nodes. A [`plain`](super::RunOptions) run takes no pods together.

use super::records::Usage;
use super::state::metrics_server::{Meter, Scraped};
use super::state::services::StandingPods;
use super::world::World;
use crate::autoscaler::hpa::{MetricSpec, PodState, ReadyStatus, ResourceTarget, request_of};
use crate::cluster::{PodId, PodPhase, PodSpecId};
use crate::load::service::PodClass;
use crate::units::{Bytes, GpuMilli, Millicores};

impl World<'_> {
    /// The pods of the service share `demand` from now on. False, and nothing changed, where they can't be taken
    /// together for it.
    pub(super) fn share_together(&mut self, load: usize, demand: i64) -> bool {
        let World { services, instances, cluster, now, .. } = self;
        let StandingPods { pods, rates, together, .. } = &mut services[load].standing;
        if !together.is_open {
            return false;
        }
        let count = pods.len() as i64;
        let (part, larger) = (demand / count, (demand % count) as usize);
        let most = part + i64::from(larger > 0);
        if demand < 0 || most >= together.limit {
            return false;
        }
        for (pod, rate) in pods.iter_mut().zip(&*rates) {
            let node = &instances[pod.instance as usize].cpu;
            pod.offered = (pod.supply - (node.wanted - rate)).min(pod.ceiling);
            if pod.offered <= most || node.is_short {
                return false;
            }
        }
        together.choose(pods.iter().map(|pod| pod.offered), larger);
        for (index, more) in together.chosen().iter().enumerate() {
            let (pod, change) = (&pods[index], part + more - rates[index]);
            let node = &mut instances[pod.instance as usize].cpu;
            node.wanted += change;
            if node.wanted > pod.supply && change != 0 {
                // Two of them on one node want more than it has.
                for (pod, (more, rate)) in pods.iter().zip(together.chosen().iter().zip(&*rates)).take(index + 1) {
                    instances[pod.instance as usize].cpu.wanted -= part + more - rate;
                }
                return false;
            }
        }
        let before: i64 = rates.iter().sum();
        rates.clear();
        rates.extend(together.chosen().iter().map(|more| part + more));
        together.change(part, *now);
        let cpu = |cpu: i64| Usage { cpu: Millicores(cpu), gpu: GpuMilli(0), ..Usage::default() };
        cluster.change_used(cpu(0), cpu(demand - before), *now);
        true
    }

    /// Takes the pods of a service together that have just been given their parts one by one, if they are equal.
    pub(super) fn take_together(&mut self, load: usize) {
        let Some((request, limit, hpa)) = self.equal_pods(load) else { return };
        let (now, standing) = (self.now, &mut self.services[load].standing);
        for pod in &standing.pods {
            let run = &mut self.pods[pod.pod.index()];
            run.cpu_counter = run.cpu_counter_at(now);
            run.counted_at = now;
        }
        let part = standing.rates.iter().copied().min().unwrap_or(0);
        let together = &mut standing.together;
        (together.request, together.limit, together.hpa) = (request, limit, hpa);
        together.open(part, &standing.rates, now);
    }

    /// What each pod requests and may use of CPU, and the HPA that sees them; `None` where they are not equal.
    fn equal_pods(&self, load: usize) -> Option<(i64, i64, Option<u32>)> {
        let standing = &self.services[load].standing;
        let first = standing.pods.first()?;
        let run = &self.pods[first.pod.index()];
        let (requested, limit) = (run.requested, run.cpu_limit);
        let (lowest, highest) = (standing.rates.iter().min()?, standing.rates.iter().max()?);
        if highest - lowest > 1 || *highest >= limit {
            return None;
        }
        let spec = self.cluster.pod(first.pod).spec;
        let hpa = self.only_hpa_of(load, spec)?;
        let mut before = None;
        for (pod, rate) in standing.pods.iter().zip(&standing.rates) {
            let (run, node) = (&self.pods[pod.pod.index()], &self.instances[pod.instance as usize].cpu);
            let used = Usage { cpu: Millicores(*rate), memory: first.memory, gpu: first.gpu };
            let does_its_part = run.used == used && run.cpu.wanted == *rate && run.cpu.granted == *rate;
            let is_equal = self.cluster.pod(pod.pod).spec == spec && run.requested == requested;
            let stands = is_settled(&self.hpa_pod_state(pod.pod)) && run.started.is_some() && self.has_kubelet(pod.pod);
            let is_at_ease = !node.is_short && !node.is_due;
            if !does_its_part || !is_equal || !stands || !is_at_ease || before.is_some_and(|before| before >= pod.pod) {
                return None;
            }
            before = Some(pod.pod);
        }
        Some((requested.cpu.get(), limit, hpa))
    }

    /// The HPA that sees the pods of a spec, if any; outer `None` where they can't be shown to it together.
    fn only_hpa_of(&self, load: usize, spec: PodSpecId) -> Option<Option<u32>> {
        let hpas = self.selections.seeing(spec);
        let Some(hpa) = hpas.first() else { return Some(None) };
        let described = &self.scenario.hpas[*hpa as usize];
        let (flags, specs) = (&self.scenario.hpa_flags.versioned, &self.cluster.specs);
        let is_known = |metric: &MetricSpec| {
            let (resource, container, target) = match metric {
                MetricSpec::Resource { resource, target } => (resource, None, target),
                MetricSpec::ContainerResource { resource, container, target } => (resource, Some(&**container), target),
                _ => return true,
            };
            !matches!(target, ResourceTarget::Utilization(_))
                || request_of(specs.pod(spec), &specs.resources, resource, container, flags).is_ok()
        };
        let is_own = described.target == self.scenario.loads[load].target;
        let can_be = hpas.len() == 1 && is_own && described.spec.metrics.iter().all(is_known);
        can_be.then_some(Some(*hpa))
    }

    /// The pods of the service are no longer taken together: their own books say all.
    pub(super) fn take_apart(&mut self, load: usize) {
        if !self.services[load].standing.together.is_open {
            return;
        }
        self.make_up_books(load);
        let run = &mut self.services[load];
        run.standing.together.is_open = false;
        run.classes.clear();
        run.classes.extend(run.standing.pods.iter().map(|pod| PodClass { pods: 1, capacity: pod.offered }));
    }

    /// Where this pod is taken together with others they are taken apart, for it alone changes.
    #[inline]
    pub(super) fn take_apart_from(&mut self, pod: PodId) {
        if let Some((load, _)) = self.together_with(pod) {
            self.take_apart(load);
        }
    }

    /// The service that takes this pod together with others, and its place among them.
    #[inline]
    pub(super) fn together_with(&self, pod: PodId) -> Option<(usize, usize)> {
        let load = self.service_of[self.pods[pod.index()].workload.index()]? as usize;
        let standing = &self.services.get(load)?.standing;
        if !standing.together.is_open {
            return None;
        }
        Some((load, standing.pods.binary_search_by_key(&pod, |standing| standing.pod).ok()?))
    }

    /// The CPU that a pod wants of its node.
    #[inline]
    pub(super) fn wanted_of(&self, pod: PodId) -> i64 {
        match self.together_with(pod) {
            Some((load, place)) => self.services[load].standing.rates[place],
            None => self.pods[pod.index()].cpu.wanted,
        }
    }

    /// What a pod has held of its node since that was last booked.
    pub(super) fn held_unbooked(&self, pod: PodId) -> [i128; 3] {
        let mut holding = self.pods[pod.index()].holding;
        if let Some((load, place)) = self.together_with(pod) {
            let together = &self.services[load].standing.together;
            holding.make_up(together.held_until(place, self.now), 0, together.booked, self.now);
        }
        holding.peek(self.now)
    }

    /// Makes up the books of all pods that are taken together, and of their machines.
    pub(super) fn make_up_all_books(&mut self) {
        for load in 0..self.services.len() {
            self.make_up_books(load);
        }
    }

    /// Makes up the books of the service's pods and of their machines. They may stay together.
    pub(super) fn make_up_books(&mut self, load: usize) {
        let World { services, instances, scrapes, now, pods: runs, .. } = self;
        let (now, StandingPods { pods, rates, together, .. }) = (*now, &mut services[load].standing);
        if !together.is_open {
            return;
        }
        together.advance(now);
        let span = i128::from((now - together.booked).nanos());
        for (place, (pod, rate)) in pods.iter().zip(&*rates).enumerate() {
            let run = &mut runs[pod.pod.index()];
            let used = together.used.of(place);
            run.cpu_counter += used;
            run.counted_at = now;
            run.holding.make_up(together.held.of(place), (*rate).max(together.request), together.booked, now);
            let instance = &mut instances[pod.instance as usize];
            // The machine's counter took the pod's use to be what it was.
            instance.cpu_counter = instance.cpu_counter_at(now) + used - i128::from(run.used.cpu.get()) * span;
            instance.counted_at = now;
            instance.used.cpu += Millicores(*rate) - run.used.cpu;
            run.used.cpu = Millicores(*rate);
            (run.cpu.wanted, run.cpu.granted, run.serving) = (*rate, *rate, *rate);
            let Some(scraped) = &together.scraped else { continue };
            let (Some(sample), Some(started)) = (&scraped.sample, run.started) else { continue };
            let taken = |value| Scraped { value, at: scraped.at, window: sample.window };
            let meter = Meter {
                started,
                last: (scraped.at, run.cpu_counter - scraped.since.of(place)),
                cpu: Some(taken(sample.of(place))),
                memory: taken(thousandths(run.used.memory)),
                requests_per_second: None,
                gpu_duty_cycle: duty_cycle(run.used.gpu, run.requested.gpu),
            };
            scrapes.set(&mut run.meter, meter);
        }
        together.is_booked(now);
    }

    /// metrics-server scrapes the pods of an HPA that are taken together, and finds the others. False: none are.
    pub(super) fn scrape_together(&mut self, hpa: u32) -> bool {
        let Some(load) = self.together_of_hpa(hpa) else { return false };
        if !self.services[load].standing.together.scrape(self.now) {
            self.make_up_books(load);
            let pods = std::mem::take(&mut self.services[load].standing.pods);
            pods.iter().for_each(|pod| self.scrape_pod(pod.pod));
            let now = self.now;
            let has_all =
                |pod: PodId| self.meter_of(pod).is_some_and(|meter| meter.last.0 == now && meter.cpu.is_some());
            let have_all = pods.iter().all(|pod| has_all(pod.pod));
            let standing = &mut self.services[load].standing;
            standing.pods = pods;
            if have_all {
                standing.together.begin_scraping(now);
            }
        }
        self.find_others(load, hpa);
        let others = std::mem::take(&mut self.services[load].standing.together.others);
        others.iter().for_each(|pod| self.scrape_pod(*pod));
        self.services[load].standing.together.others = others;
        true
    }

    /// The service whose pods are shown together to this HPA.
    pub(super) fn together_of_hpa(&self, hpa: u32) -> Option<usize> {
        let load = self.service_of[self.scenario.hpas[hpa as usize].target.index()]? as usize;
        let together = &self.services.get(load)?.standing.together;
        (together.is_open && together.hpa == Some(hpa)).then_some(load)
    }

    /// The HPA's live pods that are not taken together.
    pub(super) fn find_others(&mut self, load: usize, hpa: u32) {
        let selected = self.selections.of(hpa);
        let standing = &mut self.services[load].standing;
        if standing.together.others_of == Some(selected.version) {
            return;
        }
        standing.together.others_of = Some(selected.version);
        let others = &mut standing.together.others;
        others.clear();
        if selected.live.len() > standing.pods.len() {
            let pods = &standing.pods;
            let is_other = |pod: &PodId| pods.binary_search_by_key(pod, |standing| standing.pod).is_err();
            others.extend(selected.live.iter().copied().filter(is_other));
        }
    }
}

/// Ready, and nothing about to change.
fn is_settled(pod: &PodState) -> bool {
    let is_ready = pod.ready.is_some_and(|ready| ready.status == ReadyStatus::True);
    pod.phase == Some(PodPhase::Running) && !pod.deleting && is_ready && pod.start.is_some()
}

/// Memory as the metrics API has it.
pub(super) fn thousandths(memory: Bytes) -> i64 {
    memory.get().saturating_mul(1000)
}

/// Thousandths of a percent of its GPUs, where it has any.
pub(super) fn duty_cycle(used: GpuMilli, requested: GpuMilli) -> Option<i64> {
    (requested.get() > 0).then(|| used.get() * 100_000 / requested.get())
}
