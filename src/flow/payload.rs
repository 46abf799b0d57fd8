//! Arrivals in, verdicts of recognition out: decides when a run keeps bytes, asks `dissect`, and lets
//! the bytes go. Where the start of a run was not captured it waits, since a ledger merged in front
//! may hold it. Never holds more than the budget of all runs together.

use super::interned::{Interned, Verdict};
use super::key::{Address, End, Pair};
use super::packet::Packet;
use super::places::Places;
use super::prefix::{Arrival, Log, Mark};
use super::recognition::Foreign;
use super::record::{Detail, Run};
use super::seen::Seen;
use crate::dissect::{ClaimSource, Progress, certificate_end};
use crate::wire::{FrameRef, Transport};

/// Memory for the payload of all runs together, with all that it takes to hold it: beyond it new runs count as not
/// captured.
pub(super) const ALL_BYTES: usize = 15 * 1024 * 1024;
/// Details kept for the next runs, and the memory that each may bring: asking the allocator for every run costs
/// more than recognition.
const SPARES: usize = 256;
const SPARE_BYTES: usize = 8 * 1024;
/// Ports whose first payload is read again when the ledger settles: DNS and the endpoint mapper.
const READ_AGAIN: [u16; 2] = [53, 135];

/// What all runs share.
#[derive(Clone, Debug, Default)]
pub(super) struct Payloads {
    /// What was recognised.
    pub(super) interned: Interned,
    /// Details of runs that were let go, with the memory of their logs: the next runs take them.
    #[expect(clippy::vec_box, reason = "runs hold them boxed, and what is moved on is the box")]
    pub(super) spare: Vec<Box<Detail>>,
    /// Bytes held for recognition.
    pub(super) held: usize,
    /// Runs without prefix because the budget was used up.
    pub(super) not_held: u64,
    /// Whether something may be merged in front, so that only a SYN proves the start of a run.
    pub(super) continuation: bool,
    /// Whether nothing will be merged in front of runs that waited for it: then they are read again.
    pub(super) resumed: bool,
}

impl Payloads {
    /// What settling goes on from: nothing will be merged in front any more.
    pub(super) fn settling(&self) -> Self {
        Self { interned: self.interned.clone(), resumed: self.continuation, ..Self::default() }
    }

    /// Keeps what recognition wants of a packet that `run` has counted, if it [`is_wanted`].
    #[inline(never)]
    pub(super) fn observe<A: Address>(&mut self, run: &mut Run<A>, packet: &Packet<'_>) {
        if let Some(mark) = packet.mark()
            && self.wants(run, &packet.arrival(mark))
        {
            self.hold(run, packet.arrival(mark));
        }
    }

    /// Takes an arrival in, now or when it is replayed after a merge.
    pub(super) fn take<A: Address>(&mut self, run: &mut Run<A>, arrival: Arrival<'_>) {
        if !is_wanted(run) || !self.wants(run, &arrival) {
            return;
        }
        self.hold(run, arrival);
    }

    /// Takes in an arrival that is wanted.
    fn hold<A: Address>(&mut self, run: &mut Run<A>, arrival: Arrival<'_>) {
        if self.held >= ALL_BYTES {
            run.seen.set(Seen::NOT_HELD);
            self.not_held = self.not_held.saturating_add(1);
            self.release(run);
            return;
        }
        if arrival.mark == Mark::Acknowledgement {
            self.acknowledge(run, arrival);
            return;
        }
        let from = arrival.from;
        let checks = run.key.transport() == Transport::TCP && self.has_start(run);
        // Once it is known what a stream is, or that nobody knows it, further bytes of it only serve to find
        // copies that contradict what is held; nor is there anything to be read again in what nobody knows.
        let is_known = checks && !is_read_again(run) && run.verdict != Verdict::OPEN;
        if run.detail.is_none() {
            run.detail = self.spare.pop();
        }
        let log = run.detail_mut().log.get_or_insert_default();
        let contradicted = checks && log.contradicts(&arrival);
        if is_known {
            log.follow(&arrival);
        } else if checks && log.is_foreign(from) {
            log.pass(&arrival);
        } else {
            self.held = self.held.saturating_add(log.push(arrival));
        }
        if contradicted {
            run.seen.set(Seen::AMBIGUOUS);
        }
        if self.has_start(run) {
            self.advance(run, from);
        }
    }

    /// An acknowledgement may let the bytes go. Where the start of a run lies before this piece, it is
    /// kept, so that a replay lets them go at the same point.
    fn acknowledge<A: Address>(&mut self, run: &mut Run<A>, arrival: Arrival<'_>) {
        if self.has_start(run) {
            if let Some(log) = run.detail.as_mut().and_then(|detail| detail.log.as_mut()) {
                log.acknowledge(&arrival);
                self.release_if_done(run);
            }
        } else {
            let log = run.detail_mut().log.get_or_insert_default();
            self.held = self.held.saturating_add(log.keep_acknowledgement(arrival));
        }
    }

