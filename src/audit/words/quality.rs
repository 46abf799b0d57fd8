//! How far the evidence goes, and the answer in one line.

use super::{findings as findings_words, plural};
use crate::audit::model::{Answer, Finding, Quality, RowResult, RowStatus};
use crate::audit::scope::Forgotten;
use crate::audit::time;
use crate::ledger::{ClockStep, Counters, Outage};
use crate::wire::Undecoded;

pub(in crate::audit) const GAP_NO_PACKETS: &str = "No packets were read.";
pub(in crate::audit) const GAP_NOT_YET: &str = "Rows that cannot be told yet";
pub(in crate::audit) const GAP_UNBOUND: &str = "Rows with a role that nobody plays";

pub(in crate::audit) fn gap_cut(path: &str, reason: &str) -> String {
    format!("{path} breaks off: {reason}.")
}

pub(in crate::audit) fn gap_stopped(path: &str) -> String {
    format!("{path} was {}.", super::STOPPED)
}

pub(in crate::audit) fn gap_drops(count: u64) -> String {
    format!("The capturing system lost {}.", plural(count, "packet"))
}

/// That an interface was down, and when.
pub(in crate::audit) fn outages(path: &str, outages: &[Outage]) -> Option<String> {
    let (first, rest) = outages.split_first()?;
    let from = time::text(first.from);
    let span = match first.until {
        Some(until) => format!("was down from {from} to {}", time::text(until)),
        None => format!("has been down since {from}"),
    };
    let more = match rest.len() {
        0 => String::new(),
        more => format!(", and {} after that", plural(crate::audit::count(more), "time")),
    };
    Some(format!("{path} {span}{more}."))
}

/// That a clock was set, by how much, and when.
pub(in crate::audit) fn clock_steps(steps: &[ClockStep]) -> Option<String> {
    let (first, rest) = steps.split_first()?;
    let seconds = time::seconds(first.by().saturating_abs());
    let way = if first.by() < 0 { "backward" } else { "forward" };
    let more = match rest.len() {
        0 => String::new(),
        more => format!(", and {} after that", plural(crate::audit::count(more), "time")),
    };
    Some(format!(
        "The clock was set {way} by {seconds} s at {}{more}: waits across that time prove nothing.",
        time::text(first.before)
    ))
}

pub(in crate::audit) fn gap_missed(count: u64) -> String {
    format!("{} were acknowledged but never captured.", plural(count, "payload byte"))
}

pub(in crate::audit) fn gap_undecoded(count: u64) -> String {
    format!("{} that may carry IP could not be decoded.", plural(count, "frame"))
}

pub(in crate::audit) fn gap_fragments(count: u64) -> String {
    format!("{} never became whole.", plural(count, "fragment"))
}

pub(in crate::audit) fn gap_folded(count: u64) -> String {
    format!("{} were folded because the flow budget (--max-flows) was reached.", plural(count, "flow"))
}

pub(in crate::audit) fn gap_names(count: u64) -> String {
    format!("{} were not kept because the budget for names was reached.", plural(count, "DNS message"))
}

pub(in crate::audit) fn gap_browsers(count: u64) -> String {
    format!(
        "{} of SQL Server browsers were not kept because the budget for them was reached, so none counts.",
        plural(count, "message")
    )
}

pub(in crate::audit) fn gap_payloads(count: u64) -> String {
    format!("The first bytes of {} were not kept because the budget for them was reached.", plural(count, "flow"))
}

pub(in crate::audit) fn gap_unresolved(count: u64) -> String {
    format!("{} could not be resolved by what was captured.", plural(count, "flow"))
}

/// An address that the site should list.
pub(in crate::audit) fn forgotten(forgotten: &Forgotten) -> String {
    let (listed, frame) = forgotten.listed;
    format!(
        "The site does not list {}, which the network card of the subject's {listed} sends too ({} and {}).",
        forgotten.address,
        super::frame(forgotten.frame),
        super::frame(frame)
    )
}

/// Why a frame, or the inside of a tunnel, gave no datagram.
pub(in crate::audit) fn undecoded(reason: Undecoded, inner: bool) -> String {
    let what = match reason {
        Undecoded::NotIp(number) => format!("not IP (0x{number:04x})"),
        Undecoded::LinkType(number) => format!("link type {number}"),
        Undecoded::EtherType(number) => format!("EtherType 0x{number:04x}"),
        Undecoded::Cut => "cut before its addresses".to_owned(),
        Undecoded::Malformed => "malformed".to_owned(),
        Undecoded::TooDeep => "nested too deep".to_owned(),
        Undecoded::Encrypted => "encrypted on the link".to_owned(),
    };
    if inner { format!("in tunnel: {what}") } else { what }
}

pub(in crate::audit) fn identity(counters: &Counters, undecoded: u64) -> String {
    format!(
        "the frames do not add up: {} read, {} reached a flow, {} duplicates, {undecoded} undecoded, {} fragments ({} pending)",
        counters.frames, counters.decoded, counters.duplicates, counters.fragments, counters.fragments_pending
    )
}

/// The answer as one line for a person.
pub(in crate::audit) fn headline(
    answer: Answer,
    findings: &[Finding],
    rows: &[RowResult],
    quality: &Quality,
) -> String {
    let seen = rows.iter().filter(|row| matches!(row.status, RowStatus::Confirmed | RowStatus::Unverified)).count();
    let open = format!("{seen} of {} rows are open", rows.len());
    let high = findings.iter().filter(|finding| finding.severity == "high").count();
    let gaps = plural(crate::audit::count(quality.gaps.len()), "gap");
    match answer {
        Answer::Clean => format!("Clean: only documented traffic, {open}, and the evidence is complete."),
        Answer::Findings if quality.complete => {
            format!("{}, {high} of them high; {open}.", findings_words(findings.len()))
        }
        Answer::Findings => {
            format!("{}, {high} of them high; {open}; the evidence has {gaps}.", findings_words(findings.len()))
        }
        Answer::Incomplete => format!("Nothing to report, but the evidence has {gaps}; {open}."),
    }
}
