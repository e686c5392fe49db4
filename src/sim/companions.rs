//! Pods beside a training job's workers: a launcher, a head. They come and go with the gang, which does not wait for
//! them.

use super::entities::Role;
use super::state::kueue::Queued;
use super::world::World;
use crate::cluster::PodId;

impl World<'_> {
    pub(super) fn launch_companions(&mut self, job: u32) {
        let scenario = self.scenario;
        let spec = &scenario.training_jobs[job as usize];
        for companion in &spec.companions {
            let pods = self.admitted_spec_of(Queued::Training(job), &companion.name, companion.spec);
            for index in 0..companion.count {
                let name = format!("{}-{}-{index}", spec.name, companion.name).into();
                let pod = self.create_pod(name, pods, spec.workload, Role::Companion { job });
                self.jobs[job as usize].companions.push(pod);
                self.enqueue(pod);
            }
        }
    }

    /// One that is lost while its gang lives comes again.
    pub(super) fn companion_ended(&mut self, pod: PodId, job: u32) {
        let run = &mut self.jobs[job as usize];
        let Some(place) = run.companions.iter().position(|one| *one == pod) else { return };
        let (name, spec) = (self.pod_name(pod), self.pods[pod.index()].template);
        let workload = self.pods[pod.index()].workload;
        let again = self.create_pod(format!("{name}-r").into(), spec, workload, Role::Companion { job });
        self.jobs[job as usize].companions[place] = again;
        self.enqueue(again);
    }
}