    /// Joins the payload of a run that goes on where `run` ends.
    pub(super) fn join<A: Address>(&mut self, run: &mut Run<A>, later: &mut Run<A>) {
        let verdict = later.verdict;
        let places = later.places();
        if let Some(log) = later.detail.as_mut().and_then(|detail| detail.log.take()) {
            self.held = self.held.saturating_sub(log.cost());
            for arrival in log.arrivals() {
                self.take(run, arrival);
            }
        }
        if run.verdict == Verdict::OPEN && verdict != Verdict::OPEN {
            run.conclude(verdict, places);
            self.release(run);
        }
    }

    /// Reads again what a run without known start has held, now that its start is known.
    pub(super) fn replay<A: Address>(&mut self, run: &mut Run<A>) {
        if run.verdict != Verdict::OPEN || run.seen.any(Seen::OPENED_SYN) || !self.has_start(run) {
            return;
        }
        let Some(log) = run.detail.as_mut().and_then(|detail| detail.log.take()) else { return };
        self.held = self.held.saturating_sub(log.cost());
        for arrival in log.arrivals() {
            self.take(run, arrival);
        }
    }

    /// Whether [`Payloads::settled`] would change nothing.
    pub(super) fn has_settled<A: Address>(&self, run: &Run<A>) -> bool {
        run.verdict != Verdict::OPEN || run.detail.as_ref().is_none_or(|detail| detail.log.is_none())
    }

    /// The run, decided with what there is: nothing further will come. Without its bytes, unless they are
    /// read again.
    pub(super) fn settled<A: Address>(&mut self, run: &Run<A>) -> Run<A> {
        if !self.resumed || run.verdict != Verdict::OPEN {
            return self.concluded(run);
        }
        let mut run = run.clone();
        self.replay(&mut run);
        self.concluded(&run)
    }

    fn concluded<A: Address>(&mut self, run: &Run<A>) -> Run<A> {
        let mut settled = if is_read_again(run) { run.clone() } else { run.without_log() };
        let log = run.detail.as_ref().and_then(|detail| detail.log.as_ref());
        let Some(log) = log.filter(|_| run.verdict == Verdict::OPEN) else { return settled };
        if !self.has_start(run) && run.key.transport() == Transport::TCP && log.contradicts_itself() {
            settled.seen.set(Seen::AMBIGUOUS);
        }
        // A SYN without payload leaves the question open: the run that goes on after its retransmission answers it.
        if log.has_payload()
            && let (Some((verdict, places)), _) = self.decide(run, log, true)
        {
            settled.conclude(verdict, places);
        }
        settled
    }

    /// Lets the bytes of a run go.
    pub(super) fn release<A: Address>(&mut self, run: &mut Run<A>) {
        let Some(mut detail) = run.detail.take() else { return };
        let log = detail.log.take();
        self.held = self.held.saturating_sub(log.as_ref().map_or(0, Log::cost));
        if detail.rare.is_some() {
            run.detail = Some(detail);
            return;
        }
        if let Some(log) = log
            && log.allocated() <= SPARE_BYTES
            && self.spare.len() < SPARES
        {
            detail.log = Some(log.emptied());
            self.spare.push(detail);
        }
    }

    fn wants<A: Address>(&self, run: &Run<A>, arrival: &Arrival<'_>) -> bool {
        let (mark, bare) = (arrival.mark, arrival.length == 0);
        // The run itself knows the number of an answer with which an end began.
        if mark == Mark::Syn && bare && run.answer_number(arrival.from) == Some(arrival.sequence) && self.has_start(run)
        {
            return false;
        }
        match run.detail.as_ref().and_then(|detail| detail.log.as_ref()) {
            Some(log) => match mark {
                // Only what is replayed one day can make use of it before the start is known.
                Mark::Acknowledgement => self.continuation || self.has_start(run),
                Mark::Payload | Mark::Syn | Mark::Fin | Mark::Reset => !log.is_full(arrival.from, run.key.transport()),
            },
            None if mark == Mark::Acknowledgement => self.continuation && !self.has_start(run),
            // A reset ends the wait for bytes; where nothing waits it ends nothing.
            None => !bare || matches!(mark, Mark::Syn | Mark::Fin) || !self.has_start(run),
        }
    }

    /// Whether the run holds its own start, so that nothing merged in front can change its bytes.
    fn has_start<A: Address>(&self, run: &Run<A>) -> bool {
        if run.key.transport() == Transport::TCP {
            let answered = run.seen.any(Seen::OPENED_SYN_ACK) && !self.continuation;
            run.seen.any(Seen::OPENED_SYN) || answered
        } else {
            !self.continuation
        }
    }

