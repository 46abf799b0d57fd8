//! What changed between two audits in, a page for a person at a terminal out: the answer, what both
//! audits are, the rows that moved, and the findings by what became of them.

use std::io::{self, Write};

use super::page::{Line, Page, Paint};
use super::{Detail, Look, more, text};
use crate::audit::{Diff, Fate, FindingChange, RowStatus};
use crate::report::words::Tone;
use crate::report::{diff as words, escape};

/// Writes the page.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, diff: &Diff, look: Look) -> io::Result<()> {
    let mut page = Page::new(out, look.width, look.colour);
    let worse = diff.count(Fate::New) > 0;
    let tone = match (diff.same, worse) {
        (true, _) => Tone::Calm,
        (false, true) => Tone::Bad,
        (false, false) => Tone::Mixed,
    };
    hung(&mut page, 0, (Paint::Answer(tone), tone.mark()), (Paint::Answer(tone), &words::headline(diff)))?;
    page.paragraph(Paint::Quiet, 2, &format!("before: {}", words::side(&diff.before)), usize::MAX)?;
    page.paragraph(Paint::Quiet, 2, &format!("after:  {}", words::side(&diff.after)), usize::MAX)?;
    for note in &diff.notes {
        let mark = Tone::Unsure;
        hung(&mut page, 2, (Paint::Accent(mark), mark.mark()), (Paint::Plain, note))?;
    }
    rows(&mut page, diff)?;
    words::SECTIONS.iter().try_for_each(|(change, heading)| section(&mut page, diff, *change, heading, look.detail))
}

/// A mark, and text that hangs behind it.
fn hung(page: &mut Page<'_>, indent: usize, mark: (Paint, &str), content: (Paint, &str)) -> io::Result<()> {
    let columns = page.width().saturating_sub(indent).saturating_sub(2);
    for (place, line) in text::wrap(&escape::terminal(content.1), columns).iter().enumerate() {
        let shown = if place == 0 { mark.1 } else { " " };
        let start = Line::indented(indent).with(mark.0, shown).with(Paint::Plain, " ");
        page.line(&start.with(content.0, line))?;
    }
    Ok(())
}

fn rows(page: &mut Page<'_>, diff: &Diff) -> io::Result<()> {
    if diff.rows.is_empty() {
        return Ok(());
    }
    page.heading("Rows that moved", "")?;
    let longest = diff.rows.iter().map(|row| text::width(&escape::terminal(&row.id))).max().unwrap_or(0).min(24);
    for row in &diff.rows {
        let tone = row.after.map_or(Tone::Calm, Tone::of);
        let line = Line::default().with(Paint::Accent(tone), tone.mark()).with(Paint::Plain, " ");
        let word = |status: Option<RowStatus>| status.map_or("absent", RowStatus::name);
        let line = line.cell(Paint::Plain, &row.id, longest).with(Paint::Quiet, word(row.before));
        page.line(&line.with(Paint::Quiet, " → ").with(Paint::Accent(tone), word(row.after)))?;
        page.paragraph(Paint::Quiet, longest.saturating_add(4), &row.reason, usize::MAX)?;
    }
    Ok(())
}

fn section(page: &mut Page<'_>, diff: &Diff, change: Fate, heading: &str, detail: Detail) -> io::Result<()> {
    let findings: Vec<&FindingChange> = diff.findings.iter().filter(|finding| finding.change == change).collect();
    if findings.is_empty() {
        return Ok(());
    }
    page.heading(heading, &findings.len().to_string())?;
    let tone = match change {
        Fate::New => Tone::Bad,
        Fate::Changed | Fate::Open => Tone::Mixed,
        Fate::Fixed => Tone::Good,
        Fate::Unseen => Tone::Unsure,
    };
    let most = detail.at_most(12);
    for change in findings.iter().take(most) {
        let Some(finding) = change.latest() else { continue };
        let sentence = format!("{} ({})", finding.summary, finding.id);
        hung(page, 0, (Paint::Accent(tone), tone.mark()), (Paint::Plain, &sentence))?;
        page.paragraph(Paint::Quiet, 2, words::explanation(change), detail.at_most(4))?;
    }
    more(page, 2, findings.len().saturating_sub(most))
}
