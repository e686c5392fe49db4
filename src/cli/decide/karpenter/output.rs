//! The decision of `decide karpenter` as JSON.

use serde_json::{Map, Value, json};

use super::input::Question;
use crate::autoscaler::karpenter::disruption::{Command, Disruption, Forceful, allowed_disruptions};
use crate::autoscaler::karpenter::node_pool::DisruptionReason;
use crate::autoscaler::karpenter::requirements::Requirements;
use crate::autoscaler::karpenter::{CreateClaim, PoolRefusal, Provisioning, Snapshot, Target, explain_types, launch};
use crate::cluster::{ClusterView, NodeId, PodId};

pub(super) fn decision(
    question: &Question,
    snapshot: &Snapshot<'_>,
    provisioning: &Provisioning,
    disruption: &Disruption,
    waited: bool,
    forced: &[Forceful],
) -> Value {
    let writer = Writer { question, snapshot };
    let mut reasons = Vec::new();
    let create: Vec<Value> = provisioning.create.iter().map(|claim| writer.claim(claim)).collect();
    for claim in &provisioning.create {
        reasons.push(writer.why_created(claim));
    }
    let unschedulable: Vec<Value> = provisioning
        .unschedulable
        .iter()
        .map(|unplaced| {
            let mut entry = Map::new();
            entry.insert("pod".into(), writer.pod(unplaced.pod).into());
            entry.insert("nodePools".into(), writer.refusals(&unplaced.pools));
            if let Some(why) = &unplaced.why {
                entry.insert("reason".into(), why.as_str().into());
            }
            Value::Object(entry)
        })
        .collect();
    for skipped in &provisioning.skipped_pools {
        reasons.push(format!("NodePool {} is left out: {}", question.pools[skipped.pool].name, skipped.why));
    }
    let disrupt: Vec<Value> = disruption.command.iter().map(|command| writer.command(command)).collect();
    let after = if waited { ", if it still holds after 15 s" } else { "" };
    reasons.extend(disruption.command.iter().map(|command| writer.why_disrupted(command, after)));
    if let Some((command, why)) = &disruption.abandoned {
        reasons.push(writer.why_disrupted(command, &format!("; given up: {why}")));
    }
    for forced in forced {
        reasons.push(format!("{}: {}", writer.claim_name(forced.claim), forced.reason.explain()));
    }
    let mut decision = Map::new();
    decision.insert("create".into(), create.into());
    decision.insert("nominate".into(), writer.nominations(provisioning));
    decision.insert("unschedulablePods".into(), unschedulable.into());
    decision.insert("disrupt".into(), disrupt.into());
    decision.insert("forceful".into(), forced.iter().map(|forced| writer.forceful(forced)).collect());
    decision.insert("notDisrupted".into(), writer.refused(disruption));
    decision.insert("disruptionBudgets".into(), writer.budgets());
    decision.insert("reasons".into(), reasons.into());
    Value::Object(decision)
}

struct Writer<'a> {
    question: &'a Question,
    snapshot: &'a Snapshot<'a>,
}

