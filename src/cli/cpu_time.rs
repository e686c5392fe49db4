//! What this process has taken of the machine's processors.

/// `/proc` counts in these, whatever the kernel's own clock is (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of all threads so far, in user and in kernel mode, to a hundredth of a second; `None` where the system keeps no
/// `/proc/self/stat`.
pub fn seconds() -> Option<f64> {
    seconds_of(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// From one reading to the next, to a hundredth.
pub fn between(before: f64, after: f64) -> f64 {
    ((after - before) * TICKS_PER_SECOND).round() / TICKS_PER_SECOND
}

/// The name of the program, in brackets, may hold anything; `utime` and `stime` are the 12th and 13th field after it.
fn seconds_of(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let (user, kernel) = (ticks()?, ticks()?);
    Some((user + kernel) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_added_whatever_the_program_is_called() {
        let stat = "7 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 30 0 0 20 0 1 0 99";
        assert_eq!(seconds_of(stat), Some(2.8));
        assert_eq!(seconds_of("7 (a) R 1"), None);
        assert_eq!(between(0.1, 4.25), 4.15);
    }
}
