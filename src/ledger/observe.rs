//! Frames in, one ledger out: every frame ends as decoded, duplicate, fragment or undecoded, and what
//! it carries reaches the flows, the names and the ICMP errors. Never looks at the matrix, never
//! prints, never reads a clock.

use super::cards::Cards;
use super::close::Closed;
use super::directory::{self, Directory};
use super::duplicates::{Duplicates, WINDOW};
use super::inversions::Clocks;
use super::names::{self, Names};
use super::own::Own;
use super::{Counters, Input, TapInfo};
use crate::flow::{FlowTable, IcmpError, QuotingError, Sighting};
use crate::wire::{
    Content, Course, Datagram, Fragments, Frame, LinkType, Plain, Timestamp, decode, is_tunnel_port, peel, plain,
};

/// How a ledger is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Flows held before the least useful are folded.
    pub max_flows: usize,
    /// Look for copies of packets across taps. Costs a hash per frame; a capture with one tap has none.
    pub several_taps: bool,
    /// This ledger begins in the middle of a capture, and one of what comes before will be merged in
    /// front: what only the two together can decide is kept until then.
    pub continuation: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_flows: 1_000_000, several_taps: true, continuation: false }
    }
}

/// What one capture, or a piece of one, said.
#[derive(Debug)]
pub struct Ledger {
    pub(super) options: Options,
    pub(super) counters: Counters,
    pub(super) flows: FlowTable,
    pub(super) fragments: Fragments,
    /// Fragments that tables merged into this one had given up.
    pub(super) fragments_lost: u64,
    pub(super) duplicates: Duplicates,
    pub(super) inversions: Clocks,
    pub(super) names: Names,
    pub(super) directory: Directory,
    pub(super) cards: Cards,
    pub(super) own: Own,
    pub(super) errors: Vec<QuotingError>,
    /// What is over and was folded.
    pub(super) closed: Closed,
    /// The first frames of a continuation with several taps: the end of what comes before decides
    /// whether they are copies.
    pub(super) head: Vec<HeldFrame>,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) inputs: Vec<Input>,
    pub(super) taps: Vec<TapInfo>,
}

/// ICMP errors kept; a flood of them beyond that decides nothing.
pub(super) const MAX_ERRORS: usize = 65_536;
/// Time and frames at the start of a continuation that wait: twice the window, since the clocks of
/// taps differ a little.
const HEAD_TIME: i64 = 2 * WINDOW;
const HEAD_FRAMES: usize = 16_384;
/// Frames longer than this do not exist; the length on the wire is then nonsense (etl2pcapng writes
/// such), not truncation.
const LONGEST_FRAME: u32 = 256 * 1024;
/// Link types without a link header, to which etl2pcapng adds an Ethernet header that is not there.
const RAW_LINKS: [LinkType; 5] = [LinkType(12), LinkType(14), LinkType(101), LinkType(228), LinkType(229)];
const ETHERNET_HEADER: u32 = 14;

