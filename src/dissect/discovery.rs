//! Discovery on the local link: SSDP (UPnP Device Architecture 2.0 section 1) and WS-Discovery
//! (OASIS WS-DD 1.1, and the 2005 draft that Windows speaks).

use super::peek::{Begins, Peek, Speaker, begins, short};
use super::{Application, Prefix};

/// How far a SOAP envelope is searched for its namespace.
const ENVELOPE: usize = 2048;
/// Namespaces of WS-Discovery.
const NAMESPACES: [&[u8]; 2] = [b"schemas.xmlsoap.org/ws/2005/04/discovery", b"docs.oasis-open.org/ws-dd/"];

/// Whether a datagram is SSDP.
pub(super) fn peek_ssdp(prefix: &Prefix<'_>) -> Peek {
    let starts = [
        (&b"M-SEARCH * HTTP/1.1\r\n"[..], Speaker::Client),
        (b"NOTIFY * HTTP/1.1\r\n", Speaker::Either),
        (b"HTTP/1.1 200 OK\r\n", Speaker::Server),
    ];
    for (start, speaker) in starts {
        match begins(prefix, start) {
            Begins::Yes => return Peek::is(Application::Ssdp, speaker),
            Begins::Maybe => return Peek::More,
            Begins::No => {}
        }
    }
    Peek::Not
}

/// Whether a datagram is WS-Discovery: XML that names the namespace.
pub(super) fn peek_wsd(prefix: &Prefix<'_>) -> Peek {
    let bytes = prefix.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(prefix.bytes);
    match bytes.first() {
        Some(b'<') => {}
        Some(_) => return Peek::Not,
        None => return short(prefix),
    }
    let head = bytes.get(..ENVELOPE).unwrap_or(bytes);
    let named = NAMESPACES.iter().any(|namespace| head.windows(namespace.len()).any(|window| window == *namespace));
    if named {
        Peek::is(Application::Wsd, Speaker::Either)
    } else if bytes.len() < ENVELOPE && bytes.iter().all(|byte| *byte >= 0x20 || byte.is_ascii_whitespace()) {
        short(prefix)
    } else {
        Peek::Not
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams() {
        let is = |peek: fn(&Prefix<'_>) -> Peek, bytes: &[u8]| {
            peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() })
        };
        let search = b"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\n";
        assert_eq!(is(peek_ssdp, search), Peek::is(Application::Ssdp, Speaker::Client));
        let probe = b"<?xml version=\"1.0\"?><s xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\">";
        assert_eq!(is(peek_wsd, probe), Peek::is(Application::Wsd, Speaker::Either));
        assert_eq!(is(peek_wsd, b"<html>"), Peek::Not);
    }
}
