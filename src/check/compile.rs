//! All expectations of a scenario, read before it runs; mistakes come with their place.

use super::decisions::is_about;
use super::expectation::{Expectation, Misread, Subject, one_line};
use super::figure_names::FigureNames;
use crate::record::HpaLimits;
use crate::record::columns::{HPA, HPA_METRIC, NODE_GROUP, SERVICE, WORKLOAD};
use crate::scenario::diagnostic::{Diagnostic, Place, suggestion};
use crate::scenario::{Expected, Scenario, WorkloadKind};
use crate::units::nearest;

/// One set of runs and what must hold of them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The test's name; `None` for the scenario as it is.
    pub test: Option<String>,
    /// Overrides of the test, `path=value`.
    pub overrides: Vec<String>,
    /// Where these stand.
    pub place: Option<Place>,
    pub seeds: Option<u32>,
    pub expectations: Vec<Expectation>,
}

/// The scenario's own expectations, then its tests'. What has nothing to judge is left out.
///
/// # Errors
/// Every expectation that can't be judged.
pub fn plans(scenario: &Scenario) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    let keys = Keys::of(scenario);
    let own = compile(&scenario.expectations, &keys, &mut mistakes);
    let mut plans =
        vec![Plan { test: None, overrides: Vec::new(), place: None, seeds: None, expectations: own.clone() }];
    for test in &scenario.tests {
        let of_test = compile(&test.expectations, &keys, &mut mistakes);
        // What a test says again is judged once, as the test has it.
        let is_said_again = |own: &Expectation| of_test.iter().any(|other| other.says_as(own));
        let mut expectations: Vec<Expectation> = own.iter().filter(|own| !is_said_again(own)).cloned().collect();
        expectations.extend(of_test);
        let overrides = test.spec.set.iter().map(|(path, value)| format!("{path}={value}")).collect();
        plans.push(Plan {
            test: Some(one_line(&test.spec.name)),
            overrides,
            place: Some(test.place.clone()),
            seeds: test.spec.seeds,
            expectations,
        });
    }
    plans.retain(|plan| !plan.expectations.is_empty());
    if mistakes.is_empty() { Ok(plans) } else { Err(mistakes) }
}

fn compile(expected: &[Expected], keys: &Keys, mistakes: &mut Vec<Diagnostic>) -> Vec<Expectation> {
    let mut compiled = Vec::new();
    for Expected { spec, place } in expected {
        match Expectation::compile(spec).and_then(|expectation| keys.check(expectation)) {
            Ok(expectation) => {
                let (line, _) = place.line_and_column();
                compiled.push(Expectation { line, file: place.source.name.clone(), ..expectation });
            }
            Err(misread) => {
                let diagnostic = Diagnostic::error(place, misread.message);
                mistakes.push(match misread.hint {
                    Some(hint) => diagnostic.hint(hint),
                    None => diagnostic,
                });
            }
        }
    }
    compiled
}

/// Names of the scenario's own that the summary has keys of.
struct Keys {
    workloads: Vec<String>,
    node_groups: Vec<String>,
    services: Vec<String>,
    /// Who can stand in the way of a node's removal or of a pod.
    accounts: Vec<String>,
    /// Workloads with an HPA.
    scaled: Vec<String>,
    /// What stands behind the dot in columns of `timeseries.csv`.
    replicated: Vec<String>,
    own_groups: Vec<String>,
    /// Alerting rules.
    alerts: Vec<String>,
    hpas: Vec<String>,
    hpa_metrics: Vec<String>,
    /// What decisions may be about and has a name before the run.
    objects: Vec<String>,
}

/// Kinds of what decisions are about: whether its names are known before the run, and whether it has a namespace.
const KINDS: [(&str, bool, bool); 10] = [
    ("hpa", true, true),
    ("nodegroup", true, false),
    ("nodepool", true, false),
    ("deployment", true, true),
    ("statefulset", true, true),
    ("daemonset", true, true),
    ("job", true, true),
    ("replicaset", false, true),
    ("pod", false, true),
    ("node", false, false),
];
/// Of Karpenter's nodes.
const NODE_CLAIM: &str = "nodeclaim";

