//! Packets that lie in memory together, handed out as frames. Borrows from the block that was read and
//! copies nothing; never waits for a byte.

use super::reader::{Head, Reader};
use crate::wire::{Course, Frame, FrameRef, LinkType, Tally};

/// One or more packets of one input, in order.
pub struct Batch<'block> {
    pub(super) reader: &'block Reader,
    pub(super) heads: &'block [Head],
    /// Whether the heads differ in nothing but time, number and lengths.
    pub(super) alike: bool,
    pub(super) tally: Tally,
    /// Tap numbers of the input's interfaces.
    pub(super) taps: &'block [u32],
    /// Index of the input.
    pub(super) place: u32,
    /// Whether there are other inputs.
    pub(super) accompanied: bool,
}

impl<'block> Batch<'block> {
    /// Whether more than one tap is known of by now, so that packets may come twice.
    #[must_use]
    pub const fn has_several_taps(&self) -> bool {
        self.accompanied || self.taps.len() > 1
    }

    /// What its frames come to.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Its frames.
    #[inline]
    pub fn frames(&self) -> impl Iterator<Item = Frame<'block>> + Clone + use<'block> {
        let Self { heads, taps, place, .. } = *self;
        let block = self.reader.block();
        heads.iter().map(move |head| Frame {
            at: head.at,
            link: head.link,
            tap: tap(taps, head),
            place: FrameRef { input: place, number: head.number },
            bytes: bytes(block, head),
            wire_length: head.wire_length,
            course: head.course,
            packet_id: head.packet_id,
            dropped: head.dropped,
        })
    }

    /// The same where all of them are Ethernet from one tap and the file says no more of them than time and lengths,
    /// as nearly always. Whoever takes these need not ask any of them for what it then knows of all.
    #[inline]
    #[must_use]
    pub fn ethernet(&self) -> Option<impl Iterator<Item = Frame<'block>> + Clone + use<'block>> {
        let first = self.heads.first().filter(|first| first.link == LinkType::ETHERNET && self.alike)?;
        let tap = tap(self.taps, first);
        // Over what is written here, what the heads say is not read.
        Some(self.frames().map(move |frame| Frame {
            link: LinkType::ETHERNET,
            tap,
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
            ..frame
        }))
    }
}

#[inline(always)]
fn tap(taps: &[u32], head: &Head) -> u32 {
    taps.get(head.interface as usize).copied().unwrap_or_default()
}

#[inline(always)]
fn bytes<'block>(block: &'block [u8], head: &Head) -> &'block [u8] {
    match block.get(head.from..).and_then(|behind| behind.get(..head.length)) {
        Some(bytes) => bytes,
        None => nothing(),
    }
}

/// What lies in no block. The reader lists no such packet, so that to ask is all that it costs.
#[cold]
#[inline(never)]
const fn nothing() -> &'static [u8] {
    &[]
}
