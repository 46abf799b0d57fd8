//! GRE (RFC 2784, RFC 2890, RFC 1701), its PPTP form (RFC 2637), and ERSPAN and WCCP inside it.

use super::super::layer::Layer;
use super::super::link::ppp;
use super::super::{Datagram, Undecoded, ethernet, ip};

/// Reads a GRE header and what its protocol type leads to.
pub(super) fn decode(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<4>()?;
    let flags = u16::from_be_bytes([head[0], head[1]]);
    let protocol = u16::from_be_bytes([head[2], head[3]]);
    match flags & 0x0007 {
        0 => plain(flags, protocol, rest),
        1 if protocol == 0x880b => pptp(flags, rest),
        _ => Err(Undecoded::Malformed),
    }
}

/// Version 0: checksum, key, sequence number and source route where the flags say so.
fn plain(flags: u16, protocol: u16, layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let word = |bits: u16| if flags & bits == 0 { 0 } else { 4_usize };
    let rest = layer.skip(word(0xc000))?.skip(word(0x2000))?.skip(word(0x1000))?;
    let rest = if flags & 0x4000 == 0 { rest } else { routed(rest)? };
    match protocol {
        // Type I has no header of its own and no sequence number; type II has both.
        0x88be if flags & 0x1000 == 0 => ethernet::decode(rest),
        0x88be => ethernet::decode(rest.skip(8)?),
        0x22eb => third(rest),
        0x883e => redirected(rest),
        // A keepalive carries nothing.
        0 => Err(Undecoded::NotIp(0)),
        1..0x0600 => Err(Undecoded::EtherType(protocol)),
        _ => ethernet::ethertype(protocol, rest),
    }
}

/// Source route entries of RFC 1701, up to the empty one.
fn routed(layer: Layer<'_>) -> Result<Layer<'_>, Undecoded> {
    let mut rest = layer;
    for _ in 0..MAX_ROUTES {
        let (entry, behind) = rest.take::<4>()?;
        if entry[3] == 0 {
            return Ok(behind);
        }
        rest = behind.skip(usize::from(entry[3]))?;
    }
    Err(Undecoded::TooDeep)
}

/// ERSPAN type III: 12 bytes, and 8 more where its last bit says so.
fn third(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<12>()?;
    let platform = if head[11] & 1 == 0 { 0 } else { 8 };
    ethernet::decode(rest.skip(platform)?)
}

/// WCCP: version 2 puts a redirect header of four bytes before the datagram.
fn redirected(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    match layer.bytes.first().map(|first| first >> 4) {
        Some(4 | 6) => ip::decode(layer),
        _ => ip::decode(layer.skip(4)?),
    }
}

/// Version 1: call and payload length, then the numbers that are present, then PPP.
fn pptp(flags: u16, layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let word = |bits: u16| if flags & bits == 0 { 0 } else { 4_usize };
    let rest = layer.skip(4)?.skip(word(0x1000))?.skip(word(0x0080))?;
    // An acknowledgement alone has no sequence number and no payload.
    if flags & 0x1000 == 0 { Err(Undecoded::NotIp(0x880b)) } else { ppp::protocol(rest) }
}

const MAX_ROUTES: usize = 8;
