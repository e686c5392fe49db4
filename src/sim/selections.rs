//! Which pods each HPA sees: all that its target's selector matches in its namespace, whoever owns them, those that
//! ended and still stand in the API server included.

use super::state::selections::selecting;
use super::world::World;
use crate::cluster::PodId;

impl World<'_> {
    /// Every list is what a look at all pods gives.
    pub(super) fn audit_selections(&self) -> Result<(), String> {
        for (index, hpa) in self.scenario.hpas.iter().enumerate() {
            let (mut live, mut ended) = (Vec::new(), Vec::new());
            for (pod, info) in self.cluster.pods().iter().enumerate() {
                let seen = selecting(self.cluster.specs.pod(info.spec), self.scenario).contains(&(index as u32));
                match (seen && !info.deleted, info.is_terminal()) {
                    (true, false) => live.push(PodId::new(pod)),
                    (true, true) => ended.push(PodId::new(pod)),
                    (false, _) => {}
                }
            }
            let booked = self.selections.of(index as u32);
            let mut booked_ended = booked.ended.clone();
            booked_ended.sort_unstable();
            if (&live, &ended) != (&booked.live, &booked_ended) {
                return Err(format!("HPA {} sees {booked:?}, selected are {live:?} and {ended:?}", hpa.name));
            }
        }
        Ok(())
    }
}
