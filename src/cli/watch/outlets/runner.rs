//! Findings as lines in, runs of the user's command out, one line for each about what became of it. This
//! is a process of its own, begun before the watch gives up the right to start programs: the watch keeps
//! a pipe to it and nothing else. Never sees a packet.

use std::collections::VecDeque;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::cli::exit::Failure;
use crate::cli::sandbox::{self, Needs, SandboxArguments};

/// Runs at a time.
pub(super) const TOGETHER: usize = 2;
/// How long one run may take.
const LONGEST: Duration = Duration::from_secs(30);
/// How long what still runs and waits may take when the watch has ended.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);
/// How often runs are looked at.
const TICK: Duration = Duration::from_millis(10);
/// Said once the command can be run.
pub(super) const READY: &str = "ready";
/// Said of a run that ended well; anything else says why one did not.
pub(super) const DONE: &str = "done";

/// `flowaudit run-command`, which only a watch calls.
#[derive(Debug, Args)]
pub struct RunnerArguments {
    /// What the watch gives up
    #[command(flatten)]
    pub sandbox: SandboxArguments,
    /// The command
    #[arg(last = true, required = true)]
    pub words: Vec<String>,
}

/// Runs the command for each line of standard input, until that ends.
///
/// # Errors
/// It cannot become who it should be.
pub fn run(arguments: &RunnerArguments) -> Result<u8, Failure> {
    let needs = Needs { programs: true, live: true, quiet: true, ..Needs::default() };
    sandbox::confine(&arguments.sandbox, &needs)?;
    let (sender, lines) = sync_channel(1024);
    let read = move || {
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().spawn(read).map_err(|fault| Failure::plain(format!("--on-finding: {fault}")))?;
    say(READY);
    Runner { words: arguments.words.clone(), running: Vec::new(), waiting: VecDeque::new() }.serve(&lines);
    Ok(0)
}

/// The command and its runs.
struct Runner {
    words: Vec<String>,
    running: Vec<Run>,
    waiting: VecDeque<Vec<u8>>,
}

/// One run.
struct Run {
    child: Child,
    input: Option<ChildStdin>,
    /// What is still to be written to its standard input.
    rest: Vec<u8>,
    begun: Instant,
}

impl Runner {
    fn serve(&mut self, lines: &Receiver<Vec<u8>>) {
        let mut ended: Option<Instant> = None;
        while ended.is_none_or(|ended| ended.elapsed() < FAREWELL) {
            match self.next(lines, ended.is_some()) {
                Ok(mut line) => {
                    line.push(b'\n');
                    self.waiting.push_back(line);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => ended = ended.or_else(|| Some(Instant::now())),
            }
            self.look_after();
            if ended.is_some() && self.running.is_empty() && self.waiting.is_empty() {
                return;
            }
        }
        for mut run in std::mem::take(&mut self.running) {
            run.kill();
            say(&format!("{} still ran when the watch ended", self.program()));
        }
        self.waiting.drain(..).for_each(|_| say("the watch ended before the command could run"));
    }

    /// The next line. Where nothing runs there is nothing to look at meanwhile.
    fn next(&self, lines: &Receiver<Vec<u8>>, ended: bool) -> Result<Vec<u8>, RecvTimeoutError> {
        if ended {
            std::thread::sleep(TICK);
        } else if self.running.is_empty() && self.waiting.is_empty() {
            return lines.recv().map_err(|_| RecvTimeoutError::Disconnected);
        } else if self.running.len() >= TOGETHER || self.waiting.is_empty() {
            return lines.recv_timeout(TICK);
        }
        lines.try_recv().map_err(|fault| match fault {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// Goes on with what runs, and starts what waits. Never blocks.
    fn look_after(&mut self) {
        for mut run in std::mem::take(&mut self.running) {
            run.feed();
            match run.child.try_wait() {
                Ok(None) if run.begun.elapsed() < LONGEST => self.running.push(run),
                Ok(None) => {
                    run.kill();
                    say(&format!("{} took longer than {LONGEST:?}", self.program()));
                }
                Ok(Some(status)) if status.success() => say(DONE),
                Ok(Some(status)) => say(&format!("{} {}", self.program(), ended(status))),
                Err(fault) => say(&fault.to_string()),
            }
        }
        while self.running.len() < TOGETHER
            && let Some(line) = self.waiting.pop_front()
        {
            match start(&self.words, line) {
                Ok(run) => self.running.push(run),
                Err(fault) => say(&format!("cannot run {}: {fault}", self.program())),
            }
        }
    }

    fn program(&self) -> &str {
        self.words.first().map(String::as_str).unwrap_or_default()
    }
}

/// Tells the watch. One that has ended needs no answer.
fn say(what: &str) {
    let line = format!("{}\n", what.replace('\n', " "));
    let _ = io::stdout().lock().write_all(line.as_bytes());
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
