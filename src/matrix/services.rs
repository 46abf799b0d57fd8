//! One service of a row in (`ldap tcp/389`, `dcerpc tcp/49152-65535 announced`, `icmp`,
//! `tds tcp/{sql-port:1433}`), its parts out, variables still open. Knows no row and no site.
//!
//! ```text
//! service  = [application] protocol { "optional" | "announced" | "any-of:" label }
//! protocol = name-with-ports "/" ports | name-without-ports
//! ports    = "*" | term { "," term }
//! term     = port | port "-" port | "{" variable [ ":" port [ "-" port ] ] "}"
//! ```
//! The application may be left out before a protocol without ports: `icmp` and `icmp6` then mean
//! themselves, any other (`gre`, `esp`) means `any`.

use std::ops::{Range, RangeInclusive};

use crate::dissect::Application;
use crate::wire::Transport;

use super::diagnostics::{did_you_mean, quoted};

/// One service as a pack documents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it is to speak; `None` for `any`.
    pub application: Option<Application>,
    /// IP protocol.
    pub transport: Transport,
    /// Destination ports; `None` for all, or where the protocol has none.
    pub ports: Option<Vec<PortTerm>>,
    /// Not needed for the row to be confirmed.
    pub optional: bool,
    /// Counts only with an endpoint mapper's announcement or a bind.
    pub announced: bool,
    /// Services with the same label stand for each other.
    pub group: Option<String>,
}

/// A part of a port list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortTerm {
    /// These ports.
    Range(RangeInclusive<u16>),
    /// What the site says, else the default.
    Variable {
        /// Its name.
        name: String,
        /// What holds when the site does not say.
        default: Option<RangeInclusive<u16>>,
    },
}

/// What is wrong in a service, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFault {
    /// Byte range within the text of the service.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub help: Option<String>,
}

impl ServiceFault {
    fn new(span: &Range<usize>, message: String, help: Option<String>) -> Self {
        Self { span: span.clone(), message, help }
    }
}

