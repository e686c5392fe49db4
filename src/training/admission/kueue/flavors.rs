//! Which flavors a workload's pod sets get, and whether they fit now, after preemption, or not at all.
//!
//! Kueue (0.20): `pkg/scheduler/flavorassigner/flavorassigner.go`, `flavor_assigner_attempts.go`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::amount::Amount;
use super::cache::{Group, Snapshot};
use super::flavor_match::why_no_match;
use super::names::{FlavorId, Fr, Names, ResourceIx};
use super::objects::{FlavorFungibility, Policy, Preference, Search, Waiting};
use super::tree::NodeId;
use super::workload::{PodSet, Requested, Workload, add_to};

/// What has to happen before a flavor can be had; the worse the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    NoFit,
    /// Others would have to go first, if they may be told to.
    Preempt,
    /// It fits once preemptions that others issued have ended.
    DeferredFit,
    Fit,
}

/// What preemption could do for one flavor's resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Possibility {
    NoCandidates,
    Preempt,
    Reclaim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chance {
    NoFit,
    NoCandidates,
    Preempt,
    Reclaim,
    Fit,
}

impl Chance {
    fn mode(self) -> Mode {
        match self {
            Chance::NoFit => Mode::NoFit,
            Chance::NoCandidates | Chance::Preempt | Chance::Reclaim => Mode::Preempt,
            Chance::Fit => Mode::Fit,
        }
    }
}

/// What a flavor offers: how, and from how far up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offer {
    chance: Chance,
    level: u32,
}

impl Offer {
    fn preferred_to(self, other: Offer, fungibility: &FlavorFungibility) -> bool {
        if self.chance == Chance::NoFit {
            return false;
        }
        if other.chance == Chance::NoFit {
            return true;
        }
        let hopeless = |offer: Offer| offer.chance == Chance::NoCandidates;
        if hopeless(self) != hopeless(other) {
            return hopeless(other);
        }
        let by_chance = other.chance.cmp(&self.chance);
        let by_level = self.level.cmp(&other.level);
        let order = match fungibility.preference {
            Preference::BorrowingOverPreemption => by_chance.then(by_level),
            Preference::PreemptionOverBorrowing => by_level.then(by_chance),
        };
        order == Ordering::Less
    }

    fn should_try_next(self, fungibility: &FlavorFungibility) -> bool {
        match self.chance {
            Chance::NoFit | Chance::NoCandidates => return true,
            Chance::Preempt | Chance::Reclaim if fungibility.when_can_preempt == Search::TryNextFlavor => return true,
            _ => {}
        }
        self.level > 0 && fungibility.when_can_borrow == Search::TryNextFlavor
    }
}

/// Why a flavor or a group of flavors is not had at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    NotCovered(ResourceIx),
    /// More than there could ever be: asked for, and the most there is.
    TooMuch(Fr, Amount, Amount),
    /// So much is missing now.
    Missing(Fr, Amount),
    NoMatch(String),
    NotNominated(FlavorId),
}

impl Complaint {
    /// In words.
    pub fn say(&self, names: &Names) -> String {
        let pair = |pair: Fr| {
            let (flavor, resource) = names.parts(pair);
            (names.flavor_name(flavor), names.resource_name(resource))
        };
        match self {
            Complaint::NotCovered(resource) => {
                format!("the ClusterQueue does not cover {}", names.resource_name(*resource))
            }
            Complaint::TooMuch(at, asked, most) => {
                let (flavor, resource) = pair(*at);
                format!(
                    "{} of {resource} are asked for in flavor {flavor}, of which {} can be had at most",
                    quantity(resource, *asked),
                    quantity(resource, *most)
                )
            }
            Complaint::Missing(at, amount) => {
                let (flavor, resource) = pair(*at);
                format!("{} of {resource} are missing in flavor {flavor}", quantity(resource, *amount))
            }
            Complaint::NoMatch(text) => text.clone(),
            Complaint::NotNominated(flavor) => {
                format!("flavor {} is not the one that was nominated", names.flavor_name(*flavor))
            }
        }
    }
}

/// An amount as a Kubernetes quantity.
pub fn quantity(resource: &str, amount: Amount) -> String {
    if amount.is_unlimited() {
        return "unlimited".into();
    }
    match (resource, amount.0 % 1000) {
        ("cpu", 0) => (amount.0 / 1000).to_string(),
        ("cpu", _) => format!("{}m", amount.0),
        _ => amount.0.to_string(),
    }
}

