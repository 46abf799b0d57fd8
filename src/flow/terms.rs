//! What is said of flows: their ends, how they are known to have begun, how they went, and how much they carried.

use std::net::IpAddr;

use crate::wire::{FrameRef, Timestamp, Transport};

/// One end of a flow. The port is 0 where the protocol has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Its port, host order.
    pub port: u16,
}

/// The outermost VLAN of a packet, if it has one, in two bytes: identifiers have 12 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OuterVlan(u16);

impl OuterVlan {
    const NONE: u16 = u16::MAX;

    pub(super) fn new(vlan: Option<u16>) -> Self {
        Self(vlan.unwrap_or(Self::NONE))
    }

    pub(super) fn get(self) -> Option<u16> {
        (self.0 != Self::NONE).then_some(self.0)
    }
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

impl Counts {
    /// Adds others.
    pub const fn add(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.payload = self.payload.saturating_add(other.payload);
    }
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
