//! SQL Server and Sybase (MS-TDS section 2.2.3): the packet in front of a direction in, who sent it
//! out. The TLS of TDS 7 runs inside later packets; that of TDS 8 comes first and is recognised by
//! its protocol name in the hello.

use super::peek::{Peek, Speaker, short};
use super::reader::{Reader, length};
use super::{Application, Prefix};

/// Packet types.
const BATCH: u8 = 1;
const OLD_LOGIN: u8 = 2;
const RPC: u8 = 3;
const RESPONSE: u8 = 4;
const TRANSACTION: u8 = 14;
const LOGIN: u8 = 16;
const PRELOGIN: u8 = 18;
/// Fewest bytes that decide, header included.
const HEAD: usize = 22;

/// Whether a direction starts with a TDS packet.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    let kinds = [BATCH, OLD_LOGIN, RPC, RESPONSE, TRANSACTION, LOGIN, PRELOGIN];
    let Some(kind) = prefix.bytes.first() else { return short(prefix) };
    // End of message, ignore, and the two ways to reset a pooled connection (section 2.2.3.1.2).
    if !kinds.contains(kind) || prefix.bytes.get(1).is_some_and(|status| status & 0xe4 != 0) {
        return Peek::Not;
    }
    let proved = packet(prefix.bytes, prefix.from_start);
    match proved {
        Some(speaker) => Peek::is(Application::Tds, speaker),
        None if prefix.bytes.len() < HEAD => short(prefix),
        None => Peek::Not,
    }
}

fn packet(bytes: &[u8], from_start: bool) -> Option<Speaker> {
    let mut reader = Reader::new(bytes);
    let [kind, _status] = reader.array::<2>()?;
    let size = usize::from(reader.be16()?);
    let [channel, channel_too, _number, window] = reader.array::<4>()?;
    let held = size.checked_sub(8)?;
    if window != 0 {
        return None;
    }
    let body = Reader::new(reader.take_up_to(held));
    match kind {
        PRELOGIN => prelogin(body, held).then_some(Speaker::Client),
        LOGIN => login(body).then_some(Speaker::Client),
        OLD_LOGIN => {
            (from_start && channel == 0 && channel_too == 0 && old_login(body, size)).then_some(Speaker::Client)
        }
        BATCH => (all_headers(body) || is_text(body.rest())).then_some(Speaker::Client),
        RPC => (all_headers(body) || procedure(body)).then_some(Speaker::Client),
        TRANSACTION => all_headers(body).then_some(Speaker::Client),
        RESPONSE => response(body, held).then_some(Speaker::Server),
        _ => None,
    }
}

/// Options of token, offset and length; the first is the version, six bytes long.
fn prelogin(mut body: Reader<'_>, held: usize) -> bool {
    let Some([0, high, low, 0, 6]) = body.array::<5>() else { return false };
    let offset = usize::from(u16::from_be_bytes([high, low]));
    offset.checked_sub(1).is_some_and(|options| options % 5 == 0) && offset >= 6 && offset < held
}

/// Length of the login, then a version of TDS 7 or 8, little-endian (section 2.2.6.4).
fn login(mut body: Reader<'_>) -> bool {
    let (Some(size), Some(version)) = (body.le32(), body.array::<4>()) else { return false };
    let known = matches!(version, [0..=4, 0, 0 | 9..=11, 0x70..=0x74] | [0, 0, 0, 8]);
    known && (36..=131_072).contains(&length(size))
}

/// A login of TDS 4 or 5: a fixed record that starts with a host name of 30 bytes and its length;
/// what the name does not fill is zero.
fn old_login(body: Reader<'_>, size: usize) -> bool {
    let Some((name, rest)) = body.rest().split_at_checked(30) else { return false };
    let Some(used) = rest.first().map(|used| usize::from(*used)) else { return false };
    let Some((name, padding)) = name.split_at_checked(used) else { return false };
    size >= 512 && used > 0 && name.iter().all(u8::is_ascii_graphic) && padding.iter().all(|byte| *byte == 0)
}

/// The header block of TDS 7.2 and newer with a transaction descriptor (section 2.2.5.3).
fn all_headers(mut body: Reader<'_>) -> bool {
    body.array::<10>() == Some([0x16, 0, 0, 0, 0x12, 0, 0, 0, 2, 0])
}

/// A call of TDS 7.0 or 7.1 starts with the name of its procedure, in UTF-16 behind its length.
fn procedure(mut body: Reader<'_>) -> bool {
    let units = body.le16().map(usize::from).filter(|units| (4..=128).contains(units));
    units.and_then(|units| body.take(units.checked_mul(2)?)).is_some_and(is_text)
}

/// Whether bytes start with text as SQL and its names are: ASCII in UTF-16.
fn is_text(bytes: &[u8]) -> bool {
    let units = bytes.as_chunks::<2>().0;
    let plain = |unit: &[u8; 2]| matches!(unit, [b'\t' | b'\r' | b'\n' | b' '..=b'~', 0]);
    units.len() >= 4 && units.iter().take(16).all(plain)
}

/// An answer starts with prelogin options or with one of the tokens of section 2.2.7 and what
/// that token must look like.
fn response(mut body: Reader<'_>, held: usize) -> bool {
    if prelogin(body, held) {
        return true;
    }
    match body.byte() {
        // Environment change, information, error, login acknowledgement: a length that fits.
        Some(0xe3 | 0xab | 0xaa | 0xad) => body.le16().is_some_and(|size| size >= 3 && usize::from(size) < held),
        // Done: status, command, and a row count of eight bytes, the upper half zero; up to TDS 7.1
        // of four bytes, and then believed only where nothing else follows.
        Some(0xfd..=0xff) if held == 9 => true,
        Some(0xfd..=0xff) => held.is_multiple_of(13) && body.skip(8).and_then(|()| body.le32()) == Some(0),
        // Column data: a believable number of columns, then a user type of zero.
        Some(0x81) => {
            let columns = body.le16();
            columns.is_some_and(|columns| (1..=1024).contains(&columns)) && body.le32() == Some(0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<Speaker>) {
        let found = peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(found, expected.map_or(Peek::Not, |speaker| Peek::is(Application::Tds, speaker)), "{bytes:x?}");
    }

    #[test]
    fn packets() {
        let options = b"\0\0\x1a\0\x06\x01\0\x20\0\x01\x02\0\x21\0\x01\x03\0\x22\0\x04\x04\0\x26\0\x01\xff";
        let prelogin = |kind| [&[kind, 1, 0, 0x2f, 0, 0, 1, 0], &options[..], &[0; 13]].concat();
        check(&prelogin(0x12), Some(Speaker::Client));
        check(&prelogin(0x04), Some(Speaker::Server));
        check(&[&b"\x10\x01\x01\0\0\0\x01\0\xf8\0\0\0\x04\0\0\x74"[..], &[0; 20]].concat(), Some(Speaker::Client));
        let batch = b"\x01\x01\0\x3c\0\0\x01\0\x16\0\0\0\x12\0\0\0\x02\0\0\0\0\0\0\0";
        check(batch, Some(Speaker::Client));
        check(b"\x01\x01\0\x3c\0\0\x01\0select 1 from a table", None);
        check(b"\x01\x01\0\x14\0\0\x01\0s\0e\0l\0e\0c\0t\0", Some(Speaker::Client));
        check(b"\x03\x09\0\x20\0\0\x01\0\x06\0s\0p\0_\0f\0o\0o\0\0\0", Some(Speaker::Client));
        check(&[0x12; 40], None);
        check(&[4; 40], None);
    }
}
