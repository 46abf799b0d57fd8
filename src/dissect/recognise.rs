//! Placeholder of the first commit: recognisers are added one file per protocol.

use super::Recognised;
use crate::wire::Transport;

/// The first bytes of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prefix<'flow> {
    /// Contiguous payload bytes, from the first that is known.
    pub bytes: &'flow [u8],
    /// Whether `bytes` starts at the first payload byte of the connection.
    pub from_start: bool,
    /// Whether no further bytes will come (closed, cut, or budget reached).
    pub ended: bool,
}

/// What recognition makes of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Further bytes could still decide it.
    More,
    /// No recogniser knows it, and further bytes will not help.
    Unknown,
    /// Known; nothing further is wanted.
    Known(Box<Recognised>),
}

/// Recognises the application of a flow from the first bytes of both directions.
/// `originator` is the side that is taken for the originator so far; the answer names the client.
#[must_use]
pub fn recognise(_transport: Transport, originator: Prefix<'_>, responder: Prefix<'_>) -> Progress {
    if originator.ended && responder.ended { Progress::Unknown } else { Progress::More }
}
