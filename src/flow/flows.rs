//! The flow table: datagrams in, conversations out when asked. Holds no bytes of a frame after
//! `observe` returns, except the first payload bytes that recognition still wants. Tables of
//! consecutive pieces of a capture merge into the table of the whole.

use super::fold::Folds;
use super::interned::Verdict;
use super::key::{Address, AnyKey, End, Key, of_datagram, of_quote};
use super::outcome::{Circumstances, judge, of_icmp};
use super::packet::Packet;
use super::payload::{Payloads, is_read_again};
use super::record::Run;
use super::seen::Seen;
use super::stream::Stream;
use super::table::{FEW_RUNS, Hashes, Table};
use super::{Conversation, IcmpError, Outcome, direction};
use crate::dissect::Payload;
use crate::wire::{Datagram, Frame, FrameRef, Plain, Quote, Road, Timestamp, Transport, plain};

/// The largest share of the budget that one eviction frees is a quarter: each costs a pass over all.
const EVICTED_SHARE: usize = 4;
/// Kinds of folded flows that are told apart, as a share of the budget of flows.
const FOLD_SHARE: usize = 8;

/// All flows of a capture, growing.
#[derive(Clone, Debug)]
pub struct FlowTable {
    pub(super) four: Table<u32>,
    pub(super) six: Table<[u8; 16]>,
    pub(super) payloads: Payloads,
    pub(super) folds: Folds,
    max_flows: usize,
    latest: Option<Timestamp>,
}

/// A settled flow table.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Conversations in order of first packet, folded ones included.
    pub flows: Vec<Conversation>,
    /// First payload of TCP flows to DNS servers and endpoint mappers.
    pub streams: Vec<Stream>,
    /// Flows that conversations stand for without telling them apart.
    pub folded_flows: u64,
    /// Payload bytes that were acknowledged and not captured.
    pub missed_bytes: u64,
    /// Flows whose payload was not kept because the budget for it was used up.
    pub payloads_not_held: u64,
}

/// How a datagram came to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// When its frame was captured.
    pub at: Timestamp,
    /// Its frame; the one that made it whole if it came in fragments.
    pub place: FrameRef,
    /// The capture cut its frame.
    pub snapped: bool,
    /// The capturing host says that it dropped it.
    pub dropped_by_host: bool,
    /// Its fragments contradict each other.
    pub ambiguous: bool,
}

/// An ICMP error with the packet that it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotingError {
    /// The error.
    pub error: IcmpError,
    /// What it quotes.
    pub quote: Quote,
}

impl FlowTable {
    /// An empty table that holds at most `max_flows` runs (at least 16). In a `continuation`
    /// something may be merged in front, so that a datagram may not be the first of its flow.
    #[must_use]
    pub fn new(max_flows: usize, continuation: bool) -> Self {
        let max_flows = max_flows.clamp(16, 0x7fff_ffff);
        let folds = Folds::new((max_flows / FOLD_SHARE).max(64));
        let payloads = Payloads { continuation, ..Payloads::default() };
        Self { four: Table::new(max_flows), six: Table::new(max_flows), payloads, folds, max_flows, latest: None }
    }

    /// Counts one datagram that is no fragment.
    pub fn observe(&mut self, sighting: &Sighting, datagram: &Datagram<'_>) {
        let Some((key, from)) = of_datagram(datagram) else { return };
        let packet = Packet::new(sighting, from, datagram);
        self.pass(sighting.at);
        let opened = match key {
            AnyKey::Four(key) => self.four.observe(key, packet, &mut self.payloads),
            AnyKey::Six(key) => self.six.observe(key, packet, &mut self.payloads),
        };
        if opened {
            self.hold_budget();
        }
    }

