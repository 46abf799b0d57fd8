//! Keys and an audit in, what the user chose to look at out: which list, which entry, in which
//! order, through which filter, and what is opened. Never draws; entries are remembered by their
//! ids, so that a choice stays where it is while the lists change.

use std::collections::BTreeSet;

use super::keys::Key;
use crate::audit::{Audit, Finding, RowResult, RowStatus};
use crate::report::terminal::rows::services;
use crate::report::words::{RowSums, Tone};

/// Which list the arrow keys move in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The documented rows.
    #[default]
    Rows,
    /// The findings.
    Findings,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Rows as in the document, findings by gravity.
    #[default]
    Document,
    /// What needs somebody first.
    Worst,
    /// What changed last first.
    Latest,
    /// Most flows first.
    Busiest,
}

impl Order {
    /// The word on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Document => "document order",
            Self::Worst => "worst first",
            Self::Latest => "latest first",
            Self::Busiest => "busiest first",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Document => Self::Worst,
            Self::Worst => Self::Latest,
            Self::Latest => Self::Busiest,
            Self::Busiest => Self::Document,
        }
    }
}

/// What has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The lists.
    #[default]
    Lists,
    /// The filter is being typed.
    Filter,
    /// One entry is open.
    Open,
    /// The keys are explained.
    Help,
}

/// What the caller has to do after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing but to draw.
    Nothing,
    /// End the watch.
    Quit,
    /// Write the reports as they stand.
    Write,
    /// Draw everything anew.
    Redraw,
}

/// What the user chose.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Which list the arrow keys move in.
    pub focus: Focus,
    /// What has the keys.
    pub mode: Mode,
    /// The order of the lists.
    pub order: Order,
    /// Only entries that hold this text are shown.
    pub filter: String,
    /// First line of what is open.
    pub scroll: usize,
    /// Findings that somebody has seen, by id.
    pub seen: BTreeSet<String>,
    /// One line about what was done last.
    pub note: Option<String>,
    row: Option<String>,
    finding: Option<String>,
}

