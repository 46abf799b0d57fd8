//! Alerts in, lines to the process that runs the user's command out, and what became of each back. The
//! process is begun while the watch may still start one; from then on a pipe each way is all that there
//! is of it. Never waited for: a command that is slow or fails costs alerts, which are counted and said.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::{Map, Value};

use super::Tally;
use super::runner::{DONE, FAREWELL, READY, TOGETHER};
use crate::cli::exit::Failure;
use crate::cli::sandbox::SandboxArguments;
use crate::report::events::{Event, What};
use crate::report::json;

/// Alerts that wait beside those whose command runs; further ones are lost.
const WAITING: usize = 64;
/// The runner ends what still runs; this is how much longer the watch waits for its answers.
const ANSWERS: Duration = Duration::from_secs(1);

/// The way to the command.
pub(super) struct Hook {
    lines: Option<File>,
    answers: Option<File>,
    /// What the pipe has not taken yet.
    rest: Vec<u8>,
    /// What it gave of a line so far.
    heard: Vec<u8>,
    /// Alerts that were given away and not answered yet.
    open: usize,
    pub(super) tally: Tally,
}

impl Hook {
    /// Begins the process that will run the program that `words` begin with, with the others as its
    /// arguments. It becomes whom `sandbox` names, else nobody in particular: never root for the sake of a place
    /// where only root may write reports. To be called before packets can be captured, since what is open then
    /// would be open there too.
    ///
    /// # Errors
    /// The process could not be begun, or may not be who it should.
    pub(super) fn open(words: &[String], sandbox: &SandboxArguments) -> Result<Self, Failure> {
        let failure = |fault: io::Error| Failure::plain(format!("--on-finding: cannot begin its process: {fault}"));
        let mut command = Command::new(itself().map_err(failure)?);
        command.arg("run-command");
        if let Some(how) = sandbox.sandbox.and_then(|how| how.to_possible_value()) {
            command.arg("--sandbox").arg(how.get_name());
        }
        if let Some(user) = &sandbox.user {
            command.arg("--user").arg(user);
        }
        command.arg("--").args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Signals of the terminal are for the watch, which tells it the end by closing the pipe.
        let mut child = command.process_group(0).spawn().map_err(failure)?;
        let (lines, answers) = (child.stdin.take().map(file), child.stdout.take().map(file));
        let mut first = String::new();
        if let Some(answers) = &answers {
            BufReader::with_capacity(READY.len().saturating_add(1), answers).read_line(&mut first).map_err(failure)?;
        }
        if first.trim_end() != READY {
            let _ = child.wait();
            return Err(Failure::plain("--on-finding: the process that runs the command did not start"));
        }
        for pipe in [&lines, &answers].into_iter().flatten() {
            rustix::io::ioctl_fionbio(pipe, true).map_err(|fault| failure(fault.into()))?;
        }
        Ok(Self { lines, answers, rest: Vec::new(), heard: Vec::new(), open: 0, tally: Tally::default() })
    }

    /// Has the command run for an alert, at once or when there is room.
    pub(super) fn alert(&mut self, event: &Event) {
        self.look_after();
        if self.lines.is_none() {
            self.tally.fail("--on-finding", &ENDED);
        } else if self.open >= WAITING.saturating_add(TOGETHER) {
            self.tally.fail("--on-finding", &"too many alerts wait for the command");
        } else if json::write_line(&mut self.rest, &object(event)).is_ok() {
            self.open = self.open.saturating_add(1);
        }
        self.look_after();
    }

    /// Gives away what the pipe takes, and hears what became of earlier alerts. Never blocks.
    pub(super) fn look_after(&mut self) {
        while let Some(lines) = self.lines.as_mut().filter(|_| !self.rest.is_empty()) {
            match lines.write(&self.rest) {
                Ok(written) => drop(self.rest.drain(..written)),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.lines = None,
            }
        }
        let mut buffer = [0; 4096];
        while let Some(answers) = &mut self.answers {
            match answers.read(&mut buffer) {
                Ok(0) => self.answers = None,
                Ok(length) => self.heard.extend(buffer.get(..length).unwrap_or_default()),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.answers = None,
            }
        }
        self.count();
        if self.answers.is_none() {
            self.lines = None;
            self.give_up(&ENDED);
        }
    }

    /// Waits a little for what still runs and waits; the runner ends the rest.
    pub(super) fn finish(&mut self) {
        let begun = Instant::now();
        self.look_after();
        while self.open > 0 && begun.elapsed() < FAREWELL + ANSWERS {
            if self.rest.is_empty() {
                self.lines = None;
            }
            std::thread::sleep(Duration::from_millis(10));
            self.look_after();
        }
        self.lines = None;
        self.give_up(&"the watch ended before the command had");
    }

    fn count(&mut self) {
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            let said = String::from_utf8_lossy(&line);
            self.open = self.open.saturating_sub(1);
            match said.trim_end() {
                DONE => self.tally.delivered = self.tally.delivered.saturating_add(1),
                why => self.tally.fail("--on-finding", &why),
            }
        }
    }

    fn give_up(&mut self, why: &dyn std::fmt::Display) {
        (0..std::mem::take(&mut self.open)).for_each(|_| self.tally.fail("--on-finding", why));
    }
}

const ENDED: &str = "the process that runs the command has ended";

/// This program, also when its file was replaced since it was started.
fn itself() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

fn file(pipe: impl Into<OwnedFd>) -> File {
    File::from(pipe.into())
}

/// The finding, with the members that an event has beside it.
fn object(event: &Event) -> Value {
    let mut object = match serde_json::to_value(event) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => Map::new(),
    };
    if let What::Finding { .. } | What::Renewed { .. } = event.what
        && let Some(Value::Object(finding)) = object.remove("finding")
    {
        object.extend(finding);
    }
    Value::Object(object)
}
