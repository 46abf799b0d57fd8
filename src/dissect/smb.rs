//! SMB 1, 2 and 3 over TCP (MS-SMB section 2.2, MS-SMB2 section 2.2): the message behind its
//! four-byte length in, who sent it out; trees and pipes where they are in clear.

use super::peek::{Peek, Speaker, short};
use super::reader::{Reader, length};
use super::{Application, Prefix};

/// Length of an SMB2 header.
const HEADER: usize = 64;
/// Most paths kept of one direction.
const PATHS: usize = 32;

/// What a client opened on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A share, as `\\server\share`.
    Tree(String),
    /// A file or, on `IPC$`, a pipe.
    File(String),
}

/// Whether a direction starts with an SMB message.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    match prefix.bytes {
        [] => short(prefix),
        [0, rest @ ..] => {
            let mut reader = Reader::new(rest);
            if reader.be24().is_none() {
                return short(prefix);
            }
            message(prefix, reader)
        }
        _ => Peek::Not,
    }
}

fn message(prefix: &Prefix<'_>, mut reader: Reader<'_>) -> Peek {
    let Some(mark) = reader.array::<4>() else {
        return if marks().any(|mark| mark.starts_with(reader.rest())) { short(prefix) } else { Peek::Not };
    };
    let speaker = match &mark {
        // Flags of SMB1 stand after command and status, the reply bit on top.
        b"\xffSMB" => flag(reader, 5, 0x80),
        b"\xfeSMB" => flag(reader, 12, 0x01),
        // Encrypted and compressed messages do not say who speaks.
        b"\xfdSMB" | b"\xfcSMB" => Some(Speaker::Either),
        _ => return Peek::Not,
    };
    speaker.map_or_else(|| short(prefix), |speaker| Peek::is(Application::Smb, speaker))
}

fn marks() -> impl Iterator<Item = [u8; 4]> {
    [0xff, 0xfe, 0xfd, 0xfc].into_iter().map(|first| [first, b'S', b'M', b'B'])
}

fn flag(mut reader: Reader<'_>, at: usize, bit: u8) -> Option<Speaker> {
    reader.skip(at)?;
    let flags = reader.byte()?;
    Some(if flags & bit == 0 { Speaker::Client } else { Speaker::Server })
}

/// Trees and files that a client's bytes open in SMB2, in order. `client` starts at a message.
#[must_use]
pub fn opened(client: &[u8]) -> Vec<Opened> {
    let mut found = Vec::new();
    let mut reader = Reader::new(client);
    while let Some(size) = reader.be32() {
        let mut chain = Some(reader.take_up_to(length(size)));
        while let Some(message) = chain {
            if found.len() >= PATHS {
                return found;
            }
            let Some((opened, next)) = request(message) else { break };
            found.extend(opened);
            chain = next.and_then(|next| message.get(next..));
        }
    }
    found
}

/// One message of a chain: what it opens, and the offset of the next.
fn request(message: &[u8]) -> Option<(Option<Opened>, Option<usize>)> {
    let mut reader = Reader::new(message);
    if reader.array::<4>()? != *b"\xfeSMB" {
        return None;
    }
    reader.skip(8)?;
    let command = reader.le16()?;
    reader.skip(2)?;
    let flags = reader.le32()?;
    // Compounded messages start at multiples of eight behind this one's header.
    let next = Some(length(reader.le32()?)).filter(|next| *next >= HEADER);
    let opened = match command {
        _ if flags & 1 != 0 => None,
        3 => path(message, 68).map(Opened::Tree),
        5 => path(message, 108).map(Opened::File),
        _ => None,
    };
    Some((opened, next))
}

/// The UTF-16 text that offset and length at `at` lead to.
fn path(message: &[u8], at: usize) -> Option<String> {
    let mut reader = Reader::new(message.get(at..)?);
    let (offset, bytes) = (usize::from(reader.le16()?), usize::from(reader.le16()?));
    let text = message.get(offset..offset.checked_add(bytes)?)?;
    let units = text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}
