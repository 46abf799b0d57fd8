//! HTTP in clear (RFC 9112, RFC 9113 section 3.4): request lines and status lines, the `Host` of a
//! request, the target of a `CONNECT`. A `POST` to `/wsman` is WS-Management (MS-WSMV).

use super::peek::{Begins, Peek, Rest, Sight, Speaker, begins, short};
use super::{Application, Claim, ClaimSource, Prefix, name};

/// Methods of RFC 9110 section 9.3, RFC 5789, WebDAV and the services of Windows.
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
    "MERGE",
    "BITS_POST",
    "CCM_POST",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "RPC_CONNECT",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
];
/// What a client of HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Longest request line that is waited for.
const LINE: usize = 8 * 1024;

/// Whether a direction starts with a request or an answer.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    let status = begins(prefix, b"HTTP/1.");
    if status == Begins::Yes {
        return answer(prefix);
    }
    let preface = begins(prefix, PREFACE);
    if preface == Begins::Yes {
        return Peek::is(Application::Http, Speaker::Client);
    }
    match request(prefix) {
        Peek::Not if status == Begins::Maybe || preface == Begins::Maybe => Peek::More,
        found @ (Peek::Not | Peek::More | Peek::Is(_)) => found,
    }
}

/// `HTTP/1.1 200`: a version digit, a space, three digits.
fn answer(prefix: &Prefix<'_>) -> Peek {
    match prefix.bytes.get(7..12) {
        Some([b'0' | b'1', b' ', a @ b'1'..=b'5', b, c]) => {
            let digits = [a, b, c].iter().all(|byte| byte.is_ascii_digit());
            Peek::when(digits, Application::Http, Speaker::Server)
        }
        Some(_) => Peek::Not,
        None => short(prefix),
    }
}

fn request(prefix: &Prefix<'_>) -> Peek {
    // Most other payload shows with its first bytes, and no line need be looked for in it.
    let agrees = |method: &&str| prefix.bytes.iter().zip(method.bytes()).all(|(byte, wanted)| *byte == wanted);
    if !METHODS.iter().any(agrees) {
        return Peek::Not;
    }
    let Some(line) = lines(prefix.bytes).next() else { return short(prefix) };
    let mut words = line.text.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next().unwrap_or_default(), words.next(), words.next());
    let known = METHODS.iter().any(|known| known.as_bytes() == method);
    if !known {
        let growing = target.is_none() && METHODS.iter().any(|known| known.as_bytes().starts_with(method));
        return if growing && !line.whole { short(prefix) } else { Peek::Not };
    }
    match (target, version) {
        (Some(target), Some(version)) if line.whole => {
            let valid = !target.is_empty() && matches!(version, b"HTTP/1.1" | b"HTTP/1.0") && words.next().is_none();
            if valid { Peek::Is(sight(method, target, prefix)) } else { Peek::Not }
        }
        // A long target runs over several segments; a method, a space and a path are proof enough
        // once nothing more comes.
        (Some(target), _) if !line.whole && line.text.len() < LINE && target.iter().all(u8::is_ascii_graphic) => {
            if !prefix.ended {
                return Peek::More;
            }
            let path = target.starts_with(b"/") || target.starts_with(b"http://");
            Peek::when(path && method.len().saturating_add(target.len()) > 3, Application::Http, Speaker::Client)
        }
        (None, _) if !line.whole => short(prefix),
        (Some(_) | None, _) => Peek::Not,
    }
}

fn sight(method: &[u8], target: &[u8], prefix: &Prefix<'_>) -> Sight {
    let wsman = method == b"POST" && target.to_ascii_lowercase().starts_with(b"/wsman");
    let application = if wsman { Application::Winrm } else { Application::Http };
    let mut sight =
        Sight { application, speaker: Speaker::Client, claims: Vec::new(), alpn: None, rest: Rest::Nothing };
    if method == b"CONNECT" {
        sight.claims.extend(claim(ClaimSource::Connect(port(target)), target));
        return sight;
    }
    sight.rest = Rest::This;
    for line in lines(prefix.bytes).skip(1) {
        if line.whole && line.text.is_empty() {
            sight.rest = Rest::Nothing;
            break;
        }
        let host = line.text.split_at_checked(5).filter(|(field, _)| field.eq_ignore_ascii_case(b"Host:"));
        if let Some((_, value)) = host.filter(|_| line.whole) {
            sight.claims.extend(claim(ClaimSource::Host, value));
            sight.rest = Rest::Nothing;
            break;
        }
    }
    sight
}

fn claim(source: ClaimSource, value: &[u8]) -> Option<Claim> {
    name::from_host(value).map(|name| Claim { source, name })
}

/// The port of a target (RFC 9110 section 9.3.6), 0 where there is none.
fn port(target: &[u8]) -> u16 {
    let text = std::str::from_utf8(target).ok().and_then(|text| text.rsplit_once(':'));
    text.and_then(|(_, port)| port.parse().ok()).unwrap_or(0)
}

struct Line<'b> {
    text: &'b [u8],
    whole: bool,
}

/// Lines without their ends; the last may be cut.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = Some(bytes).filter(|bytes| !bytes.is_empty());
    std::iter::from_fn(move || {
        let bytes = rest?;
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            rest = None;
            return Some(Line { text: bytes, whole: false });
        };
        let (text, after) = bytes.split_at_checked(end)?;
        rest = after.get(1..);
        Some(Line { text: text.strip_suffix(b"\r").unwrap_or(text), whole: true })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], ended: bool, application: Option<Application>, claim: Option<&str>) {
        let found = peek(&Prefix { bytes, from_start: true, ended, ..Prefix::default() });
        let (seen, name) = match &found {
            Peek::Is(sight) => (Some(sight.application), sight.claims.first().map(|claim| claim.name.as_str())),
            Peek::Not | Peek::More => (None, None),
        };
        assert_eq!((seen, name), (application, claim), "{}", bytes.escape_ascii());
    }

    #[test]
    fn requests_and_answers() {
        let http = Some(Application::Http);
        check(b"GET / HTTP/1.1\r\nhost: Example.org:80\r\n\r\n", true, http, Some("example.org"));
        check(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", true, http, None);
        check(b"GET / HTTP/1.1\r\n\r\nHost: late.example\r\n", true, http, None);
        check(b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\n", true, http, Some("graph.microsoft.com"));
        check(b"POST /wsman HTTP/1.1\r\nHost: a.b\r\n", true, Some(Application::Winrm), Some("a.b"));
        check(b"HTTP/1.1 301 Moved\r\n", true, http, None);
        check(PREFACE, true, http, None);
        check(b"GET /long", true, http, None);
        check(b"GET /long", false, None, None);
        check(b"GETTING / HTTP/1.1\r\n", true, None, None);
        check(b"GET  HTTP/1.1\r\n", true, None, None);
        check(b"HTTP/1.1 abc", true, None, None);
        check(b"\r\n", true, None, None);
    }
}
