//! STUN (RFC 8489 section 5): its magic number, a method and a length in multiples of four.

use super::peek::{Peek, Speaker, short};
use super::reader::Reader;
use super::{Application, Prefix};

/// Whether a direction starts with a STUN message.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.first().is_some_and(|kind| kind & 0xc0 != 0) {
        return Peek::Not;
    }
    let mut reader = Reader::new(prefix.bytes);
    let (Some(kind), Some(length), Some(magic)) = (reader.be16(), reader.be16(), reader.be32()) else {
        return short(prefix);
    };
    // The class of a message is spread over two bits of its type (RFC 8489 figure 3).
    let speaker = match kind & 0x0110 {
        0x0000 => Speaker::Client,
        0x0010 => Speaker::Either,
        _ => Speaker::Server,
    };
    Peek::when(length % 4 == 0 && magic == 0x2112_a442, Application::Stun, speaker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let is = |bytes: &[u8]| peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(is(b"\0\x01\0\0\x21\x12\xa4\x42"), Peek::is(Application::Stun, Speaker::Client));
        assert_eq!(is(b"\x01\x01\0\x0c\x21\x12\xa4\x42"), Peek::is(Application::Stun, Speaker::Server));
        assert_eq!(is(b"\0\x01\0\x01\x21\x12\xa4\x42"), Peek::Not);
        assert_eq!(is(b"\0\x01\0\0\x21\x12\xa4\x43"), Peek::Not);
    }
}
