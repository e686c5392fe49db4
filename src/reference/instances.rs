//! The instance types that a scenario may name.

use std::sync::Arc;

use crate::cost::{Catalogue, InstanceType};

/// What is asked of instance types; the default asks nothing.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// `aws`, `gcp` or `azure`.
    pub provider: Option<&'a str>,
    /// Part of an accelerator's name; empty: any.
    pub gpu: Option<&'a str>,
    /// Part of the type's name.
    pub name: Option<&'a str>,
    pub arch: Option<&'a str>,
    pub min_millicores: i64,
    /// Bytes.
    pub min_memory: i64,
    pub local_storage: bool,
    /// Whose spot price is known.
    pub spot: bool,
}

/// Those of the built-in catalogue, as far as the filters let them pass.
pub fn instance_types(wanted: &Wanted<'_>) -> Vec<&'static Arc<InstanceType>> {
    let holds = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let is_wanted = |of: &&Arc<InstanceType>| {
        let has_gpu = |wanted: &str| of.gpu.as_ref().is_some_and(|gpu| holds(&gpu.model, wanted));
        wanted.gpu.is_none_or(has_gpu)
            && wanted.provider.is_none_or(|wanted| of.cloud.eq_ignore_ascii_case(wanted))
            && wanted.name.is_none_or(|wanted| holds(&of.name, wanted))
            && wanted.arch.is_none_or(|wanted| of.arch == wanted)
            && of.vcpus.get() >= wanted.min_millicores
            && of.memory.get() >= wanted.min_memory
            && (!wanted.local_storage || of.local_storage.is_some())
            && (!wanted.spot || of.spot.is_some())
    };
    Catalogue::builtin().types().iter().filter(is_wanted).collect()
}
