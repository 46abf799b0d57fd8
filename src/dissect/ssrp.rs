//! SQL Server resolution (MC-SQLR section 2.2): an answer of the SQL Server browser in, instances
//! and their TCP ports out. A request is a byte or two and proves nothing alone, so a flow is
//! recognised by its answer.

use super::peek::{Peek, Speaker, short};
use super::reader::Reader;
use super::{Application, Prefix};

/// Most instances kept of one answer.
const INSTANCES: usize = 64;

/// An instance and the TCP port where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Instance name as written, ASCII only.
    pub name: String,
    /// TCP port.
    pub port: u16,
}

/// Which instances a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of the host.
    Every,
    /// The one of this name.
    One(String),
}

impl Asked {
    /// Whether it is about the instance of this name; instance names know no case.
    #[must_use]
    pub fn means(&self, name: &str) -> bool {
        match self {
            Self::Every => true,
            Self::One(asked) => asked.eq_ignore_ascii_case(name),
        }
    }
}

/// Whether a direction is an answer of the browser.
pub(super) fn peek(prefix: &Prefix<'_>) -> Peek {
    match prefix.bytes.first() {
        Some(5) if text(prefix.bytes).is_some() => Peek::is(Application::Ssrp, Speaker::Server),
        // The request is too short to prove anything; its answer may.
        Some(2..=4) if prefix.bytes.len() <= 34 => short(prefix),
        Some(5) if prefix.bytes.len() < 14 => short(prefix),
        Some(_) => Peek::Not,
        None => short(prefix),
    }
}

/// What a question asks for (MC-SQLR 2.2.1 to 2.2.3): every instance, or the one of this name. `None` for what is no
/// question about instances.
#[must_use]
pub fn asked(request: &[u8]) -> Option<Asked> {
    match request {
        [2 | 3] => Some(Asked::Every),
        [4, name @ .., 0] => readable(name).map(Asked::One),
        _ => None,
    }
}

/// The instances that an answer lists with a TCP port.
#[must_use]
pub fn instances(response: &[u8]) -> Vec<Instance> {
    let mut found = Vec::new();
    let Some(text) = text(response) else { return found };
    let (mut name, mut port) = (None, None);
    let mut fields = text.split(|byte| *byte == b';');
    while let Some(key) = fields.next() {
        // Two semicolons in a row end an instance.
        if key.is_empty() {
            push(&mut found, &mut name, &mut port);
            continue;
        }
        let Some(value) = fields.next() else { break };
        match key {
            b"InstanceName" => name = readable(value),
            b"tcp" => port = number(value),
            _ => {}
        }
    }
    push(&mut found, &mut name, &mut port);
    found
}

fn push(found: &mut Vec<Instance>, name: &mut Option<String>, port: &mut Option<u16>) {
    if let (Some(name), Some(port)) = (name.take(), port.take())
        && found.len() < INSTANCES
    {
        found.push(Instance { name, port });
    }
}

/// The text of an answer: 05, length, `ServerName;…`.
fn text(response: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(response);
    if reader.byte()? != 5 {
        return None;
    }
    let length = usize::from(reader.le16()?);
    let text = reader.take_up_to(length);
    text.starts_with(b"ServerName;").then_some(text)
}

fn readable(value: &[u8]) -> Option<String> {
    let graphic = value.iter().all(u8::is_ascii_graphic) && value.len() <= 32;
    graphic.then(|| value.iter().map(|byte| char::from(*byte)).collect())
}

fn number(value: &[u8]) -> Option<u16> {
    let digits = !value.is_empty() && value.len() <= 5 && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits)?;
    text.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, u16)]) {
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        let response = [&[5], &length[..], text.as_bytes()].concat();
        let found: Vec<(String, u16)> = instances(&response).into_iter().map(|it| (it.name, it.port)).collect();
        let expected: Vec<(String, u16)> = expected.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn questions() {
        assert_eq!(asked(b"\x02"), Some(Asked::Every));
        assert_eq!(asked(b"\x04AMS\0"), Some(Asked::One("AMS".to_owned())));
        assert!(Asked::One("AMS".to_owned()).means("ams") && !Asked::One("AMS".to_owned()).means("B"));
        for other in [&b""[..], b"\x05", b"\x03\x03", b"\x04AMS", b"\x04A S\0", b"\x0f\x01AMS\0"] {
            assert_eq!(asked(other), None, "{other:?}");
        }
    }

    #[test]
    fn answers() {
        let one = "ServerName;SQL1;InstanceName;AMS;IsClustered;No;Version;16.0.1000.6;tcp;49812;;";
        check(one, &[("AMS", 49812)]);
        check(&format!("{one}{}", one.replace("AMS", "B").replace("49812", "1433")), &[("AMS", 49812), ("B", 1433)]);
        check("ServerName;SQL1;InstanceName;AMS;np;\\\\SQL1\\pipe;;", &[]);
        check("ServerName;SQL1;InstanceName;AMS;tcp;+1433;;", &[]);
        check("Server;SQL1", &[]);
    }
}
