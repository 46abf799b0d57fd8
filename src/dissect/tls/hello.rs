//! A client hello, as far as it is there, in; server name and protocols out (RFC 8446 section
//! 4.1.2, RFC 6066 section 3, RFC 7301, RFC 9849 for encrypted hellos). QUIC carries the same
//! message (RFC 9001 section 4.3).

use crate::dissect::reader::Reader;
use crate::dissect::{Application, Claim, ClaimSource, name};

/// Most protocols kept of one hello.
const PROTOCOLS: usize = 16;
/// Most server names kept beside the first.
const RIVALS: usize = 4;

/// What a client hello states in clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Server name, canonical; `None` when there is none or it is no name.
    pub server_name: Option<String>,
    /// Further server names: a hello may have one of a kind (RFC 6066 section 3), and ends that get more may each
    /// believe another.
    pub rivals: Vec<String>,
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
                0 => server_names(value).into_iter().for_each(|name| hello.add(name)),
                16 if hello.alpn.is_empty() => hello.alpn = protocols(value),
                0xfe0d | 0xffce => hello.encrypted = true,
                _ => {}
            }
        }
        hello.whole = extensions.whole && reader.is_empty();
        hello
    }

    fn add(&mut self, name: String) {
        match &self.server_name {
            None => self.server_name = Some(name),
            Some(known) if *known != name && self.rivals.len() < RIVALS => self.rivals.push(name),
            Some(_) => {}
        }
    }

    /// The name that the client states, or all of those of which nobody knows which counts.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        let source = match (self.rivals.is_empty(), self.encrypted) {
            (false, _) => ClaimSource::RivalSni,
            (true, true) => ClaimSource::OuterSni,
            (true, false) => ClaimSource::Sni,
        };
        let names = self.server_name.iter().chain(&self.rivals);
        names.map(|name| Claim { source, name: name.clone() }).collect()
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

/// The host names of a list; a name of another kind ends it, because nobody knows its length.
fn server_names(value: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut reader = Reader::new(value);
    let _list = reader.be16();
    while reader.byte() == Some(0) && found.len() <= RIVALS {
        let Some(name) = reader.be16().and_then(|length| reader.take(usize::from(length))) else { break };
        found.extend(name::from_text(name));
    }
    found
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
