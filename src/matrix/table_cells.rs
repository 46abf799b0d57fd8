//! A Markdown or CSV text in, the four cells of each of its rows out, with their places. Knows
//! columns, not what stands in them.

use std::ops::Range;

use super::diagnostics::{Fault, Faults, Source};
use super::table::Form;

/// One row of a table.
pub(super) struct Cells {
    /// Line in the text, from 1.
    pub line: usize,
    /// Source, destination, destination ports, description: text, and where it stands.
    pub cells: [(String, Range<usize>); 4],
}

/// All rows under a header with the four columns.
///
/// # Errors
/// That there is no such table, or rows that lack a cell.
pub(super) fn read(source: &Source, form: Form) -> Result<Vec<Cells>, Faults> {
    let mut rows = match form {
        Form::Markdown => markdown(&source.text),
        Form::Csv => csv_records(&source.text),
    };
    let mut columns: Option<[usize; 4]> = None;
    let (mut found, mut faults) = (Vec::new(), Faults::default());
    for row in rows.iter_mut() {
        if let Some(header) = header(&row.cells) {
            columns = Some(header);
            continue;
        }
        // A gap between lines ends a Markdown table; what follows needs a header of its own.
        if row.cells.is_empty() {
            columns = None;
        }
        let Some(order) = columns else { continue };
        if row.is_rule() {
            continue;
        }
        match order.map(|column| row.cells.get(column).cloned()) {
            [Some(from), Some(to), Some(ports), Some(text)] => {
                found.push(Cells { line: row.line, cells: [from, to, ports, text] });
            }
            _ => {
                let span = row.cells.first().map_or(0..0, |(_, span)| span.clone());
                let message = format!("the row has {} cells, its header has more", row.cells.len());
                faults.push(Fault::at(source, span, message));
            }
        }
    }
    if found.is_empty() && faults.is_empty() {
        let help = "expected the columns Source, Destination, Destination ports, Description";
        faults.push(Fault::whole(&source.path, "there is no table of traffic flows").help(help));
    }
    faults.or(found)
}

struct Line {
    line: usize,
    cells: Vec<(String, Range<usize>)>,
}

impl Line {
    /// The line of dashes under a Markdown header.
    fn is_rule(&self) -> bool {
        let dashes = |text: &str| !text.is_empty() && text.chars().all(|c| matches!(c, '-' | ':' | ' '));
        self.cells.iter().all(|(text, _)| dashes(text))
    }
}

/// Where the four columns are, when these cells are their titles.
fn header(cells: &[(String, Range<usize>)]) -> Option<[usize; 4]> {
    let place =
        |titles: &[&str]| cells.iter().position(|(text, _)| titles.contains(&text.trim().to_lowercase().as_str()));
    Some([
        place(&["source", "from"])?,
        place(&["destination", "to"])?,
        place(&["destination ports", "destination port", "ports", "port"])?,
        place(&["description", "purpose", "notes"])?,
    ])
}

fn markdown(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start: usize = 0;
    for (number, line) in (1usize..).zip(text.split_inclusive('\n')) {
        lines.push(Line { line: number, cells: split_cells(line, start) });
        start = start.saturating_add(line.len());
    }
    lines
}

/// Cells of one line, at the bars that are not escaped; none when it has no bar.
fn split_cells(line: &str, start: usize) -> Vec<(String, Range<usize>)> {
    let mut bars: Vec<usize> = Vec::new();
    let mut escaped = false;
    for (place, byte) in line.bytes().enumerate() {
        if byte == b'|' && !escaped {
            bars.push(place);
        }
        escaped = byte == b'\\' && !escaped;
    }
    if bars.is_empty() {
        return Vec::new();
    }
    let mut borders = Vec::with_capacity(bars.len().saturating_add(2));
    if !line.trim_start().starts_with('|') {
        borders.push(0..0);
    }
    borders.extend(bars.into_iter().map(|bar| bar..bar.saturating_add(1)));
    if !line.trim_end().ends_with('|') {
        borders.push(line.len()..line.len());
    }
    let cell = |pair: &[Range<usize>]| {
        let [left, right] = pair else { return None };
        let raw = line.get(left.end..right.start)?;
        let lead = raw.len().saturating_sub(raw.trim_start().len());
        let begin = start.saturating_add(left.end).saturating_add(lead);
        let span = begin..begin.saturating_add(raw.trim().len());
        Some((plain(raw.trim()), span))
    };
    borders.windows(2).filter_map(cell).collect()
}

/// Cell text without emphasis, code marks and link targets.
fn plain(text: &str) -> String {
    let mut out = text.replace("\\|", "|").replace("**", "").replace('`', "");
    while let Some((head, rest)) = out.split_once("](") {
        let (Some((before, label)), Some((_, after))) = (head.rsplit_once('['), rest.split_once(')')) else { break };
        out = format!("{before}{label}{after}");
    }
    out
}

fn csv_records(text: &str) -> Vec<Line> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut lines = Vec::new();
    for record in reader.records().map_while(Result::ok) {
        let position = record.position();
        let line = position.map_or(0, |position| usize::try_from(position.line()).unwrap_or(usize::MAX));
        let start = position.map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        let cells = record.iter().map(|cell| (cell.to_owned(), start..start)).collect();
        lines.push(Line { line, cells });
    }
    lines
}
