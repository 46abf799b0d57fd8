//! Addresses and ports in, one exact key for both directions out. The key orders the two ends, so
//! that a packet and its answer meet; [`End`] remembers which end spoke. Never hashes, never guesses.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use super::Endpoint;
use crate::wire::{Content, Datagram, Quote, RawAddress, Transport};

/// Which of the two ends of a key sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// The lower endpoint of the key.
    Low,
    /// The higher endpoint of the key.
    High,
}

impl End {
    /// The end that it talks to.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

/// One value for each end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair<T> {
    /// Of the lower endpoint.
    pub(super) low: T,
    /// Of the higher endpoint.
    pub(super) high: T,
}

impl<T> Pair<T> {
    /// The value of `end`.
    pub(super) const fn of(&self, end: End) -> &T {
        match end {
            End::Low => &self.low,
            End::High => &self.high,
        }
    }

    /// The value of `end`, to change it.
    pub(super) const fn of_mut(&mut self, end: End) -> &mut T {
        match end {
            End::Low => &mut self.low,
            End::High => &mut self.high,
        }
    }
}

/// An address that a record stores.
pub(super) trait Address: RawAddress + Eq + Ord + Hash {
    /// An address with its port, in an order.
    type Point: Ord + Copy;

    /// Puts the two together.
    fn with_port(self, port: u16) -> Self::Point;

    /// Takes them apart again.
    fn apart(point: Self::Point) -> (Self, u16);

    /// Feeds two addresses and what else is in a key, 40 bits, to a hasher in as few words as they fill.
    fn feed(low: Self, high: Self, rest: u64, hasher: &mut impl Hasher);

    /// A key of this family as one of any.
    fn any(key: Key<Self>) -> AnyKey;
}

impl Address for u32 {
    /// One number: two are put in order without a branch that cannot be foreseen.
    type Point = u64;

    #[inline(always)]
    fn with_port(self, port: u16) -> u64 {
        u64::from(self) << 16 | u64::from(port)
    }

    #[inline(always)]
    fn apart(point: u64) -> (Self, u16) {
        let address = Self::try_from(point >> 16 & 0xffff_ffff).unwrap_or(Self::MAX);
        (address, u16::try_from(point & 0xffff).unwrap_or(u16::MAX))
    }

    #[inline]
    fn feed(low: Self, high: Self, rest: u64, hasher: &mut impl Hasher) {
        hasher.write_u128(u128::from(low) << 96 | u128::from(high) << 64 | u128::from(rest));
    }

    fn any(key: Key<Self>) -> AnyKey {
        AnyKey::Four(key)
    }
}

impl Address for [u8; 16] {
    type Point = (u128, u16);

    #[inline(always)]
    fn with_port(self, port: u16) -> (u128, u16) {
        (u128::from_be_bytes(self), port)
    }

    #[inline(always)]
    fn apart((address, port): (u128, u16)) -> (Self, u16) {
        (address.to_be_bytes(), port)
    }

    #[inline]
    fn feed(low: Self, high: Self, rest: u64, hasher: &mut impl Hasher) {
        hasher.write_u128(u128::from_ne_bytes(low));
        hasher.write_u128(u128::from_ne_bytes(high));
        hasher.write_u64(rest);
    }

    fn any(key: Key<Self>) -> AnyKey {
        AnyKey::Six(key)
    }
}

/// The exact key of a conversation.
#[derive(Clone, Copy, Debug, Eq, PartialOrd, Ord)]
pub(super) struct Key<A> {
    low: A,
    high: A,
    /// Port of the lower endpoint, port of the higher one, IP protocol: as every packet is compared with it.
    rest: u64,
}

/// Nearly always all of it is equal, so nothing is won by stopping at the first difference.
impl<A: PartialEq> PartialEq for Key<A> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        (self.low == other.low) & (self.high == other.high) & (self.rest == other.rest)
    }
}

/// Every packet is hashed once: a field at a time would cost as much as finding the flow.
impl<A: Address> Hash for Key<A> {
    #[inline]
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        A::feed(self.low, self.high, self.rest, hasher);
    }
}

impl<A: Address> Key<A> {
    /// The key of a packet from `source` to `destination`, and which end sent it.
    #[inline(always)]
    pub(super) fn new(source: (A, u16), destination: (A, u16), transport: Transport) -> (Self, End) {
        let (source, destination) = (source.0.with_port(source.1), destination.0.with_port(destination.1));
        let end = if source <= destination { End::Low } else { End::High };
        let (low, low_port) = A::apart(source.min(destination));
        let (high, high_port) = A::apart(source.max(destination));
        let rest = u64::from(low_port) << 24 | u64::from(high_port) << 8 | u64::from(transport.0);
        (Self { low, high, rest }, end)
    }

    /// IP protocol.
    pub(super) const fn transport(&self) -> Transport {
        let [.., transport] = self.rest.to_be_bytes();
        Transport(transport)
    }

    /// Ports of the lower and of the higher endpoint.
    const fn ports(&self) -> (u16, u16) {
        let [.., a, b, c, d, _] = self.rest.to_be_bytes();
        (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }

    /// Whether one of the ports is `port`.
    pub(super) const fn has_port(&self, port: u16) -> bool {
        let (low, high) = self.ports();
        low == port || high == port
    }

    /// The port of one end, 0 where there are none: an ICMP identifier in the key is not a port.
    pub(super) const fn port(&self, end: End) -> u16 {
        let (low, high) = self.ports();
        match (self.transport(), end) {
            (Transport::ICMP | Transport::ICMP6, _) => 0,
            (_, End::Low) => low,
            (_, End::High) => high,
        }
    }

    /// One end, as reports name it.
    pub(super) fn endpoint(&self, end: End) -> Endpoint {
        let address = match end {
            End::Low => self.low,
            End::High => self.high,
        };
        Endpoint { address: address.address(), port: self.port(end) }
    }
}

/// A key of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AnyKey {
    /// IPv4 at both ends.
    Four(Key<u32>),
    /// IPv6 at both ends.
    Six(Key<[u8; 16]>),
}

/// The key of a datagram; `None` when its two addresses are of different families, which no decoder gives.
#[inline]
pub(super) fn of_datagram(datagram: &Datagram<'_>) -> Option<(AnyKey, End)> {
    let ports = match datagram.content {
        // Echoes are told apart by identifier, which both directions carry.
        Content::Icmp(message) => {
            let identifier = message.identifier.unwrap_or(0);
            (identifier, identifier)
        }
        Content::Tcp(_) | Content::Udp { .. } | Content::Ports { .. } | Content::Fragment(_) | Content::Other(_) => {
            datagram.ports()
        }
    };
    of_addresses((datagram.source, ports.0), (datagram.destination, ports.1), datagram.transport)
}

/// The key of the packet that an ICMP error quotes.
pub(super) fn of_quote(quote: &Quote) -> Option<(AnyKey, End)> {
    let from = (quote.source, quote.source_port);
    of_addresses(from, (quote.destination, quote.destination_port), quote.transport)
}

#[inline]
fn of_addresses(from: (IpAddr, u16), to: (IpAddr, u16), transport: Transport) -> Option<(AnyKey, End)> {
    match (from.0, to.0) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let (key, end) = Key::new((source.to_bits(), from.1), (destination.to_bits(), to.1), transport);
            Some((AnyKey::Four(key), end))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let (key, end) = Key::new((source.octets(), from.1), (destination.octets(), to.1), transport);
            Some((AnyKey::Six(key), end))
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}
