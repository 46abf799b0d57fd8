//! The steps, in the only order in which each still may: user, capabilities, memory image, Landlock,
//! seccomp. A step that fails ends a strict run; otherwise the line says what is missing.

use std::fs::File;
use std::path::PathBuf;

use caps::{CapSet, Capability};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};

use super::user::{self, Change};
use super::{Needs, SandboxArguments, Strictness, calls, files};
use crate::cli::exit::{self, Failure};

/// Enters the sandbox; the line says what holds.
pub(super) fn enter(arguments: &SandboxArguments, needs: &Needs) -> Result<String, Failure> {
    let root = nix::unistd::geteuid().is_root();
    let asked = arguments.sandbox;
    let strict = asked == Some(Strictness::Strict) || (asked.is_none() && needs.live && root);
    let part = |name: &str, step: Result<String, String>| match step {
        Ok(said) => Ok(format!("{name} {said}")),
        Err(reason) if strict => Err(refused(name, &reason)),
        Err(reason) => Ok(format!("{name} not in force ({reason})")),
    };
    let wanted = user::wanted(arguments.user.as_deref()).map_err(Failure::Plain)?;
    files::hand_over(needs, wanted.as_ref());
    // Before the user is another one: only root may take from the bounding set.
    let bounded = bound();
    let uid = change(wanted.as_ref(), needs, asked == Some(Strictness::Strict));
    let uid = part("uid", uid)?;
    say_unreadable(&needs.again);
    let capabilities = part("caps", no_capabilities(bounded))?;
    let dumps = part("core dumps", no_dumps())?;
    let parts = [
        uid,
        capabilities,
        part("landlock", rustix::thread::set_no_new_privs(true).map_err(text).and_then(|()| files(needs)))?,
        part("seccomp", calls(strict, needs))?,
    ];
    // That there are no dumps goes without saying.
    let dumps = (!dumps.ends_with("none")).then_some(dumps);
    Ok(parts.into_iter().chain(dumps).collect::<Vec<_>>().join(", "))
}

fn files(needs: &Needs) -> Result<String, String> {
    if needs.programs { Ok(PROGRAMS.to_owned()) } else { files::restrict(needs) }
}

fn calls(strict: bool, needs: &Needs) -> Result<String, String> {
    if needs.programs {
        return Ok(PROGRAMS.to_owned());
    }
    calls::allow(strict, needs).map(|number| number.to_string())
}

/// What a program that the user wants to be run may do is for the user to say, not for the sandbox. Only
/// the process that runs it is that free; the watch is not.
const PROGRAMS: &str = "off (a command is to be run)";

/// Raises the limit of open files to the highest that it may have.
pub(super) fn make_room() {
    let limit = getrlimit(Resource::Nofile);
    // Where it may not be raised, fewer inputs are held open.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn refused(part: &str, reason: &str) -> Failure {
    Failure::Plain(format!(
        "--sandbox strict: {part}: {reason}; mend that, or run with --sandbox best, which takes what there is"
    ))
}

/// Becomes `wanted`. Where that user could not write what was asked for, the process stays who it is:
/// root without capabilities, which `explicitly` strict runs refuse.
fn change(wanted: Option<&Change>, needs: &Needs, explicitly: bool) -> Result<String, String> {
    let Some(wanted) = wanted else { return Ok(nix::unistd::geteuid().to_string()) };
    let places = [files::directories(needs), files::streams(needs)].concat();
    match user::first_refusal(wanted, &places) {
        None => user::become_one(wanted).map(|()| wanted.uid.to_string()),
        Some((place, fault)) => {
            let reason = format!(
                "user {} may not write in {}: {}; give another --user or another place",
                wanted.uid,
                place.display(),
                fault.kind()
            );
            if explicitly { Err(reason) } else { Ok(format!("0 ({reason})")) }
        }
    }
}

/// Says what this process, being who it is now, will not be able to read again.
fn say_unreadable(files: &[PathBuf]) {
    for path in files {
        if let Err(fault) = File::open(path) {
            exit::say(&format!("note: {}: {fault}: it cannot be read again on SIGHUP", path.display()));
        }
    }
}

/// Empties the bounding set, so that no program could ever give a capability back.
fn bound() -> Result<(), String> {
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false) {
        // `no_new_privs` has the same effect.
        return Ok(());
    }
    caps::clear(None, CapSet::Bounding).map_err(text)
}

fn no_capabilities(bounded: Result<(), String>) -> Result<String, String> {
    bounded?;
    for set in [CapSet::Ambient, CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::clear(None, set).map_err(text)?;
        if !caps::read(None, set).map_err(text)?.is_empty() {
            return Err("some are left".to_owned());
        }
    }
    Ok("none".to_owned())
}

/// Packets are in memory: no core dump, and nobody of the same user may look into the process.
fn no_dumps() -> Result<String, String> {
    let maximum = getrlimit(Resource::Core).maximum.map(|_| 0);
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: maximum.or(Some(0)) }).map_err(text)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(text)?;
    Ok("none".to_owned())
}

pub(super) fn text(fault: impl std::fmt::Display) -> String {
    fault.to_string()
}
