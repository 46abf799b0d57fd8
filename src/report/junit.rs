//! An audit in, JUnit XML out, for pipelines that show test cases: a documented row is a test case
//! of its pack, a finding that is no row's own is one more, and so is the evidence itself. Names
//! stay the same from run to run; figures and reasons stand in the messages. Never writes a
//! character that XML forbids, or that could steer the reader's screen.

use std::io::{self, Write};

use super::escape;
use super::words;
use crate::audit::{Audit, Finding, RowResult, RowStatus};

/// Writes the test suites.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let suites = suites(audit);
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let (name, time) = (text(&format!("{}: {}", audit.tool.name, audit.site.name)), seconds(audit));
    writeln!(out, r#"<testsuites name="{name}" {} time="{time}">"#, counts(all()))?;
    suites.iter().try_for_each(|suite| one_suite(out, suite, audit))?;
    writeln!(out, "</testsuites>")
}

/// Findings that are no row's own, in the audit's order.
pub(super) fn beside_rows(audit: &Audit) -> impl Iterator<Item = &Finding> {
    audit.findings.iter().filter(|finding| !audit.rows.iter().any(|row| finding.is_of(row)))
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

struct Case {
    class: String,
    name: String,
    how: How,
    /// What was seen, for the reader of the log.
    log: String,
}

/// How a case came out.
enum How {
    Passed,
    Failed { kind: String, message: String },
    Skipped { message: String },
}

fn suites(audit: &Audit) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    for row in &audit.rows {
        let case = of_row(row, audit);
        match suites.iter_mut().find(|suite| suite.name == row.pack) {
            Some(suite) => suite.cases.push(case),
            None => suites.push(Suite { name: row.pack.clone(), cases: vec![case] }),
        }
    }
    let mut cases: Vec<Case> = beside_rows(audit).take(MOST_FINDINGS).map(of_finding).collect();
    let left_out = words::left_out(beside_rows(audit).count(), MOST_FINDINGS);
    cases.extend(left_out.map(|message| Case {
        class: "findings".to_owned(),
        name: "more findings".to_owned(),
        how: How::Failed { kind: "more".to_owned(), message },
        log: String::new(),
    }));
    suites.push(Suite { name: "findings".to_owned(), cases });
    suites.push(Suite { name: "evidence".to_owned(), cases: vec![of_evidence(audit)] });
    suites.retain(|suite| !suite.cases.is_empty());
    suites
}

/// Findings that are cases of their own, the gravest; the rest is one case.
const MOST_FINDINGS: usize = 5000;

fn of_row(row: &RowResult, audit: &Audit) -> Case {
    let services: Vec<&str> = row.atoms.iter().map(|atom| atom.service.as_str()).collect();
    let status = row.status.name();
    let how = match row.status {
        // An unverified row is open: that its bytes were not captured fails no roll-out.
        RowStatus::Confirmed | RowStatus::Unverified => How::Passed,
        RowStatus::Partial
        | RowStatus::Blocked
        | RowStatus::WrongProtocol
        | RowStatus::NameFailed
        | RowStatus::Missing => How::Failed { kind: status.to_owned(), message: row.reason.clone() },
        RowStatus::NotYet
        | RowStatus::Idle
        | RowStatus::NotObservable
        | RowStatus::NotApplicable
        | RowStatus::Unbound => How::Skipped { message: format!("{status}: {}", row.reason) },
    };
    let finding = audit.findings.iter().find(|finding| finding.is_of(row));
    let mut log = vec![format!("{status}: {}", row.reason)];
    for atom in &row.atoms {
        let flows = words::count(atom.flows, "flow");
        let sums = format!("{flows}, {} open, {} blocked", atom.established, atom.blocked);
        log.push(format!("{}: {} ({sums})", atom.service, atom.status.name()));
        let peers = atom.peers.iter();
        log.extend(peers.filter_map(|peer| Some(format!("  {}: {}", peer.peer, peer.reason.as_ref()?))));
    }
    log.extend(finding.map(evidence));
    Case {
        class: row.pack.clone(),
        name: format!("{} {} -> {}: {}", row.id, row.from, row.to, services.join(", ")),
        how,
        log: log.join("\n"),
    }
}

fn of_finding(finding: &Finding) -> Case {
    Case {
        class: format!("findings.{}", finding.kind),
        // The summary may hold counts; a name with counts would be another case tomorrow.
        name: format!("{} {}", finding.id, finding.kind),
        how: How::Failed { kind: finding.kind.clone(), message: finding.summary.clone() },
        log: [finding.detail.clone(), evidence(finding)].join("\n"),
    }
}

