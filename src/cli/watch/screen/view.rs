//! An audit, figures and what the user chose in, a picture out. Pure: the same three give the same
//! picture, at any size; where there is no room it says so in a word.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Widget, Wrap};

use super::detail;
use super::facts::{Facts, Setting, clock};
use super::paint::{Cells, Palette};
use super::state::{Focus, Mode, State};
use super::table::Columns;
use crate::audit::{Audit, Finding};
use crate::cli::watch::gate;
use crate::report::terminal::rows::summary;
use crate::report::words::{self, Tone};

/// All that a picture is made of.
#[derive(Clone, Copy, Debug)]
pub struct View<'run> {
    /// The audit as it stands.
    pub audit: &'run Audit,
    /// What stays as it is.
    pub setting: &'run Setting,
    /// Figures of this moment.
    pub facts: &'run Facts,
    /// What the user chose.
    pub state: &'run State,
    /// The latest change, as one line.
    pub latest: &'run str,
    /// What standard error would say, if the screen had not the terminal.
    pub said: Option<&'run str>,
    /// Colours and characters.
    pub palette: Palette,
}

impl View<'_> {
    /// Draws the picture.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let [head, body, foot] = parts(area);
        let buffer = frame.buffer_mut();
        if area.width < NARROWEST || area.height < LOWEST {
            self.word(area, buffer);
        } else {
            lines(self.head(head), head, buffer);
            match self.state.mode {
                Mode::Lists | Mode::Filter => self.lists(body, buffer),
                Mode::Open => detail::draw(self, body, buffer),
                Mode::Help => lines(detail::help(self.palette, body.width.into()), body, buffer),
            }
            lines(vec![self.foot(foot.width.into())], foot, buffer);
        }
        if !self.palette.unicode {
            only_ascii(buffer);
        }
    }

    /// Seconds of the packets' time, which the windows of the rows are held against.
    pub fn span(&self) -> u64 {
        self.audit.quality.span_seconds.split('.').next().and_then(|whole| whole.parse().ok()).unwrap_or(0)
    }

    /// All that a tiny terminal has room for.
    fn word(&self, area: Rect, buffer: &mut Buffer) {
        let good = self.audit.rows.iter().filter(|row| Tone::of(row.status) == Tone::Good).count();
        let content = format!("{good}/{} rows ok; too small, q ends", self.audit.rows.len());
        Paragraph::new(content).wrap(Wrap { trim: true }).render(area, buffer);
    }

    fn head(&self, area: Rect) -> Vec<Line<'static>> {
        let (palette, width) = (self.palette, usize::from(area.width));
        let elapsed = clock(self.facts.elapsed);
        let time = match self.setting.limit {
            Some(limit) => format!("{elapsed} of {}", clock(limit)),
            None => elapsed,
        };
        let room = width.saturating_sub(time.len()).saturating_sub(2);
        let site = &self.audit.site.name;
        let name = if site.is_empty() { String::new() } else { format!(" · {site}") };
        let title = Cells::default().with(palette.strong(), "flowaudit ").rest(
            palette.strong(),
            &format!("{}{name}", self.setting.interfaces),
            room,
        );
        let rows = summary(self.audit);
        let rows = rows.split_once(": ").map_or(rows.as_str(), |(_, statuses)| statuses);
        let (gate, tone) = self.gate();
        let answer = Cells::default().with(palette.tone(tone), &gate).rest(Style::new(), rows, width);
        let latest = Cells::default().rest(palette.quiet(), self.latest, width);
        vec![title.right(palette.strong(), &time, width).line(), answer.line(), self.traffic(width), latest.line()]
    }

    /// What the gate waits for, or what was found.
    fn gate(&self) -> (String, Tone) {
        let waiting = gate::waiting(self.audit).unwrap_or_default();
        let bad = self.audit.findings.len();
        match (self.setting.gate, waiting.len(), bad) {
            (true, 0, _) => ("all required rows are confirmed · ".to_owned(), Tone::Good),
            (true, left, _) => (format!("{left} to go · "), Tone::Unsure),
            (false, 0, 0) => ("as documented · ".to_owned(), Tone::Good),
            (false, _, 0) => ("no findings · ".to_owned(), Tone::Unsure),
            (false, _, _) => {
                (format!("{} · ", words::count(u64::try_from(bad).unwrap_or(u64::MAX), "finding")), Tone::Bad)
            }
        }
    }

    /// How fast, and what was lost: by the kernel, by the interface, and what was acknowledged but never seen.
    fn traffic(&self, width: usize) -> Line<'static> {
        let (facts, quality) = (self.facts, &self.audit.quality);
        let lost = facts.counters.kernel.saturating_add(facts.counters.missed).saturating_add(quality.missed_bytes);
        let style = if lost > 0 { self.palette.tone(Tone::Bad) } else { self.palette.quiet() };
        let unseen = if quality.missed_bytes == 0 { "0".to_owned() } else { words::size(quality.missed_bytes) };
        let [rate, kernel, missed, packets] =
            [facts.packets_per_second, facts.counters.kernel, facts.counters.missed, facts.counters.packets]
                .map(words::thousands);
        let bytes = if width < 100 { String::new() } else { format!(", {}/s", words::size(facts.bytes_per_second)) };
        let speed = format!("{rate} packets/s{bytes} · {packets} packets · ");
        let losses = format!("lost: {kernel} kernel, {missed} interface, {unseen} unseen{}", self.last_loss());
        let down: Vec<&str> =
            quality.outages.iter().filter(|out| out.until.is_none()).map(|out| out.interface.as_str()).collect();
        let mut line = Cells::default();
        if !down.is_empty() {
            line = line.with(self.palette.tone(Tone::Bad), &format!("{} DOWN · ", down.join(", ")));
        }
        line.with(self.palette.quiet(), &speed).rest(style, &losses, width).line()
    }

    /// The latest minute in which something was lost.
    fn last_loss(&self) -> String {
        let last = self.audit.quality.losses.last();
        last.map_or_else(String::new, |last| format!(", last at {}", words::clock(&last.from)))
    }

    fn lists(&self, area: Rect, buffer: &mut Buffer) {
        let (rows, findings) = (self.state.rows(self.audit), self.state.findings(self.audit));
        let width = usize::from(area.width);
        let heights = heights(area.height.into(), rows.len(), findings.len(), self.state.focus);
        let [table, reason, list] = Layout::vertical(heights.map(Constraint::Length)).areas(area);
        let at = self.state.row_at(&rows);
        let focus = |focus: Focus| self.state.focus == focus;
        if table.height > 0 {
            let columns = Columns::of(self, width);
            let room = usize::from(table.height).saturating_sub(1);
            let shown = (0usize..).zip(&rows).skip(top(at, rows.len(), room)).take(room);
            let mut picture = vec![columns.header(self)];
            picture.extend(shown.map(|(place, row)| columns.row(self, row, place == at && focus(Focus::Rows))));
            if rows.is_empty() {
                picture.push(self.nothing("row"));
            }
            lines(picture, table, buffer);
        }
        let chosen = match self.state.focus {
            Focus::Rows => rows.get(at).map(|row| (&row.id, &row.reason)),
            Focus::Findings => {
                findings.get(self.state.finding_at(&findings)).map(|finding| (&finding.id, &finding.summary))
            }
        };
        if let Some((id, why)) = chosen {
            let line = Cells::default().with(self.palette.strong(), &format!("   {id} "));
            lines(vec![line.rest(Style::new(), why, width).line()], reason, buffer);
        }
        if list.height > 0 {
            let at = self.state.finding_at(&findings);
            let room = usize::from(list.height).saturating_sub(1);
            let shown = (0usize..).zip(&findings).skip(top(at, findings.len(), room)).take(room);
            let mut picture = vec![self.findings_heading(&findings, width)];
            picture
                .extend(shown.map(|(place, found)| self.finding(found, place == at && focus(Focus::Findings), width)));
            if findings.is_empty() {
                picture.push(self.nothing("finding"));
            }
            lines(picture, list, buffer);
        }
    }

    fn nothing(&self, what: &str) -> Line<'static> {
        let content = if self.state.filter.is_empty() {
            format!("   no {what}s")
        } else {
            format!("   no {what} holds that text")
        };
        Cells::default().with(self.palette.quiet(), &content).line()
    }

    fn findings_heading(&self, findings: &[&Finding], width: usize) -> Line<'static> {
        let new = findings.iter().filter(|finding| !self.state.seen.contains(&finding.id)).count();
        let heading = Cells::default().with(self.palette.strong(), "   Findings ");
        let counts = match findings.len() {
            0 => String::new(),
            all => format!("{all}, {new} new (*)"),
        };
        heading.rest(self.palette.quiet(), &counts, width).line()
    }

    fn finding(&self, finding: &Finding, chosen: bool, width: usize) -> Line<'static> {
        let seen = self.state.seen.contains(&finding.id);
        let (accent, body) = match (chosen, seen) {
            (true, _) => (self.palette.chosen(), self.palette.chosen()),
            (false, true) => (self.palette.quiet(), self.palette.quiet()),
            (false, false) => (self.palette.tone(Tone::Bad), Style::new()),
        };
        let line = Cells::default().with(body, if chosen { ">" } else { " " });
        let line = line.with(accent, if seen { " " } else { "*" }).with(body, " ").cell(accent, &finding.severity, 6);
        let line = line.rest(body, &self.sentence(finding), width);
        if chosen { line.rest(body, &" ".repeat(width), width).line() } else { line.line() }
    }

    /// What is blocked and why in one line; for what has no row of its own, its summary.
    fn sentence(&self, finding: &Finding) -> String {
        let own = |id: &String| self.audit.rows.iter().any(|row| row.id == *id && row.status.name() == finding.kind);
        match finding.rows.as_slice() {
            [row] if own(row) && !finding.detail.is_empty() => format!("{row} {}: {}", finding.kind, finding.detail),
            _ => finding.summary.clone(),
        }
    }

    /// What is being typed, what was said last, or the keys.
    fn foot(&self, width: usize) -> Line<'static> {
        let (palette, state) = (self.palette, self.state);
        let plain = Style::new();
        if state.mode == Mode::Filter {
            let line = Cells::default().with(palette.key(), "/").with(plain, &state.filter).with(palette.chosen(), " ");
            return line.rest(palette.quiet(), "  Enter keeps, Esc clears", width).line();
        }
        if let Some(note) = state.note.as_deref().or(self.said) {
            return Cells::default().rest(palette.strong(), note, width).line();
        }
        let mut line = Cells::default();
        if !state.filter.is_empty() {
            line = line.with(palette.strong(), &format!("/{} (Esc clears) ", state.filter));
        }
        let keys: &[(&str, &str)] = match state.mode {
            Mode::Lists | Mode::Filter => &LIST_KEYS,
            Mode::Open => &OPEN_KEYS,
            Mode::Help => &[("any key", "back")],
        };
        for (key, what) in keys {
            let room = width.saturating_sub(line.columns());
            if key.len().saturating_add(what.len()).saturating_add(1) > room {
                break;
            }
            line = line.with(palette.key(), key).with(plain, &format!(" {what}  "));
        }
        line.line()
    }
}

