//! Frames in, one ledger out: every frame ends as decoded, duplicate, fragment or undecoded, and what
//! it carries reaches the flows, the names and the ICMP errors. Never looks at the matrix, never
//! prints, never reads a clock.

use super::cards::Cards;
use super::close::Closed;
use super::directory::Directory;
use super::duplicates::{Duplicates, WINDOW};
use super::inversions::Clocks;
use super::names::Names;
use super::own::Own;
use super::{Counters, Input, TapInfo};
use crate::flow::{FlowTable, IcmpError, QuotingError, Sighting};
use crate::wire::{Content, Datagram, Fragments, Frame, Tally, Timestamp, decode, peel};

/// Flows held one by one unless something else is asked for: those of a flood of a million are.
pub const MAX_FLOWS: u32 = 1 << 20;

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
        Self { max_flows: MAX_FLOWS as usize, several_taps: true, continuation: false }
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

    fn holds(&self, frame: &Frame<'_>) -> bool {
        if !self.options.continuation || !self.options.several_taps || self.counters.frames > 0 {
            return false;
        }
        let early = self.head.first().is_none_or(|first| frame.at.since(first.frame.at) <= HEAD_TIME);
        early && self.head.len() < HEAD_FRAMES
    }

    fn read(&mut self, frame: &Frame<'_>) {
        self.count(&Tally::of(std::iter::once(*frame)));
        self.inversions.observe(frame.place.input, frame.at, self.options.continuation);
        self.examine(frame);
    }

    /// Decodes a frame that was counted, and takes what it carries.
    pub(super) fn examine(&mut self, frame: &Frame<'_>) {
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
        let sighting = Sighting {
            at: frame.at,
            place: frame.place,
            snapped: frame.is_snapped(),
            dropped_by_host: frame.dropped,
            ambiguous: false,
        };
        self.cards.observe(frame, &datagram);
        self.own.observe(frame, datagram.source, datagram.destination);
        self.descend(&sighting, &datagram);
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
            Content::Udp { .. } => self.hear(sighting, datagram),
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

    /// Listens to what a UDP datagram says of names and of directories.
    #[inline(never)]
    pub(super) fn hear(&mut self, sighting: &Sighting, datagram: &Datagram<'_>) {
        if let Content::Udp { source_port, destination_port, payload, .. } = datagram.content {
            let (source, destination) = ((datagram.source, source_port), (datagram.destination, destination_port));
            self.names.observe(sighting, source, destination, payload);
            self.directory.observe(sighting, source, payload);
        }
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

pub(super) const fn raise(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
