//! Syslog (RFC 5424 section 6, RFC 3164 section 4.1) in a datagram, or over TCP bare or behind its
//! octet count (RFC 6587 section 3.4): a priority and then a version or a date.

use super::peek::{Peek, Speaker, short};
use super::{Application, Prefix};

/// Fewest bytes that decide.
const HEAD: usize = 24;
/// Months as RFC 3164 writes them.
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Whether a direction starts with a syslog message.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    let (count, rest) = digits(prefix.bytes);
    let message = if count.is_empty() { rest } else { rest.strip_prefix(b" ").unwrap_or(rest) };
    if message.first().is_some_and(|byte| *byte != b'<') || count.len() > 5 {
        return Peek::Not;
    }
    if is_message(message) {
        return Peek::is(Application::Syslog, Speaker::Client);
    }
    if message.len() < HEAD { short(prefix) } else { Peek::Not }
}

fn is_message(bytes: &[u8]) -> bool {
    let (priority, rest) = digits(bytes.strip_prefix(b"<").unwrap_or_default());
    let value = priority
        .iter()
        .fold(0_u32, |value, digit| value.saturating_mul(10).saturating_add(u32::from(digit.wrapping_sub(b'0'))));
    let known = (1..=3).contains(&priority.len()) && value <= 191;
    let Some(rest) = rest.strip_prefix(b">").filter(|_| known) else { return false };
    let dated = match rest {
        [b'1', b' ', b'-', b' ', ..] => true,
        [b'1', b' ', year @ ..] => matches!(digits(year), (year, [b'-', ..]) if year.len() == 4),
        _ => false,
    };
    dated || matches!(rest, [a, b, c, b' ', ..] if MONTHS.contains(&&[*a, *b, *c]))
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: bool) {
        let found = peek(&Prefix { bytes, from_start: true, ended: true, ..Prefix::default() });
        assert_eq!(found, Peek::when(expected, Application::Syslog, Speaker::Client), "{}", bytes.escape_ascii());
    }

    #[test]
    fn messages() {
        check(b"<34>1 2026-11-22T10:00:00Z host app - - - text", true);
        check(b"<34>1 - host app - - - text", true);
        check(b"<13>Nov 22 10:00:00 host text", true);
        check(b"57 <34>1 2026-11-22T10:00:00Z host app - - - text", true);
        check(b"<192>1 2026-11-22T10:00:00Z host", false);
        check(b"<html>", false);
        check(b"", false);
    }
}