/// Lines of a page, for the keys that turn one.
pub fn page(area: Rect) -> usize {
    let [_, body, _] = parts(area);
    usize::from(body.height).saturating_sub(4).max(1)
}

fn parts(area: Rect) -> [Rect; 3] {
    let head = match area.height {
        0..=11 => 1,
        12..=19 => 2,
        _ => 4,
    };
    Layout::vertical([Constraint::Length(head), Constraint::Min(0), Constraint::Length(1)]).areas(area)
}

const LIST_KEYS: [(&str, &str); 8] = [
    ("?", "help"),
    ("q", "quit"),
    ("Enter", "open"),
    ("Tab", "findings"),
    ("/", "filter"),
    ("s", "sort"),
    ("m", "seen"),
    ("w", "write reports"),
];
const OPEN_KEYS: [(&str, &str); 4] = [("Esc", "back"), ("Up Down", "scroll"), ("m", "seen"), ("?", "help")];

/// Lines of the table, of the reason and of the findings. Each list gets what it wants while there
/// is room; then the one with the focus goes first, and the other keeps a few lines.
fn heights(all: usize, rows: usize, findings: usize, focus: Focus) -> [u16; 3] {
    let (want_rows, want_findings) = (rows.max(1).saturating_add(1), findings.max(1).saturating_add(1));
    let reason = usize::from(all >= 6);
    let room = all.saturating_sub(reason);
    let few = if room >= 8 { 4 } else { 0 };
    let (table, list) = if want_rows.saturating_add(want_findings) <= room {
        (want_rows, room.saturating_sub(want_rows))
    } else {
        match focus {
            Focus::Rows => {
                let table = want_rows.min(room.saturating_sub(few.min(want_findings)));
                (table, room.saturating_sub(table))
            }
            Focus::Findings => {
                let list = want_findings.min(room.saturating_sub(few.min(want_rows)));
                (room.saturating_sub(list), list)
            }
        }
    };
    [table, reason, list].map(|lines| u16::try_from(lines).unwrap_or(u16::MAX))
}

