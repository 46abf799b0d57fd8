//! What capture drivers put before a frame: radiotap, Prism, AVS, PPI, PKTAP. Only their length and
//! the few bits that say how to read the frame are looked at.

use super::super::layer::Layer;
use super::super::{Datagram, LinkType, Undecoded};
use super::wireless::{self, Padding};

/// Radiotap: little-endian, with a bitmap of the fields present.
pub(super) fn radiotap(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, _) = layer.take::<8>()?;
    let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
    if head[0] != 0 || length < 8 {
        return Err(Undecoded::Malformed);
    }
    let fields = layer.bytes.get(4..length).ok_or(Undecoded::Cut)?;
    let padding = if radiotap_flags(fields) & 0x20 == 0 { Padding::None } else { Padding::Aligned };
    wireless::decode(layer.skip(length)?, padding)
}

/// The flags field of a radiotap header, given from its first bitmap on; 0 where there is none.
fn radiotap_flags(fields: &[u8]) -> u8 {
    let more = |word: &&[u8]| word.last().is_some_and(|byte| byte & 0x80 != 0);
    let bitmaps = fields.chunks_exact(4).take_while(more).count().saturating_add(1);
    let present = fields.first().copied().unwrap_or(0);
    let start = bitmaps.saturating_mul(4);
    // Fields are aligned from the start of the header, four bytes before the first bitmap.
    let offset = match present & 1 {
        0 => start,
        _ => start.saturating_add(4).next_multiple_of(8).saturating_add(4),
    };
    if present & 2 == 0 { 0 } else { fields.get(offset).copied().unwrap_or(0) }
}

/// Prism: a message code and its length; the same link type also brings AVS headers.
pub(super) fn prism(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, _) = layer.take::<8>()?;
    if head[0] == 0x80 {
        return avs(layer);
    }
    let bytes = [head[4], head[5], head[6], head[7]];
    sized(layer, u32::from_le_bytes(bytes).min(u32::from_be_bytes(bytes)))
}

/// AVS: a version and its length, big-endian.
pub(super) fn avs(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, _) = layer.take::<8>()?;
    sized(layer, u32::from_be_bytes([head[4], head[5], head[6], head[7]]))
}

/// An 802.11 frame behind a header of `length` bytes.
fn sized(layer: Layer<'_>, length: u32) -> Result<Datagram<'_>, Undecoded> {
    if length < 8 {
        return Err(Undecoded::Malformed);
    }
    wireless::decode(layer.skip(usize::try_from(length).unwrap_or(usize::MAX))?, Padding::None)
}

/// PPI: its length and the link type of the frame behind it, little-endian.
pub(super) fn ppi(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, _) = layer.label()?.take::<8>()?;
    let link = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    nested(layer, link, usize::from(u16::from_le_bytes([head[2], head[3]])))
}

/// PKTAP: length, record kind, link type, little-endian.
pub(super) fn pktap(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, _) = layer.take::<12>()?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let link = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    nested(layer, link, usize::try_from(length).unwrap_or(usize::MAX))
}

/// A frame of another link type behind `length` bytes.
fn nested(layer: Layer<'_>, link: u32, length: usize) -> Result<Datagram<'_>, Undecoded> {
    let link = u16::try_from(link).map_err(|_| Undecoded::Malformed)?;
    if length < 8 {
        return Err(Undecoded::Malformed);
    }
    super::decode(LinkType(link), layer.label()?.skip(length)?)
}
