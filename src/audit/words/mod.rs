//! The words of the audit: every sentence that a reader sees is written here, and no decision is.
//! Names from packets stand in them as they are (canonical); the report floor escapes them.

mod attribution;
mod diff;
mod finding;
mod flow;
mod name;
mod next;
mod quality;
mod row;

pub(super) use attribution::*;
pub(super) use diff::*;
pub(super) use finding::*;
pub(super) use flow::*;
pub(super) use name::*;
pub(super) use next::*;
pub(super) use quality::*;
pub(super) use row::*;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::matrix::{Atom, Severity};
use crate::wire::{FrameRef, Transport};

/// Who plays an empty list of roles.
pub(in crate::audit) const ANYBODY: &str = "anybody";
/// The vantage that is no role.
pub(in crate::audit) const MIRROR: &str = "mirror";
/// What a capture has to be made of where packets were cut.
const WHOLE_PACKETS: &str = "a capture of whole packets (pktmon: --pkt-size 0)";
/// Why an input was not read to its end.
pub(in crate::audit) const STOPPED: &str = "stopped before its end";

/// The severities and their words, gravest first.
const SEVERITIES: &[(Severity, &str)] =
    &[(Severity::High, "high"), (Severity::Medium, "medium"), (Severity::Low, "low")];

/// `high`, `medium` or `low`.
pub(in crate::audit) fn severity(severity: Severity) -> &'static str {
    SEVERITIES.iter().find(|(known, _)| *known == severity).map_or("high", |(_, word)| word)
}

/// The severity behind a word; a word that is none of ours counts as the gravest.
pub(in crate::audit) fn severity_of(word: &str) -> Severity {
    SEVERITIES.iter().find(|(_, known)| *known == word).map_or(Severity::High, |(severity, _)| *severity)
}

/// `tcp/389`; protocols without ports are named alone.
pub(in crate::audit) fn service(transport: Transport, port: u16) -> String {
    if port == 0 { transport.to_string() } else { format!("{transport}/{port}") }
}

/// `ldap tcp/389`.
pub(in crate::audit) fn atom(atom: &Atom) -> String {
    let application = atom.application.map_or("any", crate::dissect::Application::name);
    if atom.service.contains(' ') { atom.service.clone() } else { format!("{application} {}", atom.service) }
}

/// `10.0.0.1` or `10.0.0.1-10.0.0.9`.
pub(in crate::audit) fn range(range: &RangeInclusive<IpAddr>) -> String {
    let (start, end) = (range.start(), range.end());
    if start == end { start.to_string() } else { format!("{start}-{end}") }
}

/// An address, with a name for the reader where one is known.
pub(in crate::audit) fn named(address: IpAddr, name: Option<&str>) -> String {
    name.map_or_else(|| address.to_string(), |name| format!("{address} ({name})"))
}

/// `frame 12`, and of which input if not of the first.
pub(in crate::audit) fn frame(frame: FrameRef) -> String {
    match frame.input {
        0 => format!("frame {}", frame.number),
        input => format!("frame {} of input {}", frame.number, input.saturating_add(1)),
    }
}

/// `1 flow`, `2 flows`.
pub(in crate::audit) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
