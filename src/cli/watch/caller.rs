//! The terminal that a watch was begun on: whether it has gone away. SIGHUP asks a service to read its
//! site again and tells a program that its terminal was closed; which of the two it is, the terminal says.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Who began the watch, as far as standard input, output and error show.
pub(super) struct Caller {
    /// Which of the three were a terminal.
    terminals: [bool; 3],
    /// Until when a terminal that goes away ends the watch.
    until: Option<Instant>,
}

impl Caller {
    /// Looks who it is.
    pub(super) fn new() -> Self {
        let terminals = [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()];
        Self { terminals, until: None }
    }

    /// A SIGHUP came. A shell sends it to its jobs a moment before its terminal goes.
    pub(super) fn hung_up(&mut self) {
        self.until = Some(Instant::now() + LINGERS);
    }

    /// Whether a SIGHUP came and the terminal is gone. One that goes without it was given up by a user who
    /// wants the watch to go on (`disown`).
    pub(super) fn ends(&mut self) -> bool {
        self.until = self.until.filter(|until| Instant::now() < *until);
        self.until.is_some() && self.is_gone()
    }

    /// Whether there was a terminal, and it was closed.
    pub(super) fn is_gone(&self) -> bool {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let all = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let mut polls: Vec<PollFd<'_>> = (all.iter().zip(self.terminals))
            .filter(|(_, is_terminal)| *is_terminal)
            .map(|(end, _)| PollFd::new(end, PollFlags::empty()))
            .collect();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let asked = poll(&mut polls, Some(&at_once));
        asked.is_ok() && polls.iter().any(|end| end.revents().contains(PollFlags::HUP))
    }
}

/// How long after a SIGHUP a terminal may go.
const LINGERS: Duration = Duration::from_secs(5);
