//! Active Directory web services: the framing of .NET TCP services (MC-NMF section 2.2.3), which
//! starts with version 1.0, a mode, and the address that the client wants.

use super::peek::{Peek, Speaker, short};
use super::{Application, Prefix};

/// Whether a direction starts with the preamble of a .NET service.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    let possible = |index: usize, wanted: u8| prefix.bytes.get(index).is_none_or(|byte| *byte == wanted);
    let fixed = [(0, 0), (1, 1), (2, 0), (3, 1), (5, 2)].into_iter().all(|(index, wanted)| possible(index, wanted));
    if !fixed || prefix.bytes.get(4).is_some_and(|mode| !matches!(mode, 1..=4)) {
        return Peek::Not;
    }
    // The address is behind its length of one or two bytes.
    let Some(rest) = prefix.bytes.get(7..) else { return short(prefix) };
    let rest = rest.strip_prefix(&[1]).unwrap_or(rest);
    let scheme = b"net.tcp://";
    if rest.len() < scheme.len() && scheme.starts_with(rest) {
        return short(prefix);
    }
    Peek::when(rest.starts_with(scheme), Application::Adws, Speaker::Client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preambles() {
        let is = |bytes: &[u8]| peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        let preamble = b"\0\x01\0\x01\x02\x02\x36net.tcp://dc.example:9389/";
        assert_eq!(is(preamble), Peek::is(Application::Adws, Speaker::Client));
        assert_eq!(is(b"\0\x01\0\x01\x02\x02\x36http://dc.example/"), Peek::Not);
        assert_eq!(is(&preamble[..6]), Peek::Not);
    }
}
