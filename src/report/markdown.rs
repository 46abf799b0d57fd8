//! An audit in, a Markdown page out (CommonMark with GitHub's tables), for a ticket or a wiki.
//! Everything that came from outside is escaped, so no name becomes markup, a link or a mention.

use std::collections::HashMap;
use std::io::{self, Write};

use super::escape::markdown as text;
use super::losses;
use super::steps;
use super::words::{self, RowSums, Tone};
use crate::audit::{Audit, EvidenceRef, Finding, RowResult};

/// Writes the page.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    writeln!(out, "# Flow audit: {}\n", text(&audit.site.name))?;
    writeln!(out, "**{}**\n", text(&audit.headline))?;
    if let Some(redaction) = &audit.redaction {
        writeln!(out, "{}\n", text(&words::redacted(redaction)))?;
    }
    rows(out, audit)?;
    findings(out, audit)?;
    next(out, audit)?;
    rules(out, audit)?;
    names(out, audit)?;
    ports(out, audit)?;
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
    audit.findings.iter().take(MOST_FINDINGS).try_for_each(|finding| one_finding(out, finding))?;
    more(out, audit.findings.len().saturating_sub(MOST_FINDINGS), 0)
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
    let steps = audit.next.get(..MOST_STEPS).unwrap_or(&audit.next);
    steps::grouped(steps).iter().try_for_each(|step| {
        writeln!(out, "1. {}", text(&step.text))?;
        step.about.iter().try_for_each(|about| writeln!(out, "   - {}", text(about)))
    })?;
    more(out, audit.next.len().saturating_sub(steps.len()), 0)
}

/// The smallest rules that would document what is unexpected. TOML stands line by line: no
/// text can end a fence that is not there.
fn rules(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let rules: Vec<_> = audit.next.iter().filter_map(|step| Some((step, step.rule.as_ref()?))).collect();
    if rules.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Rules that would document it\n\nWhether a rule is wanted is for people to say.\n")?;
    let summaries: HashMap<&str, &str> =
        audit.findings.iter().map(|finding| (finding.id.as_str(), finding.summary.as_str())).collect();
    for (step, rule) in rules.iter().take(MOST_STEPS) {
        writeln!(out, "- {}", text(summaries.get(step.finding.as_str()).copied().unwrap_or(&step.finding)))?;
        for (place, toml) in [("site", &rule.site), ("pack", &rule.pack)] {
            let mut lines = toml.lines().filter(|line| !line.is_empty());
            lines.try_for_each(|line| writeln!(out, "  - {place}: {}", text(line)))?;
        }
        writeln!(out, "  - {}", text(&rule.allows))?;
    }
    more(out, rules.len().saturating_sub(MOST_STEPS), 0)
}

/// Who was known by which name.
fn names(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    if audit.names.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Names\n")?;
    writeln!(out, "| Client | Name | Address | Strength | Rests on | Frames | Flows | Used (UTC) | Against it |")?;
    writeln!(out, "|---|---|---|---|---|---|--:|---|---|")?;
    let groups = words::alike(&audit.names);
    let shown = groups.get(..MOST_ENTRIES).unwrap_or(&groups);
    for group in shown {
        let Some(entry) = group.first() else { continue };
        let clients = words::listed(group.iter().map(|entry| entry.client.as_str()), 3);
        let addresses = words::listed(group.iter().filter_map(|entry| entry.address.as_deref()), 12);
        let columns = [&clients, &entry.name, &addresses, &entry.strength, &entry.how].map(|column| text(column));
        let flows = group.iter().map(|entry| entry.flows).fold(0, u64::saturating_add);
        let first = group.iter().filter_map(|entry| entry.first.as_deref()).min();
        let last = group.iter().filter_map(|entry| entry.last.as_deref()).max();
        let used = used(&entry.evidence, flows, (first, last), &entry.contradictions);
        writeln!(out, "| {} | {used}", columns.join(" | "))?;
    }
    let left = audit.names.len().saturating_sub(shown.iter().map(Vec::len).sum());
    more(out, left, audit.more_names)
}

/// What stands behind the ports that were assigned as needed.
fn ports(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    if audit.ports.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## RPC attributions\n")?;
    writeln!(out, "| Client | Port | Interface | Grade | Rests on | Frames | Flows | Used (UTC) | Against it |")?;
    writeln!(out, "|---|---|---|---|---|---|--:|---|---|")?;
    let shown = audit.ports.get(..MOST_ENTRIES).unwrap_or(&audit.ports);
    for entry in shown {
        let port = format!("{} tcp/{}", entry.server, entry.port);
        let interfaces = entry.interfaces.iter().map(|known| known.name.as_deref().unwrap_or(&known.id));
        let interfaces = interfaces.collect::<Vec<_>>().join(", ");
        let columns = [&entry.client, &port, &interfaces, &entry.grade, &words::attributed(entry)];
        let times = (entry.first.as_deref(), entry.last.as_deref());
        let used = used(&entry.evidence, entry.flows, times, &entry.contradictions);
        writeln!(out, "| {} | {used}", columns.map(|column| text(column)).join(" | "))?;
    }
    more(out, audit.ports.len().saturating_sub(shown.len()), audit.more_ports)
}

/// The columns that names and ports share.
fn used(
    evidence: &[EvidenceRef],
    flows: u64,
    (first, last): (Option<&str>, Option<&str>),
    against: &[String],
) -> String {
    let frames = text(&words::frames(evidence, false, 4, "; "));
    format!("{frames} | {flows} | {} | {} |", text(&words::span(first, last)), text(&against.join(" ")))
}

fn more(out: &mut dyn Write, left: usize, beyond: u64) -> io::Result<()> {
    match beyond.saturating_add(u64::try_from(left).unwrap_or(u64::MAX)) {
        0 => Ok(()),
        left => writeln!(out, "\n… and {} more.", words::thousands(left)),
    }
}

/// Findings on one page, the gravest; the audit document has all.
const MOST_FINDINGS: usize = 500;
/// Steps and rules on one page.
const MOST_STEPS: usize = 500;
/// Entries of one table; the audit document has more.
const MOST_ENTRIES: usize = 100;

fn evidence(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let quality = &audit.quality;
    writeln!(out, "\n## Evidence\n")?;
    let complete = if quality.complete { "complete" } else { "incomplete" };
    writeln!(out, "The evidence is **{complete}**.\n")?;
    for gap in &quality.gaps {
        writeln!(out, "- {}", text(gap))?;
    }
    for phrase in losses::phrases(quality) {
        writeln!(out, "- {}", text(&phrase))?;
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
