//! The explanation of one flow in, text for a terminal or JSON out. Decides nothing; escapes all.

use std::io::{self, Write};

use super::{escape, words};
use crate::audit::{Change, ConsideredRow, Explanation};

/// Rows shown with their cells; the rest say only which cells differ.
const NEAREST: usize = 5;

/// Writes the explanation as text.
///
/// # Errors
/// Whatever `out` meets.
pub fn write(out: &mut dyn Write, explained: &Explanation) -> io::Result<()> {
    writeln!(out, "{}: {}", escape::terminal(&explained.flow), explained.verdict)?;
    writeln!(out, "  {}", escape::terminal(&explained.reason))?;
    writeln!(out, "\nRows, nearest first")?;
    let (near, far) = explained.rows.split_at(NEAREST.min(explained.rows.len()));
    near.iter().try_for_each(|row| near_row(out, row))?;
    if !far.is_empty() {
        writeln!(out, "\nThe other rows, with the cells that differ")?;
        far.iter().try_for_each(|row| far_row(out, row))?;
    }
    match (explained.verdict.as_str(), explained.changes.as_slice()) {
        ("expected", _) => Ok(()),
        (_, []) => writeln!(out, "\nNo change of site or pack that is known here makes it expected."),
        (_, changes) => {
            writeln!(out, "\nWhat would make it expected, smallest first (each was tried)")?;
            (1..).zip(changes).try_for_each(|(number, change)| one_change(out, number, change))
        }
    }
}

/// Writes the explanation as JSON.
///
/// # Errors
/// Whatever `out` meets.
pub fn json(out: &mut dyn Write, explained: &Explanation) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, explained)?;
    writeln!(out)
}

fn near_row(out: &mut dyn Write, row: &ConsideredRow) -> io::Result<()> {
    let kind = if row.audited { "" } else { ", baseline" };
    writeln!(out, "  {} ({}{kind})", escape::terminal(&row.row), escape::terminal(&row.pack))?;
    row.cells.iter().try_for_each(|cell| {
        let mark = if cell.fits { "fits" } else { "DIFFERS" };
        writeln!(out, "    {:<12}{mark:<9}{}", cell.cell, escape::terminal(&cell.says))
    })
}

fn far_row(out: &mut dyn Write, row: &ConsideredRow) -> io::Result<()> {
    let differing: Vec<&str> = row.cells.iter().filter(|cell| !cell.fits).map(|cell| cell.cell).collect();
    let differing = if differing.is_empty() { "none: it fits too".to_owned() } else { differing.join(", ") };
    writeln!(out, "  {:<12}{differing}", escape::terminal(&row.row))
}

fn one_change(out: &mut dyn Write, number: usize, change: &Change) -> io::Result<()> {
    writeln!(out, "  {number}. {}", escape::terminal(&change.what))?;
    change.toml.lines().try_for_each(|line| writeln!(out, "       {}", escape::terminal(line)))?;
    match change.others {
        0 => writeln!(out, "     No other flow becomes expected with it."),
        others => {
            writeln!(out, "     It also lets through {}:", words::count(others, "other flow"))?;
            change.examples.iter().try_for_each(|flow| writeln!(out, "       {}", escape::terminal(flow)))
        }
    }
}
