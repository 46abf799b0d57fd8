//! The frames that a run is quoted by: its answer, and where it states names. Nearly all lie in the input of its
//! first packet, so that a number suffices.

use std::num::NonZeroU32;

use super::key::Address;
use super::record::{Detail, Run};
use crate::wire::FrameRef;

/// The frames in which a flow states names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Where the bytes of the recognised request begin.
    pub(super) claimed: Option<FrameRef>,
    /// Where the certificate of the server ends, if it came in clear.
    pub(super) certified: Option<FrameRef>,
}

impl<A: Address> Run<A> {
    /// The frame of the first answer.
    pub(super) fn answer(&self) -> Option<FrameRef> {
        self.frame(self.answered, |detail| detail.answered_input)
    }

    /// The frame in which the bytes of the recognised request begin.
    pub(super) fn claimed(&self) -> Option<FrameRef> {
        self.frame(self.claimed, |detail| detail.claimed_input)
    }

    /// Where it states names.
    pub(super) fn places(&self) -> Places {
        Places { claimed: self.claimed(), certified: self.detail.as_ref().and_then(|detail| detail.certified) }
    }

    fn frame(&self, number: Option<NonZeroU32>, input: impl FnOnce(&Detail) -> Option<u32>) -> Option<FrameRef> {
        let elsewhere = self.detail.as_deref().and_then(input);
        Some(FrameRef { input: elsewhere.unwrap_or(self.first_frame.input), number: number?.get() })
    }

    /// Sets the frame of the first answer.
    #[inline(never)]
    pub(super) fn set_answer(&mut self, frame: FrameRef) {
        self.answered = NonZeroU32::new(frame.number);
        self.note_input(frame.input, |detail| &mut detail.answered_input);
    }

    /// Sets the frame in which the bytes of the recognised request begin.
    pub(super) fn set_claimed(&mut self, frame: FrameRef) {
        self.claimed = NonZeroU32::new(frame.number);
        self.note_input(frame.input, |detail| &mut detail.claimed_input);
    }

    /// Nearly all runs lie in one input, and need nothing for it.
    fn note_input(&mut self, input: u32, place: impl FnOnce(&mut Detail) -> &mut Option<u32>) {
        if input != self.first_frame.input {
            *place(self.detail_mut()) = Some(input);
        } else if let Some(detail) = &mut self.detail {
            *place(detail) = None;
        }
    }
}
