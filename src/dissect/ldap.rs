//! LDAP (RFC 4511): the message in front of a direction in, what it is out. Bytes that are wrapped
//! by SASL after a bind are not LDAP to the eye and are never taken for it.

use super::peek::{Peek, Rest, Sight, Speaker, short};
use super::reader::Reader;
use super::{Application, Claim, ClaimSource, Prefix};
use super::{ber, name};

/// Most values kept of one attribute.
const VALUES: usize = 16;

/// Attributes of the directory's root that say who a server is (RFC 4512 section 5.1, MS-ADTS
/// section 3.1.1.3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootDse {
    /// `dnsHostName`.
    pub host: Option<String>,
    /// `defaultNamingContext`.
    pub naming_context: Option<String>,
    /// `isGlobalCatalogReady`.
    pub global_catalog: Option<bool>,
}

/// Whether a TCP direction starts with an LDAP message. Who asks for the root of the directory first, as
/// Windows does before it binds, is told who the server is: that answer is waited for.
pub(super) fn peek_tcp(prefix: &Prefix<'_>) -> Peek {
    let (speaker, tag) = match speaker(prefix.bytes) {
        Found::Yes(speaker, tag) => (speaker, tag),
        Found::Short => return short(prefix),
        Found::No => return Peek::Not,
    };
    let (claims, rest) = match tag {
        SEARCH if front(prefix.bytes).is_some_and(|(inside, _)| inside.starts_with(ROOT_ALONE)) => {
            (Vec::new(), Rest::Other)
        }
        ENTRY => root_entry(prefix.bytes),
        _ => (Vec::new(), Rest::Nothing),
    };
    Peek::Is(Sight { application: Application::Ldap, speaker, claims, alpn: None, rest })
}

/// Tags of a search and of an entry that it found.
const SEARCH: u8 = 0x63;
const ENTRY: u8 = 0x64;
/// A search of the root: no name, and the entry alone.
const ROOT_ALONE: &[u8] = &[4, 0, 0x0a, 1, 0];

/// The inside of the first message's operation, and whether all of the message is there.
fn front(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let message = ber::cut_element(&mut Reader::new(bytes))?;
    let mut inside = Reader::new(message.bytes);
    ber::expect(&mut inside, 2)?;
    Some((ber::cut_element(&mut inside)?.bytes, message.whole()))
}

/// Who a server says it is, when its first entry is that of the root.
fn root_entry(bytes: &[u8]) -> (Vec<Claim>, Rest) {
    match front(bytes) {
        Some(([4, 0, ..], whole)) => {
            let rest = if whole { Rest::Nothing } else { Rest::This };
            (root_dse(bytes).and_then(|root| root.claim()).into_iter().collect(), rest)
        }
        Some(_) | None => (Vec::new(), Rest::Nothing),
    }
}

impl RootDse {
    /// What the server claims to be, if it names itself.
    fn claim(&self) -> Option<Claim> {
        let is_catalog = self.global_catalog == Some(true);
        let source = if is_catalog { ClaimSource::CatalogRootDse } else { ClaimSource::RootDse };
        Some(Claim { source, name: name::from_text(self.host.as_deref()?.as_bytes())? })
    }
}

/// Whether a datagram is a search or its result: LDAP without a connection (MS-ADTS section 6.3.3).
pub(super) fn peek_udp(prefix: &Prefix<'_>) -> Peek {
    match speaker(prefix.bytes) {
        Found::Yes(speaker, 0x63..=0x65) => Peek::is(Application::Cldap, speaker),
        Found::Yes(..) | Found::No => Peek::Not,
        Found::Short => short(prefix),
    }
}

