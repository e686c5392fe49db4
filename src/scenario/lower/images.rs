//! Sizes of images that no container has, and images of workers without a size: either does nothing.

use std::collections::BTreeSet;

use super::Lowering;
use crate::cluster::image_with_tag;
use crate::scenario::diagnostic::{Diagnostic, suggestion};
use crate::scenario::spec::ScenarioSpec;

impl Lowering<'_> {
    pub(super) fn check_images(&mut self, spec: &ScenarioSpec) {
        let sizes = &spec.kubelet.image_sizes;
        if !sizes.is_empty() {
            let used: BTreeSet<String> = self
                .scenario
                .specs
                .pods()
                .flat_map(|pod| pod.init_containers.iter().map(|init| &init.container).chain(&pod.containers))
                .map(|container| image_with_tag(&container.image))
                .collect();
            let names: Vec<&str> = used.iter().map(String::as_str).collect();
            for image in sizes.keys().filter(|image| !used.contains(&image_with_tag(image))) {
                let place = self.at(&format!("kubelet.imageSizes.{image}"));
                let message = format!("no container has the image {image}, so that its size is never asked for");
                let hint = suggestion(&image_with_tag(image), &names);
                self.push(Diagnostic::warning(place, message).maybe_hint(hint));
            }
        }
        let Some(image) = spec.jobs.as_ref().and_then(|jobs| jobs.image.as_deref()) else { return };
        if !sizes.keys().any(|known| image_with_tag(known) == image_with_tag(image)) {
            let message = format!("kubelet.imageSizes has no size for {image}, so that it is on every node already");
            self.push(Diagnostic::warning(self.at("jobs.image"), message));
        }
    }
}
