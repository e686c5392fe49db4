//! What upstream changed in a controller from one version to the next.

use super::Version;

/// One change of behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of the pull request in kubernetes/kubernetes.
    pub number: u32,
    /// The first version that has it.
    pub since: Version,
    /// The feature gate that it hangs on too.
    pub gate: Option<&'static str>,
    /// What is so since then.
    pub what: &'static str,
}

impl Change {
    /// `since` is the minor version.
    pub const fn new(number: u32, since: u32, gate: Option<&'static str>, what: &'static str) -> Change {
        Change { number, since: Version::minor(since), gate, what }
    }
}

/// One controller's table: a struct with a flag a change, read from a [`Release`](super::Release) once, and the table
/// itself as `CHANGES`.
macro_rules! versioned {
    (
        $(#[$doc:meta])*
        pub struct $name:ident;
        $($field:ident: $number:literal since $since:literal $(gate $gate:literal)? => $what:literal,)+
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = $what] pub $field: bool,)+
        }

        impl $name {
            pub const CHANGES: &'static [$crate::release::Change] = &[
                $($crate::release::Change::new($number, $since, versioned!(@gate $($gate)?), $what),)+
            ];

            pub fn of(release: &$crate::release::Release) -> $name {
                $(let $field = release.has(&$crate::release::Change::new(
                    $number, $since, versioned!(@gate $($gate)?), $what,
                ));)+
                $name { $($field),+ }
            }
        }

        impl Default for $name {
            /// The newest version's.
            fn default() -> $name {
                static NEWEST: std::sync::LazyLock<$name> =
                    std::sync::LazyLock::new(|| $name::of(&$crate::release::Release::default()));
                *NEWEST
            }
        }
    };
    (@gate) => { None };
    (@gate $gate:literal) => { Some($gate) };
}

pub(crate) use versioned;
