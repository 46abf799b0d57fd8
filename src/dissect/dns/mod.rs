//! One DNS message in, its question and answers out (RFC 1035 section 4). Authority and additional
//! records are counted and never read: they bind nothing. A message that was cut gives the answers
//! that were whole.

mod chain;
mod peek;
mod record;

use super::name;
use super::reader::Reader;

pub use chain::{Reached, addresses};
pub(super) use peek::{peek_tcp, peek_udp};
pub use record::{Data, Record, ServiceBinding, Srv};

/// Most answers that are kept of one message.
const ANSWERS: usize = 64;
/// Most questions that are kept of one message; multicast DNS asks several at once.
const QUESTIONS: u16 = 16;

/// A question (RFC 1035 section 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name asked for, canonical; the root is empty.
    pub name: String,
    /// Type: 1 A, 28 AAAA, 33 SRV, 65 HTTPS, …
    pub kind: u16,
    /// Class without the top bit, which multicast DNS uses (RFC 6762 section 5.4): 1 is IN.
    pub class: u16,
}

/// A DNS message as far as names can be learnt from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Identifier that pairs an answer with its question.
    pub id: u16,
    /// Whether it is an answer (QR).
    pub response: bool,
    /// Operation: 0 query, 5 update.
    pub opcode: u8,
    /// Result: 0 no error, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    pub rcode: u8,
    /// Cut by the sender (TC): the whole answer comes over TCP.
    pub truncated: bool,
    /// Recursion desired (RD).
    pub recursion_desired: bool,
    /// The questions, at most 16.
    pub questions: Vec<Question>,
    /// The answers in order, at most 64.
    pub answers: Vec<Record>,
    /// Number of authority records that the header claims.
    pub authority: u16,
    /// Number of additional records that the header claims.
    pub additional: u16,
    /// Whether every answer that the header claims was there and kept.
    pub whole: bool,
}

/// Whether the header is that of an answer to a query, and claims to hold something. Says it without
/// reading further.
#[must_use]
pub fn is_answer(bytes: &[u8]) -> bool {
    Header::read(bytes).is_some_and(|header| header.flags & 0xf800 == 0x8000 && header.answers > 0)
}

/// Reads one message. `None` when the header or a question is not there or contradicts itself.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Message> {
    let header = Header::read(bytes)?;
    let (questions, at) = questions(bytes, header.questions)?;
    let (answers, whole) = answers(bytes, at, header.answers);
    Some(Message {
        id: header.id,
        response: header.flags & 0x8000 != 0,
        opcode: header.opcode(),
        rcode: header.rcode(),
        truncated: header.flags & 0x0200 != 0,
        recursion_desired: header.flags & 0x0100 != 0,
        questions,
        answers,
        authority: header.authority,
        additional: header.additional,
        whole,
    })
}

/// The messages in one direction of a TCP connection, each behind its length (RFC 1035 section
/// 4.2.2). `bytes` starts at a message. A last message that is cut is given as far as it is there.
pub fn tcp_messages(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        let length = usize::from(reader.be16()?);
        let message = reader.take_up_to(length);
        (message.len() >= Header::LENGTH).then_some(message)
    })
}

/// The twelve bytes in front.
#[derive(Clone, Copy, Debug)]
struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
    authority: u16,
    additional: u16,
}

impl Header {
    const LENGTH: usize = 12;

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self {
            id: reader.be16()?,
            flags: reader.be16()?,
            questions: reader.be16()?,
            answers: reader.be16()?,
            authority: reader.be16()?,
            additional: reader.be16()?,
        })
    }

    const fn opcode(&self) -> u8 {
        (self.flags >> 11 & 0x0f) as u8
    }

    const fn rcode(&self) -> u8 {
        (self.flags & 0x0f) as u8
    }
}

fn questions(bytes: &[u8], count: u16) -> Option<(Vec<Question>, usize)> {
    if count > QUESTIONS {
        return None;
    }
    let mut found = Vec::new();
    let mut at = Header::LENGTH;
    for _ in 0..count {
        let (name, next) = name::from_wire(bytes, at)?;
        let mut reader = Reader::new(bytes.get(next..)?);
        found.push(Question { name, kind: reader.be16()?, class: reader.be16()? & 0x7fff });
        at = next.checked_add(4)?;
    }
    Some((found, at))
}

fn answers(bytes: &[u8], at: usize, count: u16) -> (Vec<Record>, bool) {
    let mut found = Vec::new();
    let mut at = at;
    for _ in 0..count {
        if found.len() >= ANSWERS {
            return (found, false);
        }
        let Some((record, next)) = record::read(bytes, at) else { return (found, false) };
        found.push(record);
        at = next;
    }
    (found, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `www.de A` asked, answered by `www.de CNAME x.de`, `x.de A 192.0.2.7`.
    pub(super) const ANSWER: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x03WWW\x02de\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01x\xc0\x10\
        \xc0\x24\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\0\x02\x07";

    #[test]
    fn an_answer() {
        let message = parse(ANSWER).unwrap();
        assert!(message.response && message.recursion_desired && message.whole);
        assert_eq!(message.questions, [Question { name: "www.de".into(), kind: 1, class: 1 }]);
        assert_eq!(message.answers[0].data, Data::Cname("x.de".into()));
        assert_eq!(message.answers[1].name, "x.de");
        assert_eq!(message.answers[1].data, Data::A("192.0.2.7".parse().unwrap()));
    }

    #[test]
    fn cut_anywhere_it_gives_what_is_whole() {
        for end in 0..ANSWER.len() {
            let found = parse(&ANSWER[..end]);
            assert_eq!(found.is_some(), end >= 24, "{end}");
            assert!(found.is_none_or(|message| !message.whole), "{end}");
        }
    }

    #[test]
    fn messages_over_tcp() {
        let one = [&[0, 24], &ANSWER[..24]].concat();
        let stream = [one.as_slice(), &one, &one[..20], b""].concat();
        assert_eq!(tcp_messages(&stream).map(<[u8]>::len).collect::<Vec<_>>(), [24, 24, 18]);
    }
}
