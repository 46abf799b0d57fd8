//! TFTP requests (RFC 1350 section 5, RFC 2347): an operation, a file name, a mode. Data and
//! acknowledgements prove nothing alone and run on other ports.

use super::peek::{Peek, Speaker, short};
use super::{Application, Prefix};

/// Longest request that is believed (RFC 2347).
const LONGEST: usize = 512;

/// Whether a datagram asks for a transfer.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    match prefix.bytes {
        [0, 1 | 2, rest @ ..] => {
            let rest = rest.get(..LONGEST).unwrap_or(rest);
            let mut fields = rest.split(|byte| *byte == 0);
            let (name, mode) = (fields.next().unwrap_or_default(), fields.next());
            let printable = !name.is_empty() && name.iter().all(|byte| *byte >= 0x20);
            match mode {
                Some(mode) if printable => Peek::when(is_mode(mode), Application::Tftp, Speaker::Client),
                None if printable && rest.len() < LONGEST => short(prefix),
                Some(_) | None => Peek::Not,
            }
        }
        [] | [0] => short(prefix),
        _ => Peek::Not,
    }
}

fn is_mode(mode: &[u8]) -> bool {
    [&b"octet"[..], b"netascii", b"mail"].iter().any(|known| mode.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: bool) {
        let found = peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(found, Peek::when(expected, Application::Tftp, Speaker::Client), "{bytes:x?}");
    }

    #[test]
    fn requests() {
        check(b"\0\x01pxelinux.0\0octet\0blksize\x001408\0", true);
        check(b"\0\x01pxelinux.0\0raw\0", false);
        check(b"\0\x03octet\0octet\0", false);
    }
}
