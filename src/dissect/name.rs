//! Names as they stand on the wire or in text in, canonical names out: lower-case ASCII labels
//! joined by dots, no trailing dot, every byte that a host name does not hold as `\xNN`, dots
//! inside a label among them. Never resolves, never guesses, never follows a pointer forwards.
//!
//! A label `graph.microsoft` before a label `com` must not read as `graph.microsoft.com`; that is
//! why dots inside a label are escaped. Wire form: RFC 1035 section 3.1 and 4.1.4.

use std::net::IpAddr;

use super::reader::Reader;

/// Longest name in octets on the wire, length bytes and root included (RFC 1035 section 2.3.4).
const LONGEST: usize = 255;
/// Most compression pointers that one name may follow.
const JUMPS: usize = 127;

/// The canonical form of a name written as text (server name of a hello, certificate, DNS SRV
/// target in text). `None` for what is no name: empty, too long, an empty label, an IP address.
#[must_use]
pub fn from_text(text: &[u8]) -> Option<String> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.is_empty() || text.len() >= LONGEST || is_address(text) {
        return None;
    }
    let mut name = String::with_capacity(text.len());
    for label in text.split(|byte| *byte == b'.') {
        if label.is_empty() || label.len() > 63 {
            return None;
        }
        push_label(&mut name, label);
    }
    Some(name)
}

/// The canonical name in an HTTP `Host` field or `CONNECT` target: the port is left off, and an
/// address is no name (RFC 9110 section 7.2).
#[must_use]
pub fn from_host(field: &[u8]) -> Option<String> {
    let field = field.trim_ascii();
    if field.first() == Some(&b'[') {
        return None;
    }
    let host = field.split(|byte| *byte == b':').next().unwrap_or(field);
    from_text(host)
}

/// The canonical name at offset `at` of a DNS message, and the offset behind it. The root is the
/// empty string. Pointers must lead backwards, so that every walk ends.
#[must_use]
pub fn from_wire(message: &[u8], at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut after = None;
    let mut at = at;
    let mut lowest = at;
    let mut octets = 1_usize;
    // A name of 255 octets has at most 127 labels; each label and each pointer is one turn.
    for _ in 0..=JUMPS.saturating_mul(2) {
        let mut reader = Reader::new(message.get(at..)?);
        let head = reader.byte()?;
        match head {
            0 => return Some((name, after.unwrap_or(at.checked_add(1)?))),
            1..=63 => {
                let label = reader.take(usize::from(head))?;
                octets = octets.checked_add(label.len())?.checked_add(1)?;
                if octets > LONGEST {
                    return None;
                }
                push_label(&mut name, label);
                at = at.checked_add(1)?.checked_add(label.len())?;
            }
            192..=255 => {
                let target = usize::from(head & 0x3f) << 8 | usize::from(reader.byte()?);
                if target >= lowest {
                    return None;
                }
                after = after.or(at.checked_add(2));
                lowest = target;
                at = target;
            }
            64..=191 => return None,
        }
    }
    None
}

/// An ALPN protocol identifier (RFC 7301 section 3.1) in canonical form; slashes and dots are part
/// of such identifiers (`http/1.1`) and stay as they are. `None` when it is empty.
#[must_use]
pub fn from_protocol(identifier: &[u8]) -> Option<String> {
    if identifier.is_empty() {
        return None;
    }
    let mut name = String::with_capacity(identifier.len());
    for byte in identifier {
        match byte {
            b'/' | b'.' | b'-' | b'_' => name.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => name.push(char::from(byte.to_ascii_lowercase())),
            _ => push_escaped(&mut name, *byte),
        }
    }
    Some(name)
}

fn push_label(name: &mut String, label: &[u8]) {
    if !name.is_empty() {
        name.push('.');
    }
    for byte in label {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*' => name.push(char::from(*byte)),
            b'A'..=b'Z' => name.push(char::from(byte.to_ascii_lowercase())),
            _ => push_escaped(name, *byte),
        }
    }
}

fn push_escaped(name: &mut String, byte: u8) {
    name.push_str("\\x");
    for nibble in [byte >> 4, byte & 0x0f] {
        name.extend(char::from_digit(u32::from(nibble), 16));
    }
}

fn is_address(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"Graph.Microsoft.com.", Some("graph.microsoft.com")),
            (b"_ldap._tcp.dc", Some("_ldap._tcp.dc")),
            (b"a b.example", Some("a\\x20b.example")),
            (b"\xc3\xa4.example", Some("\\xc3\\xa4.example")),
            (b"10.0.0.1", None),
            (b"fe80::1", None),
            (b"a..b", None),
            (b"", None),
            (b".", None),
        ];
        for (input, expected) in cases {
            assert_eq!(from_text(input).as_deref(), *expected, "{input:?}");
        }
    }

    #[test]
    fn host() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b" example.org:8080 ", Some("example.org")),
            (b"[::1]:80", None),
            (b"192.0.2.1:80", None),
            (b":80", None),
        ];
        for (input, expected) in cases {
            assert_eq!(from_host(input).as_deref(), *expected, "{input:?}");
        }
    }

    #[test]
    fn wire() {
        type Case<'c> = (&'c [u8], usize, Option<(&'c str, usize)>);
        let cases: &[Case<'_>] = &[
            (b"\x03WWW\x02de\0", 0, Some(("www.de", 8))),
            (b"\x02de\0\x03www\xc0\0x", 4, Some(("www.de", 10))),
            (b"\x0fgraph.microsoft\x03com\0", 0, Some(("graph\\x2emicrosoft.com", 21))),
            (b"\0", 0, Some(("", 1))),
            (b"\xc0\0", 0, None),
            (b"\xc0\x02\xc0\0", 0, None),
            (b"\x03ww", 0, None),
            (b"\x40a\0", 0, None),
        ];
        for (message, at, expected) in cases {
            let found = from_wire(message, *at);
            assert_eq!(found.as_ref().map(|(name, next)| (name.as_str(), *next)), *expected, "{message:?}");
        }
    }

    #[test]
    fn a_name_of_256_octets_is_refused() {
        let label = [b"\x3f".as_slice(), &[b'a'; 63]].concat();
        let message = [label.repeat(4), vec![0]].concat();
        assert_eq!(from_wire(&message, 0), None);
    }
}
