//! Older local networks and ATM: token ring, FDDI, ARCNET, LLC and LAN emulation over ATM.

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, ethernet, ip, ipv4, ipv6, llc};

/// Token ring (IEEE 802.5), with its source route.
pub(super) fn token_ring(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<14>()?;
    if head[1] & 0xc0 != 0x40 {
        return Err(Undecoded::NotIp(u16::from(head[1])));
    }
    let route = if head[8] & 0x80 == 0 { 0 } else { rest.bytes.first().map_or(0, |first| usize::from(first & 0x1f)) };
    llc::decode(rest.skip(route)?)
}

/// FDDI (ISO 9314): frame control, two addresses.
pub(super) fn fddi(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<13>()?;
    if head[0] & 0x70 != 0x50 {
        return Err(Undecoded::NotIp(u16::from(head[0])));
    }
    llc::decode(rest)
}

/// ARCNET: RFC 1201, and the older RFC 1051. `addresses` is what stands before the protocol.
pub(super) fn arcnet(layer: Layer<'_>, addresses: usize) -> Result<Datagram<'_>, Undecoded> {
    let ([protocol], rest) = layer.skip(addresses)?.take::<1>()?;
    match protocol {
        0xf0 => ipv4::decode(rest),
        0xd4 => ipv4::decode(rest.skip(3)?),
        0xc4 => ipv6::decode(rest.skip(3)?),
        _ => Err(Undecoded::NotIp(u16::from(*protocol))),
    }
}

/// Classical IP over ATM: LLC, or IP at once.
pub(super) fn classical(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    if layer.bytes.starts_with(&[0xaa, 0xaa]) { llc::decode(layer) } else { ip::decode(layer) }
}

/// SunATM: kind, path, channel.
pub(super) fn sun_atm(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<4>()?;
    match head[0] & 0x0f {
        1 => ethernet::decode(rest.skip(2)?),
        2 => llc::decode(rest),
        kind => Err(Undecoded::NotIp(u16::from(kind))),
    }
}
