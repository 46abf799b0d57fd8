//! A settled flow: both directions of one conversation with originator, outcome and evidence, as
//! the audit reads it.

use std::net::IpAddr;

use crate::dissect::{Payload, Recognised, Side};
use crate::wire::{FrameRef, Timestamp, Transport};

/// One end of a flow. The port is 0 where the protocol has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Its port, host order.
    pub port: u16,
}

/// How we know who started a flow, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirectionBasis {
    /// A SYN was seen.
    Syn,
    /// Only the SYN/ACK was seen.
    SynAck,
    /// The payload shows which side asked.
    Protocol,
    /// The responder's port was announced by an endpoint mapper.
    Announcement,
    /// One port is a well-known service port and the other is not.
    Port,
    /// Nothing better: who sent the first captured packet.
    First,
}

impl DirectionBasis {
    /// The word of the flow log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "synack",
            Self::Protocol => "protocol",
            Self::Announcement => "announcement",
            Self::Port => "port",
            Self::First => "first",
        }
    }
}

/// How a flow went (design section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Handshake completed and not cut before the server spoke.
    Established,
    /// UDP, ICMP: both sides spoke.
    Answered,
    /// Open before the capture began.
    Midstream,
    /// Only one direction was captured although the flow went on.
    OneSided,
    /// UDP: no answer was seen.
    Unanswered,
    /// RST, or ICMP port unreachable for UDP.
    Refused,
    /// Tried and unanswered, and the capture ran on long enough to tell.
    Filtered,
    /// ICMP administratively prohibited, host or network unreachable, quoting this flow.
    Rejected,
    /// Handshake, the client's first payload, then a reset before any server payload.
    Cut,
    /// The capturing host marked its own drop.
    Dropped,
    /// The capture ended too soon to tell.
    Pending,
}

impl Outcome {
    /// Every outcome, in report order.
    pub const ALL: &'static [Self] = &[
        Self::Established,
        Self::Answered,
        Self::Midstream,
        Self::OneSided,
        Self::Unanswered,
        Self::Refused,
        Self::Filtered,
        Self::Rejected,
        Self::Cut,
        Self::Dropped,
        Self::Pending,
    ];

    /// The word of reports and flow logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Answered => "answered",
            Self::Midstream => "midstream",
            Self::OneSided => "one-sided",
            Self::Unanswered => "unanswered",
            Self::Refused => "refused",
            Self::Filtered => "filtered",
            Self::Rejected => "rejected",
            Self::Cut => "cut",
            Self::Dropped => "dropped",
            Self::Pending => "pending",
        }
    }

    /// Whether traffic got through.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Established | Self::Answered | Self::Midstream | Self::OneSided)
    }

    /// Whether the capture proves that the flow was blocked.
    #[must_use]
    pub const fn is_blocked(self) -> bool {
        matches!(self, Self::Refused | Self::Filtered | Self::Rejected | Self::Cut | Self::Dropped)
    }
}

/// Packets and bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets, duplicates removed.
    pub packets: u64,
    /// IP bytes, headers included (Zeek's `ip_bytes`).
    pub bytes: u64,
    /// Payload bytes above TCP or UDP, retransmissions included.
    pub payload: u64,
}

/// An ICMP error that quoted a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Who sent it.
    pub from: IpAddr,
    /// ICMP or ICMPv6.
    pub transport: Transport,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// The frame that carried it.
    pub frame: FrameRef,
    /// When.
    pub at: Timestamp,
}

/// One conversation, settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Who started it.
    pub originator: Endpoint,
    /// Who was called.
    pub responder: Endpoint,
    /// IP protocol.
    pub transport: Transport,
    /// Outermost VLAN of its first packet.
    pub vlan: Option<u16>,
    /// Tunnel depth of its first packet, 0 outside any tunnel.
    pub depth: u8,
    /// How the direction is known.
    pub direction_basis: DirectionBasis,
    /// How it went.
    pub outcome: Outcome,
    /// Time of its first packet.
    pub first: Timestamp,
    /// Time of its last packet.
    pub last: Timestamp,
    /// What the originator sent.
    pub sent: Counts,
    /// What the responder sent.
    pub received: Counts,
    /// Connection attempts by the originator (SYNs, unanswered UDP repeats), at least 1.
    pub tries: u32,
    /// The ICMP error that decided its outcome; few flows have one.
    pub icmp: Option<Box<IcmpError>>,
    /// Its first frame.
    pub first_frame: FrameRef,
    /// The frame that decided its outcome (SYN/ACK, RST, ICMP error, first answer), if any.
    pub decided: Option<FrameRef>,
    /// The frame in which the bytes of its recognised request begin, for flows that state a name.
    pub claimed: Option<FrameRef>,
    /// The frame in which the certificate of its server ends, where TLS 1.2 or older shows its names.
    pub certified: Option<FrameRef>,
    /// What its first payload bytes said.
    pub payload: Payload,
    /// Overlapping segments or fragments contradict each other: at best unresolved.
    pub ambiguous: bool,
    /// At least one of its packets was cut by the snap length.
    pub truncated: bool,
    /// Its first bytes were not kept, because the budget for those of all flows was used up.
    pub unheld: bool,
    /// Payload bytes that their receiver acknowledged and the capture does not hold.
    pub missed: u64,
    /// Whether both ends are known to have said nothing: the TCP connection was closed right behind its handshake.
    pub mute: bool,
    /// Flows that this one stands for beyond itself, because the flow budget was reached. The port
    /// of its originator is then 0, and the address a network (/24, /64) or unspecified.
    pub folded: u64,
    /// Flows just like it that this one stands for beyond itself, in a watch that goes on for long:
    /// its packets, bytes and tries are then sums. Nothing of them is lost but when each began.
    pub alike: u64,
}

impl Conversation {
    /// How many flows it stands for, itself among them.
    #[must_use]
    pub const fn weight(&self) -> u64 {
        self.alike.saturating_add(1)
    }

    /// Packets both ways.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.sent.packets.saturating_add(self.received.packets)
    }

    /// Adds the sums of a flow just like it.
    pub fn absorb(&mut self, other: &Self) {
        for (sum, counts) in [(&mut self.sent, other.sent), (&mut self.received, other.received)] {
            sum.packets = sum.packets.saturating_add(counts.packets);
            sum.bytes = sum.bytes.saturating_add(counts.bytes);
            sum.payload = sum.payload.saturating_add(counts.payload);
        }
        self.last = self.last.max(other.last);
        self.tries = self.tries.saturating_add(other.tries);
        self.missed = self.missed.saturating_add(other.missed);
        self.folded = self.folded.saturating_add(other.folded);
        self.alike = self.alike.saturating_add(other.weight());
    }

    /// The same conversation with the ends exchanged: `basis` shows that the responder started it.
    #[must_use]
    pub fn turned(self, basis: DirectionBasis) -> Self {
        Self {
            originator: self.responder,
            responder: self.originator,
            sent: self.received,
            received: self.sent,
            payload: turned(self.payload),
            direction_basis: basis,
            ..self
        }
    }
}

fn turned(payload: Payload) -> Payload {
    match payload {
        Payload::Recognised(found) => {
            let client = found.client.map(|side| match side {
                Side::Originator => Side::Responder,
                Side::Responder => Side::Originator,
            });
            Payload::Recognised(Box::new(Recognised { client, ..*found }))
        }
        Payload::None | Payload::NotCaptured | Payload::NotRecognised => payload,
    }
}
