//! SNMP (RFC 3416 section 3, RFC 1901, RFC 3412 section 6): version, then a community and a PDU, or
//! the header of version 3.

use super::ber;
use super::peek::{Peek, Speaker, short};
use super::reader::Reader;
use super::{Application, Prefix};

/// Whether a datagram is SNMP.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    match message(prefix.bytes) {
        Some(speaker) => Peek::is(Application::Snmp, speaker),
        None if prefix.bytes.len() < 8 && prefix.bytes.first().is_none_or(|tag| *tag == 0x30) => short(prefix),
        None => Peek::Not,
    }
}

fn message(bytes: &[u8]) -> Option<Speaker> {
    let mut reader = Reader::new(bytes);
    let outer = ber::cut_element(&mut reader).filter(|outer| outer.tag == 0x30)?;
    let mut fields = Reader::new(outer.bytes);
    let version = ber::integer(ber::expect(&mut fields, 2)?)?;
    match version {
        0 | 1 => {
            ber::expect(&mut fields, 4)?;
            community_pdu(ber::cut_element(&mut fields)?)
        }
        3 => {
            // Message identifier, largest size, flags of one byte, security model.
            let mut header = Reader::new(ber::expect(&mut fields, 0x30)?);
            ber::integer(ber::expect(&mut header, 2)?)?;
            let size = ber::integer(ber::expect(&mut header, 2)?)?;
            let flags = ber::expect(&mut header, 4)?;
            (size >= 484 && flags.len() == 1).then_some(Speaker::Either)
        }
        _ => None,
    }
}

fn community_pdu(pdu: ber::Element<'_>) -> Option<Speaker> {
    let mut fields = Reader::new(pdu.bytes);
    let first = ber::element(&mut fields)?;
    match (pdu.tag, first.tag) {
        (0xa0 | 0xa1 | 0xa3 | 0xa5 | 0xa6 | 0xa7, 2) | (0xa4, 6) => Some(Speaker::Client),
        (0xa2 | 0xa8, 2) => Some(Speaker::Server),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<Speaker>) {
        let found = peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(found, expected.map_or(Peek::Not, |speaker| Peek::is(Application::Snmp, speaker)), "{bytes:x?}");
    }

    #[test]
    fn messages() {
        check(b"\x30\x12\x02\x01\x01\x04\x06public\xa0\x05\x02\x01\x07\x02\x01", Some(Speaker::Client));
        check(b"\x30\x12\x02\x01\0\x04\x06public\xa2\x05\x02\x01\x07\x02\x01", Some(Speaker::Server));
        check(b"\x30\x12\x02\x01\x02\x04\x06public\xa0\x05\x02\x01\x07\x02\x01", None);
        check(b"\x30\x0c\x02\x01\x03\x60\x07\x02\x01\x03\x04\0\x80\0", None);
    }
}
