//! Protocols that greet with a line of text: SSH (RFC 4253 section 4.2), SMTP (RFC 5321 section
//! 4.2), FTP (RFC 959 section 5.4). A bare `220` belongs to two of them, so a greeting counts only
//! when it names its protocol; otherwise the client's first command decides.

use super::peek::{Begins, Peek, Speaker, begins, short};
use super::{Application, Prefix};

/// Longest greeting or command that is waited for.
const LINE: usize = 512;

/// Whether a direction starts with an SSH identification.
pub(super) fn peek_ssh(prefix: &Prefix<'_>) -> Peek {
    for version in [&b"SSH-2.0-"[..], b"SSH-1.99-", b"SSH-1.5-"] {
        match begins(prefix, version) {
            Begins::Yes => return Peek::is(Application::Ssh, Speaker::Either),
            Begins::Maybe => return Peek::More,
            Begins::No => {}
        }
    }
    Peek::Not
}

/// Whether a direction starts with an SMTP greeting or the client's answer to it.
pub(super) fn peek_smtp(prefix: &Prefix<'_>) -> Peek {
    client_or_server(prefix, &["EHLO ", "HELO ", "LHLO "], &["SMTP"], Application::Smtp)
}

/// Whether a direction starts with an FTP greeting or the client's answer to it.
pub(super) fn peek_ftp(prefix: &Prefix<'_>) -> Peek {
    client_or_server(prefix, &["USER ", "AUTH TLS", "AUTH SSL"], &["FTP", "FileZilla"], Application::Ftp)
}

fn client_or_server(prefix: &Prefix<'_>, commands: &[&str], words: &[&str], application: Application) -> Peek {
    // Most payload is none of it and shows so with its first bytes.
    if !commands.iter().chain(&["220 ", "220-"]).any(|known| starts(prefix.bytes, known)) {
        return Peek::Not;
    }
    let line = line(prefix.bytes);
    let text = line.unwrap_or(prefix.bytes);
    if text.len() > LINE || !text.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | 0x80..)) {
        return Peek::Not;
    }
    let greeting = matches!(text, [b'2', b'2', b'0', b' ' | b'-', ..]);
    if greeting && words.iter().any(|word| contains(text, word)) {
        return Peek::is(application, Speaker::Server);
    }
    let command = |known: &&str| text.len() >= known.len() && starts(text, known);
    if line.is_some() && commands.iter().any(command) {
        return Peek::is(application, Speaker::Client);
    }
    let growing =
        line.is_none() && (b"220 ".starts_with(text) || greeting || commands.iter().any(|it| starts(text, it)));
    if growing { short(prefix) } else { Peek::Not }
}

/// The first line, if it is whole.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().take(LINE).position(|byte| *byte == b'\n')?;
    let line = bytes.get(..end)?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Whether `text` and `word` agree as far as both go, in any case.
fn starts(text: &[u8], word: &str) -> bool {
    text.iter().zip(word.bytes()).all(|(byte, wanted)| byte.eq_ignore_ascii_case(&wanted))
}

fn contains(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<(Application, Speaker)>) {
        let prefix = Prefix { bytes, from_start: true, ended: true, ..Prefix::default() };
        let found = [peek_ssh, peek_smtp, peek_ftp].map(|peek| peek(&prefix)).into_iter().find(|it| *it != Peek::Not);
        assert_eq!(found, expected.map(|(application, speaker)| Peek::is(application, speaker)));
    }

    #[test]
    fn greetings() {
        check(b"SSH-2.0-OpenSSH_9.2\r\n", Some((Application::Ssh, Speaker::Either)));
        check(b"SSH-3.0-x\r\n", None);
        check(b"220 mail.example ESMTP ready\r\n", Some((Application::Smtp, Speaker::Server)));
        check(b"220-FTP server\r\n", Some((Application::Ftp, Speaker::Server)));
        check(b"220 hello\r\n", None);
        check(b"ehlo client\r\n", Some((Application::Smtp, Speaker::Client)));
        check(b"USER anonymous\r\n", Some((Application::Ftp, Speaker::Client)));
        check(b"EHLO", None);
    }
}
