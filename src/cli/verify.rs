//! `flowaudit verify`: a bundle or a journal in, whether it is whole and unaltered out, or the first thing that is
//! wrong. With the captures at hand the audit runs again, and has to equal the stored one byte for
//! byte. Changes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Parser};

use super::args::{Arguments, AuditArguments, Command};
use super::audit::observe;
use super::chain;
use super::evidence::{AUDIT, FLOWS, FORMS, flow_log};
use super::exit::{self, Failure};
use super::options::{self, path_text};
use super::report::{to_stdout, unwritten_stdout};
use crate::audit::judge;
use crate::capture::Inputs;
use crate::matrix::{Matrix, Site};
use crate::report::bundle::{Altered, InputSubject, Predicate, Signature, Statement, Survey, VerifyingKey, digest_of};
use crate::report::escape;

/// `flowaudit verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The directory that --evidence wrote, or the file of --journal
    #[arg(value_name = "BUNDLE|JOURNAL")]
    pub bundle: PathBuf,
    /// Public key that has to have signed it
    #[arg(short = 'P', long, value_name = "KEY", conflicts_with = "public_key_file")]
    pub public_key: Option<String>,
    /// File of that public key
    #[arg(short = 'p', long, value_name = "FILE")]
    pub public_key_file: Option<PathBuf>,
    /// Directory of the captures: the audit runs again and has to give the same bytes
    #[arg(long, value_name = "DIR")]
    pub inputs: Option<PathBuf>,
}

/// Checks a bundle or a journal.
///
/// # Errors
/// It could not be checked: no bundle, no key, no inputs.
pub fn run(arguments: &VerifyArguments) -> Result<u8, Failure> {
    let folder = &arguments.bundle;
    if folder.is_file() {
        return chain::verify(folder);
    }
    let unread = |fault: io::Error| Failure::plain(format!("cannot read {}: {fault}; give a bundle", folder.display()));
    let key = key(arguments)?;
    let survey = Survey::read(folder).map_err(unread)?;
    let mut found = Vec::new();
    let outcome = survey.check(key.as_ref()).map_err(Wrong::Altered).and_then(|statement| {
        found.push(format!("{} members are as they were written", statement.subject.len()));
        found.push(signature_line(&survey, key.is_some()));
        rerun_line(arguments, &statement).map(|line| found.push(line))
    });
    let lines = found.join("\n");
    to_stdout(|out| if lines.is_empty() { Ok(()) } else { writeln!(out, "{}", escape_lines(&lines)) })
        .map_err(unwritten_stdout)?;
    match outcome {
        Ok(()) => {
            exit::say("exit 0: the bundle is whole");
            Ok(0)
        }
        Err(Wrong::Altered(Altered { member, what })) => {
            exit::say(&format!("exit 1: {member} {what}"));
            Ok(1)
        }
        Err(Wrong::Failure(failure)) => Err(failure),
    }
}