impl State {
    /// The rows that are shown, in their order.
    pub fn rows<'audit>(&self, audit: &'audit Audit) -> Vec<&'audit RowResult> {
        let mut rows: Vec<&RowResult> = audit.rows.iter().filter(|row| self.passes(&row_text(row))).collect();
        match self.order {
            Order::Document => {}
            Order::Worst => rows.sort_by_key(|row| urgency(row.status)),
            Order::Latest => rows.sort_by(|one, other| RowSums::of(other).last.cmp(&RowSums::of(one).last)),
            Order::Busiest => rows.sort_by_key(|row| std::cmp::Reverse(RowSums::of(row).flows)),
        }
        rows
    }

    /// The findings that are shown, in their order.
    pub fn findings<'audit>(&self, audit: &'audit Audit) -> Vec<&'audit Finding> {
        let mut findings: Vec<&Finding> =
            audit.findings.iter().filter(|finding| self.passes(&finding_text(finding))).collect();
        match self.order {
            Order::Document | Order::Worst => {}
            Order::Latest => findings.sort_by(|one, other| other.last.cmp(&one.last)),
            Order::Busiest => findings.sort_by_key(|finding| std::cmp::Reverse(finding.flows)),
        }
        findings
    }

    /// The place of the chosen row among `rows`.
    pub fn row_at(&self, rows: &[&RowResult]) -> usize {
        place(rows.iter().map(|row| row_key(row)), self.row.as_deref())
    }

    /// The place of the chosen finding among `findings`.
    pub fn finding_at(&self, findings: &[&Finding]) -> usize {
        place(findings.iter().map(|finding| finding.id.clone()), self.finding.as_deref())
    }

    /// Takes a key. `page` is how many lines a page has.
    pub fn press(&mut self, key: Key, audit: &Audit, page: usize) -> Wish {
        self.note = None;
        match (key, self.mode) {
            (Key::Interrupt, _) => return Wish::Quit,
            (Key::Redraw, _) => return Wish::Redraw,
            (key, Mode::Filter) => self.type_filter(key),
            (key, Mode::Open) => self.read(key, audit, page),
            (_, Mode::Help) => self.mode = Mode::Lists,
            (key, Mode::Lists) => return self.choose(key, audit, page),
        }
        Wish::Nothing
    }

    fn choose(&mut self, key: Key, audit: &Audit, page: usize) -> Wish {
        match key {
            Key::Char('q') => return Wish::Quit,
            Key::Char('w') => return Wish::Write,
            Key::Char('?' | 'h') => self.mode = Mode::Help,
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Char('s') => {
                self.order = self.order.next();
                self.note = Some(self.order.name().to_owned());
            }
            Key::Char('m') => self.mark(audit),
            Key::Char('M') => {
                self.seen.extend(self.findings(audit).iter().map(|finding| finding.id.clone()));
                self.note = Some("all findings shown here are marked as seen".to_owned());
            }
            Key::Tab => {
                self.focus = match self.focus {
                    Focus::Rows => Focus::Findings,
                    Focus::Findings => Focus::Rows,
                }
            }
            Key::Enter if self.chosen(audit) => (self.mode, self.scroll) = (Mode::Open, 0),
            Key::Escape | Key::Clear => self.filter.clear(),
            key => self.step(key, audit, page),
        }
        Wish::Nothing
    }

    fn type_filter(&mut self, key: Key) {
        match key {
            Key::Char(character) if self.filter.chars().count() < LONGEST_FILTER => self.filter.push(character),
            Key::Backspace => drop(self.filter.pop()),
            Key::Clear => self.filter.clear(),
            Key::Escape => {
                self.filter.clear();
                self.mode = Mode::Lists;
            }
            Key::Enter | Key::Tab | Key::Up | Key::Down => self.mode = Mode::Lists,
            Key::Char(_) | Key::PageUp | Key::PageDown | Key::Home | Key::End | Key::Interrupt | Key::Redraw => {}
        }
    }

    fn read(&mut self, key: Key, audit: &Audit, page: usize) {
        match key {
            Key::Escape | Key::Enter | Key::Backspace | Key::Char('q') => self.mode = Mode::Lists,
            Key::Char('?' | 'h') => self.mode = Mode::Help,
            Key::Char('m') => self.mark(audit),
            Key::Up | Key::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            Key::Down | Key::Char('j') => self.scroll = self.scroll.saturating_add(1),
            Key::PageUp => self.scroll = self.scroll.saturating_sub(page),
            Key::PageDown | Key::Char(' ') => self.scroll = self.scroll.saturating_add(page),
            Key::Home => self.scroll = 0,
            Key::End => self.scroll = usize::MAX,
            Key::Char(_) | Key::Tab | Key::Clear | Key::Interrupt | Key::Redraw => {}
        }
    }

    /// Moves in the list that has the focus.
    fn step(&mut self, key: Key, audit: &Audit, page: usize) {
        let (rows, findings) = (self.rows(audit), self.findings(audit));
        let (at, length) = match self.focus {
            Focus::Rows => (self.row_at(&rows), rows.len()),
            Focus::Findings => (self.finding_at(&findings), findings.len()),
        };
        let to = match key {
            Key::Up | Key::Char('k') => at.saturating_sub(1),
            Key::Down | Key::Char('j') => at.saturating_add(1),
            Key::PageUp => at.saturating_sub(page),
            Key::PageDown | Key::Char(' ') => at.saturating_add(page),
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => usize::MAX,
            Key::Char(_) | Key::Enter | Key::Escape | Key::Backspace => return,
            Key::Tab | Key::Clear | Key::Interrupt | Key::Redraw => return,
        };
        let to = to.min(length.saturating_sub(1));
        match self.focus {
            Focus::Rows => self.row = rows.get(to).map(|row| row_key(row)),
            Focus::Findings => self.finding = findings.get(to).map(|finding| finding.id.clone()),
        }
    }

    /// Turns the mark of the chosen finding, or of those of the chosen row.
    fn mark(&mut self, audit: &Audit) {
        let (rows, findings) = (self.rows(audit), self.findings(audit));
        let ids: Vec<String> = match self.focus {
            Focus::Findings => {
                findings.get(self.finding_at(&findings)).map(|finding| finding.id.clone()).into_iter().collect()
            }
            Focus::Rows => {
                let row = rows.get(self.row_at(&rows)).map(|row| row.id.clone()).unwrap_or_default();
                audit
                    .findings
                    .iter()
                    .filter(|finding| finding.rows.contains(&row))
                    .map(|finding| finding.id.clone())
                    .collect()
            }
        };
        let known = !ids.is_empty() && ids.iter().all(|id| self.seen.contains(id));
        self.note = Some(match (ids.len(), known) {
            (0, _) => "there is no finding about this row".to_owned(),
            (_, true) => "marked as new again".to_owned(),
            (_, false) => "marked as seen".to_owned(),
        });
        for id in ids {
            let _ = if known { self.seen.remove(&id) } else { self.seen.insert(id) };
        }
    }

    /// Whether there is an entry to open; from then on it stays the chosen one.
    fn chosen(&mut self, audit: &Audit) -> bool {
        let (rows, findings) = (self.rows(audit), self.findings(audit));
        match self.focus {
            Focus::Rows => {
                self.row = rows.get(self.row_at(&rows)).map(|row| row_key(row));
                self.row.is_some()
            }
            Focus::Findings => {
                self.finding = findings.get(self.finding_at(&findings)).map(|finding| finding.id.clone());
                self.finding.is_some()
            }
        }
    }

    /// What is open, as it stands now; nothing once a finding is settled.
    pub fn open<'audit>(&self, audit: &'audit Audit) -> Option<Entry<'audit>> {
        match self.focus {
            Focus::Rows => audit.rows.iter().find(|row| Some(row_key(row)) == self.row).map(Entry::Row),
            Focus::Findings => {
                audit.findings.iter().find(|finding| Some(&finding.id) == self.finding.as_ref()).map(Entry::Finding)
            }
        }
    }

    fn passes(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.filter.to_lowercase())
    }
}

