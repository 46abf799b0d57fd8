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
    /// The file says more of one of them than when it was captured and how long it is, or they are of
    /// several interfaces.
    differ: bool,
}

impl Heads {
    /// Forgets all packets.
    pub(super) const fn clear(&mut self) {
        self.count = 0;
        self.differ = false;
    }

    /// Whether no more are listed at once.
    pub(super) const fn is_full(&self) -> bool {
        self.count >= LISTED
    }

    /// Whether all are of one interface, and the file says no more of them than time and lengths.
    pub(super) const fn are_alike(&self) -> bool {
        !self.differ
    }

    /// Adds a packet.
    pub(super) fn push(&mut self, head: Head) {
        self.differ |= !head.is_bare() || self.first().is_some_and(|first| first.interface != head.interface);
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
        let room = self.all.get_mut(self.count..).unwrap_or_default();
        let filled = room.iter_mut().map(&mut next).take_while(|is_there| *is_there).count();
        self.count = self.count.wrapping_add(filled);
    }

    /// Adds bare packets that `next` describes, whatever their interfaces, until it has none.
    #[inline(always)]
    pub(super) fn fill_bare(&mut self, mut next: impl FnMut(&mut Head) -> bool) {
        let Some(interface) = self.last().map(|last| last.interface) else { return };
        let mut differ = false;
        self.fill(|head| {
            let is_there = next(head);
            differ |= is_there & (head.interface != interface);
            is_there
        });
        self.differ |= differ;
    }
}

impl Deref for Heads {
    type Target = [Head];

    #[inline]
    fn deref(&self) -> &[Head] {
        self.all.get(..self.count).unwrap_or_default()
    }
}
