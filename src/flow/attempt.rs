//! Runs of one pair of endpoints in, attempts out: which SYNs belong to one attempt. A pure function
//! of the runs in their order, so it gives the same for a whole capture and for merged pieces.

use super::key::{Address, End, Pair};
use super::payload::Payloads;
use super::record::Run;
use super::seen::Seen;

/// How long after the last packet of a failed attempt another SYN is its retry. Windows sends a SYN
/// again at 3 and 9 s and repeats refused ones at once; stacks that back off further double up to 16 s.
const RETRY_WINDOW: i64 = 30_000_000_000;

/// Runs that are one flow.
#[derive(Clone, Debug)]
pub(super) struct Attempt<A> {
    /// All of its runs in one; its payload is that of the first run with any.
    pub(super) whole: Run<A>,
    initial: Pair<Option<u32>>,
    closed: bool,
}

impl<A: Address> Attempt<A> {
    /// An attempt that begins with `run`.
    pub(super) fn new(run: Run<A>) -> Self {
        let mut initial = Pair { low: None, high: None };
        *initial.of_mut(run.opener()) = run.handshake();
        let closed = is_closed(&run);
        Self { whole: run, initial, closed }
    }

    /// Whether `run` goes on with this attempt. A SYN goes on when it repeats the number of its sender on
    /// a connection that is not closed or was reset not long ago (no stack draws the same number twice in
    /// a row, but some send the old SYN again), when the attempt never opened and is not long
    /// past, or when the other side opened at the same time (RFC 9293 section 3.5) or
    /// its answer was captured first.
    pub(super) fn is_continued_by(&self, run: &Run<A>) -> bool {
        let Some(number) = run.initial() else { return true };
        let from = run.opener();
        let is_soon = run.first.since(self.whole.last) <= RETRY_WINDOW;
        match *self.initial.of(from) {
            Some(known) if known == number && !self.closed => true,
            Some(known) => is_soon && ((known == number && !self.was_finished()) || !self.has_opened(from)),
            None => *self.whole.packets.of(from) == 0 && self.initial.of(from.other()).is_some() && !self.closed,
        }
    }

    /// Joins a run that goes on.
    pub(super) fn join(&mut self, run: &Run<A>) {
        self.closed = if run.initial().is_some() { is_closed(run) } else { self.closed || is_closed(run) };
        if run.initial().is_some() {
            *self.initial.of_mut(run.opener()) = run.initial();
        }
        self.whole.join(run);
        if self.whole.verdict == super::interned::Verdict::OPEN {
            self.whole.conclude(run.verdict, run.places());
            if let Some(detail) = run.detail.as_deref() {
                let whole = self.whole.detail_mut();
                whole.log = detail.log.clone().or(whole.log.take());
            }
        }
    }

    fn was_finished(&self) -> bool {
        self.whole.seen.any(Seen::FIN | Seen::FIN << 1)
    }

    fn has_opened(&self, client: End) -> bool {
        let server = client.other();
        self.whole.seen.by(Seen::SYN_ACK, server) || *self.whole.payload.of(server) > 0
    }
}

/// The attempts of one key, whose runs come in order, each with the positions of its runs.
pub(super) fn attempts<A: Address>(
    runs: &[(usize, &Run<A>)],
    payloads: &mut Payloads,
) -> Vec<(Attempt<A>, Vec<usize>)> {
    let mut attempts: Vec<(Attempt<A>, Vec<usize>)> = Vec::new();
    for (position, run) in runs {
        let run = payloads.settled(run);
        match attempts.last_mut() {
            Some((attempt, positions)) if attempt.is_continued_by(&run) => {
                attempt.join(&run);
                positions.push(*position);
            }
            Some(_) | None => attempts.push((Attempt::new(run), vec![*position])),
        }
    }
    attempts
}

fn is_closed<A: Address>(run: &Run<A>) -> bool {
    run.seen.any(Seen::RST | Seen::RST << 1 | Seen::FIN | Seen::FIN << 1)
}
