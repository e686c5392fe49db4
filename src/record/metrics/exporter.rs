//! Reads a cluster's objects at every scrape and tells what changed of their series.

use std::collections::BTreeMap;

use super::pods::PodNames;
use super::series::{SeriesBook, Sink, Slots, Teller};
use super::workloads::DaemonCount;
use super::{autoscalers, cadvisor, controllers, nodes, pods, services, workloads};
use crate::cluster::{NodeId, PodId, WorkloadId};
use crate::sim::{DecisionRecord, Exposed, ExposedPod, Observer, Outcome, PodOwner, Sample};
use crate::units::{SimDuration, SimTime};

/// Every exporter of the cluster at once, and the series of what lives.
pub struct Exporter<'s> {
    book: SeriesBook<'s>,
    /// Seconds since the Unix epoch at the run's zero.
    start: f64,
    pods_seen: usize,
    pods: Vec<(PodId, PodSlots)>,
    nodes_seen: usize,
    nodes: Vec<(NodeId, NodeSlots)>,
    cluster: Slots,
    workloads: Vec<Slots>,
}

/// What one pod exposes, by who exposes it.
#[derive(Debug, Default)]
struct PodSlots {
    names: Option<PodNames>,
    fixed: Slots,
    state: Slots,
    /// What bears its node's name, before and after it has one.
    unplaced: Slots,
    placed: Slots,
    is_placed: bool,
    /// While it has a node.
    of_node: Slots,
    /// While its containers run.
    running: Slots,
    /// It ended: nothing of it changes any more, but that it may be deleted.
    is_settled: bool,
}

#[derive(Debug, Default)]
struct NodeSlots {
    is_new: bool,
    fixed: Slots,
    state: Slots,
    /// While its machine works.
    machine: Slots,
}

