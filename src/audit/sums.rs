//! Flows and verdicts in, what the totals and the quality box count of them out: one pass over all of them, since of
//! a million flows each pass waits for memory.

use super::continuity;
use super::model::Verdict;
use super::per_flow::PerFlow;
use super::verdict::Judgement;
use crate::flow::{Conversation, Outcome};
use crate::ledger::{Losses, Observation};

/// What is counted of all flows.
pub(super) struct Sums {
    verdicts: [u64; Verdict::ALL.len()],
    outcomes: [u64; Outcome::ALL.len()],
    /// Packets of flows that are not ours, outside tunnels: an inner packet has no frame of its own.
    pub(super) outside: u64,
    /// Every loss by its minute.
    pub(super) losses: Losses,
}

impl Sums {
    /// Counts the flows of an observation.
    pub(super) fn new(observation: &Observation, judged: &PerFlow<Judgement>) -> Self {
        let losses = continuity::told(observation);
        let mut sums =
            Self { verdicts: [0; Verdict::ALL.len()], outcomes: [0; Outcome::ALL.len()], outside: 0, losses };
        for (flow, judgement) in observation.flows.iter().zip(judged) {
            sums.add(flow, judgement.verdict.verdict);
        }
        sums
    }

    fn add(&mut self, flow: &Conversation, verdict: Verdict) {
        count(&mut self.verdicts, verdict as usize, flow.weight());
        count(&mut self.outcomes, flow.outcome as usize, flow.weight());
        if flow.depth == 0 && verdict == Verdict::OutOfScope {
            self.outside = self.outside.saturating_add(flow.packets());
        }
        continuity::unseen(&mut self.losses, flow);
    }

    /// How many flows there are.
    pub(super) fn flows(&self) -> u64 {
        self.verdicts.iter().fold(0, |sum, flows| sum.saturating_add(*flows))
    }

    /// How many flows have this verdict.
    pub(super) fn of_verdict(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(verdict as usize).copied().unwrap_or_default()
    }

    /// How many flows went like this.
    pub(super) fn of_outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or_default()
    }
}

fn count(counts: &mut [u64], place: usize, weight: u64) {
    if let Some(seen) = counts.get_mut(place) {
        *seen = seen.saturating_add(weight);
    }
}