/// One entry of either list.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'audit> {
    /// A documented row.
    Row(&'audit RowResult),
    /// A finding.
    Finding(&'audit Finding),
}

/// Two packs may use one id.
fn row_key(row: &RowResult) -> String {
    format!("{} {}", row.pack, row.id)
}

/// The place of `wanted`, else the first.
fn place(mut keys: impl Iterator<Item = String>, wanted: Option<&str>) -> usize {
    wanted.and_then(|wanted| keys.position(|key| key == wanted)).unwrap_or(0)
}

fn row_text(row: &RowResult) -> String {
    let peers = RowSums::of(row).peers.join(" ");
    let RowResult { id, from, to, purpose, need, reason, .. } = row;
    format!("{id} {} {need} {from} {to} {} {purpose} {reason} {peers}", row.status.name(), services(row))
}

fn finding_text(finding: &Finding) -> String {
    let Finding { id, kind, severity, rows, summary, detail, .. } = finding;
    format!("{id} {kind} {severity} {} {summary} {detail}", rows.join(" "))
}

const fn urgency(status: RowStatus) -> u8 {
    match Tone::of(status) {
        Tone::Bad => 0,
        Tone::Mixed => 1,
        Tone::Unsure => 2,
        Tone::Good => 3,
        Tone::Calm => 4,
    }
}

const LONGEST_FILTER: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn audit() -> Audit {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.json");
        serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap()
    }

    /// Where the keys lead: the last wish, and the state.
    fn press(keys: &[Key]) -> (Wish, State) {
        let (audit, mut state) = (audit(), State::default());
        let wishes: Vec<Wish> = keys.iter().map(|key| state.press(*key, &audit, 3)).collect();
        (wishes.last().copied().unwrap_or(Wish::Nothing), state)
    }

    fn typed(text: &str) -> Vec<Key> {
        text.chars().map(Key::Char).collect()
    }

    #[test]
    fn arrows_stay_inside_the_list() {
        let audit = audit();
        let check = |keys: &[Key], expected: usize| {
            let (_, state) = press(keys);
            assert_eq!(state.row_at(&state.rows(&audit)), expected, "{keys:?}");
        };
        let last = audit.rows.len() - 1;
        check(&[], 0);
        check(&[Key::Up], 0);
        check(&[Key::Down, Key::Down], 2);
        check(&[Key::PageDown, Key::Up], 2);
        check(&[Key::End, Key::Down], last);
        check(&[Key::End, Key::Home], 0);
        check(&[Key::Tab, Key::Down], 0);
    }

    #[test]
    fn a_choice_stays_with_its_row() {
        let audit = audit();
        let (_, mut state) = press(&[Key::Down, Key::Down]);
        let chosen = state.rows(&audit)[2].id.clone();
        state.press(Key::Char('s'), &audit, 3);
        assert_eq!(state.order, Order::Worst);
        let rows = state.rows(&audit);
        assert_eq!(rows[state.row_at(&rows)].id, chosen);
        assert!(rows.is_sorted_by_key(|row| urgency(row.status)));
    }

    #[test]
    fn a_filter_shows_what_holds_it() {
        let audit = audit();
        let id = audit.rows[1].id.to_lowercase();
        let keys = [vec![Key::Char('/')], typed(&id), vec![Key::Enter]].concat();
        let (_, state) = press(&keys);
        assert!(state.rows(&audit).iter().all(|row| row_text(row).to_lowercase().contains(&id)));
        assert_eq!(state.mode, Mode::Lists);
        // What is typed into the filter is no command.
        assert_eq!(press(&[Key::Char('/'), Key::Char('q')]).0, Wish::Nothing);
        assert_eq!(press(&[Key::Char('/'), Key::Char('q'), Key::Escape]).1.filter, "");
        assert!(press(&[vec![Key::Char('/')], typed("no such text")].concat()).1.rows(&audit).is_empty());
    }

    #[test]
    fn findings_are_marked_as_seen() {
        let audit = audit();
        let first = audit.findings[0].id.clone();
        assert!(press(&[Key::Tab, Key::Char('m')]).1.seen.contains(&first));
        assert!(press(&[Key::Tab, Key::Char('m'), Key::Char('m')]).1.seen.is_empty());
        assert_eq!(press(&[Key::Char('M')]).1.seen.len(), audit.findings.len());
    }

    #[test]
    fn keys_say_what_is_wished() {
        assert_eq!(press(&[Key::Char('q')]).0, Wish::Quit);
        assert_eq!(press(&[Key::Char('?'), Key::Char('q')]).0, Wish::Nothing);
        assert_eq!(press(&[Key::Char('?'), Key::Interrupt]).0, Wish::Quit);
        assert_eq!(press(&[Key::Char('w')]).0, Wish::Write);
        assert_eq!(press(&[Key::Enter]).1.mode, Mode::Open);
        assert_eq!(press(&[Key::Enter, Key::Char('q')]).1.mode, Mode::Lists);
        assert!(matches!(press(&[Key::Tab, Key::Enter]).1.open(&audit()), Some(Entry::Finding(_))));
    }

    #[test]
    fn nothing_can_be_opened_where_nothing_is() {
        let mut empty = audit();
        empty.findings.clear();
        let mut state = State::default();
        for key in [Key::Tab, Key::Enter, Key::Down, Key::Char('m')] {
            state.press(key, &empty, 3);
        }
        assert_eq!(state.mode, Mode::Lists);
    }
}