/// The root attributes in the first search entries of a server's bytes. `None` when the first
/// entries name none of them.
#[must_use]
pub fn root_dse(server: &[u8]) -> Option<RootDse> {
    let mut found = RootDse::default();
    let mut reader = Reader::new(server);
    while let Some(message) = ber::cut_element(&mut reader) {
        if message.tag != 0x30 {
            break;
        }
        for (name, values) in attributes(message.bytes).unwrap_or_default() {
            let value = values.first().and_then(|value| readable(value));
            if name.eq_ignore_ascii_case(b"dnsHostName") {
                found.host = found.host.or(value);
            } else if name.eq_ignore_ascii_case(b"defaultNamingContext") {
                found.naming_context = found.naming_context.or(value);
            } else if name.eq_ignore_ascii_case(b"isGlobalCatalogReady") {
                found.global_catalog = found.global_catalog.or(value.map(|value| value == "TRUE"));
            }
        }
    }
    (found != RootDse::default()).then_some(found)
}

/// Name and values of one attribute.
pub(super) type Attribute<'b> = (&'b [u8], Vec<&'b [u8]>);

/// The attributes of a search entry, given the inside of its message; as many as were captured.
pub(super) fn attributes(message: &[u8]) -> Option<Vec<Attribute<'_>>> {
    let mut reader = Reader::new(message);
    ber::expect(&mut reader, 2)?;
    let entry = ber::cut_element(&mut reader).filter(|entry| entry.tag == 0x64)?;
    let mut entry = Reader::new(entry.bytes);
    ber::expect(&mut entry, 4)?;
    let list = ber::cut_element(&mut entry).filter(|list| list.tag == 0x30)?;
    let mut list = Reader::new(list.bytes);
    let mut found = Vec::new();
    while let Some(attribute) = ber::expect(&mut list, 0x30) {
        let mut attribute = Reader::new(attribute);
        let name = ber::expect(&mut attribute, 4)?;
        let mut set = Reader::new(ber::expect(&mut attribute, 0x31)?);
        let values = std::iter::from_fn(|| ber::expect(&mut set, 4)).take(VALUES).collect();
        found.push((name, values));
        if found.len() >= 256 {
            break;
        }
    }
    Some(found)
}

/// Text of a directory value where it is printable ASCII.
fn readable(value: &[u8]) -> Option<String> {
    let plain = value.len() <= 255 && value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    plain.then(|| value.iter().map(|byte| char::from(*byte)).collect())
}

enum Found {
    Yes(Speaker, u8),
    Short,
    No,
}

/// Who sends a message like this, and its tag.
fn speaker(bytes: &[u8]) -> Found {
    match bytes {
        [] => return Found::Short,
        [0x30, ..] => {}
        _ => return Found::No,
    }
    let mut reader = Reader::new(bytes);
    let Some(message) = ber::cut_element(&mut reader) else { return bounded(bytes) };
    let mut inside = Reader::new(message.bytes);
    // 02, one to four bytes of identifier, then the operation.
    let identifier = match message.bytes.first_chunk::<2>() {
        Some([2, length @ 1..=4]) => inside.skip(2).and_then(|()| inside.take(usize::from(*length))),
        Some(_) => return Found::No,
        None => return bounded(bytes),
    };
    if identifier.is_some_and(|bytes| ber::integer(bytes).is_none()) {
        return Found::No;
    }
    let mut ahead = inside;
    let Some(operation) = ber::cut_element(&mut ahead) else { return bounded(bytes) };
    if operation.length > message.length {
        return Found::No;
    }
    match operation_speaker(operation.tag, operation.bytes, operation.length) {
        Some(Some(speaker)) => Found::Yes(speaker, operation.tag),
        Some(None) => Found::No,
        None => bounded(bytes),
    }
}

/// Too few bytes for the head of a message: more may help while the head is not complete.
const fn bounded(bytes: &[u8]) -> Found {
    if bytes.len() < 48 { Found::Short } else { Found::No }
}

