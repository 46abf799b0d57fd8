//! Datagrams of one QUIC direction in, the client hello of the connection out (RFC 9000 section
//! 17.2, RFC 9001, RFC 9369). Initial packets are opened with the keys that everyone can derive;
//! nothing behind them can be read. The datagrams of a direction may follow each other in one
//! slice: long packets carry their lengths.

mod keys;

use keys::{Keys, Version};

use super::peek::{Peek, Rest, Sight, Speaker, short};
use super::reader::Reader;
use super::tls::{self, Hello};
use super::{Application, Prefix};

/// Longest connection identifier (RFC 9000 section 17.2).
const IDENTIFIER: usize = 20;
/// Most Initial packets opened of one direction.
const PACKETS: usize = 32;
/// Most pieces of a hello, and the longest hello, that are put together.
const PIECES: usize = 256;
const HELLO: usize = 16 * 1024;
/// A client's first datagram is never smaller (RFC 9000 section 14.1).
const SMALLEST: usize = 1200;

/// Whether a direction is QUIC.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    let Some(first) = prefix.bytes.first() else { return short(prefix) };
    if first & 0x80 == 0 {
        return Peek::Not;
    }
    let mut reader = Reader::new(prefix.bytes);
    let Some(packet) = Packet::read(&mut reader) else {
        return if prefix.bytes.len() < 8 { short(prefix) } else { negotiation(prefix) };
    };
    let pieces = pieces(prefix.bytes);
    match pieces {
        Some(pieces) => Peek::Is(sight(&join(pieces))),
        None => structure(prefix, &packet),
    }
}

/// Whether a datagram begins a handshake, which may fill several.
#[must_use]
pub fn may_span_datagrams(datagram: &[u8]) -> bool {
    Packet::read(&mut Reader::new(datagram)).is_some_and(|packet| packet.initial)
}

/// A packet that could not be opened: the server's, a later one, or one that was cut.
fn structure(prefix: &Prefix<'_>, packet: &Packet<'_>) -> Peek {
    let fits = packet.whole || prefix.bytes.len() >= 64;
    let speaker = if packet.initial && prefix.bytes.len() >= SMALLEST && !packet.token.is_empty() {
        Speaker::Client
    } else {
        Speaker::Either
    };
    Peek::when(fits && packet.fixed, Application::Quic, speaker)
}

/// A server's list of versions (RFC 9000 section 17.2.1).
fn negotiation(prefix: &Prefix<'_>) -> Peek {
    let mut reader = Reader::new(prefix.bytes);
    let listed = (|| {
        reader.skip(1)?;
        if reader.be32()? != 0 {
            return None;
        }
        identifier(&mut reader)?;
        identifier(&mut reader)?;
        std::iter::from_fn(|| reader.be32()).take(PACKETS).find_map(Version::from_number)
    })();
    Peek::when(listed.is_some(), Application::Quic, Speaker::Server)
}

fn sight(crypto: &[u8]) -> Sight {
    let mut reader = Reader::new(crypto);
    let header = reader.byte().filter(|kind| *kind == 1).and_then(|_| reader.be24());
    let Some(length) = header else {
        let rest = if crypto.len() < 4 { Rest::This } else { Rest::Nothing };
        let (application, speaker) = (Application::Quic, Speaker::Client);
        return Sight { application, speaker, claims: Vec::new(), alpn: None, rest };
    };
    let body = reader.take_up_to(length);
    let mut sight = tls::sight(&Hello::read(body), body.len() == length);
    sight.application = Application::Quic;
    if sight.rest == Rest::Other {
        // A server's certificate is sealed.
        sight.rest = Rest::Nothing;
    }
    sight
}

/// A piece of the handshake: where it belongs, and its bytes.
type Piece = (usize, Vec<u8>);

/// The pieces in all Initial packets that open; `None` when none does.
fn pieces(bytes: &[u8]) -> Option<Vec<Piece>> {
    let mut keys: Option<Keys> = None;
    let mut found = None;
    let mut reader = Reader::new(bytes);
    for _ in 0..PACKETS {
        // Datagrams are filled up with zeros, which are no packet.
        let zeros = reader.rest().iter().take_while(|byte| **byte == 0).count();
        reader.skip(zeros)?;
        let Some(packet) = Packet::read(&mut reader) else { break };
        if !packet.initial || !packet.whole {
            continue;
        }
        // Keys stay those of the first packet; after a retry they are those of its new identifier.
        let opened = keys.as_ref().and_then(|keys| packet.open(keys)).or_else(|| {
            let own = Keys::new(packet.version, packet.destination)?;
            let opened = packet.open(&own)?;
            keys = Some(own);
            Some(opened)
        });
        if let Some(payload) = opened {
            frames(&payload, found.get_or_insert_with(Vec::new));
        }
    }
    found
}

