//! Attempts that are over in, taken out of the table and told as conversations: what a watch that goes
//! on for weeks need not hold any longer. Which packets make one conversation is decided as settling
//! decides it, so that a table that was cleared now and then tells the same as one that was not.

use std::collections::{BTreeSet, HashSet};

use super::attempt::{Attempt, attempts};
use super::interned::Interned;
use super::key::{Address, End};
use super::payload::{Payloads, is_read_again};
use super::record::Run;
use super::seen::Seen;
use super::settle::{Errors, converse};
use super::stream::Stream;
use super::table::Table;
use super::{Conversation, FlowTable, QuotingError};
use crate::wire::{FrameRef, Timestamp, Transport};

/// How long a conversation has to be quiet, in nanoseconds, until nothing more is expected of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A TCP connection that was finished, reset or never answered.
    pub finished: i64,
    /// A TCP connection that is open.
    pub open: i64,
    /// Anything but TCP.
    pub other: i64,
}

/// What was taken out of a table.
#[derive(Debug, Default)]
pub struct Closed {
    /// The conversations, in no order.
    pub flows: Vec<Conversation>,
    /// First payload of those that speak of names and endpoints.
    pub streams: Vec<Stream>,
    /// Payload bytes of them that were acknowledged and not captured.
    pub missed_bytes: u64,
    /// The frames of the ICMP errors that conversations which stay rest on.
    pub needed: BTreeSet<FrameRef>,
}

/// Another attempt between the same ends has begun, and nothing will be added but late ICMP errors.
const FOLLOWED: i64 = 2_000_000_000;
/// Results of recognition from which on those are forgotten that no run has any more.
const RESULTS: usize = 4096;

impl FlowTable {
    /// Flows held one by one.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.four.len().saturating_add(self.six.len())
    }

    /// Whether none is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes out the conversations that have been quiet for as long as `patience` says. Outcomes are
    /// told as of `ended`, as settling would.
    pub fn close(&mut self, now: Timestamp, ended: Timestamp, patience: Patience, errors: &[QuotingError]) -> Closed {
        let mut taking = Taking { now, ended, patience, errors: Errors::new(errors), closed: Closed::default() };
        let mut payloads = self.payloads.settling();
        let four = taking.of(&self.four, &mut payloads);
        let six = taking.of(&self.six, &mut payloads);
        for mut run in self.four.take_out(&four) {
            self.payloads.release(&mut run);
        }
        for mut run in self.six.take_out(&six) {
            self.payloads.release(&mut run);
        }
        if self.payloads.interned.len() > RESULTS {
            let all = std::mem::take(&mut self.payloads.interned);
            let mut used = Interned::default();
            self.four.adopt(|run| run.verdict = used.adopt(run.verdict, &all));
            self.six.adopt(|run| run.verdict = used.adopt(run.verdict, &all));
            self.payloads.interned = used;
        }
        taking.closed
    }

    /// Folds a conversation for which there is no room, as an eviction would.
    pub fn fold_away(&mut self, flow: Conversation) {
        self.folds.add(flow);
    }
}

/// A pass over a table.
struct Taking<'pass> {
    now: Timestamp,
    ended: Timestamp,
    patience: Patience,
    errors: Errors<'pass>,
    closed: Closed,
}

impl Taking<'_> {
    /// Which runs of `table` go.
    fn of<A: Address>(&mut self, table: &Table<A>, payloads: &mut Payloads) -> Vec<bool> {
        let mut gone = vec![false; table.len()];
        let mut go = |position: usize| gone.get_mut(position).into_iter().for_each(|gone| *gone = true);
        for (position, run) in table.single() {
            if self.is_over(run, false) {
                go(position);
                self.take(&payloads.settled(run), None, payloads);
            } else {
                self.closed.needed.extend(self.errors.around(run.key, run.first));
            }
        }
        for runs in table.several().chunk_by(|one, other| one.1.key == other.1.key) {
            let attempts = attempts(runs, payloads);
            let starts = attempts.iter().skip(1).map(|(attempt, _)| Some(attempt.whole.first)).chain([None]);
            let mut goes = true;
            for ((Attempt { whole, .. }, positions), next) in attempts.iter().zip(starts) {
                goes = goes && self.is_over(whole, next.is_some());
                if goes {
                    positions.iter().copied().for_each(&mut go);
                    self.take(whole, next, payloads);
                } else {
                    self.closed.needed.extend(self.errors.around(whole.key, whole.first));
                }
            }
        }
        gone
    }

    fn take<A: Address>(&mut self, run: &Run<A>, next: Option<Timestamp>, payloads: &Payloads) {
        let error = self.errors.of(run, next);
        let flow = converse(run, self.ended, error, payloads);
        self.closed.missed_bytes = self.closed.missed_bytes.saturating_add(run.missed());
        if run.key.transport() == Transport::TCP && is_read_again(run) {
            self.closed.streams.extend(Stream::new(run, &flow));
        }
        self.closed.flows.push(flow);
    }

    fn is_over<A: Address>(&self, run: &Run<A>, followed: bool) -> bool {
        let answered = run.packets.of(End::Low).min(run.packets.of(End::High)) > &0;
        let transport = run.key.transport();
        // What reports on other flows stays as long as it may be needed to explain itself.
        if matches!(transport, Transport::ICMP | Transport::ICMP6) && !answered {
            return false;
        }
        let open = answered && !run.seen.any(Seen::RST | Seen::RST << 1) && !is_finished(run);
        let enough = match (followed, transport == Transport::TCP) {
            (true, _) => FOLLOWED,
            (false, true) if open => self.patience.open,
            (false, true) => self.patience.finished,
            (false, false) => self.patience.other,
        };
        self.now.since(run.last) >= enough
    }
}

const fn is_finished<A>(run: &Run<A>) -> bool {
    run.seen.by(Seen::FIN, End::Low) && run.seen.by(Seen::FIN, End::High)
}

/// The errors that are still needed, and those that came so late that their flow may yet come.
#[must_use]
pub fn still_needed(errors: Vec<QuotingError>, needed: &BTreeSet<FrameRef>, since: Timestamp) -> Vec<QuotingError> {
    let mut seen = HashSet::new();
    let keep = |error: &QuotingError| error.error.at >= since || needed.contains(&error.error.frame);
    errors.into_iter().filter(|error| keep(error) && seen.insert(error.error.frame)).collect()
}
