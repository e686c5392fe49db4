//! Which inputs a scenario was read from: a hash of every file, by the path that names it.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Mutex;

use sha2::{Digest, Sha256};

/// The hashes of files that were read, by what the scenario calls them; the scenario's own file has no name, so that a
/// folder that was moved or a file that was renamed hashes as before.
#[derive(Debug, Default)]
pub(super) struct Digests(Mutex<BTreeMap<String, [u8; 32]>>);

impl Digests {
    pub fn add(&self, name: &str, bytes: &[u8]) {
        self.insert(name, Sha256::digest(bytes).into());
    }

    /// What was read so far, as the scenario calls it.
    pub fn names(&self) -> Vec<String> {
        self.0.lock().expect("no reader panics while it holds the lock").keys().cloned().collect()
    }

    fn insert(&self, name: &str, hash: [u8; 32]) {
        self.0.lock().expect("no reader panics while it holds the lock").insert(name.to_owned(), hash);
    }

    /// One hash over all, the same in whatever order they were read: `sha256:` and 64 digits.
    pub fn all(&self) -> String {
        let mut whole = Sha256::new();
        for (name, hash) in &*self.0.lock().expect("no reader panics while it holds the lock") {
            whole.update((name.len() as u64).to_le_bytes());
            whole.update(name);
            whole.update(hash);
        }
        hex(whole)
    }

    /// `reader`, whose bytes are hashed as they pass; to be handed to [`read`](Self::read) at the end.
    pub fn watch<R: Read>(reader: R) -> Watched<R> {
        Watched { reader, hash: Sha256::new() }
    }

    /// The file `name` was read through `watched`. What follows the part that was asked for counts too.
    pub fn read<R: Read>(&self, name: &str, mut watched: Watched<R>) {
        // A file that can't be read to its end was told where it was read.
        let _ = io::copy(&mut watched, &mut io::sink());
        self.insert(name, watched.hash.finalize().into());
    }
}

/// `sha256:` and the digits.
pub(super) fn hex(hash: Sha256) -> String {
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// A reader that hashes what passes.
pub(super) struct Watched<R> {
    reader: R,
    hash: Sha256,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_follows_the_bytes_and_the_names_and_not_the_order() {
        let of = |files: &[(&str, &str)]| {
            let digests = Digests::default();
            files.iter().for_each(|(name, text)| digests.add(name, text.as_bytes()));
            digests.all()
        };
        let one = of(&[("", "a"), ("m.yaml", "b")]);
        assert_eq!(one, of(&[("m.yaml", "b"), ("", "a")]));
        assert_ne!(one, of(&[("", "a"), ("m.yaml", "c")]));
        assert_ne!(one, of(&[("", "a"), ("n.yaml", "b")]));
        assert_ne!(one, of(&[("", "a")]));
        assert_eq!(one.len(), "sha256:".len() + 64);
    }

    #[test]
    fn a_file_that_is_read_in_part_counts_whole() {
        let read = |take: u64| {
            let mut watched = Digests::watch(&b"0123456789"[..]);
            io::copy(&mut (&mut watched).take(take), &mut io::sink()).unwrap();
            let digests = Digests::default();
            digests.read("t.csv", watched);
            digests.all()
        };
        let whole = Digests::default();
        whole.add("t.csv", b"0123456789");
        assert_eq!((read(3), read(10)), (whole.all(), whole.all()));
    }
}
