//! What the cloud will not launch for Karpenter, and when.

use super::{Lowering, instant};
use crate::autoscaler::karpenter::{Catalogue, TypeIndex};
use crate::scenario::OfferingStockOut;
use crate::scenario::diagnostic::suggestion;
use crate::scenario::spec::{NodePoolsSpec, OfferingStockOutSpec};
use crate::units::{SimDuration, SimTime};

impl Lowering<'_> {
    /// Spans without capacity for some of the catalogue's offerings.
    pub(super) fn offering_stock_outs(
        &mut self,
        offers: &NodePoolsSpec,
        catalogue: &Catalogue,
    ) -> Vec<OfferingStockOut> {
        let mut spans = Vec::new();
        for (index, span) in offers.stock_outs.iter().enumerate() {
            let path = format!("nodePools.stockOuts[{index}]");
            let Some((from, to)) = self.span(&path, span.from, span.to) else { continue };
            if !self.names_are_on_offer(span, catalogue, &path) {
                continue;
            }
            let offerings = offerings_of(span, catalogue);
            if offerings.is_empty() {
                self.error(&path, "none of the offerings is of such a type, zone and capacity type at once");
            }
            spans.push(OfferingStockOut { from, to, offerings });
        }
        spans
    }

    /// Spans in which create calls fail.
    pub(super) fn launch_errors(&mut self, offers: &NodePoolsSpec) -> Vec<(SimTime, SimTime)> {
        let spans = offers.launch_errors.iter().enumerate();
        spans.filter_map(|(i, span)| self.span(&format!("nodePools.launchErrors[{i}]"), span.from, span.to)).collect()
    }

    fn span(&mut self, path: &str, from: SimDuration, to: SimDuration) -> Option<(SimTime, SimTime)> {
        if to <= from {
            self.error(&format!("{path}.to"), format!("the span ends ({to}) before it begins ({from})"));
            return None;
        }
        self.happens(&format!("{path}.from"), from);
        Some((instant(from), instant(to)))
    }

    fn names_are_on_offer(&mut self, span: &OfferingStockOutSpec, catalogue: &Catalogue, path: &str) -> bool {
        let before = self.diagnostics.len();
        let offerings = || catalogue.types.iter().flat_map(|instance_type| &instance_type.offerings);
        let mut types: Vec<&str> = catalogue.types.iter().map(|instance_type| &*instance_type.name).collect();
        let mut zones: Vec<&str> = offerings().map(|offering| &*offering.zone).collect();
        let mut capacity_types: Vec<&str> = offerings().map(|offering| offering.capacity_type.name()).collect();
        for names in [&mut types, &mut zones, &mut capacity_types] {
            names.sort_unstable();
            names.dedup();
        }
        for (field, what, asked, known) in [
            ("instanceTypes", "instance type", &span.instance_types, types),
            ("zones", "zone", &span.zones, zones),
            ("capacityTypes", "capacity type", &span.capacity_types, capacity_types),
        ] {
            for (index, name) in asked.iter().enumerate().filter(|(_, name)| !known.contains(&name.as_str())) {
                let hint = suggestion(name, &known);
                self.error(&format!("{path}.{field}[{index}]"), format!("no {what} {name} is on offer")).hint = hint;
            }
        }
        self.diagnostics.len() == before
    }
}

fn offerings_of(span: &OfferingStockOutSpec, catalogue: &Catalogue) -> Vec<(TypeIndex, usize)> {
    let names = |asked: &[String], name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    let mut offerings = Vec::new();
    for (index, instance_type) in (0..).zip(&catalogue.types) {
        for (position, offering) in instance_type.offerings.iter().enumerate() {
            if names(&span.instance_types, &instance_type.name)
                && names(&span.zones, &offering.zone)
                && names(&span.capacity_types, offering.capacity_type.name())
            {
                offerings.push((index, position));
            }
        }
    }
    offerings
}