/// A frame that waits for a merge, with its bytes.
#[derive(Clone, Debug)]
pub(super) struct HeldFrame {
    frame: Frame<'static>,
    bytes: Box<[u8]>,
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            counters: Counters::default(),
            flows: FlowTable::new(options.max_flows, options.continuation),
            fragments: Fragments::default(),
            fragments_lost: 0,
            duplicates: Duplicates::default(),
            inversions: Clocks::default(),
            names: Names::default(),
            directory: Directory::default(),
            cards: Cards::default(),
            own: Own::default(),
            errors: Vec::new(),
            closed: Closed::default(),
            head: Vec::new(),
            first: None,
            last: None,
            inputs: Vec::new(),
            taps: Vec::new(),
        }
    }

    /// Says which inputs and interfaces the frames come from.
    pub fn set_inputs(&mut self, inputs: Vec<Input>, taps: Vec<TapInfo>) {
        self.inputs = inputs;
        self.taps = taps;
    }

    /// From here on copies of packets are looked for: a second tap has been named.
    pub const fn expect_copies(&mut self) {
        self.options.several_taps = true;
    }

    /// Takes one frame. Frames come in the order in which they are to be read.
    pub fn observe(&mut self, frame: &Frame<'_>) {
        if self.holds(frame) {
            if let Ok(datagram) = decode(frame) {
                // The frames behind the head are compared with it all the same.
                self.duplicates.observe(frame, &datagram);
            }
            self.head.push(HeldFrame::new(frame));
        } else {
            self.read(frame);
        }
    }

    /// Takes frames that lie in memory together, in their order: the same as taking one after the other.
    #[inline]
    pub fn observe_all<'block>(&mut self, frames: impl Iterator<Item = Frame<'block>>) {
        let whole = !self.options.continuation;
        for frame in frames {
            match plain(&frame) {
                Some(plain) if whole && is_only_counted(&plain) && !frame.dropped && frame.packet_id.is_none() => {
                    let snapped = is_snapped(&frame);
                    self.count(&frame, snapped);
                    if self.options.several_taps && self.duplicates.observe(&frame, &plain.datagram()) {
                        raise(&mut self.counters.duplicates);
                        continue;
                    }
                    raise(&mut self.counters.decoded);
                    let sighting = Sighting { at: frame.at, place: frame.place, snapped, ..Sighting::default() };
                    self.cards.observe_plain(&frame, &plain);
                    if frame.course != Course::Unknown {
                        let datagram = plain.datagram();
                        self.own.observe(&frame, datagram.source, datagram.destination);
                    }
                    self.flows.observe_plain(&sighting, &plain);
                }
                Some(_) | None => self.observe(&frame),
            }
        }
    }

    fn holds(&self, frame: &Frame<'_>) -> bool {
        if !self.options.continuation || !self.options.several_taps || self.counters.frames > 0 {
            return false;
        }
        let early = self.head.first().is_none_or(|first| frame.at.since(first.frame.at) <= HEAD_TIME);
        early && self.head.len() < HEAD_FRAMES
    }

    fn read(&mut self, frame: &Frame<'_>) {
        let snapped = is_snapped(frame);
        self.count(frame, snapped);
        let datagram = match decode(frame) {
            Ok(datagram) => datagram,
            Err(reason) => {
                raise(self.counters.undecoded.entry(reason).or_default());
                return;
            }
        };
        let may_be_copy = self.options.several_taps || frame.packet_id.is_some();
        if may_be_copy && self.duplicates.observe(frame, &datagram) {
            raise(&mut self.counters.duplicates);
            return;
        }
        if matches!(datagram.content, Content::Fragment(_)) {
            raise(&mut self.counters.fragments);
        } else {
            raise(&mut self.counters.decoded);
        }
        let sighting =
            Sighting { at: frame.at, place: frame.place, snapped, dropped_by_host: frame.dropped, ambiguous: false };
        self.cards.observe(frame, &datagram);
        self.own.observe(frame, datagram.source, datagram.destination);
        self.descend(&sighting, &datagram);
    }

    #[inline]
    fn count(&mut self, frame: &Frame<'_>, snapped: bool) {
        raise(&mut self.counters.frames);
        let bytes = u64::try_from(frame.bytes.len()).unwrap_or(u64::MAX);
        self.counters.bytes = self.counters.bytes.saturating_add(bytes);
        if self.first.is_none_or(|first| frame.at < first) {
            self.first = Some(frame.at);
        }
        if self.last.is_none_or(|last| frame.at > last) {
            self.last = Some(frame.at);
        }
        self.inversions.observe(frame.place.input, frame.at, self.options.continuation);
        if snapped {
            raise(&mut self.counters.truncated);
        }
        if frame.dropped {
            raise(&mut self.counters.dropped_by_host);
        }
    }

    /// Follows a datagram down its tunnels; inner and outer both count.
    #[inline]
    fn descend(&mut self, sighting: &Sighting, outermost: &Datagram<'_>) {
        self.take(sighting, outermost);
        let mut next = peel(outermost);
        while let Some(layer) = next {
            match layer {
                Ok(datagram) => {
                    self.take(sighting, &datagram);
                    next = peel(&datagram);
                }
                Err(reason) => {
                    raise(self.counters.undecoded_inner.entry(reason).or_default());
                    return;
                }
            }
        }
    }

    fn take(&mut self, sighting: &Sighting, datagram: &Datagram<'_>) {
        match datagram.content {
            Content::Fragment(_) => {
                self.join_fragment(sighting, datagram);
                return;
            }
            Content::Udp { source_port, destination_port, payload, .. } => {
                self.names.observe(
                    sighting,
                    (datagram.source, source_port),
                    (datagram.destination, destination_port),
                    payload,
                );
                self.directory.observe(sighting, (datagram.source, source_port), payload);
            }
            Content::Icmp(message) => {
                if let Some(quote) = message.quote
                    && self.errors.len() < MAX_ERRORS
                {
                    let error = IcmpError {
                        from: datagram.source,
                        transport: datagram.transport,
                        kind: message.kind,
                        code: message.code,
                        frame: sighting.place,
                        at: sighting.at,
                    };
                    self.errors.push(QuotingError { error, quote });
                }
            }
            Content::Tcp(_) | Content::Ports { .. } | Content::Other(_) => {}
        }
        self.flows.observe(sighting, datagram);
    }

    /// Keeps a fragment; the datagram that it makes whole counts at this frame. `wire` never gives a
    /// fragment as a whole datagram, so this does not nest.
    pub(super) fn join_fragment(&mut self, sighting: &Sighting, datagram: &Datagram<'_>) {
        if let Some(whole) = self.fragments.insert(sighting.at, datagram, sighting.place) {
            let sighting = Sighting { ambiguous: whole.ambiguous, ..*sighting };
            match whole.datagram() {
                Ok(datagram) => self.descend(&sighting, &datagram),
                Err(reason) => raise(self.counters.undecoded_inner.entry(reason).or_default()),
            }
        }
    }
}

impl HeldFrame {
    fn new(frame: &Frame<'_>) -> Self {
        Self { frame: frame.without_bytes(), bytes: frame.bytes.into() }
    }

    /// The frame as it was read.
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame { bytes: &self.bytes, ..self.frame }
    }
}

/// Whether only the flows want it: it can hold no tunnel, and nobody listens to what it says.
#[inline]
const fn is_only_counted(plain: &Plain<'_>) -> bool {
    const fn is_plain(port: u16) -> bool {
        !names::is_read(port) && !directory::is_read(port) && !is_tunnel_port(port)
    }
    plain.tcp.is_some() || (is_plain(plain.source_port) && is_plain(plain.destination_port))
}

/// Whether the capture cut the frame.
#[inline]
fn is_snapped(frame: &Frame<'_>) -> bool {
    let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
    if captured >= frame.wire_length {
        return false;
    }
    let added = RAW_LINKS.contains(&frame.link) && frame.wire_length == captured.saturating_add(ETHERNET_HEADER);
    frame.wire_length <= LONGEST_FRAME && !added
}

const fn raise(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
