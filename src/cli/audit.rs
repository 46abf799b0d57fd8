//! `flowaudit audit`: captures and a site in, reports and an exit code out. Reads the packs first,
//! so that a wrong site is said before an hour of reading, then every capture, then judges.

use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::args::AuditArguments;
use super::evidence::{self, Made};
use super::exit::{self, Failure};
use super::options;
use super::packets;
use super::progress::Progress;
use super::redaction;
use super::report::{check_inputs, check_outputs, is_dash, outputs, said, write_all, write_one};
use super::sandbox::{self, Needs};
use crate::audit::{Judged, judge};
use crate::capture::{self, Capture, CaptureError, Inputs};
use crate::ledger::{self, Input, InputState, Ledger, Observation};
use crate::matrix::{Declared, Matrix};
use crate::report::bundle::SecretKey;
use crate::report::flows::{self, Form};
use crate::wire::Timestamp;

/// Runs the audit.
///
/// # Errors
/// It could not start, or a report could not be written.
pub fn run(arguments: &AuditArguments) -> Result<u8, Failure> {
    let logs = [arguments.flows.as_deref(), arguments.evidence.write.as_deref()];
    check_outputs(&arguments.outputs, &logs)?;
    check_inputs(&arguments.outputs, &logs, arguments.captures.iter().cloned())?;
    check_window(arguments)?;
    let hiding = arguments.redact.as_deref().map(redaction::key).transpose()?;
    if hiding.is_some() && arguments.evidence.write.is_some() {
        return Err(Failure::plain(redaction::NO_PACKETS));
    }
    let key = evidence::ready(&arguments.evidence, &arguments.captures)?;
    let form = arguments.flows.as_deref().map(flow_form).transpose()?;
    let site = options::site(&arguments.site)?;
    let mut matrix = Matrix::load(&site)?;
    if !arguments.look.quiet {
        matrix.warnings().iter().for_each(|warning| exit::say(&format!("note: {warning}")));
    }
    let packs = if arguments.evidence.bundle.is_some() { evidence::texts(&site)? } else { Vec::new() };
    sandbox::make_room();
    let inputs = Inputs::open(&arguments.captures).map_err(unreadable)?;
    // Patterns and directories have named their files only now.
    check_inputs(&arguments.outputs, &logs, inputs.paths().map(Path::to_owned))?;
    sandbox::confine(&arguments.sandbox, &needs(arguments, &inputs))?;
    // The process ends soon: giving a million flows back one by one would only take time.
    let observation = ManuallyDrop::new(observe(arguments, &inputs)?);
    let judged = ManuallyDrop::new(judge(&observation, &matrix));
    let packets_whole = write_packets(arguments, &inputs, &observation, &judged)?;
    // From here on every form is written from what is hidden already: none can leak.
    let hidden = hiding.map(|key| redaction::of_audit(&key, &observation, &judged)).transpose()?;
    let (seen, shown) = hidden.as_ref().map_or((&*observation, &*judged), |(seen, shown)| (seen, shown));
    if hidden.is_some() {
        // They are the site's own; the flow log shall not look its names up in them.
        matrix.declared = Declared::default();
    }
    let log = arguments.flows.as_deref().zip(form);
    let flows_whole =
        log.is_none_or(|(path, form)| write_one(path, |out| flows::write(out, form, seen, &shown.flows, &matrix)));
    let made = Made { arguments, inputs: &inputs, packs: &packs, site: &site, matrix: &matrix, seen, judged: shown };
    let bundle_whole = write_bundle(&made, key.as_ref())?;
    finish(arguments, shown, flows_whole && packets_whole && bundle_whole)
}

/// What is still to be done once the first packet was read. Inputs are open by then, and so are the
/// packs and the site; only inputs beyond the limit of descriptors are opened later.
fn needs(arguments: &AuditArguments, inputs: &Inputs) -> Needs {
    let logs = [arguments.flows.as_deref(), arguments.evidence.write.as_deref(), arguments.evidence.bundle.as_deref()];
    Needs {
        reads: inputs.unopened().map(Path::to_owned).collect(),
        outputs: outputs(&arguments.outputs, &logs),
        bundle: arguments.evidence.bundle.is_some(),
        quiet: arguments.look.quiet,
        ..Needs::default()
    }
}

fn check_window(arguments: &AuditArguments) -> Result<(), Failure> {
    match (arguments.from, arguments.to) {
        (Some(from), Some(to)) if from >= to => {
            Err(Failure::plain(format!("--from {from} is not before --to {to}: no packet can lie between them")))
        }
        _ => Ok(()),
    }
}

/// Writes the bundle where that was asked for.
fn write_bundle(made: &Made<'_>, key: Option<&SecretKey>) -> Result<bool, Failure> {
    let Some(target) = made.arguments.evidence.bundle.as_deref() else { return Ok(true) };
    packets::check_whole(made.seen, "--evidence")?;
    Ok(said(&target.display().to_string(), evidence::write(target, made, key)))
}

