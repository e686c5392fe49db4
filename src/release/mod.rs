//! Which Kubernetes the controllers are: a minor version and the feature gates that somebody set.
//!
//! Each controller keeps one table of what upstream changed in it (`versions.rs` in its room, made by `versioned!`); a
//! [`Release`] is read into that table's flags once, where options are read, and code asks only the flags.

mod change;
mod gate;
mod version;

use std::collections::BTreeMap;

pub use change::Change;
pub(crate) use change::versioned;
pub use gate::Gate;
pub use version::Version;

use crate::units::did_you_mean;

/// The release of the control plane; by default the newest version with its own gates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    version: Version,
    /// As somebody set them; each is one of this version's.
    gates: BTreeMap<String, bool>,
}

/// Why there is no such release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseError {
    /// `kubernetesVersion`, or `featureGates.NAME`.
    pub field: String,
    pub problem: String,
    pub hint: String,
}

/// Gates that stand for all of a stage.
const ALL_ALPHA: &str = "AllAlpha";
const ALL_BETA: &str = "AllBeta";

impl Release {
    /// A version as `kubectl version` prints it (`1.36`, `v1.36.2`), and gates by name.
    pub fn new(version: Option<&str>, gates: &BTreeMap<String, bool>) -> Result<Release, ReleaseError> {
        let version = match version {
            None => Version::default(),
            Some(text) => Version::parse(text).ok_or_else(|| ReleaseError {
                field: "kubernetesVersion".to_owned(),
                problem: format!("{text:?} is not one of {} to {}", Version::OLDEST, Version::NEWEST),
                hint: format!(
                    "older ones are not told apart from {}; {} is not released and has what is known of it",
                    Version::OLDEST,
                    Version::NEXT,
                ),
            })?,
        };
        for (name, on) in gates {
            check(version, name, *on).map_err(|(problem, hint)| ReleaseError {
                field: format!("featureGates.{name}"),
                problem,
                hint,
            })?;
        }
        Ok(Release { version, gates: gates.clone() })
    }

    /// Whether a gate is on: as it was set, else by its stage where that was, else as the version has it. Off where the
    /// version has no such gate.
    pub fn gate(&self, name: &str) -> bool {
        if let Some(set) = self.gates.get(name) {
            return *set;
        }
        let Some(gate) = Gate::of(name, self.version) else { return false };
        if gate.is_locked {
            return gate.is_on;
        }
        let by_stage = match gate.stage {
            "alpha" => self.gates.get(ALL_ALPHA),
            "beta" => self.gates.get(ALL_BETA),
            _ => None,
        };
        by_stage.copied().unwrap_or(gate.is_on)
    }

    /// Whether the controllers of this release behave as after the change.
    pub fn has(&self, change: &Change) -> bool {
        self.version >= change.since && change.gate.is_none_or(|gate| self.gate(gate))
    }

    /// Gates that were set to what their version has not by default, and that none of the tables knows: nothing here
    /// follows them.
    pub fn not_modelled(&self, tables: &[&[Change]]) -> Vec<&str> {
        let modelled = |name: &str| tables.iter().copied().flatten().any(|change| change.gate == Some(name));
        let differs = |(name, on): &(&String, &bool)| {
            Gate::of(name, self.version).is_none_or(|gate| gate.is_on != **on) && !modelled(name)
        };
        self.gates.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
    }
}

/// What is wrong with a gate in this version, and what to do about it.
fn check(version: Version, name: &str, on: bool) -> Result<(), (String, String)> {
    if name == ALL_ALPHA || name == ALL_BETA {
        return Ok(());
    }
    let Some(gate) = Gate::of(name, version) else {
        let known: Vec<String> =
            Version::all().filter(|v| Gate::of(name, *v).is_some()).map(|v| v.to_string()).collect();
        return Err(match known.as_slice() {
            [] => {
                let near = did_you_mean(name, Gate::names());
                let hint = near.trim_start_matches("; ").to_owned();
                ("Kubernetes has no feature gate of this name".to_owned(), hint)
            }
            versions => {
                let problem = format!("Kubernetes {version} has no feature gate of this name");
                (problem, format!("there is one in {}", versions.join(", ")))
            }
        });
    };
    if gate.is_locked && gate.is_on != on {
        let problem = format!("Kubernetes {version} locks this feature gate to {}", gate.is_on);
        return Err((problem, "leave it out, or take an older kubernetesVersion".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, gates: &[(&str, bool)]) -> Result<Release, ReleaseError> {
        let gates = gates.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect();
        Release::new(Some(version), &gates)
    }

    #[test]
    fn a_gate_is_as_set_or_as_its_stage_or_as_the_version_has_it() {
        assert!(Release::default().gate("HPAScaleToZero"));
        assert!(!release("1.36", &[]).unwrap().gate("HPAScaleToZero"));
        assert!(release("1.36", &[("HPAScaleToZero", true)]).unwrap().gate("HPAScaleToZero"));
        assert!(release("1.36", &[("AllAlpha", true)]).unwrap().gate("HPAScaleToZero"));
        assert!(!release("1.37", &[("AllBeta", false)]).unwrap().gate("HPAScaleToZero"));
        // Locked, so no stage moves it.
        assert!(release("1.37", &[("AllBeta", false)]).unwrap().gate("HPAConfigurableTolerance"));
        assert!(!release("1.33", &[]).unwrap().gate("GangScheduling"));
    }

    #[test]
    fn what_no_release_has_is_refused_with_a_hint() {
        for version in ["1.32", "1.39", "2.34", "newest", "1", "1.3x", ""] {
            assert_eq!(release(version, &[]).unwrap_err().field, "kubernetesVersion", "{version}");
        }
        let error = release("1.36", &[("HPAScaleToZeroo", true)]).unwrap_err();
        assert_eq!(
            (error.field.as_str(), error.hint.as_str()),
            ("featureGates.HPAScaleToZeroo", "did you mean HPAScaleToZero?")
        );
        let error = release("1.33", &[("GangScheduling", true)]).unwrap_err();
        assert_eq!(error.hint, "there is one in 1.35, 1.36");
        let error = release("v1.37.2", &[("HPAConfigurableTolerance", false)]).unwrap_err();
        assert!(error.problem.contains("locks"), "{error:?}");
        release("v1.37.2", &[("HPAConfigurableTolerance", true)]).unwrap();
    }

    #[test]
    fn a_known_gate_that_nothing_follows_is_named_once_where_it_differs() {
        const TABLE: &[Change] = &[Change::new(1, 34, Some("HPAScaleToZero"), "")];
        let release =
            release("1.36", &[("HPAScaleToZero", true), ("GangScheduling", true), ("WatchList", true)]).unwrap();
        assert_eq!(release.not_modelled(&[TABLE]), ["GangScheduling"]);
    }
}
