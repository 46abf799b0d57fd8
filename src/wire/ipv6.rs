//! One IPv6 datagram (RFC 8200) in, a [`Datagram`] out. Extension headers are followed in `ip`.

use std::net::Ipv6Addr;

use super::ip::{Payload, Version, upper};
use super::layer::Layer;
use super::{Datagram, Undecoded};

/// Reads the datagram at the head of `layer`.
pub(super) fn decode(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<40>()?;
    if head[0] >> 4 != 6 {
        return Err(Undecoded::Malformed);
    }
    let behind = match (u32::from(u16::from_be_bytes([head[4], head[5]])), head[6]) {
        (0, NO_NEXT) => 0,
        // A jumbogram (RFC 2675), or large send offload: the rest of the frame counts.
        (0, _) => rest.wire,
        (length, _) => length,
    };
    let (transport, content) = upper(Version::V6, head[6], Payload::new(rest.bytes, behind))?;
    let (source, destination) = addresses(head);
    Ok(Datagram {
        source: source.into(),
        destination: destination.into(),
        transport,
        vlan: layer.vlan,
        depth: layer.depth,
        length: behind.saturating_add(40),
        identification: None,
        content,
    })
}

/// Source and destination address of an IPv6 header.
#[inline(always)]
pub(super) fn addresses(head: &[u8; 40]) -> (Ipv6Addr, Ipv6Addr) {
    let (_, addresses) = head.split_at(8);
    let (source, destination) = addresses.split_at(16);
    (address(source), address(destination))
}

#[inline(always)]
fn address(bytes: &[u8]) -> Ipv6Addr {
    bytes.first_chunk::<16>().map_or(Ipv6Addr::UNSPECIFIED, |bytes| Ipv6Addr::from(*bytes))
}

const NO_NEXT: u8 = 59;