/// Writes the packets behind the findings where that was asked for.
fn write_packets(
    arguments: &AuditArguments,
    inputs: &Inputs,
    seen: &Observation,
    judged: &Judged,
) -> Result<bool, Failure> {
    let Some(path) = arguments.evidence.write.as_deref() else { return Ok(true) };
    packets::check_whole(seen, "-w")?;
    let again = packets::Again { inputs, options: &capture_options(arguments, &Arc::default()) };
    Ok(write_one(path, |out| packets::write(out, &again, seen, judged)))
}

fn finish(arguments: &AuditArguments, judged: &Judged, logs_whole: bool) -> Result<u8, Failure> {
    let stdout_taken = [&arguments.flows, &arguments.evidence.write].into_iter().flatten().any(|path| is_dash(path));
    write_all(&judged.audit, &arguments.outputs, &arguments.look, stdout_taken)?;
    if !logs_whole {
        return Err(Failure::Unwritten);
    }
    Ok(exit::of_audit(&judged.audit, arguments.fail_on.into()))
}

/// Reads every capture to its end, or until a signal asks to stop.
///
/// # Errors
/// A capture cannot be read.
pub fn observe(arguments: &AuditArguments, inputs: &Inputs) -> Result<Observation, Failure> {
    let stop = stop_on_signals().map_err(|fault| Failure::plain(format!("cannot listen to signals: {fault}")))?;
    let mut captures = match Capture::read(inputs, &capture_options(arguments, &stop)) {
        Ok(captures) => captures,
        Err(_) if stop.load(Ordering::Relaxed) => return Ok(nothing_read(arguments)),
        Err(fault) => return Err(unreadable(fault)),
    };
    if !arguments.look.quiet {
        captures.notes().iter().for_each(|note| exit::say(&format!("note: {note}")));
    }
    let (read, progress) = (captures.progress(), Progress::new(captures.total_bytes(), arguments.look.quiet));
    let max_flows = usize::try_from(arguments.max_flows).unwrap_or(usize::MAX);
    let mut ledger = Ledger::new(ledger::Options { max_flows, several_taps: false, ..ledger::Options::default() });
    let mut batches = 0u64;
    while let Some(batch) = captures.batch().map_err(unreadable)? {
        if batch.has_several_taps() {
            ledger.expect_copies();
        }
        match batch.ethernet() {
            Some(frames) => ledger.observe_all(batch.tally(), frames),
            None => ledger.observe_all(batch.tally(), batch.frames()),
        }
        batches = batches.wrapping_add(1);
        if batches.is_multiple_of(BETWEEN_LOOKS) {
            progress.at(read.load(Ordering::Relaxed));
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    drop(progress);
    let (inputs, taps) = captures.finish();
    ledger.set_inputs(inputs, taps);
    Ok(ledger.finish())
}

/// What is known when a signal came before the first byte.
fn nothing_read(arguments: &AuditArguments) -> Observation {
    let stopped =
        |path: &PathBuf| Input { path: path.display().to_string(), state: InputState::Stopped, ..Input::default() };
    let mut ledger = Ledger::new(ledger::Options::default());
    ledger.set_inputs(arguments.captures.iter().map(stopped).collect(), Vec::new());
    ledger.settle()
}

/// How the captures are read, until `stop` is set.
pub fn capture_options(arguments: &AuditArguments, stop: &Arc<AtomicBool>) -> capture::Options {
    let at = |time: jiff::Timestamp| {
        // Packet time ends in 2262; a bound beyond it bounds nothing.
        Timestamp::from_nanoseconds(i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX))
    };
    capture::Options {
        digests: arguments.outputs.quote_digests()
            || arguments.evidence.bundle.is_some()
            || arguments.evidence.write.is_some()
            || (arguments.look.verbose && !arguments.look.quiet),
        from: arguments.from.map(at),
        to: arguments.to.map(at),
        filter: arguments.filter.clone(),
        stop: Arc::clone(stop),
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

fn unreadable(fault: CaptureError) -> Failure {
    match fault {
        CaptureError::Filter { .. } | CaptureError::FilterUnavailable { .. } | CaptureError::NoInput => {
            Failure::plain(fault)
        }
        CaptureError::NotFound { .. }
        | CaptureError::NoPermission { .. }
        | CaptureError::Read { .. }
        | CaptureError::Empty { .. }
        | CaptureError::NotACapture { .. }
        | CaptureError::NoCaptures { .. }
        | CaptureError::NoMatch { .. }
        | CaptureError::BadPattern { .. } => Failure::plain(format!("cannot read {fault}")),
    }
}

/// Batches between two moves of the bar.
const BETWEEN_LOOKS: u64 = 64;
