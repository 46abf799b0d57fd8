//! One flow of an observation and the matrix with its documents in, why it has its verdict out: every
//! row with the cells that fit and those that do not, nearest first, and the smallest changes of site
//! or pack that would make it expected. A change is only named after it was tried, and it says which
//! other flows it would let through as well. Changes nothing itself.

mod changes;

use serde::Serialize;

pub use changes::Documents;

use super::grade::Pen;
use super::judge::Judge;
use super::model::Verdict;
use super::verdict::{self, Evidence, Judgement};
use super::{Kind, role_words, words};
use crate::flow::Conversation;
use crate::ledger::Observation;
use crate::matrix::{Facts, Faults, Matrix, Peer, RoleId, Row, RowId, Standing};

/// Why a flow has its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The flow: `tcp 10.0.0.5:50000 -> 10.0.0.9:389`.
    pub flow: String,
    /// Its verdict.
    pub verdict: String,
    /// Why, in one sentence.
    pub reason: String,
    /// Every row, nearest first.
    pub rows: Vec<ConsideredRow>,
    /// What would make it expected, smallest first; empty when it is, or when nothing would.
    pub changes: Vec<Change>,
}

/// One row held against the flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsideredRow {
    /// Its id.
    pub row: String,
    /// Its pack.
    pub pack: String,
    /// Whether the pack is audited, or only explains.
    pub audited: bool,
    /// Its cells in the order of the document.
    pub cells: Vec<Cell>,
    /// How many of them do not fit.
    pub differing: usize,
}

/// One cell of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// `source`, `destination`, `transport`, `port`, `feature`, `vantage`, `name`, `announced`,
    /// `application` or `evidence`.
    pub cell: &'static str,
    /// Whether the flow fits it.
    pub fits: bool,
    /// What the row wants, and where the flow differs.
    pub says: String,
}

/// Something that would make the flow expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it comes down to, in one sentence.
    pub what: String,
    /// The lines to write.
    pub toml: String,
    /// How many other flows would become expected with it.
    pub others: u64,
    /// The first of them.
    pub examples: Vec<String>,
}

/// Cells that the document alone decides.
const DOCUMENTED: &[&str] = &["source", "destination", "transport", "port", "feature"];

/// Explains the flow at `index` of `observation`; `None` when there is no such flow.
///
/// # Errors
/// The documents do not compile.
pub fn explain(
    observation: &Observation,
    index: usize,
    documents: Documents<'_>,
) -> Result<Option<Explanation>, Faults> {
    let matrix = Matrix::compile(documents.audited, documents.baseline, documents.site)?;
    let judge = Judge::new(observation, &matrix);
    let judged = judge.all(observation, Some(index));
    let Some((flow, judgement)) = observation.flows.get(index).zip(judged.get(index)) else { return Ok(None) };
    let (verdict, reason) = (judgement.verdict.verdict, judgement.reason().to_owned());
    let rows = considered(&judge.evidence, flow, documents);
    let before = judged.map(|judgement| judgement.verdict);
    let changes = match verdict {
        Verdict::Expected => Vec::new(),
        _ => changes::tried(observation, index, &before, &rows, (&matrix, documents)),
    };
    Ok(Some(Explanation {
        flow: flow_words(flow),
        verdict: verdict.name().to_owned(),
        reason,
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        changes,
    }))
}

/// `tcp 10.0.0.5:50000 -> 10.0.0.9:389`.
pub(super) fn flow_words(flow: &Conversation) -> String {
    let end = |end: crate::flow::Endpoint| std::net::SocketAddr::new(end.address, end.port);
    format!("{} {} -> {}", flow.transport, end(flow.originator()), end(flow.responder()))
}

