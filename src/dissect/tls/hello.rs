//! A client hello, as far as it is there, in; server name and protocols out (RFC 8446 section
//! 4.1.2, RFC 6066 section 3, RFC 7301, RFC 9849 for encrypted hellos). QUIC carries the same
//! message (RFC 9001 section 4.3).

use crate::dissect::reader::Reader;
use crate::dissect::{Application, Claim, ClaimSource, name};

/// Most protocols kept of one hello.
const PROTOCOLS: usize = 16;

/// What a client hello states in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Server name, canonical; `None` when there is none or it is no name.
    pub server_name: Option<String>,
    /// Application protocols in the client's order, without GREASE (RFC 8701).
    pub alpn: Vec<String>,
    /// Whether the hello carries an encrypted one: its server name then is the provider's.
    pub encrypted: bool,
    /// Whether every extension was there and could be read.
    pub whole: bool,
}

impl Hello {
    /// Reads the body of a client hello, without the four bytes of the handshake header.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let mut hello = Self::default();
        let Some(extensions) = extensions(body, 32) else { return hello };
        let mut reader = Reader::new(extensions.rest);
        while let Some((kind, value)) = extension(&mut reader) {
            match kind {
                0 if hello.server_name.is_none() => hello.server_name = server_name(value),
                16 if hello.alpn.is_empty() => hello.alpn = protocols(value),
                0xfe0d | 0xffce => hello.encrypted = true,
                _ => {}
            }
        }
        hello.whole = extensions.whole && reader.is_empty();
        hello
    }

    /// The name that the client states.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        let source = if self.encrypted { ClaimSource::OuterSni } else { ClaimSource::Sni };
        self.server_name.clone().map(|name| Claim { source, name })
    }

    /// What the client wants to speak inside: a hello cut before its protocols is only TLS.
    #[must_use]
    pub fn application(&self) -> Application {
        let offers = |wanted: &[&str]| self.alpn.iter().any(|protocol| wanted.contains(&protocol.as_str()));
        if offers(&["tds/8.0"]) {
            Application::Tds
        } else if offers(&["h2", "http/1.1", "http/1.0"]) || (self.alpn.is_empty() && self.whole) {
            Application::Https
        } else {
            Application::Tls
        }
    }
}

/// Whether a server hello is of TLS 1.3, whose certificate is encrypted: it selects the version in
/// an extension (RFC 8446 section 4.2.1).
pub(super) fn seals_certificate(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    let fixed = reader.skip(34).and_then(|()| reader.byte());
    let Some(mut reader) = fixed.and_then(|session| reader.skip(usize::from(session))).map(|()| reader) else {
        return false;
    };
    // Cipher suite, compression, length of the extensions.
    if reader.skip(5).is_none() {
        return false;
    }
    while let Some((kind, value)) = extension(&mut reader) {
        if kind == 43 {
            return matches!(value, [3, 4..=6] | [0x7f, _]);
        }
    }
    false
}

struct Extensions<'b> {
    rest: &'b [u8],
    whole: bool,
}

/// The extensions of a client hello: behind version, random, session, suites and compressions.
fn extensions(body: &[u8], random: usize) -> Option<Extensions<'_>> {
    let mut reader = Reader::new(body);
    reader.skip(2)?;
    reader.skip(random)?;
    let session = usize::from(reader.byte()?);
    reader.skip(session)?;
    let suites = usize::from(reader.be16()?);
    reader.skip(suites)?;
    let compressions = usize::from(reader.byte()?);
    reader.skip(compressions)?;
    if reader.is_empty() {
        // TLS 1.0 allows a hello without extensions.
        return Some(Extensions { rest: &[], whole: true });
    }
    let length = usize::from(reader.be16()?);
    let rest = reader.take_up_to(length);
    Some(Extensions { rest, whole: rest.len() == length })
}

fn extension<'b>(reader: &mut Reader<'b>) -> Option<(u16, &'b [u8])> {
    let mut ahead = *reader;
    let (kind, length) = (ahead.be16()?, usize::from(ahead.be16()?));
    let value = ahead.take(length)?;
    *reader = ahead;
    Some((kind, value))
}

fn server_name(value: &[u8]) -> Option<String> {
    let mut reader = Reader::new(value);
    let _list = reader.be16()?;
    if reader.byte()? != 0 {
        return None;
    }
    let length = usize::from(reader.be16()?);
    name::from_text(reader.take(length)?)
}

fn protocols(value: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut reader = Reader::new(value);
    let _list = reader.be16();
    while let Some(length) = reader.byte() {
        let Some(protocol) = reader.take(usize::from(length)) else { break };
        let grease = matches!(protocol, [a, b] if a == b && a & 0x0f == 0x0a);
        if !grease && found.len() < PROTOCOLS {
            found.extend(name::from_protocol(protocol));
        }
    }
    found
}