fn of_evidence(audit: &Audit) -> Case {
    let how = if audit.quality.complete {
        How::Passed
    } else {
        How::Skipped { message: "the evidence is incomplete; what was not seen proves nothing".to_owned() }
    };
    Case { class: "evidence".to_owned(), name: "complete".to_owned(), how, log: audit.quality.gaps.join("\n") }
}

/// Severity, rows, flows and frames of a finding, and its id.
fn evidence(finding: &Finding) -> String {
    let frames: Vec<String> =
        finding.evidence.iter().map(|place| format!("{} frame {}", place.file, place.frame)).collect();
    let mut parts = vec![finding.id.clone(), finding.severity.clone(), words::count(finding.flows, "flow")];
    parts.extend(finding.rows.iter().cloned());
    parts.push(words::span(finding.first.as_deref(), finding.last.as_deref()));
    parts.extend(frames);
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn one_suite(out: &mut dyn Write, suite: &Suite, audit: &Audit) -> io::Result<()> {
    // JUnit's time stamp has no fraction and no zone; it is UTC by custom.
    let stamp = audit.quality.first.as_deref().and_then(|first| first.split_once('.')).map(|(whole, _)| whole);
    let stamp = stamp.map_or_else(String::new, |stamp| format!(r#" timestamp="{}""#, text(stamp)));
    let (name, counts) = (text(&suite.name), counts(suite.cases.iter()));
    writeln!(out, r#"  <testsuite name="{name}" {counts} time="0"{stamp}>"#)?;
    suite.cases.iter().try_for_each(|case| one_case(out, case))?;
    writeln!(out, "  </testsuite>")
}

fn one_case(out: &mut dyn Write, case: &Case) -> io::Result<()> {
    let (class, name) = (text(&case.class), text(&case.name));
    writeln!(out, r#"    <testcase classname="{class}" name="{name}" time="0">"#)?;
    let log = lines(&case.log);
    match &case.how {
        How::Failed { kind, message } => {
            writeln!(out, r#"      <failure type="{}" message="{}">{log}</failure>"#, text(kind), text(message))?;
        }
        How::Skipped { message } => writeln!(out, r#"      <skipped message="{}"/>"#, text(message))?,
        How::Passed => {}
    }
    if !log.is_empty() && !matches!(case.how, How::Failed { .. }) {
        writeln!(out, "      <system-out>{log}</system-out>")?;
    }
    writeln!(out, "    </testcase>")
}

fn counts<'case>(cases: impl Iterator<Item = &'case Case> + Clone) -> String {
    let number = |test: fn(&How) -> bool| cases.clone().filter(|case| test(&case.how)).count();
    let failures = number(|how| matches!(how, How::Failed { .. }));
    let skipped = number(|how| matches!(how, How::Skipped { .. }));
    format!(r#"tests="{}" failures="{failures}" errors="0" skipped="{skipped}""#, cases.clone().count())
}

/// How long the capture lasted, as JUnit writes seconds.
fn seconds(audit: &Audit) -> String {
    let span = audit.quality.span_seconds.as_str();
    let plain = !span.is_empty() && span.chars().all(|character| character.is_ascii_digit() || character == '.');
    if plain { span.to_owned() } else { "0".to_owned() }
}

/// Several lines of text, each safe in XML.
fn lines(log: &str) -> String {
    log.lines().filter(|line| !line.is_empty()).map(text).collect::<Vec<_>>().join("\n")
}

/// Text inside an XML attribute or element: no markup, and none of the characters that XML 1.0
/// forbids even as references.
fn text(outside: &str) -> String {
    let mut shown = String::with_capacity(outside.len());
    for character in escape::terminal(outside).chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => shown.push(char::REPLACEMENT_CHARACTER),
            _ => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outside: &str, expected: &str) {
        assert_eq!(text(outside), expected);
    }

    #[test]
    fn names_are_no_markup() {
        check("dc1.corp.example", "dc1.corp.example");
        check(r#"</failure><x y="1">"#, "&lt;/failure&gt;&lt;x y=&quot;1&quot;&gt;");
        check("]]>&amp;'", "]]&gt;&amp;amp;&apos;");
        check("\x1b[2J\0\u{202e}\u{ffff}", "\\x1b[2J\\x00\\u{202e}\u{fffd}");
        check("one\ntwo", "one\\x0atwo");
    }
}
