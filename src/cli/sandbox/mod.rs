//! `--sandbox` and what the command still has to do in, a process that can do nothing else out:
//! before the first packet is parsed and before any thread starts. Linux only; elsewhere it says so.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod user;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::exit::{self, Failure};

/// What the process gives up.
#[derive(Debug, Args)]
pub struct SandboxArguments {
    /// Give up every right that is not needed, before the first packet: strict refuses to run where
    /// that cannot be had, best takes what there is; best is the default, and strict for a watch as root
    #[arg(long, value_name = "HOW", value_enum)]
    pub sandbox: Option<Strictness>,
    /// Who to be once everything is open, when started as root; without it who called sudo, or nobody
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
}

/// What happens where a part of the sandbox cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strictness {
    /// It does not run, and says which part is missing.
    Strict,
    /// It runs with the others.
    Best,
    /// Nothing is given up.
    Off,
}

/// What the command does after its first packet. Everything else has to be open by then.
#[derive(Debug, Default)]
pub struct Needs {
    /// Files, or everything in directories, that will be opened for reading.
    pub reads: Vec<PathBuf>,
    /// Files among these that were read already, and may be read again.
    pub again: Vec<PathBuf>,
    /// Files and bundles that will be written, under these names or beside them.
    pub outputs: Vec<PathBuf>,
    /// Directories in which files come and go: rotated logs, saved packets.
    pub folders: Vec<PathBuf>,
    /// Those of them that were made just now.
    pub made: Vec<PathBuf>,
    /// Whether one of the outputs is a bundle, which is a directory.
    pub bundle: bool,
    /// Whether the user's own programs will be run: they would inherit what the process may not do.
    pub programs: bool,
    /// Whether a listening socket that is open will be served.
    pub serves: bool,
    /// Whether a datagram socket that is open will be written to.
    pub sends: bool,
    /// Whether packets come from interfaces.
    pub live: bool,
    /// Whether the line that says what holds is left out.
    pub quiet: bool,
}

/// Gives up what is not in `needs`.
///
/// # Errors
/// `--user` names nobody, or the sandbox is to be strict and cannot be had.
pub fn confine(arguments: &SandboxArguments, needs: &Needs) -> Result<(), Failure> {
    if arguments.sandbox == Some(Strictness::Off) {
        return Ok(());
    }
    let line = enter(arguments, needs)?;
    if !needs.quiet {
        exit::say(&format!("sandbox: {line}"));
    }
    Ok(())
}

/// Lets the process open as many files as it may, before all inputs are opened.
pub fn make_room() {
    #[cfg(target_os = "linux")]
    linux::make_room();
}

#[cfg(target_os = "linux")]
fn enter(arguments: &SandboxArguments, needs: &Needs) -> Result<String, Failure> {
    linux::enter(arguments, needs)
}

#[cfg(not(target_os = "linux"))]
fn enter(arguments: &SandboxArguments, needs: &Needs) -> Result<String, Failure> {
    let Needs { reads: _, again: _, outputs: _, folders: _, made: _, bundle: _, .. } = needs;
    let Needs { programs: _, serves: _, sends: _, live: _, quiet: _, .. } = needs;
    match (arguments.sandbox, &arguments.user) {
        (Some(Strictness::Strict), _) | (_, Some(_)) => {
            Err(Failure::plain("--sandbox strict and --user: not available here; Linux has them"))
        }
        (Some(Strictness::Best | Strictness::Off) | None, None) => Ok("not available here".to_owned()),
    }
}
