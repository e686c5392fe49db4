//! Images that a node has, pulls and waits for.

use std::collections::VecDeque;

use crate::scenario::KubeletOptions;
use crate::units::{Bytes, SimDuration, SimTime};

/// Images of one machine, by index in [`KubeletOptions::image_sizes`].
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct NodeImages {
    pub(in crate::sim) present: Vec<u32>,
    pub(in crate::sim) pulling: Vec<Pull>,
    /// Asked for and not begun, first come first served.
    pub(in crate::sim) waiting: VecDeque<u32>,
    /// Up to here `pulling` has come as far as it says.
    pub(in crate::sim) at: SimTime,
    /// Voids the end that was planned for an older state.
    pub(in crate::sim) generation: u32,
}

/// A pull on its way.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Pull {
    pub(in crate::sim) image: u32,
    /// What is left, in bytes × nanoseconds a second.
    pub(in crate::sim) left: i128,
}

pub(in crate::sim) const NANOS: i128 = 1_000_000_000;

impl NodeImages {
    /// Images that the machine's node object says it has.
    pub fn known(names: &[(String, Bytes)], kubelet: &KubeletOptions) -> NodeImages {
        let has = |image: &str| names.binary_search_by(|(name, _)| name.as_str().cmp(image)).is_ok();
        let sizes = kubelet.image_sizes.iter().enumerate();
        let present = sizes.filter(|(_, (name, _))| has(name)).map(|(index, _)| index as u32).collect();
        NodeImages { present, ..NodeImages::default() }
    }

    pub(in crate::sim) fn has(&self, image: u32) -> bool {
        self.present.contains(&image)
    }

    /// Asks for an image; a second asking changes nothing.
    pub(in crate::sim) fn ask(&mut self, image: u32) {
        if !self.waiting.contains(&image) && !self.pulling.iter().any(|pull| pull.image == image) {
            self.waiting.push_back(image);
        }
    }

    /// Takes note of how far the pulls have come by `now`; those that ended are returned.
    pub(in crate::sim) fn advance(&mut self, now: SimTime, rate: i64) -> Vec<u32> {
        let span = i128::from((now - self.at).nanos());
        self.at = now;
        let share = i128::from(rate) * span / (self.pulling.len().max(1) as i128);
        let mut ended = Vec::new();
        self.pulling.retain_mut(|pull| {
            pull.left -= share;
            if pull.left <= 0 {
                ended.push(pull.image);
            }
            pull.left > 0
        });
        self.present.extend(&ended);
        ended
    }

    /// When the next pull ends at the earliest.
    pub(in crate::sim) fn next_end(&self, rate: i64) -> Option<SimTime> {
        let shortest = self.pulling.iter().map(|pull| pull.left).min()?;
        let rate = i128::from(rate);
        let span = (shortest * self.pulling.len() as i128 + rate - 1) / rate;
        Some(self.at + SimDuration::from_nanos(i64::try_from(span).unwrap_or(i64::MAX / 4)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_at_the_same_time_share_the_rate() {
        let mut images = NodeImages::default();
        for (image, bytes) in [(0, 100), (1, 300)] {
            images.pulling.push(Pull { image, left: bytes * NANOS });
        }
        // 10 bytes a second: 5 for each until 20 s, then 10 for the other's last 200.
        assert_eq!(images.next_end(10), Some(SimTime::from_secs(20)));
        assert_eq!(images.advance(SimTime::from_secs(20), 10), [0]);
        assert_eq!(images.next_end(10), Some(SimTime::from_secs(40)));
        assert_eq!(images.advance(SimTime::from_secs(40), 10), [1]);
        assert_eq!((images.present, images.pulling.len()), (vec![0, 1], 0));
    }

    #[test]
    fn an_image_is_asked_for_once() {
        let mut images = NodeImages::default();
        images.ask(3);
        images.ask(3);
        images.pulling.push(Pull { image: 4, left: 1 });
        images.ask(4);
        assert_eq!(images.waiting, [3]);
    }
}
