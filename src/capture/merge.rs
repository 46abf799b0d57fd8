//! Several inputs in, one sequence of packets out, by time stamp. Each input keeps its own order;
//! its clock never goes backwards for the choice of the next input. Ties go to the input that
//! stands first, and the inputs stand in the order of their first packets, so the order of the
//! arguments decides nothing. A single input is read without any choosing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::batch::Batch;
use super::digest::Digests;
use super::slot::Slot;
use super::taps::Taps;
use crate::ledger::{Input, TapInfo};
use crate::wire::{Frame, Timestamp};

/// When an input is due, and its place among the inputs.
pub(super) type Turn = (Timestamp, usize);

/// Later than every turn.
pub(super) const NEVER: Turn = (Timestamp::from_nanoseconds(i64::MAX), usize::MAX);

/// All inputs, merged.
pub(super) struct Merge {
    slots: Vec<Slot>,
    taps: Taps,
    /// Place of the input whose packet was handed out last.
    current: usize,
    /// The turn at which another input comes before the current one.
    limit: Turn,
    /// Open inputs other than the current one.
    open: BinaryHeap<Reverse<Turn>>,
    /// Place of the next input that is not open yet.
    waiting: usize,
    counter: Arc<AtomicU64>,
    digests: Option<Digests>,
}

impl Merge {
    /// Merges `slots`, which are in their final order.
    pub(super) fn new(slots: Vec<Slot>, counter: Arc<AtomicU64>, digests: Option<Digests>) -> Self {
        Self {
            slots,
            taps: Taps::default(),
            current: usize::MAX,
            limit: NEVER,
            open: BinaryHeap::new(),
            waiting: 0,
            counter,
            digests,
        }
    }

    /// Steps to the next packet; false at the end of all inputs.
    #[inline]
    pub(super) fn advance(&mut self) -> bool {
        if let Some(slot) = self.slots.get_mut(self.current)
            && slot.advance(place(self.current), &mut self.taps)
        {
            if slot.precedes(self.current, self.limit) {
                return true;
            }
            self.open.push(Reverse((slot.due, self.current)));
        }
        self.switch()
    }

    /// The packet stepped to last.
    #[inline]
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        let slot = self.slots.get(self.current)?;
        slot.batch(place(self.current), slot.at_hand(), self.slots.len() > 1)?.frames().next()
    }

    /// The packet stepped to last and all that follow it in memory before another input's turn.
    #[inline]
    pub(super) fn batch(&mut self) -> Option<Batch<'_>> {
        let slot = self.slots.get_mut(self.current)?;
        let range = slot.run_on(self.current, self.limit);
        let accompanied = self.slots.len() > 1;
        self.slots.get(self.current)?.batch(place(self.current), range, accompanied)
    }

    /// The packet stepped to last, as a batch of one.
    pub(super) fn single(&self) -> Option<Batch<'_>> {
        let slot = self.slots.get(self.current)?;
        slot.batch(place(self.current), slot.at_hand(), self.slots.len() > 1)
    }

    /// Ends reading: the inputs in order, with their digests, and the taps.
    pub(super) fn finish(self) -> (Vec<Input>, Vec<TapInfo>) {
        let ended = self.slots.into_iter().map(Slot::finish).collect::<Vec<_>>();
        let mut digests = self.digests.map(Digests::finish).unwrap_or_default();
        let inputs = ended.into_iter().map(|(serial, mut input)| {
            input.sha256 = digests.remove(&serial).unwrap_or_default();
            input
        });
        (inputs.collect(), self.taps.finish())
    }

    /// Makes the input whose turn is first the current one; false if there is none left.
    #[cold]
    fn switch(&mut self) -> bool {
        while self.waiting < self.slots.len()
            && self.open.peek().is_none_or(|Reverse(turn)| self.waiting_turn() <= *turn)
        {
            self.open_next();
        }
        let Some(Reverse((_, current))) = self.open.pop() else {
            self.current = usize::MAX;
            return false;
        };
        self.current = current;
        self.limit = self.open.peek().map_or(NEVER, |Reverse(turn)| *turn).min(self.waiting_turn());
        true
    }

    /// The turn of the next input that is not open yet.
    fn waiting_turn(&self) -> Turn {
        match self.slots.get(self.waiting) {
            Some(slot) => (slot.first.unwrap_or(NEVER.0), self.waiting),
            None => NEVER,
        }
    }

    fn open_next(&mut self) {
        let index = self.waiting;
        self.waiting = index.saturating_add(1);
        let Some(slot) = self.slots.get_mut(index) else { return };
        if !slot.is_open() {
            let sink = self.digests.as_ref().map(|digests| digests.sink(slot.serial));
            if let Err(error) = slot.open(&self.counter, sink) {
                slot.lost(&error);
                return;
            }
        }
        if slot.advance(place(index), &mut self.taps) {
            self.open.push(Reverse((slot.due, index)));
        }
    }
}

#[inline]
fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
