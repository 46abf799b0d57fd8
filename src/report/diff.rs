//! What changed between two audits in, a Markdown page out, and the words that every form of it
//! shares. Everything that came from outside is escaped.

use std::io::{self, Write};

use super::escape::markdown as text;
use super::words;
use crate::audit::{Diff, Fate, FindingChange, RowChange, RowStatus, Side};

/// The changes in the order in which they are told, each with its heading.
pub const SECTIONS: &[(Fate, &str)] = &[
    (Fate::New, "New"),
    (Fate::Changed, "Changed cause"),
    (Fate::Fixed, "Fixed"),
    (Fate::Unseen, "Gone, but not shown to be fixed"),
    (Fate::Open, "Still open"),
];

/// The word of a change inside a sentence.
#[must_use]
pub const fn word(change: Fate) -> &'static str {
    match change {
        Fate::New => "new",
        Fate::Changed => "with another cause",
        Fate::Fixed => "fixed",
        Fate::Unseen => "gone but not shown to be fixed",
        Fate::Open => "still open",
    }
}

/// One line of answer.
#[must_use]
pub fn headline(diff: &Diff) -> String {
    let counts: Vec<String> = SECTIONS
        .iter()
        .map(|(change, _)| (diff.count(*change), word(*change)))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", words::thousands(count)))
        .collect();
    let rows = words::count(u64::try_from(diff.rows.len()).unwrap_or(u64::MAX), "row");
    let findings =
        if counts.is_empty() { "no findings".to_owned() } else { format!("findings: {}", counts.join(", ")) };
    let same = if diff.same { "Nothing changed; " } else { "" };
    format!("{same}{findings}; {rows} moved")
}

/// `blocked → confirmed`; a row that one audit does not have is told as absent.
#[must_use]
pub fn movement(row: &RowChange) -> String {
    let word = |status: Option<RowStatus>| status.map_or("absent", RowStatus::name);
    format!("{} → {}", word(row.before), word(row.after))
}

/// When an audit's capture was taken, and how many findings it has.
#[must_use]
pub fn side(side: &Side) -> String {
    let first = side.first.as_deref().unwrap_or_default();
    let when = match words::span(side.first.as_deref(), side.last.as_deref()) {
        span if span.is_empty() => "no packets".to_owned(),
        span if span.starts_with(words::date(first)) => format!("{span} UTC"),
        span => format!("{} {span} UTC", words::date(first)),
    };
    let complete = if side.complete { "complete" } else { "incomplete" };
    format!("{when}, {}, evidence {complete} ({})", words::count(side.findings, "finding"), side.site)
}

/// Writes the page.
///
/// # Errors
/// Whatever `out` met.
pub fn markdown(out: &mut dyn Write, diff: &Diff) -> io::Result<()> {
    writeln!(out, "# What changed between two flow audits\n")?;
    writeln!(out, "**{}**\n", text(&headline(diff)))?;
    writeln!(out, "- before: {}", text(&side(&diff.before)))?;
    writeln!(out, "- after: {}", text(&side(&diff.after)))?;
    diff.notes.iter().try_for_each(|note| writeln!(out, "- {}", text(note)))?;
    if !diff.rows.is_empty() {
        writeln!(out, "\n## Rows that moved\n\n| Row | Before → after | Reason |\n|---|---|---|")?;
        for row in &diff.rows {
            writeln!(out, "| {} | {} | {} |", text(&row.id), text(&movement(row)), text(&row.reason))?;
        }
    }
    for (change, heading) in SECTIONS {
        let mut findings = diff.findings.iter().filter(|finding| finding.change == *change).peekable();
        if findings.peek().is_some() {
            writeln!(out, "\n## {heading}\n")?;
        }
        findings.try_for_each(|finding| one(out, finding))?;
    }
    Ok(())
}

fn one(out: &mut dyn Write, change: &FindingChange) -> io::Result<()> {
    let Some(finding) = change.latest() else { return Ok(()) };
    let (severity, kind) = (text(&finding.severity), text(&finding.kind));
    writeln!(out, "- **{severity}** ({kind}): {} {}", text(&finding.summary), text(&finding.id))?;
    match explanation(change) {
        "" => Ok(()),
        note => writeln!(out, "  - {}", text(note)),
    }
}

/// What explains a change best: what differs, else the reason of the finding.
#[must_use]
pub fn explanation(change: &FindingChange) -> &str {
    let detail = change.latest().map_or("", |finding| finding.detail.as_str());
    if change.note.is_empty() { detail } else { &change.note }
}
