//! Two ledgers of consecutive pieces in, the ledger of both out. Sums add up; what needs two packets
//! was kept on both sides of the cut and is decided here as if it had been read in one go.

use super::{Counters, Ledger};
use crate::flow::Sighting;

impl Ledger {
    /// The ledger of `earlier` followed by `later`. Associative; equal to the ledger of both pieces
    /// read in one go when `later` was made as a continuation and no budget was reached.
    #[must_use]
    pub fn merge(earlier: Self, later: Self) -> Self {
        let mut whole = earlier;
        let mut later = later;
        for held in std::mem::take(&mut later.head) {
            whole.observe(&held.frame());
        }
        if later.counters.frames == 0 {
            whole.name_inputs(&mut later);
            return whole;
        }
        if whole.counters.frames == 0 && !whole.head.is_empty() {
            // All of `whole` still waits for what comes before it, and `later` follows its head.
            later.head = std::mem::take(&mut whole.head);
            later.name_inputs(&mut whole);
            return later;
        }
        whole.append(later);
        whole
    }

    /// Adds a ledger whose head was read already.
    pub(super) fn append(&mut self, mut later: Self) {
        self.name_inputs(&mut later);
        self.counters.add(&later.counters);
        self.inversions.merge(std::mem::take(&mut later.inversions), self.options.continuation);
        self.duplicates = later.duplicates;
        self.fragments_lost =
            self.fragments_lost.saturating_add(later.fragments_lost).saturating_add(later.fragments.given_up());
        for pending in later.fragments.into_pending() {
            let sighting = Sighting { at: pending.at, place: pending.place, ..Sighting::default() };
            self.join_fragment(&sighting, &pending.datagram());
        }
        self.flows.merge(later.flows);
        self.names.merge(later.names);
        self.directory.merge(later.directory);
        self.cards.merge(later.cards);
        self.own.merge(later.own);
        self.errors.append(&mut later.errors);
        self.errors.truncate(super::observe::MAX_ERRORS);
        self.closed.merge(later.closed);
        self.first = [self.first, later.first].into_iter().flatten().min();
        self.last = self.last.max(later.last);
    }

    fn name_inputs(&mut self, later: &mut Self) {
        if later.inputs.len() > self.inputs.len() {
            self.inputs = std::mem::take(&mut later.inputs);
        }
        if later.taps.len() > self.taps.len() {
            self.taps = std::mem::take(&mut later.taps);
        }
    }
}

impl Counters {
    fn add(&mut self, later: &Self) {
        for (sum, count) in [
            (&mut self.frames, later.frames),
            (&mut self.bytes, later.bytes),
            (&mut self.decoded, later.decoded),
            (&mut self.duplicates, later.duplicates),
            (&mut self.fragments, later.fragments),
            (&mut self.truncated, later.truncated),
            (&mut self.dropped_by_host, later.dropped_by_host),
        ] {
            *sum = sum.saturating_add(count);
        }
        for (sums, counts) in
            [(&mut self.undecoded, &later.undecoded), (&mut self.undecoded_inner, &later.undecoded_inner)]
        {
            for (reason, count) in counts {
                let sum = sums.entry(*reason).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
    }
}
