//! What happens on Ctrl-C and the like: what stands on the disk only while we work is removed, then the process ends
//! with 128 and the signal's number, as shells have it.

#[cfg(unix)]
pub fn install() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // One that our caller had us ignore (`nohup`, a job in the background of a script) stays ignored.
    let wanted: Vec<i32> = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)).collect();
    let Ok(mut signals) = Signals::new(wanted) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _nothing_is_put_in_place_any_more = crate::record::writer::scratch::clean();
            std::process::exit(128 + signal);
        }
    });
}

/// As Linux tells it; elsewhere nothing is known to be ignored.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

/// The system removes what it can.
#[cfg(not(unix))]
pub fn install() {}
