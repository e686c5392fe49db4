//! What this process has taken of the machine's memory.

/// The largest resident size so far; `None` where the system keeps no `/proc/self/status`.
pub fn peak_bytes() -> Option<u64> {
    peak_of(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_and_unknown_where_there_is_none() {
        assert_eq!(peak_of("VmPeak:\t  999 kB\nVmHWM:\t   12 kB\n"), Some(12 * 1024));
        assert_eq!(peak_of("Name:\tx\n"), None);
    }
}
