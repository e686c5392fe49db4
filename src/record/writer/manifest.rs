//! Which files of an output folder are ours: their names and hashes, in `.windtunnel.json` beside them.
//!
//! A file is ours to replace where it is listed and still what was written. It holds no wall-clock figure, so that equal
//! runs leave equal folders.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Its own name.
pub const MANIFEST: &str = ".windtunnel.json";

/// `engine.json` holds wall times: its hash would make equal runs differ. Its own keys tell it instead.
const VOLATILE: (&str, &str) = ("engine.json", "events_per_second");

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    written_by: String,
    /// `sha256:…` by name; `null` where no two runs write the same.
    files: BTreeMap<String, Option<String>>,
}

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// There is none.
    Nobody,
    Ours,
    /// Ours once, and changed since.
    Changed,
    Foreign,
}

impl Manifest {
    pub fn new() -> Manifest {
        let written_by = format!("windtunnel {}", crate::record::VERSION);
        Manifest { written_by, files: BTreeMap::new() }
    }

    /// That of a folder; an empty one where there is none, or where it is none of ours.
    pub fn read(folder: &Path) -> Manifest {
        Manifest::parse(&fs::read(folder.join(MANIFEST)).unwrap_or_default()).unwrap_or_default()
    }

    pub fn parse(bytes: &[u8]) -> Option<Manifest> {
        serde_json::from_slice(bytes).ok()
    }

    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        self.files.insert(name.to_owned(), (name != VOLATILE.0).then(|| hash(bytes)));
    }

    /// [`add`](Self::add), of a file whose bytes were hashed on the way.
    pub fn add_hashed(&mut self, name: &str, hash: Hash) {
        self.files.insert(name.to_owned(), Some(hash.end()));
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub fn lists(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("it has only string keys");
        bytes.push(b'\n');
        bytes
    }

    /// Whose the file `name` of this manifest's folder is. A link is nobody's to follow.
    pub fn owner(&self, folder: &Path, name: &str) -> io::Result<Owner> {
        let path = folder.join(name);
        let kind = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Owner::Nobody),
            found => found?.file_type(),
        };
        let Some(written) = self.files.get(name).filter(|_| kind.is_file()) else { return Ok(Owner::Foreign) };
        let bytes = fs::read(&path)?;
        let is_whole = match written {
            Some(written) => *written == hash(&bytes),
            None => {
                serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|json| json.get(VOLATILE.1).is_some())
            }
        };
        Ok(if is_whole { Owner::Ours } else { Owner::Changed })
    }
}

/// `sha256:` and the digits.
pub fn hash(bytes: &[u8]) -> String {
    let mut hash = Hash::default();
    hash.take(bytes);
    hash.end()
}

/// [`hash`] of bytes that come part by part.
#[derive(Default)]
pub struct Hash(Sha256);

impl Hash {
    pub fn take(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    pub fn end(self) -> String {
        let digits: String = self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{digits}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_ours_while_it_is_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut manifest = Manifest::new();
        manifest.add("pods.csv", b"pod\n");
        manifest.add("engine.json", b"{}");
        for (name, text) in
            [("pods.csv", "pod\n"), ("nodes.csv", "node\n"), ("engine.json", "{\"events_per_second\": 1}")]
        {
            fs::write(at(name), text).unwrap();
        }
        let owner = |name: &str| manifest.owner(folder.path(), name).unwrap();
        assert_eq!(
            (owner("pods.csv"), owner("nodes.csv"), owner("none")),
            (Owner::Ours, Owner::Foreign, Owner::Nobody)
        );
        assert_eq!(owner("engine.json"), Owner::Ours);
        fs::write(at("pods.csv"), "mine\n").unwrap();
        fs::write(at("engine.json"), "{}").unwrap();
        assert_eq!((owner("pods.csv"), owner("engine.json")), (Owner::Changed, Owner::Changed));
        assert_eq!(Manifest::parse(&manifest.to_json()), Some(manifest.clone()));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_ours_whatever_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::new();
        manifest.add("pods.csv", b"pod\n");
        fs::write(folder.path().join("elsewhere"), "pod\n").unwrap();
        std::os::unix::fs::symlink("elsewhere", folder.path().join("pods.csv")).unwrap();
        assert_eq!(manifest.owner(folder.path(), "pods.csv").unwrap(), Owner::Foreign);
    }
}