impl Keys {
    fn of(scenario: &Scenario) -> Keys {
        let keys = scenario.workload_keys();
        let hpas = HpaLimits::of(scenario);
        let group = scenario.node_groups.iter().map(|group| group.name.to_string());
        let workloads = keys.iter().map(|key| key.to_string());
        Keys {
            accounts: workloads.chain(group.clone()).chain(["fixed".to_owned(), "cluster".to_owned()]).collect(),
            scaled: scenario.hpas.iter().map(|hpa| keys[hpa.target.index()].to_string()).collect(),
            workloads: keys.iter().map(|key| key.to_string()).chain(["__idle__".to_owned()]).collect(),
            node_groups: group.chain(["fixed".to_owned()]).collect(),
            services: scenario.loads.iter().map(|load| keys[load.target.index()].to_string()).collect(),
            replicated: scenario
                .workloads
                .iter()
                .zip(&keys)
                .filter(|(workload, _)| matches!(workload.kind, WorkloadKind::Replicated { .. }))
                .map(|(_, key)| key.to_string())
                .collect(),
            objects: hpas
                .iter()
                .map(|hpa| format!("hpa/{}", hpa.name))
                .chain(scenario.node_groups.iter().map(|group| {
                    let kind = if group.is_node_pool { "nodepool" } else { "nodegroup" };
                    format!("{kind}/{}", group.name)
                }))
                .chain(
                    scenario.workloads.iter().map(|workload| {
                        format!("{}/{}/{}", scenario.kind_of(workload), workload.namespace, workload.name)
                    }),
                )
                .collect(),
            own_groups: scenario.node_groups.iter().map(|group| group.name.to_string()).collect(),
            alerts: scenario
                .monitoring
                .iter()
                .flat_map(|monitoring| monitoring.groups.iter())
                .flat_map(|group| &group.rules)
                .filter(|rule| rule.is_alert())
                .map(|rule| rule.name().to_owned())
                .collect(),
            hpas: hpas.iter().map(|hpa| hpa.name.to_string()).collect(),
            hpa_metrics: hpas.iter().flat_map(|hpa| &hpa.metrics).map(|metric| metric.name.to_string()).collect(),
        }
    }

    /// A figure of a workload, node group or service that the scenario does not have could never be judged.
    fn check(&self, expectation: Expectation) -> Result<Expectation, Misread> {
        let path = match &expectation.subject {
            Subject::Figure { path, .. } => path,
            Subject::Series { column, .. } => return self.check_column(column).map(|()| expectation),
            Subject::Alert { name, .. } => {
                return if self.alerts.contains(name) { Ok(expectation) } else { Err(self.no_alert(name)) };
            }
            Subject::Decisions(rule) => return self.check_object(rule.object.as_deref()).map(|()| expectation),
        };
        let (above, key, known) = match &path[..] {
            [cost, by, key, ..] if cost == "cost" && by == "by_workload" => ("cost.by_workload", key, &self.workloads),
            [cost, by, key, ..] if cost == "cost" && by == "by_node_group" => {
                ("cost.by_node_group", key, &self.node_groups)
            }
            [services, key, ..] if services == "services" => ("services", key, &self.services),
            [alerts, key, ..] if alerts == "alerts" => {
                return if self.alerts.contains(key) { Ok(expectation) } else { Err(self.no_alert(key)) };
            }
            [explain, _, _, by, key] if explain == "explain" && by == "by" => {
                ("the accounts of `explain`", key, &self.accounts)
            }
            [explain, at_max, key] if explain == "explain" && at_max == "at_max_replicas_seconds" => {
                ("explain.at_max_replicas_seconds", key, &self.scaled)
            }
            _ => return Ok(expectation),
        };
        if known.contains(key) { Ok(expectation) } else { Err(names_nothing(key, above, known)) }
    }

    fn no_alert(&self, name: &str) -> Misread {
        let mut misread = names_nothing(name, "the alerts of the scenario's rules", &self.alerts);
        if self.alerts.is_empty() {
            misread.hint = Some("name files of rules: `monitoring: {rules: [FILE…]}`".to_owned());
        }
        misread
    }

