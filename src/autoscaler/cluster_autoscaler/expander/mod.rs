//! Expanders: which group grows. A chain of filters, and a draw among what they leave (`expander/`).

mod least_nodes;
mod least_waste;
mod most_pods;
mod price;
mod priority;
mod random;

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::cluster::{NodeShape, PodSpec, Specs};
use crate::units::did_you_mean;

pub use price::{PodPrices, preferred_cores};
pub use priority::Priorities;

/// An option as expanders see it.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    pub group: &'a str,
    pub node_count: i64,
    pub pods: Vec<&'a PodSpec>,
    /// `None`: nobody knows what the group's nodes look like.
    pub template: Option<&'a NodeShape>,
    /// False for a group that would have to be created.
    pub exists: bool,
    /// For one hour.
    pub node_price: Option<f64>,
    pub priority: Option<i32>,
}

/// What expanders know beside the options.
pub struct Context<'a> {
    pub specs: &'a Specs,
    pub priorities: Option<&'a Priorities>,
    pub pod_prices: &'a dyn PodPrices,
    /// Cores (in thousandths) of the node that suits the cluster, for the price expander.
    pub preferred_cpu: i64,
}

/// One expander.
pub trait Expander: Sync {
    /// Upstream's name.
    fn name(&self) -> &'static str;

    /// The lower the better, with all its arithmetic as upstream does it (it may be NaN); `None` drops the option.
    /// A filter without a cost of its own draws.
    fn cost(&self, option: &Candidate<'_>, context: &Context<'_>) -> Option<f64>;

    /// True where an empty outcome means that the filter had nothing to say, so that all options stay.
    fn keeps_all_when_none_is_left(&self) -> bool {
        false
    }
}

/// All expanders but `random`, which is the draw itself.
static EXPANDERS: &[(ExpanderName, &dyn Expander)] = &[
    (ExpanderName::MostPods, &most_pods::MostPods),
    (ExpanderName::LeastWaste, &least_waste::LeastWaste),
    (ExpanderName::LeastNodes, &least_nodes::LeastNodes),
    (ExpanderName::Price, &price::Price),
    (ExpanderName::Priority, &priority::Priority),
];

/// An expander by its name: one of upstream's, or the caller's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpanderName {
    Random,
    MostPods,
    LeastWaste,
    LeastNodes,
    Price,
    Priority,
    /// One that is none of upstream's, of a program that embeds the library.
    Own(OwnExpander),
}

/// An expander from outside; told from others by its name.
#[derive(Clone, Copy)]
pub struct OwnExpander(&'static dyn Expander);

impl fmt::Debug for OwnExpander {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl PartialEq for OwnExpander {
    fn eq(&self, other: &OwnExpander) -> bool {
        self.0.name() == other.0.name()
    }
}

impl Eq for OwnExpander {}

impl ExpanderName {
    fn expander(self) -> Option<&'static dyn Expander> {
        match self {
            ExpanderName::Own(own) => Some(own.0),
            name => EXPANDERS.iter().find(|(other, _)| *other == name).map(|(_, expander)| *expander),
        }
    }

    fn name(self) -> &'static str {
        match self {
            ExpanderName::Own(own) => own.0.name(),
            known => NAMES.iter().find(|(_, other)| *other == known).expect("every expander has a name").0,
        }
    }
}

const NAMES: [(&str, ExpanderName); 6] = [
    (random::NAME, ExpanderName::Random),
    ("most-pods", ExpanderName::MostPods),
    ("least-waste", ExpanderName::LeastWaste),
    ("least-nodes", ExpanderName::LeastNodes),
    ("price", ExpanderName::Price),
    ("priority", ExpanderName::Priority),
];

/// `--expander`: filters one after the other; if more than one option is left at the end, one is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpanderChain(SmallVec<[ExpanderName; 2]>);

impl Default for ExpanderChain {
    fn default() -> ExpanderChain {
        ExpanderChain(SmallVec::from_slice(&[ExpanderName::LeastWaste]))
    }
}

/// What a chain makes of the options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Indexes of the options among which the draw falls.
    pub candidates: Vec<usize>,
    pub best: Option<usize>,
    /// The last filter that gave a cost, and its costs by option.
    pub costs: Option<(&'static str, Vec<Option<f64>>)>,
}

impl ExpanderChain {
    /// A chain of one expander of the caller's; see `examples/expander.rs`.
    pub fn own(expander: &'static dyn Expander) -> ExpanderChain {
        ExpanderChain(SmallVec::from_slice(&[ExpanderName::Own(OwnExpander(expander))]))
    }

