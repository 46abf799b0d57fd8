//! DHCP for IPv4 (RFC 2131 section 2) and for IPv6 (RFC 8415 sections 8, 9 and 21).

use super::peek::{Peek, Speaker, short};
use super::reader::Reader;
use super::{Application, Prefix};

/// Most options walked in one message.
const OPTIONS: usize = 64;

/// Whether a datagram is DHCP: fixed fields and the magic number behind them.
pub(super) fn peek_v4(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.first().is_some_and(|operation| !matches!(operation, 1 | 2)) {
        return Peek::Not;
    }
    let magic = prefix.bytes.get(236..240);
    match (prefix.bytes, magic) {
        ([operation, kind, length, hops, ..], Some([0x63, 0x82, 0x53, 0x63])) => {
            let speaker = if *operation == 1 { Speaker::Client } else { Speaker::Server };
            Peek::when(*kind > 0 && *length <= 16 && *hops <= 16, Application::Dhcp, speaker)
        }
        (_, Some(_)) => Peek::Not,
        (_, None) => short(prefix),
    }
}

/// Whether a datagram is DHCPv6: a message type and options that fill it exactly, an identifier
/// among them.
pub(super) fn peek_v6(prefix: &Prefix<'_>) -> Peek {
    let mut reader = Reader::new(prefix.bytes);
    let Some(kind) = reader.byte() else { return short(prefix) };
    let (speaker, head, needed) = match kind {
        1 | 3..=6 | 8 | 9 | 11 => (Speaker::Client, 3, 1..=2),
        2 | 7 | 10 => (Speaker::Server, 3, 1..=2),
        12 => (Speaker::Client, 33, 9..=9),
        13 => (Speaker::Server, 33, 9..=9),
        _ => return Peek::Not,
    };
    if reader.skip(head).is_none() {
        return short(prefix);
    }
    let mut identified = false;
    for _ in 0..OPTIONS {
        let (Some(code), Some(length)) = (reader.be16(), reader.be16()) else { break };
        let Some(value) = reader.take(usize::from(length)) else { return Peek::Not };
        if code == 0 || code > 150 {
            return Peek::Not;
        }
        // DUIDs are of type 1 to 4 (RFC 8415 section 11, RFC 6355).
        identified |= needed.contains(&code) && (code == 9 || matches!(value, [0, 1..=4, _, _, ..]));
    }
    Peek::when(identified && reader.is_empty(), Application::Dhcpv6, speaker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let is = |peek: fn(&Prefix<'_>) -> Peek, bytes: &[u8]| {
            peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() })
        };
        let mut discover = [0_u8; 300];
        discover[..4].copy_from_slice(&[1, 1, 6, 0]);
        assert_eq!(is(peek_v4, &discover), Peek::Not);
        discover[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
        assert_eq!(is(peek_v4, &discover), Peek::is(Application::Dhcp, Speaker::Client));
        let solicit = b"\x01\xab\xcd\xef\0\x08\0\x02\0\0\0\x01\0\x0a\0\x03\0\x01\x02\x03\x04\x05\x06\x07";
        assert_eq!(is(peek_v6, solicit), Peek::is(Application::Dhcpv6, Speaker::Client));
        assert_eq!(is(peek_v6, &solicit[..20]), Peek::Not);
    }
}
