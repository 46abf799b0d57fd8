//! The rows of an audit in, one line each for the screen out, with as many columns as fit. Pure.

use ratatui::style::Style;
use ratatui::text::Line;

use super::facts::progress;
use super::paint::Cells;
use super::view::View;
use crate::audit::{RowResult, RowStatus};
use crate::report::terminal::rows::{home, peers, services, title};
use crate::report::terminal::text;
use crate::report::words::{self, RowSums, Tone};

/// Which columns there are, and how wide; 0 leaves one out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    width: usize,
    id: usize,
    status: usize,
    title: usize,
    services: usize,
    open: usize,
    blocked: usize,
    peers: usize,
    first: usize,
    last: usize,
    why: usize,
}

impl Columns {
    /// Those for rows on `width` columns.
    pub fn of(view: &View<'_>, width: usize) -> Self {
        let rows = &view.audit.rows;
        let longest = |part: &dyn Fn(&RowResult) -> usize| rows.iter().map(part).max().unwrap_or(0);
        let mut columns =
            Self { width, id: longest(&|row| text::width(&row.id)).clamp(3, 14), status: 14, ..Self::default() };
        [columns.open, columns.blocked, columns.peers, columns.first, columns.last] = match width {
            0..=51 => [0; 5],
            52..=71 => [4, 7, 0, 0, 0],
            72..=109 => [4, 7, 5, 9, 0],
            _ => [4, 7, 5, 9, 8],
        };
        columns.share(view, width);
        columns
    }

    /// Divides what is left among title, services, peers by name and the reason.
    fn share(&mut self, view: &View<'_>, width: usize) {
        let two = [self.id, self.status, self.first, self.last].map(|columns| (columns, 2));
        let one = [self.open, self.blocked, self.peers].map(|columns| (columns, 1));
        let taken = two.iter().chain(&one).filter(|(columns, _)| *columns > 0);
        let fixed = taken.fold(MARKS, |sum, (columns, gap)| sum.saturating_add(*columns).saturating_add(*gap));
        // The last cell of a line needs no gap after it.
        let mut left = width.saturating_add(2).saturating_sub(fixed);
        let rows = &view.audit.rows;
        let home = home(view.audit);
        let longest =
            |part: &dyn Fn(&RowResult) -> String| rows.iter().map(|row| text::width(&part(row))).max().unwrap_or(0);
        let longest_title = longest(&|row| title(row, home)).max(text::width(home));
        self.title = if left < 10 { 0 } else { longest_title.min(left.saturating_sub(2)) };
        if width >= 120 {
            self.services = longest(&services).clamp(8, 34).min(left.saturating_sub(20));
            self.title = self.title.min(left.saturating_sub(self.services).saturating_sub(2));
            left = left.saturating_sub(self.services).saturating_sub(2);
        }
        left = left.saturating_sub(self.title).saturating_sub(2);
        if width >= 120 && left >= 16 {
            let named = left.min(32);
            self.peers = self.peers.max(named);
            left = left.saturating_sub(named);
        }
        self.why = if left >= 24 { left.saturating_sub(2) } else { 0 };
    }

    /// The line above the rows.
    pub fn header(&self, view: &View<'_>) -> Line<'static> {
        let quiet = view.palette.quiet();
        let line = Cells::default().with(quiet, "   ").cell(quiet, "row", self.id).cell(quiet, "status", self.status);
        let line = line.cell(quiet, home(view.audit), self.title).cell(quiet, "services", self.services);
        let line = line.figure(quiet, "open", self.open).figure(quiet, "blocked", self.blocked);
        let line = match self.peers {
            0..=5 => line.figure(quiet, "peers", self.peers),
            _ => line.cell(quiet, "peers", self.peers),
        };
        line.cell(quiet, "first", self.first).cell(quiet, "last", self.last).cell(quiet, "why", self.why).line()
    }

    /// One row.
    pub fn row(&self, view: &View<'_>, row: &RowResult, chosen: bool) -> Line<'static> {
        let (tone, sums) = (Tone::of(row.status), RowSums::of(row));
        let (accent, body) = styles(view, tone, chosen);
        let line =
            Cells::default().with(body, if chosen { ">" } else { " " }).with(accent, tone.mark()).with(body, " ");
        let line = line.cell(body, &row.id, self.id).cell(accent, row.status.name(), self.status);
        let line = line.cell(body, &title(row, home(view.audit)), self.title);
        let line = line.cell(body, &services(row), self.services).figure(body, &figure(sums.established), self.open);
        let blocked = if sums.blocked > 0 { accent } else { body };
        let line = line.figure(blocked, &figure(sums.blocked), self.blocked);
        let line = match self.peers {
            0..=5 => line.figure(body, &figure(sums.peer_count()), self.peers),
            _ => line.cell(body, &peers(&sums, self.peers), self.peers),
        };
        let line = line.cell(body, &first(view, row, &sums), self.first);
        let line = line.cell(body, sums.last.map_or("", words::clock), self.last);
        let why = if tone == Tone::Good { "" } else { row.reason.as_str() };
        let line = line.cell(body, why, self.why);
        if chosen { line.rest(body, &" ".repeat(self.width), self.width).line() } else { line.line() }
    }
}

fn styles(view: &View<'_>, tone: Tone, chosen: bool) -> (Style, Style) {
    match (chosen, tone) {
        (true, _) => (view.palette.chosen(), view.palette.chosen()),
        (false, Tone::Calm) => (view.palette.quiet(), view.palette.quiet()),
        (false, _) => (view.palette.tone(tone), Style::new()),
    }
}

/// When a row was first seen; for one that is still waited for, how much of its time is over.
fn first(view: &View<'_>, row: &RowResult, sums: &RowSums<'_>) -> String {
    match (sums.first, row.status, view.setting.window(row)) {
        (Some(first), _, _) => words::clock(first).to_owned(),
        (None, RowStatus::NotYet, Some(window @ 1..)) => progress(view.span(), window),
        (None, _, _) => String::new(),
    }
}

fn figure(number: u64) -> String {
    if number == 0 { "-".to_owned() } else { words::thousands(number) }
}

/// The mark of the chosen line, that of the status, and a space.
const MARKS: usize = 3;