    pub fn names(&self) -> &[ExpanderName] {
        &self.0
    }

    /// Upstream's `chainStrategy.BestOption`.
    pub fn choose(&self, options: &[Candidate<'_>], context: &Context<'_>, rng: &mut dyn Rng) -> Choice {
        let mut choice = Choice { candidates: (0..options.len()).collect(), ..Choice::default() };
        for name in &self.0 {
            let Some(expander) = name.expander() else { break };
            let costs: Vec<Option<f64>> = options.iter().map(|option| expander.cost(option, context)).collect();
            choice.candidates = cheapest(&choice.candidates, &costs, expander.keeps_all_when_none_is_left());
            choice.costs = Some((expander.name(), costs));
            if choice.candidates.len() == 1 {
                break;
            }
        }
        choice.best = match choice.candidates.len() {
            0 => None,
            1 => Some(choice.candidates[0]),
            count => Some(choice.candidates[rng.random_range(0..count)]),
        };
        choice
    }
}

/// Those with the lowest cost. The comparisons are upstream's, so that a NaN that comes first stays alone.
fn cheapest(among: &[usize], costs: &[Option<f64>], keeps_all: bool) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::new();
    let mut lowest = 0.0;
    for &index in among {
        let Some(cost) = costs[index] else { continue };
        if best.is_empty() || cost < lowest {
            best = vec![index];
            lowest = cost;
        } else if cost == lowest {
            best.push(index);
        }
    }
    if best.is_empty() && keeps_all { among.to_vec() } else { best }
}

impl FromStr for ExpanderChain {
    type Err = String;

    fn from_str(text: &str) -> Result<ExpanderChain, String> {
        let mut chain: SmallVec<[ExpanderName; 2]> = SmallVec::new();
        for part in text.split(',').map(str::trim) {
            let known = NAMES.iter().find(|(name, _)| *name == part);
            let Some((name, expander)) = known else { return Err(unknown_expander(part)) };
            if chain.contains(expander) {
                return Err(format!("expander {name} stands twice in {text:?}"));
            }
            if chain.last() == Some(&ExpanderName::Random) {
                return Err(format!("{name} after random in {text:?} would never be asked: random leaves one option"));
            }
            chain.push(*expander);
        }
        Ok(ExpanderChain(chain))
    }
}

fn unknown_expander(name: &str) -> String {
    let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    let hint = did_you_mean(name, known.iter().copied());
    format!("{name:?} is not an expander; there are {}{hint}", known.join(", "))
}

impl fmt::Display for ExpanderChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, expander) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}", expander.name())?;
        }
        Ok(())
    }
}

impl Serialize for ExpanderChain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExpanderChain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExpanderChain, D::Error> {
        struct Chain;

        impl<'de> Visitor<'de> for Chain {
            type Value = ExpanderChain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expander, or several in a list or separated by commas")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ExpanderChain, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<ExpanderChain, A::Error> {
                let mut list: Vec<String> = Vec::new();
                while let Some(name) = names.next_element()? {
                    list.push(name);
                }
                self.visit_str(&list.join(","))
            }
        }

        deserializer.deserialize_any(Chain)
    }
}

impl JsonSchema for ExpanderChain {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpanderChain".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        schemars::json_schema!({
            "description": "One expander, or several that filter one after the other; a draw settles what is left.",
            "anyOf": [
                { "type": "string", "pattern": format!("^({0})( *, *({0}))*$", known.join("|")) },
                { "type": "array", "minItems": 1, "items": { "enum": known } }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_expander_names_the_nearest() {
        let error = "least-wast".parse::<ExpanderChain>().unwrap_err();
        assert!(error.contains("did you mean least-waste?"), "{error}");
    }

    #[test]
    fn nothing_may_follow_random_and_nothing_may_stand_twice() {
        assert!("random,price".parse::<ExpanderChain>().is_err());
        assert!("price,price".parse::<ExpanderChain>().is_err());
        assert_eq!("priority,least-waste".parse::<ExpanderChain>().unwrap().to_string(), "priority,least-waste");
    }

    #[test]
    fn a_nan_that_comes_first_stays_alone() {
        assert_eq!(cheapest(&[0, 1], &[Some(f64::NAN), Some(1.0)], false), [0]);
        assert_eq!(cheapest(&[0, 1], &[Some(1.0), Some(f64::NAN)], false), [0]);
        assert_eq!(cheapest(&[0, 1], &[None, None], true), [0, 1]);
    }
}