    /// Brings the flows of the frames that come next, at most [`AHEAD`](super::AHEAD), into the cache, where
    /// there are so many flows that they are not in it; otherwise looks at none of them. Changes nothing else.
    #[inline(always)]
    pub fn approach<'block>(&self, frames: impl Iterator<Item = Frame<'block>>) {
        if self.four.len() <= FEW_RUNS && self.six.len() <= FEW_RUNS {
            return;
        }
        let mut ahead = Ahead { table: self, four: Hashes::default(), six: Hashes::default() };
        for frame in frames {
            plain(&frame, &mut ahead);
        }
        self.four.approach(&ahead.four);
        self.six.approach(&ahead.six);
    }

    /// Counts one plain IPv4 packet, as [`FlowTable::observe`] would.
    #[inline(always)]
    pub fn observe_four(&mut self, sighting: &Sighting, plain: &Plain<'_, u32>) {
        self.pass(sighting.at);
        let (key, end) = key(plain);
        if self.four.observe(key, Packet::plain(sighting, end, plain), &mut self.payloads) {
            self.hold_budget();
        }
    }

    /// Counts one plain IPv6 packet, as [`FlowTable::observe`] would.
    #[inline(always)]
    pub fn observe_six(&mut self, sighting: &Sighting, plain: &Plain<'_, [u8; 16]>) {
        self.pass(sighting.at);
        let (key, end) = key(plain);
        if self.six.observe(key, Packet::plain(sighting, end, plain), &mut self.payloads) {
            self.hold_budget();
        }
    }

    /// Takes note of the time of a packet.
    #[inline(always)]
    fn pass(&mut self, at: Timestamp) {
        if self.latest.is_none_or(|latest| at > latest) {
            self.latest = Some(at);
        }
    }

    /// Adds what a table of the following piece of the capture holds.
    pub fn merge(&mut self, mut later: Self) {
        let names = std::mem::take(&mut later.payloads.interned);
        later.four.adopt(|run| run.verdict = self.payloads.interned.adopt(run.verdict, &names));
        later.six.adopt(|run| run.verdict = self.payloads.interned.adopt(run.verdict, &names));
        self.payloads.held = self.payloads.held.saturating_add(later.payloads.held);
        self.payloads.not_held = self.payloads.not_held.saturating_add(later.payloads.not_held);
        self.four.merge(later.four, &mut self.payloads);
        self.six.merge(later.six, &mut self.payloads);
        self.folds.merge(later.folds);
        self.latest = self.latest.max(later.latest);
        self.hold_budget();
    }

    /// Decides every flow with what there is, as [`FlowTable::settle`] will, and lets the bytes go that nobody
    /// reads again: then flows and conversations need not both be held with them. Nothing may be added any more.
    pub fn conclude(&mut self) {
        let mut payloads = self.payloads.settling();
        self.four.conclude(&mut payloads);
        self.six.conclude(&mut payloads);
        self.payloads.interned = payloads.interned;
    }

    /// The conversations, with outcomes as of `ended`, the time of the last packet of the capture.
    #[must_use]
    pub fn settle(&self, ended: Timestamp, errors: &[QuotingError]) -> Settled {
        let mut payloads = self.payloads.settling();
        let errors = Errors::new(errors);
        let mut settled = Settled {
            flows: Vec::with_capacity(self.four.len().saturating_add(self.six.len())),
            folded_flows: self.folds.flows,
            payloads_not_held: self.payloads.not_held,
            ..Settled::default()
        };
        settled.take_all(&self.four, &mut payloads, |run, until| errors.of(AnyKey::Four(run.key), run, until), ended);
        settled.take_all(&self.six, &mut payloads, |run, until| errors.of(AnyKey::Six(run.key), run, until), ended);
        settled.flows.extend(self.folds.conversations().cloned());
        in_order(&mut settled.flows);
        settled.streams.sort_by_key(|stream| (stream.first, stream.client, stream.server));
        settled
    }

    fn hold_budget(&mut self) {
        let held = self.four.len().saturating_add(self.six.len());
        if held <= self.max_flows {
            return;
        }
        let keep = self.max_flows.saturating_sub(self.max_flows / EVICTED_SHARE);
        // Each family keeps its share, so that a flood over one does not push out the other.
        let share = |length: usize| length.saturating_mul(keep).checked_div(held).unwrap_or(0);
        let (keep_four, keep_six) = (share(self.four.len()), share(self.six.len()));
        for run in self.four.evict(keep_four) {
            self.fold(run);
        }
        for run in self.six.evict(keep_six) {
            self.fold(run);
        }
    }

    fn fold<A: Address>(&mut self, mut run: Run<A>) {
        let ended = self.latest.unwrap_or(run.last);
        self.payloads.release(&mut run);
        self.folds.add(converse(&run, ended, None, &self.payloads));
    }
}

