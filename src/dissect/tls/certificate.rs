//! A certificate message of TLS 1.2 or older in, the DNS names of the server's own certificate out
//! (RFC 5246 section 7.4.2, RFC 5280 section 4.2.1.6). The subject alternative name is found by its
//! object identifier; the signature is not checked, so a name is a claim like any other.

use crate::dissect::ber;
use crate::dissect::name;
use crate::dissect::reader::Reader;

/// Object identifier 2.5.29.17 with its tag and length.
const ALTERNATIVE_NAME: &[u8] = b"\x06\x03\x55\x1d\x11";
/// Most names kept of one certificate.
pub const MOST_NAMES: usize = 64;

/// DNS names of the first certificate in the message, canonical, wildcards as `*`.
pub(super) fn names(message: &[u8]) -> Vec<String> {
    first(message).and_then(alternative_names).unwrap_or_default()
}

fn first(message: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(message);
    let _list = reader.be24()?;
    let length = reader.be24()?;
    reader.take(length)
}

fn alternative_names(certificate: &[u8]) -> Option<Vec<String>> {
    let at = certificate.windows(ALTERNATIVE_NAME.len()).position(|window| window == ALTERNATIVE_NAME)?;
    let mut reader = Reader::new(certificate.get(at..)?);
    reader.skip(ALTERNATIVE_NAME.len())?;
    let mut value = ber::element(&mut reader)?;
    if value.tag == 1 {
        // The extension is marked critical.
        value = ber::element(&mut reader)?;
    }
    let mut octets = Reader::new(value.bytes);
    let list = ber::element(&mut octets)?;
    let mut entries = Reader::new(list.bytes);
    let mut found = Vec::new();
    while let Some(entry) = ber::element(&mut entries) {
        if entry.tag == 0x82 && found.len() < MOST_NAMES {
            found.extend(name::from_text(entry.bytes));
        }
    }
    Some(found)
}
