//! An audit in, a Markdown page out (CommonMark with GitHub's tables), for a ticket or a wiki.
//! Everything that came from outside is escaped, so no name becomes markup, a link or a mention.

use std::io::{self, Write};

use super::escape::markdown as text;
use super::steps;
use super::words::{self, RowSums, Tone};
use crate::audit::{Audit, Finding, RowResult};

/// Writes the page.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    writeln!(out, "# Flow audit: {}\n", text(&audit.site.name))?;
    writeln!(out, "**{}**\n", text(&audit.headline))?;
    rows(out, audit)?;
    findings(out, audit)?;
    next(out, audit)?;
    evidence(out, audit)?;
    writeln!(out, "\nWritten by {} {}.", text(&audit.tool.name), text(&audit.tool.version))
}

fn rows(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    writeln!(out, "## Documented rows\n")?;
    writeln!(out, "| Row | Status | From | To | Services | Open | Blocked | Peers | First – last (UTC) | Reason |")?;
    writeln!(out, "|---|---|---|---|---|--:|--:|--:|---|---|")?;
    audit.rows.iter().try_for_each(|row| one_row(out, row))
}

fn one_row(out: &mut dyn Write, row: &RowResult) -> io::Result<()> {
    let sums = RowSums::of(row);
    let services: Vec<String> = row.atoms.iter().map(|atom| text(&atom.service)).collect();
    writeln!(
        out,
        "| {} | {} {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        text(&row.id),
        Tone::of(row.status).mark(),
        row.status.name(),
        text(&row.from),
        text(&row.to),
        services.join(", "),
        sums.established,
        sums.blocked,
        sums.peer_count(),
        text(&words::span(sums.first, sums.last)),
        text(&row.reason),
    )
}

fn findings(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    writeln!(out, "\n## Findings\n")?;
    if audit.findings.is_empty() {
        return writeln!(out, "None.");
    }
    audit.findings.iter().try_for_each(|finding| one_finding(out, finding))
}

fn one_finding(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    writeln!(out, "- **{}** ({}): {}", text(&finding.severity), text(&finding.kind), text(&finding.summary))?;
    if !finding.detail.is_empty() {
        writeln!(out, "  - {}", text(&finding.detail))?;
    }
    let span = words::span(finding.first.as_deref(), finding.last.as_deref());
    let frames: Vec<String> =
        finding.evidence.iter().map(|place| format!("{} frame {}", text(&place.file), place.frame)).collect();
    let mut parts = vec![words::count(finding.flows, "flow"), text(&span), frames.join(", "), text(&finding.id)];
    parts.retain(|part| !part.is_empty());
    writeln!(out, "  - {}", parts.join(" · "))
}

fn next(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    if audit.next.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## What to do next\n")?;
    steps::grouped(&audit.next).iter().try_for_each(|step| {
        writeln!(out, "1. {}", text(&step.text))?;
        step.about.iter().try_for_each(|about| writeln!(out, "   - {}", text(about)))
    })
}

fn evidence(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let quality = &audit.quality;
    writeln!(out, "\n## Evidence\n")?;
    let complete = if quality.complete { "complete" } else { "incomplete" };
    writeln!(out, "The evidence is **{complete}**.\n")?;
    for gap in &quality.gaps {
        writeln!(out, "- {}", text(gap))?;
    }
    writeln!(out, "- flows: {}", text(&words::tally(&audit.totals.by_verdict)))?;
    writeln!(out, "- taken at: {}", text(&quality.vantage))?;
    writeln!(out, "\n| Input | Packets | First (UTC) | Last (UTC) | SHA-256 |\n|---|--:|---|---|---|")?;
    for input in &audit.inputs {
        let (first, last) = (input.first.as_deref().unwrap_or(""), input.last.as_deref().unwrap_or(""));
        writeln!(
            out,
            "| {} | {} | {} | {} | `{}` |",
            text(&input.path),
            input.packets,
            text(first),
            text(last),
            text(&input.sha256)
        )?;
    }
    Ok(())
}
