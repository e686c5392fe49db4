//! Which of a node's shared GPUs a pod takes. One choice a struct, one line in the table.
//!
//! A pod of whole GPUs takes the first unused ones under every choice: they are alike.

use rand::RngExt;

use super::fragmentation::gradient;
use super::options::{GpuDevice, Settings};
use super::score::gpu::{Ask, Room};
use crate::units::random::stream;

/// A choice among those GPUs of a node that have room; `entity` is the pod's number.
pub trait ChooseDevice: Sync {
    fn choose(&self, ask: Ask, room: &Room<'_>, settings: &Settings, entity: u64) -> Option<usize>;
}

fn policy(device: GpuDevice) -> &'static dyn ChooseDevice {
    match device {
        GpuDevice::Fullest => &Fullest,
        GpuDevice::Emptiest => &Emptiest,
        GpuDevice::Random => &Random,
        GpuDevice::FragmentationGradient => &Gradient,
    }
}

/// The number of the GPU that the pod takes; `None` where none has room for it.
pub fn choose(ask: Ask, room: &Room<'_>, settings: &Settings, entity: u64) -> Option<usize> {
    policy(settings.options.gpu_device).choose(ask, room, settings, entity)
}

fn fitting(ask: Ask, room: &Room<'_>) -> impl Iterator<Item = usize> {
    room.fullest_first().into_iter().filter(move |index| room.gpus[*index] >= ask.milli)
}

struct Fullest;

impl ChooseDevice for Fullest {
    fn choose(&self, ask: Ask, room: &Room<'_>, _settings: &Settings, _entity: u64) -> Option<usize> {
        fitting(ask, room).next()
    }
}

struct Emptiest;

impl ChooseDevice for Emptiest {
    fn choose(&self, ask: Ask, room: &Room<'_>, _settings: &Settings, _entity: u64) -> Option<usize> {
        fitting(ask, room).min_by_key(|index| (std::cmp::Reverse(room.gpus[*index]), *index))
    }
}

struct Random;

impl ChooseDevice for Random {
    fn choose(&self, ask: Ask, room: &Room<'_>, settings: &Settings, entity: u64) -> Option<usize> {
        let devices: Vec<usize> = fitting(ask, room).collect();
        if devices.is_empty() {
            return None;
        }
        Some(devices[stream(settings.seed, "gpu-device", entity).random_range(0..devices.len())])
    }
}

struct Gradient;

impl ChooseDevice for Gradient {
    fn choose(&self, ask: Ask, room: &Room<'_>, settings: &Settings, _entity: u64) -> Option<usize> {
        gradient(ask, room, &settings.typical_pods).device
    }
}

#[cfg(test)]
mod tests {
    use super::super::score::gpu::room;
    use super::super::{Profile, SchedulerOptions, fragmentation};
    use super::*;

    #[test]
    fn each_choice_takes_its_own_gpu() {
        let ask = Ask { cpu: 100, gpus: 1, milli: 300 };
        let room = room(8000, &[1000, 400, 200, 1000, 700]);
        let chosen = |gpu_device, entity| {
            let options = SchedulerOptions { gpu_device, ..SchedulerOptions::default() };
            let mut settings = Profile::new(options).unwrap().settings;
            let kind = fragmentation::TypicalPodSpec {
                cpu: crate::units::Millicores(100),
                gpus: 1,
                gpu_milli: 700,
                gpu_models: Vec::new(),
                count: 1,
            };
            settings.typical_pods = fragmentation::stated_pods(&[kind]).into();
            choose(ask, &room, &settings, entity)
        };
        assert_eq!(chosen(GpuDevice::Fullest, 0), Some(1));
        assert_eq!(chosen(GpuDevice::Emptiest, 0), Some(0));
        // On a whole GPU 700 stay, of use to the typical pod; on the one with 400 left a fragment of 300 goes.
        assert_eq!(chosen(GpuDevice::FragmentationGradient, 0), Some(1));
        let drawn: std::collections::BTreeSet<_> = (0..100).map(|entity| chosen(GpuDevice::Random, entity)).collect();
        assert_eq!(drawn, [0, 1, 3, 4].map(Some).into());
    }
}
