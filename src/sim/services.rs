//! Services at work: demand shared by the ready pods, and what it makes them use.
//!
//! Between two ticks demand, pods and rates stay the same, so use and books are exact. A tick comes when the demand
//! changes, when the ready pods change, and when waiting work would be worked off.

use std::sync::Arc;

use super::event::Event;
use super::records::{ServiceSample, Usage};
use super::state::service_level::{Line, ServiceLevel};
use super::state::services::{Offer, Room, ServiceReading, ServiceRun, StandingPods};
use super::world::World;
use crate::cluster::{PodId, WorkloadId};
use crate::load::latency::Latencies;
use crate::load::service::{Books, PodClass, Service, Work, share};
use crate::load::{SignalContext, SignalSpec};
use crate::scenario::Demand;
use crate::units::{GpuMilli, Millicores, SimDuration, SimTime};

impl World<'_> {
    pub(super) fn start_services(&mut self) {
        let scenario = self.scenario;
        self.service_of = vec![None; scenario.workloads.len()];
        for (index, load) in scenario.loads.iter().enumerate() {
            let context = SignalContext {
                seed: self.seed,
                entity: load.entity,
                start: scenario.wall_clock,
                horizon: scenario.duration,
            };
            let compiled = |signal: &SignalSpec| {
                signal.compile(&context).expect("a scenario's signals were compiled when it was checked")
            };
            let signal = load.signal.as_ref().map(compiled);
            let each = self.each_request_of(load);
            self.service_of[load.target.index()] = Some(index as u32);
            let (service, line) = match load.demand {
                _ if each.is_some() => (Service::new(load.queue), None),
                Demand::Cpu => (Service::new(load.queue), None),
                Demand::Requests(cost) => {
                    (Service::of_requests(load.queue), Some(Line::new(cost, &load.request_sizes, &load.queue)))
                }
            };
            self.services.push(ServiceRun {
                signal,
                service,
                each,
                line,
                level: ServiceLevel::default(),
                settled: SimTime::ZERO,
                demand: 0,
                reaching: 0,
                to_the_dead: 0.0,
                pods: Vec::new(),
                classes: Vec::new(),
                standing: StandingPods::default(),
                generation: 0,
                sampled: (SimTime::ZERO, [Work::ZERO; 3]),
            });
            self.plan_service(index);
        }
    }

    pub(super) fn load_tick(&mut self, load: u32, generation: u32) {
        if self.services[load as usize].generation == generation {
            self.settle_service(load as usize);
            if !self.demand_changes(load as usize) {
                self.plan_service(load as usize);
            }
        }
    }

    /// The ready pods of a workload changed (or their nodes' load did): demand is shared anew.
    pub(super) fn share_demand_anew(&mut self, workload: WorkloadId) {
        if let Some(load) = self.service_of.get(workload.index()).copied().flatten() {
            self.settle_service(load as usize);
            self.plan_service(load as usize);
        }
    }

    /// Closes the books up to now.
    pub(super) fn settle_service(&mut self, load: usize) {
        let run = &mut self.services[load];
        if run.settled == self.now {
            return;
        }
        if run.each.is_some() {
            return self.settle_each(load);
        }
        let span = self.now - run.settled;
        let late = run.line.as_mut().map_or(0.0, |line| line.advance(run.reaching, span));
        let lost = run.to_the_dead + (1.0 - run.to_the_dead) * late;
        let served = run.service.serve_most(run.settled, self.now, run.demand, &run.classes, lost);
        if let Some(line) = &mut run.line {
            line.tell(run.reaching, span, &served, run.service.waited());
        }
        let in_line = run.line.as_ref().map_or(served.backlog, |line| line.behind(run.reaching, served.backlog));
        run.level.note(&served, in_line);
        run.settled = self.now;
    }

    /// Shares demand out from now on, and plans the tick at which that ends.
    fn plan_service(&mut self, load: usize) {
        self.take_apart(load);
        self.services[load].standing.keep_up = false;
        if self.services[load].each.is_some() {
            return self.plan_each(load);
        }
        let spec = &self.scenario.loads[load];
        let pods = self.serving_pods(load);
        let arriving = self.services[load].signal.as_ref().map_or(0, |signal| signal.value_at(self.now));
        let dead = self.dead_endpoints(load);
        self.services[load].standing.is_known &= dead == 0 && pods == self.services[load].pods;
        let to_the_dead = if dead == 0 { 0.0 } else { dead as f64 / (dead + pods.len()) as f64 };
        let demand = arriving - (arriving as f64 * to_the_dead).round() as i64;
        let backlog = self.services[load].service.books().backlog;
        let room = self.room_of(&pods, spec.demand, demand, backlog > Work::ZERO);
        let classes: Vec<PodClass> =
            room.offers.iter().map(|offer| PodClass { pods: 1, capacity: offer.work(spec.demand) }).collect();
        let capacity = classes.iter().fold(0i64, |sum, class| sum.saturating_add(class.capacity));
        let is_behind = backlog > Work::ZERO || demand > capacity;
        let serving = self.set_station(load, &room.offers, &classes, demand);
        let rates =
            if is_behind { classes.iter().map(|class| class.capacity).collect() } else { share(serving, &classes) };
        self.claim_cpu(&pods, spec.demand, demand, &room, &rates, is_behind);
        for (pod, rate) in pods.iter().zip(rates) {
            self.set_service_use(*pod, rate, spec.demand);
        }
        let run = &mut self.services[load];
        let gone = std::mem::replace(&mut run.pods, pods);
        run.classes = classes;
        (run.demand, run.reaching, run.to_the_dead) = (arriving, demand, to_the_dead);
        run.generation += 1;
        let generation = run.generation;
        let mut next = run.signal.as_ref().map_or(SimTime::MAX, |signal| signal.next_change_after(self.now));
        if backlog > Work::ZERO && capacity > demand {
            let worked_off = SimDuration::from_secs_f64(backlog.units() * 1000.0 / (capacity - demand) as f64);
            next = next.min(self.now + worked_off.max(SimDuration::from_millis(1)));
        }
        if next < SimTime::MAX {
            self.events.push(next, Event::LoadTick { load: load as u32, generation });
        }
        self.stop_serving(load, gone);
    }

    /// A pod that is no longer ready does no work, though it may live on.
    pub(super) fn stop_serving(&mut self, load: usize, before: Vec<PodId>) {
        if before == self.services[load].pods {
            return;
        }
        for pod in before {
            if !self.services[load].pods.contains(&pod)
                && !self.cluster.pod(pod).is_terminal()
                && self.pods[pod.index()].used != Usage::default()
            {
                self.want_cpu(pod, 0);
                self.set_service_use(pod, 0, self.scenario.loads[load].demand);
            }
        }
    }

    /// The pods of the workload that do its work, in order of creation.
    pub(super) fn serving_pods(&self, load: usize) -> Vec<PodId> {
        let pods = &self.workloads[self.scenario.loads[load].target.index()].pods;
        pods.iter().copied().filter(|pod| self.serves(*pod)).collect()
    }

    /// Endpoints on machines that have stopped: until their pods are marked unready, what is sent to them is lost.
    pub(super) fn dead_endpoints(&self, load: usize) -> usize {
        let pods = &self.workloads[self.scenario.loads[load].target.index()].pods;
        pods.iter().filter(|pod| self.cluster.pod(**pod).ready && !self.has_kubelet(**pod)).count()
    }

    /// Ready, and on a machine that runs.
    fn serves(&self, pod: PodId) -> bool {
        self.cluster.pod(pod).ready && self.has_kubelet(pod)
    }

    /// Tells the line of a service of requests which pods there are; what of the demand finds room.
    fn set_station(&mut self, load: usize, offers: &[Offer], classes: &[PodClass], demand: i64) -> i64 {
        let Demand::Requests(cost) = self.scenario.loads[load].demand else { return demand };
        let Some(mut line) = self.services[load].line.take() else { return demand };
        let pods = offers.iter().zip(classes);
        line.set_station(pods.map(|(offer, class)| (class.capacity, cost.alone(offer.cpu, offer.gpu))));
        let serving = line.kept(demand);
        self.services[load].line = Some(line);
        serving
    }

    pub(super) fn set_service_use(&mut self, pod: PodId, rate: i64, demand: Demand) {
        let mut used = self.modelled_use(pod);
        (used.cpu, used.gpu) = match demand {
            Demand::Cpu => (Millicores(rate), used.gpu),
            Demand::Requests(cost) => cost.usage(rate),
        };
        self.pods[pod.index()].serving = rate;
        self.set_used(pod, used);
    }

    /// What each pod can have of its node. Where `is_behind`, or an even part of the demand is more than some can do,
    /// every pod asks for all that it could use.
    pub(super) fn room_of(&self, pods: &[PodId], work: Demand, demand: i64, is_behind: bool) -> Room {
        let even = demand / pods.len().max(1) as i64 + 1;
        let wholes: Vec<Offer> = pods.iter().map(|pod| self.whole_node(*pod)).collect();
        let ask = |is_behind: bool| -> Vec<Offer> {
            let offer = |(pod, whole): (&PodId, &Offer)| {
                let most = whole.cpu_for(work, whole.work(work));
                let asked = if is_behind { most } else { most.min(whole.cpu_for(work, even.min(whole.work(work)))) };
                Offer { cpu: Millicores(self.cpu_offered(*pod, asked, whole.cpu.get())), ..*whole }
            };
            pods.iter().zip(&wholes).map(offer).collect()
        };
        let offers = ask(is_behind);
        let capacity = offers.iter().fold(0i64, |sum, offer| sum.saturating_add(offer.work(work)));
        let offers = if is_behind || capacity >= demand { offers } else { ask(true) };
        Room { wholes, offers }
    }

    /// What a pod has with its node to itself, up to its limits.
    fn whole_node(&self, pod: PodId) -> Offer {
        let spec = self.cluster.specs.pod(self.cluster.pod(pod).spec);
        let gpu = GpuMilli(spec.gpu_milli(self.cluster.specs.nvidia_gpu()));
        Offer { cpu: Millicores(self.cpu_ceiling(pod)), gpu }
    }

    /// Each pod wants the CPU for its part of the demand. Where the service is behind it wants all that it could use,
    /// and where its node holds it down as much as an even part takes: it will have that when its neighbours leave it.
    pub(super) fn claim_cpu(
        &mut self,
        pods: &[PodId],
        work: Demand,
        demand: i64,
        Room { wholes, offers }: &Room,
        rates: &[i64],
        is_behind: bool,
    ) {
        let could: Vec<PodClass> =
            wholes.iter().map(|whole| PodClass { pods: 1, capacity: whole.work(work) }).collect();
        let is_held_down = |index: usize| {
            let capacity = offers[index].work(work);
            rates[index] == capacity && capacity < could[index].capacity
        };
        let wanted: Vec<i64> = if is_behind {
            could.iter().map(|pod| pod.capacity).collect()
        } else if (0..pods.len()).any(is_held_down) {
            share(demand, &could).iter().zip(rates).map(|(even, rate)| *even.max(rate)).collect()
        } else {
            rates.to_vec()
        };
        for (index, pod) in pods.iter().enumerate() {
            let wanted = wholes[index].cpu_for(work, wanted[index]);
            self.want_cpu(*pod, wanted);
            let claim = &mut self.pods[pod.index()].cpu;
            claim.granted = claim.wanted.min(offers[index].cpu.get());
        }
    }

    /// The load that a serving pod works for.
    pub(super) fn load_of(&self, pod: PodId) -> Option<usize> {
        let load = self.service_of[self.pods[pod.index()].workload.index()].filter(|_| self.serves(pod))?;
        Some(load as usize)
    }

    /// What the service's pods can have changed.
    pub(super) fn plan_anew(&mut self, load: usize) {
        self.settle_service(load);
        self.plan_service(load);
    }

    /// The service's pods do no more than they have CPU for, whatever was planned.
    pub(super) fn clip_service(&mut self, load: usize) {
        self.settle_service(load);
        self.take_apart(load);
        self.services[load].standing.keep_up = false;
        if self.services[load].each.is_some() {
            return self.offer_to_each(load);
        }
        let work = self.scenario.loads[load].demand;
        for index in 0..self.services[load].pods.len() {
            let pod = self.services[load].pods[index];
            let granted = Millicores(self.pods[pod.index()].cpu.granted);
            let can = Offer { cpu: granted, ..self.whole_node(pod) }.work(work);
            let class = &mut self.services[load].classes[index];
            class.capacity = class.capacity.min(can);
            let rate = self.pods[pod.index()].serving.min(can);
            self.set_service_use(pod, rate, work);
        }
    }

    /// Of a service whose books are closed up to now.
    pub(super) fn service_reading(&mut self, load: u32) -> ServiceReading {
        let run = &self.services[load as usize];
        if run.standing.keep_up {
            // However it is cut into pieces, this interval leaves nothing waiting.
            return ServiceReading { demand: run.demand, backlog: 0, latency: None };
        }
        self.settle_service(load as usize);
        let run = &self.services[load as usize];
        if let Some(each) = &run.each {
            let (demand, latency) = each.requests.last_minute(self.now);
            return ServiceReading { demand, backlog: each.requests.in_line() as i64 * 1000, latency };
        }
        let in_books = run.books().backlog;
        let waits = run.line.as_ref().map_or(in_books, |line| line.behind(run.reaching, in_books));
        let backlog = (waits.units() * 1000.0).round() as i64;
        let latency = run.line.as_ref().and_then(|line| line.latency(run.reaching, run.books().backlog));
        ServiceReading { demand: run.demand, backlog, latency }
    }

    /// The books of a service up to now and its latencies so far, without closing anything: whoever looks changes nothing.
    /// Where requests are served one by one they are as of its last event.
    pub(super) fn service_so_far(&self, load: usize) -> (Books, Option<Latencies>) {
        let run = &self.services[load];
        if let Some(each) = &run.each {
            return (each.books, Some(Latencies::Each(each.requests.answered().clone())));
        }
        let (mut service, mut line) = (run.service.clone(), run.line.clone());
        if run.settled < self.now {
            let span = self.now - run.settled;
            let late = line.as_mut().map_or(0.0, |line| line.advance(run.reaching, span));
            let lost = run.to_the_dead + (1.0 - run.to_the_dead) * late;
            let served = service.serve_most(run.settled, self.now, run.demand, &run.classes, lost);
            if let Some(line) = &mut line {
                line.tell(run.reaching, span, &served, service.waited());
            }
        }
        (*service.books(), line.map(Line::into_latencies))
    }

    /// The second look of [`World::audit`]: nothing is lost, and the pods that serve are the ready ones.
    pub(super) fn audit_services(&self) -> Result<(), String> {
        for (index, (run, load)) in self.services.iter().zip(&self.scenario.loads).enumerate() {
            let name = self.workload_key(load.target);
            let books = run.books();
            if !books.balance() {
                return Err(format!("service {name}: {books:?} do not balance"));
            }
            let ready = self.serving_pods(index);
            if ready != run.pods {
                return Err(format!("service {name}: {:?} serve, {ready:?} are ready", run.pods));
            }
        }
        Ok(())
    }

    pub(super) fn service_samples(&mut self) -> Vec<ServiceSample> {
        (0..self.services.len())
            .map(|load| {
                self.settle_service(load);
                let reading = self.service_reading(load as u32);
                let workload = Arc::clone(self.workload_key(self.scenario.loads[load].target));
                let run = &mut self.services[load];
                // A pod bound by nothing can do without end.
                let bounded = |sum: i64, class: &PodClass| {
                    Some(class.capacity).filter(|each| *each < i64::MAX).and_then(|each| sum.checked_add(each))
                };
                let capacity_milli = run.classes.iter().try_fold(0i64, bounded);
                let books = *run.books();
                let now = [books.arrived, books.served, books.dropped];
                let (at, before) = std::mem::replace(&mut run.sampled, (self.now, now));
                let span = self.now - at;
                let over = |index: usize, instant: i64| {
                    if span > SimDuration::ZERO { (now[index] - before[index]).rate_over(span) } else { instant }
                };
                ServiceSample {
                    workload,
                    demand_milli: over(0, run.demand),
                    served_milli: over(1, 0),
                    dropped_milli: over(2, 0),
                    capacity_milli,
                    backlog_milli: reading.backlog,
                    latency: reading.latency.map(|latency| (latency.mean, latency.p95)),
                }
            })
            .collect()
    }
}
