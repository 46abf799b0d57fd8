//! `flowaudit audit`: captures and a site in, reports and an exit code out. Reads the packs first,
//! so that a wrong site is said before an hour of reading, then every capture, then judges.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::args::AuditArguments;
use super::exit::{self, Failure};
use super::options;
use super::progress::Progress;
use super::report::{check_outputs, is_dash, write_all, write_one};
use crate::audit::{Judged, judge};
use crate::capture::{self, Capture};
use crate::ledger::{self, Ledger, Observation};
use crate::matrix::Matrix;
use crate::report::flows::{self, Form};
use crate::wire::Timestamp;

/// Runs the audit.
///
/// # Errors
/// It could not start, or a report could not be written.
pub fn run(arguments: &AuditArguments) -> Result<u8, Failure> {
    check_outputs(&arguments.outputs, arguments.flows.as_deref())?;
    let form = arguments.flows.as_deref().map(flow_form).transpose()?;
    let matrix = Matrix::load(&options::site(&arguments.site)?)?;
    if !arguments.look.quiet {
        matrix.warnings().iter().for_each(|warning| exit::say(&format!("note: {warning}")));
    }
    let observation = observe(arguments)?;
    let judged = judge(&observation, &matrix);
    let log = arguments.flows.as_deref().zip(form);
    let flows_whole = log.is_none_or(|(path, form)| {
        write_one(path, |out| flows::write(out, form, &observation, &judged.flows, &matrix))
    });
    finish(arguments, &judged, flows_whole)
}

fn finish(arguments: &AuditArguments, judged: &Judged, flows_whole: bool) -> Result<u8, Failure> {
    let stdout_taken = arguments.flows.as_deref().is_some_and(is_dash);
    write_all(&judged.audit, &arguments.outputs, &arguments.look, stdout_taken)?;
    if !flows_whole {
        return Err(Failure::Unwritten);
    }
    Ok(exit::of_audit(&judged.audit, arguments.fail_on.into()))
}

/// Reads every capture to its end, or until a signal asks to stop.
fn observe(arguments: &AuditArguments) -> Result<Observation, Failure> {
    let stop = stop_on_signals().map_err(|fault| Failure::plain(format!("cannot listen to signals: {fault}")))?;
    let mut captures = Capture::open(&arguments.captures, &capture_options(arguments)).map_err(unreadable)?;
    if !arguments.look.quiet {
        captures.notes().iter().for_each(|note| exit::say(&format!("note: {note}")));
    }
    let (read, progress) = (captures.progress(), Progress::new(captures.total_bytes(), arguments.look.quiet));
    let mut ledger = Ledger::new(ledger::Options::default());
    let mut frames = 0u64;
    while let Some(frame) = captures.next().map_err(unreadable)? {
        ledger.observe(&frame);
        frames = frames.wrapping_add(1);
        if frames.is_multiple_of(BETWEEN_LOOKS) {
            progress.at(read.load(Ordering::Relaxed));
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    drop(progress);
    let (inputs, taps) = captures.finish();
    ledger.set_inputs(inputs, taps);
    Ok(ledger.settle())
}

fn capture_options(arguments: &AuditArguments) -> capture::Options {
    let at = |time: jiff::Timestamp| {
        // Packet time ends in 2262; a bound beyond it bounds nothing.
        Timestamp::from_nanoseconds(i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX))
    };
    capture::Options {
        digests: true,
        from: arguments.from.map(at),
        to: arguments.to.map(at),
        filter: arguments.filter.clone(),
    }
}

/// The first signal ends the reading and the audit says so; the second ends the program.
pub(super) fn stop_on_signals() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 2, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// The form of a flow log, by the ending of its name.
pub(super) fn flow_form(path: &Path) -> Result<Form, Failure> {
    let name = path.to_string_lossy().to_ascii_lowercase();
    // Streams have no ending; a table is what the next program of a pipe reads.
    if name.ends_with(".csv") || is_dash(path) || name.starts_with("/dev/") {
        Ok(Form::Csv)
    } else if name.ends_with(".jsonl") {
        Ok(Form::JsonLines)
    } else {
        Err(Failure::plain(format!("--flows {}: the name has to end in .csv or .jsonl", path.display())))
    }
}

fn unreadable(fault: capture::CaptureError) -> Failure {
    Failure::plain(format!("cannot read {fault}"))
}

/// Frames between two moves of the bar.
const BETWEEN_LOOKS: u64 = 4096;
