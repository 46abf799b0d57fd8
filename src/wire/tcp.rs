//! A TCP header (RFC 9293 section 3.1) in, a [`TcpSegment`] out. A header that the capture cut
//! keeps what is left of it, at least the ports. Never looks at options or checksum.

use super::ip::Payload;
use super::{TcpFlags, TcpSegment, Undecoded};

/// Reads the segment at the head of `payload`.
#[inline(always)]
pub(super) fn segment(payload: Payload<'_>) -> Result<TcpSegment<'_>, Undecoded> {
    let Some(head) = payload.bytes.first_chunk::<20>() else {
        return cut(payload);
    };
    let header = u32::from(head[12] >> 4) << 2;
    // A data offset below 5 words is a lie: nobody can say where such a payload begins.
    let (bytes, length) = match usize::try_from(header).ok().and_then(|header| payload.bytes.get(header..)) {
        Some(rest) if header >= 20 => (rest, payload.length_behind(header, rest)),
        Some(_) => (NOTHING, 0),
        None => (NOTHING, payload.length_behind(header, NOTHING)),
    };
    Ok(TcpSegment {
        source_port: u16::from_be_bytes([head[0], head[1]]),
        destination_port: u16::from_be_bytes([head[2], head[3]]),
        sequence: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        acknowledgement: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        flags: TcpFlags(head[13]),
        payload: bytes,
        payload_length: length,
    })
}

/// Reads what is left of a header of fewer than 20 bytes.
fn cut(payload: Payload<'_>) -> Result<TcpSegment<'_>, Undecoded> {
    let bytes = payload.bytes;
    let [a, b, c, d] = *bytes.first_chunk::<4>().ok_or_else(|| payload.shortage(4))?;
    let number = |from: usize| bytes.get(from..).and_then(|rest| rest.first_chunk::<4>());
    let offset = bytes.get(12).map_or(20, |byte| u32::from(byte >> 4) << 2).max(20);
    Ok(TcpSegment {
        source_port: u16::from_be_bytes([a, b]),
        destination_port: u16::from_be_bytes([c, d]),
        sequence: number(4).map_or(0, |four| u32::from_be_bytes(*four)),
        acknowledgement: number(8).map_or(0, |four| u32::from_be_bytes(*four)),
        flags: TcpFlags(bytes.get(13).copied().unwrap_or(0)),
        payload: NOTHING,
        payload_length: payload.length_behind(offset, NOTHING),
    })
}

const NOTHING: &[u8] = &[];
