//! How a connection ended on which an end had said nothing: what tells a mute one from one whose bytes were lost.

use super::key::{Address, End, Pair};
use super::record::Run;
use super::seen::Seen;
use crate::wire::{PlainTcp, TcpFlags};

/// The last FIN or RST of an end that had sent no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    sequence: u32,
    /// What a RST acknowledged: after it nothing is taken any more.
    acknowledged: Option<u32>,
    /// Whether the handshake was answered before it.
    answered: bool,
}

impl<A: Address> Run<A> {
    /// Whether its handshake was answered, or lies before it. Most closings are those of refused attempts.
    pub(super) const fn may_have_opened(&self) -> bool {
        self.is_answered() || !self.seen.any(Seen::OPENED_SYN)
    }

    pub(super) fn note_ending(&mut self, tcp: PlainTcp, from: End) {
        let acknowledges = tcp.flags.all(TcpFlags::RST | TcpFlags::ACK);
        let acknowledged = acknowledges.then_some(tcp.acknowledgement);
        let answered = self.is_answered();
        *self.endings_mut().of_mut(from) = Some(Ending { sequence: tcp.sequence, acknowledged, answered });
    }

    fn endings_mut(&mut self) -> &mut Pair<Option<Ending>> {
        &mut self.rare_mut().endings
    }

    const fn is_answered(&self) -> bool {
        self.seen.any(Seen::SYN_ACK | Seen::SYN_ACK << 1)
    }

    /// Takes over how the ends closed in a run that goes on where this one ends.
    pub(super) fn join_endings(&mut self, later: &Self) {
        let Some(endings) = later.rare().map(|rare| rare.endings) else { return };
        let (answered, may_close) = (self.is_answered(), self.may_have_opened());
        for end in [End::Low, End::High] {
            if let Some(ending) = endings.of(end).filter(|ending| ending.answered || may_close) {
                *self.endings_mut().of_mut(end) = Some(Ending { answered: ending.answered || answered, ..ending });
            }
        }
    }

    /// Whether both ends are known to have said nothing: what closed the connection stands right behind the
    /// handshake, so that no payload can be missing between.
    pub(super) fn is_mute(&self) -> bool {
        let Some(endings) = self.rare().map(|rare| rare.endings) else { return false };
        let silent = |end: End| {
            let start = self.base.of(end).wrapping_add(1);
            // A FIN takes a number itself.
            let is_start =
                |number: u32| number == start || (self.seen.by(Seen::FIN, end) && number == start.wrapping_add(1));
            let closed = endings.of(end).is_some_and(|own| is_start(own.sequence));
            closed || endings.of(end.other()).is_some_and(|reset| reset.acknowledged.is_some_and(is_start))
        };
        let said = self.payload.low > 0 || self.payload.high > 0;
        !said && self.handshake().is_some() && silent(End::Low) && silent(End::High)
    }
}
