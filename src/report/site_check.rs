//! A site resolved against its packs in, what an audit with it would lack out: roles that nobody
//! plays, rows that are off, unbound or out of sight, and what is probably not meant.

use std::io::{self, Write};

use super::{escape, words};
use crate::matrix::{Matrix, Pack, Row, Standing};

/// A site that compiled without a fault.
#[derive(Clone, Copy, Debug)]
pub struct State<'site> {
    /// Path of the site.
    pub path: &'site str,
    /// The site and its packs.
    pub matrix: &'site Matrix,
    /// The audited packs as documented: they know which feature a row waits for.
    pub packs: &'site [Pack],
}

/// Writes the state of a site.
///
/// # Errors
/// Whatever `out` meets.
pub fn write(out: &mut dyn Write, state: &State<'_>) -> io::Result<()> {
    let matrix = state.matrix;
    let audited: Vec<&Row> = matrix.rows.iter().filter(|row| is_audited(matrix, row)).collect();
    let live = audited.iter().filter(|row| row.standing == Standing::Live).count();
    let path = escape::terminal(state.path);
    writeln!(out, "{path}: no faults; {live} of {} audited rows are live", audited.len())?;
    let mut needed: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for row in &audited {
        let Standing::Unbound(role) = row.standing else { continue };
        let Some(role) = matrix.role(role) else { continue };
        match needed.iter_mut().find(|(id, ..)| *id == role.id) {
            Some((.., rows)) => rows.push(&row.id),
            None => needed.push((&role.id, &role.title, vec![&row.id])),
        }
    }
    section(
        out,
        "Roles that rows need and nobody plays:",
        needed.iter().map(|(id, title, rows)| format!("{id} ({title}): {}", rows.join(", "))),
    )?;
    section(
        out,
        "Rows that are off:",
        audited.iter().filter(|row| row.standing == Standing::NotApplicable).map(|row| {
            let documented = state.packs.iter().flat_map(|pack| &pack.rows).find(|known| known.id == row.id);
            let waits = documented.into_iter().flat_map(|row| &row.when);
            let off: Vec<&str> =
                waits.filter(|id| matrix.features.contains(&((*id).clone(), false))).map(String::as_str).collect();
            format!("{}: switch on {} under [features], if it is used", row.id, off.join(", "))
        }),
    )?;
    let unseen = audited.iter().filter(|row| row.standing == Standing::NotObservable);
    let vantage = matrix.vantage.and_then(|role| matrix.role(role)).map_or("a mirror port", |role| role.id.as_str());
    let sentence = |row: &&Row| format!("{}: {}", row.id, row.purpose);
    section(out, &format!("Rows that a capture at {vantage} cannot show:"), unseen.map(sentence))?;
    section(out, "Probably not meant:", matrix.warnings().iter().cloned())
}

fn section(out: &mut dyn Write, title: &str, lines: impl Iterator<Item = String>) -> io::Result<()> {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return Ok(());
    }
    let number = words::thousands(u64::try_from(lines.len()).unwrap_or(u64::MAX));
    writeln!(out, "\n{} ({number})", escape::terminal(title.trim_end_matches(':')))?;
    lines.iter().try_for_each(|line| writeln!(out, "  {}", escape::terminal(line)))
}

fn is_audited(matrix: &Matrix, row: &Row) -> bool {
    matrix.packs.get(row.pack).is_some_and(|pack| pack.audited)
}
