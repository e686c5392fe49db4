//! An expectation that can be judged: its names are known, its bounds are numbers.

use super::amount::{self, Unit};
use super::condition;
use super::figure_names::FigureNames;
use super::series::{self, Function};
use crate::scenario::alert_matchers;
use crate::scenario::diagnostic::suggestion;
use crate::scenario::spec::{Amount, DecisionRule, ExpectationSpec, LongExpectation};
use crate::sim::Controller;
use crate::units::{SimDuration, written};

/// What is wrong with an expectation as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    pub message: String,
    pub hint: Option<String>,
}

impl Misread {
    fn new(message: impl Into<String>) -> Misread {
        Misread { message: message.into(), hint: None }
    }
}

/// What an expectation is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A number of `summary.json`, by its keys.
    Figure {
        name: String,
        path: Vec<String>,
    },
    /// A column of `timeseries.csv`.
    Series {
        function: Function,
        column: String,
        at: Option<SimDuration>,
        lasting: Option<SimDuration>,
    },
    Decisions(Box<DecisionRule>),
    /// How often an alert began to fire with labels that fit these matchers.
    Alert {
        name: String,
        matchers: String,
    },
}

/// How a figure is held against its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equals,
}

/// One side of what is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub comparison: Comparison,
    pub value: f64,
    /// Of [`Comparison::Equals`].
    pub slack: f64,
    pub written: String,
}

impl Bound {
    pub fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Below => value < self.value,
            Comparison::AtMost => value <= self.value,
            Comparison::Above => value > self.value,
            Comparison::AtLeast => value >= self.value,
            Comparison::Equals => (value - self.value).abs() <= self.slack,
        }
    }

    pub fn is_upper(&self) -> bool {
        matches!(self.comparison, Comparison::Below | Comparison::AtMost)
    }

    fn text(&self, slack: Option<&Amount>) -> String {
        let sign = match self.comparison {
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Equals => "==",
        };
        let slack = slack.filter(|_| self.comparison == Comparison::Equals);
        let slack = slack.map(|slack| format!(" within {slack}")).unwrap_or_default();
        format!("{sign} {}{slack}", self.written)
    }
}

/// In how many seeds an expectation must hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InSeeds {
    All,
    Count(u32),
    Fraction(f64),
}

/// See the module's description.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// As reports call it.
    pub name: String,
    pub subject: Subject,
    pub unit: Unit,
    /// All must hold. Empty where only a baseline bounds it.
    pub bounds: Vec<Bound>,
    /// How far from the baseline, as a fraction of it.
    pub of_baseline: Option<f64>,
    pub in_seeds: InSeeds,
    /// Where it stands.
    pub file: String,
    /// From 1; 0 where it stands in no file.
    pub line: usize,
}

impl Expectation {
    /// Reads an expectation and looks its names up.
    ///
    /// # Errors
    /// A name that no run can have, a bound that is none, or fields that don't go together.
    pub fn compile(spec: &ExpectationSpec) -> Result<Expectation, Misread> {
        let long = match spec {
            ExpectationSpec::Short(text) => condition::read(text).map_err(Misread::new)?,
            ExpectationSpec::Long(long) => (**long).clone(),
        };
        let (subject, subject_text) = subject(&long)?;
        let unit = match &subject {
            Subject::Figure { name, .. } => Unit::of(name),
            Subject::Series { column, .. } => Unit::of(column),
            Subject::Decisions(_) | Subject::Alert { .. } => Unit::Plain,
        };
        let bounds = bounds(&long, unit)?;
        let of_baseline = of_baseline(&long)?;
        if bounds.is_empty() && of_baseline.is_none() {
            let mut misread = Misread::new(format!("the expectation on {subject_text} has no bound"));
            misread.hint =
                Some("give it `max`, `min`, `below`, `above` or `equals`; or `within` of a baseline".to_owned());
            return Err(misread);
        }
        let in_seeds = in_seeds(long.in_seeds.as_ref())?;
        if bounds.is_empty() && long.in_seeds.is_some() {
            let mut misread = Misread::new("`inSeeds` says nothing beside `within` of a baseline alone");
            misread.hint = Some("all seeds together are held against the baseline; leave `inSeeds` out".to_owned());
            return Err(misread);
        }
        let name = long.name.clone().unwrap_or_else(|| match spec {
            ExpectationSpec::Short(text) => text.trim().to_owned(),
            ExpectationSpec::Long(_) => {
                let slack = long.within.as_ref();
                let mut parts: Vec<String> = bounds.iter().map(|bound| bound.text(slack)).collect();
                parts.extend(of_baseline.and(slack).map(|within| format!("within {within} of the baseline")));
                let at = long.at.map(|at| format!(" at {}", written(at))).unwrap_or_default();
                let lasting = long.lasting.map(|lasting| format!(" for {}", written(lasting))).unwrap_or_default();
                format!("{subject_text} {}{at}{lasting}", parts.join(" and "))
            }
        });
        let name = one_line(&name);
        if name.trim().is_empty() {
            return Err(Misread::new("the `name` is blank"));
        }
        Ok(Expectation { name, subject, unit, bounds, of_baseline, in_seeds, file: String::new(), line: 0 })
    }
}

