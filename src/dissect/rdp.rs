//! Remote desktop (MS-RDPBCGR sections 2.2.1.1 and 2.2.1.2): the connection request and its
//! confirmation, X.224 inside TPKT.

use super::peek::{Peek, Speaker, short};
use super::reader::Reader;
use super::{Application, Prefix};

/// TPKT and X.224 headers together.
const HEAD: usize = 11;

/// Whether a direction starts with a connection request or confirmation.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.first().is_some_and(|version| *version != 3) || prefix.bytes.get(1).is_some_and(|zero| *zero != 0) {
        return Peek::Not;
    }
    let Some((length, code, rest)) = head(prefix.bytes) else { return short_or_not(prefix) };
    let speaker = match code {
        0xe0 => Speaker::Client,
        0xd0 => Speaker::Server,
        _ => return Peek::Not,
    };
    let cookie = rest.starts_with(b"Cookie: ");
    let negotiation = matches!((code, rest), (0xe0, [1, _, 8, 0, ..]) | (0xd0, [2 | 3, _, 8, 0, ..]));
    // Clients before 2003 send the bare request; other users of TPKT add parameters of their own.
    let bare = length == HEAD;
    if !cookie && !negotiation && !bare && rest.len() < 8 {
        return short(prefix);
    }
    Peek::when(cookie || negotiation || bare, Application::Rdp, speaker)
}

const fn short_or_not(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.len() < HEAD { short(prefix) } else { Peek::Not }
}

/// Length of the packet, X.224 code, and what follows both headers.
fn head(bytes: &[u8]) -> Option<(usize, u8, &[u8])> {
    let mut reader = Reader::new(bytes);
    reader.skip(2)?;
    let length = usize::from(reader.be16()?);
    let [indicator, code, destination, destination_too, _, _, class] = reader.array::<7>()?;
    let fits = usize::from(indicator).checked_add(5)? == length && length >= HEAD;
    // A request has no destination reference yet; a server may choose any, and class 0 is the only one.
    let reference = code == 0xd0 || (destination == 0 && destination_too == 0);
    (fits && reference && class == 0).then_some((length, code, reader.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<Speaker>) {
        let found = peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(found, expected.map_or(Peek::Not, |speaker| Peek::is(Application::Rdp, speaker)), "{bytes:x?}");
    }

    #[test]
    fn requests() {
        check(b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0", Some(Speaker::Client));
        check(b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x1f\x08\0\x02\0\0\0", Some(Speaker::Server));
        check(b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=admin\r\n", Some(Speaker::Client));
        check(b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0", Some(Speaker::Client));
        check(b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc0\x01\x0a\xc1\x02\x01\0\xc2\x02\x01\x02", None);
    }
}
