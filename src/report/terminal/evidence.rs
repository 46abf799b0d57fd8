//! How far the evidence goes: where and when it was captured, what was read, what became of each
//! packet, and every reason why it is not complete.

use std::io;

use super::page::{Line, Page, Paint};
use super::{Detail, more, text};
use crate::audit::{Audit, InputEntry, Quality};
use crate::report::escape;
use crate::report::losses;
use crate::report::words::{self, Tone};

/// Writes the section.
pub fn write(page: &mut Page<'_>, audit: &Audit, detail: Detail) -> io::Result<()> {
    let quality = &audit.quality;
    waivers(page, audit, detail)?;
    page.heading("Evidence", if quality.complete { "complete" } else { "incomplete" })?;
    for gap in &quality.gaps {
        let tone = Tone::Unsure;
        for (place, content) in text::wrap(&escape::terminal(gap), page.width().saturating_sub(4)).iter().enumerate() {
            let mark = if place == 0 { tone.mark() } else { " " };
            page.line(&Line::indented(2).with(Paint::Accent(tone), mark).with(Paint::Plain, &format!(" {content}")))?;
        }
    }
    entry(page, "taken", &taken(quality))?;
    entry(page, "matrix", &matrix(audit))?;
    inputs(page, &audit.inputs, detail)?;
    entry(page, "names", &audit.redaction.as_ref().map(words::redacted).unwrap_or_default())?;
    entry(page, "packets", &packets(quality))?;
    entry(page, "limits", &limits(quality))?;
    let times = losses::phrases(quality);
    let most = detail.at_most(4);
    for (place, phrase) in times.iter().take(most).enumerate() {
        entry(page, if place == 0 { "losses" } else { "" }, phrase)?;
    }
    more(page, INDENT, times.len().saturating_sub(most))
}

fn entry(page: &mut Page<'_>, label: &str, content: &str) -> io::Result<()> {
    if content.is_empty() {
        return Ok(());
    }
    let columns = page.width().saturating_sub(INDENT).min(110);
    for (place, content) in text::wrap(&escape::terminal(content), columns).iter().enumerate() {
        let label = if place == 0 { label } else { "" };
        page.line(&Line::indented(2).cell(Paint::Quiet, label, 7).with(Paint::Plain, content))?;
    }
    Ok(())
}

fn taken(quality: &Quality) -> String {
    let (Some(first), Some(last)) = (quality.first.as_deref(), quality.last.as_deref()) else {
        return format!("at {}; no packets", quality.vantage);
    };
    let until = if words::date(first) == words::date(last) { "" } else { words::date(last) };
    let until = format!("{until} {}", words::clock(last));
    format!(
        "at {}, {} {} to {} UTC ({})",
        quality.vantage,
        words::date(first),
        words::clock(first),
        until.trim(),
        words::duration(&quality.span_seconds),
    )
}

fn matrix(audit: &Audit) -> String {
    let named = |audited: bool| {
        let packs = audit.packs.iter().filter(|pack| pack.audited == audited);
        packs.map(|pack| format!("{} {}", pack.id, pack.version).trim().to_owned()).collect::<Vec<_>>().join(", ")
    };
    match (named(true), named(false)) {
        (audited, baseline) if baseline.is_empty() => format!("{audited}; site {}", audit.site.name),
        (audited, baseline) => format!("{audited}; baseline {baseline}; site {}", audit.site.name),
    }
}

fn inputs(page: &mut Page<'_>, inputs: &[InputEntry], detail: Detail) -> io::Result<()> {
    let most = detail.at_most(3);
    for (place, input) in inputs.iter().take(most).enumerate() {
        let digest = match detail {
            Detail::Full => format!(", sha256 {}", input.sha256),
            Detail::Glance => String::new(),
        };
        let read = format!("{}, {}", words::count(input.packets, "packet"), words::size(input.bytes));
        let label = if place == 0 { "read" } else { "" };
        entry(page, label, &format!("{} ({read}{digest})", input.path))?;
    }
    more(page, INDENT, inputs.len().saturating_sub(most))
}

/// Where every packet went; the parts add up to what was read.
fn packets(quality: &Quality) -> String {
    let mut parts = vec![format!("{} in scope", words::thousands(quality.in_scope))];
    let rest = [
        (quality.out_of_scope, "out of scope"),
        (quality.duplicates, "duplicate"),
        (quality.fragments_pending, "in unfinished fragments"),
    ];
    parts.extend(
        rest.iter().filter(|(number, _)| *number > 0).map(|(n, what)| format!("{} {what}", words::thousands(*n))),
    );
    let undecoded = quality.undecoded.values().copied().fold(0, u64::saturating_add);
    if undecoded > 0 {
        parts.push(format!(
            "{} without a datagram ({})",
            words::thousands(undecoded),
            words::tally(&quality.undecoded)
        ));
    }
    format!("{} = {}", words::thousands(quality.frames), parts.join(" + "))
}

/// What the capture itself lacks; says so when it lacks nothing.
fn limits(quality: &Quality) -> String {
    let all = [
        (quality.drops, "packets lost by the capturing system"),
        (quality.dropped_by_host, "packets dropped by the host itself"),
        (quality.truncated, "packets cut by the snap length"),
        (quality.one_sided, "one-sided flows"),
        (quality.midstream, "flows open before the capture"),
        (quality.folded, "flows folded"),
        (quality.missed_bytes, "acknowledged bytes not captured"),
        (quality.time_inversions, "packets out of order in time"),
        (quality.names_pushed_out, "names that made room for others"),
        (quality.names_unread, "DNS messages not kept"),
        (quality.browsers_unread, "messages of SQL Server browsers not kept"),
        (quality.payloads_not_held, "flows whose first bytes were not kept"),
    ];
    let parts: Vec<String> =
        all.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", words::thousands(*n))).collect();
    if parts.is_empty() { "no drops, nothing truncated, nothing one-sided".to_owned() } else { parts.join(", ") }
}

fn waivers(page: &mut Page<'_>, audit: &Audit, detail: Detail) -> io::Result<()> {
    if audit.waivers.is_empty() {
        return Ok(());
    }
    page.heading("Waivers", "")?;
    let most = detail.at_most(5);
    for waiver in audit.waivers.iter().take(most) {
        let until = waiver.expires.as_deref().map_or(String::new(), |day| format!(", until {day}"));
        let used = words::count(waiver.flows, "flow");
        let content = format!("{}: {used} ({}; {}{until})", waiver.text, waiver.reason, waiver.owner);
        page.paragraph(Paint::Plain, 2, &content, detail.at_most(2))?;
    }
    more(page, 2, audit.waivers.len().saturating_sub(most))
}

/// Columns before the content: indentation and label.
const INDENT: usize = 11;
