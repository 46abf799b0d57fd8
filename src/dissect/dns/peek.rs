//! Recognises DNS, multicast DNS and LLMNR by a header that is sane in every field and a question
//! or answer that can be read (RFC 1035 section 4.1, RFC 6762 section 18, RFC 4795 section 2.1).

use super::{Header, Message, parse};
use crate::dissect::peek::{Peek, Speaker, short};
use crate::dissect::reader::Reader;
use crate::dissect::{Application, Prefix};

/// Most records that one section of a believable message claims.
const RECORDS: u16 = 512;

/// Whether a datagram is a DNS message.
pub(in crate::dissect) fn peek_udp(prefix: &Prefix<'_>) -> Peek {
    if prefix.bytes.len() < Header::LENGTH {
        return short(prefix);
    }
    message(prefix.bytes).unwrap_or(Peek::Not)
}

/// Whether a TCP direction starts with a DNS message behind its length (RFC 1035 section 4.2.2).
pub(in crate::dissect) fn peek_tcp(prefix: &Prefix<'_>) -> Peek {
    let mut reader = Reader::new(prefix.bytes);
    let Some(length) = reader.be16() else { return short(prefix) };
    let length = usize::from(length);
    if length < Header::LENGTH {
        return Peek::Not;
    }
    let bytes = reader.take_up_to(length);
    match message(bytes) {
        Some(Peek::Is(sight)) if sight.application == Application::Dns => Peek::Is(sight),
        Some(_) => Peek::Not,
        None if bytes.len() < length && plausible(bytes) => short(prefix),
        None => Peek::Not,
    }
}

fn plausible(bytes: &[u8]) -> bool {
    Header::read(bytes).is_none_or(|header| sane(&header))
}

/// The answer for one message; `None` when it cannot be read.
fn message(bytes: &[u8]) -> Option<Peek> {
    let header = Header::read(bytes).filter(sane)?;
    let message = parse(bytes)?;
    let speaker = if message.response { Speaker::Server } else { Speaker::Client };
    if !message.questions.iter().all(|question| known_class(question.class) && known_kind(question.kind)) {
        return None;
    }
    if header.questions == 0 {
        // Only multicast DNS answers without repeating a question; its answers must be readable.
        let announces = message.response && header.id == 0 && header.rcode() == 0;
        let readable = message.answers.first().is_some_and(|record| record.class == 1 && known_kind(record.kind));
        return (announces && readable).then(|| Peek::is(Application::Mdns, Speaker::Either));
    }
    let application = family(&message, &header);
    Some(match application {
        Application::Mdns => Peek::is(application, Speaker::Either),
        _ => Peek::is(application, speaker),
    })
}

fn sane(header: &Header) -> bool {
    let response = header.flags & 0x8000 != 0;
    let counts = header.answers <= RECORDS && header.authority <= RECORDS && header.additional <= RECORDS;
    let questions = if header.id == 0 { header.questions <= 16 } else { header.questions == 1 };
    // A query carries no result; an update carries records in the answer section.
    let query = response || (header.rcode() == 0 && (header.opcode() == 5 || header.id == 0 || header.answers == 0));
    matches!(header.opcode(), 0 | 2 | 4 | 5) && header.flags & 0x0040 == 0 && counts && questions && query
}

const fn known_class(class: u16) -> bool {
    matches!(class, 1 | 3 | 254 | 255)
}

const fn known_kind(kind: u16) -> bool {
    matches!(kind, 1..=110 | 249..=262 | 32768 | 32769 | 65280..=65534)
}

/// Which of the three protocols with this message format it is. Multicast DNS uses identifier 0 and
/// asks under `.local` or in the reverse tree; LLMNR asks for single labels and never for recursion.
/// Both are guesses between equals, so each fulfils the other's row.
fn family(message: &Message, header: &Header) -> Application {
    let local = |name: &str| name.ends_with(".local") || name == "local" || name.ends_with(".arpa");
    let single = |name: &str| !name.is_empty() && !name.contains('.');
    let recursion = header.flags & 0x0180 != 0;
    let names = || message.questions.iter().map(|question| question.name.as_str());
    if header.id == 0 && !recursion && names().all(local) {
        Application::Mdns
    } else if !recursion
        && header.opcode() == 0
        && header.additional == 0
        && names().all(single)
        && message.questions.iter().all(|question| matches!(question.kind, 1 | 28 | 255))
    {
        Application::Llmnr
    } else {
        Application::Dns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(bytes: &[u8]) -> Prefix<'_> {
        Prefix { bytes, ended: true, ..Prefix { from_start: true, ..Prefix::default() } }
    }

    /// A message with one question for an address.
    fn message(id: u8, flags: [u8; 2], name: &str) -> Vec<u8> {
        let labels =
            name.split('.').flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat());
        let name: Vec<u8> = labels.chain([0]).collect();
        [&[0, id, flags[0], flags[1], 0, 1, 0, 0, 0, 0, 0, 0], &name[..], &[0, 1, 0, 1]].concat()
    }

    #[test]
    fn three_protocols_with_one_format() {
        let check = |bytes: &[u8], expected: Option<(Application, Speaker)>| {
            let found = peek_udp(&ended(bytes));
            assert_eq!(found, expected.map_or(Peek::Not, |(it, speaker)| Peek::is(it, speaker)), "{bytes:x?}");
        };
        check(&message(7, [1, 0], "dc1.corp.example"), Some((Application::Dns, Speaker::Client)));
        check(&message(7, [0x81, 0x80], "dc1.corp.example"), Some((Application::Dns, Speaker::Server)));
        check(&message(0, [0, 0], "printer.local"), Some((Application::Mdns, Speaker::Either)));
        check(&message(7, [0, 0], "wpad"), Some((Application::Llmnr, Speaker::Client)));
        check(&message(7, [0x80, 0], "wpad"), Some((Application::Llmnr, Speaker::Server)));
        check(&message(7, [1, 3], "dc1.corp.example"), None);
        check(&message(7, [1, 0], "dc1.corp.example")[..20], None);
    }

    #[test]
    fn a_stream_starts_with_a_length() {
        let question = message(7, [1, 0], "dc1.corp.example");
        let length = u16::try_from(question.len()).unwrap().to_be_bytes();
        let stream = [&length[..], &question].concat();
        let peek = |bytes| peek_tcp(&ended(bytes));
        assert_eq!(peek(&stream), Peek::is(Application::Dns, Speaker::Client));
        assert_eq!(peek(&question), Peek::Not);
        assert_eq!(peek_tcp(&Prefix { ended: false, ..ended(&stream[..20]) }), Peek::More);
    }
}
