//! A settled flow: both directions of one conversation with originator, outcome and evidence, as
//! the audit reads it.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::places::{elsewhere, near};
use super::terms::OuterVlan;
use super::{Counts, DirectionBasis, Endpoint, IcmpError, Outcome};
use crate::dissect::{Payload, Recognised, Side};
use crate::wire::{FrameRef, Timestamp, Transport};

/// One conversation, settled. As large as two lines of the cache and no larger: of a million flows all are held at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Conversation {
    /// Time of its first packet.
    pub first: Timestamp,
    /// Time of its last packet.
    pub last: Timestamp,
    /// What the originator sent.
    pub sent: Counts,
    /// What the responder sent.
    pub received: Counts,
    addresses: Addresses,
    /// What its first payload bytes said; flows that said the same share it.
    pub payload: Arc<Payload>,
    rarities: Option<Box<Rarities>>,
    /// Its first frame.
    pub first_frame: FrameRef,
    /// Connection attempts by the originator (SYNs, unanswered UDP repeats), at least 1.
    pub tries: u32,
    decided: Option<NonZeroU32>,
    claimed: Option<NonZeroU32>,
    ports: [u16; 2],
    vlan: OuterVlan,
    /// IP protocol.
    pub transport: Transport,
    /// Tunnel depth of its first packet, 0 outside any tunnel.
    pub depth: u8,
    /// How the direction is known.
    pub direction_basis: DirectionBasis,
    /// How it went.
    pub outcome: Outcome,
    /// What further is known of all of it.
    pub marks: Marks,
}

/// Addresses of originator and responder. Those of IPv6 lie elsewhere, so that they cost the others nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Addresses {
    Four([Ipv4Addr; 2]),
    Others(Box<(IpAddr, IpAddr)>),
}

/// What few conversations have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rarities {
    icmp: Option<IcmpError>,
    certified: Option<FrameRef>,
    /// The inputs of two frames, where they are not that of the first frame.
    decided_input: Option<u32>,
    claimed_input: Option<u32>,
    missed: u64,
    folded: u64,
    /// Flows just like it that it stands for beyond itself.
    alike: u64,
}

/// Yes or no, of all packets of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks(u8);

impl Marks {
    /// Overlapping segments or fragments contradict each other: at best unresolved.
    pub const AMBIGUOUS: Self = Self(1);
    /// At least one of its packets was cut by the snap length.
    pub const TRUNCATED: Self = Self(2);
    /// Its first bytes were not kept, because the budget for those of all flows was used up.
    pub const UNHELD: Self = Self(4);
    /// It may have said something. Where this is missing both ends are known to have said nothing: the TCP connection
    /// was closed right behind its handshake.
    pub const VOICED: Self = Self(8);
    /// The address of its originator was not kept, or of either end, because the flow budget was reached.
    pub const BLURRED: Self = Self(16);

    /// These where they hold, or none.
    #[must_use]
    pub const fn when(self, holds: bool) -> Self {
        if holds { self } else { Self(0) }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }
}

impl Conversation {
    /// A conversation of which nothing but its ends and what it said is known.
    #[must_use]
    pub fn new(originator: Endpoint, responder: Endpoint, transport: Transport, payload: Arc<Payload>) -> Self {
        Self {
            first: Timestamp::default(),
            last: Timestamp::default(),
            sent: Counts::default(),
            received: Counts::default(),
            addresses: Addresses::new(originator.address, responder.address),
            payload,
            rarities: None,
            first_frame: FrameRef::default(),
            tries: 1,
            decided: None,
            claimed: None,
            ports: [originator.port, responder.port],
            vlan: OuterVlan::new(None),
            transport,
            depth: 0,
            direction_basis: DirectionBasis::First,
            outcome: Outcome::Pending,
            marks: Marks::VOICED,
        }
    }

    /// Who started it.
    #[must_use]
    #[inline]
    pub fn originator(&self) -> Endpoint {
        Endpoint { address: self.addresses.originator(), port: self.ports[0] }
    }

