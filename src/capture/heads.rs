//! The packets that a reader lists at once. Keeps its memory, so that what all packets of a file have in
//! common is written once and not with each of them.

use std::ops::Deref;

use super::reader::Head;

/// Packets listed at once: as many as the flows of which are looked for together.
pub(super) const LISTED: usize = 32;

/// Up to [`LISTED`] packets.
#[derive(Default)]
pub(super) struct Heads {
    all: Vec<Head>,
    count: usize,
}

impl Heads {
    /// Forgets all packets.
    pub(super) const fn clear(&mut self) {
        self.count = 0;
    }

    /// Whether no more are listed at once.
    pub(super) const fn is_full(&self) -> bool {
        self.count >= LISTED
    }

    /// Adds a packet.
    pub(super) fn push(&mut self, head: Head) {
        match self.all.get_mut(self.count) {
            Some(next) => *next = head,
            None => self.all.push(head),
        }
        self.count = self.count.saturating_add(1);
    }

    /// Adds packets that `next` describes, until it has none. What it does not say of them is as in the last one that
    /// the reader pushed, in all of its packets.
    #[inline(always)]
    pub(super) fn fill(&mut self, mut next: impl FnMut(&mut Head) -> bool) {
        let Some(last) = self.last().copied() else { return };
        if self.all.len() < LISTED {
            self.all.resize(LISTED, last);
        }
        for head in self.all.get_mut(self.count..).unwrap_or_default() {
            if !next(head) {
                break;
            }
            self.count = self.count.wrapping_add(1);
        }
    }
}

impl Deref for Heads {
    type Target = [Head];

    #[inline]
    fn deref(&self) -> &[Head] {
        self.all.get(..self.count).unwrap_or_default()
    }
}
