//! From a manifest to a [`NodePool`]: upstream's CRD validation and defaults, with every mistake named by its path.

use std::collections::BTreeMap;

use super::manifest::{BudgetManifest, NodePoolManifest, RequirementManifest, TaintManifest};
use super::{Budget, BudgetNodes, ConsolidationPolicy, Cron, DisruptionReason, FieldError, NodePool};
use crate::autoscaler::karpenter::requirement::{Operator, Requirement};
use crate::autoscaler::karpenter::requirements::is_well_known;
use crate::cluster::{Taint, label};
use crate::units::{SimDuration, not_one_of};

struct Check {
    errors: Vec<FieldError>,
}

pub(super) fn check(manifest: &NodePoolManifest) -> Result<NodePool, Vec<FieldError>> {
    let mut check = Check { errors: Vec::new() };
    if let Some(version) = manifest.api_version.as_deref().filter(|version| *version != "karpenter.sh/v1") {
        check.error("apiVersion", format!("{version:?} is not read; NodePools are karpenter.sh/v1"));
    }
    if let Some(kind) = manifest.kind.as_deref().filter(|kind| *kind != "NodePool") {
        check.error("kind", format!("{kind:?} is not a NodePool"));
    }
    if manifest.metadata.name.is_empty() {
        check.error("metadata.name", "a name is required");
    }
    let mut pool = NodePool::named(&manifest.metadata.name);
    let spec = &manifest.spec;
    if spec.replicas.is_some() {
        check.error("spec.replicas", "static capacity (a fixed number of nodes, alpha upstream) is not modelled");
    }
    pool.weight = spec.weight.unwrap_or(0);
    if spec.weight.is_some_and(|weight| !(1..=100).contains(&weight)) {
        check.error("spec.weight", format!("{} is not from 1 to 100", pool.weight));
    }
    pool.limits = spec.limits.iter().flatten().map(|(name, amount)| (name.clone(), *amount)).collect();
    check.template(manifest, &mut pool);
    check.disruption(manifest, &mut pool);
    if check.errors.is_empty() { Ok(pool) } else { Err(check.errors) }
}

impl Check {
    fn error(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.errors.push(FieldError { path: path.into(), problem: problem.into() });
    }

    fn template(&mut self, manifest: &NodePoolManifest, pool: &mut NodePool) {
        let template = &manifest.spec.template;
        pool.annotations = template.metadata.annotations.clone().unwrap_or_default();
        self.labels(template.metadata.labels.as_ref(), pool);
        let spec = &template.spec;
        for (index, raw) in spec.requirements.iter().enumerate() {
            let path = format!("spec.template.spec.requirements[{index}]");
            if let Some(requirement) = self.requirement(&path, raw) {
                pool.stated_requirements.add(requirement.clone());
                pool.requirements.add(requirement);
            }
        }
        for (key, value) in &pool.labels {
            pool.requirements.add(Requirement::value(key, value));
        }
        pool.taints = self.taints("spec.template.spec.taints", spec.taints.as_deref());
        pool.startup_taints = self.taints("spec.template.spec.startupTaints", spec.startup_taints.as_deref());
        if let Some(text) = &spec.expire_after {
            pool.expire_after = self.duration_or_never("spec.template.spec.expireAfter", text);
        }
        pool.termination_grace_period = spec
            .termination_grace_period
            .as_ref()
            .and_then(|text| self.duration("spec.template.spec.terminationGracePeriod", text, ""));
    }

    fn labels(&mut self, labels: Option<&BTreeMap<String, String>>, pool: &mut NodePool) {
        for (key, value) in labels.into_iter().flatten() {
            let path = format!("spec.template.metadata.labels.{key}");
            if key == label::NODE_POOL || key == label::HOSTNAME || is_restricted(key) {
                self.error(path, "Karpenter sets this label itself");
                continue;
            }
            pool.labels.insert(key.clone(), value.clone());
        }
    }

    fn requirement(&mut self, path: &str, raw: &RequirementManifest) -> Option<Requirement> {
        let before = self.errors.len();
        if raw.key.is_empty() {
            self.error(format!("{path}.key"), "a label key is required");
        } else if raw.key == label::NODE_POOL || raw.key == label::HOSTNAME || is_restricted(&raw.key) {
            self.error(format!("{path}.key"), format!("{} is Karpenter's own to set", raw.key));
        }
        let operator = match Operator::named(&raw.operator) {
            Ok(operator) => operator,
            Err(problem) => {
                self.error(format!("{path}.operator"), problem);
                return None;
            }
        };
        let values = format!("{path}.values");
        match operator {
            Operator::In | Operator::NotIn if raw.values.is_empty() => {
                self.error(values, format!("{} needs at least one value", raw.operator));
            }
            Operator::Exists | Operator::DoesNotExist if !raw.values.is_empty() => {
                self.error(values, format!("{} takes no values", raw.operator));
            }
            Operator::Gt | Operator::Lt | Operator::Gte | Operator::Lte => {
                let is_whole = |value: &String| value.parse::<i64>().is_ok_and(|value| value >= 0);
                if raw.values.len() != 1 || !is_whole(&raw.values[0]) {
                    self.error(values, format!("{} takes one whole number, zero or more", raw.operator));
                }
            }
            _ => {}
        }
        let min_values = raw.min_values.map(|min_values| min_values as usize);
        if let Some(min_values) = min_values {
            if !(1..=50).contains(&min_values) {
                self.error(format!("{path}.minValues"), format!("{min_values} is not from 1 to 50"));
            } else if operator == Operator::In && raw.values.len() < min_values {
                let problem = format!("{min_values} values are asked for and only {} listed", raw.values.len());
                self.error(format!("{path}.minValues"), problem);
            }
        }
        let known_capacity_types = ["spot", "on-demand", "reserved"];
        if raw.key == label::CAPACITY_TYPE
            && operator == Operator::In
            && !raw.values.iter().any(|value| known_capacity_types.contains(&value.as_str()))
        {
            let first = raw.values.first().map_or("", String::as_str);
            self.error(format!("{path}.values"), not_one_of(first, &known_capacity_types));
        }
        if self.errors.len() > before {
            return None;
        }
        let mut requirement = Requirement::new(&raw.key, operator, &raw.values);
        requirement.min_values = min_values;
        Some(requirement)
    }

