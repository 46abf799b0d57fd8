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

/// Trees and files that a client's bytes open, in order. `client` starts at a message.
#[must_use]
pub fn opened(client: &[u8]) -> Vec<Opened> {
    let mut found = Vec::new();
    let mut reader = Reader::new(client);
    while let Some(size) = reader.be32() {
        let message = reader.take_up_to(length(size));
        if message.starts_with(b"\xffSMB") {
            found.extend(old_requests(message));
            found.truncate(PATHS);
            continue;
        }
        let mut chain = Some(message);
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

/// Commands of SMB1 that another may follow in the same message (MS-CIFS section 2.2.3.4).
const CHAINED: [u8; 7] = [0x24, 0x2d, 0x2e, 0x2f, 0x73, TREE_CONNECT, CREATE];
/// SMB1's commands to connect to a tree and to open a file or pipe (MS-CIFS sections 2.2.4.55 and 2.2.4.64).
const TREE_CONNECT: u8 = 0x75;
const CREATE: u8 = 0xa2;
/// Length of an SMB1 header.
const OLD_HEADER: usize = 32;

/// What the commands of one SMB1 message open.
fn old_requests(message: &[u8]) -> Vec<Opened> {
    let mut found = Vec::new();
    let (Some(mut command), Some(flags)) = (message.get(4).copied(), message.get(9..12)) else { return found };
    if flags.first().is_none_or(|flags| flags & 0x80 != 0) {
        return found;
    }
    let wide = flags.last().is_some_and(|high| high & 0x80 != 0);
    let mut at = OLD_HEADER;
    loop {
        let Some((words, data)) = old_block(message, at) else { return found };
        found.extend(match command {
            TREE_CONNECT => {
                let password = words.get(6..8).and_then(|it| it.first_chunk()).map_or(0, |it| u16::from_le_bytes(*it));
                old_text(message, data.saturating_add(usize::from(password)), wide).map(Opened::Tree)
            }
            CREATE => old_text(message, data, wide).map(Opened::File),
            _ => None,
        });
        let (Some(next), Some(offset)) = (words.first(), words.get(2..4).and_then(|it| it.first_chunk())) else {
            return found;
        };
        let offset = usize::from(u16::from_le_bytes(*offset));
        // A chain goes forward, so it ends.
        if !CHAINED.contains(&command) || offset <= at {
            return found;
        }
        (command, at) = (*next, offset);
    }
}

/// Parameter words of the block at `at`, and the offset of its data.
fn old_block(message: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let mut reader = Reader::new(message.get(at..)?);
    let words = usize::from(reader.byte()?).checked_mul(2)?;
    let block = reader.take(words)?;
    reader.le16()?;
    Some((block, at.checked_add(words)?.checked_add(3)?))
}

/// Text up to its zero; in UTF-16 it begins at an even offset of the message.
fn old_text(message: &[u8], at: usize, wide: bool) -> Option<String> {
    if !wide {
        let bytes = message.get(at..)?;
        let text = bytes.get(..bytes.iter().position(|byte| *byte == 0)?)?;
        return (!text.is_empty()).then(|| text.iter().map(|byte| char::from(*byte)).collect());
    }
    let units = message.get(at.next_multiple_of(2)..)?.as_chunks::<2>().0;
    let text = units.get(..units.iter().position(|unit| *unit == [0, 0])?)?;
    let text = text.iter().map(|unit| u16::from_le_bytes(*unit));
    let text: String = char::decode_utf16(text).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(bytes: &[u8]) -> Prefix<'_> {
        Prefix { bytes, ended: true, ..Prefix { from_start: true, ..Prefix::default() } }
    }

    fn check(bytes: &[u8], expected: Option<Speaker>) {
        let found = peek(&ended(bytes));
        assert_eq!(found, expected.map_or(Peek::Not, |speaker| Peek::is(Application::Smb, speaker)), "{bytes:x?}");
    }

    #[test]
    fn messages_of_all_versions() {
        let first = b"\0\0\0\x2f\xffSMB\x72\0\0\0\0\x18\x53\xc8\0\0";
        check(first, Some(Speaker::Client));
        let answer = b"\0\0\0\x2f\xffSMB\x72\0\0\0\0\x98\x53\xc8\0\0";
        check(answer, Some(Speaker::Server));
        let second = |flags| [&b"\0\0\0\x40\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0"[..], &[flags, 0, 0, 0]].concat();
        check(&second(0), Some(Speaker::Client));
        check(&second(1), Some(Speaker::Server));
        check(b"\0\0\0\x40\xfdSMB\0\0\0\0", Some(Speaker::Either));
        check(b"\0\0\0\x40\xfcSMB\0\0\0\0", Some(Speaker::Either));
        check(b"\0\0\0\x40\xfbSMB\0\0\0\0", None);
        check(b"\x85\0\0\0", None);
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// A message behind its length.
    fn sent(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
    }

    /// An SMB2 request that opens a path: its offset and length stand at `at`.
    fn request(command: u8, at: usize, path: &str) -> Vec<u8> {
        let path = wide(path);
        let mut message = vec![0; at + 4];
        message[..16].copy_from_slice(&[0xfe, b'S', b'M', b'B', 64, 0, 0, 0, 0, 0, 0, 0, command, 0, 0, 0]);
        message[at..at + 2].copy_from_slice(&u16::try_from(at + 4).unwrap().to_le_bytes());
        message[at + 2..].copy_from_slice(&u16::try_from(path.len()).unwrap().to_le_bytes());
        [message, path].concat()
    }

    /// An SMB1 request: a session set-up, then a tree in the same message.
    fn old_tree(flags: u8) -> Vec<u8> {
        let mut message = [&b"\xffSMB\x73\0\0\0\0"[..], &[flags, 0, 0x80], &[0; 20]].concat();
        let path = [wide(r"\\dc1\IPC$"), vec![0, 0], b"?????\0".to_vec()].concat();
        // Words of the set-up: the next command and where it is. No data.
        message.extend([&[2, TREE_CONNECT, 0, 40, 0, 0, 0], &[0][..]].concat());
        let length = u16::try_from(path.len() + 1).unwrap().to_le_bytes();
        message.extend([&[4, 0xff, 0, 0, 0, 0, 0, 1, 0][..], &length, &[0], &path].concat());
        message
    }

    fn old_pipe(name: &str) -> Vec<u8> {
        let mut message = [&b"\xffSMB\xa2\0\0\0\0"[..], &[0x18, 0, 0], &[0; 20]].concat();
        message.extend([&[24, 0xff][..], &[0; 47], &u16::try_from(name.len() + 1).unwrap().to_le_bytes()].concat());
        message.extend([name.as_bytes(), &[0]].concat());
        message
    }

    #[test]
    fn trees_and_pipes() {
        let opened =
            |messages: &[Vec<u8>]| opened(&messages.iter().flat_map(|message| sent(message)).collect::<Vec<_>>());
        let (tree, pipe) = (Opened::Tree(r"\\dc1\IPC$".into()), Opened::File("netlogon".into()));
        let (connect, create) = (request(3, 68, r"\\dc1\IPC$"), request(5, 108, "netlogon"));
        assert_eq!(opened(&[connect.clone(), create.clone()]), [tree.clone(), pipe]);
        let mut answer = connect.clone();
        answer[16] = 1;
        assert_eq!(opened(&[answer, create[..100].to_vec()]), []);
        assert_eq!(opened(&[old_tree(0x18), old_pipe(r"\netlogon")]), [tree, Opened::File(r"\netlogon".into())]);
        assert_eq!(opened(&[old_tree(0x98), old_tree(0x18)[..60].to_vec()]), []);
    }
}
