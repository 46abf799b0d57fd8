//! The road of nearly every frame: batches of plain packets, whose flows are brought into the cache
//! together and which are counted together. The same as taking one frame after the other.

use super::observe::Ledger;
use super::{directory, names};
use crate::flow::{AHEAD, Sighting};
use crate::wire::{Course, Frame, LinkType, Plain, Timestamp, is_tunnel_port, plain};

/// Frames longer than this do not exist; the length on the wire is then nonsense (etl2pcapng writes
/// such), not truncation.
const LONGEST_FRAME: u32 = 256 * 1024;
/// Link types without a link header, to which etl2pcapng adds an Ethernet header that is not there.
const RAW_LINKS: [LinkType; 5] = [LinkType(12), LinkType(14), LinkType(101), LinkType(228), LinkType(229)];
const ETHERNET_HEADER: u32 = 14;

impl Ledger {
    /// Takes frames that lie in memory together, in their order: the same as taking one after the other.
    #[inline]
    pub fn observe_all<'block>(&mut self, frames: impl Iterator<Item = Frame<'block>> + Clone) {
        if self.options.continuation {
            frames.for_each(|frame| self.observe(&frame));
            return;
        }
        let (mut tally, mut frames, mut more) = (Tally::default(), frames, true);
        while more {
            self.flows.approach(frames.clone().take(AHEAD).filter_map(|frame| plain(&frame)));
            more = false;
            for frame in frames.by_ref().take(AHEAD) {
                more = true;
                match plain(&frame) {
                    Some(plain) if is_plain(&frame, &plain) => self.read_plain(&frame, &plain, &mut tally),
                    Some(_) | None => self.observe(&frame),
                }
            }
        }
        let decoded = tally.frames.saturating_sub(tally.copies);
        self.counters.decoded = self.counters.decoded.saturating_add(decoded);
        self.count(&tally);
    }

    /// Takes a frame that [`is_plain`].
    #[inline(always)]
    fn read_plain(&mut self, frame: &Frame<'_>, plain: &Plain<'_>, tally: &mut Tally) {
        let snapped = is_snapped(frame);
        tally.add(frame, snapped);
        self.inversions.observe(frame.place.input, frame.at, false);
        if self.options.several_taps && self.duplicates.observe(frame, &plain.datagram()) {
            tally.copies = tally.copies.wrapping_add(1);
            return;
        }
        self.cards.observe_plain(frame, plain);
        if frame.course != Course::Unknown {
            let datagram = plain.datagram();
            self.own.observe(frame, datagram.source, datagram.destination);
        }
        let sighting = Sighting { at: frame.at, place: frame.place, snapped, ..Sighting::default() };
        if speaks(plain) {
            self.hear(&sighting, &plain.datagram());
        }
        self.flows.observe_plain(&sighting, plain);
    }

    /// Adds what was counted of some frames.
    pub(super) fn count(&mut self, tally: &Tally) {
        let Some((first, last)) = tally.span else { return };
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
        let counters = &mut self.counters;
        for (counter, more) in [
            (&mut counters.frames, tally.frames),
            (&mut counters.bytes, tally.bytes),
            (&mut counters.truncated, tally.truncated),
            (&mut counters.dropped_by_host, tally.dropped),
            (&mut counters.duplicates, tally.copies),
        ] {
            *counter = counter.saturating_add(more);
        }
    }
}

/// What is counted of every frame, summed up before it is added. Frames of one batch, so no sum overflows.
#[derive(Default)]
pub(super) struct Tally {
    frames: u64,
    bytes: u64,
    truncated: u64,
    dropped: u64,
    /// Frames that show a packet once more.
    copies: u64,
    /// Earliest and latest stamp.
    span: Option<(Timestamp, Timestamp)>,
}

impl Tally {
    #[inline(always)]
    pub(super) fn add(&mut self, frame: &Frame<'_>, snapped: bool) {
        self.frames = self.frames.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(frame.bytes.len() as u64);
        self.truncated = self.truncated.wrapping_add(u64::from(snapped));
        self.dropped = self.dropped.wrapping_add(u64::from(frame.dropped));
        let (first, last) = self.span.unwrap_or((frame.at, frame.at));
        self.span = Some((first.min(frame.at), last.max(frame.at)));
    }
}

/// Whether nothing about a frame needs the careful path.
#[inline(always)]
const fn is_plain(frame: &Frame<'_>, plain: &Plain<'_>) -> bool {
    !may_be_tunnel(plain) && !frame.dropped && frame.packet_id.is_none()
}

/// Whether a packet inside it would count too.
#[inline(always)]
const fn may_be_tunnel(plain: &Plain<'_>) -> bool {
    plain.tcp.is_none() && (is_tunnel_port(plain.source_port) || is_tunnel_port(plain.destination_port))
}

/// Whether somebody listens to what it says.
#[inline(always)]
const fn speaks(plain: &Plain<'_>) -> bool {
    const fn is_read(port: u16) -> bool {
        names::is_read(port) || directory::is_read(port)
    }
    plain.tcp.is_none() && (is_read(plain.source_port) || is_read(plain.destination_port))
}

/// Whether the capture cut the frame.
#[inline]
pub(super) fn is_snapped(frame: &Frame<'_>) -> bool {
    let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
    if captured >= frame.wire_length {
        return false;
    }
    let added = RAW_LINKS.contains(&frame.link) && frame.wire_length == captured.saturating_add(ETHERNET_HEADER);
    frame.wire_length <= LONGEST_FRAME && !added
}