/// Collects the CRYPTO frames of a payload (RFC 9000 section 19.6); other frames of an Initial are
/// padding, ping, acknowledgement and close.
fn frames(payload: &[u8], pieces: &mut Vec<Piece>) -> Option<()> {
    let mut reader = Reader::new(payload);
    while !reader.is_empty() && pieces.len() < PIECES {
        match reader.byte()? {
            0 | 1 => {}
            kind @ (2 | 3) => acknowledgement(&mut reader, kind)?,
            6 => {
                let (offset, length) = (varint(&mut reader)?, varint(&mut reader)?);
                let bytes = reader.take(length)?;
                if offset.checked_add(length)? <= HELLO {
                    pieces.push((offset, bytes.to_vec()));
                }
            }
            _ => break,
        }
    }
    Some(())
}

fn acknowledgement(reader: &mut Reader<'_>, kind: u8) -> Option<()> {
    let (_largest, _delay, ranges, _first) = (varint(reader)?, varint(reader)?, varint(reader)?, varint(reader)?);
    // Each range takes two bytes at least, so a count beyond the slice ends the walk by itself.
    for _ in 0..ranges {
        varint(reader)?;
        varint(reader)?;
    }
    if kind == 3 {
        for _ in 0..3 {
            varint(reader)?;
        }
    }
    Some(())
}

/// The handshake bytes from offset 0 to the first hole. What was sent twice is taken once.
fn join(mut pieces: Vec<Piece>) -> Vec<u8> {
    pieces.sort_by_key(|(offset, _)| *offset);
    let mut joined = Vec::new();
    for (offset, bytes) in pieces {
        let Some(known) = joined.len().checked_sub(offset) else { break };
        joined.extend_from_slice(bytes.get(known..).unwrap_or_default());
    }
    joined
}

/// A packet with a long header.
struct Packet<'b> {
    version: Version,
    initial: bool,
    fixed: bool,
    destination: &'b [u8],
    token: &'b [u8],
    /// Everything in front of the packet number.
    header: &'b [u8],
    /// Packet number and payload.
    body: &'b [u8],
    whole: bool,
}

impl<'b> Packet<'b> {
    fn read(reader: &mut Reader<'b>) -> Option<Self> {
        let bytes = reader.rest();
        let first = reader.byte().filter(|first| first & 0x80 != 0)?;
        let version = Version::from_number(reader.be32()?)?;
        let destination = identifier(reader)?;
        identifier(reader)?;
        let kind = first >> 4 & 3;
        let initial = kind == version.initial;
        let mut token: &[u8] = &[];
        if initial {
            let length = varint(reader)?;
            token = reader.take(length)?;
        } else if kind == (version.initial.wrapping_add(3) & 3) {
            // A retry has no length: its token and tag fill the datagram.
            let body = reader.take_up_to(usize::MAX);
            let header = bytes.get(..bytes.len().checked_sub(body.len())?)?;
            return Some(Self {
                version,
                initial,
                fixed: first & 0x40 != 0,
                destination,
                token,
                header,
                body,
                whole: true,
            });
        }
        let length = varint(reader)?;
        let header = bytes.get(..bytes.len().checked_sub(reader.left())?)?;
        let body = reader.take_up_to(length);
        let whole = body.len() == length;
        Some(Self { version, initial, fixed: first & 0x40 != 0, destination, token, header, body, whole })
    }

    /// The payload, if these are its keys (RFC 9001 section 5.4.2).
    fn open(&self, keys: &Keys) -> Option<Vec<u8>> {
        let sample = self.body.get(4..)?.first_chunk::<16>()?;
        let [first_mask, masks @ ..] = keys.mask(*sample);
        let first = self.header.first()? ^ (first_mask & 0x0f);
        let size = usize::from(first & 3).checked_add(1)?;
        let (hidden, sealed) = self.body.split_at_checked(size)?;
        let mut header = self.header.to_vec();
        *header.first_mut()? = first;
        let mut number = 0_u32;
        for (byte, mask) in hidden.iter().zip(masks) {
            header.push(byte ^ mask);
            number = number << 8 | u32::from(byte ^ mask);
        }
        let (payload, tag) = sealed.split_last_chunk::<16>()?;
        let mut payload = payload.to_vec();
        keys.open(number, &header, &mut payload, *tag).then_some(payload)
    }
}

fn identifier<'b>(reader: &mut Reader<'b>) -> Option<&'b [u8]> {
    let length = usize::from(reader.byte()?);
    if length > IDENTIFIER { None } else { reader.take(length) }
}

/// A variable-length integer (RFC 9000 section 16).
fn varint(reader: &mut Reader<'_>) -> Option<usize> {
    let first = reader.byte()?;
    let more = (1_usize << (first >> 6)).checked_sub(1)?;
    let mut value = u64::from(first & 0x3f);
    for byte in reader.take(more)? {
        value = value << 8 | u64::from(*byte);
    }
    usize::try_from(value).ok()
}
