//! An index from hashes to positions in a slab: open addressing over one word a slot, which holds 32
//! bits of the hash and the position. The same bits choose the slot, so growing asks nobody for a
//! key. Never looks at a record: whether a position is the right one is for the caller to say.

/// Slots at the start, a power of two.
const FEWEST: usize = 1 << 10;

/// Positions below [`u32::MAX`] by the hash of what lies there.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// Tag in the upper half, position in the lower; [`FREE`] where nothing is.
    words: Vec<u64>,
    held: usize,
}

/// A free slot: no position is that large.
const FREE: u64 = u64::MAX;

impl Slots {
    /// The position with this hash that `is_right`.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut place = self.place(tag);
        loop {
            let word = *self.words.get(place)?;
            if word == FREE {
                return None;
            }
            let (held, position) = halves(word);
            if held == tag && is_right(position) {
                return Some(position);
            }
            place = self.behind(place);
        }
    }

    /// A number that nobody needs, read from where the search for this hash begins.
    #[inline]
    pub(super) fn glance(&self, hash: u64) -> u64 {
        self.words.get(self.place(tag(hash))).copied().unwrap_or(FREE)
    }

    /// Adds a position that is not there yet.
    pub(super) fn add(&mut self, hash: u64, position: u32) {
        // Beyond half full every packet would look at several slots.
        if self.held.saturating_mul(2) >= self.words.len() {
            self.grow();
        }
        self.held = self.held.saturating_add(1);
        self.put(u64::from(tag(hash)) << 32 | u64::from(position));
    }

    /// Puts `position` in the place of `before`, which has the same hash.
    pub(super) fn replace(&mut self, hash: u64, before: u32, position: u32) {
        let tag = tag(hash);
        let old = u64::from(tag) << 32 | u64::from(before);
        let mut place = self.place(tag);
        while let Some(word) = self.words.get_mut(place) {
            if *word == old {
                *word = u64::from(tag) << 32 | u64::from(position);
                return;
            }
            if *word == FREE {
                return;
            }
            place = self.behind(place);
        }
    }

    /// Forgets everything and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.words.fill(FREE);
        self.held = 0;
    }

    #[cold]
    fn grow(&mut self) {
        let wider = self.words.len().saturating_mul(2).max(FEWEST);
        let old = std::mem::replace(&mut self.words, vec![FREE; wider]);
        old.into_iter().filter(|word| *word != FREE).for_each(|word| self.put(word));
    }

    fn put(&mut self, word: u64) {
        let mut place = self.place(halves(word).0);
        // At least half are free, so this ends.
        while self.words.get(place).is_some_and(|held| *held != FREE) {
            place = self.behind(place);
        }
        if let Some(slot) = self.words.get_mut(place) {
            *slot = word;
        }
    }

    #[inline]
    fn place(&self, tag: u32) -> usize {
        tag as usize & self.words.len().wrapping_sub(1)
    }

    #[inline]
    fn behind(&self, place: usize) -> usize {
        place.wrapping_add(1) & self.words.len().wrapping_sub(1)
    }
}

#[inline(always)]
fn tag(hash: u64) -> u32 {
    halves(hash).0
}

/// Upper and lower half of a word.
#[inline(always)]
fn halves(word: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits).unwrap_or(u32::MAX);
    (half(word >> 32), half(word & 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::Slots;

    proptest! {
        /// Against a map: few tags, so that they meet.
        #[test]
        fn is_a_map(steps in prop::collection::vec(0_u64..24, 0..3000)) {
            let (mut slots, mut keys, mut map) = (Slots::default(), Vec::new(), HashMap::new());
            for key in steps {
                let hash = (key % 7) << 32 | key;
                let position = u32::try_from(keys.len()).unwrap();
                let found = slots.find(hash, |position| keys[position as usize] == key);
                prop_assert_eq!(found, map.get(&key).copied());
                match found {
                    Some(before) => slots.replace(hash, before, position),
                    None => slots.add(hash, position),
                }
                keys.push(key);
                map.insert(key, position);
            }
        }
    }

    #[test]
    fn grows_and_forgets() {
        let mut slots = Slots::default();
        let hash = |number: u32| u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..100_000).for_each(|number| slots.add(hash(number), number));
        assert!((0..100_000).all(|number| slots.find(hash(number), |found| found == number) == Some(number)));
        slots.clear();
        assert!((0..100_000).all(|number| slots.find(hash(number), |_| true).is_none()));
    }
}
