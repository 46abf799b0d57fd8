//! What a run has kept in, what `dissect` makes of it out: streams put together, datagrams pair by pair.
//! Remembers which of it nobody knows, so that it is not asked again.

use super::key::{End, Pair};
use super::prefix::{Assembled, Log};
use crate::dissect::{Prefix, Progress, Side, recognise};
use crate::wire::Transport;

/// A datagram that is held.
#[derive(Clone, Copy)]
pub(super) struct Datagram<'log> {
    pub(super) bytes: &'log [u8],
    /// Its place among all arrivals.
    pub(super) place: u32,
    /// Whether it was found to be nothing that any recogniser knows, whatever follows.
    pub(super) foreign: bool,
}

/// What was found to be nothing that any recogniser knows, whatever follows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Foreign {
    pub(super) streams: Pair<bool>,
    pub(super) datagrams: u32,
}

impl Foreign {
    /// Adds the stream of `end`.
    pub(super) const fn stream(&mut self, end: End) {
        *self.streams.of_mut(end) = true;
    }

    /// Adds a datagram.
    pub(super) fn datagram(&mut self, datagram: Datagram<'_>) {
        self.datagrams |= bit(datagram.place);
    }
}

/// The bit of a place; more than 32 datagrams are never held.
pub(super) fn bit(place: u32) -> u32 {
    1u32.checked_shl(place).unwrap_or(0)
}

impl Log {
    /// What `dissect` makes of a TCP run. `starts` are the first sequence numbers where known.
    pub(super) fn recognise_stream(
        &self,
        originator: End,
        starts: Pair<Option<u32>>,
        over: bool,
    ) -> (Progress, Foreign) {
        let assemble =
            |end| if self.is_foreign(end) { Assembled::default() } else { self.assemble(end, *starts.of(end)) };
        let (asked, answered) = (assemble(originator), assemble(originator.other()));
        // Bytes behind a hole made by the snap length never come.
        let ended = |side: &Assembled<'_>, end| over || side.cut || self.has_finished(end);
        let (asked_ended, answered_ended) = (ended(&asked, originator), ended(&answered, originator.other()));
        let progress = recognise(
            Transport::TCP,
            asked.prefix(asked_ended, self.is_foreign(originator)),
            answered.prefix(answered_ended, self.is_foreign(originator.other())),
        );
        let mut foreign = Foreign::default();
        if let Progress::More(Some(side)) = progress {
            foreign.stream(if side == Side::Originator { originator } else { originator.other() });
        }
        (progress, foreign)
    }

    /// What `dissect` makes of a run without sequence numbers: each pair of datagrams is asked for
    /// itself, then all of a direction together, since a QUIC hello may fill more than one. Only when
    /// nothing further comes does a datagram that waits for more speak alone.
    pub(super) fn recognise_datagrams(&self, transport: Transport, originator: End, over: bool) -> (Progress, Foreign) {
        let mut found = Foreign::default();
        (self.ask_datagrams(transport, originator, over, &mut found), found)
    }

    fn ask_datagrams(&self, transport: Transport, originator: End, over: bool, found: &mut Foreign) -> Progress {
        // Where nothing came since it was asked, only what speaks alone may say more.
        let mut open = self.asked == Some(originator);
        let fresh = (!open).then(|| self.pairs(originator));
        for (first, second) in fresh.into_iter().flatten() {
            let foreign = match recognise(transport, datagram(first, false), datagram(second, false)) {
                Progress::Known(known) => return Progress::Known(known),
                Progress::Unknown => [first, second],
                Progress::More(side) => {
                    open = true;
                    [first.filter(|_| side == Some(Side::Originator)), second.filter(|_| side == Some(Side::Responder))]
                }
            };
            foreign.into_iter().flatten().for_each(|datagram| found.datagram(datagram));
        }
        let several = self.pairs(originator).nth(1).is_some();
        if several && [End::Low, End::High].into_iter().any(|end| self.begins_hello(end)) {
            let (first, second) = (self.concatenated(originator), self.concatenated(originator.other()));
            let together = |bytes| Prefix { bytes, from_start: true, ended: over, foreign: false };
            match recognise(transport, together(&first), together(&second)) {
                Progress::Known(known) => return Progress::Known(known),
                Progress::More(_) => open = true,
                Progress::Unknown => {}
            }
        }
        if !over {
            return if open { Progress::More(None) } else { Progress::Unknown };
        }
        let last = |(first, second)| recognise(transport, datagram(first, true), datagram(second, true));
        let known = self.pairs(originator).map(last).find(|progress| matches!(progress, Progress::Known(_)));
        known.unwrap_or(Progress::Unknown)
    }

    /// The first datagram of each end, the second of each, and so on as far as either has one.
    fn pairs(&self, originator: End) -> impl Iterator<Item = (Option<Datagram<'_>>, Option<Datagram<'_>>)> {
        let (mut asked, mut answered) = (self.datagrams(originator), self.datagrams(originator.other()));
        std::iter::from_fn(move || match (asked.next(), answered.next()) {
            (None, None) => None,
            pair => Some(pair),
        })
    }

    fn concatenated(&self, end: End) -> Vec<u8> {
        self.datagrams(end).flat_map(|datagram| datagram.bytes.iter().copied()).collect()
    }
}

/// A datagram as recognition wants it; nothing where none came.
fn datagram(datagram: Option<Datagram<'_>>, ended: bool) -> Prefix<'_> {
    let (bytes, foreign) = datagram.map_or((&[][..], false), |datagram| (datagram.bytes, datagram.foreign));
    Prefix { bytes, from_start: true, ended, foreign }
}
