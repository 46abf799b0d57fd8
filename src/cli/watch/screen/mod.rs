//! A watch on a terminal: the audit as it grows in, a picture at most four times a second and what
//! the keys wish out. Never judges, and never keeps the capture waiting: a picture that the terminal
//! does not take is left out.

mod detail;
mod door;
mod facts;
mod keys;
mod paint;
mod state;
mod table;
mod view;

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use self::door::{Door, Typed};
pub use self::facts::Counters;
use self::facts::{Facts, Setting};
use self::keys::Keys;
use self::paint::Palette;
use self::state::State;
pub use self::state::Wish;
use self::view::View;
use super::args::WatchArguments;
use crate::audit::Audit;
use crate::cli::{exit, options};
use crate::matrix::Matrix;
use crate::report::events::{Event, What};

/// The screen of a watch.
pub struct Screen {
    door: Door,
    setting: Setting,
    palette: Palette,
    facts: Facts,
    keys: Keys,
    state: State,
    latest: String,
    begun: Instant,
    /// How long the note stays.
    note_until: Instant,
    /// Whether the terminal is gone.
    gone: bool,
    /// Lines kept back from standard error, and when the last came.
    said: (usize, Instant),
    /// When it last looked at keys and size.
    turned: Instant,
    /// When it may draw again.
    due: Instant,
}

impl Screen {
    /// Takes the terminal; `None` where there is none, or lines were asked for.
    pub fn open(arguments: &WatchArguments, interfaces: &[String], matrix: &Matrix) -> Option<Self> {
        if arguments.plain || arguments.look.quiet {
            return None;
        }
        let palette = Palette {
            colour: options::colour(arguments.look.page.color, &std::io::stdout()),
            unicode: options::unicode(),
        };
        let setting = Setting {
            interfaces: interfaces.join(", "),
            limit: arguments.duration,
            gate: arguments.until.is_some(),
            windows: Setting::windows(matrix),
        };
        let now = Instant::now();
        Some(Self {
            door: Door::open()?,
            setting,
            palette,
            facts: Facts::default(),
            keys: Keys::default(),
            state: State::default(),
            latest: String::new(),
            begun: now,
            note_until: now,
            gone: false,
            said: (0, now),
            turned: now,
            due: now,
        })
    }

    /// What to wait on for keys.
    pub fn keyboard(&self) -> BorrowedFd<'_> {
        self.door.keyboard()
    }

    /// Keeps a change in sight. That a finding is settled is told by the row that settled it.
    pub fn tell(&mut self, event: &Event) {
        if !matches!(event.what, What::Settled { .. }) {
            self.latest = event.line();
        }
    }

    /// Says what became of a wish.
    pub fn note(&mut self, note: String) {
        self.state.note = Some(note);
        self.due = Instant::now();
        self.note_until = self.due + NOTED;
    }

    /// Whether the terminal was closed, so that nothing can be said on it any more.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether a picture is due, and so the counters are wanted.
    pub fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// Takes the keys that were typed.
    pub fn turn(&mut self, audit: &Audit) -> Wish {
        let now = Instant::now();
        let stopped = now.saturating_duration_since(self.turned) >= STOPPED;
        self.turned = now;
        let Typed::Bytes(bytes) = self.door.typed() else {
            self.gone = true;
            return Wish::Quit;
        };
        let keys = self.keys.take(&bytes);
        let resized = self.door.resized();
        // After a stop the shell had the terminal, and left it as it likes it.
        let ready = if stopped { self.door.enter() } else { Ok(()) };
        let Ok(resized) = ready.and(resized) else { return Wish::Quit };
        if !keys.is_empty() || resized || stopped {
            self.due = now;
        }
        if self.state.note.is_some() && now >= self.note_until {
            self.state.note = None;
        }
        for key in keys {
            let page = view::page(self.door.size());
            match self.state.press(key, audit, page) {
                Wish::Nothing => self.note_until = now + NOTED,
                Wish::Redraw if self.door.forget().is_err() => return Wish::Quit,
                Wish::Redraw => {}
                wish @ (Wish::Quit | Wish::Write) => return wish,
            }
        }
        Wish::Nothing
    }

    /// What was said last, while it is new: the keys come back, and at the end all of it is said.
    fn said(&mut self) -> Option<String> {
        let (line, number) = exit::held()?;
        if number != self.said.0 {
            self.said = (number, Instant::now());
        }
        (self.said.1.elapsed() < NOTED).then(|| match number {
            1 => line,
            _ => format!("{line} (and {} more)", number.saturating_sub(1)),
        })
    }

    /// Draws, with counters as they stand.
    pub fn draw(&mut self, audit: &Audit, counters: Counters) -> Wish {
        let begun = Instant::now();
        self.facts.at(self.begun.elapsed(), counters);
        let said = self.said();
        let Self { door, setting, facts, state, latest, palette, .. } = self;
        let view = View { audit, setting, facts, state, latest, said: said.as_deref(), palette: *palette };
        let drawn = door.draw(|frame| view.draw(frame));
        self.due = Instant::now() + BETWEEN.max(begun.elapsed().saturating_mul(SHARE));
        if drawn.is_err() { Wish::Quit } else { Wish::Nothing }
    }
}

/// Shortest time between two pictures that no key asked for.
const BETWEEN: Duration = Duration::from_millis(250);

/// A picture is followed by this many times its own length of reading.
const SHARE: u32 = 9;

/// A pause after which the process was stopped, and the terminal may be another's.
const STOPPED: Duration = Duration::from_secs(2);

/// How long a note stays.
const NOTED: Duration = Duration::from_secs(6);
