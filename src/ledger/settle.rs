//! A ledger in, what it amounts to out: every direction and outcome settled as of its last packet,
//! everything sorted. Settling is pure: the ledger stays as it is and may grow on.

use std::borrow::Cow;

use super::names::gap;
use super::{CLOCK_SET, ClockStep, Counters, Ledger, Observation, announcements, names, room};
use crate::flow::{Conversation, FlowTable, Outcome, Settled, Sighting, insert};
use crate::wire::{Datagram, Fragments, Timestamp};

impl Ledger {
    /// Everything the capture said so far.
    #[must_use]
    pub fn settle(&self) -> Observation {
        if self.head.is_empty() {
            return self.observation(self.flows_with_unfinished().settle(self.ended(), &self.errors));
        }
        // Nothing came in front of this continuation after all.
        let mut whole = Self::new(super::Options { continuation: false, ..self.options });
        for held in &self.head {
            whole.observe(&held.frame());
        }
        whole.append(self.copy_behind_head());
        whole.settle()
    }

    /// The same of a ledger that is at its end, in less memory: what nobody reads again goes first.
    #[must_use]
    pub fn finish(mut self) -> Observation {
        if !self.head.is_empty() {
            return self.settle();
        }
        add_unfinished(&self.fragments, |sighting, datagram| self.flows.observe(sighting, datagram));
        let flows = std::mem::replace(&mut self.flows, FlowTable::new(0, false));
        let settled = flows.finish(self.ended(), &self.errors);
        self.observation(settled)
    }

    /// The time as of which outcomes are settled.
    fn ended(&self) -> Timestamp {
        self.last.unwrap_or_default()
    }

    fn observation(&self, mut settled: Settled) -> Observation {
        let mut names = self.names.settle(&settled.streams);
        let mut announcements = announcements::settle(&settled.streams, &self.names);
        let known = &self.closed.knowledge;
        if !known.is_empty() {
            names.resolutions.extend(known.resolutions.iter().cloned());
            names.bindings.extend(known.bindings.iter().cloned());
            announcements.extend(known.announcements.iter().cloned());
            names.gaps = gap::in_order(names.gaps.into_iter().chain(known.gaps.iter().copied()).collect());
            names::sort(&mut names.resolutions, &mut names.bindings);
            announcements::sort(&mut announcements);
        }
        announcements::orient(&mut settled.flows, &announcements);
        let clock_steps = self.clock_steps();
        doubt_silence(&mut settled.flows, &clock_steps);
        let closed: Vec<Conversation> = self.closed.conversations().cloned().collect();
        if !closed.is_empty() {
            insert(&mut settled.flows, closed);
        }
        let names_pushed_out = room::make(&mut names.bindings, &settled.flows);
        let directory = self.directory.settle(&settled.flows);
        Observation {
            flows: settled.flows,
            resolutions: names.resolutions,
            bindings: names.bindings,
            name_gaps: names.gaps,
            announcements,
            directory,
            cards: self.cards.settle(),
            tapped: self.cards.tapped(&self.taps),
            own: self.own.settle(),
            inputs: self.inputs.clone(),
            taps: self.taps.clone(),
            clock_steps,
            counters: Counters {
                fragments_pending: self.fragments.pending().saturating_add(self.fragments_lost),
                time_inversions: self.inversions.count(),
                folded_flows: settled.folded_flows,
                missed_bytes: settled.missed_bytes.saturating_add(self.closed.missed_bytes),
                names_pushed_out: names_pushed_out.saturating_add(known.let_go),
                names_unread: names.unread,
                browsers_unread: self.names.browsing_unread,
                payloads_not_held: settled.payloads_not_held,
                ..self.counters.clone()
            },
            first: self.first,
            last: self.last,
        }
    }

    /// Settings of clocks: those that a watch noticed, and of other inputs the furthest that time ran
    /// backwards.
    fn clock_steps(&self) -> Vec<ClockStep> {
        let noticed = |input: u32| {
            let input = self.inputs.get(usize::try_from(input).unwrap_or(usize::MAX));
            input.is_some_and(|input| input.clock_steps.iter().any(|step| step.by() < 0))
        };
        let backward = self.inversions.furthest().filter(|(input, step)| step.by() <= -CLOCK_SET && !noticed(*input));
        let told = self.inputs.iter().flat_map(|input| input.clock_steps.iter().copied());
        let mut steps: Vec<ClockStep> = told.chain(backward.map(|(_, step)| step)).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// The flows, with those of which only the first fragments of datagrams were captured.
    fn flows_with_unfinished(&self) -> Cow<'_, FlowTable> {
        let mut flows = Cow::Borrowed(&self.flows);
        add_unfinished(&self.fragments, |sighting, datagram| flows.to_mut().observe(sighting, datagram));
        flows
    }

    fn copy_behind_head(&self) -> Self {
        let mut copy = Self::new(self.options);
        copy.counters = self.counters.clone();
        copy.flows = self.flows.clone();
        copy.fragments_lost = self.fragments_lost.saturating_add(self.fragments.pending());
        copy.duplicates = self.duplicates.clone();
        copy.inversions = self.inversions.clone();
        copy.names = self.names.clone();
        copy.directory = self.directory.clone();
        copy.cards = self.cards.clone();
        copy.own = self.own.clone();
        copy.errors.clone_from(&self.errors);
        copy.closed = self.closed.clone();
        copy.first = self.first;
        copy.last = self.last;
        copy.inputs.clone_from(&self.inputs);
        copy.taps.clone_from(&self.taps);
        copy
    }
}

/// Hands out the datagrams of which only the first fragments were captured.
fn add_unfinished(fragments: &Fragments, mut add: impl FnMut(&Sighting, &Datagram<'_>)) {
    for (at, place, datagram) in fragments.unfinished() {
        add(&Sighting { at, place, ..Sighting::default() }, &datagram);
    }
}

/// Nobody knows how long a wait was during which the clock was set: then silence proves no filter.
fn doubt_silence(flows: &mut [Conversation], steps: &[ClockStep]) {
    let filtered = |flow: &&mut Conversation| flow.outcome == Outcome::Filtered;
    for flow in flows.iter_mut().filter(filtered) {
        let until = flow.last.plus(LONGEST_WAIT);
        let doubted = |step: &ClockStep| {
            let (from, to) = step.doubtful();
            flow.first <= to && from <= until
        };
        if steps.iter().any(doubted) {
            flow.outcome = Outcome::Pending;
        }
    }
}

/// How long a capture has to run on before silence says that a try was filtered.
const LONGEST_WAIT: i64 = 21_000_000_000;
