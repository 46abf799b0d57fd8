//! TLS records (RFC 8446 section 5.1): headers, and the handshake bytes that run through them.

use std::borrow::Cow;

use crate::dissect::peek::{Peek, Speaker, short};
use crate::dissect::reader::Reader;
use crate::dissect::{Application, Prefix};

/// Length of a record header.
pub(super) const HEADER: usize = 5;
/// Longest record: 2^14 bytes of plaintext and 2048 of what TLS 1.2 may add.
const LONGEST: u16 = 16_384 + 2_048;

struct Record<'b> {
    kind: u8,
    version: u16,
    length: u16,
    body: &'b [u8],
}

impl<'b> Record<'b> {
    fn read(reader: &mut Reader<'b>) -> Option<Self> {
        let (kind, version, length) = (reader.byte()?, reader.be16()?, reader.be16()?);
        let possible = (20..=24).contains(&kind) && (0x0300..=0x0304).contains(&version) && length <= LONGEST;
        possible.then(|| Self { kind, version, length, body: reader.take_up_to(usize::from(length)) })
    }

    fn whole(&self) -> bool {
        self.body.len() == usize::from(self.length)
    }
}

/// Whether the first bytes, as far as they go, could be a record header.
pub(super) fn begins(bytes: &[u8]) -> bool {
    let possible = |index: usize, allowed: fn(u8) -> bool| bytes.get(index).is_none_or(|byte| allowed(*byte));
    possible(0, |kind| (20..=24).contains(&kind))
        && possible(1, |major| major == 3)
        && possible(2, |minor| minor <= 4)
        && possible(3, |length| length <= 0x48)
}

/// The handshake bytes at the front, joined over records up to the first of another kind.
pub(super) fn handshake(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut joined = Cow::Borrowed(&[][..]);
    let mut reader = Reader::new(bytes);
    while let Some(record) = Record::read(&mut reader) {
        if record.kind != 22 {
            break;
        }
        if joined.is_empty() {
            joined = Cow::Borrowed(record.body);
        } else {
            joined.to_mut().extend_from_slice(record.body);
        }
        if !record.whole() {
            break;
        }
    }
    joined
}

/// Where the first `length` handshake bytes end, record headers counted.
pub(super) fn place(bytes: &[u8], length: usize) -> Option<usize> {
    let mut left = length;
    let mut reader = Reader::new(bytes);
    loop {
        let record = Record::read(&mut reader)?;
        match left.checked_sub(record.body.len()) {
            Some(behind) if behind > 0 => left = behind,
            _ => {
                let unread = record.body.len().checked_sub(left)?;
                return bytes.len().checked_sub(reader.left())?.checked_sub(unread);
            }
        }
    }
}

/// A connection that fails at once: the server's first record is an alert (RFC 8446 section 6).
pub(super) fn alert(prefix: &Prefix<'_>) -> Peek {
    let mut reader = Reader::new(prefix.bytes);
    match Record::read(&mut reader) {
        Some(record) if record.length == 2 => match record.body {
            [1 | 2, _] => Peek::is(Application::Tls, Speaker::Server),
            [] | [_] => short(prefix),
            _ => Peek::Not,
        },
        Some(_) | None => Peek::Not,
    }
}

/// Records in the middle of a connection. One header of TLS 1.2 or 1.3 is enough when it cannot be
/// contradicted; where the next one was captured it must be a header too.
pub(super) fn midstream(prefix: &Prefix<'_>) -> Peek {
    let mut reader = Reader::new(prefix.bytes);
    let mut records = 0_u8;
    while records < 4 && reader.left() >= HEADER {
        let Some(record) = Record::read(&mut reader) else { return Peek::Not };
        if record.length == 0 || !(0x0301..=0x0303).contains(&record.version) {
            return Peek::Not;
        }
        records = records.saturating_add(1);
    }
    Peek::when(records > 0, Application::Tls, Speaker::Either)
}
