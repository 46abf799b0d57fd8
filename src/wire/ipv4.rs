//! One IPv4 datagram (RFC 791) in, a [`Datagram`] out. Never validates the checksum: offloading
//! leaves it wrong on the sender.

use std::net::Ipv4Addr;

use super::ip::{Payload, Version, upper};
use super::layer::Layer;
use super::{Content, Datagram, Fragment, Transport, Undecoded};

/// Reads the datagram at the head of `layer`.
pub(super) fn decode(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, _) = layer.take::<20>()?;
    let (header, length) = lengths(head, layer.wire)?;
    let behind = length.saturating_sub(header);
    let skip = usize::try_from(header).unwrap_or(usize::MAX);
    let payload = Payload::new(layer.skip(skip)?.bytes, behind);
    let identification = u16::from_be_bytes([head[4], head[5]]);
    let (transport, content) = match part(head, payload) {
        Some(fragment) => (fragment.transport, Content::Fragment(fragment)),
        None => upper(Version::V4, head[9], payload)?,
    };
    Ok(Datagram {
        source: Ipv4Addr::new(head[12], head[13], head[14], head[15]).into(),
        destination: Ipv4Addr::new(head[16], head[17], head[18], head[19]).into(),
        transport,
        vlan: layer.vlan,
        depth: layer.depth,
        length,
        identification: Some(identification),
        content,
    })
}

/// Header length and total length in bytes.
fn lengths(head: &[u8; 20], wire: u32) -> Result<(u32, u32), Undecoded> {
    let header = u32::from(head[0] & 0x0f) << 2;
    if head[0] >> 4 != 4 || header < 20 {
        return Err(Undecoded::Malformed);
    }
    // Large send offload and BIG TCP leave the total length at 0, so the rest of the frame counts.
    let length = match u32::from(u16::from_be_bytes([head[2], head[3]])) {
        0 => wire,
        total => total,
    };
    if length < header { Err(Undecoded::Malformed) } else { Ok((header, length)) }
}

/// The fragment that this datagram is, if it is one.
fn part<'frame>(head: &[u8; 20], payload: Payload<'frame>) -> Option<Fragment<'frame>> {
    let field = u16::from_be_bytes([head[6], head[7]]);
    (field & 0x3fff != 0).then(|| Fragment {
        identification: u32::from(u16::from_be_bytes([head[4], head[5]])),
        offset: u32::from(field & 0x1fff) << 3,
        more: field & 0x2000 != 0,
        transport: Transport(head[9]),
        bytes: payload.bytes,
        length: payload.length,
    })
}
