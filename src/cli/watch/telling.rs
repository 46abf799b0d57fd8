//! Events in, a line on standard output and a JSON line in the events file out, each at once.
//! Never ends the watch: what cannot be written is said once, and makes the exit code 2.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use super::args::WatchArguments;
use super::caller::Caller;
use crate::cli::exit::{self, Failure};
use crate::cli::report::{is_dash, to_open_stdout};
use crate::report::events::Event;
use crate::report::json;

/// Where events go.
pub struct Telling {
    lines: bool,
    events: Option<Door>,
    whole: bool,
    /// Whether somebody read standard output, and does no more.
    closed: bool,
    /// Whose terminal it is.
    pub(super) caller: Caller,
}

/// Where JSON lines go.
enum Door {
    Stdout,
    File(String, File),
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
                Some(Door::File(path.display().to_string(), file.map_err(refused)?))
            }
        };
        Ok(Self {
            lines: !arguments.look.quiet && !stdout_taken,
            events,
            whole: true,
            closed: false,
            caller: Caller::new(),
        })
    }

    /// Tells one event.
    pub fn tell(&mut self, event: &Event) {
        if self.lines {
            let written = to_open_stdout(|out| writeln!(out, "{}", event.line()));
            self.closed |= written.is_err() && self.caller.is_gone();
            self.lines = !self.closed && self.noted("standard output", written);
        }
        let mut line = Vec::new();
        let (name, written) = match &mut self.events {
            None => return,
            Some(Door::Stdout) => ("standard output".to_owned(), to_open_stdout(|out| json::write_line(out, event))),
            // One call for one line: a reader that follows the file never sees half of one.
            Some(Door::File(name, file)) => {
                (name.clone(), json::write_line(&mut line, event).and_then(|()| file.write_all(&line)))
            }
        };
        if !self.noted(&name, written) {
            self.events = None;
        }
    }

    /// Whether everything could be written.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether who read standard output has left, and nothing goes anywhere else.
    pub fn is_unheard(&self) -> bool {
        self.closed && self.events.is_none()
    }

    /// Whether it was written; a fault is said once. Who closes a pipe has read enough, and that is none.
    fn noted(&mut self, name: &str, written: io::Result<()>) -> bool {
        match &written {
            Ok(()) => {}
            Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            Err(fault) => {
                exit::say(&format!("cannot write {name}: {fault}; no more events go there"));
                self.whole = false;
            }
        }
        written.is_ok()
    }
}
