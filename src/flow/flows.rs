//! The flow table: datagrams in, conversations out when asked. Holds no bytes of a frame after
//! `observe` returns, except the first payload bytes that recognition still wants. Tables of
//! consecutive pieces of a capture merge into the table of the whole.

use super::IcmpError;
use super::fold::Folds;
use super::key::{Address, AnyKey, End, Key, of_datagram};
use super::packet::Packet;
use super::payload::Payloads;
use super::record::Run;
use super::settle::converse;
use super::table::{FEW_RUNS, Hashes, Table};
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
