//! `flowaudit site`: captures in, a guessed site for a human out; a site in, what an audit with it
//! would lack out. Judges nothing.

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::args::{SiteCheckArguments, SiteCommand, SiteInitArguments};
use super::exit::{self, Failure};
use super::options::path_text;
use super::report::{to_stdout, unwritten_stdout, write_one};
use super::seen;
use crate::audit::suggest;
use crate::matrix::{self, Faults, Matrix, Pack, Site};
use crate::report;

/// Runs `flowaudit site`.
///
/// # Errors
/// A capture cannot be read, a pack or the site is wrong, or the result could not be written.
pub fn run(command: &SiteCommand) -> Result<u8, Failure> {
    match command {
        SiteCommand::Init(arguments) => init(arguments),
        SiteCommand::Check(arguments) => check(arguments),
    }
}

fn init(arguments: &SiteInitArguments) -> Result<u8, Failure> {
    arguments.output.iter().try_for_each(|path| spare(path))?;
    let usual = Site::default();
    let names = if arguments.pack.is_empty() { usual.packs } else { arguments.pack.clone() };
    let packs = load(&names)?;
    let baseline = load(&usual.baseline)?;
    let given = given(arguments, &packs)?;
    let observation = seen::read(&arguments.captures)?;
    let suggestion = suggest(&observation, &packs, &baseline, &given).map_err(Failure::plain)?;
    let captures: Vec<String> = arguments.captures.iter().map(|path: &PathBuf| path.display().to_string()).collect();
    let origin = report::site::Origin { captures: &captures, packs: &names, baseline: &usual.baseline };
    let write = |out: &mut dyn Write| report::site::write(out, &suggestion, origin);
    match &arguments.output {
        Some(path) if !write_one(path, write) => return Err(Failure::Unwritten),
        Some(_) => {}
        None => to_stdout(write).map_err(unwritten_stdout)?,
    }
    exit::say("the site is a guess: read it, correct it, then take the line `draft = true` out");
    Ok(0)
}

/// Refuses to put a guess in the place of a site that somebody has read and corrected.
fn spare(path: &Path) -> Result<(), Failure> {
    let is_empty = std::fs::metadata(path).map_or(true, |found| !found.is_file() || found.len() == 0);
    if is_empty || Site::load(&path_text(path)?).is_ok_and(|site| site.draft.is_some()) {
        return Ok(());
    }
    let advice = "give another name, or move it away";
    Err(Failure::plain(format!("{}: it is there, and no draft: {advice}", path.display())))
}

fn load(names: &[String]) -> Result<Vec<Pack>, Faults> {
    names.iter().map(|name| matrix::load_pack(name)).collect()
}

/// Addresses of the subject that the user knows.
fn given(arguments: &SiteInitArguments, packs: &[Pack]) -> Result<Vec<IpAddr>, Failure> {
    let subject = packs.first().map(|pack| pack.subject.as_str()).unwrap_or_default();
    let mut addresses = Vec::new();
    for (role, players) in &arguments.role {
        if role != subject {
            return Err(Failure::plain(format!("--role {role}: only the role under audit ({subject}) is given here")));
        }
        for player in players.split(',').map(str::trim).filter(|player| !player.is_empty()) {
            let address = player.parse().map_err(|_| Failure::plain(format!("--role {role}: {player} is no address")));
            addresses.push(address?);
        }
    }
    Ok(addresses)
}

fn check(arguments: &SiteCheckArguments) -> Result<u8, Failure> {
    let path = path_text(&arguments.site)?;
    let mut site = Site::load(&path)?;
    if !arguments.pack.is_empty() {
        site.packs.clone_from(&arguments.pack);
    }
    let matrix = Matrix::load(&site)?;
    let when = load(&site.packs)?;
    let state = report::site_check::State { path: &path, matrix: &matrix, packs: &when };
    to_stdout(|out| report::site_check::write(out, &state)).map_err(unwritten_stdout)?;
    if site.draft.is_some() {
        exit::say("note: this site is a draft: an audit refuses it until somebody takes `draft = true` out");
    }
    Ok(0)
}
