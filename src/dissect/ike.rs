//! IKE, version 1 and 2, bare or behind the four zero bytes of NAT traversal (RFC 7296 section 3.1,
//! RFC 2408 section 3.1, RFC 3948 section 2.2).

use super::peek::{Peek, Speaker, short};
use super::reader::{Reader, length};
use super::{Application, Prefix};

/// Length of the header.
const HEAD: usize = 28;

/// Whether a datagram is IKE.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    let bytes = prefix.bytes.strip_prefix(&[0, 0, 0, 0]).unwrap_or(prefix.bytes);
    if bytes.len() < HEAD {
        return short(prefix);
    }
    match message(bytes) {
        Some(speaker) => Peek::is(Application::Ike, speaker),
        None => Peek::Not,
    }
}

fn message(bytes: &[u8]) -> Option<Speaker> {
    let mut reader = Reader::new(bytes);
    let (initiator, responder) = (reader.array::<8>()?, reader.array::<8>()?);
    let [next, version, exchange, flags] = reader.array::<4>()?;
    let (_number, size) = (reader.be32()?, length(reader.be32()?));
    let fits = (HEAD..=bytes.len()).contains(&size) || (size <= 0xffff && size > bytes.len() && bytes.len() >= 512);
    if initiator == [0; 8] || !fits {
        return None;
    }
    match version {
        0x20 if (34..=44).contains(&exchange) && flags & 0xc7 == 0 && (next == 0 || (33..=54).contains(&next)) => {
            Some(if flags & 0x20 == 0 { Speaker::Client } else { Speaker::Server })
        }
        0x10 if matches!(exchange, 1..=6 | 32 | 33) && flags & 0xf8 == 0 && next <= 24 => {
            Some(if responder == [0; 8] { Speaker::Client } else { Speaker::Either })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<Speaker>) {
        let found = peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(found, expected.map_or(Peek::Not, |speaker| Peek::is(Application::Ike, speaker)), "{bytes:x?}");
    }

    #[test]
    fn messages() {
        let start = b"\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\0\0\0\0\x21\x20\x22\x08\0\0\0\0\0\0\0\x1c";
        check(start, Some(Speaker::Client));
        check(&[b"\0\0\0\0", &start[..]].concat(), Some(Speaker::Client));
        check(&start[..27], None);
        check(&[0x20; 28], None);
    }
}
