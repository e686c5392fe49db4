//! NodeResourcesFit: by the share of each resource that would be requested, the more or the less the better.

use super::resources::Usage;
use super::{MAX_NODE_SCORE, Score, Scoring};
use crate::cluster::NodeView;
use crate::scheduler::filter::Scope;
use crate::scheduler::options::{StrategyType, UtilizationShapePoint};

pub struct NodeResourcesFit;

impl Score for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn default_weight(&self) -> i64 {
        1
    }

    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn applies(&self, _scoring: &Scoring<'_>) -> bool {
        true
    }

    fn score(&self, scoring: &Scoring<'_>, node: &NodeView<'_>) -> i64 {
        let strategy = &scoring.settings.options.scoring_strategy;
        let usages = scoring.fit.on(node);
        match (strategy.kind, &strategy.requested_to_capacity_ratio) {
            (StrategyType::MostAllocated, _) => {
                weighted_mean(usages.map(|usage| (most_requested(usage), usage.weight)))
            }
            (StrategyType::RequestedToCapacityRatio, Some(ratio)) => requested_to_capacity_ratio(usages, &ratio.shape),
            _ => weighted_mean(usages.map(|usage| (least_requested(usage), usage.weight))),
        }
    }
}

/// In whole numbers, as upstream divides.
fn weighted_mean(scores: impl Iterator<Item = (i64, i64)>) -> i64 {
    let (sum, weights) =
        scores.fold((0, 0), |(sum, weights), (score, weight)| (sum + score * weight, weights + weight));
    if weights == 0 { 0 } else { sum / weights }
}

fn least_requested(usage: Usage) -> i64 {
    if usage.requested > usage.allocatable {
        return 0;
    }
    (usage.allocatable - usage.requested).saturating_mul(MAX_NODE_SCORE) / usage.allocatable
}

/// Pods without requests count with defaults, so that more than all can be requested.
fn most_requested(usage: Usage) -> i64 {
    usage.requested.min(usage.allocatable).saturating_mul(MAX_NODE_SCORE) / usage.allocatable
}

/// The weighted mean over the resources that score above zero, rounded.
fn requested_to_capacity_ratio(usages: impl Iterator<Item = Usage>, shape: &[UtilizationShapePoint]) -> i64 {
    let (mut sum, mut weights) = (0, 0);
    for usage in usages {
        let utilization = if usage.requested > usage.allocatable {
            100
        } else {
            usage.requested.saturating_mul(100) / usage.allocatable
        };
        let score = interpolate(shape, utilization);
        if score > 0 {
            sum += score * usage.weight;
            weights += usage.weight;
        }
    }
    if weights == 0 { 0 } else { (sum as f64 / weights as f64).round() as i64 }
}

/// The broken line through the points, level beyond its ends; scores are scaled from 0..=10 to 0..=100.
fn interpolate(shape: &[UtilizationShapePoint], utilization: i64) -> i64 {
    let at = |point: &UtilizationShapePoint| (i64::from(point.utilization), i64::from(point.score) * 10);
    match shape.iter().position(|point| utilization <= at(point).0) {
        None => shape.last().map_or(0, |last| at(last).1),
        Some(0) => at(&shape[0]).1,
        Some(index) => {
            let ((x0, y0), (x1, y1)) = (at(&shape[index - 1]), at(&shape[index]));
            y0 + (y1 - y0) * (utilization - x0) / (x1 - x0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(points: &[(u8, u8)]) -> Vec<UtilizationShapePoint> {
        points.iter().map(|&(utilization, score)| UtilizationShapePoint { utilization, score }).collect()
    }

    #[test]
    fn a_shape_is_level_beyond_its_ends_and_straight_between() {
        let shape = shape(&[(10, 1), (90, 9)]);
        let scores: Vec<_> = [0, 10, 15, 85, 90, 100].map(|u| interpolate(&shape, u)).into();
        assert_eq!(scores, [10, 10, 15, 85, 90, 90]);
    }

    #[test]
    fn a_falling_shape_divides_towards_zero_as_upstream() {
        let shape = shape(&[(0, 9), (40, 6), (100, 0)]);
        let scores: Vec<_> = [0, 20, 39, 40, 45, 99, 100].map(|u| interpolate(&shape, u)).into();
        assert_eq!(scores, [90, 75, 61, 60, 55, 1, 0]);
    }
}
