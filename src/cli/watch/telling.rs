//! Events in, a line on standard output and a JSON line in the events file out, each at once.
//! Never ends the watch: what cannot be written is said once, and makes the exit code 2.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use super::args::WatchArguments;
use crate::cli::exit::{self, Failure};
use crate::cli::report::{is_dash, to_stdout};
use crate::report::events::Event;
use crate::report::json;

/// Where events go.
pub struct Telling {
    lines: bool,
    events: Option<Door>,
    whole: bool,
}

/// Where JSON lines go.
enum Door {
    Stdout,
    File(File),
}

impl Telling {
    /// Opens what `arguments` name. Lines leave standard output to any data that goes there
    /// (`stdout_taken`).
    ///
    /// # Errors
    /// The events file cannot be opened.
    pub fn open(arguments: &WatchArguments, stdout_taken: bool) -> Result<Self, Failure> {
        let events = match arguments.events.as_deref() {
            None => None,
            Some(path) if is_dash(path) => Some(Door::Stdout),
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                let refused = |fault| Failure::plain(format!("cannot write {}: {fault}", path.display()));
                Some(Door::File(file.map_err(refused)?))
            }
        };
        Ok(Self { lines: !arguments.look.quiet && !stdout_taken, events, whole: true })
    }

    /// Tells one event.
    pub fn tell(&mut self, event: &Event) {
        if self.lines {
            self.lines = noted("standard output", to_stdout(|out| writeln!(out, "{}", event.line())), &mut self.whole);
        }
        let mut line = Vec::new();
        let written = match &mut self.events {
            None => return,
            Some(Door::Stdout) => to_stdout(|out| json::write_line(out, event)),
            // One call for one line: a reader that follows the file never sees half of one.
            Some(Door::File(file)) => json::write_line(&mut line, event).and_then(|()| file.write_all(&line)),
        };
        if !noted("the events", written, &mut self.whole) {
            self.events = None;
        }
    }

    /// Whether everything could be written.
    pub fn is_whole(&self) -> bool {
        self.whole
    }
}

fn noted(name: &str, written: io::Result<()>, whole: &mut bool) -> bool {
    if let Err(fault) = &written {
        exit::say(&format!("cannot write {name}: {fault}; no more events go there"));
        *whole = false;
    }
    written.is_ok()
}
