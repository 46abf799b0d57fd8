//! The road nearly every packet takes: Ethernet II with up to two VLAN tags, IPv4 without options or
//! IPv6 without extension headers, TCP or UDP, whole. Anything else is `None`, and the careful path
//! decides. Never gives another answer than the careful path would.

use std::net::Ipv4Addr;

use super::ip::Payload;
use super::{Content, Datagram, Transport, ipv6, tcp, udp};

/// Reads a plain Ethernet frame.
#[inline]
pub(super) fn decode(bytes: &[u8]) -> Option<Datagram<'_>> {
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

#[inline]
fn ipv4(bytes: &[u8], vlan: Option<u16>) -> Option<Datagram<'_>> {
    let (head, rest) = bytes.split_first_chunk::<20>()?;
    let total = u16::from_be_bytes([head[2], head[3]]);
    let fragment = u16::from_be_bytes([head[6], head[7]]) & 0x3fff;
    if head[0] != 0x45 || fragment != 0 {
        return None;
    }
    // Also turns away the total length 0 of large send offload.
    let behind = total.checked_sub(20)?;
    Some(Datagram {
        source: Ipv4Addr::new(head[12], head[13], head[14], head[15]).into(),
        destination: Ipv4Addr::new(head[16], head[17], head[18], head[19]).into(),
        transport: Transport(head[9]),
        vlan,
        depth: 0,
        length: u32::from(total),
        identification: Some(u16::from_be_bytes([head[4], head[5]])),
        content: content(head[9], Payload::new(rest, u32::from(behind)))?,
    })
}

#[inline]
fn ipv6(bytes: &[u8], vlan: Option<u16>) -> Option<Datagram<'_>> {
    let (head, rest) = bytes.split_first_chunk::<40>()?;
    let behind = u16::from_be_bytes([head[4], head[5]]);
    if head[0] >> 4 != 6 || behind == 0 {
        return None;
    }
    let content = content(head[6], Payload::new(rest, u32::from(behind)))?;
    let (source, destination) = ipv6::addresses(head);
    Some(Datagram {
        source: source.into(),
        destination: destination.into(),
        transport: Transport(head[6]),
        vlan,
        depth: 0,
        length: u32::from(behind).saturating_add(40),
        identification: None,
        content,
    })
}

#[inline]
fn content(protocol: u8, payload: Payload<'_>) -> Option<Content<'_>> {
    match protocol {
        6 => tcp::segment(payload).ok().map(Content::Tcp),
        17 => udp::datagram(17, payload).ok(),
        _ => None,
    }
}