/// Why a bundle is not said to be whole.
enum Wrong {
    Altered(Altered),
    Failure(Failure),
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn escape_lines(lines: &str) -> String {
    lines.lines().map(|line| escape::terminal(line).into_owned()).collect::<Vec<_>>().join("\n")
}

fn key(arguments: &VerifyArguments) -> Result<Option<VerifyingKey>, Failure> {
    let text = match (&arguments.public_key, &arguments.public_key_file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => fs::read_to_string(path)
            .map_err(|fault| Failure::plain(format!("cannot read {}: {fault}", path.display())))?,
        (None, None) => return Ok(None),
    };
    let key = VerifyingKey::parse(&text);
    key.map(Some).ok_or_else(|| Failure::plain("the public key is none: give the line or the file of `minisign -G`"))
}

fn signature_line(survey: &Survey, checked: bool) -> String {
    let signature = survey.signature.as_deref().and_then(Signature::parse);
    match (signature, checked) {
        (Some(signature), true) => format!("the signature holds: {}", signature.comment.replace('\t', ", ")),
        (Some(_), false) => "signed; not checked by whom: give -P KEY or -p FILE".to_owned(),
        (None, _) => "not signed".to_owned(),
    }
}

fn rerun_line(arguments: &VerifyArguments, statement: &Statement) -> Result<String, Wrong> {
    match &arguments.inputs {
        Some(folder) => {
            rerun(&arguments.bundle, folder, &statement.predicate)?;
            Ok(format!("the audit ran again: {AUDIT}, {FLOWS} and every report are equal byte for byte"))
        }
        None => Ok("the audit did not run again: give --inputs DIR with its captures".to_owned()),
    }
}

/// Runs the audit again, from the captures in `folder` and the packs and the site of the bundle.
fn rerun(bundle: &Path, folder: &Path, made: &Predicate) -> Result<(), Wrong> {
    if made.redaction.is_some() {
        let what = "a redacted bundle cannot run again: leave --inputs out, or verify the bundle that is not redacted";
        return Err(Failure::plain(what).into());
    }
    if made.tool.version != env!("CARGO_PKG_VERSION") {
        let (then, now) = (&made.tool.version, env!("CARGO_PKG_VERSION"));
        let what = format!("flowaudit {then} made it and this is {now}: run it again with {then}");
        return Err(Failure::plain(what).into());
    }
    let found = inputs(folder, &made.inputs)?;
    let mut arguments = audit_arguments(&made.command)?;
    arguments.captures = found.iter().map(|(path, _)| path.clone()).collect();
    arguments.look.quiet = true;
    // The command is kept without its outputs; what runs again is the audit that made a bundle.
    arguments.evidence.bundle = Some(bundle.to_owned());
    let matrix = Matrix::load(&site(bundle, &mut arguments, made)?).map_err(Failure::from)?;
    let opened = Inputs::open(&arguments.captures).map_err(|fault| Failure::plain(format!("cannot read {fault}")))?;
    let mut seen = observe(&arguments, &opened)?;
    for input in &mut seen.inputs {
        if let Some((_, named)) = found.iter().find(|(path, _)| path.display().to_string() == input.path) {
            input.path.clone_from(named);
        }
    }
    let judged = judge(&seen, &matrix);
    let mut log = Vec::new();
    flow_log(&mut log, &seen, &judged, &matrix).map_err(Failure::plain)?;
    let mut members = vec![(FLOWS, log)];
    for (member, form) in FORMS.into_iter().filter(|(member, _)| bundle.join(member).exists()) {
        let mut again = Vec::new();
        form(&mut again, &judged.audit).map_err(Failure::plain)?;
        members.push((member, again));
    }
    for (member, again) in members {
        let stored = fs::read(bundle.join(member)).map_err(Failure::plain)?;
        if stored != again {
            return Err(altered(member, "is not what the audit gives when it runs again"));
        }
    }
    Ok(())
}

/// Where each input is now, and how the audit named it.
fn inputs(folder: &Path, inputs: &[InputSubject]) -> Result<Vec<(PathBuf, String)>, Wrong> {
    let mut found = Vec::new();
    for input in inputs {
        let name = Path::new(&input.path);
        let places =
            [folder.join(name.strip_prefix("/").unwrap_or(name)), folder.join(name.file_name().unwrap_or_default())];
        let there: Vec<&PathBuf> = places.iter().filter(|path| path.is_file()).collect();
        let fits = |path: &&&PathBuf| digest_of(path).is_ok_and(|digest| digest == input.digest.sha256);
        match (there.iter().find(fits), there.first()) {
            (Some(path), _) => found.push(((*path).clone(), input.path.clone())),
            (None, Some(_)) => return Err(altered(&input.path, "is not the capture that was audited")),
            (None, None) => {
                let (path, folder) = (&input.path, folder.display());
                return Err(Failure::plain(format!("{path} is not in {folder}: the audit cannot run again")).into());
            }
        }
    }
    Ok(found)
}

fn audit_arguments(command: &[String]) -> Result<AuditArguments, Failure> {
    match Arguments::try_parse_from(command).map(|arguments| arguments.command) {
        Ok(Command::Audit(arguments)) => Ok(*arguments),
        Ok(_) | Err(_) => Err(Failure::plain("the manifest holds no command that this program knows")),
    }
}

/// The site of the bundle with the packs of the bundle, under the name that it had.
fn site(bundle: &Path, arguments: &mut AuditArguments, made: &Predicate) -> Result<Site, Failure> {
    if let Some(site) = &made.site {
        arguments.site.site = Some(bundle.join(&site.member));
    }
    if let Some(hosts) = &made.hosts {
        arguments.site.hosts = Some(bundle.join(&hosts.member));
    }
    let mut site = options::site(&arguments.site)?;
    if let (Some(hosts), Some(made)) = (&mut site.declared.hosts, &made.hosts) {
        hosts.path.clone_from(&made.path);
    }
    if let (Some((path, _)), Some(made)) = (&mut site.file, &made.site) {
        path.clone_from(&made.path);
    }
    let packs = |audited: bool| {
        let packs = made.packs.iter().filter(move |pack| pack.audited == audited);
        packs.map(|pack| path_text(&bundle.join(&pack.member))).collect::<Result<Vec<_>, _>>()
    };
    (site.packs, site.baseline) = (packs(true)?, packs(false)?);
    Ok(site)
}

fn altered(member: &str, what: &str) -> Wrong {
    Wrong::Altered(Altered { member: member.to_owned(), what: what.to_owned() })
}

/// What its help ends with.
pub const EXAMPLES: &str = "\
Examples:
  flowaudit verify evidence/                         every digest
  flowaudit verify evidence/ -p auditor.pub          and the signature
  flowaudit verify evidence/ --inputs captures/      and the audit itself, run again
  flowaudit verify journal.jsonl                     every line of a journal of watch

Exit codes: 0 whole, 1 altered, 2 could not run";
