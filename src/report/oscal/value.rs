//! Text in, the small values of OSCAL out: identifiers, tokens, single lines, properties. Each is
//! what the schema of its kind allows, whatever the text was.

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::report::escape;

/// A name-based UUID (RFC 9562, version 5) of these parts.
pub(super) fn uuid(parts: &[&str]) -> String {
    let mut digest = Sha1::new();
    digest.update(NAMESPACE);
    for part in parts {
        // Lengths keep ("a", "bc") apart from ("ab", "c").
        digest.update(part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    named(digest)
}

fn named(digest: Sha1) -> String {
    let mut hex = String::with_capacity(36);
    for (place, byte) in digest.finalize().iter().take(16).enumerate() {
        let byte = match place {
            6 => (byte & 0x0f) | 0x50,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(place, 4 | 6 | 8 | 10) {
            hex.push('-');
        }
        hex.push_str(&format!("{byte:02x}"));
    }
    hex
}

/// Text that shows what is hidden, never empty.
pub(super) fn shown(outside: &str) -> String {
    match escape::terminal(outside.trim()).trim() {
        "" => "-".to_owned(),
        text => text.to_owned(),
    }
}

/// One line; [`escape::terminal`] has written out every line break.
pub(super) fn title(outside: &str) -> String {
    shown(outside)
}

/// A token: letters, digits, `.`, `-` and `_`, and no digit, dot or hyphen in front.
pub(super) fn token(outside: &str) -> String {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let mut token: String = outside.chars().map(|character| if allowed(character) { character } else { '_' }).collect();
    if !token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        token.insert(0, '_');
    }
    token
}

/// A property of ours. Its namespace is a name, not a place: readers insist on the form of a web
/// address, and nobody can own `invalid` (RFC 2606).
pub(super) fn property(name: &str, content: &str) -> Value {
    json!({"name": name, "ns": "https://flowaudit.invalid/ns/oscal/1", "value": shown(content)})
}

/// Adds a list, unless it is empty: OSCAL knows no empty lists.
pub(super) fn put(object: &mut Value, key: &str, list: Vec<Value>) {
    if let (Some(object), false) = (object.as_object_mut(), list.is_empty()) {
        object.insert(key.to_owned(), Value::Array(list));
    }
}

/// The namespace of our names, itself the version 5 UUID of `urn:flowaudit:oscal:1` as a URL.
const NAMESPACE: [u8; 16] =
    [0x76, 0x26, 0x3c, 0xbd, 0xb3, 0xe0, 0x5b, 0x6c, 0x91, 0x35, 0x11, 0x18, 0x4b, 0x5c, 0x66, 0xbb];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outside: &str, as_token: &str, as_text: &str) {
        assert_eq!(token(outside), as_token);
        assert_eq!(shown(outside), as_text);
    }

    #[test]
    fn text_becomes_what_the_schema_allows() {
        check("AMS-05", "AMS-05", "AMS-05");
        check("5 rows", "_5_rows", "5 rows");
        check("", "_", "-");
        check(" a\nb ", "_a_b_", "a\\x0ab");
        check("\u{202e}", "_", "\\u{202e}");
    }

    #[test]
    fn identifiers_are_name_based_uuids() {
        // RFC 9562, appendix A.4: www.example.com in the namespace of DNS names.
        let mut digest = Sha1::new();
        digest.update([0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8]);
        digest.update(b"www.example.com");
        assert_eq!(named(digest), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }
}
