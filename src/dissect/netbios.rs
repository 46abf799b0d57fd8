//! NetBIOS over TCP/IP: name service, datagram service and session request (RFC 1002 sections 4.2,
//! 4.4 and 4.3). All three carry names in a half-byte encoding that nothing else uses.

use super::peek::{Peek, Speaker, short};
use super::reader::Reader;
use super::{Application, Prefix};

/// Whether a datagram is of the name service or the datagram service.
pub(super) fn peek_udp(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.len() < 50 {
        return short(prefix);
    }
    match name_service(prefix.bytes).or_else(|| datagram(prefix.bytes)) {
        Some(speaker) => Peek::is(Application::Netbios, speaker),
        None => Peek::Not,
    }
}

/// Whether a TCP direction starts with a session request: called and calling name.
pub(super) fn peek_tcp(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.first().is_some_and(|kind| *kind != 0x81) {
        return Peek::Not;
    }
    if prefix.bytes.len() < 72 {
        return short(prefix);
    }
    Peek::when(session(prefix.bytes).is_some(), Application::Netbios, Speaker::Client)
}

fn name_service(bytes: &[u8]) -> Option<Speaker> {
    let mut reader = Reader::new(bytes);
    let (_id, flags) = (reader.be16()?, reader.be16()?);
    let (questions, answers) = (reader.be16()?, reader.be16()?);
    reader.skip(4)?;
    encoded_name(&mut reader)?;
    let (kind, class) = (reader.be16()?, reader.be16()?);
    let counts = questions.checked_add(answers)? == 1;
    // NB, NBSTAT and the NULL answer of a server without the name.
    (counts && matches!(kind, 0x20 | 0x21 | 0x0a) && class == 1).then_some(if flags & 0x8000 == 0 {
        Speaker::Client
    } else {
        Speaker::Server
    })
}

fn datagram(bytes: &[u8]) -> Option<Speaker> {
    let mut reader = Reader::new(bytes);
    let [kind, flags] = reader.array::<2>()?;
    // Identifier, source address and port, length, offset.
    reader.skip(12)?;
    encoded_name(&mut reader)?;
    ((0x10..=0x16).contains(&kind) && flags & 0xf0 == 0).then_some(Speaker::Either)
}

fn session(bytes: &[u8]) -> Option<()> {
    let mut reader = Reader::new(bytes);
    if reader.array::<4>()? != [0x81, 0, 0, 0x44] {
        return None;
    }
    encoded_name(&mut reader)?;
    encoded_name(&mut reader)
}

/// 20, thirty-two letters from A to P, and the scope, which is empty in practice.
fn encoded_name(reader: &mut Reader<'_>) -> Option<()> {
    let length = reader.byte()?;
    let letters = reader.take(32)?;
    let end = reader.byte()?;
    (length == 0x20 && end == 0 && letters.iter().all(|letter| (b'A'..=b'P').contains(letter))).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &[u8] = b"\x20FHEPFCELEHFCEPFFFACACACACACACABM\0";

    fn check(peek: fn(&Prefix<'_>) -> Peek, bytes: &[&[u8]], expected: Option<Speaker>) {
        let bytes = bytes.concat();
        let found = peek(&Prefix { bytes: &bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(found, expected.map_or(Peek::Not, |speaker| Peek::is(Application::Netbios, speaker)));
    }

    #[test]
    fn services() {
        let header = b"\x12\x34\x01\x10\0\x01\0\0\0\0\0\0";
        check(peek_udp, &[header, NAME, b"\0\x20\0\x01"], Some(Speaker::Client));
        check(peek_udp, &[header, NAME, b"\0\x01\0\x01"], None);
        let datagram = b"\x11\x02\x12\x34\x0a\0\0\x01\0\x8a\0\xb0\0\0";
        check(peek_udp, &[datagram, NAME, NAME], Some(Speaker::Either));
        check(peek_tcp, &[b"\x81\0\0\x44", NAME, NAME], Some(Speaker::Client));
        check(peek_tcp, &[b"\x81\0\0\x44", &[0x20; 68]], None);
    }
}
