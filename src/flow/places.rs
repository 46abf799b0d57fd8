//! The frames that a run is quoted by: its answer, and where it states names. Nearly all lie in the input of its
//! first packet, so that a number suffices.

use std::num::NonZeroU32;

use super::key::Address;
use super::record::{Rare, Run};
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
        self.frame(self.answered, |rare| rare.answered_input)
    }

    /// The frame in which the bytes of the recognised request begin.
    pub(super) fn claimed(&self) -> Option<FrameRef> {
        self.frame(self.claimed, |rare| rare.claimed_input)
    }

    /// Where it states names.
    pub(super) fn places(&self) -> Places {
        Places { claimed: self.claimed(), certified: self.rare().and_then(|rare| rare.certified) }
    }

    fn frame(&self, number: Option<NonZeroU32>, input: impl FnOnce(&Rare) -> Option<u32>) -> Option<FrameRef> {
        near(self.first_frame, number, self.rare().and_then(input))
    }

    /// Sets the frame of the first answer.
    #[inline(never)]
    pub(super) fn set_answer(&mut self, frame: FrameRef) {
        self.answered = NonZeroU32::new(frame.number);
        self.note_input(frame, |rare| &mut rare.answered_input);
    }

    /// Sets the frame in which the bytes of the recognised request begin.
    pub(super) fn set_claimed(&mut self, frame: FrameRef) {
        self.claimed = NonZeroU32::new(frame.number);
        self.note_input(frame, |rare| &mut rare.claimed_input);
    }

    /// Nearly all runs lie in one input, and need nothing for it.
    fn note_input(&mut self, frame: FrameRef, place: impl FnOnce(&mut Rare) -> &mut Option<u32>) {
        if let Some(input) = elsewhere(self.first_frame, frame) {
            *place(self.rare_mut()) = Some(input);
        } else if let Some(rare) = self.detail.as_mut().and_then(|detail| detail.rare.as_mut()) {
            *place(rare) = None;
        }
    }
}

/// A frame of which only the number is kept, and its input where that is not the input of the `first`.
pub(super) fn near(first: FrameRef, number: Option<NonZeroU32>, elsewhere: Option<u32>) -> Option<FrameRef> {
    Some(FrameRef { input: elsewhere.unwrap_or(first.input), number: number?.get() })
}

/// The input of a frame, where it is not that of the `first`.
pub(super) fn elsewhere(first: FrameRef, frame: FrameRef) -> Option<u32> {
    (frame.input != first.input).then_some(frame.input)
}