    /// Decisions about what the scenario does not have would be none, whatever happens.
    fn check_object(&self, pattern: Option<&str>) -> Result<(), Misread> {
        let Some(pattern) = pattern else { return Ok(()) };
        let kind = pattern.split('/').next().unwrap_or_default();
        if kind.contains('*') || kind == NODE_CLAIM {
            return Ok(());
        }
        let Some((_, is_known, has_namespace)) = KINDS.iter().find(|(known, ..)| *known == kind) else {
            let known: Vec<&str> = KINDS.iter().map(|(kind, ..)| *kind).chain([NODE_CLAIM]).collect();
            let message = format!("no decision is about a `{kind}`, as the object `{pattern}` has it");
            return Err(Misread { message, hint: suggestion(kind, &known) });
        };
        let is_there = match is_known {
            true => self.objects.iter().any(|object| is_about(pattern, object)),
            // Named as they come; but a form that none of them has fits none.
            false => {
                pattern.contains('*') || (1..=1 + usize::from(*has_namespace)).contains(&pattern.matches('/').count())
            }
        };
        if is_there {
            return Ok(());
        }
        let name = pattern.split_once('/').map_or("", |(_, name)| name);
        let own: Vec<&str> =
            self.objects.iter().map(String::as_str).filter(|object| object.starts_with(&format!("{kind}/"))).collect();
        let in_default = format!("{kind}/default/{name}");
        let near = nearest(pattern, own.iter().copied()).or_else(|| nearest(&in_default, own.iter().copied()));
        let form = if *has_namespace { "NAMESPACE/NAME" } else { "NAME" };
        let hint = match (is_known, near) {
            (true, Some(near)) => format!("did you mean `{near}`?"),
            _ => format!("write {kind}/{form}; `*` stands for any text"),
        };
        Err(Misread { message: format!("the object `{pattern}` is none of this scenario"), hint: Some(hint) })
    }

    /// A column that the table of this scenario's runs can't have could never be judged either.
    fn check_column(&self, column: &str) -> Result<(), Misread> {
        let Some((base, key)) = column.split_once('.') else { return Ok(()) };
        let (above, known) = match base {
            base if NODE_GROUP.iter().any(|column| column.name == base) => ("node groups", &self.own_groups),
            base if WORKLOAD.iter().any(|column| column.name == base) => ("replicated workloads", &self.replicated),
            base if SERVICE.iter().any(|column| column.name == base) => ("loads", &self.services),
            base if HPA.iter().any(|column| column.name == base) => ("HPAs", &self.hpas),
            base if HPA_METRIC.iter().any(|column| column.name == base) => ("metrics of HPAs", &self.hpa_metrics),
            _ => return Ok(()),
        };
        if known.iter().any(|known| known == key) {
            return Ok(());
        }
        // `nodes.peek` is rather a figure that was misspelt.
        let figures: Vec<String> = FigureNames::of_summary().all().collect();
        let is_near = nearest(key, known.iter().map(String::as_str)).is_some();
        let hint = match nearest(column, figures.iter().map(String::as_str)).filter(|_| !is_near) {
            Some(figure) => Some(format!("did you mean `{figure}`?")),
            None => names_nothing(key, above, known).hint,
        };
        Err(Misread { message: format!("`{key}` of the column `{column}` is none of the scenario's {above}"), hint })
    }
}

fn names_nothing(key: &str, above: &str, known: &[String]) -> Misread {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let in_default = format!("default/{key}");
    // Of workloads that share a name each has its kind before it.
    let with_kind = known.iter().copied().find(|one| one.strip_suffix(key).is_some_and(|kind| kind.ends_with('/')));
    let near = with_kind
        .or_else(|| nearest(key, known.iter().copied()))
        .or_else(|| nearest(&in_default, known.iter().copied()));
    let hint = suggestion(near.unwrap_or(key), &known);
    Misread { message: format!("`{key}` names nothing in `{above}`"), hint }
}
