//! Parts and counts in words.

/// "+2.1 %"; more digits where it is small.
pub fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    let places = if percent.abs() >= 99.95 { 0 } else { 1 };
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        small if small < 0.095 => format!("{percent:+.2} %"),
        _ => format!("{percent:+.places$} %"),
    }
}

/// "95 %", "2 %", "0.31 %".
pub fn percent_plain(fraction: f64) -> String {
    let percent = fraction * 100.0;
    let rounded = match percent.abs() {
        small if small < 0.01 && small > 0.0 => return "under 0.01 %".to_owned(),
        small if small < 10.0 => (percent * 100.0).round() / 100.0,
        _ => (percent * 10.0).round() / 10.0,
    };
    format!("{rounded} %")
}

/// "1 seed", "10 seeds".
pub fn count_of(amount: u64, noun: &str) -> String {
    format!("{amount} {noun}{}", if amount == 1 { "" } else { "s" })
}
