//! The smallest rules that would document what is unexpected, in full detail only: what to write
//! into site or pack, and what else that would allow.

use std::io;

use super::Detail;
use super::page::{Line, Page, Paint};
use crate::audit::Audit;

/// Writes the section; without rules there is none.
pub fn write(page: &mut Page<'_>, audit: &Audit, detail: Detail) -> io::Result<()> {
    let rules: Vec<_> = audit.next.iter().filter_map(|step| Some((step, step.rule.as_ref()?))).collect();
    if detail == Detail::Glance || rules.is_empty() {
        return Ok(());
    }
    page.heading("Rules", "that would document what is unexpected; whether one is wanted is for people to say")?;
    for (step, rule) in rules {
        let finding = audit.findings.iter().find(|finding| finding.id == step.finding);
        let summary = finding.map_or(step.finding.as_str(), |finding| &finding.summary);
        page.paragraph(Paint::Plain, 2, &format!("{summary} {}", rule.allows), usize::MAX)?;
        for (place, toml) in [("site", &rule.site), ("pack", &rule.pack)] {
            for line in toml.lines().filter(|line| !line.is_empty()) {
                page.line(&Line::indented(4).cell(Paint::Quiet, place, 4).with(Paint::Plain, line))?;
            }
        }
    }
    Ok(())
}
