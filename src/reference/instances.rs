//! The instance types that a scenario may name.

use crate::cost::{Catalogue, InstanceType};

/// Those of the built-in catalogue, as far as the filters let them pass: `provider` is `aws`, `gcp` or `azure`, `gpu`
/// part of a GPU model's name (empty: any GPU).
pub fn instance_types(provider: Option<&str>, gpu: Option<&str>) -> Vec<&'static InstanceType> {
    let is_wanted = |of: &&InstanceType| {
        let has_gpu = gpu.is_none_or(|wanted| {
            let model = of.gpu.as_ref().map(|gpu| gpu.model.to_lowercase());
            model.is_some_and(|model| model.contains(&wanted.to_lowercase()))
        });
        has_gpu && provider.is_none_or(|wanted| of.cloud.eq_ignore_ascii_case(wanted))
    };
    Catalogue::builtin().types().iter().filter(is_wanted).collect()
}
