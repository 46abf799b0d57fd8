//! `flowaudit matrix`: packs in, lists, TOML or every fault out.

use std::io::{self, Write};
use std::path::Path;

use super::args::{MatrixCommand, PackForm, PageArguments};
use super::exit::{self, Failure};
use super::explain;
use super::options::{self, path_text};
use super::report::{to_stdout, unwritten_stdout, write_one};
use crate::matrix::{self, Faults, Pack};
use crate::report::terminal::{self, Detail};
use crate::report::{escape, words};

/// Runs `flowaudit matrix`.
///
/// # Errors
/// A pack is wrong, or the result could not be written.
pub fn run(command: &MatrixCommand) -> Result<u8, Failure> {
    match command {
        MatrixCommand::List => list(),
        MatrixCommand::Show { pack, form, page } => show(pack, *form, page),
        MatrixCommand::Check { packs } => check(packs),
        MatrixCommand::Import { table, output } => import(table, output.as_deref()),
        MatrixCommand::Explain(arguments) => explain::run(arguments),
    }
}

fn list() -> Result<u8, Failure> {
    let packs =
        matrix::shipped().into_iter().map(|(id, _)| matrix::load_pack(id)).collect::<Result<Vec<Pack>, Faults>>()?;
    let longest = packs.iter().map(|pack| pack.id.len()).max().unwrap_or(0);
    print(|out| {
        packs.iter().try_for_each(|pack| writeln!(out, "{:longest$}  {}", pack.id, escape::terminal(&summary(pack))))
    })
}

fn summary(pack: &Pack) -> String {
    let rows = words::count(u64::try_from(pack.rows.len()).unwrap_or(u64::MAX), "row");
    let services = words::count(u64::try_from(pack.atoms()).unwrap_or(u64::MAX), "service");
    format!("{} {} ({rows}, {services})", pack.title, pack.version).trim().to_owned()
}

/// As TOML, a shipped pack is printed as it was written, comments and all.
fn show(name: &str, form: PackForm, page: &PageArguments) -> Result<u8, Failure> {
    let pack = matrix::load_pack(name)?;
    let text = match form {
        PackForm::Table => return print(|out| terminal::write_pack(out, &pack, options::page(page, Detail::Full))),
        PackForm::Toml => matrix::shipped()
            .into_iter()
            .find(|(id, _)| *id == name)
            .map_or_else(|| pack.to_toml(), |(_, text)| text.to_owned()),
        PackForm::Markdown => matrix::show::markdown(&pack),
        PackForm::Csv => matrix::show::csv(&pack),
        PackForm::Json => format!("{:#}\n", matrix::show::json(&pack)),
    };
    print(|out| out.write_all(text.as_bytes()))
}

fn check(names: &[String]) -> Result<u8, Failure> {
    let mut faults = Faults::default();
    let mut good = Vec::new();
    for name in names {
        match matrix::load_pack(name) {
            Ok(pack) => good.push(format!("{name}: no faults; {}", summary(&pack))),
            Err(found) => faults.append(found),
        }
    }
    print(|out| good.iter().try_for_each(|line| writeln!(out, "{}", escape::terminal(line))))?;
    if faults.is_empty() { Ok(0) } else { Err(faults.into()) }
}

fn import(table: &Path, output: Option<&Path>) -> Result<u8, Failure> {
    let path = path_text(table)?;
    let form =
        matrix::Form::of(&path).ok_or_else(|| Failure::plain(format!("{path}: a table's name ends in .md or .csv")))?;
    let text = std::fs::read_to_string(table)
        .map_err(|fault| Failure::plain(format!("cannot read {path}: {fault}; give a Markdown or CSV table")))?;
    let imported = matrix::import(&path, &text, form)?;
    for guess in &imported.guesses {
        exit::say(&format!("{path}:{}: guessed: {}", guess.line, guess.text));
    }
    let toml = imported.pack.to_toml();
    match output {
        Some(output) if write_one(output, |out| out.write_all(toml.as_bytes())) => Ok(0),
        Some(_) => Err(Failure::Unwritten),
        None => print(|out| out.write_all(toml.as_bytes())),
    }
}

fn print(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u8, Failure> {
    to_stdout(fill).map(|()| 0).map_err(unwritten_stdout)
}