/// The flavor that a resource of a pod set gets, and how it got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlavorAssignment {
    pub flavor: FlavorId,
    pub mode: Mode,
    /// The index of the last flavor that was looked at; -1 where it was the last of the list.
    pub tried: i32,
    pub level: u32,
}

/// What came of one flavor, over all resources.
#[derive(Clone, Debug)]
struct Attempt {
    mode: Mode,
    waiting: Waiting,
}

/// Flavors of a pod set, or why it has none.
#[derive(Clone, Debug)]
pub struct PodSetAssignment {
    pub name: Arc<str>,
    pub count: i32,
    pub requests: Vec<(ResourceIx, i64)>,
    pub flavors: BTreeMap<ResourceIx, FlavorAssignment>,
    pub complaints: Vec<Complaint>,
    attempts: BTreeMap<FlavorId, Attempt>,
}

impl PodSetAssignment {
    pub fn mode(&self) -> Mode {
        if self.complaints.is_empty() {
            return Mode::Fit;
        }
        self.flavors.values().map(|flavor| flavor.mode).min().unwrap_or(Mode::NoFit)
    }
}

/// Where a search ended, so that the next one goes on behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// By pod set.
    pub tried: Vec<BTreeMap<ResourceIx, i32>>,
    pub generation: u64,
    pub cycle: u64,
    pub shape: u64,
}

impl Progress {
    /// Whether some flavor was not looked at yet.
    pub fn has_flavors_left(&self) -> bool {
        self.tried.iter().any(|set| set.values().any(|tried| *tried != -1))
    }
}

/// Flavors of all pod sets of a workload.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub pod_sets: Vec<PodSetAssignment>,
    /// From how far up the quota comes; 0 where nothing is borrowed.
    pub level: u32,
    /// By pair in order of the pairs.
    pub usage: Vec<(Fr, Amount)>,
    pub waiting: Waiting,
    /// Where others decided it.
    pub decided: Option<Mode>,
}

impl Assignment {
    pub fn mode(&self) -> Mode {
        if self.pod_sets.is_empty() {
            return Mode::NoFit;
        }
        self.decided.unwrap_or_else(|| self.pod_sets.iter().map(PodSetAssignment::mode).min().unwrap_or(Mode::Fit))
    }

    pub fn tried(&self) -> Vec<BTreeMap<ResourceIx, i32>> {
        let of = |set: &PodSetAssignment| set.flavors.iter().map(|(id, flavor)| (*id, flavor.tried)).collect();
        self.pod_sets.iter().map(of).collect()
    }

    /// Pairs that need preemption.
    pub fn contested(&self, names: &Names) -> Vec<Fr> {
        let flavors = self.pod_sets.iter().flat_map(|set| &set.flavors);
        let mut pairs: Vec<Fr> = flavors
            .filter(|(_, flavor)| flavor.mode == Mode::Preempt)
            .filter_map(|(resource, flavor)| names.known_pair(flavor.flavor, *resource))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// All that the workload asks for, at the counts of this assignment.
    pub fn requests(&self, names: &Names) -> Vec<(Fr, Amount)> {
        let mut sum = Vec::new();
        for set in &self.pod_sets {
            for (resource, amount) in set.requests.iter().filter(|(_, amount)| *amount != 0) {
                let flavor = set.flavors.get(resource).map(|flavor| flavor.flavor);
                if let Some(pair) = flavor.and_then(|flavor| names.known_pair(flavor, *resource)) {
                    add_to(&mut sum, pair, Amount(*amount));
                }
            }
        }
        sum.sort_unstable_by_key(|(pair, _)| *pair);
        sum
    }

    /// What stands in the way, in words.
    pub fn message(&self, names: &Names) -> String {
        let mut parts = Vec::new();
        for set in self.pod_sets.iter().filter(|set| !set.complaints.is_empty()) {
            let mut said: Vec<String> = set.complaints.iter().map(|complaint| complaint.say(names)).collect();
            said.sort();
            said.dedup();
            parts.push(format!("pod set {}: {}", set.name, said.join(", ")));
        }
        parts.join("; ")
    }
}

/// The flavors of an earlier nomination, by pod set, that a search must keep to.
pub type Nominated = Vec<(Arc<str>, BTreeMap<ResourceIx, FlavorId>)>;

/// What preemption could do for one pair: asked during the search.
pub type Oracle<'o> = dyn FnMut(&mut Snapshot<'_>, Fr, Amount) -> (Possibility, u32) + 'o;

/// A search for flavors.
pub struct Assigner<'s> {
    pub workload: &'s Workload,
    pub queue: NodeId,
    /// What the workload asks for in all ([`Workload::requested`]).
    pub requested: &'s [Requested],
    /// Where the search before ended.
    pub progress: Option<&'s Progress>,
    pub nominated: Option<&'s Nominated>,
}

