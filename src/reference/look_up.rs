//! A field by its path in the JSON Schema of scenarios, as `--set` writes paths.

use thiserror::Error;

use super::field::Field;
use super::schema::Schema;
use crate::scenario::diagnostic::suggestion;
use crate::scenario::spec;
use crate::scenario::spec::ScenarioDocument;
use crate::sweep::SweepFile;

/// What a path leads to.
pub struct Found {
    /// `Scenario`, or `Sweep`.
    pub kind: &'static str,
    /// As one would write it.
    pub path: String,
    pub field: Field,
}

/// A step that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", message(.at, .step, .hint.as_deref()))]
pub struct NoSuchField {
    pub at: String,
    pub step: String,
    pub hint: Option<String>,
}

fn message(at: &str, step: &str, hint: Option<&str>) -> String {
    let whose = if at.is_empty() { "a scenario".to_owned() } else { format!("`{at}`") };
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{whose} has no field `{step}`{hint}")
}

/// Follows `path` from the scenario's spec (or `metadata`, `apiVersion`, `kind`). Indexes and names of items may stand
/// in it or be left out: `nodeGroups.maxSize`, `nodeGroups[0].maxSize` and `nodeGroups.general.maxSize` are one field.
/// An empty path is the spec itself; one that begins with `sweep` is of a sweep file.
///
/// # Errors
/// The first step that leads nowhere, with the nearest name.
pub fn look_up(path: &str) -> Result<Found, NoSuchField> {
    let mut steps = steps(path);
    let is_sweep = steps.first().is_some_and(|step| step == "sweep");
    let schema = if is_sweep { Schema::of::<SweepFile>() } else { Schema::of::<ScenarioDocument>() };
    if is_sweep {
        steps.remove(0);
    }
    let whole = Field::of_document(&schema);
    if !matches!(steps.first().map(String::as_str), Some("spec" | "metadata" | "apiVersion" | "kind")) {
        steps.insert(0, "spec".to_owned());
    }
    let (mut at, mut field) = (String::new(), whole);
    let mut index = 0;
    while index < steps.len() {
        let step = &steps[index];
        let next = steps.get(index + 1);
        if let Some(child) = field.child(step) {
            field = child.clone();
        } else if field.takes_any_key || next.is_some_and(|next| field.is_list && field.child(next).is_some()) {
            // The name of an item, or a key of the user's own.
            index += 1;
            at = joined(&at, "NAME");
            continue;
        } else {
            let known: Vec<&str> = field.fields.iter().map(|field| field.name.as_str()).collect();
            return Err(NoSuchField { at, step: step.clone(), hint: suggestion(step, &known) });
        }
        at = if at.is_empty() && step == "spec" { String::new() } else { joined(&at, step) };
        index += 1;
    }
    let kind = if is_sweep { "Sweep" } else { spec::KIND };
    Ok(Found { kind, path: at, field })
}

fn joined(at: &str, step: &str) -> String {
    if at.is_empty() { step.to_owned() } else { format!("{at}.{step}") }
}

/// The names of a path; indexes are left out.
fn steps(path: &str) -> Vec<String> {
    let parts = path.split(['.', '[', ']']).map(str::trim);
    let is_name = |part: &&str| !part.is_empty() && part.parse::<usize>().is_err();
    parts.filter(is_name).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_any_way_to_write_its_path() {
        for path in ["nodeGroups.maxSize", "spec.nodeGroups[0].maxSize", "nodeGroups.general.maxSize"] {
            let found = look_up(path).unwrap();
            assert_eq!((found.field.name.as_str(), found.field.kind.as_str()), ("maxSize", "integer"), "{path}");
        }
        let provisioning = look_up("nodeGroups.provisioning").unwrap().field;
        assert!(provisioning.kind.contains("duration"), "{}", provisioning.kind);
        assert!(provisioning.child("logNormal").is_some());
        assert_eq!(look_up("").unwrap().field.child("duration").unwrap().kind, "duration");
        assert!(look_up("load.cpu.diurnal.peakAt").is_ok());
        assert_eq!(look_up("sweep.parameters.path").unwrap().kind, "Sweep");
        assert!(look_up("nodeGroups.labels.anything").is_ok(), "keys of a mapping are the user's");
    }

    #[test]
    fn a_wrong_step_comes_with_the_nearest_name() {
        let wrong = look_up("nodeGroups.provisionin").err().unwrap().to_string();
        assert_eq!(wrong, "`nodeGroups` has no field `provisionin`; did you mean `provisioning`?");
        let wrong = look_up("nodGroups").err().unwrap().to_string();
        assert!(wrong.starts_with("a scenario has no field `nodGroups`; did you mean `nodeGroups`?"), "{wrong}");
    }
}