    fn taints(&mut self, path: &str, raw: Option<&[TaintManifest]>) -> Vec<Taint> {
        let mut taints = Vec::new();
        for (index, raw) in raw.into_iter().flatten().enumerate() {
            match Taint::read(&raw.key, &raw.value, &raw.effect) {
                Ok(taint) => taints.push(taint),
                Err(error) => self.error(format!("{path}[{index}].{}", error.field), error.problem),
            }
        }
        taints
    }

    fn disruption(&mut self, manifest: &NodePoolManifest, pool: &mut NodePool) {
        let raw = &manifest.spec.disruption;
        if let Some(text) = &raw.consolidate_after {
            pool.consolidate_after = self.duration_or_never("spec.disruption.consolidateAfter", text);
        }
        match raw.consolidation_policy.as_deref() {
            None => {}
            Some("WhenEmpty") => pool.consolidation_policy = ConsolidationPolicy::WhenEmpty,
            Some("WhenEmptyOrUnderutilized") => {
                pool.consolidation_policy = ConsolidationPolicy::WhenEmptyOrUnderutilized;
            }
            Some("Balanced") => pool.consolidation_policy = ConsolidationPolicy::Balanced,
            Some(other) => {
                let known = ["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"];
                self.error("spec.disruption.consolidationPolicy", not_one_of(other, &known));
            }
        }
        if let Some(budgets) = &raw.budgets {
            pool.budgets = budgets
                .iter()
                .enumerate()
                .filter_map(|(index, raw)| self.budget(&format!("spec.disruption.budgets[{index}]"), raw))
                .collect();
        }
    }

    fn budget(&mut self, path: &str, raw: &BudgetManifest) -> Option<Budget> {
        let before = self.errors.len();
        let text = raw.nodes.as_deref().unwrap_or("10%");
        let nodes = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|percent| *percent <= 100).map(BudgetNodes::Percent),
            None => text.parse().ok().map(BudgetNodes::Count),
        };
        if nodes.is_none() || text.starts_with('+') {
            let problem = format!("{text:?} is neither a count, such as 5, nor a percentage up to 100%");
            self.error(format!("{path}.nodes"), problem);
        }
        let reasons = raw.reasons.as_ref().map(|reasons| {
            reasons.iter().enumerate().filter_map(|(index, name)| self.reason(path, index, name)).collect()
        });
        let window = match (&raw.schedule, &raw.duration) {
            (None, None) => None,
            (Some(schedule), Some(duration)) => {
                let duration = self.duration(&format!("{path}.duration"), duration, "");
                match Cron::parse(schedule) {
                    Ok(cron) => duration.map(|duration| (cron, duration)),
                    Err(error) => {
                        self.error(format!("{path}.schedule"), error.to_string());
                        None
                    }
                }
            }
            (Some(_), None) => {
                self.error(format!("{path}.duration"), "a schedule needs a duration");
                None
            }
            (None, Some(_)) => {
                self.error(format!("{path}.schedule"), "a duration needs a schedule");
                None
            }
        };
        if self.errors.len() > before {
            return None;
        }
        nodes.map(|nodes| Budget { nodes, reasons, window })
    }

    fn reason(&mut self, path: &str, index: usize, name: &str) -> Option<DisruptionReason> {
        let known = [DisruptionReason::Underutilized, DisruptionReason::Empty, DisruptionReason::Drifted];
        let found = known.into_iter().find(|reason| reason.name() == name);
        if found.is_none() {
            self.error(format!("{path}.reasons[{index}]"), not_one_of(name, &known.map(DisruptionReason::name)));
        }
        found
    }

    fn duration_or_never(&mut self, path: &str, text: &str) -> Option<SimDuration> {
        if text == "Never" { None } else { self.duration(path, text, ", or Never") }
    }

    fn duration(&mut self, path: &str, text: &str, or: &str) -> Option<SimDuration> {
        match SimDuration::parse_non_negative(text) {
            Ok(duration) => Some(duration),
            Err(problem) => {
                self.error(path, format!("{problem}{or}"));
                None
            }
        }
    }
}

/// Labels of Karpenter's domain that are not well known.
fn is_restricted(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    !is_well_known(key) && (domain == "karpenter.sh" || domain.ends_with(".karpenter.sh"))
}
