//! An IP datagram of either version in, its content out: the version is looked at, AH and the IPv6
//! extension headers are followed, the transport header is read. Never believes a header's length
//! further than the captured bytes reach.

use super::layer::{Layer, count};
use super::{Content, Datagram, Fragment, Transport, Undecoded, icmp, ipv4, ipv6, tcp, udp};

/// Reads a datagram whose version only its first bits tell.
pub(super) fn decode(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    match layer.bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4::decode(layer),
        Some(6) => ipv6::decode(layer),
        Some(_) => Err(Undecoded::Malformed),
        None => Err(Undecoded::Cut),
    }
}

/// IP version of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Version {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

/// What stands behind an IP header: captured bytes, and their length on the wire.
#[derive(Clone, Copy)]
pub(super) struct Payload<'frame> {
    /// Captured bytes, link padding cut off.
    pub bytes: &'frame [u8],
    /// Length on the wire in bytes; never less than `bytes`.
    pub length: u32,
}

impl<'frame> Payload<'frame> {
    /// `bytes` cut to `length`, or all of them where fewer were captured.
    pub fn new(bytes: &'frame [u8], length: u32) -> Self {
        let limit = usize::try_from(length).unwrap_or(usize::MAX);
        Self { bytes: bytes.get(..limit).unwrap_or(bytes), length }
    }

    /// What follows the next `length` bytes.
    pub fn skip(self, length: usize) -> Result<Self, Undecoded> {
        let bytes = self.bytes.get(length..).ok_or_else(|| self.shortage(length))?;
        let skipped = u32::try_from(length).unwrap_or(u32::MAX);
        Ok(Self { bytes, length: self.length.saturating_sub(skipped) })
    }

    /// Why `wanted` bytes are not there: the sender never sent them, or the capture cut them.
    pub fn shortage(self, wanted: usize) -> Undecoded {
        if usize::try_from(self.length).is_ok_and(|length| length < wanted) {
            Undecoded::Malformed
        } else {
            Undecoded::Cut
        }
    }

    /// Length on the wire of what follows a header of `header` bytes of which `rest` was captured.
    pub fn length_behind(self, header: u32, rest: &[u8]) -> u32 {
        self.length.saturating_sub(header).max(count(rest))
    }
}

/// Follows AH and, in IPv6, the extension headers, and reads what they lead to.
pub(super) fn upper(version: Version, next: u8, payload: Payload<'_>) -> Result<(Transport, Content<'_>), Undecoded> {
    let (mut next, mut payload) = (next, payload);
    for _ in 0..=MAX_EXTENSIONS {
        let step = match (version, next) {
            (_, AH) => authentication(payload)?,
            (Version::V6, FRAGMENT) => match fragment(payload)? {
                Piece::Whole(behind, rest) => (behind, rest),
                Piece::Part(part) => return Ok((part.transport, Content::Fragment(part))),
            },
            (Version::V6, HOP_BY_HOP | ROUTING | DESTINATION) => extension(payload)?,
            (Version::V6, MOBILITY | HIP | SHIM6) => match extension(payload)? {
                (NO_NEXT, _) => return Ok((Transport(next), Content::Other(payload.bytes))),
                step => step,
            },
            _ => return Ok((Transport(next), content(next, payload)?)),
        };
        (next, payload) = step;
    }
    Err(Undecoded::TooDeep)
}

/// Reads the transport header.
fn content(protocol: u8, payload: Payload<'_>) -> Result<Content<'_>, Undecoded> {
    match protocol {
        1 | 58 => icmp::message(protocol, payload).map(Content::Icmp),
        6 => tcp::segment(payload).map(Content::Tcp),
        17 | 136 => udp::datagram(protocol, payload),
        33 | 132 => {
            udp::ports(payload).map(|(source_port, destination_port)| Content::Ports { source_port, destination_port })
        }
        _ => Ok(Content::Other(payload.bytes)),
    }
}

/// Hop-by-hop, routing and destination options, mobility, HIP, shim6: RFC 8200 section 4.
fn extension(payload: Payload<'_>) -> Result<(u8, Payload<'_>), Undecoded> {
    let [next, words] = *payload.bytes.first_chunk().ok_or_else(|| payload.shortage(8))?;
    let length = usize::from(words).saturating_add(1).saturating_mul(8);
    Ok((next, payload.skip(length)?))
}

/// Authentication header: RFC 4302 section 2. Its length counts 4-byte words, less two.
fn authentication(payload: Payload<'_>) -> Result<(u8, Payload<'_>), Undecoded> {
    let [next, words] = *payload.bytes.first_chunk().ok_or_else(|| payload.shortage(12))?;
    let length = usize::from(words).saturating_add(2).saturating_mul(4);
    Ok((next, payload.skip(length)?))
}

/// What a fragment header said.
enum Piece<'frame> {
    /// An atomic fragment (RFC 6946) is the whole datagram.
    Whole(u8, Payload<'frame>),
    /// One of several.
    Part(Fragment<'frame>),
}

/// Fragment header: RFC 8200 section 4.5.
fn fragment(payload: Payload<'_>) -> Result<Piece<'_>, Undecoded> {
    let [next, _, high, low, id @ ..] = *payload.bytes.first_chunk::<8>().ok_or_else(|| payload.shortage(8))?;
    let rest = payload.skip(8)?;
    let field = u16::from_be_bytes([high, low]);
    if field & 0xfff9 == 0 {
        return Ok(Piece::Whole(next, rest));
    }
    Ok(Piece::Part(Fragment {
        identification: u32::from_be_bytes(id),
        offset: u32::from(field & 0xfff8),
        more: field & 1 != 0,
        transport: Transport(next),
        bytes: rest.bytes,
        length: rest.length,
    }))
}

const MAX_EXTENSIONS: u8 = 10;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AH: u8 = 51;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
