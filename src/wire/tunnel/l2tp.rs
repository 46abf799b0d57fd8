//! L2TP version 2 data messages (RFC 2661 section 3.1). Control messages are ordinary UDP.

use super::super::layer::Layer;
use super::super::link::ppp;
use super::super::{Datagram, Undecoded};

/// Reads a data message and the PPP frame in it.
pub(super) fn decode(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (flags, rest) = layer.number().ok()?;
    if flags & CONTROL != 0 || flags & RESERVED != 0 || flags & 0x000f != 2 {
        return None;
    }
    Some(frame(flags, rest).and_then(ppp::protocol))
}

/// What follows length, tunnel, session, sequence numbers and padding.
fn frame(flags: u16, layer: Layer<'_>) -> Result<Layer<'_>, Undecoded> {
    let length = if flags & LENGTH == 0 { 0 } else { 2 };
    let sequence = if flags & SEQUENCE == 0 { 0 } else { 4 };
    let rest = layer.skip(length)?.skip(4)?.skip(sequence)?;
    if flags & OFFSET == 0 {
        return Ok(rest);
    }
    let (padding, rest) = rest.number()?;
    rest.skip(usize::from(padding))
}

const CONTROL: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;
const RESERVED: u16 = 0x34f0;
