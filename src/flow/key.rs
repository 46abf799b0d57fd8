//! Addresses and ports in, one exact key for both directions out. The key orders the two ends, so
//! that a packet and its answer meet; [`End`] remembers which end spoke. Never hashes, never guesses.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Endpoint;
use crate::wire::{Content, Datagram, Quote, Transport};

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

/// An address as a record stores it: IPv4 in 4 bytes, IPv6 in 16.
pub(super) trait Address: Copy + Eq + Ord + Hash {
    /// The address as the standard library writes it.
    fn address(self) -> IpAddr;

    /// Feeds two addresses and what else is in a key, 40 bits, to a hasher in as few words as they fill.
    fn feed(low: Self, high: Self, rest: u64, hasher: &mut impl Hasher);
}

impl Address for u32 {
    fn address(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(self))
    }

    #[inline]
    fn feed(low: Self, high: Self, rest: u64, hasher: &mut impl Hasher) {
        hasher.write_u128(u128::from(low) << 96 | u128::from(high) << 64 | u128::from(rest));
    }
}

impl Address for [u8; 16] {
    fn address(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self))
    }

    #[inline]
    fn feed(low: Self, high: Self, rest: u64, hasher: &mut impl Hasher) {
        hasher.write_u128(u128::from_ne_bytes(low));
        hasher.write_u128(u128::from_ne_bytes(high));
        hasher.write_u64(rest);
    }
}

/// The exact key of a conversation.
#[derive(Clone, Copy, Debug, Eq, PartialOrd, Ord)]
pub(super) struct Key<A> {
    low: A,
    high: A,
    low_port: u16,
    high_port: u16,
    transport: u8,
}

impl<A> Key<A> {
    /// All but the addresses.
    #[inline]
    fn rest(&self) -> u64 {
        let ports = u64::from(self.low_port) << 16 | u64::from(self.high_port);
        ports << 8 | u64::from(self.transport)
    }
}

/// Nearly always all of it is equal, so nothing is won by stopping at the first difference.
impl<A: PartialEq> PartialEq for Key<A> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        (self.low == other.low) & (self.high == other.high) & (self.rest() == other.rest())
    }
}

/// Every packet is hashed once: a field at a time would cost as much as finding the flow.
impl<A: Address> Hash for Key<A> {
    #[inline]
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        A::feed(self.low, self.high, self.rest(), hasher);
    }
}

impl<A: Address> Key<A> {
    /// The key of a packet from `source` to `destination`, and which end sent it.
    #[inline]
    pub(super) fn new(source: (A, u16), destination: (A, u16), transport: Transport) -> (Self, End) {
        let (low, high, end) =
            if source <= destination { (source, destination, End::Low) } else { (destination, source, End::High) };
        (Self { low: low.0, high: high.0, low_port: low.1, high_port: high.1, transport: transport.0 }, end)
    }

    /// IP protocol.
    pub(super) const fn transport(&self) -> Transport {
        Transport(self.transport)
    }

    /// Whether one of the ports is `port`.
    pub(super) const fn has_port(&self, port: u16) -> bool {
        self.low_port == port || self.high_port == port
    }

    /// One end, as reports name it: an ICMP identifier in the key is not a port.
    pub(super) fn endpoint(&self, end: End) -> Endpoint {
        let (address, port) = match end {
            End::Low => (self.low, self.low_port),
            End::High => (self.high, self.high_port),
        };
        let port = if matches!(self.transport(), Transport::ICMP | Transport::ICMP6) { 0 } else { port };
        Endpoint { address: address.address(), port }
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