    /// Who was called.
    #[must_use]
    #[inline]
    pub fn responder(&self) -> Endpoint {
        Endpoint { address: self.addresses.responder(), port: self.ports[1] }
    }

    /// The same conversation between others.
    #[must_use]
    pub fn between(self, originator: Endpoint, responder: Endpoint) -> Self {
        let addresses = Addresses::new(originator.address, responder.address);
        Self { addresses, ports: [originator.port, responder.port], ..self }
    }

    /// Outermost VLAN of its first packet.
    #[must_use]
    pub fn vlan(&self) -> Option<u16> {
        self.vlan.get()
    }

    /// Sets the outermost VLAN of its first packet.
    pub fn set_vlan(&mut self, vlan: Option<u16>) {
        self.vlan = OuterVlan::new(vlan);
    }

    /// The frame that decided its outcome (SYN/ACK, RST, ICMP error, first answer), if any.
    #[must_use]
    pub fn decided(&self) -> Option<FrameRef> {
        self.frame(self.decided, |rare| rare.decided_input)
    }

    /// Sets the frame that decided its outcome. Set [`Conversation::first_frame`] before.
    pub fn set_decided(&mut self, frame: Option<FrameRef>) {
        self.decided = self.number(frame, |rare| &mut rare.decided_input);
    }

    /// The frame in which the bytes of its recognised request begin, for flows that state a name.
    #[must_use]
    pub fn claimed(&self) -> Option<FrameRef> {
        self.frame(self.claimed, |rare| rare.claimed_input)
    }

    /// Sets the frame in which it states a name. Set [`Conversation::first_frame`] before.
    pub fn set_claimed(&mut self, frame: Option<FrameRef>) {
        self.claimed = self.number(frame, |rare| &mut rare.claimed_input);
    }

    /// The frame in which the certificate of its server ends, where TLS 1.2 or older shows its names.
    #[must_use]
    pub fn certified(&self) -> Option<FrameRef> {
        self.rarities.as_ref()?.certified
    }

    /// Sets the frame in which the certificate of its server ends.
    pub fn set_certified(&mut self, frame: Option<FrameRef>) {
        self.set_rare(frame, |rare| &mut rare.certified);
    }

    /// The ICMP error that decided its outcome; few flows have one.
    #[must_use]
    pub fn icmp(&self) -> Option<&IcmpError> {
        self.rarities.as_ref()?.icmp.as_ref()
    }

    /// Sets the ICMP error that decided its outcome.
    pub fn set_icmp(&mut self, error: Option<IcmpError>) {
        self.set_rare(error, |rare| &mut rare.icmp);
    }

