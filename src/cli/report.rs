//! An audit and the forms that were asked for in, files and standard output out. A report that
//! cannot be written is said at once, and does not keep the others from being written.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::args::{LookArguments, OutputArguments, ReportArguments, SchemaName};
use super::exit::{self, Failure};
use super::options::look;
use super::redaction;
use crate::audit::Audit;
use crate::report::{atomic, csv, html, json, junit, markdown, oscal, sarif, schema, terminal};

/// `flowaudit report`: the same audit in another form.
///
/// # Errors
/// The audit cannot be read, or a report not be written.
pub fn run(arguments: &ReportArguments) -> Result<u8, Failure> {
    let (None, Some(path)) = (arguments.schema, arguments.audit.as_deref()) else {
        let text = schema_text(arguments.schema.unwrap_or(SchemaName::Audit));
        return text
            .and_then(|text| to_stdout(|out| out.write_all(text.as_bytes())))
            .map(|()| 0)
            .map_err(unwritten_stdout);
    };
    check_outputs(&arguments.outputs, &[])?;
    let audit = redaction::of_stored(read(path)?, arguments.redact.as_deref(), arguments.reveal.as_deref())?;
    check_inputs(&arguments.outputs, &[], [path.to_owned()])?;
    write_all(&audit, &arguments.outputs, &arguments.look, false)?;
    Ok(exit::of_audit(&audit, arguments.fail_on.into()))
}

fn schema_text(name: SchemaName) -> io::Result<String> {
    match name {
        SchemaName::Audit => Ok(schema::AUDIT.to_owned()),
        SchemaName::Event => schema::together(schema::EVENT, &[schema::AUDIT]),
        SchemaName::Journal => schema::together(schema::JOURNAL, &[schema::EVENT, schema::AUDIT]),
    }
}

/// Refuses two reports in one place.
///
/// # Errors
/// More than one form goes to `-` or to the same file.
pub fn check_outputs(outputs: &OutputArguments, others: &[Option<&Path>]) -> Result<(), Failure> {
    let all = named(outputs, others);
    if all.iter().filter(|path| is_dash(path)).count() > 1 {
        return Err(Failure::plain("only one report can go to standard output (-): give the others a file name"));
    }
    let mut places: Vec<PathBuf> = Vec::new();
    for place in all.iter().filter_map(|path| place(path)) {
        if places.contains(&place) {
            return Err(Failure::plain(format!("{}: two reports would be written there", place.display())));
        }
        places.push(place);
    }
    Ok(())
}

/// Refuses to write a report over what was read: a capture is evidence.
///
/// # Errors
/// A report has the name of an input.
pub fn check_inputs(
    outputs: &OutputArguments,
    others: &[Option<&Path>],
    inputs: impl IntoIterator<Item = PathBuf>,
) -> Result<(), Failure> {
    let places: Vec<PathBuf> = named(outputs, others).into_iter().filter_map(place).collect();
    match inputs.into_iter().find(|input| place(input).is_some_and(|input| places.contains(&input))) {
        Some(input) => {
            Err(Failure::plain(format!("{}: a report would replace this input; give it another name", input.display())))
        }
        None => Ok(()),
    }
}

/// The files that will be written; standard output is open.
pub fn outputs(outputs: &OutputArguments, others: &[Option<&Path>]) -> Vec<PathBuf> {
    named(outputs, others).into_iter().filter(|path| !is_dash(path)).map(Path::to_owned).collect()
}

