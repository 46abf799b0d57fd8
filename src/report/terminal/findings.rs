//! The findings, gravest first as the audit orders them: one sentence each, the reason under it,
//! and the packets that it rests on. Row findings keep to their sentence, because the reason already
//! stands under the row.

use std::io;

use super::page::{Line, Page, Paint};
use super::{Detail, more, text};
use crate::audit::{Audit, Finding};
use crate::report::escape;
use crate::report::words::{self, Tone};

/// Writes the section; without findings there is none.
pub fn write(page: &mut Page<'_>, audit: &Audit, detail: Detail) -> io::Result<()> {
    if audit.findings.is_empty() {
        return Ok(());
    }
    let severities = SEVERITIES.iter().filter_map(|severity| {
        let number = audit.findings.iter().filter(|finding| finding.severity == *severity).count();
        (number > 0).then(|| format!("{number} {severity}"))
    });
    page.heading("Findings", &severities.collect::<Vec<_>>().join(", "))?;
    let most = detail.at_most(12);
    for finding in audit.findings.iter().take(most) {
        one(page, finding, audit.inputs.len() > 1, detail)?;
    }
    more(page, INDENT, audit.findings.len().saturating_sub(most))
}

fn one(page: &mut Page<'_>, finding: &Finding, several_files: bool, detail: Detail) -> io::Result<()> {
    let tone = if finding.severity == "high" { Tone::Bad } else { Tone::Mixed };
    let columns = page.width().saturating_sub(INDENT);
    for (place, content) in text::wrap(&escape::terminal(&finding.summary), columns).iter().enumerate() {
        let (mark, severity) = if place == 0 { (tone.mark(), finding.severity.as_str()) } else { (" ", "") };
        let line = Line::default().with(Paint::Accent(tone), mark).with(Paint::Plain, " ");
        page.line(&line.cell(Paint::Accent(tone), severity, 6).with(Paint::Plain, content))?;
    }
    if detail == Detail::Glance && ROW_KINDS.contains(&finding.kind.as_str()) {
        return Ok(());
    }
    page.paragraph(Paint::Quiet, INDENT, &finding.detail, detail.at_most(3))?;
    page.paragraph(Paint::Quiet, INDENT, &ground(finding, several_files, detail), detail.at_most(2))
}

/// How many flows, when, and on which packets it rests.
fn ground(finding: &Finding, several_files: bool, detail: Detail) -> String {
    let mut parts = Vec::new();
    if finding.flows > 0 {
        parts.push(words::count(finding.flows, "flow"));
    }
    parts.push(words::span(finding.first.as_deref(), finding.last.as_deref()));
    let named = several_files || detail == Detail::Full;
    parts.push(words::frames(&finding.evidence, named, detail.at_most(4), ", "));
    if detail == Detail::Full {
        parts.push(finding.id.clone());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

/// Columns before the sentence: mark, severity.
const INDENT: usize = 10;

const SEVERITIES: &[&str] = &["high", "medium", "low"];

/// Kinds whose reason stands under their row.
const ROW_KINDS: &[&str] = &["partial", "blocked", "wrong-protocol", "name-failed", "missing"];