/// Every row, nearest first, audited rows before others.
fn considered<'audit>(
    evidence: &Evidence<'audit>,
    flow: &'audit Conversation,
    documents: Documents<'_>,
) -> Vec<(RowId, ConsideredRow)> {
    let matrix = evidence.matrix;
    let mut rows: Vec<(RowId, ConsideredRow)> = evidence.hear(flow, Pen::Writes, |case| {
        let judgement = verdict::judge(evidence, case);
        (0u32..)
            .map(RowId)
            .zip(&matrix.rows)
            .map(|(id, row)| {
                let mut cells = static_cells(matrix, row, &case.facts, documents);
                if cells.iter().all(|cell| cell.fits) {
                    cells.push(proof(id, &judgement));
                }
                let pack = matrix.packs.get(row.pack);
                let considered = ConsideredRow {
                    row: row.id.clone(),
                    pack: pack.map(|pack| pack.id.clone()).unwrap_or_default(),
                    audited: super::is_audited(matrix, id),
                    differing: cells.iter().filter(|cell| !cell.fits).count(),
                    cells,
                };
                (id, considered)
            })
            .collect()
    });
    // Where only the evidence is wanting, the row is nearer than one that names somebody else.
    let documented =
        |row: &ConsideredRow| row.cells.iter().filter(|cell| DOCUMENTED.contains(&cell.cell)).any(|cell| !cell.fits);
    rows.sort_by_key(|(id, row)| (row.differing, documented(row), !row.audited, *id));
    rows
}

/// The cells that the document alone decides.
fn static_cells(matrix: &Matrix, row: &Row, facts: &Facts<'_>, documents: Documents<'_>) -> Vec<Cell> {
    let mut cells = vec![
        end(matrix, "source", &facts.originator, &row.from),
        end(matrix, "destination", &facts.responder, &row.to),
    ];
    let listed = row.atoms.iter().map(words::atom).collect::<Vec<_>>().join(", ");
    let same = row.atoms.iter().filter(|atom| atom.transport == facts.transport);
    let transport = same.clone().next().is_some();
    let port = if transport {
        same.clone().any(|atom| atom.ports.contains(facts.port))
    } else {
        row.atoms.iter().any(|atom| atom.ports.lists(facts.port))
    };
    let is = |fits: bool| if fits { "is" } else { "is not" };
    cells.push(Cell {
        cell: "transport",
        fits: transport,
        says: format!("{} {} among {listed}", facts.transport, is(transport)),
    });
    cells.push(Cell { cell: "port", fits: port, says: format!("{} {} among {listed}", facts.port, is(port)) });
    match row.standing {
        Standing::NotApplicable => {
            let off = documents.off(matrix, &row.id);
            cells.push(Cell { cell: "feature", fits: false, says: format!("{} is off", off.join(", ")) });
        }
        Standing::NotObservable => {
            let says = "this vantage cannot show it, so its silence means nothing".to_owned();
            cells.push(Cell { cell: "vantage", fits: true, says });
        }
        Standing::Live | Standing::Unbound(_) => {}
    }
    cells
}

fn end(matrix: &Matrix, cell: &'static str, peer: &Peer<'_>, roles: &[RoleId]) -> Cell {
    let fits = roles.is_empty() || roles.iter().any(|role| matrix.plays(peer, *role).is_some());
    let who = role_words(matrix, roles);
    let bound =
        roles.is_empty() || roles.iter().any(|role| matrix.role(*role).is_some_and(crate::matrix::Role::is_bound));
    let names = if peer.names.is_empty() { String::new() } else { format!(" ({})", peer.names.join(", ")) };
    let says = match (fits, bound) {
        (true, _) => format!("{}{names} is one of: {who}", peer.address),
        (false, true) => format!("{}{names} is not one of: {who}", peer.address),
        (false, false) => format!("nobody is listed as: {who}"),
    };
    Cell { cell, fits, says }
}

/// What bytes, names and announcements say, where everything else fits.
fn proof(row: RowId, judgement: &Judgement) -> Cell {
    let doubts = judgement.doubts.as_deref();
    if let Some((_, kind)) = doubts.and_then(|doubts| doubts.contradicted.iter().find(|(atom, _)| atom.row == row)) {
        let cell = match kind {
            Kind::WrongName => "name",
            Kind::NotAnnounced => "announced",
            _ => "application",
        };
        return Cell { cell, fits: false, says: judgement.reason().to_owned() };
    }
    if doubts.is_some_and(|doubts| doubts.undecided.iter().any(|atom| atom.row == row)) {
        return Cell { cell: "evidence", fits: false, says: judgement.reason().to_owned() };
    }
    let fits = judgement.verdict.atoms.iter().any(|atom| atom.row == row);
    let says = if fits { judgement.reason().to_owned() } else { "the name of the flow is another one".to_owned() };
    Cell { cell: if fits { "evidence" } else { "name" }, fits, says }
}
