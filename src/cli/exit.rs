//! Why the program ends as it does: failures and audits in, an exit code and the last line on
//! standard error out. The codes: 0 nothing to report, 1 findings, 2 could not run or write, 3 no
//! findings but incomplete evidence.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Mutex;

use crate::audit::Audit;
use crate::matrix::{Faults, Severity};
use crate::report::{escape, words};

/// Why a command could not do its work. Always exit code 2.
#[derive(Debug)]
pub enum Failure {
    /// One sentence, which says what to do.
    Plain(String),
    /// One sentence, and lines to copy.
    Advice(&'static str, &'static str),
    /// Packs or a site are wrong: every fault with its place.
    Faults(Faults),
    /// Reports could not be written; each was said when it happened.
    Unwritten,
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

impl Failure {
    /// A failure with one sentence.
    pub fn plain(sentence: impl Display) -> Self {
        Self::Plain(sentence.to_string())
    }
}

/// Says why `audit` ends with its exit code, and gives it.
pub fn of_audit(audit: &Audit, fail_on: Severity) -> u8 {
    let code = audit.exit_code(fail_on);
    say(&format!("exit {code}: {}", reason(audit, code)));
    code
}

fn reason(audit: &Audit, code: u8) -> String {
    let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let total = number(audit.findings.len());
    let findings = words::count(total, "finding");
    let minor =
        if total == 0 { "no findings".to_owned() } else { format!("{findings}, none grave enough for --fail-on") };
    match (code, audit.quality.gaps.as_slice()) {
        (0, _) if total == 0 => "nothing to report, and the evidence is complete".to_owned(),
        (0, _) => format!("{minor}; the evidence is complete"),
        (1, []) => findings,
        (1, _) => format!("{findings}; the evidence is incomplete too"),
        (_, []) => format!("{minor}, but the evidence is incomplete"),
        (_, [gap]) => format!("{minor}, but the evidence is incomplete: {}", gap.trim_end_matches('.')),
        (_, [gap, rest @ ..]) => {
            let more = words::count(number(rest.len()), "more reason");
            format!("{minor}, but the evidence is incomplete: {} (and {more})", gap.trim_end_matches('.'))
        }
    }
}

/// Says why nothing came of it, and gives exit code 2.
pub fn of_failure(failure: &Failure, styled: bool) -> u8 {
    match failure {
        Failure::Plain(sentence) => {
            say(sentence);
            say("exit 2: could not run");
        }
        Failure::Advice(sentence, lines) => {
            say(sentence);
            let _ = writeln!(io::stderr(), "\n{lines}\n");
            say("exit 2: could not run");
        }
        Failure::Faults(faults) => {
            let _ = writeln!(io::stderr(), "{}", faults.render(styled));
            let number = words::count(u64::try_from(faults.len()).unwrap_or(u64::MAX), "fault");
            say(&format!("exit 2: {number} in packs or site"));
        }
        Failure::Unwritten => say("exit 2: not every report could be written"),
    }
    2
}

/// Says what is wrong where the program goes on all the same, and gives the first line of it.
#[cfg(feature = "live")]
pub fn note(failure: &Failure) -> String {
    let text = match failure {
        Failure::Plain(sentence) => sentence.clone(),
        Failure::Advice(sentence, _) => (*sentence).to_owned(),
        Failure::Faults(faults) => faults.render(false),
        Failure::Unwritten => "not every report could be written".to_owned(),
    };
    text.lines().for_each(say);
    text.lines().next().unwrap_or_default().to_owned()
}

/// One line on standard error, escaped. When even that cannot be written there is nobody to tell.
pub fn say(line: &str) {
    let line = escape::terminal(line);
    match HELD.lock().as_deref_mut() {
        Ok(Some(held)) if held.len() < MOST_HELD => held.push(line.into_owned()),
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => drop(writeln!(io::stderr(), "flowaudit: {line}")),
    }
}

/// Keeps the lines of [`say`] back while a screen has the terminal: they would tear it.
#[cfg(feature = "live")]
pub fn hold() {
    if let Ok(mut held) = HELD.lock() {
        held.get_or_insert_default();
    }
}

/// The last line kept back, and how many there are.
#[cfg(feature = "live")]
pub fn held() -> Option<(String, usize)> {
    let held = HELD.lock().ok()?;
    let lines = held.as_ref()?;
    Some((lines.last()?.clone(), lines.len()))
}

/// Says what was kept back.
#[cfg(feature = "live")]
pub fn release() {
    let held = HELD.lock().ok().and_then(|mut held| held.take());
    held.unwrap_or_default().iter().for_each(|line| say(line));
}

/// Lines kept back. Standard error is one for the whole program, and so is this.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Lines kept back at most.
const MOST_HELD: usize = 1000;

/// The exit code of clap's refusal or help text.
pub fn of_usage(fault: &clap::Error) -> ExitCode {
    let printed = fault.print();
    let closed = printed.as_ref().is_err_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe);
    if fault.use_stderr() {
        say("exit 2: the command line is wrong");
    }
    if fault.use_stderr() || (printed.is_err() && !closed) { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

/// Makes a panic one line on standard error; the backtrace follows when `RUST_BACKTRACE` asks for it.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let said = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given");
        say(&format!("this is a fault of flowaudit itself{place}: {said}; please report it"));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            let _ = writeln!(io::stderr(), "{trace}");
        }
    }));
}