impl Assigner<'_> {
    /// With `counts`, of so many pods by pod set instead.
    pub fn assign(&self, snapshot: &mut Snapshot<'_>, counts: Option<&[i32]>, oracle: &mut Oracle<'_>) -> Assignment {
        let names = &snapshot.cache.names;
        let pods = names.known_resource("pods").filter(|pods| self.group_of(snapshot, *pods).is_some());
        let requested: Vec<Requested> = self
            .requested
            .iter()
            .enumerate()
            .map(|(index, set)| {
                let mut set = counts.map_or_else(|| set.clone(), |counts| set.scaled(counts[index]));
                if let Some(pods) = pods {
                    set.requests.retain(|(id, _)| *id != pods);
                    set.requests.push((pods, i64::from(set.count)));
                }
                set.requests.sort_by(|a, b| names.order(a.0).cmp(&names.order(b.0)));
                set
            })
            .collect();
        let mut assignment =
            Assignment { pod_sets: Vec::new(), level: 0, usage: Vec::new(), waiting: Waiting::Unsaid, decided: None };
        for group in pod_set_groups(&self.workload.pod_sets, requested.len()) {
            if !self.assign_group(snapshot, &requested, &group, &mut assignment, oracle) {
                break;
            }
        }
        assignment.usage.sort_unstable_by_key(|(pair, _)| *pair);
        assignment.waiting = self.why_no_fit(snapshot, &assignment);
        assignment
    }

    fn group_of<'c>(&self, snapshot: &Snapshot<'c>, resource: ResourceIx) -> Option<&'c Group> {
        snapshot.queue(self.queue).groups.iter().find(|group| group.covered.contains(&resource))
    }

    /// Gives the pod sets of one group their flavors; false where there are none to give.
    fn assign_group(
        &self,
        snapshot: &mut Snapshot<'_>,
        requested: &[Requested],
        members: &[usize],
        assignment: &mut Assignment,
        oracle: &mut Oracle<'_>,
    ) -> bool {
        let mut together: Vec<(ResourceIx, i64)> = Vec::new();
        for (resource, amount) in members.iter().flat_map(|index| &requested[*index].requests) {
            match together.iter_mut().find(|(other, _)| other == resource) {
                Some((_, sum)) => *sum = sum.saturating_add(*amount),
                None => together.push((*resource, *amount)),
            }
        }
        let names = &snapshot.cache.names;
        together.sort_by(|a, b| names.order(a.0).cmp(&names.order(b.0)));
        let mut found: BTreeMap<ResourceIx, FlavorAssignment> = BTreeMap::new();
        let mut complaints = Vec::new();
        let mut attempts: BTreeMap<FlavorId, Attempt> = BTreeMap::new();
        for (resource, amount) in &together {
            let group = self.group_of(snapshot, *resource);
            let ignores = snapshot.options.ignore_undeclared && snapshot.options.gates.quota_check_strategy;
            if group.is_none() && (*amount == 0 || ignores) {
                continue;
            }
            if found.contains_key(resource) {
                continue;
            }
            let Some(group) = group else {
                found.clear();
                complaints = vec![Complaint::NotCovered(*resource)];
                break;
            };
            let mut search = GroupSearch {
                members,
                resource: *resource,
                requests: together.iter().filter(|(id, _)| group.covered.contains(id)).copied().collect(),
                booked: &assignment.usage,
                complaints: Vec::new(),
                attempts: Vec::new(),
            };
            let flavors = self.search(snapshot, group, &mut search, oracle);
            merge_attempts(&mut attempts, &search.attempts, group);
            if flavors.is_empty() {
                found.clear();
                complaints = search.complaints;
                break;
            }
            complaints.extend(search.complaints);
            found.extend(flavors);
        }
        let mut all = true;
        for index in members {
            let set = &requested[*index];
            let flavors: BTreeMap<ResourceIx, FlavorAssignment> = found
                .iter()
                .filter(|(id, _)| set.requests.iter().any(|(other, _)| other == *id))
                .map(|(id, flavor)| (*id, flavor.clone()))
                .collect();
            all &= set.requests.is_empty() || !flavors.is_empty();
            for (resource, flavor) in &flavors {
                assignment.level = assignment.level.max(flavor.level);
                let amount = set.requests.iter().find(|(id, _)| id == resource).map_or(0, |(_, amount)| *amount);
                if let Some(pair) = snapshot.cache.names.known_pair(flavor.flavor, *resource) {
                    add_to(&mut assignment.usage, pair, Amount(amount));
                }
            }
            assignment.pod_sets.push(PodSetAssignment {
                name: Arc::clone(&set.name),
                count: set.count,
                requests: set.requests.clone(),
                flavors,
                complaints: complaints.clone(),
                attempts: attempts.clone(),
            });
        }
        all
    }

    /// The best flavor of a resource group, for all of its resources that are asked for.
    fn search(
        &self,
        snapshot: &mut Snapshot<'_>,
        group: &Group,
        search: &mut GroupSearch<'_>,
        oracle: &mut Oracle<'_>,
    ) -> BTreeMap<ResourceIx, FlavorAssignment> {
        let gates = snapshot.options.gates;
        let fungibility = snapshot.queue(self.queue).fungibility;
        let mut best = BTreeMap::new();
        let mut best_offer = Offer { chance: Chance::NoFit, level: u32::MAX };
        let mut tried = -1;
        let first = if gates.flavor_fungibility { self.first_flavor(search.members[0], search.resource) } else { 0 };
        for (index, flavor) in group.flavors.iter().copied().enumerate().skip(first) {
            tried = index as i32;
            if self.is_not_nominated(search, flavor) {
                search.complaints.push(Complaint::NotNominated(flavor));
                continue;
            }
            let sets: Vec<&PodSet> = search.members.iter().map(|index| &self.workload.pod_sets[*index]).collect();
            if let Some(text) = why_no_match(snapshot, self.queue, flavor, &sets, group) {
                search.complaints.push(Complaint::NoMatch(text));
                search.attempts.push((flavor, Attempt { mode: Mode::NoFit, waiting: Waiting::NoMatchingFlavor }));
                continue;
            }
            let mut offer = Offer { chance: Chance::Fit, level: 0 };
            let mut waiting = Waiting::Unsaid;
            let mut found = BTreeMap::new();
            for (resource, amount) in search.requests.clone() {
                let (one, complaint, reason) = self.offer(snapshot, flavor, resource, amount, search.booked, oracle);
                waiting = waiting.graver(reason);
                search.complaints.extend(complaint);
                if offer.preferred_to(one, &fungibility) {
                    offer = one;
                }
                if offer.chance != Chance::NoFit {
                    let mode = one.chance.mode();
                    found.insert(resource, FlavorAssignment { flavor, mode, tried: 0, level: one.level });
                }
            }
            search.attempts.push((flavor, Attempt { mode: offer.chance.mode(), waiting }));
            if gates.flavor_fungibility {
                if !offer.should_try_next(&fungibility) {
                    (best, best_offer) = (found, offer);
                    break;
                }
                if offer.preferred_to(best_offer, &fungibility) {
                    (best, best_offer) = (found, offer);
                }
            } else if offer.chance > best_offer.chance {
                (best, best_offer) = (found, offer);
                if offer.chance == Chance::Fit {
                    search.complaints.clear();
                    return best;
                }
            }
        }
        if gates.flavor_fungibility {
            let is_last = tried == group.flavors.len() as i32 - 1;
            for flavor in best.values_mut() {
                flavor.tried = if is_last { -1 } else { tried };
            }
            if best_offer.chance == Chance::Fit {
                search.complaints.clear();
            }
        }
        best
    }

    fn first_flavor(&self, set: usize, resource: ResourceIx) -> usize {
        let tried = self.progress.and_then(|progress| progress.tried.get(set)?.get(&resource).copied());
        tried.map_or(0, |tried| (tried + 1).max(0) as usize)
    }

    fn is_not_nominated(&self, search: &GroupSearch<'_>, flavor: FlavorId) -> bool {
        let Some(nominated) = self.nominated else { return false };
        let names = search.members.iter().map(|index| &self.workload.pod_sets[*index].name);
        !names.into_iter().any(|name| {
            let set = nominated.iter().find(|(other, _)| other == name);
            set.is_some_and(|(_, flavors)| flavors.get(&search.resource) == Some(&flavor))
        })
    }

    /// What a flavor offers for one resource.
    fn offer(
        &self,
        snapshot: &mut Snapshot<'_>,
        flavor: FlavorId,
        resource: ResourceIx,
        amount: i64,
        booked: &[(Fr, Amount)],
        oracle: &mut Oracle<'_>,
    ) -> (Offer, Option<Complaint>, Waiting) {
        let Some(pair) = snapshot.cache.names.known_pair(flavor, resource) else {
            let offer = Offer { chance: Chance::NoFit, level: 0 };
            return (offer, Some(Complaint::NotCovered(resource)), Waiting::NoMatchingFlavor);
        };
        let before = booked.iter().find(|(other, _)| *other == pair).map_or(Amount::ZERO, |(_, amount)| *amount);
        let wanted = before + Amount(amount);
        let books = &snapshot.books;
        let most = books.tree.potential(self.queue, pair);
        if wanted > most {
            let offer = Offer { chance: Chance::NoFit, level: 0 };
            return (offer, Some(Complaint::TooMuch(pair, wanted, most)), Waiting::ExceedsMaxQuota);
        }
        let (level, may_reclaim) = books.borrowing_level(self.queue, pair, wanted);
        let available = books.available(self.queue, pair);
        if wanted <= available {
            return (Offer { chance: Chance::Fit, level }, None, Waiting::Unsaid);
        }
        let complaint = Some(Complaint::Missing(pair, wanted - available));
        let nominal = books.tree.quota(self.queue, pair).nominal;
        let preemption = snapshot.queue(self.queue).preemption;
        let while_borrowing = preemption.borrow_within_cohort.is_some()
            || (snapshot.options.fair_sharing.is_some() && preemption.reclaim_within_cohort != Policy::Never);
        if nominal >= wanted || may_reclaim || while_borrowing {
            let (possibility, level) = oracle(snapshot, pair, wanted);
            let chance = match possibility {
                Possibility::NoCandidates => Chance::NoCandidates,
                Possibility::Preempt => Chance::Preempt,
                Possibility::Reclaim => Chance::Reclaim,
            };
            return (Offer { chance, level }, complaint, Waiting::Unsaid);
        }
        (Offer { chance: Chance::NoFit, level }, complaint, Waiting::WaitingForQuota)
    }

    /// The gravest over pod sets and resource groups of the least grave among a group's flavors.
    fn why_no_fit(&self, snapshot: &Snapshot<'_>, assignment: &Assignment) -> Waiting {
        if assignment.mode() != Mode::NoFit {
            return Waiting::Unsaid;
        }
        let groups = &snapshot.queue(self.queue).groups;
        let mut overall = Waiting::Unsaid;
        for set in assignment.pod_sets.iter().filter(|set| set.mode() == Mode::NoFit) {
            if set.attempts.is_empty() {
                overall = overall.graver(Waiting::NoMatchingFlavor);
                continue;
            }
            let mut by_group: BTreeMap<usize, Waiting> = BTreeMap::new();
            for (flavor, attempt) in set.attempts.iter().filter(|(_, attempt)| attempt.mode == Mode::NoFit) {
                for index in (0..groups.len()).filter(|index| groups[*index].flavors.contains(flavor)) {
                    let least = by_group.entry(index).or_insert(attempt.waiting);
                    if attempt.waiting.severity() < least.severity() {
                        *least = attempt.waiting;
                    }
                }
            }
            overall = by_group.into_values().fold(overall, Waiting::graver);
        }
        overall
    }
}

