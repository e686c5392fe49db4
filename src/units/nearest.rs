//! What somebody may have meant by a name that nobody knows.

/// How alike two names must be, by Jaro and Winkler, for one to be meant by the other.
const ALIKE: f64 = 0.8;

/// The known name that is nearest to `name`, where one is near enough to be meant; the first of equals.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in known {
        let alike = strsim::jaro_winkler(&lower, &candidate.to_lowercase());
        if alike > best.map_or(ALIKE, |(most, _)| most) {
            best = Some((alike, candidate));
        }
    }
    best.map(|(_, name)| name)
}

/// `; did you mean x?`, for the end of a message; empty where no known name is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

/// `"x" is not one of a, b, c; did you mean a?`, for a field with a fixed set of values.
pub fn not_one_of(value: &str, known: &[&str]) -> String {
    format!("{value:?} is not one of {}{}", known.join(", "), did_you_mean(value, known.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_understood_and_another_word_is_not() {
        let known = ["nodes", "pods", "nodeGroups"];
        assert_eq!(nearest("Node", known), Some("nodes"));
        assert_eq!(did_you_mean("podz", known), "; did you mean pods?");
        assert_eq!(did_you_mean("zebra", known), "");
    }
}
