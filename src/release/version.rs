//! Minor versions of Kubernetes.

use std::fmt;

/// A minor version, 1.x; its newest patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32);

impl Version {
    pub const OLDEST: Version = Version(33);
    /// The newest that is released.
    pub const NEWEST: Version = Version(37);
    /// Upstream's main branch, in beta.
    pub const NEXT: Version = Version(38);

    pub const fn minor(minor: u32) -> Version {
        Version(minor)
    }

    /// `1.36`, `v1.36.2`, `v1.36.1-eks-1`, `1.36+`; `None` for other texts and versions.
    pub fn parse(text: &str) -> Option<Version> {
        let minor = text.trim().trim_start_matches('v').strip_prefix("1.")?;
        let end = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        if !matches!(minor[end..].chars().next(), None | Some('.' | '+' | '-')) {
            return None;
        }
        let version = Version(minor[..end].parse().ok()?);
        (Version::OLDEST..=Version::NEXT).contains(&version).then_some(version)
    }

    pub fn all() -> impl Iterator<Item = Version> {
        (Version::OLDEST.0..=Version::NEXT.0).map(Version)
    }

    /// Its place among [`Version::all`].
    pub(super) fn index(self) -> usize {
        (self.0 - Version::OLDEST.0) as usize
    }
}

impl Default for Version {
    fn default() -> Version {
        Version::NEWEST
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_clusters_print_theirs() {
        for text in ["1.36", "v1.36", "v1.36.2", "1.36+", "v1.36.1-eks-4fd1", "v1.36.1+k3s1"] {
            assert_eq!(Version::parse(text), Some(Version::minor(36)), "{text}");
        }
    }
}