impl Writer<'_> {
    fn pod(&self, pod: PodId) -> &str {
        &self.snapshot.cluster.pod(pod).name
    }

    fn node(&self, node: NodeId) -> String {
        self.snapshot.cluster.node(node).map_or_else(String::new, |node| node.name.to_string())
    }

    /// The node's name, or the claim's where it has none yet.
    fn claim_name(&self, index: usize) -> String {
        let claim = &self.question.claims[index];
        claim.node.map_or_else(|| claim.name.to_string(), |node| self.node(node))
    }

    fn claim(&self, claim: &CreateClaim) -> Value {
        let catalogue = &self.question.catalogue;
        let names = |index: &u32| catalogue.get(*index).name.to_string();
        let launched = launch(claim, catalogue).map(|launch| {
            let instance_type = catalogue.get(launch.instance_type);
            let offering = &instance_type.offerings[launch.offering];
            json!({
                "instanceType": *instance_type.name,
                "zone": *offering.zone,
                "capacityType": offering.capacity_type.name(),
                "pricePerHour": launch.price.as_f64(),
            })
        });
        let rejected: Map<String, Value> = explain_types(claim, catalogue)
            .into_iter()
            .map(|(name, why)| (name.to_string(), why.to_string().into()))
            .collect();
        json!({
            "nodePool": *self.question.pools[claim.pool].name,
            "instanceTypes": claim.instance_types.iter().map(names).collect::<Vec<_>>(),
            "requirements": requirements(&claim.requirements),
            "pods": claim.pods.iter().map(|pod| self.pod(*pod)).collect::<Vec<_>>(),
            "launch": launched,
            "rejectedNodePools": self.refusals(&claim.passed_over),
            "rejectedInstanceTypes": rejected,
        })
    }

    fn refusals(&self, refusals: &[PoolRefusal]) -> Value {
        let entries = refusals
            .iter()
            .map(|refusal| (self.question.pools[refusal.pool].name.to_string(), refusal.why.as_str().into()));
        Value::Object(entries.collect())
    }

    fn nominations(&self, provisioning: &Provisioning) -> Value {
        let mut by_target: Map<String, Value> = Map::new();
        for (pod, target) in &provisioning.on_existing {
            let name = match target {
                Target::Node(node) => self.node(*node),
                Target::Claim(index) => self.question.claims[*index].name.to_string(),
            };
            if let Value::Array(pods) = by_target.entry(name).or_insert_with(|| json!([])) {
                pods.push(self.pod(*pod).into());
            }
        }
        Value::Object(by_target)
    }

    fn command(&self, command: &Command) -> Value {
        let mut entry = Map::new();
        let nodes: Vec<String> = command.nodes.iter().map(|node| self.node(node.node)).collect();
        entry.insert("nodes".into(), nodes.into());
        let replacements: Vec<Value> = command.replacements.iter().map(|claim| self.claim(claim)).collect();
        if let [only] = &replacements[..] {
            entry.insert("replacement".into(), only.clone());
        } else if !replacements.is_empty() {
            entry.insert("replacements".into(), replacements.into());
        }
        entry.insert("reason".into(), command.reason().name().into());
        entry.insert("method".into(), command.method.name().into());
        entry.insert("savingsPerHour".into(), rounded(command.savings_per_hour).into());
        Value::Object(entry)
    }

    fn forceful(&self, forced: &Forceful) -> Value {
        json!({"node": self.claim_name(forced.claim), "reason": forced.reason.name()})
    }

    fn refused(&self, disruption: &Disruption) -> Value {
        let mut by_node: Map<String, Value> = Map::new();
        for refused in &disruption.refused {
            let entry = by_node.entry(self.claim_name(refused.claim)).or_insert_with(|| json!({}));
            if let Value::Object(methods) = entry {
                methods.insert(refused.method.name().into(), refused.why.as_str().into());
            }
        }
        Value::Object(by_node)
    }

    fn budgets(&self) -> Value {
        let reasons = [DisruptionReason::Underutilized, DisruptionReason::Empty, DisruptionReason::Drifted];
        let allowed = reasons.map(|reason| (reason, allowed_disruptions(self.snapshot, reason)));
        let by_pool = self.question.pools.iter().enumerate().map(|(index, pool)| {
            let by_reason = allowed.iter().map(|(reason, allowed)| {
                // Without a budget that names the reason there is no bound.
                let bounded = Some(allowed[index]).filter(|allowed| *allowed < (i32::MAX / 2) as usize);
                (reason.name().to_owned(), json!(bounded))
            });
            (pool.name.to_string(), Value::Object(by_reason.collect()))
        });
        Value::Object(by_pool.collect())
    }

    fn why_created(&self, claim: &CreateClaim) -> String {
        format!("NodePool {}: {}", self.question.pools[claim.pool].name, claim.explain(&self.question.catalogue))
    }

    /// A command, and what has become of it.
    fn why_disrupted(&self, command: &Command, but: &str) -> String {
        let nodes: Vec<String> = command.nodes.iter().map(|node| self.node(node.node)).collect();
        format!("{}: {}{but}", nodes.join(", "), command.explain())
    }
}

/// To a billionth of a dollar, so that sums of floats print as the prices they are made of.
fn rounded(usd: f64) -> f64 {
    (usd * 1e9).round() / 1e9
}

fn requirements(requirements: &Requirements) -> Value {
    let stated = requirements.iter().flat_map(|requirement| {
        requirement.stated().into_iter().map(|(operator, values)| {
            let mut entry = Map::new();
            entry.insert("key".into(), (*requirement.key).into());
            entry.insert("operator".into(), operator.name().into());
            if !values.is_empty() {
                entry.insert("values".into(), values.into());
            }
            if let Some(min_values) = requirement.min_values {
                entry.insert("minValues".into(), min_values.into());
            }
            Value::Object(entry)
        })
    });
    stated.collect()
}
