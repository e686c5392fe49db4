//! PriorityClasses, as the Priority admission plugin resolves them.

use std::collections::BTreeMap;

use k8s_openapi::api::scheduling::v1::PriorityClass;

use super::{ManifestError, unknown_value};

/// What a class gives a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityValue {
    pub value: i32,
    /// False where `preemptionPolicy: Never`.
    pub preempts: bool,
}

/// Classes by name, the two system classes always among them.
#[derive(Clone, Debug)]
pub struct PriorityClasses {
    classes: BTreeMap<String, PriorityValue>,
    /// What pods without a class get: of several global defaults the lowest, as upstream.
    default: PriorityValue,
}

impl Default for PriorityClasses {
    fn default() -> PriorityClasses {
        let system = |value| PriorityValue { value, preempts: true };
        PriorityClasses {
            classes: BTreeMap::from([
                ("system-cluster-critical".to_owned(), system(2_000_000_000)),
                ("system-node-critical".to_owned(), system(2_000_001_000)),
            ]),
            default: PriorityValue { value: 0, preempts: true },
        }
    }
}

impl PriorityClasses {
    /// Errors carry the index of the class: `[1].preemptionPolicy`.
    pub fn new(raw: &[PriorityClass]) -> Result<PriorityClasses, ManifestError> {
        let mut classes = PriorityClasses::default();
        let mut default: Option<PriorityValue> = None;
        for (index, class) in raw.iter().enumerate() {
            let Some(name) = &class.metadata.name else {
                return Err(ManifestError::new(format!("[{index}].metadata.name"), "a name is required"));
            };
            let preempts = preempts(class.preemption_policy.as_deref())
                .map_err(|error| error.within(format!("[{index}]")))?
                .unwrap_or(true);
            let value = PriorityValue { value: class.value, preempts };
            if class.global_default == Some(true) && default.is_none_or(|lowest| value.value < lowest.value) {
                default = Some(value);
            }
            classes.classes.insert(name.clone(), value);
        }
        classes.default = default.unwrap_or(classes.default);
        Ok(classes)
    }

    pub fn get(&self, name: &str) -> Option<PriorityValue> {
        self.classes.get(name).copied()
    }

    /// The priority of a pod. A live pod whose class is gone keeps the value that admission wrote into it.
    pub(super) fn resolve(
        &self,
        class: Option<&str>,
        priority: Option<i32>,
        policy: Option<&str>,
    ) -> Result<PriorityValue, ManifestError> {
        let class = match class.filter(|name| !name.is_empty()) {
            None => self.default,
            Some(name) => match (self.get(name), priority) {
                (Some(class), _) => class,
                (None, Some(value)) => PriorityValue { value, preempts: true },
                (None, None) => {
                    let known: Vec<&str> = self.classes.keys().map(String::as_str).collect();
                    return Err(unknown_value("priorityClassName", name, &known));
                }
            },
        };
        Ok(PriorityValue {
            value: priority.unwrap_or(class.value),
            preempts: preempts(policy)?.unwrap_or(class.preempts),
        })
    }
}

fn preempts(policy: Option<&str>) -> Result<Option<bool>, ManifestError> {
    match policy {
        None | Some("") => Ok(None),
        Some("PreemptLowerPriority") => Ok(Some(true)),
        Some("Never") => Ok(Some(false)),
        Some(other) => Err(unknown_value("preemptionPolicy", other, &["PreemptLowerPriority", "Never"])),
    }
}