impl Service {
    /// Reads a service.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, ServiceFault> {
        let words = words(text);
        let mut rest = words.as_slice();
        let Some(((first_span, first), tail)) = rest.split_first() else {
            return Err(ServiceFault::new(&(0..text.len()), "the service is empty".to_owned(), Some(SHAPE.to_owned())));
        };
        // `icmp` is both an application and a protocol: `icmp icmp` is the long form of `icmp`.
        let named_twice =
            Application::from_name(first).is_some() && tail.first().is_some_and(|(_, next)| is_protocol(next));
        let (application, protocol) = if is_protocol(first) && !named_twice {
            rest = tail;
            (alone(first, first_span)?, (first_span, *first))
        } else {
            let application = named(first, first_span)?;
            let Some(((span, word), tail)) = tail.split_first() else {
                let message = format!("{} lacks its protocol and ports", quoted(text));
                return Err(ServiceFault::new(first_span, message, Some(SHAPE.to_owned())));
            };
            rest = tail;
            (application, (span, *word))
        };
        let (transport, ports) = parse_protocol(protocol.1, protocol.0)?;
        let mut service = Self { application, transport, ports, optional: false, announced: false, group: None };
        rest.iter().try_for_each(|(span, word)| service.mark(word, span))?;
        Ok(service)
    }

    fn mark(&mut self, word: &str, span: &Range<usize>) -> Result<(), ServiceFault> {
        match word {
            "optional" => self.optional = true,
            "announced" => self.announced = true,
            _ => match word.strip_prefix("any-of:") {
                Some(label) if !label.is_empty() => self.group = Some(label.to_owned()),
                _ => {
                    let help = did_you_mean(word, ["optional", "announced"]);
                    let help = help.or_else(|| Some("expected `optional`, `announced` or `any-of:label`".to_owned()));
                    return Err(ServiceFault::new(span, format!("unknown word {} in a service", quoted(word)), help));
                }
            },
        }
        Ok(())
    }

    /// The protocol and ports alone: `tcp/389`, `udp/*`, `tcp/{sql-port:1433}`, `icmp`.
    #[must_use]
    pub fn protocol(&self) -> String {
        match &self.ports {
            None if has_ports(self.transport) => format!("{}/*", self.transport),
            None => self.transport.to_string(),
            Some(terms) => {
                let terms: Vec<String> = terms.iter().map(ToString::to_string).collect();
                format!("{}/{}", self.transport, terms.join(","))
            }
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let application = self.application.map_or("any", Application::name);
        write!(f, "{application} {}", self.protocol())?;
        if self.optional {
            f.write_str(" optional")?;
        }
        if self.announced {
            f.write_str(" announced")?;
        }
        match &self.group {
            Some(group) => write!(f, " any-of:{group}"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for PortTerm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Range(range) => f.write_str(&ports_text(range)),
            Self::Variable { name, default: None } => write!(f, "{{{name}}}"),
            Self::Variable { name, default: Some(range) } => write!(f, "{{{name}:{}}}", ports_text(range)),
        }
    }
}

/// `389` or `49152-65535`.
#[must_use]
pub fn ports_text(range: &RangeInclusive<u16>) -> String {
    if range.start() == range.end() { range.start().to_string() } else { format!("{}-{}", range.start(), range.end()) }
}

/// Whether the protocol has destination ports.
#[must_use]
pub const fn has_ports(transport: Transport) -> bool {
    // TCP, UDP, DCCP, SCTP, UDP-Lite.
    matches!(transport.0, 6 | 17 | 33 | 132 | 136)
}

fn words(text: &str) -> Vec<(Range<usize>, &str)> {
    let place = |word: &str| {
        // Both pointers lie in one string, so their distance is the place of the word in it.
        let start = word.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        start..start.saturating_add(word.len())
    };
    text.split_whitespace().map(|word| (place(word), word)).collect()
}

fn is_protocol(word: &str) -> bool {
    let name = word.split('/').next().unwrap_or_default();
    Transport::from_name(name).is_some()
}

/// The application of a service that names only its protocol.
fn alone(word: &str, span: &Range<usize>) -> Result<Option<Application>, ServiceFault> {
    match Transport::from_name(word) {
        Some(Transport::ICMP | Transport::ICMP6) => Ok(Some(Application::Icmp)),
        Some(transport) if !has_ports(transport) => Ok(None),
        _ => {
            let message = format!("{} lacks the application in front of it", quoted(word));
            Err(ServiceFault::new(span, message, Some(format!("write `any {word}` where the document names none"))))
        }
    }
}

fn named(word: &str, span: &Range<usize>) -> Result<Option<Application>, ServiceFault> {
    if word == "any" {
        return Ok(None);
    }
    Application::from_name(word).map(Some).ok_or_else(|| {
        let help = did_you_mean(word, Application::ALL.iter().map(|application| application.name()));
        let help = help.or_else(|| Some("write `any` where the document names none".to_owned()));
        ServiceFault::new(span, format!("unknown application {}", quoted(word)), help)
    })
}

/// Reads a protocol with its ports, `tcp/80,443`.
///
/// # Errors
/// What is wrong; `span` is where the word stands.
pub fn parse_protocol(word: &str, span: &Range<usize>) -> Result<(Transport, Option<Vec<PortTerm>>), ServiceFault> {
    let fault = |message: String, help: Option<String>| ServiceFault::new(span, message, help);
    let (name, ports) = match word.split_once('/') {
        Some((name, ports)) => (name, Some(ports)),
        None => (word, None),
    };
    let Some(transport) = Transport::from_name(name) else {
        let known: Vec<&str> = (0..=u8::MAX).filter_map(|number| Transport(number).name()).collect();
        let help = did_you_mean(name, known).or_else(|| Some(SHAPE.to_owned()));
        return Err(fault(format!("unknown protocol {}", quoted(name)), help));
    };
    match (ports, has_ports(transport)) {
        (None, false) => Ok((transport, None)),
        (Some("*"), true) => Ok((transport, None)),
        (None, true) => Err(fault(
            format!("{} lacks its ports", quoted(word)),
            Some(format!("expected `{name}/443` or `{name}/*`")),
        )),
        (Some(_), false) => Err(fault(format!("{} has no ports", quoted(name)), Some(format!("write `{name}` alone")))),
        (Some(ports), true) => {
            let terms: Result<_, _> = ports.split(',').map(parse_term).collect();
            Ok((transport, Some(terms.map_err(|message| fault(message, None))?)))
        }
    }
}

fn parse_term(text: &str) -> Result<PortTerm, String> {
    let Some(inner) = text.strip_prefix('{') else { return parse_ports(text).map(PortTerm::Range) };
    let inner = inner.strip_suffix('}').ok_or_else(|| format!("{} lacks its closing brace", quoted(text)))?;
    let (name, default) = match inner.split_once(':') {
        Some((name, default)) => (name, Some(parse_ports(default)?)),
        None => (inner, None),
    };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(format!("{} is not the name of a variable", quoted(name)));
    }
    Ok(PortTerm::Variable { name: name.to_owned(), default })
}

