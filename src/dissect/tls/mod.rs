//! One direction of a TLS connection in, what its first handshake messages state out (RFC 8446,
//! RFC 5246). Handshake messages are joined over records; nothing is decrypted and no certificate
//! is verified: names are claims of the side that sent them.

mod certificate;
mod hello;
mod record;

pub use hello::Hello;

use super::peek::{Peek, Rest, Sight, Speaker, short};
use super::reader::Reader;
use super::{Application, Claim, ClaimSource, Prefix};

/// Handshake types (RFC 8446 section 4).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
/// Longest handshake message that is waited for.
const LONGEST: usize = 64 * 1024;

/// Whether a direction is TLS.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    let Some(kind) = prefix.bytes.first() else { return short(prefix) };
    if !record::begins(prefix.bytes) {
        return Peek::Not;
    }
    if prefix.bytes.len() < record::HEADER {
        return short(prefix);
    }
    match kind {
        22 => handshake(prefix),
        21 if prefix.from_start => record::alert(prefix),
        20..=23 if !prefix.from_start => record::midstream(prefix),
        _ => Peek::Not,
    }
}

/// What a client hello says of its connection.
pub(super) fn sight(hello: &Hello, whole: bool) -> Sight {
    Sight {
        application: hello.application(),
        speaker: Speaker::Client,
        claims: hello.claim().into_iter().collect(),
        alpn: hello.alpn.first().cloned(),
        rest: if whole { Rest::Other } else { Rest::This },
    }
}

fn handshake(prefix: &Prefix<'_>) -> Peek {
    let messages = record::handshake(prefix.bytes);
    let mut reader = Reader::new(&messages);
    let Some((kind, length)) = message(&mut reader) else { return short(prefix) };
    let body = reader.rest();
    let body = body.get(..length).unwrap_or(body);
    let Some([3, 0..=4]) = body.first_chunk::<2>() else {
        return if body.len() < 2 { short(prefix) } else { Peek::Not };
    };
    match kind {
        CLIENT_HELLO if length <= LONGEST => {
            let hello = Hello::read(body);
            Peek::Is(sight(&hello, body.len() == length))
        }
        SERVER_HELLO if length <= LONGEST => Peek::Is(server(&messages, length)),
        _ => Peek::Not,
    }
}

/// A server's side: its certificate follows in clear up to TLS 1.2.
fn server(messages: &[u8], hello: usize) -> Sight {
    let mut sight = Sight {
        application: Application::Tls,
        speaker: Speaker::Server,
        claims: Vec::new(),
        alpn: None,
        rest: Rest::This,
    };
    let mut reader = Reader::new(messages);
    let Some(hello) = message(&mut reader).and_then(|_| reader.take(hello)) else { return sight };
    if hello::seals_certificate(hello) {
        sight.rest = Rest::Nothing;
        return sight;
    }
    let Some((kind, length)) = message(&mut reader) else { return sight };
    if kind != CERTIFICATE || length > LONGEST {
        sight.rest = Rest::Nothing;
    } else if let Some(body) = reader.take(length) {
        let names = certificate::names(body).into_iter();
        sight.claims = names.map(|name| Claim { source: ClaimSource::Certificate, name }).collect();
        sight.rest = Rest::Nothing;
    }
    sight
}

fn message(reader: &mut Reader<'_>) -> Option<(u8, usize)> {
    Some((reader.byte()?, reader.be24()?))
}