/// Who sends this operation, if its first fields are in order; outer `None` when they were cut.
#[expect(clippy::option_option, reason = "cut and wrong are different answers, and only here")]
fn operation_speaker(tag: u8, bytes: &[u8], length: usize) -> Option<Option<Speaker>> {
    let starts = |expected: &[Option<u8>]| {
        let fits = bytes.iter().zip(expected).all(|(byte, expected)| expected.is_none_or(|wanted| wanted == *byte));
        if !fits {
            Some(false)
        } else if bytes.len() >= expected.len() {
            Some(true)
        } else {
            None
        }
    };
    let (speaker, proved) = match tag {
        // Bind: version 2 or 3, then a name.
        0x60 => (Speaker::Client, starts(&[Some(2), Some(1), None, Some(4)])),
        // Unbind has no content and follows nothing: the length says so.
        0x42 => (Speaker::Client, Some(length == 0)),
        // Search, modify, add, compare, rename: a name comes first.
        0x63 | 0x66 | 0x68 | 0x6e | 0x6c => (Speaker::Client, starts(&[Some(4)])),
        0x4a => (Speaker::Client, Some(true)),
        // Extended: an object identifier of digits and dots, tag 80.
        0x77 => (Speaker::Client, starts(&[Some(0x80), None, None])),
        // Search entry: a name comes first. Reference: a string.
        0x64 => (Speaker::Server, starts(&[Some(4)])),
        0x73 => (Speaker::Server, starts(&[Some(4)])),
        // Results: 0a 01 code, then a name.
        0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x78 => {
            (Speaker::Server, starts(&[Some(0x0a), Some(1), None, Some(4)]))
        }
        _ => return Some(None),
    };
    proved.map(|proved| proved.then_some(speaker))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(bytes: &[u8]) -> Prefix<'_> {
        Prefix { bytes, ended: true, ..Prefix { from_start: true, ..Prefix::default() } }
    }

    const BIND: &[u8] = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0";
    const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
    /// What follows a bind that seals: four bytes of length, then a token of Kerberos.
    const SEALED: &[u8] = b"\0\0\0\x3c\x05\x04\x06\xff\0\0\0\0\0\0\0\0\x12\x34\x56\x78";

    fn check(bytes: &[&[u8]], from_start: bool, expected: Option<Speaker>) {
        let bytes = bytes.concat();
        let found = peek_tcp(&Prefix { from_start, ..ended(&bytes) });
        assert_eq!(found, expected.map_or(Peek::Not, |speaker| Peek::is(Application::Ldap, speaker)), "{bytes:x?}");
    }

    #[test]
    fn the_first_message_decides() {
        check(&[BIND], true, Some(Speaker::Client));
        check(&[BIND, SEALED], true, Some(Speaker::Client));
        check(&[START_TLS, b"\x16\x03\x01\x02\0"], true, Some(Speaker::Client));
        check(&[b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0"], true, Some(Speaker::Server));
        check(&[b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0"], true, Some(Speaker::Server));
        check(&[b"\x30\x05\x02\x01\x03\x42\0"], true, Some(Speaker::Client));
        // Sealed bytes are not LDAP to the eye, wherever the capture begins.
        check(&[SEALED], true, None);
        check(&[SEALED], false, None);
        check(&[b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x07\x05\0\x80\0"], true, None);
    }

    #[test]
    fn the_root_of_a_directory() {
        let text = |tag: u8, text: &str| [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let around = |tag: u8, inside: &[u8]| [&[tag, u8::try_from(inside.len()).unwrap()], inside].concat();
        let attribute =
            |name: &str, value: &str| around(0x30, &[text(4, name), around(0x31, &text(4, value))].concat());
        let list = |catalog: &str| {
            let attributes = [attribute("dnsHostName", "DC1.corp.example"), attribute("isGlobalCatalogReady", catalog)];
            let entry = [text(4, ""), around(0x30, &attributes.concat())].concat();
            around(0x30, &[&[2, 1, 1], &around(0x64, &entry)[..]].concat())
        };
        for (catalog, source) in [("TRUE", ClaimSource::CatalogRootDse), ("FALSE", ClaimSource::RootDse)] {
            let bytes = list(catalog);
            let Peek::Is(sight) = peek_tcp(&ended(&bytes)) else { panic!("{catalog}") };
            assert_eq!(sight.claims, [Claim { source, name: "dc1.corp.example".into() }]);
        }
        assert_eq!(root_dse(&list("TRUE")[..30]), None);
    }
}