impl<'s> Exporter<'s> {
    /// For a run whose zero is `start` seconds after the Unix epoch.
    pub fn new(start: i64, sinks: Vec<&'s mut dyn Sink>) -> Exporter<'s> {
        Exporter {
            book: SeriesBook::new(sinks),
            start: start as f64,
            pods_seen: 0,
            pods: Vec::new(),
            nodes_seen: 0,
            nodes: Vec::new(),
            cluster: Slots::default(),
            workloads: Vec::new(),
        }
    }

    /// One scrape of everything.
    pub fn scrape(&mut self, exposed: &Exposed<'_>) {
        self.book.begin(exposed.at());
        // What is gone goes first: its successor may have its name.
        self.forget_pods(exposed);
        self.forget_nodes(exposed);
        let start = self.start;
        let seconds = move |at: SimTime| start + at.as_secs_f64();
        self.scrape_nodes(exposed, &seconds);
        let daemons = self.scrape_pods(exposed, &seconds);
        self.scrape_workloads(exposed, &daemons, &seconds);
        self.book.end();
    }

    fn forget_pods(&mut self, exposed: &Exposed<'_>) {
        let book = &mut self.book;
        self.pods.retain_mut(|(id, slots)| {
            let pod = exposed.pod(*id);
            if !pod.is_some_and(|pod| pod.runs() && cadvisor::is_seen(exposed, &pod)) {
                slots.running.end(book);
            }
            if pod.is_none_or(|pod| pod.info.node.is_none() || pod.info.is_terminal()) {
                slots.of_node.end(book);
            }
            if pod.is_none() {
                for slots in [&mut slots.fixed, &mut slots.state, &mut slots.unplaced, &mut slots.placed] {
                    slots.end(book);
                }
            }
            pod.is_some()
        });
    }

    fn forget_nodes(&mut self, exposed: &Exposed<'_>) {
        let book = &mut self.book;
        self.nodes.retain_mut(|(id, slots)| {
            let node = exposed.node(*id);
            if !node.is_some_and(|node| node.works()) {
                slots.machine.end(book);
            }
            if node.is_none() {
                slots.fixed.end(book);
                slots.state.end(book);
            }
            node.is_some()
        });
    }

    fn scrape_nodes(&mut self, exposed: &Exposed<'_>, seconds: &dyn Fn(SimTime) -> f64) {
        for index in self.nodes_seen..exposed.nodes_registered() {
            if exposed.node(NodeId::new(index)).is_some() {
                self.nodes.push((NodeId::new(index), NodeSlots { is_new: true, ..NodeSlots::default() }));
            }
        }
        self.nodes_seen = exposed.nodes_registered();
        let has_karpenter = exposed.scenario().karpenter.is_some();
        for (id, slots) in &mut self.nodes {
            let Some(node) = exposed.node(*id) else { continue };
            if std::mem::take(&mut slots.is_new) {
                nodes::tell_fixed(&mut Teller::new(&mut self.book, &mut slots.fixed), exposed, &node, seconds);
            }
            let mut tell = Teller::new(&mut self.book, &mut slots.state);
            nodes::tell_state(&mut tell, exposed, &node);
            if has_karpenter {
                controllers::tell_karpenter_node(&mut tell, exposed, &node);
            }
            tell.finish();
            if node.works() {
                let mut tell = Teller::new(&mut self.book, &mut slots.machine);
                cadvisor::tell_machine(&mut tell, exposed, &node);
                tell.finish();
            }
        }
    }

    fn scrape_pods(
        &mut self,
        exposed: &Exposed<'_>,
        seconds: &dyn Fn(SimTime) -> f64,
    ) -> BTreeMap<WorkloadId, DaemonCount> {
        for index in self.pods_seen..exposed.pods_created() {
            if exposed.pod(PodId::new(index)).is_some() {
                self.pods.push((PodId::new(index), PodSlots::default()));
            }
        }
        self.pods_seen = exposed.pods_created();
        let mut daemons: BTreeMap<WorkloadId, DaemonCount> = BTreeMap::new();
        for (id, slots) in &mut self.pods {
            if slots.is_settled {
                continue;
            }
            let Some(pod) = exposed.pod(*id) else { continue };
            slots.tell_status(&mut self.book, exposed, &pod, seconds);
            if pod.info.is_terminal() {
                slots.is_settled = true;
                continue;
            }
            if pod.info.node.is_some() {
                let mut tell = Teller::new(&mut self.book, &mut slots.of_node);
                cadvisor::tell_allocation(&mut tell, &pod);
            }
            if pod.runs() && cadvisor::is_seen(exposed, &pod) {
                let mut tell = Teller::new(&mut self.book, &mut slots.running);
                cadvisor::tell(&mut tell, &pod, exposed.at(), seconds);
                if pod.requested_gpus() > 0 {
                    cadvisor::tell_gpus(&mut tell, exposed, &pod);
                }
            }
            if pod.owner() == PodOwner::DaemonSet {
                let count = daemons.entry(pod.workload().workload.id).or_default();
                count.there += 1;
                count.ready += u32::from(pod.info.ready);
            }
        }
        daemons
    }

    fn scrape_workloads(
        &mut self,
        exposed: &Exposed<'_>,
        daemons: &BTreeMap<WorkloadId, DaemonCount>,
        seconds: &dyn Fn(SimTime) -> f64,
    ) {
        let mut tell = Teller::new(&mut self.book, &mut self.cluster);
        workloads::tell_cluster(&mut tell, exposed);
        autoscalers::tell(&mut tell, exposed);
        controllers::tell(&mut tell, exposed, seconds);
        services::tell(&mut tell, exposed);
        tell.finish();
        self.workloads.resize_with(exposed.scenario().workloads.len(), Slots::default);
        for (workload, slots) in exposed.scenario().workloads.iter().zip(&mut self.workloads) {
            let mut tell = Teller::new(&mut self.book, slots);
            let daemons = daemons.get(&workload.id).copied().unwrap_or_default();
            workloads::tell(&mut tell, &exposed.workload(workload.id), daemons, seconds);
            tell.finish();
        }
    }
}

impl PodSlots {
    fn tell_status(
        &mut self,
        book: &mut SeriesBook<'_>,
        exposed: &Exposed<'_>,
        pod: &ExposedPod<'_>,
        seconds: &dyn Fn(SimTime) -> f64,
    ) {
        let is_new = self.names.is_none();
        let names = self.names.get_or_insert_with(|| PodNames::of(pod));
        if is_new {
            pods::tell_fixed(&mut Teller::new(book, &mut self.fixed), pod, names, seconds);
        }
        let has_node = pod.info.node.is_some();
        if is_new || has_node != self.is_placed {
            let (other, own) = match has_node {
                true => (&mut self.unplaced, &mut self.placed),
                false => (&mut self.placed, &mut self.unplaced),
            };
            other.end(book);
            pods::tell_place(&mut Teller::new(book, own), exposed, pod, names);
            self.is_placed = has_node;
        }
        let mut tell = Teller::new(book, &mut self.state);
        pods::tell_state(&mut tell, pod, names, seconds);
        if exposed.scenario().karpenter.is_some() {
            controllers::tell_karpenter_pod(&mut tell, exposed, pod, names.owner());
        }
        tell.finish();
    }
}

/// An observer whose run is scraped as well.
pub struct Watched<'a, 's> {
    pub inner: &'a mut dyn Observer,
    /// With the scrape interval; `None`: nobody scrapes.
    pub exporter: Option<(Exporter<'s>, SimDuration)>,
}

impl Observer for Watched<'_, '_> {
    fn decision(&mut self, decision: &DecisionRecord<'_>) {
        self.inner.decision(decision);
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        self.inner.sample(sample);
    }

    fn wants_samples(&self) -> bool {
        self.inner.wants_samples()
    }

    fn scrape_interval(&self) -> Option<SimDuration> {
        self.exporter.as_ref().map(|(_, interval)| *interval)
    }

    fn scrape(&mut self, exposed: &Exposed<'_>) {
        if let Some((exporter, _)) = &mut self.exporter {
            exporter.scrape(exposed);
        }
    }

    fn finished(&mut self, outcome: &Outcome) {
        self.inner.finished(outcome);
    }

    fn wants_verbose_decisions(&self) -> bool {
        self.inner.wants_verbose_decisions()
    }
}
