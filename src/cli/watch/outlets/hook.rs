//! Alerts in, runs of the user's command out: the finding as JSON on its standard input, a few runs at
//! a time, each within a time limit. Looked after between packets and never waited for: a command
//! that is slow or fails costs alerts, which are counted and said.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value};

use super::Tally;
use crate::report::events::{Event, What};
use crate::report::json;

/// Runs at a time.
const TOGETHER: usize = 2;
/// Alerts that wait; further ones are lost.
const WAITING: usize = 64;
/// How long one run may take.
const LONGEST: Duration = Duration::from_secs(30);
/// How long the end of the watch waits for what still runs and waits.
const FAREWELL: Duration = Duration::from_secs(10);

/// The command and its runs.
pub(super) struct Hook {
    words: Vec<String>,
    running: Vec<Run>,
    waiting: VecDeque<Vec<u8>>,
    pub(super) tally: Tally,
}

/// One run.
struct Run {
    child: Child,
    input: Option<ChildStdin>,
    /// What is still to be written to its standard input.
    rest: Vec<u8>,
    begun: Instant,
}

impl Hook {
    /// Will run the program that `words` begin with, with the others as its arguments.
    pub(super) fn new(words: Vec<String>) -> Self {
        Self { words, running: Vec::new(), waiting: VecDeque::new(), tally: Tally::default() }
    }

    /// Has the command run for an alert, at once or when there is room.
    pub(super) fn alert(&mut self, event: &Event) {
        let mut line = Vec::new();
        if self.waiting.len() >= WAITING {
            self.tally.fail("--on-finding", &"too many alerts wait for the command");
        } else if json::write_line(&mut line, &object(event)).is_ok() {
            self.waiting.push_back(line);
        }
        self.look_after();
    }

    /// Goes on with what runs, and starts what waits. Never blocks.
    pub(super) fn look_after(&mut self) {
        for mut run in std::mem::take(&mut self.running) {
            run.feed();
            match run.child.try_wait() {
                Ok(None) if run.begun.elapsed() < LONGEST => self.running.push(run),
                Ok(None) => {
                    run.kill();
                    self.tally.fail("--on-finding", &format!("{} took longer than {LONGEST:?}", self.program()));
                }
                Ok(Some(status)) if status.success() => {
                    self.tally.delivered = self.tally.delivered.saturating_add(1);
                }
                Ok(Some(status)) => self.tally.fail("--on-finding", &format!("{} {}", self.program(), ended(status))),
                Err(fault) => self.tally.fail("--on-finding", &fault),
            }
        }
        while self.running.len() < TOGETHER
            && let Some(line) = self.waiting.pop_front()
        {
            match start(&self.words, line) {
                Ok(run) => self.running.push(run),
                Err(fault) => {
                    let what = format!("cannot run {}: {fault}", self.program());
                    self.tally.fail("--on-finding", &what);
                }
            }
        }
    }

    /// Waits a little for what still runs and waits, and ends the rest.
    pub(super) fn finish(&mut self) {
        let begun = Instant::now();
        self.look_after();
        while !(self.running.is_empty() && self.waiting.is_empty()) && begun.elapsed() < FAREWELL {
            std::thread::sleep(Duration::from_millis(10));
            self.look_after();
        }
        for mut run in std::mem::take(&mut self.running) {
            run.kill();
            self.tally.fail("--on-finding", &format!("{} still ran when the watch ended", self.program()));
        }
        for _ in std::mem::take(&mut self.waiting) {
            self.tally.fail("--on-finding", &"the watch ended before the command could run");
        }
    }

    fn program(&self) -> &str {
        self.words.first().map(String::as_str).unwrap_or_default()
    }
}

impl Run {
    /// Writes as much as the command takes.
    fn feed(&mut self) {
        while let Some(input) = self.input.as_mut().filter(|_| !self.rest.is_empty()) {
            match input.write(&self.rest) {
                Ok(written) => drop(self.rest.drain(..written)),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return,
                // It does not read: its exit status says whether it minds.
                Err(_) => self.rest.clear(),
            }
        }
        // The end of its input.
        self.input = None;
    }

    /// Ends it with whatever it started.
    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(words: &[String], line: Vec<u8>) -> io::Result<Run> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // What it complains of is worth reading, but not in the middle of a screen.
    let complaints = if io::stderr().is_terminal() { Stdio::null() } else { Stdio::inherit() };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(complaints).process_group(0);
    let mut child = command.spawn()?;
    let input = child.stdin.take();
    if let Some(input) = &input {
        rustix::io::ioctl_fionbio(input, true)?;
    }
    let mut run = Run { child, input, rest: line, begun: Instant::now() };
    run.feed();
    Ok(run)
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "did not end well".to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.json");
        let audit: crate::audit::Audit = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
        Event::at(&audit, What::Finding { finding: Box::new(audit.findings[0].clone()) })
    }

    /// So many alerts for a command: delivered and failed.
    fn check(words: &[&str], alerts: u64, expected: (u64, u64)) {
        let mut hook = Hook::new(words.iter().map(|word| (*word).to_owned()).collect());
        (0..alerts).for_each(|_| hook.alert(&event()));
        hook.finish();
        assert_eq!((hook.tally.delivered, hook.tally.failed), expected, "{words:?}");
    }

    #[test]
    fn runs_are_counted() {
        check(&["cat"], 1, (1, 0));
        check(&["true"], 5, (5, 0));
        check(&["false"], 3, (0, 3));
        check(&["/no/such/program"], 2, (0, 2));
        // Two run and sixty-four wait: the others are lost.
        check(&["sleep", "0.1"], 70, (66, 4));
    }
}