    /// Takes a step on with what `from` sent.
    fn advance<A: Address>(&mut self, run: &mut Run<A>, from: End) {
        let transport = run.key.transport();
        let Some(log) = run.detail.as_ref().and_then(|detail| detail.log.as_ref()) else { return };
        if run.verdict == Verdict::OPEN && log.has_payload() {
            let over = is_over(log, transport);
            // Of a stream that nobody knows more bytes tell no more.
            if over || !log.is_foreign(from) {
                let (decided, foreign) = self.decide(run, log, over);
                let originator = super::direction::so_far(run);
                if let Some(log) = run.detail.as_mut().and_then(|detail| detail.log.as_mut()) {
                    log.remember(foreign);
                    log.asked = decided.is_none().then_some(originator);
                }
                if let Some((verdict, places)) = decided {
                    run.conclude(verdict, places);
                }
            }
        }
        self.release_if_done(run);
    }

    /// Lets the bytes of a run go when nothing that may come can change what they say.
    fn release_if_done<A: Address>(&mut self, run: &mut Run<A>) {
        let transport = run.key.transport();
        let Some(log) = run.detail.as_ref().and_then(|detail| detail.log.as_ref()) else { return };
        let done = if run.verdict == Verdict::OPEN {
            !log.has_payload() && is_over(log, transport)
        } else {
            transport != Transport::TCP || log.is_settled() || is_full(log, transport)
        };
        if done && !(transport == Transport::TCP && is_read_again(run)) {
            self.release(run);
        }
    }

    /// The verdict on the bytes of a run and, where it matters, where they say so; nothing while further bytes
    /// could change it. Beside it what need not be asked about again.
    fn decide<A: Address>(&mut self, run: &Run<A>, log: &Log, over: bool) -> (Option<(Verdict, Places)>, Foreign) {
        let transport = run.key.transport();
        let (originator, starts) = (super::direction::so_far(run), run.starts());
        let (progress, foreign) = if transport == Transport::TCP {
            log.recognise_stream(originator, starts, over)
        } else {
            log.recognise_datagrams(transport, originator, over)
        };
        let decided = match progress {
            Progress::Known(found) => {
                let verdict = self.interned.store(*found, originator);
                let client = self.interned.get(verdict).and_then(|(_, client)| *client).unwrap_or(originator);
                let claims = self.interned.get(verdict).map(|(found, _)| found.claims.as_slice()).unwrap_or_default();
                let matters = !claims.is_empty() || is_read_again(run);
                let certified = claims.iter().any(|claim| claim.source == ClaimSource::Certificate);
                let claimed = if matters { first_frame(log, client, starts) } else { None };
                let certified = if certified { certificate(log, client.other(), starts) } else { None };
                Some((verdict, Places { claimed, certified }))
            }
            Progress::More(_) if !over => None,
            Progress::More(_) | Progress::Unknown => Some((unknown(run, log), Places::default())),
        };
        (decided, foreign)
    }
}

/// Whether recognition may want more of a run, or hold on to what it has.
#[inline]
pub(super) fn is_wanted<A>(run: &Run<A>) -> bool {
    let closed = run.verdict != Verdict::OPEN && run.detail.as_ref().is_none_or(|detail| detail.log.is_none());
    !closed && !run.seen.any(Seen::NOT_HELD)
}

fn is_full(log: &Log, transport: Transport) -> bool {
    log.is_full(End::Low, transport) || log.is_full(End::High, transport)
}

/// Whether no further bytes will be looked at.
fn is_over(log: &Log, transport: Transport) -> bool {
    is_full(log, transport) || (log.has_finished(End::Low) && log.has_finished(End::High))
}

/// Whether the ledger reads the bytes again when it settles.
pub(super) fn is_read_again<A: Address>(run: &Run<A>) -> bool {
    READ_AGAIN.into_iter().any(|port| run.key.has_port(port))
}

fn first_frame(log: &Log, from: End, starts: Pair<Option<u32>>) -> Option<FrameRef> {
    log.assemble(from, *starts.of(from)).first.map(|(frame, _)| frame)
}

/// The frame with the last byte of the certificate that `from` sent.
fn certificate(log: &Log, from: End, starts: Pair<Option<u32>>) -> Option<FrameRef> {
    let sent = log.assemble(from, *starts.of(from));
    sent.frame(certificate_end(&sent.bytes)?.checked_sub(1)?)
}

/// Bytes that nothing knows are only unknown when their start is there, and neither the snap length
/// nor a loss took part of them.
fn unknown<A: Address>(run: &Run<A>, log: &Log) -> Verdict {
    let payload = || log.arrivals().filter(|arrival| arrival.length > 0);
    let whole = |arrival: Arrival<'_>| u32::try_from(arrival.bytes.len()).is_ok_and(|held| held >= arrival.length);
    let cut = run.seen.any(Seen::TRUNCATED) && !payload().all(whole);
    let captured = payload().any(|arrival| !arrival.bytes.is_empty());
    let started = run.key.transport() != Transport::TCP || run.seen.any(Seen::OPENED_SYN | Seen::OPENED_SYN_ACK);
    let hole = |end| log.has_hole(end, *run.starts().of(end));
    let holed = run.key.transport() == Transport::TCP && (hole(End::Low) || hole(End::High));
    if captured && started && !cut && !holed { Verdict::UNKNOWN } else { Verdict::NOT_CAPTURED }
}
