//! Paths and references from outside in, URI references that the forms for programs may hold out.
//! Never anything but the characters that RFC 3986 allows.

use std::fmt::Write as _;

/// The path of a file as a URI reference: every byte that has a meaning in a URI is written `%XX`.
#[must_use]
pub fn of_file(path: &str) -> String {
    let mut uri = String::with_capacity(path.len().saturating_add(8));
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// `reference` when it is a web address that can stand as it is.
#[must_use]
pub fn web(reference: &str) -> Option<&str> {
    let rest = reference.strip_prefix("https://").or_else(|| reference.strip_prefix("http://"))?;
    let plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#@!&*+,;=%".contains(&byte));
    (plain && rest.starts_with(|first: char| first.is_ascii_alphanumeric())).then_some(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, file: &str, on_the_web: bool) {
        assert_eq!(of_file(text), file);
        assert_eq!(web(text).is_some(), on_the_web, "{text}");
    }

    #[test]
    fn references_are_references() {
        check("fixtures/d-blocked.pcap", "fixtures/d-blocked.pcap", false);
        check("/srv/a b.pcap", "file:///srv/a%20b.pcap", false);
        check("-", "-", false);
        check("C:\\x<\u{202e}", "C%3A%5Cx%3C%E2%80%AE", false);
        check("https://docs.example/ports#a", "https%3A//docs.example/ports%23a", true);
        check("https://x/\"onload", "https%3A//x/%22onload", false);
        check("javascript:alert(1)", "javascript%3Aalert%281%29", false);
        check("https:///x", "https%3A///x", false);
    }
}
