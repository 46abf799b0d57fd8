//! An audit in, a page for a person at a terminal out: the answer, the documented rows, the
//! findings, how far the evidence goes, and what to do next. Looks right at any width from 60
//! columns on, and says the same without colour.

use std::io::{self, Write};

use self::page::{Line, Page, Paint};
use super::steps;
use super::words::{self, Tone};
use crate::audit::{Answer, Audit};

pub mod diff;
mod evidence;
mod findings;
mod pack;
mod page;
pub(crate) mod rows;
mod rules;
pub(crate) mod text;

pub use pack::write_pack;

/// How the page looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Whether colour may be used.
    pub colour: bool,
    /// How much is shown.
    pub detail: Detail,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What answers at a glance; long lists are cut and say so.
    Glance,
    /// Everything.
    Full,
}

impl Detail {
    /// How many lines or entries of `usual` are shown.
    const fn at_most(self, usual: usize) -> usize {
        match self {
            Self::Glance => usual,
            Self::Full => usize::MAX,
        }
    }
}

/// Writes the report.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit, look: Look) -> io::Result<()> {
    let mut page = Page::new(out, look.width, look.colour);
    answer(&mut page, audit)?;
    rows::write(&mut page, audit, look.detail)?;
    findings::write(&mut page, audit, look.detail)?;
    evidence::write(&mut page, audit, look.detail)?;
    next(&mut page, audit, look.detail)?;
    rules::write(&mut page, audit, look.detail)
}

fn answer(page: &mut Page<'_>, audit: &Audit) -> io::Result<()> {
    let tone = match audit.answer {
        Answer::Clean => Tone::Good,
        Answer::Findings => Tone::Bad,
        Answer::Incomplete => Tone::Unsure,
    };
    let lines = text::wrap(&super::escape::terminal(&audit.headline), page.width().saturating_sub(2));
    for (place, content) in lines.iter().enumerate() {
        let mark = if place == 0 { tone.mark() } else { " " };
        page.line(&Line::default().with(Paint::Answer(tone), &format!("{mark} {content}")))?;
    }
    let packets = words::count(audit.totals.packets, "packet");
    let flows = words::count(audit.totals.flows, "flow");
    let verdicts = match words::tally(&audit.totals.by_verdict) {
        tally if tally.is_empty() => String::new(),
        tally => format!(": {tally}"),
    };
    page.paragraph(Paint::Quiet, 2, &format!("{flows} in {packets}{verdicts}"), usize::MAX)
}

fn next(page: &mut Page<'_>, audit: &Audit, detail: Detail) -> io::Result<()> {
    if audit.next.is_empty() {
        return Ok(());
    }
    page.heading("Next", "")?;
    let (steps, most) = (steps::grouped(&audit.next), detail.at_most(5));
    for (number, step) in (1u64..).zip(steps.iter().take(most)) {
        let columns = page.width().saturating_sub(6);
        let content = super::escape::terminal(without_reference(&step.text, audit, detail));
        for (place, line) in text::wrap(&content, columns).iter().enumerate() {
            let label = if place == 0 { number.to_string() } else { String::new() };
            page.line(&Line::indented(2).figure(Paint::Quiet, &label, 2).with(Paint::Plain, line))?;
        }
        let listed = detail.at_most(8);
        for about in step.about.iter().take(listed) {
            page.paragraph(Paint::Plain, 8, about, detail.at_most(1))?;
        }
        more(page, 8, step.about.len().saturating_sub(listed))?;
    }
    more(page, 6, steps.len().saturating_sub(most))
}

/// At a glance the address of the document would only be said again in every step.
fn without_reference<'audit>(step: &'audit str, audit: &Audit, detail: Detail) -> &'audit str {
    let cited = |reference: &str| step.strip_suffix(reference).and_then(|head| head.strip_suffix(" Reference: "));
    match detail {
        Detail::Full => step,
        Detail::Glance => audit.packs.iter().find_map(|pack| cited(&pack.reference)).unwrap_or(step),
    }
}

/// The line that stands for what a list leaves out.
fn more(page: &mut Page<'_>, indent: usize, left: usize) -> io::Result<()> {
    if left == 0 {
        return Ok(());
    }
    page.line(&Line::indented(indent).with(Paint::Quiet, &format!("… and {left} more (-v shows all, --json has all)")))
}
