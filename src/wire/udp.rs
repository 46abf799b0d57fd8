//! A UDP (RFC 768) or UDP-Lite (RFC 3828) header in, ports and payload out; for SCTP and DCCP, which
//! begin with ports too, only these. Never looks at the checksum.

use super::ip::Payload;
use super::{Content, Undecoded};

/// Reads the UDP or UDP-Lite datagram at the head of `payload`.
#[inline(always)]
pub(super) fn datagram(protocol: u8, payload: Payload<'_>) -> Result<Content<'_>, Undecoded> {
    let Some(head) = payload.bytes.first_chunk::<8>() else {
        return cut(payload);
    };
    let rest = Payload::new(payload.bytes.get(8..).unwrap_or(&[]), payload.length.saturating_sub(8));
    // Jumbograms and send offload leave 0 here, and UDP-Lite holds its checksum coverage.
    let inner = match u16::from_be_bytes([head[4], head[5]]) {
        0 => rest,
        _ if protocol != UDP => rest,
        length => Payload::new(rest.bytes, u32::from(length).saturating_sub(8).min(rest.length)),
    };
    Ok(Content::Udp {
        source_port: u16::from_be_bytes([head[0], head[1]]),
        destination_port: u16::from_be_bytes([head[2], head[3]]),
        payload: inner.bytes,
        payload_length: inner.length,
    })
}

/// Source and destination port at the head of `payload`.
pub(super) fn ports(payload: Payload<'_>) -> Result<(u16, u16), Undecoded> {
    let [a, b, c, d] = *payload.bytes.first_chunk::<4>().ok_or_else(|| payload.shortage(4))?;
    Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Reads what is left of a header of fewer than 8 bytes.
fn cut(payload: Payload<'_>) -> Result<Content<'_>, Undecoded> {
    let (source_port, destination_port) = ports(payload)?;
    let payload_length = payload.length.saturating_sub(8);
    Ok(Content::Udp { source_port, destination_port, payload: &[], payload_length })
}

const UDP: u8 = 17;
