//! The documented rows, in document order, one line each where the page is wide enough, with the
//! reason under every row that is not as documented.

use std::collections::BTreeMap;
use std::io;

use super::page::{Line, Page, Paint};
use super::{Detail, more, text};
use crate::audit::{Audit, PeerResult, RowResult, RowStatus};
use crate::report::words::{self, RowSums, Tone};

/// Writes the section.
pub fn write(page: &mut Page<'_>, audit: &Audit, detail: Detail) -> io::Result<()> {
    page.heading("Rows", &summary(audit))?;
    if audit.rows.is_empty() {
        return Ok(());
    }
    let grid = Grid::of(audit, page.width());
    grid.header(page)?;
    for row in &audit.rows {
        grid.row(page, row)?;
        explain(page, &grid, row, detail)?;
    }
    Ok(())
}

/// `13 documented: 9 confirmed, 1 blocked`, the statuses in the order of their definition.
pub(crate) fn summary(audit: &Audit) -> String {
    let mut statuses: BTreeMap<RowStatus, u64> = BTreeMap::new();
    for row in &audit.rows {
        let number = statuses.entry(row.status).or_default();
        *number = number.saturating_add(1);
    }
    let parts: Vec<String> = statuses.iter().map(|(status, number)| format!("{number} {}", status.name())).collect();
    format!("{} documented: {}", audit.rows.len(), parts.join(", "))
}

/// Which columns there are, and how wide.
struct Grid<'audit> {
    shape: Shape,
    home: &'audit str,
    days: bool,
    id: usize,
    status: usize,
    title: usize,
    services: usize,
    peers: usize,
    span: usize,
}

/// What fits on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Services, peers and times go to a second line.
    TwoLines,
    /// Everything but the services.
    OneLine,
    /// Everything, peers as a number.
    Wide,
    /// Everything, peers by name.
    Widest,
}

impl<'audit> Grid<'audit> {
    fn of(audit: &'audit Audit, width: usize) -> Self {
        let shape = match width {
            0..=95 => Shape::TwoLines,
            96..=131 => Shape::OneLine,
            132..=169 => Shape::Wide,
            _ => Shape::Widest,
        };
        let longest = |part: fn(&RowResult) -> usize| audit.rows.iter().map(part).max().unwrap_or(0);
        let days = days(audit);
        let span = |row| text::width(&span_of(&RowSums::of(row), days));
        let mut grid = Self {
            shape,
            home: home(audit),
            days,
            id: longest(|row| text::width(&row.id)).clamp(3, 14),
            status: longest(|row| row.status.name().len()).max(6),
            title: 0,
            services: 0,
            peers: if shape == Shape::Widest { 32 } else { 5 },
            span: audit.rows.iter().map(span).max().unwrap_or(0).max(10),
        };
        grid.share(audit, width);
        grid
    }

    /// Divides what the fixed columns leave among title and services.
    fn share(&mut self, audit: &Audit, width: usize) {
        let numbers = match self.shape {
            Shape::TwoLines => 15,
            Shape::OneLine | Shape::Wide | Shape::Widest => {
                19usize.saturating_add(self.peers).saturating_add(self.span)
            }
        };
        let fixed = self.title_at().saturating_add(numbers);
        let free = width.saturating_sub(fixed).max(12);
        let title = audit.rows.iter().map(|row| text::width(&self::title(row, self.home))).max().unwrap_or(0).max(12);
        let title = title.max(text::width(self.home));
        match self.shape {
            Shape::TwoLines | Shape::OneLine => self.title = free.min(title),
            Shape::Wide | Shape::Widest => {
                let free = free.saturating_sub(2);
                let services = audit.rows.iter().map(|row| text::width(&services(row))).max().unwrap_or(0).max(8);
                self.title = title.min(free.saturating_sub(services).max(free.div_euclid(2)));
                self.services = services.min(free.saturating_sub(self.title));
            }
        }
    }

