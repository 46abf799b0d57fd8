//! One direction of a TLS connection in, what its first handshake messages state out (RFC 8446,
//! RFC 5246). Handshake messages are joined over records; nothing is decrypted and no certificate
//! is verified: names are claims of the side that sent them.

mod certificate;
mod hello;
mod record;

pub use certificate::MOST_NAMES;
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
        claims: hello.claims(),
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

/// Where the certificate message of a server ends in its bytes, if it is all there and in clear.
#[must_use]
pub fn certificate_end(bytes: &[u8]) -> Option<usize> {
    let messages = record::handshake(bytes);
    let mut reader = Reader::new(&messages);
    let (_, hello) = message(&mut reader)?;
    reader.skip(hello)?;
    let (kind, length) = message(&mut reader)?;
    reader.skip(length)?;
    let end = messages.len().checked_sub(reader.left())?;
    if kind == CERTIFICATE { record::place(bytes, end) } else { None }
}

fn message(reader: &mut Reader<'_>) -> Option<(u8, usize)> {
    Some((reader.byte()?, reader.be24()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(bytes: &[u8]) -> Prefix<'_> {
        Prefix { bytes, ended: true, ..Prefix { from_start: true, ..Prefix::default() } }
    }

    fn short16(bytes: &[u8]) -> [u8; 2] {
        u16::try_from(bytes.len()).unwrap().to_be_bytes()
    }

    /// Handshake messages in one record.
    fn record(messages: &[u8]) -> Vec<u8> {
        [&[22, 3, 3], &short16(messages)[..], messages].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0], &short16(body)[..], body].concat()
    }

    fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &short16(value), value].concat()
    }

    fn hello(alpn: &str, further: &[u8]) -> Vec<u8> {
        let name = b"\0\x0e\0\0\x0bsql.example";
        let one = [&[u8::try_from(alpn.len()).unwrap()], alpn.as_bytes()].concat();
        let offered = [&short16(&one)[..], &one].concat();
        let extensions = [extension(0, name), extension(16, &offered), further.to_vec()].concat();
        let body = [&[3, 3], &[9; 32][..], &[0, 0, 2, 0x13, 1, 1, 0], &short16(&extensions), &extensions].concat();
        record(&message(CLIENT_HELLO, &body))
    }

    fn seen(bytes: &[u8]) -> Sight {
        match peek(&ended(bytes)) {
            Peek::Is(sight) => sight,
            found @ (Peek::More | Peek::Not) => panic!("{found:?}"),
        }
    }

    fn claim(source: ClaimSource, name: &str) -> Claim {
        Claim { source, name: name.into() }
    }

    #[test]
    fn what_a_hello_says() {
        let own = claim(ClaimSource::Sni, "sql.example");
        for (alpn, application) in
            [("h2", Application::Https), ("tds/8.0", Application::Tds), ("smtp", Application::Tls)]
        {
            let sight = seen(&hello(alpn, &[]));
            assert_eq!((sight.application, sight.alpn.as_deref()), (application, Some(alpn)));
            assert_eq!(sight.claims, std::slice::from_ref(&own));
        }
        // Encrypted hellos: the name that shows is the provider's.
        for kind in [0xfe0d, 0xffce] {
            let sight = seen(&hello("h2", &extension(kind, &[0; 8])));
            assert_eq!(sight.claims, [claim(ClaimSource::OuterSni, "sql.example")]);
        }
    }

    /// The names of a certificate in clear, whole and cut: a cut one says nothing.
    #[test]
    fn certificates_of_the_versions_that_show_them() {
        let names = b"\x06\x03\x55\x1d\x11\x04\x1b\x30\x19\x82\x09a.example\x82\x0c*.b.example.";
        let list = [&[0, 0, u8::try_from(names.len()).unwrap()], &names[..]].concat();
        let body = [&[0, 0, u8::try_from(list.len()).unwrap()], &list[..]].concat();
        let server = |extensions: &[u8]| {
            let body = [&[3, 3], &[9; 32][..], &[0, 0xc0, 0x2f, 0], &short16(extensions), extensions].concat();
            message(SERVER_HELLO, &body)
        };
        let certified = |extensions: &[u8]| record(&[server(extensions), message(CERTIFICATE, &body)].concat());
        let both = ["*.b.example", "a.example"].map(|name| claim(ClaimSource::Certificate, name));
        let mut found = seen(&certified(&[])).claims;
        found.sort();
        assert_eq!(found, both);
        assert!(seen(&certified(&[])[..90]).claims.is_empty());
        // TLS 1.3 seals what follows its hello.
        assert!(seen(&certified(&extension(43, &[3, 4]))).claims.is_empty());
    }
}
