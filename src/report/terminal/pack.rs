//! A documented matrix in, a table for a person at a terminal out: one row of the document after
//! another, with its roles, services, conditions and purpose. Never looks at an audit.

use std::io::{self, Write};

use super::page::{Line, Page, Paint};
use super::{Look, text};
use crate::matrix::{Need, Pack, PackRow, show};

/// Writes `pack` as a table.
///
/// # Errors
/// Whatever `out` met.
pub fn write_pack(out: &mut dyn Write, pack: &Pack, look: Look) -> io::Result<()> {
    let mut page = Page::new(out, look.width, look.colour);
    page.line(&Line::default().with(Paint::Heading, &format!("{} {}", pack.title, pack.version)))?;
    page.paragraph(Paint::Quiet, 0, &pack.reference, usize::MAX)?;
    page.gap()?;
    let widths = Widths::of(pack, look.width);
    let title = Line::default()
        .cell(Paint::Quiet, "row", widths.id)
        .cell(Paint::Quiet, "source", widths.source)
        .cell(Paint::Quiet, "destination", widths.destination)
        .with(Paint::Quiet, "services");
    page.line(&title)?;
    pack.rows.iter().zip(show::cells(pack)).try_for_each(|(row, cells)| write_row(&mut page, row, &cells, &widths))
}

/// Columns of the table.
struct Widths {
    id: usize,
    source: usize,
    destination: usize,
    services: usize,
}

impl Widths {
    /// Source and destination share what the longest id leaves; services take the rest.
    fn of(pack: &Pack, page: usize) -> Self {
        let cells = show::cells(pack);
        let longest = |column: usize| {
            let texts = cells.iter().filter_map(|row| row.get(column));
            texts.map(|cell| text::width(cell)).max().unwrap_or(0).max(11)
        };
        let id = pack.rows.iter().map(|row| text::width(&row.id)).max().unwrap_or(3);
        let left = page.saturating_sub(id).saturating_sub(6);
        let third = left / 3;
        let (source, destination) = (longest(0).min(third), longest(1).min(third));
        Self { id, source, destination, services: left.saturating_sub(source).saturating_sub(destination) }
    }
}

fn write_row(page: &mut Page<'_>, row: &PackRow, cells: &[String; 4], widths: &Widths) -> io::Result<()> {
    let [source, destination, _, _] = cells;
    let columns = [
        text::wrap(source, widths.source),
        text::wrap(destination, widths.destination),
        show::services(row).iter().flat_map(|service| text::wrap(service, widths.services)).collect(),
    ];
    let lines = columns.iter().map(Vec::len).max().unwrap_or(0);
    for place in 0..lines {
        let [source, destination, services] =
            columns.each_ref().map(|column| column.get(place).map_or("", String::as_str));
        let id = if place == 0 { row.id.as_str() } else { "" };
        let line = Line::default()
            .cell(Paint::Heading, id, widths.id)
            .cell(Paint::Plain, source, widths.source)
            .cell(Paint::Plain, destination, widths.destination)
            .with(Paint::Plain, services);
        page.line(&line)?;
    }
    page.paragraph(Paint::Quiet, widths.id.saturating_add(2), &remark(row), usize::MAX)
}

/// The purpose, and under which conditions the row counts.
fn remark(row: &PackRow) -> String {
    let mut remark = row.purpose.clone();
    if row.need == Need::Optional {
        remark.push_str(" · optional");
    }
    if !row.when.is_empty() {
        remark.push_str(&format!(" · with {}", row.when.join(", ")));
    }
    remark
}