    /// Column at which what stands under a row begins: below its status on a narrow page.
    const fn under(&self) -> usize {
        match self.shape {
            Shape::TwoLines => self.id.saturating_add(4),
            Shape::OneLine | Shape::Wide | Shape::Widest => self.title_at(),
        }
    }

    /// Column at which the title begins.
    const fn title_at(&self) -> usize {
        self.id.saturating_add(self.status).saturating_add(6)
    }

    fn header(&self, page: &mut Page<'_>) -> io::Result<()> {
        let quiet = Paint::Quiet;
        let mut line = Line::indented(2).cell(quiet, "row", self.id).cell(quiet, "status", self.status);
        line = line.cell(quiet, self.home, self.title);
        if self.services > 0 {
            line = line.cell(quiet, "services", self.services);
        }
        line = line.figure(quiet, "open", 4).figure(quiet, "blocked", 7);
        if self.shape != Shape::TwoLines {
            line = match self.shape {
                Shape::Widest => line.cell(quiet, "peers", self.peers),
                Shape::TwoLines | Shape::OneLine | Shape::Wide => line.figure(quiet, "peers", self.peers),
            };
            line = line.cell(quiet, "first–last", self.span);
        }
        page.line(&line)
    }

    fn row(&self, page: &mut Page<'_>, row: &RowResult) -> io::Result<()> {
        let tone = Tone::of(row.status);
        let sums = RowSums::of(row);
        let body = if tone == Tone::Calm { Paint::Quiet } else { Paint::Plain };
        let mut line = Line::default()
            .with(Paint::Accent(tone), tone.mark())
            .with(Paint::Plain, " ")
            .cell(body, &row.id, self.id)
            .cell(Paint::Accent(tone), row.status.name(), self.status)
            .cell(body, &title(row, self.home), self.title);
        if self.services > 0 {
            line = line.cell(body, &services(row), self.services);
        }
        line = line.figure(body, &figure(sums.established), 4);
        let blocked = if sums.blocked > 0 { Paint::Accent(Tone::Bad) } else { Paint::Plain };
        line = line.figure(blocked, &figure(sums.blocked), 7);
        line = match self.shape {
            Shape::TwoLines => line,
            Shape::OneLine | Shape::Wide => line.figure(body, &figure(sums.peer_count()), self.peers),
            Shape::Widest => line.cell(body, &peers(&sums, self.peers), self.peers),
        };
        if self.shape != Shape::TwoLines {
            return page.line(&line.cell(body, &span_of(&sums, self.days), self.span));
        }
        page.line(&line)?;
        self.second_line(page, row, &sums)
    }

    fn second_line(&self, page: &mut Page<'_>, row: &RowResult, sums: &RowSums<'_>) -> io::Result<()> {
        if sums.flows == 0 {
            return Ok(());
        }
        let indent = self.under();
        let rest = format!("{} · {}", words::count(sums.peer_count(), "peer"), span_of(sums, self.days));
        let left = page.width().saturating_sub(indent).saturating_sub(text::width(&rest)).saturating_sub(3);
        let services = text::cut(&services(row), left.max(8));
        page.paragraph(Paint::Quiet, indent, &format!("{services} · {rest}"), 2)
    }
}

/// The far side as seen from the role that most rows speak of (`home`).
pub(crate) fn title(row: &RowResult, home: &str) -> String {
    if row.from == home {
        format!("→ {}", row.to)
    } else if row.to == home {
        format!("← {}", row.from)
    } else {
        format!("{} → {}", row.from, row.to)
    }
}

