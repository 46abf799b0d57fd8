//! The road nearly every packet takes: Ethernet II with up to two VLAN tags, IPv4 without options or
//! IPv6 without extension headers, TCP or UDP, whole. Anything else is `None`, and the careful path
//! decides. Never gives another answer than the careful path would.

use std::net::{IpAddr, Ipv4Addr};

use super::ip::Payload;
use super::{Content, Datagram, Transport, Undecoded, ipv6, tcp, udp};

/// Reads a plain Ethernet frame.
#[inline(always)]
pub(super) fn decode(bytes: &[u8]) -> Option<Plain<'_>> {
    let (head, mut rest) = bytes.split_first_chunk::<14>()?;
    let mut ethertype = u16::from_be_bytes([head[12], head[13]]);
    let mut vlan = None;
    for _ in 0..2 {
        if ethertype != 0x8100 && ethertype != 0x88a8 {
            break;
        }
        let (tag, behind) = rest.split_first_chunk::<4>()?;
        vlan = vlan.or(Some(u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff));
        ethertype = u16::from_be_bytes([tag[2], tag[3]]);
        rest = behind;
    }
    match ethertype {
        0x0800 => ipv4(rest, vlan),
        0x86dd => ipv6(rest, vlan),
        _ => None,
    }
}

/// A frame known to be plain, its transport header not yet read.
pub(super) struct Plain<'frame> {
    head: Head<'frame>,
    vlan: Option<u16>,
    /// IP length in bytes.
    length: u32,
    payload: Payload<'frame>,
    protocol: Protocol,
}

/// The IP header.
enum Head<'frame> {
    V4(&'frame [u8; 20]),
    V6(&'frame [u8; 40]),
}

/// The transports of this path.
enum Protocol {
    Tcp,
    Udp,
}

impl<'frame> Plain<'frame> {
    /// Reads the transport header. The datagram is put together once, where the caller wants it: moving
    /// it costs as much as reading it.
    #[inline(always)]
    pub fn datagram(self) -> Result<Datagram<'frame>, Undecoded> {
        let (transport, content) = match self.protocol {
            Protocol::Tcp => (Transport::TCP, Content::Tcp(tcp::segment(self.payload)?)),
            Protocol::Udp => (Transport::UDP, udp::datagram(17, self.payload)?),
        };
        let (source, destination, identification) = self.head.addresses();
        Ok(Datagram {
            source,
            destination,
            transport,
            vlan: self.vlan,
            depth: 0,
            length: self.length,
            identification,
            content,
        })
    }
}

impl Head<'_> {
    /// Source, destination, and the identification of IPv4.
    #[inline(always)]
    fn addresses(&self) -> (IpAddr, IpAddr, Option<u16>) {
        match self {
            Self::V4(head) => (
                Ipv4Addr::new(head[12], head[13], head[14], head[15]).into(),
                Ipv4Addr::new(head[16], head[17], head[18], head[19]).into(),
                Some(u16::from_be_bytes([head[4], head[5]])),
            ),
            Self::V6(head) => {
                let (source, destination) = ipv6::addresses(head);
                (source.into(), destination.into(), None)
            }
        }
    }
}

#[inline(always)]
fn ipv4(bytes: &[u8], vlan: Option<u16>) -> Option<Plain<'_>> {
    let (head, rest) = bytes.split_first_chunk::<20>()?;
    let total = u16::from_be_bytes([head[2], head[3]]);
    let fragment = u16::from_be_bytes([head[6], head[7]]) & 0x3fff;
    if head[0] != 0x45 || fragment != 0 {
        return None;
    }
    // Also turns away the total length 0 of large send offload.
    let behind = total.checked_sub(20)?;
    let payload = Payload::new(rest, u32::from(behind));
    Some(Plain { head: Head::V4(head), vlan, length: u32::from(total), payload, protocol: protocol(head[9])? })
}

#[inline(always)]
fn ipv6(bytes: &[u8], vlan: Option<u16>) -> Option<Plain<'_>> {
    let (head, rest) = bytes.split_first_chunk::<40>()?;
    let behind = u32::from(u16::from_be_bytes([head[4], head[5]]));
    if head[0] >> 4 != 6 || behind == 0 {
        return None;
    }
    let (payload, length) = (Payload::new(rest, behind), behind.saturating_add(40));
    Some(Plain { head: Head::V6(head), vlan, length, payload, protocol: protocol(head[6])? })
}

#[inline(always)]
const fn protocol(number: u8) -> Option<Protocol> {
    match number {
        6 => Some(Protocol::Tcp),
        17 => Some(Protocol::Udp),
        _ => None,
    }
}
