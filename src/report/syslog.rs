//! An alert in, one message of the syslog protocol (RFC 5424) for the daemon of this host out. Never
//! sends, never reads a clock; a message is one line, whatever a finding quotes.

use std::fmt::Write as _;

use super::escape;
use super::events::{Event, What};
use crate::audit::Finding;

/// Facility `daemon` (RFC 5424 section 6.2.1).
const DAEMON: u8 = 3;
/// Longest message in bytes: receivers should take so much (RFC 5424 section 6.1).
const LONGEST: usize = 2048;
/// The structured data of a finding; 32473 is the number that examples use (RFC 5612), since the
/// project has none of its own.
const ELEMENT: &str = "finding@32473";

/// Who sends, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// RFC 3339, at most six decimals.
    pub time: String,
    /// Name of the host.
    pub host: String,
    /// Number of the process.
    pub process: u32,
}

/// The message of an alert; `None` for an event that is none.
#[must_use]
pub fn message(event: &Event, sender: &Sender) -> Option<String> {
    let id = event.what.alert()?;
    let (severity, data, text) = match &event.what {
        What::Flood { findings, ids, .. } => {
            let all = ["high", "medium", "low"];
            let worst = all.into_iter().find(|name| event.flooded_by(name)).unwrap_or("low");
            let parameters = [("findings", findings.to_string()), ("ids", ids.join(" "))];
            (severity(worst), element(&parameters), &event.line())
        }
        What::Finding { finding } | What::Renewed { finding } => {
            (severity(&finding.severity), of_finding(finding), &finding.summary)
        }
        What::Start { .. }
        | What::Row { .. }
        | What::Settled { .. }
        | What::Loss { .. }
        | What::Reloaded { .. }
        | What::Link { .. }
        | What::Clock { .. }
        | What::End { .. } => return None,
    };
    let priority = DAEMON.saturating_mul(8).saturating_add(severity);
    let Sender { time, host, process } = sender;
    let head = format!("<{priority}>1 {time} {} flowaudit {process} {id} {data} ", host_name(host));
    Some(cut(head + &body(text)))
}

impl Event {
    fn flooded_by(&self, severity: &str) -> bool {
        matches!(&self.what, What::Flood { severities, .. } if severities.contains_key(severity))
    }
}

/// Error, warning or notice.
fn severity(of_finding: &str) -> u8 {
    match of_finding {
        "high" => 3,
        "medium" => 4,
        _ => 5,
    }
}

fn of_finding(finding: &Finding) -> String {
    element(&[
        ("id", finding.id.clone()),
        ("kind", finding.kind.clone()),
        ("severity", finding.severity.clone()),
        ("rows", finding.rows.join(" ")),
        ("flows", finding.flows.to_string()),
        ("packets", finding.packets.to_string()),
    ])
}

fn element(parameters: &[(&str, String)]) -> String {
    let mut element = format!("[{ELEMENT}");
    for (name, value) in parameters {
        let _ = write!(element, " {name}=\"");
        for character in escape::terminal(value).chars() {
            if matches!(character, '"' | '\\' | ']') {
                element.push('\\');
            }
            element.push(character);
        }
        element.push('"');
    }
    element.push(']');
    element
}

/// UTF-8 that is more than ASCII says so with a mark in front (RFC 5424 section 6.4).
fn body(text: &str) -> String {
    let text = escape::terminal(text);
    if text.is_ascii() { text.into_owned() } else { format!("\u{feff}{text}") }
}

/// Printable ASCII without spaces, or nobody.
fn host_name(host: &str) -> String {
    let name: String = host.chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

fn cut(mut message: String) -> String {
    while message.len() > LONGEST {
        message.pop();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Finding), expected: &str) {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.json");
        let audit: crate::audit::Audit = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
        let mut finding = Finding {
            id: "f1".to_owned(),
            kind: "blocked".to_owned(),
            severity: "high".to_owned(),
            rows: vec!["AMS-05".to_owned(), "AMS-06".to_owned()],
            summary: "It is blocked.".to_owned(),
            flows: 2,
            packets: 6,
            ..audit.findings[0].clone()
        };
        change(&mut finding);
        let event = Event::at(&audit, What::Finding { finding: Box::new(finding) });
        let sender = Sender { time: "2026-11-22T10:00:00Z".to_owned(), host: "ams 1\n".to_owned(), process: 7 };
        let message = message(&event, &sender).unwrap();
        assert!(message.starts_with(expected), "{message}");
        assert!(message.len() <= LONGEST && !message.contains(['\n', '\x1b', '\0']), "{message:?}");
    }

    #[test]
    fn messages() {
        let head = "1 2026-11-22T10:00:00Z ams1 flowaudit 7 finding";
        let data = |id: &str, severity: &str| {
            format!(
                "[finding@32473 id=\"{id}\" kind=\"blocked\" severity=\"{severity}\" rows=\"AMS-05 AMS-06\" flows=\"2\" packets=\"6\"]"
            )
        };
        check(|_| {}, &format!("<27>{head} {} It is blocked.", data("f1", "high")));
        check(|f| f.severity = "medium".to_owned(), &format!("<28>{head} {}", data("f1", "medium")));
        check(|f| f.severity = "low".to_owned(), &format!("<29>{head} {}", data("f1", "low")));
        check(|f| f.id = "a\"b]\\c".to_owned(), &format!("<27>{head} {}", data("a\\\"b\\]\\\\c", "high")));
        check(
            |f| f.summary = "a\nb\x1b[2J\0".to_owned(),
            &format!("<27>{head} {} a\\x0ab\\x1b[2J", data("f1", "high")),
        );
        check(|f| f.summary = "größer".to_owned(), &format!("<27>{head} {} \u{feff}größer", data("f1", "high")));
        check(|f| f.summary = "ö".repeat(5000), &format!("<27>{head} "));
    }

    #[test]
    fn only_alerts_are_sent() {
        let event = Event { schema: super::super::events::VERSION, time: None, what: What::Loss { lost: 3 } };
        let sender = Sender { time: String::new(), host: String::new(), process: 1 };
        assert_eq!(message(&event, &sender), None);
        let what = What::Flood {
            findings: 40,
            seconds: 60,
            severities: [("medium".to_owned(), 40)].into(),
            ids: vec!["a".to_owned(), "b".to_owned()],
        };
        let flood = message(&Event { what, ..event }, &sender).unwrap();
        assert!(
            flood.starts_with("<28>1  - flowaudit 1 flood [finding@32473 findings=\"40\" ids=\"a b\"] "),
            "{flood}"
        );
    }
}