    /// Payload bytes that their receiver acknowledged and the capture does not hold.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.rarities.as_ref().map_or(0, |rare| rare.missed)
    }

    /// Sets the number of payload bytes that were acknowledged and not captured.
    pub fn set_missed(&mut self, bytes: u64) {
        self.set_rare(bytes, |rare| &mut rare.missed);
    }

    /// Flows that this one stands for beyond itself, because the flow budget was reached. The port
    /// of its originator is then 0, and the address a network (/24, /64) or unspecified.
    #[must_use]
    pub fn folded(&self) -> u64 {
        self.rarities.as_ref().map_or(0, |rare| rare.folded)
    }

    /// Sets the number of flows that it stands for because the flow budget was reached.
    pub fn set_folded(&mut self, flows: u64) {
        self.set_rare(flows, |rare| &mut rare.folded);
    }

    /// Whether overlapping segments or fragments contradict each other: at best unresolved.
    #[must_use]
    pub const fn is_ambiguous(&self) -> bool {
        self.marks.has(Marks::AMBIGUOUS)
    }

    /// Whether at least one of its packets was cut by the snap length.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.marks.has(Marks::TRUNCATED)
    }

    /// Whether its first bytes were not kept, because the budget for those of all flows was used up.
    #[must_use]
    pub const fn is_unheld(&self) -> bool {
        self.marks.has(Marks::UNHELD)
    }

    /// Whether the address of its originator, or of either end, was not kept, because the flow budget was reached: it
    /// may be anybody's.
    #[must_use]
    pub const fn is_blurred(&self) -> bool {
        self.marks.has(Marks::BLURRED)
    }

    /// Whether both ends are known to have said nothing: the TCP connection was closed right behind its handshake.
    #[must_use]
    pub const fn is_mute(&self) -> bool {
        !self.marks.has(Marks::VOICED)
    }

    /// How many flows it stands for, itself among them: those that were folded into it, and in a watch that goes on
    /// for long those just like it, of which nothing is lost but when each began. Packets, bytes and tries are the sums
    /// of all.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.alike().saturating_add(self.folded()).saturating_add(1)
    }

    fn alike(&self) -> u64 {
        self.rarities.as_ref().map_or(0, |rare| rare.alike)
    }

    /// Packets both ways.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.sent.packets.saturating_add(self.received.packets)
    }

    /// Adds the sums of a flow just like it.
    pub fn absorb(&mut self, other: &Self) {
        self.sent.add(other.sent);
        self.received.add(other.received);
        self.last = self.last.max(other.last);
        self.tries = self.tries.saturating_add(other.tries);
        self.set_missed(self.missed().saturating_add(other.missed()));
        self.set_folded(self.folded().saturating_add(other.folded()));
        let alike = self.alike().saturating_add(other.alike()).saturating_add(1);
        self.set_rare(alike, |rare| &mut rare.alike);
    }

    /// The same conversation with the ends exchanged: `basis` shows that the responder started it.
    #[must_use]
    pub fn turned(self, basis: DirectionBasis) -> Self {
        let (originator, responder) = (self.responder(), self.originator());
        let mut turned = Self { sent: self.received, received: self.sent, direction_basis: basis, ..self };
        if let Some(found) = turned.recognised_mut() {
            found.client = found.client.map(Side::other);
        }
        turned.between(originator, responder)
    }

    /// What was recognised in its payload, to be changed for this flow alone.
    pub fn recognised_mut(&mut self) -> Option<&mut Recognised> {
        if !matches!(*self.payload, Payload::Recognised(_)) {
            return None;
        }
        match Arc::make_mut(&mut self.payload) {
            Payload::Recognised(found) => Some(found),
            Payload::None | Payload::NotCaptured | Payload::NotRecognised => None,
        }
    }

    fn frame(&self, number: Option<NonZeroU32>, input: impl FnOnce(&Rarities) -> Option<u32>) -> Option<FrameRef> {
        near(self.first_frame, number, self.rarities.as_deref().and_then(input))
    }

    /// The number of a frame, whose input is noted where it is not that of the first frame.
    fn number(
        &mut self,
        frame: Option<FrameRef>,
        input: impl FnOnce(&mut Rarities) -> &mut Option<u32>,
    ) -> Option<NonZeroU32> {
        self.set_rare(frame.and_then(|frame| elsewhere(self.first_frame, frame)), input);
        NonZeroU32::new(frame?.number)
    }

    /// Sets what few have; nothing is kept for it where it is what all others have.
    fn set_rare<T: Default + PartialEq>(&mut self, value: T, place: impl FnOnce(&mut Rarities) -> &mut T) {
        if self.rarities.is_none() && value == T::default() {
            return;
        }
        let rarities = self.rarities.get_or_insert_default();
        *place(rarities) = value;
        if **rarities == Rarities::default() {
            self.rarities = None;
        }
    }
}

impl Addresses {
    fn new(originator: IpAddr, responder: IpAddr) -> Self {
        match (originator, responder) {
            (IpAddr::V4(originator), IpAddr::V4(responder)) => Self::Four([originator, responder]),
            others => Self::Others(Box::new(others)),
        }
    }

    #[inline]
    fn originator(&self) -> IpAddr {
        match self {
            Self::Four([originator, _]) => (*originator).into(),
            Self::Others(others) => others.0,
        }
    }

    #[inline]
    fn responder(&self) -> IpAddr {
        match self {
            Self::Four([_, responder]) => (*responder).into(),
            Self::Others(others) => others.1,
        }
    }
}