struct GroupSearch<'g> {
    /// Indices of the pod sets.
    members: &'g [usize],
    /// The resource for which the group is searched.
    resource: ResourceIx,
    requests: Vec<(ResourceIx, i64)>,
    /// What pod sets before take.
    booked: &'g [(Fr, Amount)],
    complaints: Vec<Complaint>,
    attempts: Vec<(FlavorId, Attempt)>,
}

/// Pod sets by their group, in order of the first of each.
fn pod_set_groups(sets: &[PodSet], count: usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<(Option<&Arc<str>>, Vec<usize>)> = Vec::new();
    for index in 0..count {
        let name = sets.get(index).and_then(|set| set.group.as_ref());
        match groups.iter_mut().find(|(other, _)| name.is_some() && *other == name) {
            Some((_, members)) => members.push(index),
            None => groups.push((name, vec![index])),
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

/// Keeps the worst of each flavor; a flavor that was tried for another resource of the group but not for this one does
/// not match.
fn merge_attempts(all: &mut BTreeMap<FlavorId, Attempt>, new: &[(FlavorId, Attempt)], group: &Group) {
    for (flavor, attempt) in new {
        let entry = all.entry(*flavor).or_insert_with(|| attempt.clone());
        entry.mode = entry.mode.min(attempt.mode);
        entry.waiting = entry.waiting.graver(attempt.waiting);
    }
    if new.is_empty() {
        return;
    }
    for (flavor, attempt) in all.iter_mut() {
        if group.flavors.contains(flavor) && !new.iter().any(|(other, _)| other == flavor) {
            *attempt = Attempt { mode: Mode::NoFit, waiting: Waiting::NoMatchingFlavor };
        }
    }
}