/// The first entry that is shown, so that the chosen one is in sight.
pub fn top(at: usize, length: usize, room: usize) -> usize {
    at.saturating_sub(room / 2).min(length.saturating_sub(room))
}

/// Puts lines into an area; what does not fit is left out.
pub fn lines(lines: Vec<Line<'static>>, area: Rect, buffer: &mut Buffer) {
    Paragraph::new(lines).render(area, buffer);
}

/// Writes out what a terminal without UTF-8 would show as two or three odd characters.
fn only_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let plain = match cell.symbol() {
            symbol if symbol.is_ascii() => continue,
            "✓" => "+",
            "✗" => "x",
            "→" => ">",
            "←" => "<",
            "·" => ".",
            "–" | "—" => "-",
            "…" => "~",
            _ => "?",
        };
        cell.set_symbol(plain);
    }
}

/// Below this there is only room for a word.
const NARROWEST: u16 = 30;
const LOWEST: u16 = 6;

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::style::Color;

    use super::super::facts::Counters;
    use super::super::keys::Key;
    use super::*;
    use crate::audit::judge;
    use crate::capture;
    use crate::ledger::{self, Ledger};
    use crate::matrix::{Matrix, Site};
    use crate::report::escape;
    use crate::report::events::between;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");
    const PLAIN: Palette = Palette { colour: false, unicode: true };

    fn golden(name: &str) -> Audit {
        serde_json::from_slice(&std::fs::read(format!("{ROOT}/tests/golden/{name}.json")).unwrap()).unwrap()
    }

    /// Figures that show what they are.
    fn figures(audit: &Audit) -> (Setting, Facts) {
        let windows = audit.rows.iter().map(|row| ((row.pack.clone(), row.id.clone()), 900));
        let limit = Some(Duration::from_secs(1800));
        let setting = Setting { interfaces: "eth0".to_owned(), limit, gate: true, windows: windows.collect() };
        let mut facts = Facts::default();
        facts.at(Duration::from_secs(271), Counters::default());
        let counters = Counters { packets: 1234, bytes: 456_789, kernel: 7, missed: 0 };
        facts.at(Duration::from_secs(272), counters);
        (setting, facts)
    }

    /// The picture after `keys`.
    fn picture(audit: &Audit, keys: &[Key], size: (u16, u16), palette: Palette) -> Buffer {
        let latest = "2026-11-22T10:02:31 AMS-05 confirmed -> partial: tcp/389 is open to 10.77.10.11";
        let (setting, facts) = figures(audit);
        let mut state = State::default();
        for key in keys {
            state.press(*key, audit, 5);
        }
        drawn(&View { audit, setting: &setting, facts: &facts, state: &state, latest, said: None, palette }, size)
    }

    fn drawn(view: &View<'_>, size: (u16, u16)) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap().buffer.clone()
    }

    fn text(buffer: &Buffer) -> String {
        let lines = buffer.content.chunks(buffer.area.width.max(1).into());
        let line = |cells: &[ratatui::buffer::Cell]| cells.iter().map(|cell| cell.symbol()).collect::<String>();
        lines.map(|cells| format!("{}\n", line(cells).trim_end())).collect()
    }

    /// Holds a picture against the file of this name; `BLESS=1` writes it.
    fn check(name: &str, found: &str) {
        let path = Path::new(ROOT).join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, found).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == found, "{name} differs (BLESS=1 writes it anew):\n{found}");
    }

    #[test]
    fn pictures() {
        let audit = golden("findings");
        let tab = [Key::Tab, Key::Down, Key::Char('m')];
        let open = [Key::Down, Key::Down, Key::Down, Key::Down, Key::Enter];
        let finding = [Key::Tab, Key::Enter];
        let filter = [Key::Char('/'), Key::Char('3'), Key::Char('8'), Key::Char('9')];
        let help = [Key::Char('?')];
        let cases: [(&str, &[Key], (u16, u16)); 9] = [
            ("rows-80x24", &[], (80, 24)),
            ("rows-120x40", &[], (120, 40)),
            ("rows-200x60", &[], (200, 60)),
            ("rows-40x12", &[], (40, 12)),
            ("findings-80x24", &tab, (80, 24)),
            ("open-row-80x24", &open, (80, 24)),
            ("open-finding-80x24", &finding, (80, 24)),
            ("filter-80x24", &filter, (80, 24)),
            ("help-80x24", &help, (80, 24)),
        ];
        for (name, keys, size) in cases {
            check(&format!("tests/golden/screen/{name}.txt"), &text(&picture(&audit, keys, size, PLAIN)));
        }
        let ascii = picture(&audit, &[], (80, 24), Palette { unicode: false, ..PLAIN });
        assert!(text(&ascii).is_ascii());
        check("tests/golden/screen/ascii-80x24.txt", &text(&ascii));
    }

    /// The picture in README is that of a watch to which a capture came that ships here, with its figures and the
    /// last thing that was told.
    #[test]
    fn the_picture_of_the_readme() {
        let options = capture::Options::default();
        let mut captures =
            capture::Capture::open(&[Path::new(ROOT).join("fixtures/d-blocked.pcap")], &options).unwrap();
        let mut ledger = Ledger::new(ledger::Options::default());
        let matrix = Matrix::load(&Site::load(&format!("{ROOT}/fixtures/site.toml")).unwrap()).unwrap();
        let before = judge(&ledger.settle(), &matrix).audit;
        let (mut facts, mut counters, mut first) = (Facts::default(), Counters::default(), None);
        while let Some(frame) = captures.next().unwrap() {
            let elapsed = u64::try_from(frame.at.since(*first.get_or_insert(frame.at))).unwrap();
            facts.at(Duration::from_nanos(elapsed), counters);
            counters.packets += 1;
            counters.bytes += frame.bytes.len() as u64;
            ledger.observe(&frame);
        }
        facts.counters = counters;
        let audit = judge(&ledger.settle(), &matrix).audit;
        let latest = between(&before, &audit).last().unwrap().line();
        let setting = Setting {
            interfaces: "eth0".to_owned(),
            limit: Some(Duration::from_secs(1800)),
            gate: true,
            windows: Setting::windows(&matrix),
        };
        let (audit, setting, facts, state) = (&audit, &setting, &facts, &State::default());
        let view = View { audit, setting, facts, state, latest: &latest, said: None, palette: PLAIN };
        let picture = text(&drawn(&view, (100, 24)));
        check("fixtures/watch.txt", &picture);
        let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).unwrap();
        assert!(
            readme.contains(&format!("```text\n{picture}```\n")),
            "README shows another picture than fixtures/watch.txt"
        );
    }

    #[test]
    fn every_size_has_a_picture_and_nothing_steers_the_terminal() {
        let ways: [&[Key]; 6] = [
            &[],
            &[Key::Tab, Key::End],
            &[Key::Enter, Key::End],
            &[Key::Tab, Key::Enter, Key::PageDown],
            &[Key::Char('?')],
            &[Key::Char('/'), Key::Char('a')],
        ];
        let audit = golden("hostile");
        for width in [0, 1, 2, 10, 29, 30, 39, 40, 51, 52, 71, 72, 80, 109, 110, 119, 120, 160, 250] {
            for height in [0, 1, 2, 5, 6, 7, 8, 11, 12, 19, 20, 24, 60] {
                for keys in ways {
                    let shown = text(&picture(&audit, keys, (width, height), PLAIN));
                    assert!(!shown.chars().any(|shown| shown != '\n' && escape::is_hostile(shown)), "{width}x{height}");
                }
            }
        }
    }

    #[test]
    fn without_colour_there_is_none() {
        let coloured = |palette| {
            let buffer = picture(&golden("findings"), &[Key::Down], (80, 24), palette);
            buffer.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
        };
        assert!(!coloured(PLAIN));
        assert!(coloured(Palette { colour: true, ..PLAIN }));
    }

    #[test]
    fn what_is_chosen_stays_in_sight() {
        for (at, length, room, expected) in [(0, 13, 5, 0), (6, 13, 5, 4), (12, 13, 5, 8), (3, 4, 10, 0), (0, 0, 0, 0)]
        {
            assert_eq!(top(at, length, room), expected, "{at} of {length} in {room}");
        }
    }

    #[test]
    fn lists_share_the_room() {
        assert_eq!(heights(19, 13, 0, Focus::Rows), [14, 1, 4]);
        assert_eq!(heights(19, 13, 40, Focus::Rows), [14, 1, 4]);
        assert_eq!(heights(19, 13, 40, Focus::Findings), [4, 1, 14]);
        assert_eq!(heights(40, 13, 2, Focus::Rows), [14, 1, 25]);
        assert_eq!(heights(5, 13, 2, Focus::Rows), [5, 0, 0]);
        assert_eq!(heights(5, 13, 9, Focus::Findings), [0, 0, 5]);
    }
}