fn named<'path>(outputs: &'path OutputArguments, others: &[Option<&'path Path>]) -> Vec<&'path Path> {
    let forms = forms(outputs).map(|(path, _)| path.as_deref());
    forms.into_iter().chain(others.iter().copied()).flatten().collect()
}

/// The file that a path names, in one way of writing; `None` for streams, which many may share.
fn place(path: &Path) -> Option<PathBuf> {
    if is_dash(path) || path.starts_with("/dev") || path.starts_with("/proc") {
        return None;
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A link is replaced and not followed, so that only its directory counts.
    Some(std::fs::canonicalize(parent).ok()?.join(path.file_name()?))
}

/// Finds out whether reports could be written, before long work that would be in vain.
///
/// # Errors
/// One of them could not.
#[cfg(feature = "live")]
pub fn try_out(outputs: &[PathBuf]) -> Result<(), Failure> {
    let refused = |path: &Path, fault| Failure::plain(format!("cannot write {}: {fault}", path.display()));
    outputs.iter().try_for_each(|path| atomic::try_out(path).map_err(|fault| refused(path, fault)))
}

/// Writes every form of `audit` that was asked for. The page for the terminal leaves standard
/// output to any data that goes there: one of `outputs`, or another one (`stdout_taken`).
///
/// # Errors
/// [`Failure::Unwritten`] when any could not be written.
pub fn write_all(
    audit: &Audit,
    outputs: &OutputArguments,
    looks: &LookArguments,
    stdout_taken: bool,
) -> Result<(), Failure> {
    let forms = forms(outputs);
    let taken = stdout_taken || forms.iter().any(|(path, _)| path.as_deref().is_some_and(is_dash));
    let mut whole = true;
    if !looks.quiet && !taken {
        let page = to_stdout(|out| terminal::write(out, audit, look(looks)));
        whole &= said("standard output", page);
    }
    for (path, form) in forms {
        if let Some(path) = path {
            whole &= write_one(path, |out| form(out, audit));
        }
    }
    if whole { Ok(()) } else { Err(Failure::Unwritten) }
}

/// Writes the forms that go to files, each to the `place` of its path, and names these files; `false` when
/// one could not be written.
#[cfg(feature = "live")]
pub fn write_files(audit: &Audit, outputs: &OutputArguments, place: impl Fn(&Path) -> PathBuf) -> (Vec<String>, bool) {
    let mut names = Vec::new();
    let mut whole = true;
    for (path, form) in forms(outputs) {
        if let Some(path) = path.as_deref().filter(|path| !is_dash(path)) {
            let path = place(path);
            whole &= write_one(&path, |out| form(out, audit));
            names.push(path.display().to_string());
        }
    }
    (names, whole)
}

type Form = fn(&mut dyn Write, &Audit) -> io::Result<()>;

/// Every form that is written from the audit alone, and where it was asked for.
fn forms(outputs: &OutputArguments) -> [(&Option<PathBuf>, Form); 7] {
    [
        (&outputs.json, json::write),
        (&outputs.csv, csv::write),
        (&outputs.html, html::write),
        (&outputs.markdown, markdown::write),
        (&outputs.junit, junit::write),
        (&outputs.sarif, sarif::write),
        (&outputs.oscal, oscal::write),
    ]
}

/// Writes one report to a file or, for `-`, to standard output; `false` and a line when it failed.
pub fn write_one(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> bool {
    let written = if is_dash(path) { to_stdout(fill) } else { atomic::write(path, fill) };
    said(&path.display().to_string(), written)
}

/// Writes to standard output. A reader that went away has seen all that it wanted.
///
/// # Errors
/// Whatever standard output met, except a closed pipe.
pub fn to_stdout(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    match to_open_stdout(fill) {
        Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The same for whoever wants to know when nobody reads any more.
///
/// # Errors
/// Whatever standard output met.
pub fn to_open_stdout(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = fill(&mut out).and_then(|()| out.flush());
    if written.is_err() {
        // What is still buffered would only meet the same again.
        let _ = out.into_parts();
    }
    written
}

/// The failure of a command whose whole result is its standard output.
pub fn unwritten_stdout(fault: io::Error) -> Failure {
    Failure::plain(format!("cannot write standard output: {fault}"))
}

/// Whether `path` means standard output or input.
pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Says what could not be written; whether it was.
pub fn said(name: &str, written: io::Result<()>) -> bool {
    match written {
        Ok(()) => true,
        Err(fault) => {
            exit::say(&format!("cannot write {name}: {fault}"));
            false
        }
    }
}

/// Reads a stored audit.
///
/// # Errors
/// It cannot be read, or is no audit of this form.
pub fn read(path: &Path) -> Result<Audit, Failure> {
    let name = path.display();
    let mut text = Vec::new();
    let opened: io::Result<Box<dyn Read>> =
        if is_dash(path) { Ok(Box::new(io::stdin().lock())) } else { File::open(path).map(|file| Box::new(file) as _) };
    let read = opened.and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    read.map_err(|fault| Failure::plain(format!("cannot read {name}: {fault}; give an audit that --json wrote")))?;
    let audit: Audit = serde_json::from_slice(&text).map_err(|fault| {
        Failure::plain(format!("cannot read {name}: not an audit: {fault}; give a file that --json wrote"))
    })?;
    if audit.schema != schema::AUDIT_VERSION {
        return Err(Failure::plain(format!(
            "cannot read {name}: its form is {}, and this program knows {}; use the flowaudit that wrote it",
            audit.schema,
            schema::AUDIT_VERSION
        )));
    }
    Ok(audit)
}

/// No audit is longer; a pipe that never ends must not fill the memory.
const LONGEST: u64 = 1 << 30;