/// The reason under a row that is not as documented, and the peers that made it so.
fn explain(page: &mut Page<'_>, grid: &Grid<'_>, row: &RowResult, detail: Detail) -> io::Result<()> {
    let indent = grid.under();
    match Tone::of(row.status) {
        Tone::Good | Tone::Calm if detail == Detail::Glance => return Ok(()),
        Tone::Good | Tone::Calm => page.paragraph(Paint::Quiet, indent, &row.reason, usize::MAX)?,
        Tone::Bad | Tone::Mixed | Tone::Unsure => {
            page.paragraph(Paint::Plain, indent, &row.reason, detail.at_most(2))?;
        }
    }
    let lines: Vec<(Tone, String)> = row
        .atoms
        .iter()
        .flat_map(|atom| atom.peers.iter().map(move |peer| (atom, peer)))
        .filter(|(_, peer)| detail == Detail::Full || peer.blocked > 0)
        .map(|(atom, peer)| (tone_of(peer), peer_line(&atom.service, peer)))
        .collect();
    let most = detail.at_most(3);
    for (tone, content) in lines.iter().take(most) {
        let line = Line::indented(indent).with(Paint::Accent(*tone), tone.mark()).with(Paint::Plain, " ");
        page.line(&line.with(Paint::Quiet, content))?;
    }
    more(page, indent, lines.len().saturating_sub(most))
}

pub(crate) const fn tone_of(peer: &PeerResult) -> Tone {
    match (peer.established, peer.blocked) {
        (0, 0) => Tone::Calm,
        (0, _) => Tone::Bad,
        (_, 0) => Tone::Good,
        (_, _) => Tone::Mixed,
    }
}

pub(crate) fn peer_line(service: &str, peer: &PeerResult) -> String {
    let frames: Vec<String> = peer.evidence.iter().take(3).map(|place| place.frame.to_string()).collect();
    let frames = match frames.len() {
        0 => String::new(),
        1 => format!(" (frame {})", frames.join(", ")),
        _ => format!(" (frames {})", frames.join(", ")),
    };
    format!("{service} {}: {}{frames}", peer.peer, words::tally(&peer.outcomes))
}

/// The title that most rows name, on either side: the role that the matrix is about.
pub(crate) fn home(audit: &Audit) -> &str {
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for title in audit.rows.iter().flat_map(|row| [&row.from, &row.to]) {
        let number = named.entry(title).or_default();
        *number = number.saturating_add(1);
    }
    named.into_iter().max_by_key(|(_, number)| *number).map_or("", |(title, _)| title)
}

/// Whether times need their day: the capture crosses midnight.
fn days(audit: &Audit) -> bool {
    match (&audit.quality.first, &audit.quality.last) {
        (Some(first), Some(last)) => words::date(first) != words::date(last),
        (_, _) => false,
    }
}

fn span_of(sums: &RowSums<'_>, days: bool) -> String {
    let stamp = |time: &str| match words::date(time).split_once('-') {
        Some((_, day)) => format!("{day} {}", words::clock(time)),
        None => time.to_owned(),
    };
    match (sums.first, sums.last) {
        (Some(first), Some(last)) if days => format!("{}–{}", stamp(first), stamp(last)),
        (first, last) => words::span(first, last),
    }
}

pub(crate) fn services(row: &RowResult) -> String {
    let services: Vec<&str> = row.atoms.iter().map(|atom| atom.service.as_str()).collect();
    services.join(", ")
}

/// As many peers as fit by name, the rest as a number.
pub(crate) fn peers(sums: &RowSums<'_>, columns: usize) -> String {
    let mut shown = String::new();
    for (place, peer) in sums.peers.iter().enumerate() {
        let left = sums.peer_count().saturating_sub(u64::try_from(place).unwrap_or(u64::MAX));
        let joined = if place == 0 { (*peer).to_owned() } else { format!("{shown}, {peer}") };
        if place > 0 && text::width(&joined).saturating_add(5) > columns {
            return format!("{shown} +{left}");
        }
        shown = joined;
    }
    match sums.more_peers {
        0 => shown,
        more => format!("{shown} +{more}"),
    }
}

/// A number, or a dash that keeps the column quiet.
fn figure(number: u64) -> String {
    if number == 0 { "–".to_owned() } else { number.to_string() }
}
