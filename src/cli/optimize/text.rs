//! What a search found, in words.

use crate::check::Unit;
use crate::compare::count_of;
use crate::optimize::{AtEnd, ConditionFigure, Entrant, Found, seeds_of};
use crate::report::table::columns;

/// The answer, the best and the front, what binds, and what it took.
pub fn table(found: &Found) -> String {
    let unit = Unit::of(&found.metric);
    let mut header = vec![String::new(), "configuration".to_owned(), found.metric.clone(), "seeds".to_owned()];
    let conditions = found.ranking.first().map(|entrant| &entrant.figures).into_iter().flatten();
    header.extend(conditions.map(|figure| figure.condition.clone()));
    let row = |mark: &str, entrant: &Entrant| {
        let objective = entrant.objective.map_or("null".to_owned(), |objective| unit.show(objective));
        let mut row = vec![mark.to_owned(), entrant.label.clone(), objective, entrant.seeds.to_string()];
        row.extend(entrant.figures.iter().map(|figure| condition(entrant, figure)));
        row
    };
    let mut rows: Vec<Vec<String>> = found
        .ranking
        .iter()
        .enumerate()
        .map(|(rank, entrant)| row(if rank == 0 && entrant.holds { "best" } else { "" }, entrant))
        .collect();
    let is_told = |entrant: &Entrant| found.ranking.iter().any(|other| other.configuration == entrant.configuration);
    rows.extend(found.front.iter().filter(|entrant| !is_told(entrant)).take(5).map(|entrant| row("front", entrant)));
    let mut text = format!("{}\n\n{}", found.answer, columns(&header, &rows, 2));
    lines(found).iter().for_each(|line| text += &format!("{line}\n"));
    text
}

/// The figure of a condition: `5 m 55 s`, with where it is broken.
pub fn condition(entrant: &Entrant, figure: &ConditionFigure) -> String {
    let value = figure.mean.map_or("null".to_owned(), |mean| Unit::of(&figure.condition).show(mean));
    let broken = if figure.holds { "" } else { " ✗" };
    match figure.holding_seeds {
        all if all == entrant.seeds || !figure.holds => format!("{value}{broken}"),
        some => format!("{value} (in {some} of {})", seeds_of(entrant.seeds)),
    }
}

/// How sure it is, what binds, what stands at an end of its range, and what it took.
pub fn lines(found: &Found) -> Vec<String> {
    let unit = Unit::of(&found.metric);
    let mut lines = Vec::new();
    if let Some(runner_up) = &found.runner_up
        && let [Some(low), Some(high)] = runner_up.interval
    {
        lines.push(format!(
            "next less best: {} (95 % interval {} to {}, {}, paired)",
            unit.show(runner_up.difference),
            unit.show(low),
            unit.show(high),
            seeds_of(runner_up.pairs)
        ));
    }
    if let Some(binding) = &found.binding {
        let at = binding
            .mean
            .map(|mean| format!(" (the best has {})", Unit::of(&binding.condition).show(mean)))
            .unwrap_or_default();
        let without = binding.without.as_ref().and_then(|entrant| {
            let objective = unit.show(entrant.objective?);
            Some(format!("; without it {} would do: {objective}", entrant.label))
        });
        lines.push(format!("what binds: {}{at}{}", binding.condition, without.unwrap_or_default()));
    }
    for AtEnd { parameter, value, end } in &found.at_ends {
        lines.push(format!(
            "note: the best has the {end} {parameter} of the space, {value}; a wider range may hold a better one"
        ));
    }
    let worth = if found.runs as f64 == found.runs_equivalent {
        String::new()
    } else {
        format!(" (worth {:.0} whole ones)", found.runs_equivalent)
    };
    let which = match found.is_exhaustive {
        true => format!("all {} configurations", found.configurations),
        false => format!("{} of {} configurations", found.configurations_run, found.configurations),
    };
    lines.push(format!(
        "{}{worth}; {which}; all would take {}",
        count_of(found.runs as u64, "run"),
        count_of(found.runs_of_all as u64, "run")
    ));
    if found.invalid > 0 {
        let (are, were) =
            if found.invalid == 1 { ("is no valid scenario", "was") } else { ("are no valid scenarios", "were") };
        lines.push(format!("{} {are} and {were} passed over", count_of(found.invalid as u64, "configuration")));
    }
    lines
}
