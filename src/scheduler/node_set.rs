//! A sorted set of nodes in chunks: inserting and removing moves one chunk's ids, not all of them.

use crate::cluster::NodeId;

/// A chunk that grows beyond this is split in two.
const MOST: usize = 256;

/// Ids in ascending order. All operations cost O(chunks + log of a chunk); a chunk's ids are moved in one go.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeSet {
    /// None is empty.
    chunks: Vec<Vec<NodeId>>,
    len: usize,
}

impl NodeSet {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn first(&self) -> Option<NodeId> {
        self.chunks.first().map(|chunk| chunk[0])
    }

    pub fn last(&self) -> Option<NodeId> {
        self.chunks.last().and_then(|chunk| chunk.last()).copied()
    }

    /// False where it was a member already.
    pub fn insert(&mut self, id: NodeId) -> bool {
        let Some(last) = self.chunks.len().checked_sub(1) else {
            self.chunks.push(vec![id]);
            self.len = 1;
            return true;
        };
        let at = self.chunk_of(id).min(last);
        let chunk = &mut self.chunks[at];
        let Err(place) = chunk.binary_search(&id) else { return false };
        chunk.insert(place, id);
        self.len += 1;
        if chunk.len() > MOST {
            let upper = chunk.split_off(MOST / 2);
            self.chunks.insert(at + 1, upper);
        }
        true
    }

    /// False where it was no member.
    pub fn remove(&mut self, id: NodeId) -> bool {
        let at = self.chunk_of(id);
        let Some(chunk) = self.chunks.get_mut(at) else { return false };
        let Ok(place) = chunk.binary_search(&id) else { return false };
        chunk.remove(place);
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        true
    }

    /// The `rank`th id, from 0.
    pub fn nth(&self, mut rank: usize) -> Option<NodeId> {
        for chunk in &self.chunks {
            if rank < chunk.len() {
                return Some(chunk[rank]);
            }
            rank -= chunk.len();
        }
        None
    }

    /// How many members have this id or a lower one.
    pub fn count_up_to(&self, id: NodeId) -> usize {
        let at = self.chunk_of(id);
        let below: usize = self.chunks[..at].iter().map(Vec::len).sum();
        below + self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(|other| *other <= id))
    }

    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.chunks.iter().flatten().copied()
    }

    /// The first chunk whose last id is not below `id`.
    fn chunk_of(&self, id: NodeId) -> usize {
        self.chunks.partition_point(|chunk| chunk[chunk.len() - 1] < id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_an_ordinary_set_does(steps in proptest::collection::vec((any::<bool>(), 0..1500u32), 0..3000)) {
            let (mut set, mut model) = (NodeSet::default(), BTreeSet::new());
            for (add, id) in steps {
                let id = NodeId(id);
                if add {
                    prop_assert_eq!(set.insert(id), model.insert(id));
                } else {
                    prop_assert_eq!(set.remove(id), model.remove(&id));
                }
            }
            prop_assert_eq!(set.len(), model.len());
            prop_assert_eq!((set.first(), set.last()), (model.first().copied(), model.last().copied()));
            prop_assert!(set.iter().eq(model.iter().copied()));
            for rank in [0, 1, 255, 256, 600, 1499] {
                prop_assert_eq!(set.nth(rank), model.iter().nth(rank).copied());
                prop_assert_eq!(set.count_up_to(NodeId(rank as u32)), model.range(..=NodeId(rank as u32)).count());
            }
        }
    }
}
