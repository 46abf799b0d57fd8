//! One row or finding in, all that is known of it out: peers, reasons, the frames that it rests on,
//! and what to do next. Also the page that explains the keys. Pure.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::facts::progress;
use super::paint::{Cells, Palette};
use super::state::Entry;
use super::view::{View, lines};
use crate::audit::{Finding, RowResult};
use crate::report::escape;
use crate::report::terminal::rows::{peer_line, tone_of};
use crate::report::terminal::text;
use crate::report::words::{self, Tone};

/// Draws what is open.
pub fn draw(view: &View<'_>, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let content = match view.state.open(view.audit) {
        Some(Entry::Row(row)) => row_page(view, row, width),
        Some(Entry::Finding(finding)) => finding_page(view, finding, width),
        None => vec![Cells::default().with(Style::new(), "This finding is settled. Esc goes back.").line()],
    };
    let last = content.len().saturating_sub(area.height.into());
    lines(content.into_iter().skip(view.state.scroll.min(last)).collect(), area, buffer);
}

/// Paragraphs under construction.
struct Page {
    lines: Vec<Line<'static>>,
    palette: Palette,
    width: usize,
}

impl Page {
    fn heading(&mut self, tone: Tone, content: &str) {
        let mark = Cells::default().with(self.palette.tone(tone), tone.mark()).with(Style::new(), " ");
        self.lines.push(mark.rest(self.palette.strong(), content, self.width).line());
    }

    /// A label, and text that is wrapped beside it.
    fn field(&mut self, label: &str, content: &str) {
        if content.is_empty() {
            return;
        }
        let wrapped = text::wrap(&escape::terminal(content), self.width.saturating_sub(INDENT));
        for (place, line) in wrapped.iter().enumerate() {
            let label = if place == 0 { label } else { "" };
            let cells =
                Cells::default().with(Style::new(), "  ").cell(self.palette.quiet(), label, INDENT.saturating_sub(4));
            self.lines.push(cells.with(Style::new(), line).line());
        }
    }

    fn gap(&mut self) {
        self.lines.push(Line::default());
    }
}

fn row_page(view: &View<'_>, row: &RowResult, width: usize) -> Vec<Line<'static>> {
    let mut page = Page { lines: Vec::new(), palette: view.palette, width };
    page.heading(Tone::of(row.status), &format!("{} is {} ({})", row.id, row.status.name(), row.need));
    page.field("what", &format!("{} → {}: {}", row.from, row.to, row.purpose));
    page.field("why", &row.reason);
    if let Some(window) = view.setting.window(row).filter(|_| row.atoms.iter().all(|atom| atom.flows == 0)) {
        page.field("window", &format!("{} of its time is over", progress(view.span(), window)));
    }
    for atom in &row.atoms {
        page.gap();
        let optional = if atom.optional { ", optional" } else { "" };
        let flows = words::count(atom.flows, "flow");
        let head = format!(
            "{}: {}{optional} · {flows}, {} open, {} blocked",
            atom.service,
            atom.status.name(),
            atom.established,
            atom.blocked
        );
        page.heading(Tone::of(atom.status), &head);
        page.field("seen", &words::span(atom.first.as_deref(), atom.last.as_deref()));
        for peer in &atom.peers {
            page.field(
                tone_of(peer).mark(),
                &peer_line("", peer).trim_start().replace(" (frame", &frame_of(view, peer)),
            );
            page.field("", peer.reason.as_deref().unwrap_or_default());
        }
        if atom.more_peers > 0 {
            page.field("", &format!("and {} more", words::count(atom.more_peers, "peer")));
        }
    }
    let about: Vec<&Finding> = view.audit.findings.iter().filter(|finding| finding.rows.contains(&row.id)).collect();
    next(view, &mut page, &about);
    page.lines
}

/// With several interfaces a frame number alone says little.
fn frame_of(view: &View<'_>, peer: &crate::audit::PeerResult) -> String {
    match peer.evidence.first() {
        Some(place) if view.audit.inputs.len() > 1 => format!(" ({} frame", place.file),
        Some(_) | None => " (frame".to_owned(),
    }
}

fn finding_page(view: &View<'_>, finding: &Finding, width: usize) -> Vec<Line<'static>> {
    let mut page = Page { lines: Vec::new(), palette: view.palette, width };
    let seen = if view.state.seen.contains(&finding.id) { "seen" } else { "new" };
    page.heading(Tone::Bad, &format!("{} {}, {} ({seen})", finding.id, finding.kind, finding.severity));
    page.field("what", &finding.summary);
    page.field("why", &finding.detail);
    page.field("rows", &finding.rows.join(", "));
    let traffic = format!("{} in {}", words::count(finding.flows, "flow"), words::count(finding.packets, "packet"));
    page.field("traffic", &traffic);
    page.field("seen", &words::span(finding.first.as_deref(), finding.last.as_deref()));
    page.field("evidence", &words::frames(&finding.evidence, true, usize::MAX, ", "));
    next(view, &mut page, &[finding]);
    page.lines
}

/// What would settle the findings.
fn next(view: &View<'_>, page: &mut Page, findings: &[&Finding]) {
    let about = |id: &String| findings.iter().any(|finding| finding.id == *id);
    let mut steps = view.audit.next.iter().filter(|step| about(&step.finding)).peekable();
    if steps.peek().is_some() {
        page.gap();
    }
    for step in steps {
        page.field("next", &step.text);
        let rule = step.rule.iter().flat_map(|rule| rule.site.lines().chain(rule.pack.lines()));
        rule.for_each(|line| page.field("", line));
    }
}

/// The page that explains the keys.
pub fn help(palette: Palette, width: usize) -> Vec<Line<'static>> {
    let head = |content: &str| Cells::default().rest(palette.strong(), content, width).line();
    let mut lines = vec![head("Keys")];
    for (key, what) in KEYS {
        lines.push(Cells::default().with(palette.key(), &format!("  {key:13}")).rest(Style::new(), what, width).line());
    }
    lines.push(head("Marks"));
    let tones = [Tone::Good, Tone::Mixed, Tone::Bad, Tone::Unsure, Tone::Calm];
    let mut cells = Cells::default().with(Style::new(), "  ");
    for (tone, what) in tones.into_iter().zip(["open", "in part", "a finding", "not known yet", "nothing to do"]) {
        cells = cells.with(palette.tone(tone), tone.mark()).with(Style::new(), &format!(" {what}  "));
    }
    lines.push(cells.line());
    lines
}

const KEYS: [(&str, &str); 11] = [
    ("Up Down j k", "move; PgUp PgDn Space, Home End g G as in a pager"),
    ("Enter", "open the row or finding: peers, reasons, frames, what to do next"),
    ("Esc", "back; in the lists: clear the filter"),
    ("Tab", "between rows and findings"),
    ("/", "show only what holds a text: a row, a status, an address, a port"),
    ("s", "sort: document order, worst, latest, busiest first"),
    ("m  M", "mark the finding as seen, or all that are shown"),
    ("w", "write the reports and the flow log of the command line now"),
    ("Ctrl-L", "draw everything anew"),
    ("? h", "this page"),
    ("q  Ctrl-C", "end the watch; the report follows"),
];

/// Columns before the text of a field.
const INDENT: usize = 12;
