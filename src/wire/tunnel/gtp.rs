//! GTP-U version 1 (3GPP TS 29.281): user data of mobile networks. Signalling is ordinary UDP.

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, ip};

/// Reads a G-PDU whose length agrees with the UDP payload.
pub(super) fn decode(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (head, rest) = layer.take::<8>().ok()?;
    let length = u32::from(u16::from_be_bytes([head[2], head[3]]));
    if head[0] & 0xf8 != 0x30 || head[1] != USER_DATA || length > rest.wire {
        return None;
    }
    let inside = if head[0] & 0x07 == 0 { Ok(rest) } else { optional(rest, head[0] & 0x04 != 0) };
    Some(inside.and_then(ip::decode))
}

/// Sequence number, N-PDU number, and a chain of extension headers if `extended`.
fn optional(layer: Layer<'_>, extended: bool) -> Result<Layer<'_>, Undecoded> {
    let (head, mut rest) = layer.take::<4>()?;
    let mut next = if extended { head[3] } else { 0 };
    for _ in 0..MAX_EXTENSIONS {
        if next == 0 {
            return Ok(rest);
        }
        // An extension counts 4-byte words, and its last byte names the next one.
        let words = rest.bytes.first().copied().filter(|words| *words > 0).ok_or(Undecoded::Cut)?;
        let length = usize::from(words) << 2;
        next = rest.bytes.get(length.saturating_sub(1)).copied().ok_or(Undecoded::Cut)?;
        rest = rest.skip(length)?;
    }
    Err(Undecoded::TooDeep)
}

const USER_DATA: u8 = 0xff;
const MAX_EXTENSIONS: usize = 10;
