//! Services whose requests are served one by one: what their pods offer, and what that makes of the books.

use super::event::Event;
use super::state::each_request::Each;
use super::state::services::Offer;
use super::world::World;
use crate::cluster::PodId;
use crate::load::each_request::{Arrivals, Drawn, EachRequest, Leaver, ServerOffer};
use crate::load::service::{Books, PodClass};
use crate::scenario::{Demand, ServiceLoad};
use crate::units::random::stream;
use crate::units::{SimDuration, SimTime};

/// Use is measured over no less than this.
const SHORTEST: SimDuration = SimDuration::from_millis(500);

/// What the pods of a service at work used is told so often; nothing else hangs on it.
const LOOK: SimDuration = SimDuration::from_secs(1);

impl World<'_> {
    pub(super) fn each_request_of(&self, load: &ServiceLoad) -> Option<Box<Each>> {
        let Demand::Requests(cost) = load.demand else { return None };
        let draws = |purpose| stream(self.seed, purpose, load.entity);
        let arrivals = match &load.log {
            Some(log) => Arrivals::Logged(log.clone(), 0),
            None if load.each_request => {
                let (gaps, sizes) = (draws("request-arrivals"), draws("request-sizes"));
                Arrivals::Drawn(Box::new(Drawn::new(gaps, sizes, &cost, &load.request_sizes)))
            }
            None => return None,
        };
        let requests = EachRequest::new(cost, &load.queue, arrivals, draws("request-to-the-dead"), self.now);
        Some(Box::new(Each { requests, books: Books::default(), measured: self.now, dead: 0 }))
    }

    /// Goes through the requests up to now.
    pub(super) fn settle_each(&mut self, load: usize) {
        let run = &mut self.services[load];
        let Some(each) = &mut run.each else { return };
        let happened = each.requests.advance(run.settled, self.now, run.demand, each.dead);
        each.note(&happened);
        run.level.note_each(&happened);
        run.settled = self.now;
    }

    /// What the pods can do from now on, what they are said to use, and when to look again.
    pub(super) fn plan_each(&mut self, load: usize) {
        let work = self.scenario.loads[load].demand;
        let pods = self.serving_pods(load);
        let rates = self.measured_rates(load, &pods);
        let is_behind = self.services[load].each.as_ref().is_some_and(|each| each.requests.in_line() > 0);
        let room = self.room_of(&pods, work, 0, true);
        self.claim_cpu(&pods, work, rates.iter().sum(), &room, &rates, is_behind);
        for (pod, rate) in pods.iter().zip(&rates) {
            self.set_service_use(*pod, *rate, work);
        }
        let before = std::mem::replace(&mut self.services[load].pods, pods);
        self.offer(load, &room.offers);
        let dead = self.dead_endpoints(load);
        let run = &mut self.services[load];
        run.demand = run.signal.as_ref().map_or(0, |signal| signal.value_at(self.now));
        run.generation += 1;
        let mut next = run.signal.as_ref().map_or(SimTime::MAX, |signal| signal.next_change_after(self.now));
        if let Some(each) = &mut run.each {
            each.dead = dead;
            let is_at_work = !each.requests.is_idle() || rates.iter().any(|rate| *rate > 0);
            let look = if is_at_work { Some(self.now) } else { each.requests.comes_next(self.now, run.demand) };
            next = look.map_or(next, |at| next.min(at.max(self.now + LOOK)));
        }
        let generation = run.generation;
        if next < SimTime::MAX {
            self.events.push(next, Event::LoadTick { load: load as u32, generation });
        }
        self.stop_serving(load, before);
    }

    /// Requests of size one a thousand seconds that each pod has been at since use was measured last; a pod's use of
    /// the next second is told as that of the last.
    fn measured_rates(&mut self, load: usize, pods: &[PodId]) -> Vec<i64> {
        let now = self.now;
        let Some(each) = &mut self.services[load].each else { return Vec::new() };
        let span = now - each.measured;
        if span < SHORTEST {
            return pods.iter().map(|pod| self.pods[pod.index()].serving).collect();
        }
        each.measured = now;
        pods.iter().map(|pod| each.requests.rate(pod.index() as u32, now, span)).collect()
    }

    /// As their neighbours leave it to the pods that serve.
    pub(super) fn offer_to_each(&mut self, load: usize) {
        let pods = self.services[load].pods.clone();
        let room = self.room_of(&pods, self.scenario.loads[load].demand, 0, true);
        self.offer(load, &room.offers);
    }

    fn offer(&mut self, load: usize, offers: &[Offer]) {
        let work = self.scenario.loads[load].demand;
        let Some(mut each) = self.services[load].each.take() else { return };
        let pods = self.services[load].pods.iter();
        let servers: Vec<ServerOffer> = pods
            .zip(offers)
            .map(|(pod, offer)| ServerOffer { key: pod.index() as u32, cpu: offer.cpu, gpu: offer.gpu })
            .collect();
        let happened = each.requests.set_servers(self.now, &servers, |key| {
            let pod = PodId::new(key as usize);
            let is_gone = self.cluster.pod(pod).is_terminal() || !self.has_kubelet(pod);
            if is_gone { Leaver::Gone } else { Leaver::WorksOff }
        });
        each.note(&happened);
        let run = &mut self.services[load];
        run.each = Some(each);
        run.classes = offers.iter().map(|offer| PodClass { pods: 1, capacity: offer.work(work) }).collect();
    }
}
