//! An audit in, one table out: findings first, then rows, for spreadsheets and ticket imports.
//! Every cell is quoted and none is a formula.

use std::io::{self, Write};

use super::escape;
use super::words::RowSums;
use crate::audit::{Audit, Finding, RowResult};

/// The columns, in order. `record` is `finding` or `row`; `service` of a row lists its atoms.
pub const COLUMNS: [&str; 13] = [
    "record",
    "id",
    "pack",
    "status_or_kind",
    "severity",
    "service",
    "flows",
    "established",
    "blocked",
    "peers",
    "first",
    "last",
    "reason",
];

/// Writes findings and rows as one table.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let mut table = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(out);
    table.write_record(COLUMNS)?;
    for line in audit.findings.iter().map(|finding| of_finding(finding, audit)).chain(audit.rows.iter().map(of_row)) {
        table.write_record(line.iter().map(|cell| escape::csv(cell).into_owned()))?;
    }
    table.flush()
}

fn of_finding(finding: &Finding, audit: &Audit) -> [String; COLUMNS.len()] {
    let pack = audit.rows.iter().find(|row| finding.rows.contains(&row.id)).map(|row| row.pack.clone());
    let reason = match (finding.summary.as_str(), finding.detail.as_str()) {
        (summary, "") => summary.to_owned(),
        (summary, detail) => format!("{summary}: {detail}"),
    };
    [
        "finding".to_owned(),
        finding.id.clone(),
        pack.unwrap_or_default(),
        finding.kind.clone(),
        finding.severity.clone(),
        finding.rows.join(" "),
        finding.flows.to_string(),
        String::new(),
        String::new(),
        String::new(),
        finding.first.clone().unwrap_or_default(),
        finding.last.clone().unwrap_or_default(),
        reason,
    ]
}

fn of_row(row: &RowResult) -> [String; COLUMNS.len()] {
    let sums = RowSums::of(row);
    let services: Vec<&str> = row.atoms.iter().map(|atom| atom.service.as_str()).collect();
    let mut peers = sums.peers.join(" ");
    if sums.more_peers > 0 {
        peers.push_str(&format!(" …(+{})", sums.more_peers));
    }
    [
        "row".to_owned(),
        row.id.clone(),
        row.pack.clone(),
        row.status.name().to_owned(),
        String::new(),
        services.join(", "),
        sums.flows.to_string(),
        sums.established.to_string(),
        sums.blocked.to_string(),
        peers,
        sums.first.unwrap_or_default().to_owned(),
        sums.last.unwrap_or_default().to_owned(),
        row.reason.clone(),
    ]
}