/// Reads `389` or `49152-65535`.
///
/// # Errors
/// What is wrong.
pub fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let port = if digits { text.parse::<u16>().ok() } else { None };
        port.filter(|port| *port > 0)
            .ok_or_else(|| format!("{} is not a port: expected a number from 1 to 65535", quoted(text)))
    };
    let text = text.trim();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first.trim())?, port(last.trim())?);
    if first > last {
        return Err(format!("the port range {} ends before it begins: write {last}-{first}", quoted(text)));
    }
    Ok(first..=last)
}

const SHAPE: &str = "expected `application protocol/ports`, such as `ldap tcp/389`";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match Service::parse(text) {
            Ok(service) => service.to_string(),
            Err(fault) => format!("! {}..{} {}", fault.span.start, fault.span.end, fault.message),
        };
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn services() {
        check("ldap tcp/389", "ldap tcp/389");
        check("  any   tcp/1-5,9 ", "any tcp/1-5,9");
        check("dcerpc tcp/49152-65535 announced", "dcerpc tcp/49152-65535 announced");
        check("http tcp/80 optional", "http tcp/80 optional");
        check("winrm tcp/5985 any-of:remote", "winrm tcp/5985 any-of:remote");
        check("tds tcp/{sql-port:1433}", "tds tcp/{sql-port:1433}");
        check("tds tcp/{sql-port}", "tds tcp/{sql-port}");
        check("any udp/*", "any udp/*");
        check("icmp", "icmp icmp");
        check("icmp icmp", "icmp icmp");
        check("icmp6", "icmp icmp6");
        check("icmp icmp6 optional", "icmp icmp6 optional");
        check("gre", "any gre");
        check("any esp", "any esp");
        check("any ip-99", "any ip-99");
        check("", "! 0..0 the service is empty");
        check("ldpa tcp/389", "! 0..4 unknown application `ldpa`");
        check("ldap", "! 0..4 `ldap` lacks its protocol and ports");
        check("tcp/389", "! 0..7 `tcp/389` lacks the application in front of it");
        check("ldap tpc/389", "! 5..12 unknown protocol `tpc`");
        check("ldap tcp", "! 5..8 `tcp` lacks its ports");
        check("any gre/5", "! 4..9 `gre` has no ports");
        check("ldap tcp/0", "! 5..10 `0` is not a port: expected a number from 1 to 65535");
        check("ldap tcp/44e", "! 5..12 `44e` is not a port: expected a number from 1 to 65535");
        check("ldap tcp/+3", "! 5..11 `+3` is not a port: expected a number from 1 to 65535");
        check("ldap tcp/70000", "! 5..14 `70000` is not a port: expected a number from 1 to 65535");
        check("ldap tcp/9-3", "! 5..12 the port range `9-3` ends before it begins: write 3-9");
        check("ldap tcp/389,", "! 5..13 `` is not a port: expected a number from 1 to 65535");
        check("ldap tcp/{a", "! 5..11 `{a` lacks its closing brace");
        check("ldap tcp/389 optionl", "! 13..20 unknown word `optionl` in a service");
    }
}
