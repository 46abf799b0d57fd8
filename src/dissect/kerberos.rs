//! Kerberos and its password change (RFC 4120 section 5, RFC 3244 section 2), over UDP or behind
//! the four-byte length of TCP (RFC 4120 section 7.2.2).

use super::ber;
use super::peek::{Peek, Speaker, short};
use super::reader::{Reader, length};
use super::{Application, Prefix};

/// Largest message that is believed.
const LONGEST: u32 = 1 << 20;
/// Fewest bytes that decide.
const HEAD: usize = 24;

/// Whether a datagram is a Kerberos message.
pub(super) fn peek_udp(prefix: &Prefix<'_>) -> Peek {
    decide(prefix, prefix.bytes, None)
}

/// Whether a TCP direction starts with a Kerberos message.
pub(super) fn peek_tcp(prefix: &Prefix<'_>) -> Peek {
    let mut reader = Reader::new(prefix.bytes);
    match reader.be32() {
        Some(size) if size <= LONGEST => decide(prefix, reader.rest(), Some(size)),
        Some(_) => Peek::Not,
        None if prefix.bytes.first().is_none_or(|first| *first == 0) => short(prefix),
        None => Peek::Not,
    }
}

fn decide(prefix: &Prefix<'_>, bytes: &[u8], size: Option<u32>) -> Peek {
    let fits = |speaker: &(Speaker, usize)| size.is_none_or(|size| length(size) == speaker.1);
    if let Some((speaker, _)) = message(bytes).filter(fits) {
        return Peek::is(Application::Kerberos, speaker);
    }
    if let Some(speaker) = password(bytes) {
        return Peek::is(Application::Kpasswd, speaker);
    }
    if bytes.len() < HEAD { short(prefix) } else { Peek::Not }
}

/// Who sends such a message, and its length: an application tag, a sequence, version 5, and the
/// same message type again.
fn message(bytes: &[u8]) -> Option<(Speaker, usize)> {
    let mut reader = Reader::new(bytes);
    let outer = ber::cut_element(&mut reader)?;
    let header = bytes.len().checked_sub(outer.bytes.len())?.checked_sub(reader.left())?;
    // Requests number their fields from 1, everything else from 0.
    let (speaker, first) = match outer.tag {
        0x6a | 0x6c => (Speaker::Client, 0xa1),
        0x6e => (Speaker::Client, 0xa0),
        0x6b | 0x6d | 0x6f | 0x7e => (Speaker::Server, 0xa0),
        _ => return None,
    };
    let mut inner = Reader::new(outer.bytes);
    let sequence = ber::cut_element(&mut inner)?;
    let mut fields = Reader::new(sequence.bytes);
    let version = ber::expect(&mut fields, first)?;
    let kind = ber::expect(&mut fields, first.wrapping_add(1))?;
    let same = kind == [2, 1, outer.tag & 0x1f];
    (sequence.tag == 0x30 && version == [2, 1, 5] && same).then(|| (speaker, header.saturating_add(outer.length)))
}

/// A password change: length, version, length of the AP message, and that message.
fn password(bytes: &[u8]) -> Option<Speaker> {
    let mut reader = Reader::new(bytes);
    let (total, version, inner) = (reader.be16()?, reader.be16()?, reader.be16()?);
    if !matches!(version, 1 | 0xff80) || inner > total {
        return None;
    }
    let (speaker, _) = message(reader.rest())?;
    Some(speaker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peek: fn(&Prefix<'_>) -> Peek, bytes: &[u8], expected: Option<(Application, Speaker)>) {
        let found = peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(found, expected.map_or(Peek::Not, |(application, speaker)| Peek::is(application, speaker)));
    }

    #[test]
    fn messages() {
        let request = b"\x6a\x81\x90\x30\x81\x8d\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a\xa3\x03\x02\x01\x00\0\0\0";
        check(peek_udp, request, Some((Application::Kerberos, Speaker::Client)));
        check(peek_tcp, &[b"\0\0\0\x93", &request[..]].concat(), Some((Application::Kerberos, Speaker::Client)));
        check(peek_tcp, &[b"\0\0\0\x94", &request[..]].concat(), None);
        let error = b"\x7e\x40\x30\x3e\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20260101000000Z";
        check(peek_udp, error, Some((Application::Kerberos, Speaker::Server)));
        let change = b"\0\xc8\xff\x80\0\x80\x6e\x7e\x30\x7c\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x0e\xa2\x07\x03\x05";
        check(peek_udp, change, Some((Application::Kpasswd, Speaker::Client)));
        check(peek_udp, b"\x6a\x03\x30\x01\xa1aaaaaaaaaaaaaaaaaaaaaaaaaa", None);
    }
}
