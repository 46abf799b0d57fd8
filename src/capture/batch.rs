//! Packets that lie in memory together, handed out as frames. Borrows from the block that was read and
//! copies nothing; never waits for a byte.

use super::reader::{Head, Reader};
use crate::wire::{Frame, FrameRef};

/// One or more packets of one input, in order.
pub struct Batch<'block> {
    pub(super) reader: &'block Reader,
    pub(super) heads: &'block [Head],
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

    /// Its frames.
    #[inline]
    pub fn frames(&self) -> impl Iterator<Item = Frame<'block>> + Clone + use<'block> {
        let Self { reader, heads, taps, place, .. } = *self;
        heads.iter().map(move |head| frame(reader, head, taps, place))
    }
}

#[inline]
fn frame<'block>(reader: &'block Reader, head: &Head, taps: &[u32], place: u32) -> Frame<'block> {
    Frame {
        at: head.at,
        link: head.link,
        tap: taps.get(head.interface as usize).copied().unwrap_or_default(),
        place: FrameRef { input: place, number: head.number },
        bytes: reader.bytes(head),
        wire_length: head.wire_length,
        course: head.course,
        packet_id: head.packet_id,
        dropped: head.dropped,
    }
}