/// A name in one line: a break in it would begin a line of its own in a log, which some read as a command.
pub fn one_line(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

impl Expectation {
    /// Whether both ask the same, wherever they stand.
    pub fn says_as(&self, other: &Expectation) -> bool {
        let own = Expectation { file: other.file.clone(), line: other.line, ..self.clone() };
        own == *other
    }
}

fn subject(long: &LongExpectation) -> Result<(Subject, String), Misread> {
    if let Some(rule) = &long.decisions {
        if long.metric.is_some() {
            return Err(Misread::new("an expectation has a `metric` or `decisions`, and not both"));
        }
        if long.at.is_some() || long.lasting.is_some() {
            return Err(Misread::new(
                "`at` and `for` judge a column of timeseries.csv; decisions are counted `per` a time",
            ));
        }
        check_rule(rule)?;
        return Ok((Subject::Decisions(Box::new(rule.clone())), rule_text(rule)));
    }
    let Some(metric) = long.metric.as_deref() else {
        return Err(Misread::new("an expectation needs a `metric`, or `decisions`"));
    };
    let series = |function, column: &str| {
        let (at, lasting) = (long.at, long.lasting);
        if function != Function::Every && (at.is_some() || lasting.is_some()) {
            return Err(Misread::new(format!("`at` and `for` go with a plain column, not with {metric}")));
        }
        if lasting.is_some_and(|lasting| lasting <= SimDuration::ZERO) {
            return Err(Misread::new("`for` needs a duration above 0s"));
        }
        Ok((Subject::Series { function, column: column.to_owned(), at, lasting }, metric.to_owned()))
    };
    if let Some((function, column)) = series::call(metric) {
        return if series::is_column(column) { series(function, column) } else { Err(unknown(column, true)) };
    }
    if let Some((name, "")) = condition::called(metric) {
        let (name, matchers) = name.split_once('{').unwrap_or((name, "}"));
        let Some(matchers) = matchers.trim().strip_suffix('}').filter(|matchers| alert_matchers(matchers).is_some())
        else {
            let mut misread = Misread::new(format!("the labels of `{metric}` can't be read"));
            misread.hint = Some("write them as in a query: alert(NAME{namespace=\"a\", pod=~\"web-.+\"})".to_owned());
            return Err(misread);
        };
        if long.at.is_some() || long.lasting.is_some() {
            return Err(Misread::new(format!("{metric} is counted over the whole run, without `at` and `for`")));
        }
        let (name, matchers) = (name.trim().to_owned(), matchers.to_owned());
        return Ok((Subject::Alert { name, matchers }, metric.to_owned()));
    }
    if let Some((name, _)) = metric.split_once('(') {
        let mut misread = Misread::new(format!("unknown function `{name}` in `{metric}`"));
        misread.hint = suggestion(name, &series::FUNCTION_NAMES);
        return Err(misread);
    }
    if let Some(path) = FigureNames::of_summary().path(metric) {
        if long.at.is_some() || long.lasting.is_some() {
            let message =
                format!("{metric} is one figure of the whole run; `at` and `for` need a column of timeseries.csv");
            return Err(Misread::new(message));
        }
        return Ok((Subject::Figure { name: metric.to_owned(), path }, metric.to_owned()));
    }
    if series::is_column(metric) { series(Function::Every, metric) } else { Err(unknown(metric, false)) }
}

fn unknown(name: &str, is_column: bool) -> Misread {
    let mut known: Vec<String> = series::fixed_columns().map(str::to_owned).collect();
    known.extend(series::named_columns().map(|column| format!("{column}.NAME")));
    if !is_column {
        known.splice(0..0, FigureNames::of_summary().all());
    }
    let hint = suggestion(name, &known.iter().map(String::as_str).collect::<Vec<_>>());
    let message = if is_column { format!("unknown column `{name}`") } else { format!("unknown metric `{name}`") };
    Misread { message, hint }
}

fn check_rule(rule: &DecisionRule) -> Result<(), Misread> {
    let known: Vec<&str> = Controller::ALL.iter().map(|controller| controller.name()).collect();
    if let Some(controller) = rule.controller.as_deref().filter(|name| !name.contains('*') && !known.contains(name)) {
        let mut misread = Misread::new(format!("unknown controller `{controller}`"));
        misread.hint = suggestion(controller, &known);
        return Err(misread);
    }
    if rule.per.is_some_and(|per| per <= SimDuration::ZERO) {
        return Err(Misread::new("`per` needs a duration above 0s"));
    }
    Ok(())
}

fn rule_text(rule: &DecisionRule) -> String {
    let mut text = match rule.count {
        crate::scenario::spec::Counted::Decisions => "decisions".to_owned(),
        crate::scenario::spec::Counted::DirectionChanges => "direction changes".to_owned(),
    };
    for (word, value) in [("by", &rule.controller), ("on", &rule.object), ("to", &rule.to)] {
        if let Some(value) = value {
            text += &format!(" {word} {value}");
        }
    }
    if rule.per_object {
        text += " per object";
    }
    if let Some(per) = rule.per {
        text += &format!(" in {}", written(per));
    }
    text
}

fn bounds(long: &LongExpectation, unit: Unit) -> Result<Vec<Bound>, Misread> {
    let written = [
        (Comparison::AtLeast, &long.min),
        (Comparison::AtMost, &long.max),
        (Comparison::Above, &long.above),
        (Comparison::Below, &long.below),
        (Comparison::Equals, &long.equals),
    ];
    let mut bounds = Vec::new();
    for (comparison, amount) in written {
        let Some(amount) = amount else { continue };
        let value = amount::read(amount, unit).map_err(Misread::new)?;
        let slack = match (&long.within, comparison) {
            (Some(within), Comparison::Equals) => match amount::percentage(within) {
                Some(fraction) => fraction.abs() * value.abs(),
                None => amount::read(within, unit).map_err(Misread::new)?,
            },
            _ => 0.0,
        };
        if slack < 0.0 {
            return Err(Misread::new("`within` can't be negative"));
        }
        bounds.push(Bound { comparison, value, slack, written: amount.to_string() });
    }
    Ok(bounds)
}

/// `within` without `equals` is about the baseline.
fn of_baseline(long: &LongExpectation) -> Result<Option<f64>, Misread> {
    let Some(within) = long.within.as_ref().filter(|_| long.equals.is_none()) else { return Ok(None) };
    match amount::percentage(within) {
        Some(fraction) if fraction > 0.0 => Ok(Some(fraction)),
        _ => Err(Misread::new(format!("`within: {within}` of a baseline must be a percentage above 0, such as 5%"))),
    }
}

fn in_seeds(amount: Option<&Amount>) -> Result<InSeeds, Misread> {
    let Some(amount) = amount else { return Ok(InSeeds::All) };
    if let Some(fraction) = amount::percentage(amount) {
        return match fraction {
            fraction if (0.0..=1.0).contains(&fraction) => Ok(InSeeds::Fraction(fraction)),
            _ => Err(Misread::new(format!("`inSeeds: {amount}` is not between 0% and 100%"))),
        };
    }
    match amount::read(amount, Unit::Plain) {
        Ok(count) if count >= 1.0 && count == count.trunc() && count <= 1e6 => Ok(InSeeds::Count(count as u32)),
        _ => Err(Misread::new(format!("`inSeeds: {amount}` must be a whole number of seeds, or a percentage"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Expectation, Misread> {
        Expectation::compile(&ExpectationSpec::Short(text.to_owned()))
    }

    #[test]
    fn a_figure_a_column_and_a_function_are_told_apart() {
        let figure = compile("pod_wait_seconds.p99 < 3m").unwrap();
        assert!(matches!(figure.subject, Subject::Figure { .. }));
        assert_eq!((figure.bounds[0].value, figure.unit), (180.0, Unit::Seconds));
        let every = compile("pods_pending < 50 for 10m").unwrap();
        assert!(matches!(every.subject, Subject::Series { function: Function::Every, lasting: Some(_), .. }));
        let highest = compile("max_over_time(nodes.general) <= 5").unwrap();
        assert!(matches!(highest.subject, Subject::Series { function: Function::Max, .. }));
    }

    #[test]
    fn an_unknown_name_comes_back_with_the_nearest() {
        for (text, near) in [
            ("pod_wait_secnds.p99 < 3", "pod_wait_seconds.p99"),
            ("pods_pendng < 3", "pods_pending"),
            ("max_over_time(pods_pendin) < 3", "pods_pending"),
            ("max_over_tme(pods_pending) < 3", "max_over_time"),
        ] {
            let misread = compile(text).unwrap_err();
            assert!(misread.hint.as_deref().is_some_and(|hint| hint.contains(near)), "{text}: {misread:?}");
        }
    }

    #[test]
    fn fields_that_do_not_go_together_are_refused() {
        assert!(compile("cost.total_usd < 5 at 6h").unwrap_err().message.contains("one figure of the whole run"));
        assert!(compile("max_over_time(nodes) < 5 for 10m").unwrap_err().message.contains("plain column"));
        let unbounded = LongExpectation { metric: Some("nodes.peak".to_owned()), ..LongExpectation::default() };
        let misread = Expectation::compile(&ExpectationSpec::Long(Box::new(unbounded))).unwrap_err();
        assert!(misread.message.contains("no bound"));
        let named = |name: &str| LongExpectation {
            metric: Some("nodes.peak".to_owned()),
            max: Some(Amount::Number(3.0)),
            name: Some(name.to_owned()),
            ..LongExpectation::default()
        };
        let compile = |name: &str| Expectation::compile(&ExpectationSpec::Long(Box::new(named(name))));
        assert_eq!(compile("a\n::error::b\u{7}").unwrap().name, "a ::error::b ");
        assert!(compile(" \n").unwrap_err().message.contains("blank"));
    }

    #[test]
    fn equals_has_a_slack_and_a_baseline_a_margin() {
        let long = |equals: Option<f64>, within: &str| {
            Expectation::compile(&ExpectationSpec::Long(Box::new(LongExpectation {
                metric: Some("cost.total_usd".to_owned()),
                equals: equals.map(Amount::Number),
                within: Some(Amount::Text(within.to_owned())),
                ..LongExpectation::default()
            })))
        };
        let near = long(Some(10.0), "5%").unwrap();
        assert!(near.bounds[0].holds(10.5) && !near.bounds[0].holds(10.6) && near.of_baseline.is_none());
        assert_eq!(long(None, "5%").unwrap().of_baseline, Some(0.05));
        let idle = LongExpectation {
            metric: Some("cost.total_usd".to_owned()),
            within: Some(Amount::Text("5%".to_owned())),
            in_seeds: Some(Amount::Text("80%".to_owned())),
            ..LongExpectation::default()
        };
        let misread = Expectation::compile(&ExpectationSpec::Long(Box::new(idle))).unwrap_err();
        assert!(misread.message.contains("`inSeeds`") && misread.hint.is_some(), "{misread:?}");
        assert!(long(None, "5").is_err());
    }
}
