//! The word that every recogniser answers with. One direction of a flow in, one of three answers
//! out; what both directions say together is decided in `recognise`.

use super::{Application, Claim, Prefix};

/// What one recogniser makes of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Peek {
    /// It is something else.
    Not,
    /// Too short to tell.
    More,
    /// It is this.
    Is(Sight),
}

/// Who speaks in the direction that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    Client,
    Server,
    Either,
}

/// What a recogniser saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) application: Application,
    pub(super) speaker: Speaker,
    pub(super) claims: Vec<Claim>,
    pub(super) alpn: Option<String>,
    /// Whether further bytes would tell more.
    pub(super) rest: Rest,
}

/// What further bytes would add to a sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// This direction is not complete yet (a hello over several segments).
    This,
    /// This direction is complete, and the other side's answer would add to it.
    Other,
}

impl Peek {
    /// A protocol that shows nothing but itself.
    pub(super) const fn is(application: Application, speaker: Speaker) -> Self {
        Self::Is(Sight { application, speaker, claims: Vec::new(), alpn: None, rest: Rest::Nothing })
    }

    /// `Is` when `proved`, otherwise `Not`.
    pub(super) const fn when(proved: bool, application: Application, speaker: Speaker) -> Self {
        if proved { Self::is(application, speaker) } else { Self::Not }
    }
}

/// The answer where bytes ran out before anything was decided.
pub(super) const fn short(prefix: &Prefix<'_>) -> Peek {
    if prefix.ended { Peek::Not } else { Peek::More }
}

/// Compares the front of a direction with a fixed beginning, as far as both go.
pub(super) fn begins(prefix: &Prefix<'_>, beginning: &[u8]) -> Begins {
    if prefix.bytes.starts_with(beginning) {
        Begins::Yes
    } else if !prefix.ended && beginning.starts_with(prefix.bytes) {
        Begins::Maybe
    } else {
        Begins::No
    }
}

/// The answer of [`begins`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Yes,
    Maybe,
    No,
}
