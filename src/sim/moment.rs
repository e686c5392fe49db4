//! A run that begins in the middle, for tests that hold `decide` and `run` against one another: pods in given states,
//! given samples, given memory, and one HPA sync.

use std::sync::Arc;

use super::entities::Role;
use super::state::metrics_server::{Meter, Scraped};
use super::world::World;
use crate::autoscaler::hpa::{Decision, Memory, PodState, ReadyStatus, Sample};
use crate::cluster::{PodPhase, PodSpecId, WorkloadId};
use crate::scenario::Scenario;
use crate::units::{SimDuration, SimTime};

/// A pod as it stands.
pub(crate) struct GivenPod {
    pub name: String,
    /// Interned in the scenario.
    pub spec: PodSpecId,
    pub state: PodState,
    /// What metrics-server has of it.
    pub cpu: Option<Sample>,
    pub memory: Option<Sample>,
    /// Requests a second, in thousandths.
    pub requests_per_second: Option<i64>,
}

/// The moment of a sync.
pub(crate) struct Moment {
    pub now: SimTime,
    pub spec_replicas: i32,
    pub status_replicas: i32,
    pub pods: Vec<GivenPod>,
    pub memory: Memory,
}

/// The sync of the scenario's first HPA at that moment. Pods of the spec `elsewhere` are seen by no HPA.
pub(crate) fn sync_at(scenario: &Scenario, moment: &Moment, elsewhere: PodSpecId) -> (Decision, Memory) {
    let mut world = World::new(scenario, 1);
    world.now = moment.now;
    world.start_external_metrics();
    let target = scenario.hpas[0].target;
    for pod in &moment.pods {
        world.stand(pod, target);
    }
    // The status counts the owner's pods, whichever those are.
    for _ in 0..moment.status_replicas {
        let pod = world.create_pod(Arc::from("counted"), elsewhere, target, Role::Daemon);
        world.workloads[target.index()].pods.push(pod);
    }
    world.workloads[target.index()].desired = moment.spec_replicas as u32;
    world.sync_with(0, moment.memory.clone())
}

impl World<'_> {
    fn stand(&mut self, given: &GivenPod, target: WorkloadId) {
        let pod = self.create_pod(Arc::from(given.name.as_str()), given.spec, target, Role::Daemon);
        let state = &given.state;
        self.cluster.change_pod(pod, |info| {
            info.phase = state.phase.unwrap_or(PodPhase::Succeeded);
            info.started = state.start;
            info.ready = state.ready.is_some_and(|ready| ready.status == ReadyStatus::True);
        });
        if state.deleting {
            self.cluster.set_deletion(pod, self.now);
        }
        if matches!(state.phase, Some(PodPhase::Succeeded | PodPhase::Failed)) {
            self.selections.ended(pod, given.spec, false);
        }
        self.pods[pod.index()].ready_changed = state.ready.map(|ready| ready.last_transition);
        if given.cpu.is_some() || given.memory.is_some() || given.requests_per_second.is_some() {
            let scraped =
                |sample: &Sample| Scraped { value: sample.value, at: sample.timestamp, window: sample.window };
            let nothing = Scraped { value: 0, at: self.now, window: SimDuration::ZERO };
            // metrics-server has both resources or none.
            let cpu = given.cpu.as_ref().or(given.memory.as_ref()).map(scraped);
            let memory = given.memory.as_ref().map_or(nothing, scraped);
            let meter = Meter::given(cpu, memory, given.requests_per_second);
            self.scrapes.set(&mut self.pods[pod.index()].meter, meter);
        }
    }
}
