//! The first payload of a TCP flow whose messages the ledger reads: both directions put together,
//! with the frame and time of each piece. Never more than recognition kept.

use super::key::{Address, End};
use super::prefix::Assembled;
use super::record::Run;
use super::seen::Seen;
use super::{Conversation, Endpoint};
use crate::wire::{FrameRef, Timestamp};

/// One direction of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Contiguous payload bytes.
    pub bytes: Vec<u8>,
    /// Whether they begin with the first byte of the direction.
    pub from_start: bool,
    pieces: Vec<(usize, FrameRef, Timestamp)>,
}

impl Stretch {
    /// The frame that holds the byte at `offset`, and its time.
    #[must_use]
    pub fn place(&self, offset: usize) -> Option<(FrameRef, Timestamp)> {
        let (_, frame, at) = self.pieces.iter().rev().find(|(start, ..)| *start <= offset)?;
        Some((*frame, *at))
    }
}

/// Both directions of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Who asked.
    pub client: Endpoint,
    /// Who answered.
    pub server: Endpoint,
    /// Time of the first packet.
    pub first: Timestamp,
    /// What the client sent.
    pub asked: Stretch,
    /// What the server sent.
    pub answered: Stretch,
    /// Whether a handshake was seen.
    pub opened: bool,
    /// Whether segments contradict each other.
    pub ambiguous: bool,
}

impl Stream {
    pub(super) fn new<A: Address>(run: &Run<A>, flow: &Conversation) -> Option<Self> {
        let log = run.detail.as_ref()?.log.as_ref()?;
        let client = if run.key.endpoint(End::Low) == flow.originator() { End::Low } else { End::High };
        let starts = run.starts();
        let stretch = |end| Stretch::from(log.assemble(end, *starts.of(end)));
        Some(Self {
            client: flow.originator(),
            server: flow.responder(),
            first: flow.first,
            asked: stretch(client),
            answered: stretch(client.other()),
            opened: run.seen.any(Seen::OPENED_SYN) && run.seen.by(Seen::SYN_ACK, client.other()),
            ambiguous: flow.is_ambiguous(),
        })
    }
}

impl From<Assembled<'_>> for Stretch {
    fn from(assembled: Assembled<'_>) -> Self {
        let first = assembled.first.map(|(frame, at)| (0, frame, at));
        let pieces = first.into_iter().chain(assembled.further).collect();
        Self { bytes: assembled.bytes.into_owned(), from_start: assembled.from_start, pieces }
    }
}