/// The key of a plain packet, and which end sent it.
#[inline(always)]
fn key<A: Address>(plain: &Plain<'_, A>) -> (Key<A>, End) {
    let transport = if plain.tcp.is_some() { Transport::TCP } else { Transport::UDP };
    Key::new((plain.source, plain.source_port), (plain.destination, plain.destination_port), transport)
}

/// Hashes of the packets that come next, by family.
struct Ahead<'table> {
    table: &'table FlowTable,
    four: Hashes,
    six: Hashes,
}

impl<'frame> Road<'frame> for Ahead<'_> {
    #[inline(always)]
    fn four(&mut self, packet: Plain<'frame, u32>) {
        self.four.push(self.table.four.hash(key(&packet).0));
    }

    #[inline(always)]
    fn six(&mut self, packet: Plain<'frame, [u8; 16]>) {
        self.six.push(self.table.six.hash(key(&packet).0));
    }
}

/// Sorts by first packet, and by who talks to whom where one frame opened several flows. Flows are large
/// and are moved once each; nearly all of them stand in order already, which a stable sort makes use of.
pub fn in_order(flows: &mut [Conversation]) {
    if flows.is_sorted_by(|one, next| (one.first, one.first_frame) < (next.first, next.first_frame)) {
        return;
    }
    let mut order: Vec<_> = flows.iter().map(|flow| (flow.first, flow.first_frame)).zip(0usize..).collect();
    order.sort();
    let mut places: Vec<usize> = order.into_iter().map(|(_, place)| place).collect();
    for to in 0..places.len() {
        // What belongs here may have been moved on, once or several times.
        let moved = |from: &usize| if *from < to { places.get(*from).copied() } else { None };
        let from = std::iter::successors(places.get(to).copied(), moved).last().unwrap_or(to);
        if let Some(place) = places.get_mut(to) {
            *place = from;
        }
        flows.swap(to, from);
    }
    for together in flows.chunk_by_mut(|one, next| (one.first, one.first_frame) == (next.first, next.first_frame)) {
        together.sort_by_key(|flow| (flow.originator, flow.responder, flow.transport));
    }
}

impl Settled {
    /// Takes the flows of one family. Runs stand in order of their first packets, and those of keys that come again
    /// are put between them, so that nothing is left to be sorted.
    fn take_all<'error, A: Address>(
        &mut self,
        table: &Table<A>,
        payloads: &mut Payloads,
        error: impl Fn(&Run<A>, Option<Timestamp>) -> Option<&'error IcmpError>,
        ended: Timestamp,
    ) {
        let before = self.flows.len();
        table.for_each_repeated(payloads, |run, until, payloads| self.take(run, error(run, until), ended, payloads));
        let mut repeated = self.flows.split_off(before);
        in_order(&mut repeated);
        let mut repeated = repeated.into_iter().peekable();
        table.for_each_single(payloads, |run, payloads| {
            let is_earlier = |flow: &Conversation| (flow.first, flow.first_frame) < (run.first, run.first_frame);
            while let Some(earlier) = repeated.next_if(is_earlier) {
                self.flows.push(earlier);
            }
            self.take(run, error(run, None), ended, payloads);
        });
        self.flows.extend(repeated);
    }

    fn take<A: Address>(&mut self, run: &Run<A>, error: Option<&IcmpError>, ended: Timestamp, payloads: &Payloads) {
        let flow = converse(run, ended, error, payloads);
        self.missed_bytes = self.missed_bytes.saturating_add(flow.missed);
        if run.key.transport() == Transport::TCP && is_read_again(run) {
            self.streams.extend(Stream::new(run, &flow));
        }
        self.flows.push(flow);
    }
}

/// ICMP errors by the flow and the end whose packet they quote, each list by time.
pub(super) struct Errors<'a> {
    by_key: std::collections::HashMap<(AnyKey, bool), Vec<&'a IcmpError>>,
}

impl<'a> Errors<'a> {
    pub(super) fn new(errors: &'a [QuotingError]) -> Self {
        let mut by_key = std::collections::HashMap::<_, Vec<_>>::new();
        for QuotingError { error, quote } in errors {
            if let (Some((key, from)), Some(_)) = (of_quote(quote), of_icmp(error)) {
                by_key.entry((key, from == End::Low)).or_default().push(error);
            }
        }
        for list in by_key.values_mut() {
            list.sort_by_key(|error| (error.at, error.frame));
        }
        Self { by_key }
    }

    /// The first error that quotes a packet of the originator, within the life of the flow.
    pub(super) fn of<A: Address>(&self, key: AnyKey, run: &Run<A>, until: Option<Timestamp>) -> Option<&'a IcmpError> {
        if self.by_key.is_empty() {
            return None;
        }
        let originator = direction::so_far(run);
        let list = self.by_key.get(&(key, originator == End::Low))?;
        let error = list.get(list.partition_point(|error| error.at < run.first))?;
        until.is_none_or(|until| error.at < until).then_some(*error)
    }

    /// The frames of the first errors since `first` that quote either end: whichever turns out to be the
    /// originator, no other can decide.
    pub(super) fn around(&self, key: AnyKey, first: Timestamp) -> impl Iterator<Item = FrameRef> {
        [true, false].into_iter().filter_map(move |low| {
            let list = self.by_key.get(&(key, low))?;
            list.get(list.partition_point(|error| error.at < first)).map(|error| error.frame)
        })
    }
}

pub(super) fn converse<A: Address>(
    run: &Run<A>,
    ended: Timestamp,
    icmp: Option<&IcmpError>,
    payloads: &Payloads,
) -> Conversation {
    let client = payloads.interned.get(run.verdict).and_then(|(_, client)| *client);
    let (originator, direction_basis) = direction::settle(run, client);
    let outcome = judge(run, &Circumstances { originator, ended, icmp });
    let icmp =
        icmp.filter(|error| of_icmp(error) == Some(outcome) && matches!(outcome, Outcome::Refused | Outcome::Rejected));
    let answer = if originator == run.opener() { run.answer() } else { Some(run.first_frame) };
    let places = run.places();
    Conversation {
        originator: run.key.endpoint(originator),
        responder: run.key.endpoint(originator.other()),
        transport: run.key.transport(),
        vlan: run.vlan(),
        depth: run.depth,
        direction_basis,
        outcome,
        first: run.first,
        last: run.last,
        sent: run.counts(originator),
        received: run.counts(originator.other()),
        tries: tries_of(run, originator, outcome),
        icmp: icmp.copied().map(Box::new),
        first_frame: run.first_frame,
        decided: icmp.map(|error| error.frame).or(answer),
        claimed: places.claimed,
        certified: places.certified,
        payload: payload_of(run, originator, payloads),
        ambiguous: run.seen.any(Seen::AMBIGUOUS),
        truncated: run.seen.any(Seen::TRUNCATED),
        unheld: run.verdict == Verdict::OPEN && run.seen.any(Seen::NOT_HELD),
        missed: run.missed(),
        mute: run.is_mute(),
        folded: 0,
        alike: 0,
    }
}

fn payload_of<A: Address>(run: &Run<A>, originator: End, payloads: &Payloads) -> Payload {
    if run.payload.low == 0 && run.payload.high == 0 {
        return Payload::None;
    }
    let verdict = if run.verdict == Verdict::OPEN { Verdict::NOT_CAPTURED } else { run.verdict };
    payloads.interned.payload(verdict, originator)
}

fn tries_of<A: Address>(run: &Run<A>, originator: End, outcome: Outcome) -> u32 {
    let repeats = if run.key.transport() == Transport::TCP || outcome.is_open() {
        u32::from(run.syns)
    } else {
        *run.packets.of(originator)
    };
    repeats.max(1)
}
